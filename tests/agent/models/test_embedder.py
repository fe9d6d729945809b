from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ModelError
from agent.models.embedder import OnnxEmbedder, SentenceTransformersEmbedder, open_embedder
from agent.models.library import Library
from agent.models.protocols import Embedder

REMEDY = "run homebody-models install --with-tests"
WORDS = (
    "rent landlord meeting dinner invoice phone mother running sleep lisbon train ticket march summer passport "
    "doctor garden dog letter bank"
).split()


def texts(count: int) -> list[str]:
    """Sentences of 3 to 250 words, seeded."""
    maker = random.Random(1)
    return [" ".join(maker.choices(WORDS, k=maker.randrange(3, 250))) for _ in range(count)]


@pytest.fixture(scope="module")
def onnx(library: Library) -> OnnxEmbedder:
    try:
        return OnnxEmbedder(library.embedder("onnx").folder, threads=1)
    except ModelError as error:
        pytest.skip(f"{error.problem}: {REMEDY}")


@pytest.fixture(scope="module")
def transformers(library: Library) -> SentenceTransformersEmbedder:
    try:
        return SentenceTransformersEmbedder(library.embedder_folder(), threads=1)
    except ModelError as error:
        pytest.skip(f"{error.problem}: {REMEDY}")


@pytest.fixture(params=["onnx", "transformers"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    chosen: Embedder = request.getfixturevalue(request.param)
    return chosen


@pytest.mark.models
def test_vectors_are_unit_length_in_order_and_float32(embedder: Embedder) -> None:
    given = ["a short one", "rent " * 100, "", "日本語のテスト", "\N{SLICE OF PIZZA}", "a\udc80b"]
    vectors = embedder.embed(given, role="passage")
    assert (embedder.id, embedder.dimensions, embedder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert len(vectors) == len(given)
    for text, vector in zip(given, vectors, strict=True):
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
        assert 2 <= embedder.count_tokens(text) <= 102
        (alone,) = embedder.embed([text], role="passage")
        assert float(alone @ vector) > 0.999, "a text's vector does not depend on its neighbours"
    assert embedder.embed([], role="query") == []


@pytest.mark.models
def test_both_embedders_share_one_space(onnx: OnnxEmbedder, transformers: SentenceTransformersEmbedder) -> None:
    given = texts(24)
    ours, theirs = (np.array(e.embed(given, role="passage")) for e in (onnx, transformers))
    cosines = (ours * theirs).sum(axis=1)
    assert onnx.id == transformers.id
    assert float(cosines.min()) >= 0.998


@pytest.mark.models
def test_meaning_is_found_without_a_common_word(embedder: Embedder) -> None:
    question, near, far = embedder.embed(
        ["Where do I live?", "My new address is 12 Elm Street.", "The cat sleeps all day."], role="query"
    )
    assert float(question @ near) > float(question @ far) + 0.1


@pytest.mark.models
def test_the_window_is_256_tokens_and_what_is_beyond_it_is_lost(embedder: Embedder) -> None:
    """The tokenizer's own file says 128: a text of 200 words must still be read to its end."""
    inside, outside = "garden " * 200, "garden " * 254
    assert embedder.count_tokens(inside) == 202
    assert embedder.count_tokens(outside + "passport") == 257
    read, with_end = embedder.embed([inside, inside + "passport " * 40], role="passage")
    assert float(read @ with_end) < 0.99
    cut, beyond = embedder.embed([outside, outside + "passport " * 40], role="passage")
    assert float(cut @ beyond) > 0.9999


@pytest.mark.models
def test_each_is_opened_for_its_work_and_stands_in_for_the_other(library: Library, tmp_path: Path) -> None:
    try:
        fast = library.embedder("onnx")
    except ModelError as error:
        pytest.skip(f"{error.problem}: {REMEDY}")
    assert isinstance(open_embedder(library, bulk=False), OnnxEmbedder)
    shutil.copytree(fast.folder, tmp_path / fast.name)
    assert isinstance(open_embedder(Library(tmp_path), bulk=True), OnnxEmbedder)
    with pytest.raises(ModelError, match="homebody-models install"):
        open_embedder(Library(tmp_path / "empty"), bulk=True)


@pytest.mark.models
def test_the_fast_one_starts_fast_and_loads_no_torch(onnx: OnnxEmbedder, library: Library) -> None:
    code = (
        "import sys, time; from pathlib import Path; from agent.models.embedder import OnnxEmbedder;"
        "c = time.process_time();"
        f"OnnxEmbedder(Path({str(library.embedder('onnx').folder)!r}), threads=1).embed(['hello'], role='query');"
        "print(time.process_time() - c, 'torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    seconds, heavy = done.stdout.split()
    assert float(seconds) < 1.5
    assert heavy == "False"
    assert done.stderr == ""


def test_a_folder_that_is_missing_damaged_or_holds_code_is_one_clear_error(tmp_path: Path) -> None:
    for make in (OnnxEmbedder, SentenceTransformersEmbedder):
        with pytest.raises(ModelError, match="homebody-models install"):
            make(tmp_path / "nowhere")
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_text("not a model")
    started = time.monotonic()
    with pytest.raises(ModelError, match="homebody-models verify"):
        OnnxEmbedder(tmp_path)
    assert time.monotonic() - started < 20
    (tmp_path / "evil.py").write_text("")
    with pytest.raises(ModelError, match="program code"):
        OnnxEmbedder(tmp_path)
