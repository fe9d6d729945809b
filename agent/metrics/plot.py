"""Pictures of numbers: PNG or SVG as bytes through matplotlib, or text for a terminal through plotext. Writes no plot."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import AWAKE, BEDTIME, CORE, DEEP, NIGHT, REM, Measure, catalogue
from agent.metrics.compute import MetricResult
from agent.metrics.compute.days import Days, loaded, values_of
from agent.metrics.compute.narrow import renamed
from agent.metrics.query import MetricQuery, Span
from agent.metrics.statistics import circular_mean, clock_distance
from agent.metrics.units import conversion
from agent.when.spell import spelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Floats = NDArray[np.float64]
Format = Literal["png", "svg"]
_STAGES = (DEEP, CORE, REM, AWAKE)
_COLOURS = {DEEP: "#1f3b73", CORE: "#4f7cc4", REM: "#8f6bc1", AWAKE: "#e0a458"}
_LINES = ("#2b6cb0", "#c05621", "#2f855a")
_MEDIAN_DAYS = 7
_drawing = threading.Lock()
"""plotext keeps one figure for the whole process, and matplotlib is imported once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The days of one measure in the unit it is drawn in; `values` has NaN on days without data: a gap stays a gap."""

    name: str
    days: tuple[date, ...]
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One value for each group."""

    name: str
    labels: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Paired days of two measures."""

    x_name: str
    y_name: str
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn, before any pixel: lines over days, stacked nights, bars or points; never all of them.

    `shaded` are the ranges [start, end) that a comparison sets side by side. `alt` says the same in one sentence.
    `bedtimes` (hours after midnight) are what the stages of a night are stacked on. `clock` marks values that are
    minutes after midnight, unrolled over it.
    """

    title: str
    unit: str
    alt: str
    lines: tuple[Line, ...] = ()
    stages: tuple[Line, ...] = ()
    bedtimes: Line | None = None
    bars: Bars | None = None
    points: Points | None = None
    shaded: tuple[tuple[date, date], ...] = ()
    clock: bool = False


def picture(result: MetricResult, days: Days, *, alt: str, title: str) -> Picture | None:
    """What to draw for an answer; None where it has no data. `alt` is its text, `title` how it was read.

    `days` are the rollups that the answer came from.
    """
    if not result.found:
        return None
    query = result.query
    measures = [renamed(query, catalogue()[name]) for name in query.measures]
    unit = _unit(query, measures[0])
    if query.group_by and query.group_by != "day":
        values = np.array([_shown(row.value or 0.0, measures[0], unit) for row in result.groups])
        bars = Bars(name=measures[0].name, labels=tuple(row.label for row in result.groups), values=values)
        return Picture(title=title, unit=unit, alt=alt, bars=bars)
    if query.stat == "correlate":
        return Picture(title=title, unit="", alt=alt, points=_paired(query, measures, days))
    if measures[0].id in NIGHT and len(measures) > 2:
        night = [catalogue()[name] for name in _STAGES if name in query.measures]
        stages = tuple(_line(query, measure, (query.span,), days, "hr") for measure in night)
        bed = (
            _line(query, catalogue()[BEDTIME], (query.span,), days, "local time") if BEDTIME in query.measures else None
        )
        bed = bed and Line(name=bed.name, days=bed.days, values=bed.values / 60)
        return Picture(title=title, unit="h", alt=alt, stages=stages, bedtimes=bed)
    spans = tuple(span for span in (query.span, query.against) if span)
    alike = [measure for measure in measures if measure.unit == measures[0].unit]
    return Picture(
        title=title,
        unit=unit,
        alt=alt,
        lines=tuple(_line(query, measure, spans, days, unit) for measure in alike),
        shaded=tuple((figure.start, figure.end) for figure in result.figures[:2] if figure.start)
        if query.against
        else (),
        clock=measures[0].kind == "clock",
    )


def _unit(query: MetricQuery, measure: Measure) -> str:
    for unit in (query.unit, query.units.get(measure.unit)):
        if unit and conversion(measure.unit, unit, measure=measure.id):
            return unit
    return measure.unit


def _shown(values: float | Floats, measure: Measure, unit: str) -> float | Floats:
    scale = conversion(measure.unit, unit, measure=measure.id) or (1.0, 0.0)
    return values * (100.0 if unit == "%" else scale[0]) + scale[1]


