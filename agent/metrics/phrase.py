"""Numbers in words by fixed templates: the answer, how it was read, what it rests on. Pure; no model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from agent.metrics.catalogue import Measure
from agent.metrics.compute import Figure, GroupRow, MetricResult
from agent.metrics.query import MetricQuery, Span
from agent.metrics.statistics import SIDE_DAYS, Trend
from agent.metrics.units import conversion, rounded, shown
from agent.vocabulary import Value
from agent.when.spell import spelled, spelled_day, weekday

_MOST_LINES = 31
_NO_DIAGNOSIS = "From your exported data; not a diagnosis. Wearable values can be wrong."
_VITAL = frozenset(("heart", "respiratory", "vitals"))
_NAMES = {
    "sum": "sum of", "mean": "mean", "min": "lowest", "max": "highest", "latest": "latest", "count": "number of",
    "days": "days with", "trend": "trend of", "streak": "longest streak of", "percentile": "percentile of",
    "ratio": "share of", "correlate": "correlation of", "list": "",
}  # fmt: skip


def text(result: MetricResult) -> str:
    """The whole answer: first line the number, then how it was read, then coverage and sources."""
    lines = [*_answer(result), f"read as: {reading(result)}"]
    if result.found:
        lines += filter(None, (_coverage(result), _sources(result), _remark(result)))
    return "\n".join(lines)


def reading(result: MetricResult) -> str:
    """How the question was understood: "mean Resting heart rate, 1–31 Mar 2025 vs 1–30 Apr 2025"."""
    query = result.query
    names = " and ".join(dict.fromkeys(_lower(figure.measure.name) for figure in result.figures))
    if query.stat == "ratio":
        names = f"{names} of the whole"
    head = f"{_statistic(query)} {names}".strip()
    if query.threshold:
        head += f" {query.threshold.words}"
    if query.per and query.stat in ("mean", "count"):
        head += f" per {query.per}"
    if query.group_by:
        head += f" by {query.group_by}"
    return ", ".join([head, " vs ".join(dict.fromkeys(_ranges(result))), *_filters(query)])


def read_as(result: MetricResult) -> dict[str, object]:
    """The same as data: measures, statistic, ranges as first and last day, filters, and the line itself."""
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
        out["threshold"] = {"op": query.threshold.op, "value": query.threshold.value}
    if query.group_by:
        out["group_by"] = query.group_by
    return out


def values(result: MetricResult) -> tuple[Value, ...]:
    """Every number of the answer in the unit it is shown in; percentages are 0 to 100, clock times "HH:MM".

    The number that was asked for comes first: the chosen group, else the figures; then differences and details.
    """
    query, head = result.query, result.figures[0]
    unit = "count" if _counted(head) else _unit(query, head.measure)
    figures = [
        Value(
            name=f"{_statistic(query, figure)} {_lower(figure.measure.name)}",
            value=_number(figure.value, _unit(query, figure.measure), figure),
            unit=_shown_unit(query, figure),
            start=figure.when if figure.stat in _PLACED and figure.when else figure.start,
            end=_value_end(figure),
        )
        for figure in result.figures
    ]
    groups = [
        Value(name=row.label, value=_number(row.value, unit, head), unit=unit, start=None, end=None)
        for row in _ordered(result)
    ]
    details: dict[str, tuple[float, str]] = {}
    if pair := _pair(result):
        each = _compared(query, *pair)[2]
        details[f"difference{each}"] = (_difference(query, *pair), "min" if unit == "local time" else unit)
    if found := result.trend:
        change = _scaled(found.last - found.first, head.measure, unit, difference=True)
        slope = _scaled(found.slope, head.measure, unit, difference=True)
        details |= {"change from first to last days": (change, unit), "change per week": (slope, unit)}
    if result.link:
        details["Spearman's rho"] = (result.link.rho, "")
    rest = [
        Value(name=name, value=round(value * (100 if unit == "%" else 1), 4), unit=unit, start=head.start, end=head.end)
        for name, (value, unit) in details.items()
        if math.isfinite(value)
    ]
    return tuple([*groups, *figures, *rest] if query.pick else [*figures, *groups, *rest])


_PLACED = ("min", "max", "latest", "streak")


def _value_end(figure: Figure) -> date:
    last = figure.until or figure.when
    return last + timedelta(days=1) if figure.stat in _PLACED and last else figure.end


def _statistic(query: MetricQuery, figure: Figure | None = None) -> str:
    """The name of the statistic asked for, or of the one that a figure holds (a trend's is the mean)."""
    stat = figure.stat if figure else query.stat
    if stat == "percentile":
        return "median" if query.quantile == 0.5 else f"{(query.quantile or 0.5) * 100:.0f}th percentile of"
    return "mean" if figure and stat == "trend" else _NAMES[stat]


def _answer(result: MetricResult) -> Iterator[str]:
    query, figures = result.query, result.figures
    if not result.found:
        # A night is nine measures; its first one stands for all.
        names = " or ".join(dict.fromkeys(_lower(figure.measure.name) for figure in figures[:2]))
        have = f" What there is: {spelled(result.extent[0], result.extent[1])}." if result.extent else ""
        yield f"There is no data on {names} for {' or '.join(dict.fromkeys(_ranges(result)))}.{have}"
    elif result.query.group_by:
        yield from _groups(result)
    elif query.stat == "correlate":
        yield _correlation(result)
    elif pair := _pair(result):
        yield _comparison(query, *pair)
    elif result.trend:
        yield _trend(query, figures[0], result.trend)
    else:
        yield "; ".join(_sentence(query, figure) for figure in figures if figure.value is not None) + "."


def _sentence(query: MetricQuery, figure: Figure) -> str:
    name, value, where = figure.measure.name, _said(query, figure), spelled(figure.start, figure.end)
    clock, events = figure.measure.kind == "clock", figure.measure.kind == "events"
    when = spelled_day(figure.when) if figure.when else where
    match query.stat:
        case "min" | "max":
            lowest, highest = ("Earliest", "Latest") if clock else ("Lowest", "Highest")
            if figure.measure.kind in ("night", "events") and figure.measure.unit == "min":
                lowest, highest = "Shortest", "Longest"
            in_a_day = " in a day" if figure.measure.kind == "total" else ""
            return f"{lowest if query.stat == 'min' else highest} {_lower(name)}{in_a_day}: {value}, on {when}"
        case "latest":
            return f"Latest {_lower(name)}: {value}, on {when}"
        case "days":
            limit = query.threshold.words if query.threshold else "recorded"
            of = figure.of if events else figure.days
            return f"{name} {limit}: {rounded(figure.value or 0.0)} of {of} {_noun(figure.measure, of)}, {where}"
        case "streak":
            run = f", {spelled(figure.when, figure.until + timedelta(days=1))}" if figure.when and figure.until else ""
            length = f"{rounded(figure.value or 0.0)} {_noun(figure.measure)} in a row"
            return f"Longest streak of {_lower(name)}: {length}{run}"
        case "percentile":
            return f"{_statistic(query).capitalize()} {_lower(name)}: {value}, {where}"
        case "ratio":
            return f"{name}: {shown(figure.value or 0.0, '%')} of the whole, {where}"
        case "count":
            rate = f" a {query.per}" if query.per else ""
            total = f" ({shown(figure.total, figure.measure.unit)} in total)" if figure.measure.unit == "min" else ""
            return f"{name}: {rounded(figure.value or 0.0)}{rate}{total}, {where}"
        case "sum":
            return f"{name}: {value}{_daily(query, figure)}, {where}"
        case _:
            return f"{name}: {value}{_each(query, figure)}, {where}"


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
    x, y, each = _compared(query, a, b)
    left, right = (_side(query, figure) for figure in (a, b))
    gap, unit = _difference(query, a, b), _unit(query, a.measure)
    if abs(gap) < 1e-9:
        words = "the same"
    elif a.measure.kind == "clock":
        length = shown(abs(gap), "min") if abs(gap) >= 60 else f"{abs(gap):.0f} min"
        words = f"{length} {'later' if gap > 0 else 'earlier'}"
    else:
        # Shares of percentages, degrees and clock times would mislead.
        share = f" ({(x - y) / y * 100:+.1f} %)" if y and unit not in ("%", "degC", "degF") else ""
        words = f"{_plain_amount(abs(gap), unit, a)} {'more' if gap > 0 else 'less'}{each}{share}"
    return f"{a.measure.name}: {left} against {right}: {words}."


def _side(query: MetricQuery, figure: Figure) -> str:
    where = spelled(figure.start, figure.end) if query.against_weekdays is None else f"{figure.days} days"
    return f"{_said(query, figure)}{_daily(query, figure) if query.stat == 'sum' else ''}, {where}"


def _daily(query: MetricQuery, figure: Figure) -> str:
    if figure.days < 2 or figure.measure.kind != "total":
        return ""
    days = "a day" if figure.days == figure.of else "a day with data"
    return f" ({_amount(query, figure, figure.total / figure.days)} {days})"


def _trend(query: MetricQuery, figure: Figure, found: Trend) -> str:
    measure, unit = figure.measure, _unit(query, figure.measure)
    mean, first, last = (_amount(query, figure, value) for value in (figure.value or 0.0, found.first, found.last))
    head = f"{measure.name}: {mean} on average, {spelled(figure.start, figure.end)}"
    head += f"; from {first} (first {_days(found.ends)}) to {last} (last {_days(found.ends)})"
    if not found.enough:
        return f"{head}. Too few days to tell a trend: it takes {SIDE_DAYS} with data in each half."
    if not found.clear:
        return f"{head}. No clear change: a change as small could be chance."
    slope = _scaled(found.slope, measure, unit, difference=True)
    spoken = f"{abs(slope) * 60:.1f} s" if "min/" in unit else _plain_amount(abs(slope), unit, figure, fine=True)
    return f"{head}. A clear {'rise' if slope > 0 else 'fall'}: about {spoken} a week."


def _correlation(result: MetricResult) -> str:
    a, b = (figure.measure.name for figure in result.figures[:2])
    found = result.link
    if found is None or found.n < SIDE_DAYS:
        return f"{a} and {_lower(b)}: too few days with both to tell ({found.n if found else 0})."
    lag = " a day later" if result.query.lag else ""
    numbers = f"Spearman's rho {found.rho:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}, {found.n} days"
    if not found.clear:
        return f"{a} and {_lower(b)}{lag}: no clear link ({numbers})."
    way = "rise and fall together" if found.rho > 0 else "tend to move in opposite directions"
    return f"{a} and {_lower(b)}{lag} {way} ({numbers}). This says nothing about what causes what."


def _groups(result: MetricResult) -> Iterator[str]:
    query, figure = result.query, result.figures[0]
    unit = _unit(query, figure.measure)
    if query.pick:
        chosen = _ordered(result)[0]
        yield f"{figure.measure.name}: {chosen.label}, with {_plain_amount(chosen.value, unit, figure, convert=True)}."
        return
    yield f"{figure.measure.name}, {spelled(figure.start, figure.end)}:"
    for row in result.groups[:_MOST_LINES]:
        yield f"  {row.label}: {_plain_amount(row.value, unit, figure, convert=True)}"
    if len(result.groups) > _MOST_LINES:
        yield f"  and {len(result.groups) - _MOST_LINES} more"


def _ordered(result: MetricResult) -> tuple[GroupRow, ...]:
    """The groups in their order; best (or worst) first where one was asked for."""
    if result.query.pick is None:
        return result.groups
    return tuple(sorted(result.groups, key=lambda row: row.value or 0.0, reverse=result.query.pick == "max"))


def _coverage(result: MetricResult) -> str:
    parts = [
        f"{figure.days} of {figure.of} {_noun(figure.measure, figure.of)}" for figure in result.figures if figure.of
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
        return f"Merged from {_listed(names)}: {share} of the plain sum overlapped and counts once."
    return f"Source{'s' if len(names) > 1 else ''}: {_listed(names)}." if names else ""


def _remark(result: MetricResult) -> str:
    measure = result.figures[0].measure
    notes = []
    if measure.rollup == "hourly" and result.query.stat in ("mean", "trend"):
        notes.append("Each day counts with the mean of its hourly means.")
    if measure.group in _VITAL:
        notes.append(_NO_DIAGNOSIS)
    return " ".join(notes)


def _pair(result: MetricResult) -> tuple[Figure, Figure] | None:
    two = result.query.against is not None or result.query.against_weekdays is not None
    return (result.figures[0], result.figures[1]) if two and len(result.figures) == 2 else None


def _compared(query: MetricQuery, a: Figure, b: Figure) -> tuple[float, float, str]:
    """What of two figures is set side by side: sums over unequal numbers of days by their daily means."""
    if query.stat == "sum" and a.days != b.days and a.days and b.days:
        return a.total / a.days, b.total / b.days, " a day"
    return a.value or 0.0, b.value or 0.0, ""


def _difference(query: MetricQuery, a: Figure, b: Figure) -> float:
    """First minus second in the shown unit; of clock times the minutes, the short way round."""
    if a.value is None or b.value is None:
        return math.nan
    x, y, _ = _compared(query, a, b)
    if a.measure.kind == "clock":
        return (x - y + 720) % 1440 - 720
    return _scaled(x - y, a.measure, _unit(query, a.measure), difference=True)


def _unit(query: MetricQuery, measure: Measure) -> str:
    return query.unit or measure.unit


def _shown_unit(query: MetricQuery, figure: Figure) -> str:
    if query.stat in ("days", "streak"):
        return _noun(figure.measure)
    if query.stat == "ratio":
        return "%"
    return "count" if _counted(figure) else _unit(query, figure.measure)


def _counted(figure: Figure) -> bool:
    return figure.stat == "count" or (figure.measure.kind == "events" and figure.measure.rollup == "count")


def _scaled(value: float, measure: Measure, unit: str, *, difference: bool = False) -> float:
    factor, shift = conversion(measure.unit, unit, measure=measure.id) or (1.0, 0.0)
    return value * factor + (0.0 if difference else shift)


def _number(value: float | None, unit: str, figure: Figure) -> float | int | str | None:
    if value is None or not math.isfinite(value):
        return None
    if figure.stat in ("days", "streak", "count"):
        return int(value) if value == int(value) else round(value, 4)
    if unit == "local time":
        return shown(value, unit)
    scaled = value * 100 if unit == "%" or figure.stat == "ratio" else _scaled(value, figure.measure, unit)
    return int(round(scaled, 6)) if round(scaled, 6) == int(scaled) else round(scaled, 4)


def _said(query: MetricQuery, figure: Figure) -> str:
    return _amount(query, figure, figure.value or 0.0)


def _amount(query: MetricQuery, figure: Figure, value: float) -> str:
    return _plain_amount(value, _unit(query, figure.measure), figure, convert=True)


def _plain_amount(value: float | None, unit: str, figure: Figure, *, convert: bool = False, fine: bool = False) -> str:
    """A value with its unit; counts of a total are whole numbers of it ("8,234 steps" would repeat the name)."""
    amount = _scaled(value or 0.0, figure.measure, unit) if convert else value or 0.0
    if _counted(figure):
        return rounded(amount)
    if unit == "hr":
        return shown(amount * 60, "min")
    if unit == "count" and figure.measure.kind == "total" and abs(amount) >= 10:
        return f"{round(amount):,}"
    if fine and unit not in ("%", "local time"):
        return f"{amount:.2g} {unit}".removesuffix(" count")
    return shown(amount, unit)


def _days(count: int) -> str:
    return f"{count} days" if count > 1 else "day"


def _lower(name: str) -> str:
    """A name within a sentence: "REM sleep" and "VO2 max" keep their capitals."""
    return name[0].lower() + name[1:] if name[1:2].islower() else name


def _noun(measure: Measure, count: int = 0) -> str:
    noun = "night" if measure.kind in ("night", "clock") else "day"
    return noun if count == 1 else f"{noun}s"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


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
    return _listed([f"{weekday(day)}" for day in sorted(days)])


def _ranges(result: MetricResult) -> Iterator[str]:
    for figure, span in zip(result.figures, _spans(result), strict=False):
        yield spelled(figure.start, figure.end) if span.start or figure.start else "all your data"


def _spans(result: MetricResult) -> Iterator[Span]:
    pair = _pair(result)
    for i, _ in enumerate(result.figures):
        yield result.query.against if pair and i == 1 and result.query.against else result.query.span


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
