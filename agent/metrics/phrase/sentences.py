"""Numbers in words by fixed templates: the answer, how it was read, what it rests on. Pure; no model."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from agent.metrics.catalogue import catalogue
from agent.metrics.compute import Figure, MetricResult
from agent.metrics.phrase.amounts import (
    compared,
    converted,
    days_said,
    difference,
    listed,
    listed_as,
    lower,
    noun,
    plain_amount,
    statistic,
    told,
    told_value,
    unit_of,
)
from agent.metrics.phrase.reading import days_of, ordered, ranges, reading
from agent.metrics.phrase.sparkline import sparkline
from agent.metrics.query import MetricQuery
from agent.metrics.statistics import SIDE_DAYS, Trend
from agent.metrics.units import rounded, shown
from agent.when.spell import spelled, spelled_day

_MOST_LINES = 31
_NO_DIAGNOSIS = "From your exported data; not a diagnosis. Wearable values can be wrong."
_VITAL = frozenset(("heart", "respiratory", "vitals"))


def text(result: MetricResult) -> str:
    """The whole answer: first line the number, then how it was read, then coverage and sources."""
    lines = [*_answer(result), f"read as: {reading(result)}"]
    if result.found:
        lines += filter(None, (_coverage(result), _sources(result), _remark(result)))
    return "\n".join(lines)


def sentence(result: MetricResult) -> str:
    """The answer alone on one line, as it goes beside a picture."""
    first, *rest = (line.strip() for line in _answer(result) if line.strip() != sparkline(result.shape))
    return f"{first} {'; '.join(rest)}.".replace("..", ".") if rest else first


def _answer(result: MetricResult) -> Iterator[str]:
    query, figures = result.query, result.figures
    if not result.found:
        # A night is nine measures; its first one stands for all.
        names = " or ".join(dict.fromkeys(lower(figure.measure.name) for figure in figures[:2]))
        have = f" What there is: {spelled(result.extent[0], result.extent[1])}." if result.extent else ""
        yield f"There is no data on {names} for {' or '.join(dict.fromkeys(ranges(result)))}.{have}"
    elif result.query.group_by:
        yield from _groups(result)
    elif query.stat == "correlate":
        yield _correlation(result)
    elif result.pairs:
        yield from (_comparison(query, *pair) for pair in result.pairs if any(side.value is not None for side in pair))
    elif result.trends:
        for figure, found in zip(figures, result.trends, strict=True):
            if found:
                yield _trend(query, figure, found)
        if line := sparkline(result.shape):
            yield line
    else:
        yield _side_by_side(query, [figure for figure in figures if figure.value is not None])


def _side_by_side(query: MetricQuery, figures: Sequence[Figure]) -> str:
    """The figures of one range; what they share is said once."""
    where = days_of(query, figures[0])
    nightly = all(figure.measure.kind in ("night", "clock") for figure in figures)
    if len(figures) > 2 and query.stat == "mean" and nightly:
        values = "; ".join(f"{lower(figure.measure.name)} {told_value(query, figure)}" for figure in figures)
        return f"{'A night on average' if figures[0].days > 1 else 'The night'}, {where}: {values}."
    parts = [_sentence(query, figure) for figure in figures]
    return "; ".join([*(part.removesuffix(f", {where}") for part in parts[:-1]), parts[-1]]) + "."


def _sentence(query: MetricQuery, figure: Figure) -> str:
    name, value, where = figure.measure.name, told_value(query, figure), days_of(query, figure)
    clock, events = figure.measure.kind == "clock", figure.measure.kind == "events"
    when = spelled_day(figure.when) if figure.when else where
    match figure.stat if figure.stat in ("mean", "sum") else query.stat:
        case "min" | "max":
            lowest, highest = ("Earliest", "Latest") if clock else ("Lowest", "Highest")
            if figure.measure.kind in ("night", "events") and figure.measure.unit == "min":
                lowest, highest = "Shortest", "Longest"
            in_a_day = " in a day" if figure.measure.kind == "total" else ""
            return f"{lowest if query.stat == 'min' else highest} {lower(name)}{in_a_day}: {value}, on {when}"
        case "latest" if query.threshold:
            return f"{name} {query.threshold.words}: last on {when}, {value}"
        case "latest":
            return f"Latest {lower(name)}: {value}, on {when}"
        case "days" if query.goal:
            return f"{_closed(query)}: {rounded(figure.value or 0.0)} of {figure.days} {noun(figure.measure, figure.days)}, {where}"
        case "days" if figure.of == 1 and figure.days == 1 and query.threshold and not events:
            answer = "Yes" if figure.value else "No"
            return f"{answer}. {name}: {told(query, replace(figure, stat='sum'), figure.total)} ({query.threshold.words}), {where}"
        case "days" if query.absent:
            return f"Days without {lower(name)}: {rounded(figure.value or 0.0)} of {figure.of}, {where}"
        case "days":
            limit = query.threshold.words if query.threshold else "recorded"
            of = figure.of if events else figure.days
            return f"{name} {limit}: {rounded(figure.value or 0.0)} of {of} {noun(figure.measure, of)}, {where}"
        case "streak":
            run = f", {spelled(figure.when, figure.until + timedelta(days=1))}" if figure.when and figure.until else ""
            length = f"{rounded(figure.value or 0.0)} {noun(figure.measure)} in a row"
            name = _closed(query) if query.goal else name
            which = "Current" if query.current else "Longest"
            limit = f" {query.threshold.words}" if query.threshold else ""
            return f"{which} streak of {lower(name)}{limit}: {length}{run}"
        case "percentile":
            return f"{statistic(query).capitalize()} {lower(name)}: {value}, {where}"
        case "share":
            limit = f" {query.threshold.words}" if query.threshold else ""
            some = not limit and not query.only
            head = _closed(query) if query.goal else f"Days with {lower(name)}" if some else f"{name}{limit}"
            things = "workouts" if query.only else noun(figure.measure, figure.n)
            count = f"{rounded(figure.total)} of {rounded(figure.n)} {things}"
            return f"{head}: {shown(figure.value or 0.0, '%')} ({count}), {where}"
        case "ratio":
            return f"{name}: {shown(figure.value or 0.0, '%')} of the whole, {where}"
        case "count":
            rate = f" a {query.per}" if query.per else ""
            total = (
                f" ({shown(figure.total, figure.measure.unit)} in total)"
                if figure.measure.unit == "min" and figure.n
                else ""
            )
            return f"{name}: {rounded(figure.value or 0.0)}{rate}{total}, {where}"
        case "sum":
            return f"{name}: {value}{_daily(query, figure)}, {where}"
        case _:
            return f"{name}: {value}{_each(query, figure)}, {where}"


def _closed(query: MetricQuery) -> str:
    return "All rings closed" if len(query.measures) > 1 else f"{catalogue()[query.measures[0]].name} closed"


def _each(query: MetricQuery, figure: Figure) -> str:
    if figure.days <= 1:
        return ""
    if query.per:
        return f" a {query.per} on average"
    return {"total": " a day on average", "night": " a night on average", "events": " each on average"}.get(
        figure.measure.kind, " on average"
    )


def _comparison(query: MetricQuery, a: Figure, b: Figure) -> str:
    if a.value is None or b.value is None:
        have, lack = (a, b) if b.value is None else (b, a)
        missing = f"no data for {spelled(lack.start, lack.end)}"
        return f"{_sentence(query, have)}; {missing}, so the two cannot be compared."
    x, y, each = compared(query, a, b)
    left, right = (_side(query, figure) for figure in (a, b))
    gap, unit = difference(query, a, b), unit_of(query, a.measure)
    if abs(gap) < 1e-9:
        words = "the same"
    elif a.measure.kind == "clock":
        length = shown(abs(gap), "min") if abs(gap) >= 60 else f"{abs(gap):.0f} min"
        words = f"{length} {'later' if gap > 0 else 'earlier'}"
    else:
        # Shares of percentages, degrees and clock times would mislead.
        share = f" ({(x - y) / y * 100:+.1f} %)" if y and unit not in ("%", "degC", "degF") else ""
        size = f"{abs(gap) * 100:.1f} percentage points" if unit == "%" else plain_amount(abs(gap), unit, a)
        words = f"{size} {'more' if gap > 0 else 'less'}{each}{share}"
    return f"{a.measure.name}: {left} against {right}: {words}."


def _side(query: MetricQuery, figure: Figure) -> str:
    where = spelled(figure.start, figure.end) if query.against_weekdays is None else f"{figure.days} days"
    return f"{told_value(query, figure)}{_daily(query, figure) if query.stat == 'sum' else ''}, {where}"


def _daily(query: MetricQuery, figure: Figure) -> str:
    if figure.days < 2 or figure.measure.kind != "total":
        return ""
    days = "a day" if figure.days == figure.of else "a day with data"
    return f" ({told(query, figure, figure.total / figure.days)} {days})"


def _trend(query: MetricQuery, figure: Figure, found: Trend) -> str:
    measure, unit = figure.measure, unit_of(query, figure.measure)
    mean, first, last = (told(query, figure, value) for value in (figure.value or 0.0, found.first, found.last))
    head = f"{measure.name}: {mean} on average, {spelled(figure.start, figure.end)}"
    head += f"; from {first} (first {days_said(found.ends)}) to {last} (last {days_said(found.ends)})"
    if not found.enough:
        return f"{head}. Too few days to tell a trend: it takes {SIDE_DAYS} with data in each half."
    if not found.clear:
        return f"{head}. No clear change: a change as small could be chance."
    slope = converted(found.slope, measure, unit, difference=True)
    spoken = f"{abs(slope) * 60:.1f} s" if "min/" in unit else plain_amount(abs(slope), unit, figure, fine=True)
    return f"{head}. A clear {'rise' if slope > 0 else 'fall'}: about {spoken} a week."


def _correlation(result: MetricResult) -> str:
    a, b = (figure.measure.name for figure in result.figures[:2])
    found = result.link
    if found is None or found.n < SIDE_DAYS:
        return f"{a} and {lower(b)}: too few days with both to tell ({found.n if found else 0})."
    lag = _later(result.query.lag)
    numbers = f"Spearman's rho {found.rho:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}, {found.n} days"
    if not found.clear:
        return f"{a} and {lower(b)}{lag}: no clear link ({numbers})."
    way = "rise and fall together" if found.rho > 0 else "tend to move in opposite directions"
    return f"{a} and {lower(b)}{lag} {way} ({numbers}). This says nothing about what causes what."


def _spoken(label: str) -> str:
    """A label such as "2026-03" as a month is spoken; other labels are words already."""
    year, _, month = label.partition("-")
    return f"{calendar.month_name[int(month)]} {year}" if len(month) == 2 and month.isdigit() else label


def _later(lag: int) -> str:
    if not lag:
        return ""
    days = "a day" if abs(lag) == 1 else f"{abs(lag)} days"
    return f" {days} {'later' if lag > 0 else 'earlier'}"


def _groups(result: MetricResult) -> Iterator[str]:
    query, figure = result.query, result.figures[0]
    unit = unit_of(query, figure.measure)
    if query.pick:
        chosen = ordered(result)[0]
        yield f"{figure.measure.name}: {_spoken(chosen.label)}, with {plain_amount(chosen.value, unit, figure, convert=True)}."
        return
    whole = f"{told_value(query, figure)} in all" if figure.stat in ("sum", "count") else ""
    limit = f" {query.listed.words}" if query.listed else ""
    if limit:
        whole = f"{rounded(figure.value or 0.0)} of {figure.days} {noun(figure.measure, figure.days)}"
    closing = ":" if result.groups else "."
    yield f"{figure.measure.name}{limit}, {spelled(figure.start, figure.end)}{f' ({whole})' if whole else ''}{closing}"
    shown_as = listed_as(query, figure)
    for row in result.groups[:_MOST_LINES]:
        yield f"  {row.label}: {plain_amount(row.value, unit, shown_as, convert=True)}"
    if len(result.groups) > _MOST_LINES:
        yield f"  and {len(result.groups) - _MOST_LINES} more"


def _coverage(result: MetricResult) -> str:
    asleep = result.query.span.asleep
    parts = [
        f"{figure.days} of {figure.of} {'night' if asleep else noun(figure.measure, figure.of)}"
        for figure in result.figures
        if figure.of
    ]
    events = all(figure.measure.kind == "events" for figure in result.figures)
    days = " and ".join(dict.fromkeys(parts))
    partial = " Today is not over yet." if result.query.span.partial else ""
    return f"On {days}.{partial}" if events else f"Based on {days} with data.{partial}"


def _sources(result: MetricResult) -> str:
    names = sorted({name for figure in result.figures for name in figure.sources})
    overlap = max(figure.overlap for figure in result.figures)
    if len(names) > 1 and overlap > 0.0005:
        share = f"{overlap * 100:.0f} %" if overlap >= 0.005 else "less than 1 %"
        return f"Merged from {listed(names)}: {share} of the plain sum overlapped and counts once."
    return f"Source{'s' if len(names) > 1 else ''}: {listed(names)}." if names else ""


def _usual(result: MetricResult) -> str:
    """Inside or outside of the owner's own usual range: never a norm, never a verdict."""
    figure, usual = result.figures[0], result.usual
    if usual is None or figure.value is None:
        return ""
    where = "Within" if usual.low <= figure.value <= usual.high else "Outside"
    low, high = (told(result.query, figure, value) for value in (usual.low, usual.high))
    return f"{where} your usual range of {low} to {high} (9 in 10 of the {usual.days} {noun(figure.measure)} before)."


def _remark(result: MetricResult) -> str:
    measure = result.figures[0].measure
    notes = [_usual(result)] if result.usual else []
    if result.query.only and result.query.only_unit == "km":
        notes.append("Workouts whose distance is not known do not count.")
    if measure.rollup == "hourly" and result.query.stat in ("mean", "trend"):
        notes.append("Each day counts with the mean of its hourly means.")
    if measure.group in _VITAL:
        notes.append(_NO_DIAGNOSIS)
    return " ".join(notes)
