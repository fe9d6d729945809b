"""Arithmetic over daily rollups: a MetricQuery becomes numbers with their coverage, units and sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import BEDTIME, RUN_DISTANCE, RUN_PACE, RUN_TIME, WORKOUT, Measure, catalogue
from agent.metrics.query import Group, MetricQuery, Span, Stat, Threshold
from agent.metrics.rollup.merge import DAY_MS, usable
from agent.metrics.statistics import (
    Link,
    Trend,
    circular_mean,
    clock_distance,
    energetic_mean,
    link,
    longest_run,
    trend,
)
from agent.store.samples import DayColumns, Samples

Floats = NDArray[np.float64]
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number about one measure in its canonical unit; None is "no data".

    `days` of `of` days of the range [start, end) have data. `when` is the day of an extreme or latest value or the
    first of a streak, `until` the last of a streak. `total` and `n` go with every figure of a measure that adds up.
    `overlap` is the share of the plain sum over sources that merging left out.
    """

    measure: Measure
    stat: Stat
    value: float | None
    start: date | None
    end: date
    days: int = 0
    of: int = 0
    total: float = 0.0
    n: int = 0
    when: date | None = None
    until: date | None = None
    sources: tuple[str, ...] = ()
    overlap: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """The value of one group of days, None where it has no data; `days` with data."""

    label: str
    value: float | None
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """What a query came to. A comparison has two figures of one measure; the other parts are set where they apply.

    `extent` are the days [first, end) that have data on the first measure at all.
    """

    query: MetricQuery
    figures: tuple[Figure, ...]
    trend: Trend | None = None
    link: Link | None = None
    groups: tuple[GroupRow, ...] = ()
    extent: tuple[date, date] | None = None

    @property
    def found(self) -> bool:
        """Whether there is any number at all."""
        if self.query.group_by:
            return bool(self.groups)
        return any(figure.value is not None for figure in self.figures)


def answer(query: MetricQuery, samples: Samples) -> MetricResult:
    """Compute a query from the rollups. Only a group by source reads samples."""
    days = samples.rolled_days(query.measures[0])
    return replace(_answered(query, samples), extent=days and (days[0], days[1] + timedelta(days=1)))


def _answered(query: MetricQuery, samples: Samples) -> MetricResult:
    measures = [catalogue()[measure] for measure in query.measures]
    match query.stat:
        case "correlate":
            return _correlated(query, measures, samples)
        case "ratio":
            return MetricResult(query=query, figures=(_ratio(query, measures, samples),))
        case _:
            pass
    if query.group_by:
        return _grouped(query, measures[0], samples)
    result = _plain(query, measures, samples)
    if query.stat == "trend":
        days = _loaded(samples, measures[0], query.span, query.weekdays)
        return replace(result, trend=trend(days.day, _column(days, measures[0], "mean"), clock=_clock(measures[0])))
    return result


def _plain(query: MetricQuery, measures: Sequence[Measure], samples: Samples) -> MetricResult:
    sides: list[tuple[Span, frozenset[int]]] = [(query.span, query.weekdays)]
    if query.against:
        sides.append((query.against, query.weekdays))
    if query.against_weekdays is not None:
        sides.append((query.span, query.against_weekdays))
    figures = [
        _figure(query, measure, _loaded(samples, measure, span, weekdays), span, weekdays, samples)
        for measure in measures
        for span, weekdays in sides
    ]
    return MetricResult(query=query, figures=tuple(figures))


def _loaded(samples: Samples, measure: Measure, span: Span, weekdays: frozenset[int]) -> DayColumns:
    return _on(samples.rollups(measure.id, span.start, span.end), weekdays)


def _on(days: DayColumns, weekdays: frozenset[int]) -> DayColumns:
    """The days that fall on some weekdays; ordinal 1 was a Monday."""
    if len(weekdays) == 7:
        return days
    return _where(days, np.isin((days.day - 1) % 7, list(weekdays)))


