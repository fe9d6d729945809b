"""Models for tests: the real weights of this machine, opened once, and tiny random ones in every layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from agent.errors import ModelError
from agent.models.engines.llama_cpp import LlamaCpp
from agent.models.engines.mlx import Mlx
from agent.models.library import Library, default_folder
from agent.models.weights import conversion

REMEDY = "run homebody-models install --with-tests"


@pytest.fixture(scope="session")
def library() -> Library:
    return Library(default_folder())


@pytest.fixture(scope="session")
def smollm(library: Library) -> Path:
    """The GGUF file of SmolLM2-135M-Instruct."""
    try:
        return library.open("smollm2-135m-instruct").path
    except ModelError as error:
        pytest.skip(f"{error.problem}: {REMEDY}")


@pytest.fixture(scope="session")
def smollm_mlx(smollm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model converted to an MLX folder."""
    folder = tmp_path_factory.mktemp("smollm-mlx")
    conversion.convert(smollm, folder, dtype="float32", quantized=False)
    return folder


@pytest.fixture(scope="session")
def runtime_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def llama_cpp(smollm: Path, runtime_dir: Path) -> Iterator[LlamaCpp]:
    model = LlamaCpp(smollm, runtime_dir=runtime_dir, context_tokens=512, threads=1)
    yield model
    model.close()


@pytest.fixture(scope="session")
def mlx(smollm_mlx: Path) -> Iterator[Mlx]:
    model = Mlx(smollm_mlx, context_tokens=512)
    yield model
    model.close()


HIDDEN, HEADS, KV_HEADS, FFN, LAYERS = 64, 4, 2, 96, 2
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TinyGguf = Callable[..., Path]


def byte_symbols() -> list[str]:
    """The characters that byte-level BPE writes the 256 bytes with (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = {byte: 256 + place for place, byte in enumerate(b for b in range(256) if b not in printable)}
    return [chr(shifted.get(byte, byte)) for byte in range(256)]


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> TinyGguf:
    """Make a GGUF file of a two-layer model with seeded random weights: 259 tokens, one merge, ChatML."""

    def make(
        architecture: str = "llama", kind: str = "F32", *, pre: str = "smollm", extra: tuple[str, ...] = ()
    ) -> Path:
        path = tmp_path_factory.mktemp("tiny") / f"{architecture}-{kind}.gguf"
        random = np.random.default_rng(7)
        writer = GGUFWriter(path, architecture)
        writer.add_context_length(512)
        writer.add_embedding_length(HIDDEN)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(FFN)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_freq_base(10_000.0)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        tokens = [*byte_symbols(), "he", "<|im_start|>", "<|im_end|>", "<tool_call>"]
        writer.add_token_list(tokens)
        writer.add_token_types([1] * 257 + [3, 3, 4])
        writer.add_token_merges(["h e"])
        writer.add_eos_token_id(tokens.index("<|im_end|>"))
        writer.add_chat_template(TEMPLATE)

        def matrix(name: str, rows: int, columns: int) -> None:
            numbers = random.normal(0, 0.3, (rows, columns)).astype(np.float32)
            type_ = GGMLQuantizationType[kind]
            writer.add_tensor(name, quantize(numbers, type_), raw_dtype=type_)

        def vector(name: str, size: int, mean: float) -> None:
            writer.add_tensor(name, random.normal(mean, 0.1, size).astype(np.float32))

        matrix("token_embd.weight", len(tokens), HIDDEN)
        for layer in range(LAYERS):
            head = f"blk.{layer}."
            narrow = HIDDEN // HEADS * KV_HEADS
            for part, rows in (("q", HIDDEN), ("k", narrow), ("v", narrow)):
                matrix(f"{head}attn_{part}.weight", rows, HIDDEN)
                if architecture == "qwen2":
                    vector(f"{head}attn_{part}.bias", rows, 0.0)
            matrix(f"{head}attn_output.weight", HIDDEN, HIDDEN)
            for part, rows, columns in (("gate", FFN, HIDDEN), ("up", FFN, HIDDEN), ("down", HIDDEN, FFN)):
                matrix(f"{head}ffn_{part}.weight", rows, columns)
            vector(f"{head}attn_norm.weight", HIDDEN, 1.0)
            vector(f"{head}ffn_norm.weight", HIDDEN, 1.0)
        vector("output_norm.weight", HIDDEN, 1.0)
        matrix("output.weight", len(tokens), HIDDEN)
        for name in extra:
            vector(name, HIDDEN, 1.0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make
