"""The daily rollups that a query works on, and the one value that each day counts with."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import RUN_DISTANCE, RUN_PACE, RUN_TIME, Measure
from agent.metrics.query import Span, Stat
from agent.metrics.statistics import circular_mean, energetic_mean
from agent.store.samples import DayColumns, Samples

Floats = NDArray[np.float64]


class Days:
    """The rollups of a store as one answer reads them: each stretch of a measure at most once."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self._read: dict[tuple[str, date | None, date | None], DayColumns] = {}

    def rollups(self, measure: str, start: date | None, end: date | None) -> DayColumns:
        """See Samples.rollups."""
        key = (measure, start, end)
        if key not in self._read:
            self._read[key] = self.samples.rollups(measure, start, end)
        return self._read[key]


def loaded(days: Days, measure: Measure, span: Span, weekdays: frozenset[int]) -> DayColumns:
    return on(days.rollups(measure.id, span.start, span.end), weekdays)


def on(days: DayColumns, weekdays: frozenset[int]) -> DayColumns:
    """The days that fall on some weekdays; ordinal 1 was a Monday."""
    if len(weekdays) == 7:
        return days
    return where(days, np.isin((days.day - 1) % 7, list(weekdays)))


def where(days: DayColumns, at: NDArray[np.bool_]) -> DayColumns:
    return DayColumns(
        measure=days.measure, day=days.day[at], n=days.n[at], total=days.total[at], raw=days.raw[at],
        mean=days.mean[at], low=days.low[at], high=days.high[at], last=days.last[at],
        sources=days.sources[at],
    )  # fmt: skip


def clock(measure: Measure) -> bool:
    return measure.kind == "clock"


def values_of(days: DayColumns, measure: Measure, stat: Stat) -> Floats:
    """The value of each day that a statistic works on."""
    if measure.rollup == "last" or (measure.kind == "state" and stat == "latest"):
        return days.last
    if measure.kind in ("level", "state") or (measure.kind == "events" and stat in ("min", "max")):
        return {"max": days.high, "min": days.low, "latest": days.mean}.get(stat, days.mean)
    if measure.kind == "events" and measure.rollup == "count":
        return days.n.astype(np.float64)
    return days.total


def typical(measure: Measure, days: DayColumns, store: Days) -> float:
    """The mean over days as the measure wants it: on the clock, by energy, time by distance, for each event."""
    column = values_of(days, measure, "mean")
    if clock(measure):
        return circular_mean(column)
    if measure.rollup == "leq":
        return energetic_mean(column)
    if measure.id == RUN_PACE:
        start, end = date.fromordinal(int(days.day[0])), date.fromordinal(int(days.day[-1]) + 1)
        time, length = (shared(store.rollups(part, start, end), days).total.sum() for part in (RUN_TIME, RUN_DISTANCE))
        return float(time / length)
    if measure.kind == "events":
        return float(column.sum() / days.n.sum())
    return float(column.mean())


def shared(days: DayColumns, others: DayColumns) -> DayColumns:
    return where(days, np.isin(days.day, others.day))