def _where(days: DayColumns, at: NDArray[np.bool_]) -> DayColumns:
    return DayColumns(
        measure=days.measure, day=days.day[at], n=days.n[at], total=days.total[at], raw=days.raw[at],
        mean=days.mean[at], low=days.low[at], high=days.high[at], last=days.last[at],
        sources=days.sources[at],
    )  # fmt: skip


def _clock(measure: Measure) -> bool:
    return measure.kind == "clock"


def _column(days: DayColumns, measure: Measure, stat: Stat) -> Floats:
    """The value of each day that a statistic works on."""
    if measure.rollup == "last" or (measure.kind == "state" and stat == "latest"):
        return days.last
    if measure.kind in ("level", "state") or (measure.kind == "events" and stat in ("min", "max")):
        return {"max": days.high, "min": days.low, "latest": days.mean}.get(stat, days.mean)
    if measure.kind == "events" and measure.rollup == "count":
        return days.n.astype(np.float64)
    return days.total


def _figure(
    query: MetricQuery, measure: Measure, days: DayColumns, span: Span, weekdays: frozenset[int], samples: Samples
) -> Figure:
    stat = query.stat
    start = span.start or (date.fromordinal(int(days.day[0])) if len(days.day) else None)
    raw = float(days.raw.sum())
    figure = Figure(
        measure=measure,
        stat=stat,
        value=None,
        start=start,
        end=span.end,
        days=len(days.day),
        of=_days_in(start, span.end, weekdays),
        total=float(_column(days, measure, "sum").sum()),
        n=int(days.n.sum()),
        sources=days.names(),
        overlap=max(0.0, (raw - float(days.total.sum())) / raw) if raw > 0 and measure.kind == "total" else 0.0,
    )
    if measure.kind == "events" and stat in ("count", "sum", "days") and _recorded(samples, measure, start, span.end):
        # While events are being recorded, none is a zero; nothing measured would be no number.
        figure = replace(figure, value=0.0)
    if not len(days.day):
        return figure
    column = _column(days, measure, stat)
    match stat:
        case "min" | "max":
            at = _extreme(column, measure, stat)
            return replace(figure, value=float(column[at]), when=date.fromordinal(int(days.day[at])))
        case "latest":
            return replace(figure, value=float(column[-1]), when=date.fromordinal(int(days.day[-1])))
        case "sum":
            return replace(figure, value=float(column.sum()))
        case "count":
            return replace(figure, value=float(days.n.sum()) if query.per is None else _rate(query, figure))
        case "days":
            return replace(figure, value=float(_passing(days, measure, query.threshold).sum()))
        case "streak":
            passing = days.day[_passing(days, measure, query.threshold)]
            first, length = longest_run(passing)
            when = date.fromordinal(first) if length else None
            return replace(figure, value=float(length), when=when, until=when and when + timedelta(days=length - 1))
        case "percentile":
            return replace(figure, value=_quantile(column, measure, query.quantile or 0.5))
        case _:
            return replace(figure, value=_mean(query, measure, days, figure, samples))


def _recorded(samples: Samples, measure: Measure, start: date | None, end: date) -> bool:
    extent = samples.rolled_days(measure.id.partition("/")[0])
    return start is not None and extent is not None and extent[0] < end and extent[1] >= start


def _days_in(start: date | None, end: date, weekdays: frozenset[int]) -> int:
    if start is None:
        return 0
    weeks, rest = divmod((end - start).days, 7)
    return weeks * len(weekdays) + sum((start.weekday() + day) % 7 in weekdays for day in range(rest))


def _extreme(column: Floats, measure: Measure, stat: Stat) -> int:
    ranked = clock_distance(column, circular_mean(column)) if _clock(measure) else column
    return int(ranked.argmax() if stat == "max" else ranked.argmin())


def _rate(query: MetricQuery, figure: Figure) -> float:
    """Events a day, week or month of the range; days without any count too."""
    return figure.n / max(figure.of, 1) * _days_per(query)


