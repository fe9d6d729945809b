"""GGUF weights become an MLX folder: llama and qwen2 architectures, exact where MLX has the same kind of numbers.

Source of the layouts: ggml-org/ggml ggml-common.h (block_q4_0 and the others); ml-explore/mlx affine quantization
(w = scale * code + bias, groups of 32, codes packed into little-endian 32-bit words, the lowest bits first).
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from agent.models.weights.gguf import Gguf, Tensor, damaged, read, tokenizer

if TYPE_CHECKING:
    import mlx.core as mx

Dtype = Literal["float32", "float16", "bfloat16"]

GROUP = 32
"""Numbers that share one scale and bias."""

_F32, _F16, _Q4_0, _Q4_1, _Q5_0, _Q8_0, _Q4_K, _BF16 = 0, 1, 2, 3, 6, 8, 12, 30
_SHARD_BYTES = 1 << 30

_ARCHITECTURES = ("llama", "qwen2")
_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_INNER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """A quantized matrix: `codes` (rows, columns) uint8 of `bits` bits; `scales`, `biases` (rows, columns / 32)."""

    bits: Literal[4, 8]
    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]

    def packed(self) -> NDArray[np.uint32]:
        """The codes as MLX keeps them, (rows, columns * bits / 32)."""
        codes = self.codes if self.bits == 8 else self.codes[:, 0::2] | self.codes[:, 1::2] << 4
        return np.ascontiguousarray(codes).view("<u4")

    def floats(self) -> NDArray[np.float32]:
        """The numbers themselves, (rows, columns)."""
        grouped = self.codes.reshape(len(self.codes), -1, GROUP).astype(np.float32)
        return (grouped * self.scales[..., None] + self.biases[..., None]).reshape(self.codes.shape)


def convert(path: Path, folder: Path, *, dtype: Dtype, quantized: bool) -> None:
    """Write `model-*.safetensors`, config.json, tokenizer.json and tokenizer_config.json into an empty folder.

    With `quantized` matrices keep 4 or 8 bits a number: Q4_0, Q4_1, Q4_K, Q5_0 and Q8_0 exactly (scales rounded to
    `dtype`), others requantized to 8 bits. Else all is expanded: fast on a CPU with OpenBLAS, and large. Memory: about
    1 GB at a time. Raises ModelError when the architecture, the tokenizer or a tensor is not one we know exactly.
    """
    import mlx.core as mx

    if dtype not in get_args(Dtype):
        raise ValueError(f"no such dtype: {dtype}")
    header = read(path)
    config = _config(header, dtype)
    vocabulary = tokenizer(header)
    precision = getattr(mx, dtype)
    layouts: dict[str, object] = {}
    shard: dict[str, mx.array] = {}
    shards = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        for tensor in header.tensors:
            module, parameter = _mlx_name(header, tensor)
            raw, order = _bytes(header, tensor, view), _row_order(header, tensor)
            if quantized and _is_quantized_matrix(tensor):
                matrix = affine(tensor.type, raw[order], tensor.shape[-1])
                shard[f"{module}.weight"] = mx.array(matrix.packed())
                shard[f"{module}.scales"] = mx.array(matrix.scales).astype(precision)
                shard[f"{module}.biases"] = mx.array(matrix.biases).astype(precision)
                layouts[module] = {"group_size": GROUP, "bits": matrix.bits, "mode": "affine"}
            else:
                numbers = floats(tensor.type, raw, tensor.shape[-1]).reshape(tensor.shape)[order]
                shard[f"{module}.{parameter}"] = mx.array(numbers).astype(precision)
            mx.eval(shard)
            if sum(array.nbytes for array in shard.values()) > _SHARD_BYTES:
                shards = _save(shard, folder, shards)
    _save(shard, folder, shards)
    if layouts:
        config["quantization"] = {"group_size": GROUP, "bits": 4, "mode": "affine", **layouts}
        config["quantization_config"] = config["quantization"]
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    vocabulary.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(header), indent=2), "utf-8")


def floats(type_: int, raw: NDArray[np.uint8], columns: int) -> NDArray[np.float32]:
    """The numbers of a tensor of ggml type `type_` from its bytes, (rows, bytes a row); (rows, columns) come out."""
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    numbers = np.asarray(dequantize(raw, GGMLQuantizationType(type_)), dtype=np.float32)
    return numbers.reshape(len(raw), columns)


def affine(type_: int, raw: NDArray[np.uint8], columns: int) -> Affine:
    """The same as codes, scales and biases; types that MLX has no equal for are requantized to 8 bits."""
    if type_ not in _BLOCKS:
        return _requantized(floats(type_, raw, columns))
    size, bits, decode = _BLOCKS[type_]
    codes, scales, biases = decode(raw.reshape(-1, size))
    shape = (len(raw), columns // GROUP)
    return Affine(
        bits=bits,
        codes=codes.reshape(len(raw), columns),
        scales=scales.astype(np.float32).reshape(shape),
        biases=biases.astype(np.float32).reshape(shape),
    )


_Decoded = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


def _half(blocks: NDArray[np.uint8], at: int) -> NDArray[np.float32]:
    """The float16 at a byte of every block, (blocks, 1)."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Low nibbles first, then the high ones, (blocks, 2 * bytes)."""
    return np.concatenate([packed & 0x0F, packed >> 4], axis=1)


