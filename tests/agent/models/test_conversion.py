from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import mlx.core as mx
import numpy as np
import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import quantize

from agent.errors import ModelError
from agent.models.engines.llama_cpp import LlamaCpp
from agent.models.engines.mlx import Mlx
from agent.models.protocols import Prompt
from agent.models.weights.conversion import affine, convert, floats

TinyGguf = Callable[..., Path]
EXACT = ["Q4_0", "Q4_1", "Q4_K", "Q5_0", "Q8_0"]


def random_blocks(kind: GGMLQuantizationType) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Three rows of 512 numbers in any bit pattern; only the float16 scales are kept finite."""
    block, size = GGML_QUANT_SIZES[kind]
    raw = np.random.default_rng(1).integers(0, 256, (3 * 512 // block, size), dtype=np.uint8)
    halves = {"Q4_1": 2, "Q4_K": 2}.get(kind.name, 1)
    raw[:, : 2 * halves] = np.random.default_rng(2).uniform(0.01, 2, (len(raw), halves)).astype("<f2").view(np.uint8)
    return raw.reshape(3, -1)


@pytest.mark.parametrize("name", EXACT)
def test_repacked_numbers_are_exactly_those_of_the_file(name: str) -> None:
    """Through MLX's own arithmetic, against the reference of the gguf package."""
    kind = GGMLQuantizationType[name]
    raw = random_blocks(kind)
    matrix = affine(int(kind), raw, 512)
    ours = mx.dequantize(
        mx.array(matrix.packed()), mx.array(matrix.scales), mx.array(matrix.biases), group_size=32, bits=matrix.bits
    )
    assert np.allclose(np.array(ours), floats(int(kind), raw, 512), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["Q6_K", "Q5_K", "Q5_1"])
def test_other_types_are_requantized_nearly_without_loss(name: str) -> None:
    kind = GGMLQuantizationType[name]
    numbers = np.random.default_rng(3).normal(0, 1, (4, 512)).astype(np.float32)
    try:
        raw = quantize(numbers, kind)
    except NotImplementedError:
        raw = np.zeros((4, 512 // 256 * GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        raw[:] = np.random.default_rng(4).integers(0, 100, raw.shape, dtype=np.uint8)
    expected = floats(int(kind), raw, 512)
    matrix = affine(int(kind), raw, 512)
    span = expected.reshape(4, -1, 32).max(-1) - expected.reshape(4, -1, 32).min(-1)
    error = np.abs(matrix.floats() - expected).reshape(4, -1, 32).max(-1)
    assert (error <= span / 255 * 0.51 + 1e-6 * np.abs(expected).max()).all()


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_converted_model_says_what_llama_cpp_says(
    tiny_gguf: TinyGguf, tmp_path: Path, runtime_dir: Path, architecture: str
) -> None:
    """Random weights have no slack: a wrong name, order of rows or rotary base changes the text at once."""
    source = tiny_gguf(architecture, pre="qwen2")
    convert(source, tmp_path, dtype="float32", quantized=False)
    converted, original = Mlx(tmp_path), LlamaCpp(source, runtime_dir=runtime_dir, threads=1)
    for user in ("hello", "Grüße 42"):
        prompt = Prompt(system="hehe", user=user)
        ours, theirs = ("".join(m.generate(prompt, max_tokens=12)) for m in (converted, original))
        assert ours == theirs
        assert converted.usage is not None
        assert original.usage is not None
        assert converted.usage.prompt_tokens == original.usage.prompt_tokens
    converted.close()
    original.close()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1", "Q5_0"])
def test_quantized_and_expanded_weights_give_the_same_logits(tiny_gguf: TinyGguf, tmp_path: Path, kind: str) -> None:
    from mlx_lm import load

    logits = []
    for quantized in (False, True):
        folder = tmp_path / str(quantized)
        folder.mkdir()
        convert(tiny_gguf("llama", kind), folder, dtype="float32", quantized=quantized)
        model = load(str(folder))[0]
        logits.append(np.array(model(mx.array([[1, 2, 3]]))))
    assert np.allclose(logits[0], logits[1], atol=2e-3)
    config = json.loads((tmp_path / "True" / "config.json").read_text())
    assert config["quantization"]["model.layers.0.self_attn.q_proj"]["bits"] == (4 if kind == "Q4_1" else 8)


def test_half_precision_and_shards(tiny_gguf: TinyGguf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.models.weights.conversion._SHARD_BYTES", 40_000)
    convert(tiny_gguf(), tmp_path, dtype="bfloat16", quantized=False)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    loaded = [cast("dict[str, mx.array]", mx.load(str(shard))) for shard in shards]
    assert {array.dtype for arrays in loaded for array in arrays.values()} == {mx.bfloat16}
    model = Mlx(tmp_path)
    assert model.context_tokens == 512
    model.close()


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"architecture": "gemma3"}, "architecture gemma3 cannot be converted"),
        ({"extra": ("rope_freqs.weight",)}, r"tensor rope_freqs.weight is not known"),
        ({"extra": ("blk.0.attn_q_norm.weight",)}, "attn_q_norm.weight is not known"),
        ({"pre": "llama-bpe"}, "pre-tokenizer llama-bpe"),
    ],
)
def test_what_is_not_known_exactly_is_refused(
    tiny_gguf: TinyGguf, tmp_path: Path, made: dict[str, str], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        convert(tiny_gguf(**made), tmp_path, dtype="float32", quantized=False)


def test_a_cut_off_file_is_refused(tiny_gguf: TinyGguf, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf().read_bytes()[:-50_000])
    with pytest.raises(ModelError, match="runs past the end"):
        convert(path, tmp_path, dtype="float32", quantized=False)
