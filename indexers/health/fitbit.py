"""Fitbit data out of Google Takeout ("Global Export Data" and the tables beside it): an item is one Takeout.

Written after public descriptions of the format; not verified against a real export. What those say: minutes of steps,
distance and heart rate are in UTC; sleep, weight and daily values in the wearer's own time; distance in centimetres;
weight in pounds. Heart rates of confidence 0 are a placeholder and are left out. Classic sleep (without stages) calls
what is neither asleep nor awake restless: counted as awake, as Fitbit's own minutes asleep do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from indexers.health.export.fields import day, each, in_utc, inside, moment, number, words
from indexers.health.export.moments import MINUTE, Span
from indexers.health.export.sheaf import ASLEEP, AWAKE, CORE, DEEP, IN_BED, REM, RMSSD, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Json, Member, Reader
from indexers.health.export.workout import amount, recorded
from indexers.record import Record

_SOURCE = "Fitbit"
_QUANTITY = "HKQuantityTypeIdentifier"
_MINUTES = timedelta(minutes=1)
_US = re.compile(r"(\d\d)/(\d\d)/(\d\d)(?: (\d\d):(\d\d):(\d\d))?\s*", re.ASCII)
_NO_TIME = "an entry has no time or number where it should; left out"
_LEVELS = {
    "light": CORE, "deep": DEEP, "rem": REM, "wake": AWAKE, "awake": AWAKE, "restless": AWAKE, "asleep": ASLEEP,
}  # fmt: skip


def _us(value: object) -> datetime | None:
    """A time as Fitbit writes it, 12/31/24 23:59:59, or its day alone; by hand, for there are millions of them."""
    found = _US.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    month, on, year, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(2000 + year, month, on, hour, minute, second)  # noqa: DTZ001 - the caller knows the zone
    except ValueError:
        return None


def _minutes(measure: str, unit: str) -> Reader:
    """Amounts a minute, in UTC."""

    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for entry in member.objects():
            start, value = in_utc(_us(entry.get("dateTime"))), number(entry.get("value"))
            if start is None or value is None:
                sheaf.count("malformed", measure, _NO_TIME)
            elif value:  # most minutes are zero, and a sum does not miss them
                sheaf.add(_QUANTITY + measure, unit, calendar.span(start, start + _MINUTES), value, source=_SOURCE)
            yield from ()

    return read


def _heart_rate(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for entry in member.objects():
        value = inside(entry.get("value"))
        at, rate = in_utc(_us(entry.get("dateTime"))), number(value.get("bpm"))
        if at is None or rate is None:
            sheaf.count("malformed", "HeartRate", _NO_TIME)
        elif number(value.get("confidence")) == 0:
            sheaf.count("excluded", "HeartRate", "heart rates that the tracker itself gives no confidence")
        else:
            sheaf.add(f"{_QUANTITY}HeartRate", "count/min", calendar.span(at), rate, source=_SOURCE)
    yield from ()


def _daily(measure: str, unit: str, value_of: Callable[[Json], float | None]) -> Reader:
    """One value a day, at the wearer's own midnight; zero means none."""

    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for entry in member.objects():
            at, value = _us(entry.get("dateTime")), value_of(entry)
            if at is None:
                sheaf.count("malformed", measure, _NO_TIME)
            elif value:
                sheaf.add(_QUANTITY + measure, unit, calendar.day(at.date()), value, source=_SOURCE)
        yield from ()

    return read


