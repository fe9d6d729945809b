"""What a query lets in: workouts that pass a limit of their own, samples during workouts, days on which a condition holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import RUN_DISTANCE, WORKOUT, Measure, catalogue
from agent.metrics.compute.days import Days, where
from agent.metrics.compute.figures import passes, passing_days
from agent.metrics.query import Condition, MetricQuery, Threshold
from agent.metrics.rollup.merge import DAY_MS, Priority, Rows, by_day, covered, folded, usable
from agent.metrics.rollup.months import DISTANCE, activity, distances_of
from agent.store.samples import DayColumns, Samples, taken
from agent.vocabulary import Series

_MARGIN = timedelta(days=2)
_Bools = NDArray[np.bool_]
Stretches = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Starts and ends in Unix milliseconds, ascending, apart from each other."""


def opened(query: MetricQuery, samples: Samples, priority: Mapping[str, Priority] | None) -> Days:
    """The rollups that a query works on: all of them, or those of what it lets in."""
    narrow = query.only or query.during or query.on
    return Narrowed(query, samples, priority) if narrow else Days(samples)


def renamed(query: MetricQuery, measure: Measure) -> Measure:
    """The measure by the name of what is let in: "Heart rate during workouts". With a limit the days are told apart from it."""
    parts = [measure.name]
    if query.only:
        parts.append(query.only.words)
    if query.during:
        parts.append(f"during {catalogue()[query.during].name.lower()}")
    if query.on and not query.threshold:
        parts.append(query.on.words)
    return replace(measure, name=" ".join(parts)) if len(parts) > 1 else measure


class Narrowed(Days):
    """The rollups of what a query lets in; those of measures that it does not ask about are whole."""

    def __init__(self, query: MetricQuery, samples: Samples, priority: Mapping[str, Priority] | None = None) -> None:
        super().__init__(samples)
        self._query = query
        self._priority = priority or {}
        self._narrowed: dict[tuple[str, date | None, date | None], DayColumns] = {}

    def rollups(self, measure: str, start: date | None, end: date | None) -> DayColumns:
        """See Days."""
        key = (measure, start, end)
        if key not in self._narrowed:
            self._narrowed[key] = self._let_in(measure, start, end)
        return self._narrowed[key]

    def _let_in(self, measure: str, start: date | None, end: date | None) -> DayColumns:
        query = self._query
        asked = measure in query.measures
        if query.only and (asked or measure.partition("/")[0] == WORKOUT):
            found = self._rolled(measure, self.workouts(measure, start, end, query.only), start, end)
        elif query.during and asked:
            found = self._rolled(measure, self._within(measure, start, end), start, end)
        else:
            found = super().rollups(measure, start, end)
        return where(found, self._holds(query.on, found.day, start, end)) if query.on and asked else found

    def workouts(self, measure: str, start: date | None, end: date | None, limit: Threshold | None) -> Rows:
        """The workouts of a kind that start around the days [start, end) and pass the limit, each once."""
        bounds = self._bounds(WORKOUT, start, end)
        order = self._priority.get(WORKOUT)
        rows = folded(usable(self.samples.series(WORKOUT, *bounds), catalogue()[WORKOUT], priority=order))
        kind = measure.partition("/")[2]
        if kind:
            codes = [code for code, label in enumerate(rows.labels) if activity(label) == kind]
            rows = rows.take(np.isin(rows.label, codes))
        if limit is None:
            return rows
        if self._query.only_unit == "min":
            return rows.take(passes(rows.value, limit))
        lengths = distances_of(rows, usable(self.samples.series(DISTANCE, *bounds), catalogue()[RUN_DISTANCE]))
        return rows.take((lengths > 0) & passes(lengths, limit))

    def stretches(self, start: date | None, end: date | None) -> Stretches:
        """The times of the workouts that samples are asked of, those that overlap made one."""
        rows = self.workouts(self._query.during or WORKOUT, start, end, None)
        return covered(rows)[:2] if len(rows.start) else (rows.start, rows.end)

    def passing(self, measure: str, start: date, end: date) -> set[tuple[str, int]] | None:
        """(source, start) of the workouts that pass their own limit; None where there is no limit."""
        if self._query.only is None:
            return None
        rows = self.workouts(measure, start, end, self._query.only)
        return {(rows.names[at], moment) for at, moment in zip(rows.source.tolist(), rows.start.tolist(), strict=True)}

    def counts(self, measure: Measure, series: Series, days: NDArray[np.int64]) -> _Bools:
        """Which samples of a measure that is asked about lie on days, or in times, that are let in."""
        low, high = (date.fromordinal(int(day)) for day in (days.min(), days.max() + 1))
        if self._query.during:
            return inside(series.start, self.stretches(low, high))
        if self._query.only:
            return np.ones(len(days), bool)  # those that do not pass are shown, with why
        return np.isin(days, self.rollups(measure.id, low, high).day)

    def _within(self, measure: str, start: date | None, end: date | None) -> Rows:
        times = self.stretches(start, end)
        return usable(self._series(measure, times), catalogue()[measure], priority=self._priority.get(measure))

    def _series(self, measure: str, times: Stretches) -> Iterator[Series]:
        """The samples that start in the given times; read a month at a time, for there may be years of others."""
        starts, ends = times
        months = starts // (31 * DAY_MS)
        for month in np.unique(months).tolist():
            mine = months == month
            for rows in self.samples.series(measure, int(starts[mine].min()), int(ends[mine].max()) + 1):
                yield taken(rows, inside(rows.start, (starts[mine], ends[mine])))

    def _rolled(self, measure: str, rows: Rows, start: date | None, end: date | None) -> DayColumns:
        found = [
            day
            for day in by_day(rows, catalogue()[measure])
            if (start is None or day.day >= start) and (end is None or day.day < end)
        ]
        return DayColumns.of(measure, found)

    def _holds(self, condition: Condition, days: NDArray[np.int64], start: date | None, end: date | None) -> _Bools:
        """On which of the days the condition holds; without any event only where events were being recorded."""
        measure = catalogue()[condition.measure]
        known = super().rollups(condition.measure, start, end)
        passing = known.day[passing_days(known, measure, condition.threshold)]
        if not condition.absent:
            return np.isin(days, passing)
        extent = self.samples.rolled_days(condition.measure.partition("/")[0])
        if extent is None:
            return np.zeros(len(days), bool)
        recorded = (days >= extent[0].toordinal()) & (days <= extent[1].toordinal())
        return recorded & ~np.isin(days, passing)

    def _bounds(self, measure: str, start: date | None, end: date | None) -> tuple[int, int]:
        extent = self.samples.rolled_days(measure) or (date(1970, 1, 1), date(1970, 1, 1))
        first, last = (start or extent[0]) - _MARGIN, (end or extent[1]) + _MARGIN
        low, high = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1000 for d in (first, last))
        return low, high


def inside(moments: NDArray[np.int64], times: Stretches) -> _Bools:
    """Which moments lie in one of the stretches of time."""
    starts, ends = times
    if not len(starts):
        return np.zeros(len(moments), bool)
    at = np.searchsorted(starts, moments, side="right") - 1
    within: _Bools = (at >= 0) & (moments <= ends[np.maximum(at, 0)])
    return within
