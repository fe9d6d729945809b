"""The documents of a folder, as a source."""

from indexers.documents.source import Documents

__all__ = ["Documents"]
