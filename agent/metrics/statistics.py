"""Robust statistics on daily values: trend, rank correlation, means on the clock and of sound levels, streaks. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDE_DAYS = 14
"""A trend needs this many days with data on each side of its middle; its ends are the means of as many, or of half."""

_DENSE_DAYS = 400
_WEEK = 7
_Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A Theil–Sen slope a week with its 95 % interval, Mann–Kendall p, and the means of the first and last `ends` days.

    `enough` is false where fewer than SIDE_DAYS days stand on a side; the slope is then NaN. On long ranges the slope
    is taken from weekly medians.
    """

    slope: float
    low: float
    high: float
    p: float
    first: float
    last: float
    ends: int
    enough: bool

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.enough and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Spearman's rho of paired days with its 95 % interval (Fisher, variance 1.06 / (n - 3))."""

    rho: float
    low: float
    high: float
    n: int

    @property
    def clear(self) -> bool:
        """Whether there are enough pairs and the interval leaves out zero."""
        return self.n >= SIDE_DAYS and (self.low > 0 or self.high < 0)


def trend(day: Ints, value: Floats, *, clock: bool = False) -> Trend | None:
    """The trend of values by ascending day ordinals, None without data; clock times are unrolled around their mean."""
    if not len(day):
        return None
    middle = circular_mean(value) if clock else 0.0
    level = clock_distance(value, middle) if clock else value
    half = (day[0] + day[-1]) / 2
    side = min(int((day <= half).sum()), int((day > half).sum()))
    ends = max(1, min(SIDE_DAYS, len(day) // 2))
    first, last = float(level[:ends].mean()) + middle, float(level[-ends:].mean()) + middle
    if side < SIDE_DAYS:
        nan = math.nan
        return Trend(slope=nan, low=nan, high=nan, p=nan, first=first, last=last, ends=ends, enough=False)
    x, y = (day.astype(np.float64), level) if len(day) <= _DENSE_DAYS else _weekly(day, level)
    slope, low, high = theil_sen(x, y)
    return Trend(
        slope=slope * _WEEK, low=low * _WEEK, high=high * _WEEK, p=mann_kendall(y), first=first, last=last,
        ends=ends, enough=True,
    )  # fmt: skip


def _weekly(day: Ints, value: Floats) -> tuple[Floats, Floats]:
    weeks = (day - 1) // _WEEK
    cuts = np.flatnonzero(np.diff(weeks)) + 1
    medians = np.array([np.median(part) for part in np.split(value, cuts)])
    return weeks[np.concatenate([[0], cuts])].astype(np.float64) * _WEEK, medians


def theil_sen(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Median slope of all pairs with Sen's 95 % interval; x strictly ascending, at least two points."""
    n = len(x)
    i, j = np.triu_indices(n, 1)
    slopes = np.sort((y[j] - y[i]) / (x[j] - x[i]))
    spread = _Z95 * math.sqrt(_kendall_variance(y))
    low = max(0, math.floor((len(slopes) - spread) / 2) - 1)
    high = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])


def mann_kendall(y: Floats) -> float:
    """The two-sided p of no monotonic trend, normal approximation with ties and continuity correction."""
    i, j = np.triu_indices(len(y), 1)
    score = float(np.sign(y[j] - y[i]).sum())
    variance = _kendall_variance(y)
    return math.erfc(max(0.0, abs(score) - 1) / math.sqrt(2 * variance)) if variance > 0 else 1.0


def _kendall_variance(y: Floats) -> float:
    n = len(y)
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18


def link(x: Floats, y: Floats) -> Link:
    """Spearman's rank correlation of two equally long columns; rho is 0 where one does not vary."""
    n = len(x)
    # Merged totals carry noise in their last digits that would break ties.
    a, b = (ranks(np.round(column, 6)) - (n + 1) / 2 for column in (x, y))
    norm = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    rho = float((a * b).sum()) / norm if norm else 0.0
    if n <= 3:
        return Link(rho=rho, low=-1.0, high=1.0, n=n)
    z, spread = math.atanh(min(max(rho, -0.999999), 0.999999)), _Z95 * math.sqrt(1.06 / (n - 3))
    return Link(rho=rho, low=math.tanh(z - spread), high=math.tanh(z + spread), n=n)


def ranks(values: Floats) -> Floats:
    """Ranks from 1, ties at the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    averaged: Floats = (ends - (counts - 1) / 2).astype(np.float64)
    return averaged[inverse]


def circular_mean(minutes: Floats) -> float:
    """The mean of clock times in minutes after midnight, on the circle of a day."""
    angle = minutes * (2 * math.pi / 1440)
    return math.atan2(float(np.sin(angle).mean()), float(np.cos(angle).mean())) * 1440 / (2 * math.pi) % 1440


def clock_distance(minutes: Floats, middle: float) -> Floats:
    """Minutes before (negative) or after a clock time, the short way round."""
    distance: Floats = (minutes - middle + 720) % 1440 - 720
    return distance


def energetic_mean(levels: Floats) -> float:
    """The equivalent continuous level of equally long stretches in dB."""
    return 10 * math.log10(float((10 ** (levels / 10)).mean()))


def longest_run(days: Ints) -> tuple[int, int]:
    """First ordinal and length of the longest run of consecutive days (ascending ordinals); the latest of equals."""
    if not len(days):
        return 0, 0
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(days) > 1) + 1, [len(days)]])
    lengths = np.diff(cuts)
    at = len(lengths) - 1 - int(lengths[::-1].argmax())
    return int(days[cuts[at]]), int(lengths[at])
