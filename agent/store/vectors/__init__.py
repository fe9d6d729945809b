"""The disposable index over the vectors: Chroma in RAM, sealed to disk or rebuilt. The only importer of Chroma."""

from agent.store.vectors.index import IndexHome, VectorIndex

__all__ = ["IndexHome", "VectorIndex"]
