"""One number for reading: its unit, its rounding, its noun, and what the difference of two is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from agent.metrics.catalogue import Measure
from agent.metrics.compute import Figure
from agent.metrics.query import MetricQuery
from agent.metrics.units import conversion, rounded, shown

_NAMES = {
    "sum": "sum of", "mean": "mean", "min": "lowest", "max": "highest", "latest": "latest", "count": "number of",
    "days": "days with", "trend": "trend of", "streak": "longest streak of", "percentile": "percentile of",
    "ratio": "share of", "share": "share of", "correlate": "correlation of", "list": "",
}  # fmt: skip


def compared(query: MetricQuery, a: Figure, b: Figure) -> tuple[float, float, str]:
    """What of two figures is set side by side: sums over unequal numbers of days by their daily means."""
    if query.stat == "sum" and a.days != b.days and a.days and b.days:
        return a.total / a.days, b.total / b.days, " a day"
    return a.value or 0.0, b.value or 0.0, ""


def difference(query: MetricQuery, a: Figure, b: Figure) -> float:
    """First minus second in the shown unit; of clock times the minutes, the short way round."""
    if a.value is None or b.value is None:
        return math.nan
    x, y, _ = compared(query, a, b)
    if counted(a):
        return x - y
    if a.measure.kind == "clock":
        return (x - y + 720) % 1440 - 720
    return converted(x - y, a.measure, unit_of(query, a.measure), difference=True)


def unit_of(query: MetricQuery, measure: Measure) -> str:
    """The unit of the question where it fits the measure, else the one the owner prefers, else the canonical one."""
    for unit in (query.unit, query.units.get(measure.unit)):
        if unit and conversion(measure.unit, unit, measure=measure.id):
            return unit
    return measure.unit


def shown_unit(query: MetricQuery, figure: Figure) -> str:
    if figure.stat in ("days", "streak"):
        return noun(figure.measure)
    if query.stat in ("ratio", "share"):
        return "%"
    return "count" if counted(figure) else unit_of(query, figure.measure)


def listed_as(query: MetricQuery, figure: Figure) -> Figure:
    """The figure by which the groups are shown: days that pass a limit are listed with their values."""
    return replace(figure, stat="list") if query.listed else figure


def counted(figure: Figure) -> bool:
    return figure.stat in ("count", "days", "streak") or (
        figure.measure.kind == "events" and figure.measure.rollup == "count"
    )


def converted(value: float, measure: Measure, unit: str, *, difference: bool = False) -> float:
    factor, shift = conversion(measure.unit, unit, measure=measure.id) or (1.0, 0.0)
    return value * factor + (0.0 if difference else shift)


def number(value: float | None, unit: str, figure: Figure) -> float | int | str | None:
    if value is None or not math.isfinite(value):
        return None
    if figure.stat in ("days", "streak", "count"):
        return int(value) if value == int(value) else round(value, 4)
    if unit == "local time":
        return shown(value, unit)
    amount = value * 100 if unit == "%" or figure.stat in ("ratio", "share") else converted(value, figure.measure, unit)
    return int(round(amount, 6)) if round(amount, 6) == int(amount) else round(amount, 4)


def told_value(query: MetricQuery, figure: Figure) -> str:
    return told(query, figure, figure.value or 0.0)


def told(query: MetricQuery, figure: Figure, value: float) -> str:
    return plain_amount(value, unit_of(query, figure.measure), figure, convert=True)


def plain_amount(value: float | None, unit: str, figure: Figure, *, convert: bool = False, fine: bool = False) -> str:
    """A value with its unit; counts of a total are whole numbers of it ("8,234 steps" would repeat the name)."""
    if counted(figure):
        return rounded(value or 0.0)
    amount = converted(value or 0.0, figure.measure, unit) if convert else value or 0.0
    if unit == "hr":
        return shown(amount * 60, "min")
    if unit == "count" and figure.measure.kind == "total" and abs(amount) >= 10:
        return f"{round(amount):,}"
    if fine and unit not in ("%", "local time"):
        return f"{amount:.2g} {unit}".removesuffix(" count")
    return shown(amount, unit)


def days_said(count: int) -> str:
    return f"{count} days" if count > 1 else "day"


def lower(name: str) -> str:
    """A name within a sentence: "REM sleep" and "VO2 max" keep their capitals."""
    return name[0].lower() + name[1:] if name[1:2].islower() else name


def noun(measure: Measure, count: int = 0) -> str:
    """Day or night, in the plural for other counts than one."""
    noun = "night" if measure.kind in ("night", "clock") else "day"
    return noun if count == 1 else f"{noun}s"


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def statistic(query: MetricQuery, figure: Figure | None = None) -> str:
    """The name of the statistic asked for, or of the one that a figure holds (a trend's is the mean)."""
    stat = figure.stat if figure else query.stat
    if stat == "percentile":
        return "median" if query.quantile == 0.5 else f"{(query.quantile or 0.5) * 100:.0f}th percentile of"
    if query.absent:
        return "days without"
    if query.current:
        return "current streak of"
    return "mean" if figure and stat == "trend" else _NAMES[stat]
