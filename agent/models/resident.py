"""The models that stay loaded: opened when first needed, the nearest one where a wished tier is not installed."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.errors import ModelError
from agent.models.embedder import open_embedder
from agent.models.library import InstalledModel, Library
from agent.models.protocols import Embedder, LanguageModel


class Resident:
    """Models of one library, loaded once. `runtime` is the private folder in RAM that engines may use."""

    def __init__(self, library: Library, runtime: Path) -> None:
        self._library = library
        self._runtime = runtime
        self._turn = threading.Lock()
        self._embedders: dict[bool, Embedder] = {}
        self._language: dict[str, LanguageModel] = {}

    def embedder(self, *, bulk: bool = False) -> Embedder:
        """The embedder: one that starts fast, or with `bulk` the one for many texts. Raises ModelError."""
        with self._turn:
            if bulk not in self._embedders:
                self._embedders[bulk] = open_embedder(self._library, bulk=bulk)
            return self._embedders[bulk]

    def language(self, tier: str) -> LanguageModel | None:
        """The model of a tier, else the nearest that is installed, else None. Raises ModelError when one is damaged."""
        with self._turn:
            for candidate in ("large", "small") if tier == "large" else ("small", "large"):
                if candidate in self._language:
                    return self._language[candidate]
                try:
                    found = self._library.slm("large" if candidate == "large" else "small")
                except ModelError:
                    if any(self._library.read(name).tier == candidate for name in self._library.names()):
                        raise
                    continue
                self._language[candidate] = open_language_model(found, self._runtime)
                return self._language[candidate]
            return None

    def loaded(self) -> tuple[str, ...]:
        """What is in memory now, by id."""
        return (*(model.id for model in self._embedders.values()), *(model.id for model in self._language.values()))


def open_language_model(model: InstalledModel, runtime: Path) -> LanguageModel:
    """Load a model with the engine of its format: MLX folders with mlx-lm, GGUF files with llama.cpp."""
    if model.format == "mlx":
        from agent.models.engines.mlx import Mlx

        return Mlx(model.path)
    from agent.models.engines.llama_cpp import LlamaCpp

    return LlamaCpp(model.path, runtime_dir=runtime)