def _line(query: MetricQuery, measure: Measure, spans: Sequence[Span], rollups: Days, unit: str) -> Line:
    """Every day from the first to the last of the spans, NaN where there is no data."""
    starts = [span.start for span in spans if span.start]
    whole = Span(
        start=min(starts) if len(starts) == len(spans) else None, end=max(span.end for span in spans), words=""
    )
    days = loaded(rollups, measure, whole, query.weekdays)
    if not len(days.day):
        return Line(name=measure.name, days=(), values=np.empty(0))
    values = values_of(days, measure, "mean")
    if measure.kind == "clock":
        middle = circular_mean(values)
        values = clock_distance(values, middle) + middle
    first, last = int(days.day[0]), int(days.day[-1])
    drawn = np.full(last - first + 1, np.nan)
    drawn[days.day - first] = _shown(values, measure, unit)
    return Line(name=measure.name, days=tuple(date.fromordinal(first + n) for n in range(len(drawn))), values=drawn)


def _paired(query: MetricQuery, measures: Sequence[Measure], days: Days) -> Points:
    first, second = (loaded(days, measure, query.span, query.weekdays) for measure in measures)
    _, mine, theirs = np.intersect1d(first.day + query.lag, second.day, return_indices=True)
    units = [_unit(query, measure) for measure in measures]
    columns = (values_of(first, measures[0], "mean")[mine], values_of(second, measures[1], "mean")[theirs])
    x, y = (np.asarray(_shown(column, m, u)) for column, m, u in zip(columns, measures, units, strict=True))
    names = [f"{measure.name} ({unit})" for measure, unit in zip(measures, units, strict=True)]
    return Points(x_name=names[0], y_name=names[1], x=x, y=y)


def running_median(values: Floats, days: int = _MEDIAN_DAYS) -> Floats:
    """The median of the days around each day, NaN where fewer than half of them have data."""
    half = days // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, days)
    enough = (~np.isnan(windows)).sum(axis=1) > half
    out = np.full(len(values), np.nan)
    if enough.any():
        out[enough] = np.nanmedian(windows[enough], axis=1)
    return out


