"""Garmin's export of all data (DI_CONNECT) and the table of activities from Garmin Connect: an item is one export.

Written after public descriptions of the format; not verified against a real export. FIT files are counted, not read. Of
a night the export tells how long each stage lasted, not when, so stages lie end to end. Distances in Activities.csv
follow the owner's settings, which the file does not tell, and are left out; the energy of activities in the full export
is in a unit that descriptions do not agree on, and is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from indexers.health.export.fields import day, each, formatted, in_utc, inside, moment, number, unix, words
from indexers.health.export.moments import MINUTE
from indexers.health.export.sheaf import AWAKE, CORE, DEEP, REM, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Json, Member
from indexers.health.export.workout import amount, recorded
from indexers.record import Record

_SOURCE = "Garmin"
_QUANTITY = "HKQuantityTypeIdentifier"
_NO_TIME = "an entry has no time or number where it should; left out"
# field, measure, unit, scale
_DAILY = (
    ("totalSteps", "StepCount", "count", 1.0),
    ("totalDistanceMeters", "DistanceWalkingRunning", "m", 1.0),
    ("activeKilocalories", "ActiveEnergyBurned", "kcal", 1.0),
    ("bmrKilocalories", "BasalEnergyBurned", "kcal", 1.0),
    ("moderateIntensityMinutes", "AppleExerciseTime", "min", 1.0),
    ("vigorousIntensityMinutes", "AppleExerciseTime", "min", 1.0),
)
_STAGES = (
    ("deepSleepSeconds", DEEP),
    ("lightSleepSeconds", CORE),
    ("remSleepSeconds", REM),
    ("awakeSleepSeconds", AWAKE),
)


def _summaries(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for entry in member.objects():
        on = _calendar_day(entry)
        if on is None:
            sheaf.count("malformed", "daily summary", _NO_TIME)
            continue
        for field, measure, unit, scale in _DAILY:
            if (value := number(entry.get(field))) is not None and value >= 0:
                sheaf.add(_QUANTITY + measure, unit, calendar.day(on), value * scale, source=_SOURCE)
        rate = number(entry.get("currentDayRestingHeartRate")) or number(entry.get("restingHeartRate"))
        if rate:
            sheaf.add(f"{_QUANTITY}RestingHeartRate", "count/min", calendar.day(on), rate, source=_SOURCE)
        breaths = number(inside(entry.get("respiration")).get("avgWakingRespirationValue"))
        if breaths and breaths > 0:
            sheaf.add(f"{_QUANTITY}RespiratoryRate", "count/min", calendar.day(on), breaths, source=_SOURCE)
    yield from ()


def _calendar_day(entry: Json) -> date | None:
    """The day of a summary: a date, or an object around one as Java prints it."""
    value = entry.get("calendarDate")
    written = inside(value).get("date") if isinstance(value, dict) else value
    found = day(written)
    if found is not None:
        return found
    java = formatted(written, "%b %d, %Y %I:%M:%S %p")
    return None if java is None else java.date()


def _sleep(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for night in member.objects():
        start, end = (in_utc(moment(night.get(f"sleep{side}TimestampGMT"))) for side in ("Start", "End"))
        if start is None or end is None:
            sheaf.count("malformed", "sleep", _NO_TIME)
            continue
        stages = [(state, (number(night.get(field)) or 0) / 60) for field, state in _STAGES]
        sheaf.night(calendar.span(start, end), stages, source=_SOURCE)
    yield from ()


def _body(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for entry in member.objects():
        weight = inside(entry.get("weight"))
        at, grams = in_utc(moment(weight.get("timestampGMT"))), number(weight.get("weight"))
        if at is not None and grams is not None and grams > 0:
            sheaf.add(f"{_QUANTITY}BodyMass", "kg", calendar.span(at), grams / 1000, source=_SOURCE)
        elif weight:
            sheaf.count("malformed", "weight", _NO_TIME)
    yield from ()


def _activities(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for page in member.objects():
        for entry in each(page.get("summarizedActivitiesExport")):
            start, length = unix(entry.get("startTimeGmt"), per_second=1e3), number(entry.get("duration"))
            if start is None or length is None or length < 0:
                sheaf.count("malformed", "activity", _NO_TIME)
                continue
            elapsed = max(number(entry.get("elapsedDuration")) or length, length)
            span = calendar.span(start, start + timedelta(milliseconds=elapsed))
            local = number(entry.get("startTimeLocal"))
            offset = span.offset if local is None else round((local - span.start) / MINUTE)
            if abs(offset) <= 18 * 60:
                span = replace(span, offset=offset)
            yield sheaf.workout(
                recorded(
                    words(entry.get("activityType")),
                    span,
                    source=_SOURCE,
                    minutes=length / MINUTE,
                    distance=amount(number(entry.get("distance")), "km", per=100_000),
                    heart_rate=number(entry.get("avgHr")),
                )
            )


def _table(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for row in member.rows():
        start = formatted(row.get("Date"), "%Y-%m-%d %H:%M:%S")
        minutes = _clock(row.get("Time", ""))
        if start is None or minutes is None:
            sheaf.count("malformed", "activity", _NO_TIME)
            continue
        span = calendar.span(start, start + timedelta(minutes=minutes))
        energy, rate = amount(number(row.get("Calories", "")), "kcal"), number(row.get("Avg HR", ""))
        sport = row.get("Activity Type", "")
        yield sheaf.workout(recorded(sport, span, source=_SOURCE, minutes=minutes, energy=energy, heart_rate=rate))
        if row.get("Distance"):
            sheaf.count("ambiguous", "distance", "the table does not tell the unit of its distances; left out")


def _clock(written: str) -> float | None:
    """A length such as 1:02:03.5 or 57:45 in minutes."""
    parts = [number(part) for part in written.split(":")]
    if not 2 <= len(parts) <= 3 or None in parts:
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + (part or 0)
    return seconds / 60


class Garmin(ExportSource):
    """An export of a Garmin account, at `path`: the zip, Activities.csv, or the unpacked folder."""

    kind = "garmin"
    maker = "Garmin"
    remedy = "Ask for it at garmin.com/account/datamanagement, and choose the zip it sends."
    forms = (
        (re.compile(r"(?:^|/)UDSFile_[^/]*\.json$"), _summaries),
        (re.compile(r"_sleepData\.json$"), _sleep),
        (re.compile(r"_userBioMetrics\.json$"), _body),
        (re.compile(r"_summarizedActivities\.json$"), _activities),
        (re.compile(r"(?:^|/)Activities[^/]*\.csv$"), _table),
    )