def _days_per(query: MetricQuery) -> float:
    return {"day": 1.0, "week": 7.0, "month": 365.2425 / 12}[query.per or "day"]


def _mean(query: MetricQuery, measure: Measure, days: DayColumns, figure: Figure, samples: Samples) -> float:
    """The mean of the days with data; of a total or of events that for the length of `per`."""
    if measure.kind == "events" and query.per is not None:
        return _rate(query, figure)
    return _typical(measure, days, samples) * (_days_per(query) if measure.kind == "total" else 1.0)


def _typical(measure: Measure, days: DayColumns, samples: Samples) -> float:
    """The mean over days as the measure wants it: on the clock, by energy, time by distance, for each event."""
    column = _column(days, measure, "mean")
    if _clock(measure):
        return circular_mean(column)
    if measure.rollup == "leq":
        return energetic_mean(column)
    if measure.id == RUN_PACE:
        start, end = date.fromordinal(int(days.day[0])), date.fromordinal(int(days.day[-1]) + 1)
        time, length = (
            _shared(samples.rollups(part, start, end), days).total.sum() for part in (RUN_TIME, RUN_DISTANCE)
        )
        return float(time / length)
    if measure.kind == "events":
        return float(column.sum() / days.n.sum())
    return float(column.mean())


def _shared(days: DayColumns, others: DayColumns) -> DayColumns:
    return _where(days, np.isin(days.day, others.day))


def _quantile(column: Floats, measure: Measure, quantile: float) -> float:
    if not _clock(measure):
        return float(np.quantile(column, quantile))
    middle = circular_mean(column)
    return float((middle + np.quantile(clock_distance(column, middle), quantile)) % 1440)


def _passing(days: DayColumns, measure: Measure, threshold: Threshold | None) -> NDArray[np.bool_]:
    """Which days pass; a level passes with its highest (lowest) value, a clock time on the clock of a night."""
    if threshold is None:
        return days.n > 0
    over = threshold.op in (">", ">=")
    column, limit = _column(days, measure, "max" if over else "min"), threshold.value
    if _clock(measure):
        # Noon (18:00 for waking) is where no night breaks, so times before and after midnight are in order.
        pivot = 720 if measure.id == BEDTIME else 1080
        column, limit = (column - pivot) % 1440, (limit - pivot) % 1440
    match threshold.op:
        case ">":
            return column > limit
        case ">=":
            return column >= limit
        case "<":
            return column < limit
        case "<=":
            return column <= limit


def _ratio(query: MetricQuery, measures: Sequence[Measure], samples: Samples) -> Figure:
    """The first measure as a share of the second over the days that have both."""
    part, whole = (_loaded(samples, measure, query.span, query.weekdays) for measure in measures)
    part, whole = _shared(part, whole), _shared(whole, part)
    total = float(whole.total.sum())
    figure = _figure(replace(query, stat="sum"), measures[0], part, query.span, query.weekdays, samples)
    return replace(figure, stat="ratio", value=float(part.total.sum()) / total if total else None)


def _correlated(query: MetricQuery, measures: Sequence[Measure], samples: Samples) -> MetricResult:
    first, second = (_loaded(samples, measure, query.span, query.weekdays) for measure in measures)
    common, mine, theirs = np.intersect1d(first.day + query.lag, second.day, return_indices=True)
    x, y = _column(first, measures[0], "mean")[mine], _column(second, measures[1], "mean")[theirs]
    x, y = (
        clock_distance(column, circular_mean(column)) if _clock(measure) and len(column) else column
        for column, measure in zip((x, y), measures, strict=True)
    )
    figures = _plain(replace(query, stat="mean"), measures, samples).figures
    return MetricResult(query=query, figures=figures, link=link(x, y) if len(common) else None)