def draw(shape: Picture, *, form: Format, folder: Path) -> bytes:
    """The picture as a PNG or SVG document.

    `folder` is a private one that matplotlib may keep its list of fonts in: the first call in a process sets
    MPLCONFIGDIR to it, else the list would be written into the user's home. Nothing is run and nothing else written.
    """
    with _drawing, _own_folder(folder):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(9, 4.5), layout="constrained")
        FigureCanvasAgg(canvas)
        _fill(canvas, shape)
        out = BytesIO()
        # Without date and random ids the same numbers give the same bytes; the sentence goes with the picture.
        about: dict[str, str | None] = {"Title": shape.title, "Description": shape.alt}
        about |= {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        from matplotlib import rc_context

        with rc_context({"svg.hashsalt": "homebody", "svg.fonttype": "none"}):
            canvas.savefig(out, format=form, metadata=about)
        return out.getvalue()


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """Import matplotlib with a folder of ours and with no program to call: it would ask fc-list for fonts."""
    if "matplotlib.font_manager" in sys.modules:
        yield
        return
    os.environ.setdefault("MPLCONFIGDIR", str(folder))
    path = os.environ.get("PATH")
    os.environ["PATH"] = "/nonexistent"
    try:
        import matplotlib.font_manager  # noqa: F401  # its import is what looks for fonts

        yield
    finally:
        if path is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = path


def _fill(canvas: Canvas, shape: Picture) -> None:
    axes = canvas.add_subplot()
    axes.set_title(shape.title, fontsize=11)
    axes.grid(visible=True, alpha=0.25)
    if shape.bars:
        axes.bar(range(len(shape.bars.labels)), shape.bars.values, color=_LINES[0])
        axes.set_xticks(
            range(len(shape.bars.labels)), shape.bars.labels, rotation=45 if len(shape.bars.labels) > 7 else 0
        )
        axes.set_ylabel(_axis(shape.bars.name, shape.unit))
    elif shape.points:
        axes.scatter(shape.points.x, shape.points.y, s=12, alpha=0.6, color=_LINES[0])
        axes.set_xlabel(shape.points.x_name)
        axes.set_ylabel(shape.points.y_name)
    elif shape.stages:
        _stack(axes, shape)
    else:
        _days(axes, shape)


def _days(axes: Axes, shape: Picture) -> None:
    for colour, line in zip(_LINES, shape.lines, strict=False):
        days = np.array(line.days, dtype="datetime64[D]")
        median = running_median(line.values)
        axes.plot(days, line.values, "o", markersize=3, alpha=0.45, color=colour, label=line.name)
        if len(line.days) > _MEDIAN_DAYS:
            axes.plot(days, median, "-", linewidth=2, color=colour, label=f"{_MEDIAN_DAYS}-day median")
    for colour, (start, end) in zip(("#2b6cb0", "#c05621"), shape.shaded, strict=False):
        bounds = (np.datetime64(start), np.datetime64(end - timedelta(days=1)))
        axes.axvspan(*bounds, alpha=0.08, color=colour, label=spelled(start, end))  # type: ignore[arg-type]  # dates are units here
    if shape.lines:
        axes.set_ylabel(_axis(shape.lines[0].name if len(shape.lines) == 1 else "", shape.unit))
    if shape.clock:
        axes.yaxis.set_major_formatter(lambda minutes, _: clock(minutes))
    axes.legend(fontsize=8, loc="best")
    axes.tick_params(axis="x", rotation=20)


def _stack(axes: Axes, shape: Picture) -> None:
    first = min(line.days[0] for line in shape.stages if line.days)
    count = max((line.days[-1] - first).days for line in shape.stages if line.days) + 1
    floor = np.zeros(count)
    if shape.bedtimes and shape.bedtimes.days:
        at = (shape.bedtimes.days[0] - first).days
        beds = shape.bedtimes.values[max(0, -at) : count - at]
        floor[max(0, at) : max(0, at) + len(beds)] = np.nan_to_num(beds)
        axes.yaxis.set_major_formatter(lambda hours, _: clock(hours * 60))
        axes.set_ylim(floor.min() - 0.5, (floor + sum(np.nanmax(line.values) for line in shape.stages)).max())
        axes.invert_yaxis()
    days = np.datetime64(first) + np.arange(count)
    for name, line in zip(_STAGES, shape.stages, strict=False):
        values = np.zeros(count)
        at = (line.days[0] - first).days if line.days else 0
        values[at : at + len(line.values)] = np.nan_to_num(line.values)
        axes.bar(days, values, bottom=floor, label=line.name, color=_COLOURS[name])
        floor = floor + values
    axes.set_ylabel("local time" if shape.bedtimes else "h")
    axes.legend(fontsize=8, loc="lower right")
    axes.tick_params(axis="x", rotation=20)


def _axis(name: str, unit: str) -> str:
    return " ".join(filter(None, (name, f"({unit})" if unit not in ("", "count", "local time") else "")))


def clock(minutes: float) -> str:
    """A time of day such as "23:15" for minutes after midnight, before it or beyond the next one."""
    whole = round(minutes) % 1440
    return f"{whole // 60:02d}:{whole % 60:02d}"


def terminal(shape: Picture, *, width: int = 80, height: int = 20) -> str:
    """The picture as lines of text without colour, followed by the sentence that says the same."""
    import plotext  # type: ignore[import-untyped]  # it ships no types

    with _drawing:
        plotext.clear_figure()
        plotext.theme("clear")
        plotext.plot_size(width, height)
        plotext.title(shape.title if len(shape.title) < width else f"{shape.title[: width - 2]}…")
        if shape.bars:
            plotext.bar(list(shape.bars.labels), shape.bars.values.tolist(), orientation="horizontal")
        elif shape.points:
            plotext.scatter(shape.points.x.tolist(), shape.points.y.tolist())
            plotext.xlabel(shape.points.x_name)
            plotext.ylabel(shape.points.y_name)
        else:
            _days_in_text(shape)
        drawn = plotext.uncolorize(plotext.build())
        plotext.clear_figure()
    return f"{drawn.rstrip()}\n{shape.alt}"


def _days_in_text(shape: Picture) -> None:
    import plotext

    lines = shape.lines or shape.stages
    low, high = np.inf, -np.inf
    span: Mapping[int, date] = {}
    for line in lines:
        known = ~np.isnan(line.values)
        days = [day.toordinal() for day, there in zip(line.days, known.tolist(), strict=True) if there]
        if not days:
            continue
        values = line.values[known]
        plotext.scatter(days, values.tolist(), label=line.name if len(lines) > 1 else None)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        span = {**span, days[0]: line.days[0], days[-1]: line.days[-1]}
    if not span:
        return
    first, last = min(span), max(span)
    ticks = sorted({round(first + (last - first) * part / 4) for part in range(5)})
    plotext.xticks(ticks, [date.fromordinal(tick).isoformat() for tick in ticks])
    if shape.clock:
        marks = np.linspace(low, high, 5).tolist()
        plotext.yticks(marks, [clock(mark) for mark in marks])
    plotext.ylabel(_axis("", shape.unit))
