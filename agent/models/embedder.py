"""Texts become unit vectors: sentence-transformers for bulk work, ONNX where starting fast matters more.

Both hold the same model, so their vectors may be compared: int8 against float32 the cosine is at least 0.998.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.errors import ModelError
from agent.models.engines.generation import well_formed
from agent.models.library.shelf import Library, apple_silicon, code_files
from agent.models.protocols import Embedder, Role
from agent.vocabulary import Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MINILM = "all-MiniLM-L6-v2"


def open_embedder(library: Library, *, bulk: bool, threads: int | None = None) -> Embedder:
    """The embedder for the work at hand, or the other one where only that is installed.

    `bulk`: sentence-transformers (12 seconds to start, can use a GPU); else ONNX (under a second). Raises ModelError.
    """
    model = library.embedder(*(("sentence-transformers", "onnx") if bulk else ("onnx", "sentence-transformers")))
    if model.format == "onnx":
        return OnnxEmbedder(model.folder, id=model.space, threads=threads)
    return SentenceTransformersEmbedder(model.folder, id=model.space, threads=threads)


class SentenceTransformersEmbedder:
    """A sentence-transformers model from a local folder, on the GPU of a Mac (unverified there), else on the CPU."""

    def __init__(
        self,
        folder: Path,
        *,
        id: str = _MINILM,  # noqa: A002 # the name that the protocol gives it
        device: str | None = None,
        threads: int | None = None,
        batch_size: int = 16,
    ) -> None:
        """Load the model: about 12 seconds with the import. `threads` holds for all of torch in this process.

        Raises ModelError when the folder is missing, damaged, of another kind, or holds code.
        """
        _require(folder, "modules.json", "tokenizer.json")
        self._tokenizer = _tokenizer(folder)
        self._batch_size = batch_size
        self._model: Any = _load(folder, device or ("mps" if apple_silicon() else "cpu"), threads)
        self.id = id
        self.dimensions = int(self._model.get_embedding_dimension())
        self.max_tokens = int(self._model.max_seq_length)

    def embed(self, texts: Sequence[str], *, role: Role) -> Sequence[Vector]:
        """See Embedder. The library sorts by length, and applies a model's own prompts for queries and passages."""
        if not texts:
            return []
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        vectors = encode(
            [well_formed(text) for text in texts],
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return list(np.asarray(vectors, dtype=np.float32))

    def count_tokens(self, text: str) -> int:
        """Exact, special tokens included, not cut at `max_tokens`."""
        return len(self._tokenizer.encode(well_formed(text)).ids)


class OnnxEmbedder:
    """A BERT-like encoder as `model.onnx` with its `tokenizer.json`: mean over the tokens, then unit length."""

    def __init__(
        self,
        folder: Path,
        *,
        id: str = _MINILM,  # noqa: A002 # the name that the protocol gives it
        threads: int | None = None,
        batch_size: int = 8,
    ) -> None:
        """Load the model: half a second with the import. `threads` defaults to what onnxruntime finds.

        Raises ModelError when the folder is missing, damaged, of another kind, or holds code.
        """
        _require(folder, "model.onnx", "tokenizer.json")
        self.id = id
        self.max_tokens = _window(folder)
        self._batch_size = batch_size
        self._counting = _tokenizer(folder)
        self._tokenizer = _tokenizer(folder)
        self._tokenizer.enable_truncation(self.max_tokens)
        self._session = _session(folder / "model.onnx", threads)
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    def embed(self, texts: Sequence[str], *, role: Role) -> Sequence[Vector]:  # noqa: ARG002 # the model has one role
        """See Embedder. Batches hold texts of like length, each padded to its own longest only."""
        encodings = self._tokenizer.encode_batch([well_formed(text) for text in texts])
        order = sorted(range(len(texts)), key=lambda index: len(encodings[index].ids))
        vectors: list[Vector] = [np.empty(0, np.float32)] * len(texts)
        for batch in _batches(order, self._batch_size):
            rows = self._forward([encodings[index].ids for index in batch])
            for index, row in zip(batch, rows, strict=True):
                vectors[index] = row
        return vectors

    def count_tokens(self, text: str) -> int:
        """Exact, special tokens included, not cut at `max_tokens`."""
        return len(self._counting.encode(well_formed(text)).ids)

    def _forward(self, ids: Sequence[Sequence[int]]) -> Vector:
        """Unit vectors, (batch, dimensions), of token ids of unequal length."""
        tokens = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
        mask = np.zeros_like(tokens)
        for row, entry in enumerate(ids):
            tokens[row, : len(entry)] = entry
            mask[row, : len(entry)] = 1
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        feed = {name: array for name, array in feed.items() if name in self._inputs}
        states = np.asarray(self._session.run(None, feed)[0], dtype=np.float32)
        weights = mask[..., None].astype(np.float32)
        means = (states * weights).sum(axis=1) / weights.sum(axis=1)
        unit: Vector = (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)).astype(np.float32)
        return unit


def _batches(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _require(folder: Path, *names: str) -> None:
    """Raise ModelError unless the folder is one that may be loaded."""
    for name in names:
        if not (folder / name).is_file():  # libraries would take a missing folder for a name on a hub
            raise ModelError(
                f"{folder} is no embedding model: it has no {name}.", remedy="Run `homebody-models install`."
            )
    if code := code_files(folder):
        raise ModelError(f"{folder} holds program code ({code[0].name}).", remedy="Remove it, or use another model.")


def _tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer without the truncation and padding to 128 that its file has built in."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the Rust library raises plain Exception
        raise _damaged(folder, "tokenizer.json") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _window(folder: Path) -> int:
    """The most tokens a text may have: what the model was trained with, not what its positions allow."""
    path = folder / "sentence_bert_config.json"
    if not path.is_file():
        return 256
    try:
        return int(json.loads(path.read_text("utf-8"))["max_seq_length"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, path.name) from error


def _session(path: Path, threads: int | None) -> Any:  # onnxruntime ships no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # threads that spin while they wait make a busy machine ten times slower
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # the arena keeps the memory of the largest batch for ever
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        raise _damaged(path.parent, path.name) from error


def _load(folder: Path, device: str, threads: int | None) -> Any:  # its types are not followed
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # it draws on the owner's standard error
    if threads:
        torch.set_num_threads(threads)
    try:
        return SentenceTransformer(str(folder.absolute()), device=device, local_files_only=True)
    except Exception as error:  # three libraries are at work here, each with its own exceptions
        raise _damaged(folder, "model.safetensors") from error


def _damaged(folder: Path, name: str) -> ModelError:
    return ModelError(f"{folder / name} cannot be loaded.", remedy="Run `homebody-models verify`.")