_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _grouped(query: MetricQuery, measure: Measure, samples: Samples) -> MetricResult:
    stat: Stat = "count" if query.stat == "count" else "sum" if measure.kind == "total" else "mean"
    days = _loaded(samples, measure, query.span, query.weekdays)
    whole = _figure(replace(query, stat=stat), measure, days, query.span, query.weekdays, samples)
    if query.group_by == "activity":
        rows = [_activity(query, name, samples) for name in samples.rolled() if name.startswith(f"{WORKOUT}/")]
    elif query.group_by == "source":
        rows = _by_source(query, measure, samples)
    else:
        rows = _by_time(query, measure, days, samples)
    return MetricResult(query=query, figures=(whole,), groups=tuple(row for row in rows if row.value is not None))


def _by_time(query: MetricQuery, measure: Measure, days: DayColumns, samples: Samples) -> list[GroupRow]:
    group = query.group_by or "day"
    stamps = (days.day - _EPOCH).astype("datetime64[D]")
    match group:
        case "weekday":
            keys = (days.day - 1) % 7
        case "week":
            keys = (days.day - 1) // 7
        case "month":
            keys = stamps.astype("datetime64[M]").astype(np.int64)
        case "quarter":
            keys = stamps.astype("datetime64[M]").astype(np.int64) // 3
        case "year":
            keys = stamps.astype("datetime64[Y]").astype(np.int64)
        case _:
            keys = days.day
    rows = []
    for key in np.unique(keys).tolist():
        mine = _where(days, keys == key)
        value = _group_value(query, measure, mine, samples, group)
        rows.append(GroupRow(label=_label(group, key), value=value, days=len(mine.day)))
    return rows


def _group_value(query: MetricQuery, measure: Measure, days: DayColumns, samples: Samples, group: Group) -> float:
    """What adds up is summed, save over weekdays, of which a range holds unequal numbers; the rest is averaged."""
    if query.stat == "count":
        return float(days.n.sum())
    if measure.kind in ("total", "events") and group != "weekday" and query.stat != "mean":
        return float(_column(days, measure, "sum").sum())
    if measure.kind in ("level", "state") and query.stat in ("min", "max"):
        column = _column(days, measure, query.stat)
        return float(column.max() if query.stat == "max" else column.min())
    return _typical(measure, days, samples)


def _label(group: Group, key: int) -> str:
    match group:
        case "weekday":
            return _NAMES[key]
        case "week":
            return f"week of {date.fromordinal(key * 7 + 1).isoformat()}"
        case "month":
            return f"{1970 + key // 12}-{key % 12 + 1:02d}"
        case "quarter":
            return f"{1970 + key // 4} Q{key % 4 + 1}"
        case "year":
            return str(1970 + key)
        case _:
            return date.fromordinal(key).isoformat()


def _activity(query: MetricQuery, name: str, samples: Samples) -> GroupRow:
    days = _loaded(samples, catalogue()[name], query.span, query.weekdays)
    value = float(days.n.sum() if query.stat == "count" else days.total.sum())
    return GroupRow(label=name.partition("/")[2], value=value or None, days=len(days.day))


def _by_source(query: MetricQuery, measure: Measure, samples: Samples) -> list[GroupRow]:
    """What each source says by itself, before merging."""
    first = query.span.start or date(1970, 1, 1)
    start, end = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1000 for d in (first, query.span.end))
    rows = usable(samples.series(measure.id, start - DAY_MS, end + DAY_MS), measure)
    day = rows.day()
    weekday = np.isin((day - 1) % 7, list(query.weekdays))
    rows = rows.take((day >= first.toordinal()) & (day < query.span.end.toordinal()) & weekday)
    out = []
    for source in np.unique(rows.source).tolist():
        mine = rows.source == source
        value = rows.value[mine].sum() if measure.kind in ("total", "events") else rows.value[mine].mean()
        out.append(GroupRow(label=rows.names[source], value=float(value), days=len(np.unique(rows.day()[mine]))))
    return out
