"""What a query came to: figures with their coverage and sources, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from agent.metrics.catalogue import Measure
from agent.metrics.query import MetricQuery, Stat
from agent.metrics.statistics import Link, Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number about one measure in its canonical unit; None is "no data".

    `days` of `of` days of the range [start, end) have data. `when` is the day of an extreme or latest value or the
    first of a streak, `until` the last of a streak. `total` and `n` go with every figure of a measure that adds up; of
    a share they are what passes and what there is.
    `overlap` is the share of the plain sum over sources that merging left out.
    """

    measure: Measure
    stat: Stat
    value: float | None
    start: date | None
    end: date
    days: int = 0
    of: int = 0
    total: float = 0.0
    n: int = 0
    when: date | None = None
    until: date | None = None
    sources: tuple[str, ...] = ()
    overlap: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """The value of one group of days, None where it has no data; `days` with data."""

    label: str
    value: float | None
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Where nine of ten of the owner's own days lay: the 5th and 95th percentile of `days` before the range."""

    low: float
    high: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """What a query came to. A comparison has two figures of each measure, one after the other.

    The other parts are set where they apply. `trends` has one for each measure; `shape` the means of equally long
    stretches of a trend's range (the first measure), None where it has no data; `usual` goes with levels and nights of
    a few days. `extent` are the days [first, end) that have data on the first measure at all.
    """

    query: MetricQuery
    figures: tuple[Figure, ...]
    trends: tuple[Trend | None, ...] = ()
    link: Link | None = None
    groups: tuple[GroupRow, ...] = ()
    extent: tuple[date, date] | None = None
    shape: tuple[float | None, ...] = ()
    usual: Usual | None = None

    @property
    def pairs(self) -> tuple[tuple[Figure, Figure], ...]:
        """The figures that are set side by side, one pair a measure; empty where nothing is compared."""
        two = self.query.against is not None or self.query.against_weekdays is not None
        if not two or self.query.group_by or self.query.stat in ("correlate", "ratio"):
            return ()
        return tuple(zip(self.figures[::2], self.figures[1::2], strict=True))

    @property
    def found(self) -> bool:
        """Whether there is any number at all."""
        if self.query.group_by and not self.query.listed:
            return bool(self.groups)
        return any(figure.value is not None for figure in self.figures)
