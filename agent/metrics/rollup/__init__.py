"""From samples to one truth a day: sources merged, nights found, months kept up to date."""

from agent.metrics.rollup.months import activity, rebuild, refresh

__all__ = ["activity", "rebuild", "refresh"]
