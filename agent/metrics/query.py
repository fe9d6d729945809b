"""A question about numbers as it was read: what is asked of which measures, over which days."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Stat = Literal[
    "sum",
    "mean",
    "min",
    "max",
    "latest",
    "count",
    "days",
    "trend",
    "streak",
    "percentile",
    "ratio",
    "share",
    "correlate",
    "list",
]
Group = Literal["day", "weekday", "week", "month", "quarter", "year", "source", "activity"]

USUAL_DAYS = 90
"""The days before some others that tell what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Local days [start, end); None is open. `words` are those of the question; `partial`: its last day is not over.

    `asleep`: not the day but the night that ends on it, from going to bed to waking.
    """

    start: date | None
    end: date
    words: str
    partial: bool = False
    asleep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit in the measure's canonical unit; clock times are minutes after midnight. `upper` goes with "between"."""

    op: Literal[">", ">=", "<", "<=", "between"]
    value: float
    words: str
    upper: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must be true of a day: that `measure` passes `threshold`, or is there at all; `absent` turns it around."""

    measure: str
    words: str
    threshold: Threshold | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A question about numbers as it was read.

    `stat` of `measures` over `span`, side by side with `against` (a second span) or `against_weekdays` where two are
    compared. "count" counts events, "days" counts days that pass `threshold`, "share" tells which part of the days (or
    of the events) passes. Three parts narrow what enters any statistic: `only` the events that pass a limit by
    themselves (in `only_unit`), the samples `during` events of a measure, the days `on` which a condition holds.
    `weekdays` has 0 for Monday. `per` makes a rate of a total, `pick` asks for the best or worst group, `lag` is in
    days (of the second measure after the first), `quantile` in (0, 1). `current` asks for the streak that still runs,
    `absent` for days without any event, `goal` for days that reached the goal of each measure (rings).
    `unit` is the one of the question, `units` those that the owner prefers to canonical ones.
    """

    measures: tuple[str, ...]
    stat: Stat
    span: Span
    against: Span | None = None
    weekdays: frozenset[int] = frozenset(range(7))
    against_weekdays: frozenset[int] | None = None
    threshold: Threshold | None = None
    group_by: Group | None = None
    pick: Literal["min", "max"] | None = None
    per: Literal["day", "week", "month"] | None = None
    unit: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    quantile: float | None = None
    lag: int = 0
    current: bool = False
    absent: bool = False
    goal: bool = False
    only: Threshold | None = None
    only_unit: Literal["min", "km"] = "min"
    during: str | None = None
    on: Condition | None = None

    @property
    def listed(self) -> Threshold | None:
        """The limit that listed days pass, each shown with the value that passes; None where other days are listed, or none."""
        return self.threshold if self.stat == "list" else None
