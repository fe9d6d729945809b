"""Keeps the daily rollups true to the samples: recomputes the months that changed, and only those."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import NAP, NIGHT, RUN_DISTANCE, RUN_PACE, RUN_TIME, SLEEP, WORKOUT, Measure, catalogue
from agent.metrics.rollup.merge import DAY_MS, Priority, Rows, by_day, by_union, folded, usable
from agent.metrics.rollup.sleep import nights
from agent.metrics.rollup.sweep import by_interval
from agent.store.samples import Samples, month_days, month_of
from agent.vocabulary import DayRollup

DISTANCE = "Workout.distance"
_RUNNING = "Running"
# Local days begin up to 14 hours before and end up to 12 hours after those of UTC; nights begin on the day before.
_MARGIN_MS = 2 * DAY_MS
_AT_ONCE = 12
"""Months in a row that are read and merged together: most of the cost of a sparse month is that of asking for it."""
_ROWS_AT_ONCE = 100_000
"""Of dense ones only so many that about so many samples are held."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ABSENT = ("NotPresent", "NoChange", "None", "Idle")


def refresh(samples: Samples, *, priority: Mapping[str, Priority] | None = None) -> int:
    """Recompute every (measure, month) that samples were added to or taken from; how many that were.

    `priority` holds the owner's order of sources for a measure, where there is one. Local days come from the offset
    that each sample carries. Runs in the caller's transaction.
    """
    dirty = samples.dirty()
    for measure, months in _runs(samples, dirty):
        _roll(samples, measure, months, (priority or {}).get(measure))
        for month in months:
            samples.settle(measure, month)
    return len(dirty)


def rebuild(samples: Samples, *, priority: Mapping[str, Priority] | None = None) -> int:
    """Recompute every month of every measure: for an order of sources that changed. How many (measure, month)."""
    done = 0
    for measure in samples.measures():
        extent = samples.extent(measure)
        if extent is None:
            continue
        first, last = (date(1970, 1, 1) + timedelta(milliseconds=moment) for moment in extent)
        # A month more on each side: local days and nights reach over the months of UTC.
        months = range(month_of(first) - 1, month_of(last) + 2)
        for _, part in _runs(samples, ((measure, month) for month in months)):
            _roll(samples, measure, part, (priority or {}).get(measure))
        done += len(months)
    return done


def _runs(samples: Samples, dirty: Iterable[tuple[str, int]]) -> Iterator[tuple[str, range]]:
    """Months of one measure that follow each other, some at a time; `dirty` ascends."""
    for measure, entries in groupby(dirty, key=itemgetter(0)):
        held = samples.rows_by_month(measure)
        months, rows = range(0), 0
        for _, month in entries:
            rows += held.get(month, 0)
            if month != months.stop or len(months) == _AT_ONCE or rows > _ROWS_AT_ONCE:
                if months:
                    yield measure, months
                months, rows = range(month, month), held.get(month, 0)
            months = range(months.start, month + 1)
        yield measure, months


def activity(label: str) -> str:
    """The plain name of a workout's kind: "HKWorkoutActivityTypeTraditionalStrengthTraining" is spelled in words."""
    return _CAMEL.sub(" ", label.removeprefix("HKWorkoutActivityType")).strip().capitalize() or "Other"


def _roll(samples: Samples, measure: str, months: range, priority: Priority | None) -> None:
    known = catalogue().get(measure)
    found: dict[str, list[DayRollup]]
    if measure == SLEEP and known:
        found = {name: [] for name in (*NIGHT, NAP)} | nights(_read(samples, known, months, priority))
    elif measure in (WORKOUT, DISTANCE):
        workouts = _read(samples, catalogue()[WORKOUT], months, priority)
        distances = _read(samples, catalogue()[RUN_DISTANCE], months, priority, stored=DISTANCE)
        # Kinds that vanished from the month have to lose their rollups too.
        found = {name: [] for name in samples.rolled() if name.startswith(f"{WORKOUT}/")}
        found |= dict(_workouts(workouts, distances))
    elif known:
        found = {measure: _merged(_read(samples, known, months, priority), known)}
    else:
        found = {}
    for name, rows in found.items():
        samples.write_rollups(name, months, rows)


def _read(
    samples: Samples, measure: Measure, months: range, priority: Priority | None, *, stored: str | None = None
) -> Rows:
    """Usable rows around some months; `stored` is the name in the store where it is not that of the measure."""
    first, following = month_days(months.start)[0], month_days(months.stop)[0]
    start, end = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1000 for d in (first, following))
    found = samples.series(stored or measure.id, start - _MARGIN_MS, end + _MARGIN_MS)
    return usable(found, measure, priority=priority)


def _merged(rows: Rows, measure: Measure) -> list[DayRollup]:
    if measure.merge == "interval_priority":
        return by_interval(rows, measure)
    if measure.rollup == "duration":
        return by_union(rows, measure)
    if measure.rollup == "count":
        absent = [code for code, label in enumerate(rows.labels) if label.endswith(_ABSENT)]
        rows = rows.take(~np.isin(rows.label, absent))
        return by_day(replace(rows, value=np.ones(len(rows.value))), measure)
    return by_day(rows, measure)


def _workouts(rows: Rows, distances: Rows) -> Iterator[tuple[str, list[DayRollup]]]:
    """All workouts, those of each kind, and the pace of runs."""
    rows = folded(rows)
    kinds: dict[str, list[int]] = {}
    for code, label in enumerate(rows.labels):
        kinds.setdefault(activity(label), []).append(code)
    yield WORKOUT, by_day(rows, catalogue()[WORKOUT])
    for kind, codes in kinds.items():
        mine = catalogue()[f"{WORKOUT}/{kind}"]
        yield mine.id, by_day(rows.take(np.isin(rows.label, codes)), mine)
    yield from _pace(rows.take(np.isin(rows.label, kinds.get(_RUNNING, []))), distances)


def distances_of(workouts: Rows, distances: Rows) -> NDArray[np.float64]:
    """The kilometres of each workout, 0 where they are not known."""
    starts = zip(distances.start.tolist(), distances.source.tolist(), distances.value.tolist(), strict=True)
    known = {(start, distances.names[source]): value for start, source, value in starts}
    pairs = zip(workouts.start.tolist(), workouts.source.tolist(), strict=True)
    return np.array([known.get((start, workouts.names[source]), 0.0) for start, source in pairs], np.float64)


def _pace(runs: Rows, distances: Rows) -> Iterator[tuple[str, list[DayRollup]]]:
    """Minutes and kilometres of the runs whose distance is known; the pace of a day is their ratio, not a mean."""
    length = distances_of(runs, distances)
    runs = runs.take(length > 0)
    times = by_day(runs, catalogue()[RUN_TIME])
    lengths = by_day(replace(runs, value=length[length > 0]), catalogue()[RUN_DISTANCE])
    yield RUN_TIME, times
    yield RUN_DISTANCE, lengths
    yield RUN_PACE, [_ratio(time, length) for time, length in zip(times, lengths, strict=True)]


def _ratio(time: DayRollup, length: DayRollup) -> DayRollup:
    pace = time.total / length.total
    return DayRollup(
        measure=RUN_PACE, day=time.day, n=time.n, total=pace, raw=pace, mean=pace, low=pace, high=pace, last=pace,
        sources=time.sources,
    )  # fmt: skip