def _q4_0(blocks: NDArray[np.uint8]) -> _Decoded:
    scale = _half(blocks, 0)
    return _nibbles(blocks[:, 2:]), scale, -8 * scale


def _q4_1(blocks: NDArray[np.uint8]) -> _Decoded:
    return _nibbles(blocks[:, 4:]), _half(blocks, 0), _half(blocks, 2)


def _q5_0(blocks: NDArray[np.uint8]) -> _Decoded:
    scale = _half(blocks, 0)
    fifth = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    codes = np.bitwise_or(_nibbles(blocks[:, 6:]), np.left_shift(fifth, np.uint8(4)), dtype=np.uint8)
    return codes, scale, -16 * scale


def _q8_0(blocks: NDArray[np.uint8]) -> _Decoded:
    scale = _half(blocks, 0)
    codes: NDArray[np.uint8] = blocks[:, 2:] ^ np.uint8(0x80)  # two's complement plus 128
    return codes, scale, -128 * scale


def _q4_k(blocks: NDArray[np.uint8]) -> _Decoded:
    """256 numbers: eight groups with 6-bit scales and minima, packed into twelve bytes."""
    packed = blocks[:, 4:16]
    low, high, rest = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([low & 63, (rest & 0x0F) | (low >> 6) << 4], axis=1).astype(np.float32)
    minima = np.concatenate([high & 63, (rest >> 4) | (high >> 6) << 4], axis=1).astype(np.float32)
    pairs = blocks[:, 16:].reshape(-1, 4, 32)
    codes = np.stack([pairs & 0x0F, pairs >> 4], axis=2).reshape(len(blocks), 256)
    return codes, _half(blocks, 0) * scales, -_half(blocks, 2) * minima


_BLOCKS: dict[int, tuple[int, Literal[4, 8], Callable[[NDArray[np.uint8]], _Decoded]]] = {
    _Q4_0: (18, 4, _q4_0),
    _Q4_1: (20, 4, _q4_1),
    _Q5_0: (22, 8, _q5_0),
    _Q8_0: (34, 8, _q8_0),
    _Q4_K: (144, 4, _q4_k),
}
"""By ggml type: bytes of a block, bits of a code in MLX, how a block is read."""


def _requantized(numbers: NDArray[np.float32]) -> Affine:
    """256 even steps between the least and the greatest number of each group."""
    grouped = numbers.reshape(len(numbers), -1, GROUP)
    low = grouped.min(axis=-1)
    scales = np.maximum((grouped.max(axis=-1) - low) / 255, np.finfo(np.float32).tiny)
    codes = np.clip(np.rint((grouped - low[..., None]) / scales[..., None]), 0, 255).astype(np.uint8)
    return Affine(bits=8, codes=codes.reshape(numbers.shape), scales=scales, biases=low)


def _is_quantized_matrix(tensor: Tensor) -> bool:
    return len(tensor.shape) == 2 and tensor.shape[-1] % GROUP == 0 and tensor.type not in (_F32, _F16, _BF16)


