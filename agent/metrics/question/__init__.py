"""Words become a MetricQuery: `read` by rules alone, `fill` with a language model that may only copy words."""

from agent.metrics.question.filling import About, Unread, about, fill, unread
from agent.metrics.question.reader import read

__all__ = ["About", "Unread", "about", "fill", "read", "unread"]
