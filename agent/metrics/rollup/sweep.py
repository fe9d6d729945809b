"""Sources that count the same thing compete: at each instant only the best that covers it counts. Pure; vectorised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import Measure
from agent.metrics.rollup.merge import DAY_MS, MINUTE_MS, Floats, Ints, Rows, by_day, day_of
from agent.vocabulary import DayRollup

_Number = TypeVar("_Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What each source said and what of it counts, by source and day; shapes (sources, days), `days` are ordinals."""

    days: Ints
    raw: Floats
    counted: Floats
    used: NDArray[np.bool_]


def sweep(rows: Rows) -> Sweep:
    """At each instant only the best source that covers it counts (facts: health, 3.2). `rows` must not be empty."""
    long = rows.end > rows.start
    edges = np.unique(np.concatenate([rows.start, rows.end, *_midnights(rows)]))
    edges = edges[(edges >= rows.start.min()) & (edges <= rows.end.max())]
    if len(edges) == 1:
        edges = np.append(edges, edges[0] + 1)
    length = np.diff(edges)
    ordinals = day_of(edges[:-1], _zone(rows, edges[:-1]))
    days, day = np.unique(np.concatenate([ordinals, rows.day()]), return_inverse=True)
    day, own_day = day[: len(ordinals)], day[len(ordinals) :]

    cover, amount = _painted(rows, long, edges, length)
    shape = (len(rows.names), len(days))
    held = np.array([np.bincount(day, weights=length * covered, minlength=len(days)) for covered in cover])
    place = _places(rows, held)
    contest = np.where(cover, place[:, day], len(rows.names))
    best, ahead = contest.argmin(axis=0), contest.min(axis=0)
    won = np.take_along_axis(amount, best[None], axis=0)[0]
    counted: Floats = np.zeros(shape)
    np.add.at(counted, (best, day), won)
    raw = np.array([np.bincount(day, weights=said, minlength=len(days)) for said in amount])
    used = np.zeros(shape, bool)
    covered = ahead < len(rows.names)
    used[best[covered], day[covered]] = True

    points = np.flatnonzero(~long)
    at = np.searchsorted(edges, rows.start[points], side="right") - 1
    above = np.where(at < len(length), ahead[np.minimum(at, len(length) - 1)], len(rows.names))
    stands = points[place[rows.source[points], own_day[points]] <= above]
    np.add.at(counted, (rows.source[stands], own_day[stands]), rows.value[stands])
    np.add.at(raw, (rows.source[points], own_day[points]), rows.value[points])
    used[rows.source[stands], own_day[stands]] = True
    return Sweep(days=days, raw=raw, counted=counted, used=used)


def _zone(rows: Rows, moments: Ints) -> Ints:
    """A stretch of time lies in the zone of the sample that began last before it."""
    return rows.offset[np.maximum(np.searchsorted(rows.start, moments, side="right") - 1, 0)]


def _midnights(rows: Rows) -> Iterator[Ints]:
    """The midnights of each zone, while it was the zone."""
    days = np.arange(rows.start.min() // DAY_MS - 1, rows.end.max() // DAY_MS + 3) * DAY_MS
    for offset in np.unique(rows.offset):
        midnights = days - offset * MINUTE_MS
        yield midnights[_zone(rows, midnights) == offset]


def by_interval(rows: Rows, measure: Measure) -> list[DayRollup]:
    """Totals where at each instant only the best source that covers it counts, ascending by day.

    A sample spreads its value evenly over its length; samples of one source that overlap add up; a lower source fills
    only what better ones leave uncovered; samples without length count where no better source covers them. Between
    sources of one class the one that covers more of the day comes first, then the name (facts: health, 3.2).
    """
    if not len(rows.start):
        return []
    swept = sweep(rows)
    total, raw = swept.counted.sum(axis=0), swept.raw.sum(axis=0)
    # A day without any sample is no data, even where an edge of the sweep touches it.
    some = swept.used.any(axis=0)
    found = {rollup.day: rollup for rollup in by_day(rows, measure)}
    out = []
    for i in np.flatnonzero(some).tolist():
        when = date.fromordinal(int(swept.days[i]))
        own = found.get(when)
        amount_that_day = float(total[i])
        out.append(
            DayRollup(
                measure=measure.id,
                day=when,
                n=own.n if own else 0,
                total=amount_that_day,
                raw=float(raw[i]),
                mean=own.mean if own else amount_that_day,
                low=own.low if own else amount_that_day,
                high=own.high if own else amount_that_day,
                last=own.last if own else amount_that_day,
                sources=tuple(sorted({rows.names[s] for s in np.flatnonzero(swept.used[:, i])})),
            )
        )
    return out


def _painted(rows: Rows, long: NDArray[np.bool_], edges: Ints, length: Ints) -> tuple[NDArray[np.bool_], Floats]:
    """For each source and stretch between edges: is it covered, and with what amount; shapes (sources, edges - 1)."""
    cover = np.zeros((len(rows.names), len(length)), bool)
    amount = np.zeros((len(rows.names), len(length)))
    for source in range(len(rows.names)):
        mine = long & (rows.source == source)
        if not mine.any():
            continue
        first, last = np.searchsorted(edges, rows.start[mine]), np.searchsorted(edges, rows.end[mine])
        rate = rows.value[mine] / (rows.end[mine] - rows.start[mine])
        layers = _running(first, last, np.ones(len(rate), np.int64), len(edges))
        # Where one sample lies alone, the sum of the numbers of the samples there is its own, and no error of rounding
        # is carried from one stretch to the next: a day's amount is the same whatever lies before it.
        alone = _running(first, last, np.arange(len(rate)), len(edges))
        rates = np.where(layers == 1, rate[np.where(layers == 1, alone, 0)], _running(first, last, rate, len(edges)))
        cover[source] = layers > 0
        amount[source] = np.where(cover[source], rates * length, 0.0)
    return cover, amount


def _running(first: Ints, last: Ints, added: NDArray[_Number], edges: int) -> NDArray[_Number]:
    """The sum of what is added at some edges and taken off at others, in each stretch between edges."""
    change = np.zeros(edges, added.dtype)
    np.add.at(change, first, added)
    np.subtract.at(change, last, added)
    running: NDArray[_Number] = np.cumsum(change)[:-1]
    return running


def _places(rows: Rows, held: Floats) -> Ints:
    """The order of the sources on each day, 0 first; shape (sources, days)."""
    names = np.argsort(np.argsort(np.array(rows.names, dtype=object), kind="stable"), kind="stable")
    ranks = np.array(rows.ranks)
    keys = (np.broadcast_to(names[:, None], held.shape), -held, np.broadcast_to(ranks[:, None], held.shape))
    place = np.empty(held.shape, np.int64)
    np.put_along_axis(place, np.lexsort(keys, axis=0), np.arange(len(rows.names))[:, None], axis=0)
    return place