def _sleep(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for night in member.objects():
        start, end = moment(night.get("startTime")), moment(night.get("endTime"))
        if start is None or end is None:
            sheaf.count("malformed", "sleep", _NO_TIME)
            continue
        sheaf.sleep(IN_BED, calendar.span(start, end), source=_SOURCE)
        levels = inside(night.get("levels"))
        # Short wakings lie over the stages of "data", so those stages are cut where they are.
        waking = sorted(_stretches(levels.get("shortData"), calendar, sheaf), key=lambda stretch: stretch[1].start)
        for level, span in _stretches(levels.get("data"), calendar, sheaf):
            for part in _without(span, [short for _, short in waking]):
                sheaf.sleep(level, part, source=_SOURCE)
        for level, span in waking:
            sheaf.sleep(level, span, source=_SOURCE)
    yield from ()


def _stretches(value: object, calendar: Calendar, sheaf: Sheaf) -> Iterator[tuple[str, Span]]:
    for entry in each(value):
        start, seconds = moment(entry.get("dateTime")), number(entry.get("seconds"))
        state = _LEVELS.get(words(entry.get("level")))
        if start is None or seconds is None or state is None:
            sheaf.count("malformed", "sleep", _NO_TIME)
        else:
            yield state, calendar.span(start, start + timedelta(seconds=seconds))


def _without(span: Span, holes: list[Span]) -> Iterator[Span]:
    at = span.start
    for hole in holes:
        if hole.end <= at or hole.start >= span.end:
            continue
        if hole.start > at:
            yield Span(start=at, end=hole.start, offset=span.offset)
        at = max(at, hole.end)
    if at < span.end:
        yield Span(start=at, end=span.end, offset=span.offset)


def _weight(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for entry in member.objects():
        at = _us(f"{words(entry.get('date'))} {words(entry.get('time'))}")
        if at is None:
            sheaf.count("malformed", "weight", _NO_TIME)
            continue
        source = words(entry.get("source")) or _SOURCE
        for field, measure, unit, scale in (
            ("weight", "BodyMass", "lb", 1.0), ("bmi", "BodyMassIndex", "count", 1.0), ("fat", "BodyFatPercentage", "%", 0.01),
        ):  # fmt: skip
            if (value := number(entry.get(field))) is not None and value > 0:
                sheaf.add(_QUANTITY + measure, unit, calendar.span(at), value * scale, source=source)
    yield from ()


def _exercise(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for entry in member.objects():
        start, length = in_utc(_us(entry.get("startTime"))), number(entry.get("duration"))
        if start is None or length is None or length < 0:
            sheaf.count("malformed", "exercise", _NO_TIME)
            continue
        span = calendar.span(start, start + timedelta(milliseconds=length))
        active = number(entry.get("activeDuration"))
        yield sheaf.workout(
            recorded(
                words(entry.get("activityName")),
                span,
                source=_SOURCE,
                minutes=(active if active is not None else length) / MINUTE,
                distance=amount(number(entry.get("distance")), _DISTANCES.get(words(entry.get("distanceUnit")))),
                energy=amount(number(entry.get("calories")), "kcal"),
                heart_rate=number(entry.get("averageHeartRate")),
            )
        )


_DISTANCES = {"Kilometer": "km", "Mile": "mi", "Meter": "m"}


def _table(column: str, measure: str, unit: str, scale: float = 1.0) -> Reader:
    """A CSV with a `timestamp` and one value a day."""

    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for row in member.rows():
            on, value = day(row.get("timestamp")), number(row.get(column, ""))
            if on is None or value is None:
                sheaf.count("malformed", measure, _NO_TIME)
            else:
                sheaf.add(measure, unit, calendar.day(on), value * scale, source=_SOURCE)
        yield from ()

    return read


def _resting(entry: Json) -> float | None:
    return number(inside(entry.get("value")).get("value"))


def _fitness(entry: Json) -> float | None:
    value = inside(entry.get("value"))
    return number(value.get("filteredDemographicVO2Max")) or number(value.get("demographicVO2Max"))


def _plain(entry: Json) -> float | None:
    return number(entry.get("value"))


def _form(stem: str, suffix: str = "json") -> re.Pattern[str]:
    return re.compile(rf"(?:^|/){stem}[-_ ]*[\d-]+\.{suffix}$", re.IGNORECASE)


class Fitbit(ExportSource):
    """A Takeout with Fitbit data, at `path`: the zips, or the unpacked folder."""

    kind = "fitbit"
    maker = "Fitbit"
    remedy = "Ask takeout.google.com for Fitbit, and choose the zip it sends."
    forms = (
        (_form("steps"), _minutes("StepCount", "count")),
        (_form("distance"), _minutes("DistanceWalkingRunning", "cm")),
        (_form("heart_rate"), _heart_rate),
        (_form("resting_heart_rate"), _daily("RestingHeartRate", "count/min", _resting)),
        (_form("very_active_minutes"), _daily("AppleExerciseTime", "min", _plain)),
        (_form("moderately_active_minutes"), _daily("AppleExerciseTime", "min", _plain)),
        (_form("demographic_vo2_max"), _daily("VO2Max", "mL/min·kg", _fitness)),
        (_form("sleep"), _sleep),
        (_form("weight"), _weight),
        (_form("exercise"), _exercise),
        (_form("Daily SpO2 -", "csv"), _table("average_value", f"{_QUANTITY}OxygenSaturation", "%", 0.01)),
        (_form("Daily Heart Rate Variability Summary -", "csv"), _table("rmssd", RMSSD, "ms")),
    )
