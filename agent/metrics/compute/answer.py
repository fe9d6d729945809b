"""A MetricQuery becomes numbers from the daily rollups. Only a group by source reads samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from agent.metrics.catalogue import Measure, catalogue
from agent.metrics.compute.days import Days, clock, loaded, shared, values_of
from agent.metrics.compute.figures import figure_of, streak
from agent.metrics.compute.groups import grouped
from agent.metrics.compute.narrow import opened, renamed
from agent.metrics.compute.night import night_figure
from agent.metrics.compute.result import Figure, MetricResult, Usual
from agent.metrics.query import USUAL_DAYS, MetricQuery, Span
from agent.metrics.rollup.merge import Priority
from agent.metrics.statistics import Trend, circular_mean, clock_distance, link, trend
from agent.store.samples import DayColumns, Samples

_STRETCHES = 40
_WEEK = 7
_ENOUGH = 30


def answer(query: MetricQuery, samples: Samples, *, priority: Mapping[str, Priority] | None = None) -> MetricResult:
    """Compute a query from the rollups; only a group by source and single workouts are read from samples.

    `priority` is the order of sources by measure that the rollups were made with.
    """
    store = opened(query, samples, priority)
    days = store.samples.rolled_days(query.measures[0])
    return replace(_answered(query, store), extent=days and (days[0], days[1] + timedelta(days=1)))


def _answered(query: MetricQuery, store: Days) -> MetricResult:
    measures = [renamed(query, catalogue()[measure]) for measure in query.measures]
    match query.stat:
        case "correlate":
            return _correlated(query, measures, store)
        case "ratio":
            return MetricResult(query=query, figures=(_ratio(query, measures, store),))
        case "share":
            return MetricResult(query=query, figures=(_share(query, measures, store),))
        case _:
            pass
    if query.span.asleep:
        return MetricResult(query=query, figures=tuple(night_figure(query, measure, store) for measure in measures))
    if query.goal:
        return MetricResult(query=query, figures=(_reached(query, measures, store),))
    if query.group_by:
        return grouped(query, measures[0], store)
    result = _plain(query, measures, store)
    if query.only:  # those that did not pass were looked at, too
        looked = Days(store.samples).rollups(query.measures[0], query.span.start, query.span.end).names()
        result = replace(result, figures=tuple(replace(f, sources=f.sources or looked) for f in result.figures))
    if query.on:  # only those days were asked for
        result = replace(result, figures=tuple(replace(figure, of=figure.days) for figure in result.figures))
    if query.stat == "trend" and not result.pairs:
        days = [loaded(store, measure, query.span, query.weekdays) for measure in measures]
        trends = tuple(map(_trend, days, measures))
        return replace(result, trends=trends, shape=shape(days[0], measures[0], result.figures[0]))
    if len(result.figures) == 1 and query.stat in ("mean", "latest", "min", "max"):
        return replace(result, usual=_usual(query, measures[0], result.figures[0], store))
    return result


def _usual(query: MetricQuery, measure: Measure, figure: Figure, store: Days) -> Usual | None:
    """What is usual for a level or a night of at most a week, from the days before; None where there are too few."""
    day = figure.when if query.stat == "latest" else figure.start
    short = query.stat == "latest" or (figure.start is not None and (figure.end - figure.start).days <= _WEEK)
    if day is None or not short or figure.value is None or measure.kind not in ("level", "night"):
        return None
    before = Span(start=day - timedelta(days=USUAL_DAYS), end=day, words="")
    column = values_of(loaded(store, measure, before, query.weekdays), measure, query.stat)
    if len(column) < _ENOUGH:
        return None
    low, high = np.quantile(column, (0.05, 0.95)).tolist()
    return Usual(low=low, high=high, days=len(column))


def _fitting(query: MetricQuery, measure: Measure) -> MetricQuery:
    """The same for a second measure that does not add up: steps are summed, the weight beside them is averaged."""
    adds = measure.kind in ("total", "events", "night")
    return query if query.stat != "sum" or adds else replace(query, stat="mean")


def _trend(days: DayColumns, measure: Measure) -> Trend | None:
    return trend(days.day, values_of(days, measure, "mean"), clock=clock(measure))


def shape(days: DayColumns, measure: Measure, figure: Figure) -> tuple[float | None, ...]:
    """The means of up to _STRETCHES equally long stretches of the range of a figure; clock times around their mean."""
    if not len(days.day) or figure.start is None:
        return ()
    values = values_of(days, measure, "mean")
    if clock(measure):
        values = clock_distance(values, circular_mean(values))
    first, length = figure.start.toordinal(), (figure.end - figure.start).days
    count = min(_STRETCHES, length)
    at = np.minimum((days.day - first) * count // length, count - 1)
    sums, n = np.bincount(at, values, count), np.bincount(at, minlength=count)
    return tuple(float(total / some) if some else None for total, some in zip(sums.tolist(), n.tolist(), strict=True))


def _plain(query: MetricQuery, measures: Sequence[Measure], store: Days) -> MetricResult:
    sides: list[tuple[Span, frozenset[int]]] = [(query.span, query.weekdays)]
    if query.against:
        sides.append((query.against, query.weekdays))
    if query.against_weekdays is not None:
        sides.append((query.span, query.against_weekdays))
    figures = [
        figure_of(_fitting(query, measure), measure, loaded(store, measure, span, weekdays), span, weekdays, store)
        for measure in measures
        for span, weekdays in sides
    ]
    return MetricResult(query=query, figures=tuple(figures))


def _reached(query: MetricQuery, measures: Sequence[Measure], store: Days) -> Figure:
    """Days on which every measure reached its goal of that day, of the days that have both."""
    days = loaded(store, measures[0], query.span, query.weekdays)
    good = np.ones(len(days.day), bool)
    for measure in measures:
        done = loaded(store, measure, query.span, query.weekdays)
        goal = loaded(store, catalogue()[f"{measure.id}_goal"], query.span, query.weekdays)
        both, mine, theirs = np.intersect1d(done.day, goal.day, return_indices=True)
        reached = both[(done.last[mine] >= goal.last[theirs]) & (goal.last[theirs] > 0)]
        good &= np.isin(days.day, reached)
    figure = figure_of(replace(query, stat="days"), measures[0], days, query.span, query.weekdays, store)
    if query.stat == "streak":
        return replace(streak(figure, days.day[good], current=query.current), stat="streak")
    return replace(figure, value=float(good.sum()) if len(days.day) else None)


def _share(query: MetricQuery, measures: Sequence[Measure], store: Days) -> Figure:
    """Which part of the days with data passes, or of the workouts; `total` of `n` do."""
    if query.only:
        counted = replace(query, stat="count")
        whole = replace(query, only=None)
        parts = [
            figure_of(
                counted,
                measures[0],
                loaded(days, measures[0], query.span, query.weekdays),
                query.span,
                query.weekdays,
                days,
            )
            for days in (store, opened(whole, store.samples, None))
        ]
        figure, passing, n = parts[1], parts[0].n, parts[1].n
    elif query.goal:
        figure = _reached(replace(query, stat="days"), measures, store)
        passing, n = int(figure.value or 0), figure.days
    else:
        days = loaded(store, measures[0], query.span, query.weekdays)
        figure = figure_of(replace(query, stat="days"), measures[0], days, query.span, query.weekdays, store)
        events = measures[0].kind == "events"
        passing, n = int(figure.value or 0), figure.of if events and figure.value is not None else figure.days
    return replace(
        figure, stat="share", measure=measures[0], value=passing / n if n else None, total=float(passing), n=n
    )


def _ratio(query: MetricQuery, measures: Sequence[Measure], store: Days) -> Figure:
    """The first measure as a share of the second over the days that have both."""
    part, whole = (loaded(store, measure, query.span, query.weekdays) for measure in measures)
    part, whole = shared(part, whole), shared(whole, part)
    total = float(whole.total.sum())
    figure = figure_of(replace(query, stat="sum"), measures[0], part, query.span, query.weekdays, store)
    return replace(figure, stat="ratio", value=float(part.total.sum()) / total if total else None)


def _correlated(query: MetricQuery, measures: Sequence[Measure], store: Days) -> MetricResult:
    first, second = (loaded(store, measure, query.span, query.weekdays) for measure in measures)
    common, mine, theirs = np.intersect1d(first.day + query.lag, second.day, return_indices=True)
    x, y = values_of(first, measures[0], "mean")[mine], values_of(second, measures[1], "mean")[theirs]
    x, y = (
        clock_distance(column, circular_mean(column)) if clock(measure) and len(column) else column
        for column, measure in zip((x, y), measures, strict=True)
    )
    figures = _plain(replace(query, stat="mean"), measures, store).figures
    return MetricResult(query=query, figures=figures, link=link(x, y) if len(common) else None)
