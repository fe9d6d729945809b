"""One number about one measure: the statistic of its days, with what it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import BEDTIME, Measure
from agent.metrics.compute.days import Days, Floats, clock, typical, values_of
from agent.metrics.compute.result import Figure
from agent.metrics.query import MetricQuery, Span, Stat, Threshold
from agent.metrics.statistics import circular_mean, clock_distance, longest_run
from agent.store.samples import DayColumns


def figure_of(
    query: MetricQuery, measure: Measure, days: DayColumns, span: Span, weekdays: frozenset[int], store: Days
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
        of=days_in(start, span.end, weekdays),
        total=float(values_of(days, measure, "sum").sum()),
        n=int(days.n.sum()),
        sources=days.names(),
        overlap=max(0.0, (raw - float(days.total.sum())) / raw) if raw > 0 and measure.kind == "total" else 0.0,
    )
    if measure.kind == "events" and stat in ("count", "sum", "days") and _recorded(store, measure, start, span.end):
        # While events are being recorded, none is a zero; nothing measured would be no number.
        figure = replace(figure, value=0.0)
    if query.absent and figure.value is not None:
        figure = replace(figure, value=float(figure.of - figure.days))
    if not len(days.day):
        return figure
    column = values_of(days, measure, stat)
    match stat:
        case "min" | "max":
            at = extreme(column, measure, stat)
            return replace(figure, value=float(column[at]), when=date.fromordinal(int(days.day[at])))
        case "latest":
            at = -1
            if query.threshold:
                passing = np.flatnonzero(passing_days(days, measure, query.threshold))
                if not len(passing):
                    return figure
                at = int(passing[-1])
            return replace(figure, value=float(column[at]), when=date.fromordinal(int(days.day[at])))
        case "sum":
            return replace(figure, value=float(column.sum()))
        case "count":
            return replace(figure, value=float(days.n.sum()) if query.per is None else rate(query, figure))
        case "days":
            if query.absent:
                return figure
            return replace(figure, value=float(passing_days(days, measure, query.threshold).sum()))
        case "streak":
            return streak(figure, days.day[passing_days(days, measure, query.threshold)], current=query.current)
        case "percentile":
            return replace(figure, value=quantile_of(column, measure, query.quantile or 0.5))
        case _:
            return replace(figure, value=_mean(query, measure, days, figure, store))


def streak(figure: Figure, passing: NDArray[np.int64], *, current: bool) -> Figure:
    """The longest run of passing days, or the one that reaches the last day of the range."""
    if current:
        held, last, length = set(passing.tolist()), figure.end.toordinal() - 1, 0
        while last - length in held:
            length += 1
        first = last - length + 1
    else:
        first, length = longest_run(passing)
    when = date.fromordinal(first) if length else None
    return replace(figure, value=float(length), when=when, until=when and when + timedelta(days=length - 1))


def _recorded(store: Days, measure: Measure, start: date | None, end: date) -> bool:
    extent = store.samples.rolled_days(measure.id.partition("/")[0])
    return start is not None and extent is not None and extent[0] < end and extent[1] >= start


def days_in(start: date | None, end: date, weekdays: frozenset[int]) -> int:
    if start is None:
        return 0
    weeks, rest = divmod((end - start).days, 7)
    return weeks * len(weekdays) + sum((start.weekday() + day) % 7 in weekdays for day in range(rest))


def extreme(column: Floats, measure: Measure, stat: Stat) -> int:
    ranked = clock_distance(column, circular_mean(column)) if clock(measure) else column
    return int(ranked.argmax() if stat == "max" else ranked.argmin())


def rate(query: MetricQuery, figure: Figure) -> float:
    """Events a day, week or month of the range; days without any count too."""
    return figure.n / max(figure.of, 1) * days_per(query)


def days_per(query: MetricQuery) -> float:
    return {"day": 1.0, "week": 7.0, "month": 365.2425 / 12}[query.per or "day"]


def _mean(query: MetricQuery, measure: Measure, days: DayColumns, figure: Figure, store: Days) -> float:
    """The mean of the days with data; of a total or of events that for the length of `per`."""
    if measure.kind == "events" and query.per is not None:
        return rate(query, figure)
    if query.per is not None and sparse(measure):
        return figure.total / max(figure.of, 1) * days_per(query)
    return typical(measure, days, store) * (days_per(query) if measure.kind == "total" else 1.0)


def sparse(measure: Measure) -> bool:
    """Whether a day without data is a day without any of it, as for runs and rides, and not a day unmeasured."""
    way = measure.id.startswith("HKQuantityTypeIdentifierDistance") and not measure.id.endswith("WalkingRunning")
    return measure.kind == "total" and (way or measure.group == "workout")


def quantile_of(column: Floats, measure: Measure, quantile: float) -> float:
    if not clock(measure):
        return float(np.quantile(column, quantile))
    middle = circular_mean(column)
    return float((middle + np.quantile(clock_distance(column, middle), quantile)) % 1440)


def passing_days(days: DayColumns, measure: Measure, threshold: Threshold | None) -> NDArray[np.bool_]:
    """Which days pass; a level passes with its highest (lowest) value, a clock time on the clock of a night."""
    if threshold is None:
        return days.n > 0
    column, limit = values_of(days, measure, deciding(threshold)), threshold.value
    if clock(measure):
        # Noon (18:00 for waking) is where no night breaks, so times before and after midnight are in order.
        pivot = 720 if measure.id == BEDTIME else 1080
        column, limit = (column - pivot) % 1440, (limit - pivot) % 1440
    return passes(column, replace(threshold, value=limit))


def deciding(threshold: Threshold) -> Stat:
    """Which value of a day passes a limit or not: its highest, its lowest, or between two its mean."""
    return "mean" if threshold.op == "between" else "max" if threshold.op in (">", ">=") else "min"


def passes(column: Floats, threshold: Threshold) -> NDArray[np.bool_]:
    """Which values pass a limit."""
    match threshold.op:
        case ">":
            return column > threshold.value
        case ">=":
            return column >= threshold.value
        case "<":
            return column < threshold.value
        case "<=":
            return column <= threshold.value
        case "between":
            return (column >= threshold.value) & (column <= threshold.upper)
