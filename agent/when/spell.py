"""Days as a person writes them: the way back from `find`, for interpretation lines and narratives."""

from __future__ import annotations

from datetime import date, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def spelled(start: date | None, end: date) -> str:
    """Closed-open days: "1–31 Mar 2025", "28 Feb – 3 Mar 2025", "Sat 21 Nov 2026", "up to 3 Mar 2025"."""
    last = end - timedelta(days=1)
    if start is None:
        return f"up to {_date(last)}"
    if start == last:
        return spelled_day(last)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day}–{_date(last)}"
    if start.year == last.year:
        return f"{start.day} {_MONTHS[start.month - 1]} – {_date(last)}"
    return f"{_date(start)} – {_date(last)}"


def spelled_day(day: date) -> str:
    """One day with its weekday: "Sat 21 Nov 2026"."""
    return f"{weekday(day.weekday())} {_date(day)}"


def weekday(number: int) -> str:
    """The short name of a weekday, 0 for Monday."""
    return _DAYS[number]


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
