from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.library import InstalledModel, Library, Tier, default_folder, main
from agent.models.library.shelf import Format

Run = Callable[..., int]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("HOMEBODY_MODELS", str(tmp_path / "models"))
    return Library(tmp_path / "models")


def gguf_file(folder: Path, name: str = "tiny.gguf", text: bytes = b"GGUF and weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text)
    return folder / name


def embedder(folder: Path, *, onnx: bool) -> Path:
    folder.mkdir(parents=True)
    names = ["model.onnx", "tokenizer.json"] if onnx else ["modules.json", "model.safetensors", "1_Pooling/config.json"]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_the_folder_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_folder({"HOMEBODY_MODELS": "/somewhere/models"}) == Path("/somewhere/models")
    assert default_folder({}).parts[-2:] == ("homebody", "models")


def test_an_empty_library_names_the_remedy(models: Library) -> None:
    assert models.names() == ()
    for ask in (models.embedder_folder, models.slm, lambda: models.open("nothing")):
        with pytest.raises(ModelError) as caught:
            ask()
        assert "homebody-models" in caught.value.remedy


def test_an_added_file_is_found_by_tier_and_survives_its_original(models: Library, tmp_path: Path) -> None:
    original = gguf_file(tmp_path / "own", "My Model (v2).gguf")
    assert main(["add", str(original), "--tier", "large", "--licence", "MIT"]) == 0
    original.unlink()
    model = models.slm("large")
    assert (model.name, model.kind, model.format, model.source, model.licence) == (
        "my-model-v2",
        "slm",
        "gguf",
        "owner",
        "MIT",
    )
    assert model.path.read_bytes() == b"GGUF and weights"
    with pytest.raises(ModelError):
        models.slm("small")


def test_a_folder_is_added_with_its_subfolders_and_links_resolved(models: Library, tmp_path: Path) -> None:
    folder = embedder(tmp_path / "st", onnx=False)
    blob = tmp_path / "blob"
    blob.write_text("weights")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(blob)
    assert main(["add", str(folder), "--name", "mine"]) == 0
    model = models.embedder("sentence-transformers")
    assert models.embedder_folder() == model.folder
    assert (model.space, model.tier) == ("mine", "")
    assert not (model.folder / "model.safetensors").is_symlink()
    assert {file.path for file in model.files} == {"modules.json", "model.safetensors", "1_Pooling/config.json"}


def put(library: Library, name: str, *, tier: Tier, format_: Format, source: str) -> None:
    """Write a model with its manifest, as an install leaves it."""
    file = gguf_file(library.folder / name) if format_ == "gguf" else library.folder / name / "model.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"GGUF and weights")
    entry = {"path": file.name, "size": 16, "sha256": "0" * 64}
    manifest = {"name": name, "kind": "slm", "format": format_, "tier": tier, "source": source, "files": [entry]}
    (file.parent / "model.json").write_text(json.dumps(manifest))


def put_embedder(library: Library, name: str, *, format_: Format, space: str, source: str = "somewhere") -> None:
    folder = embedder(library.folder / name, onnx=format_ == "onnx")
    files = [
        {"path": file.name, "size": file.stat().st_size, "sha256": ""} for file in folder.iterdir() if file.is_file()
    ]
    manifest = {"name": name, "kind": "embedder", "format": format_, "space": space, "source": source, "files": files}
    (folder / "model.json").write_text(json.dumps(manifest))


def test_the_wished_format_is_taken_and_spaces_are_never_mixed(models: Library) -> None:
    def chosen(*formats: Format) -> str:
        return models.embedder(*formats).name

    put_embedder(models, "minilm-fast", format_="onnx", space="minilm")
    assert chosen("sentence-transformers", "onnx") == "minilm-fast"
    put_embedder(models, "minilm", format_="sentence-transformers", space="minilm")
    assert chosen("sentence-transformers", "onnx") == "minilm"
    assert chosen("onnx", "sentence-transformers") == "minilm-fast"
    put_embedder(models, "own", format_="sentence-transformers", space="own", source="owner")
    assert chosen("sentence-transformers", "onnx") == chosen("onnx", "sentence-transformers") == "own"


def test_the_owners_model_goes_first_then_the_engine_of_the_machine(
    models: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(models, "a-gguf", tier="small", format_="gguf", source="somewhere")
    put(models, "b-mlx", tier="small", format_="mlx", source="somewhere")
    put(models, "tests-only", tier="test", format_="gguf", source="owner")
    monkeypatch.setattr("agent.models.library.shelf.apple_silicon", lambda: False)
    assert models.slm().name == "a-gguf"
    assert models.slm("small", "mlx").name == "b-mlx"
    monkeypatch.setattr("agent.models.library.shelf.apple_silicon", lambda: True)
    assert models.slm().name == "b-mlx"
    put(models, "z-own", tier="small", format_="gguf", source="owner")
    assert models.slm().name == "z-own"


def installed(models: Library, tmp_path: Path) -> InstalledModel:
    assert main(["add", str(gguf_file(tmp_path / "own"))]) == 0
    return models.open("tiny")


def test_a_shorter_file_is_seen_when_the_model_is_opened(models: Library, tmp_path: Path) -> None:
    model = installed(models, tmp_path)
    model.path.unlink()
    model.path.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="4 bytes instead of 16"):
        models.slm()


def test_other_bytes_of_the_same_size_are_seen_by_verify(
    models: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = installed(models, tmp_path)
    assert main(["verify"]) == 0
    model.path.unlink()
    model.path.write_bytes(b"GGUF and Weights")
    assert models.slm() == model
    assert main(["verify"]) == 1
    assert "other contents" in capsys.readouterr().err


def test_code_in_a_model_is_refused(models: Library, tmp_path: Path) -> None:
    model = installed(models, tmp_path)
    (model.folder / "modeling_evil.py").write_text("print('hello')")
    with pytest.raises(ModelError, match="program code"):
        models.open("tiny")
    folder = embedder(tmp_path / "st", onnx=False)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    assert main(["add", str(folder)]) == 1
    assert models.names() == ("tiny",)


@pytest.mark.parametrize(
    "manifest",
    [
        "no json",
        "[]",
        '{"name": "tiny"}',
        '{"name": "tiny", "kind": "slm", "format": "gguf", "files": []}',
        '{"name": "tiny", "kind": "slm", "format": "pickle", "files": [{"path": "a", "size": 1, "sha256": ""}]}',
        '{"name": "tiny", "kind": "slm", "format": "gguf", "files": [{"path": "../a.gguf", "size": 1, "sha256": ""}]}',
        '{"name": "else", "kind": "slm", "format": "gguf", "files": [{"path": "a.gguf", "size": 1, "sha256": ""}]}',
    ],
)
def test_a_damaged_manifest_is_one_clear_error_and_hides_no_other_model(
    models: Library, tmp_path: Path, manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = installed(models, tmp_path)
    (model.folder / "model.json").write_text(manifest)
    with pytest.raises(ModelError) as caught:
        models.open("tiny")
    assert "remove tiny" in caught.value.remedy
    put(models, "other", tier="small", format_="gguf", source="")
    assert models.slm().name == "other"
    assert main(["list"]) == 0
    assert "tiny" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["notes.txt", "weights.gguf", "two"])
def test_what_is_of_no_known_type_is_refused(models: Library, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "two":
        gguf_file(path, "a.gguf")
        gguf_file(path, "b.gguf")
    else:
        path.write_text("hello")
    assert main(["add", str(path)]) == 1
    assert models.names() == ()
    assert not list((models.folder / ".incoming").iterdir())


def test_names_are_taken_once_and_stay_inside_the_folder(models: Library, tmp_path: Path) -> None:
    installed(models, tmp_path)
    file = str(tmp_path / "own" / "tiny.gguf")
    assert main(["add", file]) == 2
    assert main(["add", file, "--name", "smollm2-135m-instruct"]) == 2
    assert main(["add", file, "--name", "../outside"]) == 2
    assert main(["remove", "../own"]) == 2
    assert main(["install", "no-such-model"]) == 2
    assert Path(file).exists()


def test_remove_forgets(models: Library, tmp_path: Path) -> None:
    model = installed(models, tmp_path)
    assert main(["remove", "tiny"]) == 0
    assert not model.folder.exists()
    assert main(["remove", "tiny"]) == 1


def test_list_is_one_json_document(models: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed(models, tmp_path)
    capsys.readouterr()
    assert main(["list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in document["installed"]] == ["tiny"]
    assert "qwen2.5-coder-0.5b-instruct" in {model["name"] for model in document["available"]}


def test_the_program_starts_without_anything_heavy() -> None:
    """It runs on a fresh machine, before and beside the product's own libraries."""
    code = (
        "import sys, agent.models.library as l; l.main(['list']);"
        "print(sorted({'torch', 'mlx', 'onnxruntime', 'transformers', 'tokenizers', 'gguf'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