def _bytes(header: Gguf, tensor: Tensor, view: mmap.mmap) -> NDArray[np.uint8]:
    """The bytes of a tensor, (rows, bytes a row), copied out of the map. Raises ModelError past the file's end."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.type)]
    except (KeyError, ValueError):
        raise damaged(header.path, f"tensor {tensor.name} is of the unknown type {tensor.type}") from None
    rows = math.prod(tensor.shape[:-1])
    width = tensor.shape[-1] // block * size
    if tensor.shape[-1] % block or tensor.offset + rows * width > len(view):
        raise damaged(header.path, f"tensor {tensor.name} runs past the end of the file")
    return np.frombuffer(view[tensor.offset : tensor.offset + rows * width], dtype=np.uint8).reshape(rows, width)


def _mlx_name(header: Gguf, tensor: Tensor) -> tuple[str, str]:
    """The module and parameter that a tensor is in MLX, such as "model.layers.0.mlp.up_proj", "weight"."""
    stem, _, parameter = tensor.name.rpartition(".")
    if stem in _OUTER:
        return _OUTER[stem], parameter
    match stem.split("."):
        case ["blk", number, part] if number.isdigit() and part in _INNER and parameter in ("weight", "bias"):
            return f"model.layers.{number}.{_INNER[part]}", parameter
    # rope_freqs among them: scaled rotary embeddings, which would be silently wrong
    raise damaged(header.path, f"tensor {tensor.name} is not known in a {header.architecture} model")


def _row_order(header: Gguf, tensor: Tensor) -> NDArray[np.intp] | slice:
    """The rows of a llama model's query and key in MLX's order: GGUF interleaves the halves of each rotary head."""
    stem, _, _ = tensor.name.rpartition(".")
    if header.architecture != "llama" or not stem.endswith((".attn_q", ".attn_k")):
        return slice(None)
    key = "llama.attention.head_count" + ("_kv" if stem.endswith("_k") else "")
    heads = int(header.number(key, default=header.number("llama.attention.head_count")))
    rows = tensor.shape[0] if tensor.name.endswith(".weight") else tensor.shape[-1]
    return np.arange(rows, dtype=np.intp).reshape(heads, rows // heads // 2, 2).swapaxes(1, 2).reshape(-1)


def _config(header: Gguf, dtype: Dtype) -> dict[str, object]:
    kind = header.architecture
    if kind not in _ARCHITECTURES:
        raise damaged(header.path, f"the architecture {kind} cannot be converted; {' and '.join(_ARCHITECTURES)} can")

    def number(key: str, default: float | None = None) -> float:
        return header.number(f"{kind}.{key}", default)

    hidden, heads = int(number("embedding_length")), int(number("attention.head_count"))
    return {
        "model_type": kind,
        "architectures": [{"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}[kind]],
        "hidden_size": hidden,
        "intermediate_size": int(number("feed_forward_length")),
        "num_hidden_layers": int(number("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(number("attention.head_count_kv", heads)),
        "head_dim": int(number("attention.key_length", hidden // heads)),
        "rms_norm_eps": round(number("attention.layer_norm_rms_epsilon"), 9),
        "rope_theta": number("rope.freq_base", 10_000.0),
        "max_position_embeddings": int(number("context_length")),
        "vocab_size": len(header.tokens),
        "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in header.tensors),
        "bos_token_id": header.metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": header.metadata.get("tokenizer.ggml.eos_token_id"),
        "torch_dtype": dtype,
    }


def _tokenizer_config(header: Gguf) -> dict[str, object]:
    eos = header.token("tokenizer.ggml.eos_token_id")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": header.token("tokenizer.ggml.bos_token_id"),
        "eos_token": eos,
        "pad_token": header.token("tokenizer.ggml.padding_token_id") or eos,
        "chat_template": header.text("tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
    }


def _save(shard: dict[str, mx.array], folder: Path, number: int) -> int:
    """Write a shard and empty it; the number of shards so far comes back."""
    import mlx.core as mx

    if shard:
        mx.save_safetensors(str(folder / f"model-{number + 1:05d}.safetensors"), shard, {"format": "mlx"})
        shard.clear()
        return number + 1
    return number
