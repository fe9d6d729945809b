"""A stretch of local days, and the calendar units that such stretches are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

Form = Literal[
    "day", "night", "week", "month", "quarter", "year", "season", "range", "span", "since", "before", "after"
]
Unit = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Closed-open local days [start, end) that the characters `at` of a text name.

    `start` or `end` is None where the words leave that side open ("since", "before"). `form` tells what kind of
    phrase it was, for the interpretation line and for how hard a search may filter by it.
    """

    start: date | None
    end: date | None
    words: str
    at: tuple[int, int]
    form: Form

    def window(self, zone: tzinfo) -> tuple[float, float]:
        """Unix seconds [start, end) of the local days; open sides become minus and plus infinity."""
        start = datetime.combine(self.start, datetime.min.time(), zone).timestamp() if self.start else float("-inf")
        end = datetime.combine(self.end, datetime.min.time(), zone).timestamp() if self.end else float("inf")
        return start, end


def unit_of(day: date, unit: Unit) -> tuple[date, date]:
    """The calendar unit [start, end) that holds a day: ISO weeks, calendar months, quarters and years."""
    match unit:
        case "day":
            start = day
        case "week":
            start = day - timedelta(days=day.weekday())
        case "month":
            start = day.replace(day=1)
        case "quarter":
            start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case "year":
            start = date(day.year, 1, 1)
    return start, shifted(start, unit, 1)


def shifted(day: date, unit: Unit, count: int) -> date:
    """The same day `count` units later (earlier when negative), at most the last of its month.

    Raises OverflowError or ValueError outside the years 1 to 9999.
    """
    if unit in ("day", "week"):
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[unit]
    first = date(months // 12, months % 12 + 1, 1)
    following = first.replace(day=28) + timedelta(days=4)
    return first.replace(day=min(day.day, (following - timedelta(days=following.day)).day))
