"""How a question was understood, and its numbers, as data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

from agent.metrics.compute import Figure, GroupRow, MetricResult
from agent.metrics.phrase.amounts import (
    compared,
    converted,
    counted,
    difference,
    listed,
    listed_as,
    lower,
    noun,
    number,
    shown_unit,
    statistic,
    unit_of,
)
from agent.metrics.query import MetricQuery, Span, Threshold
from agent.vocabulary import Value
from agent.when.spell import spelled, weekday

_MOST_NAMES = 3
"""More measures than that are a whole night."""
_PLACED = ("min", "max", "latest", "streak")


def reading(result: MetricResult) -> str:
    """How the question was understood: "mean Resting heart rate, 1–31 Mar 2025 vs 1–30 Apr 2025"."""
    query = result.query
    names = " and ".join(dict.fromkeys(lower(figure.measure.name) for figure in result.figures))
    if len(query.measures) > _MOST_NAMES:
        names = "of the night (sleep, stages, bed and wake times)"
    if query.goal:
        names = "all rings closed" if len(query.measures) > 1 else f"{names} closed"
    if query.stat == "ratio":
        names = f"{names} of the whole"
    head = f"{statistic(query)} {names}".strip()
    if query.threshold:
        head += f" {query.threshold.words}"
    if query.per and query.stat in ("mean", "count"):
        head += f" per {query.per}"
    if query.group_by:
        head += f" by {query.group_by}"
    return ", ".join([head, " vs ".join(dict.fromkeys(ranges(result))), *_filters(query)])


def read_as(result: MetricResult) -> dict[str, object]:
    """The same as data: measures, statistic, ranges as first and last day, filters, coverage, and the line itself."""
    query = result.query
    out: dict[str, object] = {
        "measures": [figure.measure.id for figure in result.figures[: len(query.measures)]],
        "statistic": query.stat,
        "from": _iso(query.span.start),
        "to": (query.span.end - timedelta(days=1)).isoformat(),
        "line": reading(result),
    }
    if query.against:
        out["against"] = [_iso(query.against.start), (query.against.end - timedelta(days=1)).isoformat()]
    if query.threshold:
        out["threshold"] = _limit(query.threshold)
    if query.only:
        out["only"] = {**_limit(query.only), "unit": query.only_unit}
    if query.during:
        out["during"] = query.during
    if query.on:
        limit = query.on.threshold and _limit(query.on.threshold)
        out["on_days"] = {"measure": query.on.measure, "threshold": limit, "absent": query.on.absent}
    more: dict[str, object] = {
        "group_by": query.group_by,
        "per": query.per,
        "pick": query.pick,
        "lag_days": query.lag,
        "unit": unit_of(query, result.figures[0].measure) if query.unit else None,
        "weekdays": [weekday(day) for day in sorted(query.weekdays)] if len(query.weekdays) < 7 else None,
    }
    out |= {name: value for name, value in more.items() if value}
    if result.found:
        out["coverage"] = [{"days": figure.days, "of": figure.of} for figure in result.figures]
    return out


def _limit(threshold: Threshold) -> dict[str, object]:
    found: dict[str, object] = {"op": threshold.op, "value": threshold.value}
    return {**found, "upper": threshold.upper} if threshold.op == "between" else found


def values(result: MetricResult) -> tuple[Value, ...]:
    """Every number of the answer in the unit it is shown in; percentages are 0 to 100, clock times "HH:MM".

    The number that was asked for comes first: the chosen group, else the figures; then differences and details.
    """
    query, head = result.query, listed_as(result.query, result.figures[0])
    unit = shown_unit(query, head) if query.group_by else "count" if counted(head) else unit_of(query, head.measure)
    figures = [
        Value(
            name=f"{statistic(query, figure)} {lower(figure.measure.name)}",
            value=number(figure.value, unit_of(query, figure.measure), figure),
            unit=shown_unit(query, figure),
            start=figure.when if figure.stat in _PLACED and figure.when else figure.start,
            end=_value_end(figure),
        )
        for figure in result.figures
    ]
    groups = [
        Value(
            name=row.label,
            value=number(row.value, unit, head),
            unit=unit,
            start=day,
            end=day and day + timedelta(days=1),
        )
        for row in ordered(result)
        for day in [date.fromisoformat(row.label) if query.group_by == "day" else None]
    ]
    details: dict[str, tuple[float, str]] = {}
    for pair in result.pairs:
        each, mine = compared(query, *pair)[2], shown_unit(query, pair[0])
        name = f" of {lower(pair[0].measure.name)}" if len(result.pairs) > 1 else ""
        details[f"difference{each}{name}"] = (difference(query, *pair), "min" if mine == "local time" else mine)
    for figure, found in zip(result.figures, result.trends, strict=bool(result.trends)):
        if found is None:
            continue
        head, unit = figure, unit_of(query, figure.measure)
        name = f" of {lower(figure.measure.name)}" if len(result.trends) > 1 else ""
        change = converted(found.last - found.first, head.measure, unit, difference=True)
        slope = converted(found.slope, head.measure, unit, difference=True)
        details |= {f"change from first to last days{name}": (change, unit), f"change per week{name}": (slope, unit)}
    if query.stat == "share":
        details |= {"passing": (head.total, _things(result)), "of": (float(head.n), _things(result))}
    if result.link:
        details["Spearman's rho"] = (result.link.rho, "")
    rest = [
        Value(name=name, value=round(value * (100 if unit == "%" else 1), 4), unit=unit, start=head.start, end=head.end)
        for name, (value, unit) in details.items()
        if math.isfinite(value)
    ]
    return tuple([*groups, *figures, *rest] if query.pick else [*figures, *groups, *rest])


def _things(result: MetricResult) -> str:
    """What a share counts."""
    return "workouts" if result.query.only else noun(result.figures[0].measure)


def _value_end(figure: Figure) -> date:
    last = figure.until or figure.when
    return last + timedelta(days=1) if figure.stat in _PLACED and last else figure.end


def ordered(result: MetricResult) -> tuple[GroupRow, ...]:
    """The groups in their order; best (or worst) first where one was asked for."""
    if result.query.pick is None:
        return result.groups
    return tuple(sorted(result.groups, key=lambda row: row.value or 0.0, reverse=result.query.pick == "max"))


def _filters(query: MetricQuery) -> Iterator[str]:
    sides = [days for days in (query.weekdays, query.against_weekdays) if days is not None]
    named = [
        "weekdays" if s == set(range(5)) else "weekends" if s == {5, 6} else _named(s) for s in sides if len(s) < 7
    ]
    if named:
        yield " vs ".join(named)
    if query.span.partial:
        yield "today so far"


def _named(days: frozenset[int]) -> str:
    return listed([f"{weekday(day)}" for day in sorted(days)])


def ranges(result: MetricResult) -> Iterator[str]:
    for figure, span in zip(result.figures, _spans(result), strict=False):
        yield days_of(result.query, figure) if span.start or figure.start else "all your data"


def days_of(query: MetricQuery, figure: Figure) -> str:
    """The days of a figure, or its night."""
    days = spelled(figure.start, figure.end)
    if query.on and query.threshold:
        days = f"{query.on.words}, {days}"
    return f"the night to {days}" if query.span.asleep else days


def _spans(result: MetricResult) -> Iterator[Span]:
    second = result.query.against if result.pairs else None
    for i, _ in enumerate(result.figures):
        yield second if second and i % 2 else result.query.span


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
