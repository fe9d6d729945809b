"""Health samples: packed by column and month, which exports count, and what is kept of each day."""

from agent.store.samples.columns import taken
from agent.store.samples.samples import (
    SAMPLE_SPANS,
    SAMPLE_TABLES,
    SAMPLES_SCHEMA,
    DayColumns,
    Samples,
    month_days,
    month_of,
    ordinal_of,
)

__all__ = [
    "SAMPLES_SCHEMA",
    "SAMPLE_SPANS",
    "SAMPLE_TABLES",
    "DayColumns",
    "Samples",
    "month_days",
    "month_of",
    "ordinal_of",
    "taken",
]
