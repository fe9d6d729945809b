from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import ModelError
from agent.models.weights import gguf

TinyGguf = Callable[..., Path]


def test_the_header_is_read(tiny_gguf: TinyGguf) -> None:
    header = gguf.read(tiny_gguf("qwen2", pre="qwen2"))
    assert header.architecture == "qwen2"
    assert header.number("qwen2.context_length") == 512
    assert header.number("qwen2.nothing", default=3) == 3
    assert header.token("tokenizer.ggml.eos_token_id") == "<|im_end|>"
    assert header.token("tokenizer.ggml.bos_token_id") is None
    assert header.control_tokens == ("<|im_start|>", "<|im_end|>", "<tool_call>")
    assert header.merges == [("h", "e")]
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    assert shapes["blk.0.ffn_down.weight"] == (64, 96)
    assert all(tensor.offset % 32 == 0 for tensor in header.tensors)


def test_it_says_the_same_as_the_reference_reader(tiny_gguf: TinyGguf) -> None:
    from gguf import GGUFReader

    path = tiny_gguf("llama", "Q8_0")
    header, reference = gguf.read(path), GGUFReader(path)
    assert {t.name: (t.type, t.offset) for t in header.tensors} == {
        t.name: (int(t.tensor_type), int(t.data_offset)) for t in reference.tensors
    }
    assert header.tokens == reference.fields["tokenizer.ggml.tokens"].contents()


@pytest.mark.parametrize("pre", ["smollm", "qwen2"])
def test_the_tokenizer_gives_the_ids_of_the_file(tiny_gguf: TinyGguf, pre: str) -> None:
    header = gguf.read(tiny_gguf(pre=pre))
    tokenizer = gguf.tokenizer(header)
    text = "<|im_start|>hehe Grüße 42\n日本 <tool_call>"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert ids[0] == header.tokens.index("<|im_start|>")
    assert ids[1:3] == [header.tokens.index("he")] * 2
    assert ids[-1] == header.tokens.index("<tool_call>")
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_a_vocabulary_that_cannot_be_rebuilt_is_refused(tiny_gguf: TinyGguf) -> None:
    with pytest.raises(ModelError, match="pre-tokenizer llama-bpe is not known"):
        gguf.tokenizer(gguf.read(tiny_gguf(pre="llama-bpe")))


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="homebody-models install"):
        gguf.read(tmp_path / "none.gguf")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 4_000), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_garbage_is_a_model_error_and_nothing_else(
    tiny_gguf: TinyGguf, tmp_path: Path, cut: int, at: int, byte: int
) -> None:
    whole = bytearray(_header_bytes(tiny_gguf))
    whole[at] = byte
    path = tmp_path / "garbage.gguf"
    path.write_bytes(whole[: len(whole) - cut])
    try:
        gguf.read(path)
    except ModelError as error:
        assert error.remedy


@pytest.mark.parametrize("data", [b"", b"GGUF", b"PK\x03\x04", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16])
def test_what_is_no_gguf_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(ModelError, match="malformed"):
        gguf.read(tmp_path / "x.gguf")


_cached: list[bytes] = []


def _header_bytes(tiny_gguf: TinyGguf) -> bytes:
    if not _cached:
        _cached.append(tiny_gguf().read_bytes()[:20_000])
    return _cached[0]


@pytest.mark.models
def test_the_real_vocabulary_is_whole(smollm: Path) -> None:
    header = gguf.read(smollm)
    assert (len(header.tokens), len(header.control_tokens)) == (49_152, 17)
    assert gguf.tokenizer(header).encode("The capital of France is Paris.").tokens[:3] == ["The", "Ġcapital", "Ġof"]
