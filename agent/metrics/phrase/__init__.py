"""Numbers in words by fixed templates."""

from agent.metrics.phrase.reading import read_as, reading, values
from agent.metrics.phrase.sentences import text

__all__ = ["read_as", "reading", "text", "values"]
