"""A level during one night: the samples between going to bed and waking, which daily rollups cannot tell apart."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np

from agent.metrics.catalogue import BEDTIME, WAKE_TIME, Measure
from agent.metrics.compute.days import Days
from agent.metrics.compute.result import Figure
from agent.metrics.query import MetricQuery
from agent.metrics.rollup.merge import MINUTE_MS, usable

_NOON = 720


def night_figure(query: MetricQuery, measure: Measure, store: Days) -> Figure:
    """The statistic of the night that ends on the first day of the range; no data where no sleep was recorded."""
    wake = query.span.start or query.span.end
    figure = Figure(measure=measure, stat=query.stat, value=None, start=wake, end=query.span.end, of=1)
    bounds = _bounds(wake, store)
    if bounds is None:
        return figure
    midnight = int(datetime(wake.year, wake.month, wake.day, tzinfo=UTC).timestamp() * 1000)
    around = timedelta(days=2) // timedelta(milliseconds=1)
    rows = usable(store.samples.series(measure.id, midnight - around, midnight + around), measure)
    # Clock times of the rollups are local, and so is this: no zone is needed to compare them.
    local = rows.start + rows.offset * MINUTE_MS - midnight
    rows = rows.take((local >= bounds[0] * MINUTE_MS) & (local < bounds[1] * MINUTE_MS))
    if not len(rows.start):
        return figure
    values = {
        "min": float(rows.value.min()),
        "max": float(rows.value.max()),
        "latest": float(rows.value[-1]),
    }
    if measure.rollup == "hourly":
        hours = (rows.start + rows.offset * MINUTE_MS) // (60 * MINUTE_MS)
        mean = float(np.mean([rows.value[hours == hour].mean() for hour in np.unique(hours)]))
    else:
        mean = float(rows.value.mean())
    names = tuple(sorted({rows.names[source] for source in np.unique(rows.source).tolist()}))
    return Figure(
        measure=measure, stat=query.stat, value=values.get(query.stat, mean), start=wake, end=query.span.end, of=1,
        days=1, total=mean, n=len(rows.start), sources=names,
    )  # fmt: skip


def _bounds(wake: date, store: Days) -> tuple[float, float] | None:
    """Minutes from the midnight before waking to going to bed (negative for the evening) and to waking."""
    bed, up = (store.rollups(name, wake, wake + timedelta(days=1)) for name in (BEDTIME, WAKE_TIME))
    if not len(bed.day) or not len(up.day):
        return None
    start = float(bed.total[0])
    return start - 1440 if start >= _NOON else start, float(up.total[0])
