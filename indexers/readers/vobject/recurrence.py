"""How often a recurrence rule (RFC 5545 3.3.10) can fire, told before it is run: rules that would run away are refused.

The expander walks a rule from its first day on and stops only at a match, so a rule per second, or one that never
matches, costs hours. The bounds here are upper ones and cost microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

MAX_STEPS = 200_000
"""The most steps that a rule may take from its first day to the end of the window (about a second)."""

_SECONDS = {
    "SECONDLY": 1,
    "MINUTELY": 60,
    "HOURLY": 3_600,
    "DAILY": 86_400,
    "WEEKLY": 604_800,
    "MONTHLY": 28 * 86_400,
    "YEARLY": 365 * 86_400,
}
_DAYS_IN = {"WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY_FILTERS = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_LEAP_CYCLE = 366 * 8


class Unbounded(ValueError):
    """A rule fires too often, or perhaps never, to be expanded. The text completes "a series …"."""


def check_rule(rule: Mapping[str, Any], *, first: date, start: datetime, end: datetime, limit: int) -> None:
    """Raise Unbounded when `rule` may fire more than `limit` times in [start, end], or may never fire again.

    `rule` maps upper-case part names to lists of values, as icalendar parses it; `first` is DTSTART; `start` and `end`
    are floating.
    """
    frequency = str(_one(rule, "FREQ", "")).upper()
    if frequency not in _SECONDS:
        raise Unbounded("has a rule without a frequency")
    interval = int(_one(rule, "INTERVAL", 1))
    if interval < 1:
        raise Unbounded("has a rule with an interval of nothing")
    begins = _floating(first)
    last = min(end, _floating(_one(rule, "UNTIL", end)))
    period = _SECONDS[frequency] * interval
    in_one = _times_in_one_period(rule, frequency)
    count = int(_one(rule, "COUNT", 0)) or None
    steps = _periods(begins, last, period, count)
    if steps * (1 if frequency in ("HOURLY", "MINUTELY", "SECONDLY") else in_one) > MAX_STEPS:
        raise Unbounded("repeats too often since it began")
    if _periods(max(begins, start), last, period, count) * in_one > limit:
        raise Unbounded(f"repeats more than {limit:,} times in three years")
    if rule.get("BYSETPOS") and frequency not in ("MONTHLY", "YEARLY"):
        raise Unbounded("has a rule that may never fire")
    if not _counts_exist(rule, frequency, in_one) or not _fires_on_some_day(rule, frequency, begins.date()):
        raise Unbounded("has a rule that never fires")


def _one(rule: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = rule.get(name, otherwise)
    if isinstance(value, list):
        return value[0] if value else otherwise
    return value


def _many(rule: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = rule.get(name, ())
    return value if isinstance(value, (list, tuple)) else (value,)


def _floating(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - compared with floating times only


def _periods(begins: datetime, last: datetime, period: float, count: int | None) -> float:
    steps = max(0.0, (last - begins).total_seconds()) / period + 1
    return min(steps, count) if count else steps


def _times_in_one_period(rule: Mapping[str, Any], frequency: str) -> int:
    """At most how often one period of the rule fires."""
    seconds = _SECONDS[frequency]
    times = 1
    for name, shorter_than in (("BYHOUR", 3_600), ("BYMINUTE", 60), ("BYSECOND", 1)):
        if seconds > shorter_than:
            times *= max(1, len(_many(rule, name)))
    if frequency not in _DAYS_IN:
        return times
    if any(rule.get(name) for name in _DAY_FILTERS):
        named = sum(len(_many(rule, name)) for name in _DAY_FILTERS)
        weeks = {"WEEKLY": 1, "MONTHLY": 5, "YEARLY": 53}[frequency]
        return times * min(_DAYS_IN[frequency], named * weeks)
    return times * max(1, len(_many(rule, "BYMONTH")) if frequency == "YEARLY" else 1)


def _counts_exist(rule: Mapping[str, Any], frequency: str, in_one: int) -> bool:
    """Whether the rule counts to what a period has: no sixth Monday of a month, no 54th week, no ninth of five."""
    weekday = 53 if frequency == "YEARLY" and not rule.get("BYMONTH") else 5
    ordinals = (abs(int(number)) for value in _many(rule, "BYDAY") if (number := str(value)[:-2].strip("+")))
    weeks = (abs(int(value)) for value in _many(rule, "BYWEEKNO"))
    positions = [abs(int(value)) for value in _many(rule, "BYSETPOS")]
    return (
        all(number <= weekday for number in ordinals)
        and all(week <= 53 for week in weeks)
        and (not positions or min(positions) <= in_one)
    )


def _fires_on_some_day(rule: Mapping[str, Any], frequency: str, first: date) -> bool:
    """Whether any day of a leap cycle passes the rule's filters."""
    months, monthdays = ({int(value) for value in _many(rule, name)} for name in ("BYMONTH", "BYMONTHDAY"))
    yeardays = {int(value) for value in _many(rule, "BYYEARDAY")}
    weekdays = {str(value).upper()[-2:] for value in _many(rule, "BYDAY")}
    if not (months or monthdays or yeardays or weekdays):
        return True
    step = int(_one(rule, "INTERVAL", 1)) if frequency == "DAILY" else 1
    if step > 100:
        return True  # so few steps are left until the last year there is that no bound is needed
    for days in range(0, _LEAP_CYCLE * min(step, 7), step):
        day = first + timedelta(days=days)
        of_year, length = day.timetuple().tm_yday, _month_length(day)
        if (
            (not months or day.month in months)
            and (not monthdays or day.day in monthdays or day.day - length - 1 in monthdays)
            and (not yeardays or of_year in yeardays or of_year - _year_length(day) - 1 in yeardays)
            and (not weekdays or _DAYS[day.weekday()] in weekdays)
        ):
            return True
    return False


def _month_length(day: date) -> int:
    return ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def _year_length(day: date) -> int:
    return 366 if day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0) else 365
