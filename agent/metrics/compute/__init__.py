"""Arithmetic over daily rollups: a MetricQuery becomes numbers with their coverage, units and sources."""

from agent.metrics.compute.answer import answer
from agent.metrics.compute.result import Figure, GroupRow, MetricResult

__all__ = ["Figure", "GroupRow", "MetricResult", "answer"]
