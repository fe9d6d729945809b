"""Words become a MetricQuery: `read` by rules, `fill` with a language model that may only copy; `about` and `nearest`."""

from agent.metrics.question.reader import read

__all__ = ["read"]
