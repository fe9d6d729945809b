"""What a number rests on: the days with what each source said of them, and the samples, with why any was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np

from agent.metrics.catalogue import (
    ASLEEP,
    IN_BED,
    NAP,
    NIGHT,
    RUN_DISTANCE,
    RUN_PACE,
    RUN_TIME,
    SLEEP,
    WORKOUT,
    Measure,
    catalogue,
)  # fmt: skip
from agent.metrics.compute.days import Days
from agent.metrics.compute.narrow import Narrowed, opened
from agent.metrics.query import MetricQuery, Span
from agent.metrics.rollup.merge import DAY_MS, MINUTE_MS, Priority, folded, judged, plain_name, usable
from agent.metrics.rollup.months import DISTANCE, activity
from agent.metrics.rollup.sleep import EVENING_MS
from agent.metrics.rollup.sweep import sweep
from agent.store.samples import Samples

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one source said of a day, and how much of that counts after merging; in the measure's canonical unit."""

    source: str
    said: float
    counted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEvidence:
    """One day that entered a number: its merged value, `n` samples, and who said what where sources compete."""

    measure: str
    day: date
    value: float
    unit: str
    n: int
    sources: tuple[str, ...]
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """One stored sample as the export gave it; `left_out` says why it does not count, and is empty where it does."""

    measure: str
    source: str
    device: str
    start: datetime
    end: datetime
    value: float
    unit: str
    label: str
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The ground of an answer: `days` of the range, the latest `rows` behind them, and how these were merged, in words.

    `whole` is false where there are more rows than were asked for.
    """

    days: tuple[DayEvidence, ...]
    rows: tuple[SampleRow, ...]
    rules: tuple[str, ...]
    whole: bool


_RULES = {
    "interval_priority": "Where sources overlap in time only the best one counts: your own order, else a watch before a"
    " phone before others; the rest fills the gaps.",
    "interval_union": "Times that overlap count once.",
    "night": "One source a night: with sleep stages before without, then your own order or a watch, then the longest;"
    " a night belongs to the date of waking.",
    "workout": "A workout that two apps recorded counts once: same kind, other source, over half of the time in common.",
    "plain": "Samples do not compete: each belongs to the local day it starts in; exact copies count once.",
}
_LEFT_OUT = "Values that cannot be true, unknown units and broken dates stay stored but out of every number."


def origin(measure: str) -> tuple[str, ...]:
    """The names under which the samples behind a measure are stored."""
    if measure in NIGHT or measure == NAP:
        return (SLEEP,)
    if measure in (RUN_PACE, RUN_TIME, RUN_DISTANCE):
        return WORKOUT, DISTANCE
    return (measure.partition("/")[0],)


def evidence(
    query: MetricQuery, samples: Samples, *, priority: Mapping[str, Priority] | None = None, limit: int = 200
) -> Evidence:
    """The days and the latest `limit` samples of each measure of a query, comparison ranges too."""
    spans = [span for span in (query.span, query.against) if span]
    days: list[DayEvidence] = []
    rows: list[SampleRow] = []
    rules: dict[str, None] = {}
    whole, store = True, opened(query, samples, priority)
    conditions = (query.during, query.on.measure if query.on else None)
    for measure in dict.fromkeys((*query.measures, *filter(None, conditions))):
        known = catalogue()[measure]
        rules[_RULES[_rule(known)]] = None
        for span in spans:
            order = (priority or {}).get(origin(measure)[0])
            found = tuple(_days(known, span, store, order))
            days += found
            if found or span.start:
                narrowed = store if isinstance(store, Narrowed) and measure in query.measures else None
                latest, complete = _rows(known, span.start or found[0].day, span.end, samples, order, limit, narrowed)
                rows += latest
                whole = whole and complete
    return Evidence(days=tuple(days), rows=tuple(dict.fromkeys(rows)), rules=(*rules, _LEFT_OUT), whole=whole)


def _rule(measure: Measure) -> str:
    if measure.id in NIGHT or measure.id == NAP:
        return "night"
    if origin(measure.id)[0] == WORKOUT:
        return "workout"
    return measure.merge if measure.merge in _RULES else "plain"


def _days(measure: Measure, span: Span, store: Days, priority: Priority | None) -> Iterator[DayEvidence]:
    shares = _shares(measure, span, store.samples, priority)
    for row in store.rollups(measure.id, span.start, span.end).rows():
        value = row.total if measure.kind in ("total", "night", "clock", "events") else row.mean
        if measure.kind == "events" and measure.rollup == "count":
            value = float(row.n)
        yield DayEvidence(
            measure=measure.id, day=row.day, value=value, unit=measure.unit, n=row.n, sources=row.sources,
            shares=shares.get(row.day, ()),
        )  # fmt: skip


def _shares(measure: Measure, span: Span, samples: Samples, priority: Priority | None) -> dict[date, tuple[Share, ...]]:
    """What each source said of each day, where a measure is merged by interval and the range is not endless."""
    if measure.merge != "interval_priority" or span.start is None or (span.end - span.start).days > _DETAILED:
        return {}
    first, last = _bounds(span.start, span.end)
    rows = usable(samples.series(measure.id, first, last), measure, priority=priority)
    if not len(rows.start):
        return {}
    swept = sweep(rows)
    return {
        date.fromordinal(int(day)): tuple(
            Share(source=name, said=float(swept.raw[s, i]), counted=float(swept.counted[s, i]))
            for s, name in enumerate(rows.names)
            if swept.raw[s, i] or swept.used[s, i]
        )
        for i, day in enumerate(swept.days)
    }


_DETAILED = 400
"""Days of a range up to which the shares of sources are worked out again from samples."""


def _bounds(start: date, end: date) -> tuple[int, int]:
    """Unix milliseconds around local days [start, end) of any zone; nights begin on the day before."""
    first, last = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1000 for d in (start, end))
    return first - DAY_MS, last + DAY_MS


def _rows(
    measure: Measure,
    first: date,
    end: date,
    samples: Samples,
    priority: Priority | None,
    limit: int,
    narrowed: Narrowed | None,
) -> tuple[list[SampleRow], bool]:
    """The latest samples behind a measure, newest first; walks back month by month until there are enough."""
    out: list[SampleRow] = []
    while end > first and len(out) <= limit:
        start = max(first, (end - timedelta(days=1)).replace(day=1))
        out += sorted(
            _between(measure, start, end, samples, priority, narrowed), key=lambda row: row.start, reverse=True
        )
        end = start
    return out[:limit], len(out) <= limit


def _between(
    measure: Measure, start: date, end: date, samples: Samples, priority: Priority | None, narrowed: Narrowed | None
) -> Iterator[SampleRow]:
    nightly = origin(measure.id) == (SLEEP,)
    chosen = _chosen(samples, start, end) if nightly else {}
    copies = _copies(measure, start, end, samples, priority)
    kept = narrowed.passing(measure.id, start, end) if narrowed else None
    kind = measure.id.partition("/")[2]
    for stored in origin(measure.id):
        known = catalogue().get(stored) or catalogue()[RUN_DISTANCE]
        for series in samples.series(stored, *_bounds(start, end)):
            reasons = judged(series, known)
            shift = series.offset.astype(np.int64) * MINUTE_MS
            moment = series.end + shift + EVENING_MS if nightly else series.start + shift
            days = moment // DAY_MS + _EPOCH
            within = (days >= start.toordinal()) & (days < end.toordinal())
            if narrowed and within.any():
                within &= narrowed.counts(measure, series, days)
            for i in np.flatnonzero(within).tolist():
                label = series.labels[series.label[i]] if len(series.label) else ""
                if kind and label and activity(label) != kind:
                    continue
                why = reasons[i]
                if not why and nightly and series.source not in chosen.get(int(days[i]), (series.source,)):
                    why = "another source tells this night"
                if not why and (plain_name(series.source), int(series.start[i])) in copies:
                    why = "a copy of a workout that another app recorded"
                if not why and kept is not None and (plain_name(series.source), int(series.start[i])) not in kept:
                    why = "a workout that does not pass the limit"
                zone = timezone(timedelta(minutes=int(series.offset[i])))
                yield SampleRow(
                    measure=stored, source=series.source, device=series.device, unit=series.unit, label=label,
                    start=datetime.fromtimestamp(series.start[i] / 1000, zone),
                    end=datetime.fromtimestamp(series.end[i] / 1000, zone),
                    value=float(series.value[i]), left_out=why,
                )  # fmt: skip


def _chosen(samples: Samples, start: date, end: date) -> dict[int, Sequence[str]]:
    """The source that tells each night, by wake date."""
    return {
        row.day.toordinal(): row.sources for measure in (IN_BED, ASLEEP) for row in samples.days(measure, start, end)
    }


def _copies(
    measure: Measure, start: date, end: date, samples: Samples, priority: Priority | None
) -> set[tuple[str, int]]:
    """(source, start) of workouts that are copies of another app's."""
    if origin(measure.id)[0] != WORKOUT:
        return set()
    rows = usable(samples.series(WORKOUT, *_bounds(start, end)), catalogue()[WORKOUT], priority=priority)
    kept = folded(rows)
    pairs = [
        {(r.names[s], int(t)) for s, t in zip(r.source.tolist(), r.start.tolist(), strict=True)} for r in (rows, kept)
    ]
    return pairs[0] - pairs[1]
