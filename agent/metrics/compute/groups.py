"""The same statistic for each weekday, week, month, source or kind of workout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import numpy as np

from agent.metrics.catalogue import WORKOUT, Measure, catalogue
from agent.metrics.compute.days import Days, loaded, typical, values_of, where
from agent.metrics.compute.figures import deciding, figure_of, passing_days, quantile_of
from agent.metrics.compute.result import GroupRow, MetricResult
from agent.metrics.query import Group, MetricQuery, Stat
from agent.metrics.rollup.merge import DAY_MS, usable
from agent.store.samples import DayColumns
from agent.when import unit_of

_EPOCH = date(1970, 1, 1).toordinal()
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def grouped(query: MetricQuery, measure: Measure, store: Days) -> MetricResult:
    kept: bool = query.stat in ("count", "days", "percentile") or (query.stat in ("min", "max") and query.pick is None)
    listed = query.stat == "list" and measure.kind == "events"
    stat: Stat = query.stat if kept else "count" if listed else "sum" if measure.kind == "total" else "mean"
    days = loaded(store, measure, query.span, query.weekdays)
    if query.listed:
        stat = "days"
    whole = figure_of(replace(query, stat=stat), measure, days, query.span, query.weekdays, store)
    if query.listed:
        days = where(days, passing_days(days, measure, query.threshold))
    if query.group_by == "activity":
        rows = [_activity(query, name, store) for name in store.samples.rolled() if name.startswith(f"{WORKOUT}/")]
    elif query.group_by == "source":
        rows = _by_source(query, measure, store)
    else:
        rows = _by_time(query, measure, days, store)
    return MetricResult(query=query, figures=(whole,), groups=tuple(row for row in rows if row.value is not None))


def _by_time(query: MetricQuery, measure: Measure, days: DayColumns, store: Days) -> list[GroupRow]:
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
    unique, firsts = np.unique(keys, return_index=True)
    found = unique.tolist()
    if query.pick and group in ("week", "month", "quarter", "year"):
        found = _whole(query, group, dict(zip(found, days.day[firsts].tolist(), strict=True))) or found
    rows = []
    for key in found:
        mine = where(days, keys == key)
        value = _group_value(query, measure, mine, store, group)
        rows.append(GroupRow(label=_label(group, key), value=value, days=len(mine.day)))
    return rows


def _whole(
    query: MetricQuery, unit: Literal["week", "month", "quarter", "year"], firsts: Mapping[int, int]
) -> list[int]:
    """The keys of groups that lie wholly in the range: a month that has just begun is not the one of fewest steps.

    `firsts` holds the first day with data of each group.
    """
    begin = query.span.start or date.fromordinal(min(firsts.values()))
    units = {key: unit_of(date.fromordinal(first), unit) for key, first in firsts.items()}
    return [key for key, (start, end) in units.items() if begin <= start and end <= query.span.end]


def _group_value(query: MetricQuery, measure: Measure, days: DayColumns, store: Days, group: Group) -> float:
    """What adds up is summed, save over weekdays, of which a range holds unequal numbers; the rest is averaged."""
    if query.stat == "count":
        return float(days.n.sum())
    if query.listed:  # what made the day pass
        return float(values_of(days, measure, deciding(query.listed))[0])
    if query.stat == "days":
        return float(passing_days(days, measure, query.threshold).sum())
    if query.stat == "percentile":
        return quantile_of(values_of(days, measure, "percentile"), measure, query.quantile or 0.5)
    if measure.kind == "total" and query.stat in ("min", "max") and query.pick is None:
        column = values_of(days, measure, query.stat)
        return float(column.max() if query.stat == "max" else column.min())
    if measure.kind in ("total", "events") and group != "weekday" and query.stat != "mean":
        return float(values_of(days, measure, "sum").sum())
    if measure.kind in ("level", "state") and query.stat in ("min", "max") and query.pick is None:
        column = values_of(days, measure, query.stat)
        return float(column.max() if query.stat == "max" else column.min())
    return typical(measure, days, store)


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


def _activity(query: MetricQuery, name: str, store: Days) -> GroupRow:
    days = loaded(store, catalogue()[name], query.span, query.weekdays)
    value = float(days.n.sum() if query.stat == "count" else days.total.sum())
    return GroupRow(label=name.partition("/")[2], value=value or None, days=len(days.day))


def _by_source(query: MetricQuery, measure: Measure, store: Days) -> list[GroupRow]:
    """What each source says by itself, before merging."""
    first = query.span.start or date(1970, 1, 1)
    start, end = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1000 for d in (first, query.span.end))
    rows = usable(store.samples.series(measure.id, start - DAY_MS, end + DAY_MS), measure)
    day = rows.day()
    weekday = np.isin((day - 1) % 7, list(query.weekdays))
    rows = rows.take((day >= first.toordinal()) & (day < query.span.end.toordinal()) & weekday)
    out = []
    for source in np.unique(rows.source).tolist():
        mine = rows.source == source
        value = rows.value[mine].sum() if measure.kind in ("total", "events") else rows.value[mine].mean()
        out.append(GroupRow(label=rows.names[source], value=float(value), days=len(np.unique(rows.day()[mine]))))
    return out
