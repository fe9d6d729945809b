"""Numbers in words by fixed templates."""

from agent.metrics.phrase.grounds import grounds
from agent.metrics.phrase.reading import read_as, reading, values
from agent.metrics.phrase.sentences import sentence, text

__all__ = ["grounds", "read_as", "reading", "sentence", "text", "values"]
