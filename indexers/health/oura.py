"""Oura's export of an account as JSON, and its tables of trends (CSV): an item is one export.

Written after the published API, whose objects the export repeats; not verified against a real export. The lowest heart
rate of the long sleep stands for the resting one, as in Oura's own app. Phases come in pieces of five minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from indexers.health.export.fields import day, inside, moment, number, words
from indexers.health.export.sheaf import ASLEEP, AWAKE, CORE, DEEP, IN_BED, REM, RMSSD, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Json, Member
from indexers.health.export.workout import amount, recorded
from indexers.record import Record

_SOURCE = "Oura"
_QUANTITY = "HKQuantityTypeIdentifier"
_NO_TIME = "an entry has no time or number where it should; left out"
_PHASES = {"1": DEEP, "2": CORE, "3": REM, "4": AWAKE}
_PHASE_MINUTES = 5
_RESTING = f"{_QUANTITY}RestingHeartRate"
_BREATHS = f"{_QUANTITY}RespiratoryRate"


def _document(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for part, read in _PARTS.items():
        for entry in member.objects(f"{part}.item"):
            yield from read(entry, sheaf, calendar)


def _sleep(entry: Json, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    start, end = moment(entry.get("bedtime_start")), moment(entry.get("bedtime_end"))
    if start is None or end is None:
        sheaf.count("malformed", "sleep", _NO_TIME)
        return
    night = calendar.span(start, end)
    sheaf.sleep(IN_BED, night, source=_SOURCE)
    phases = words(entry.get("sleep_phase_5_min")) or words(entry.get("hypnogram_5min"))
    at = 0
    for phase, run in groupby(phases):
        length = len(list(run))
        if phase in _PHASES:
            part = night.minutes(at * _PHASE_MINUTES, (at + length) * _PHASE_MINUTES)
            sheaf.sleep(_PHASES[phase], part, source=_SOURCE)
        at += length
    asleep = number(entry.get("total_sleep_duration"))
    if not phases and asleep:
        sheaf.sleep(ASLEEP, night.minutes(0, asleep / 60), source=_SOURCE)
    long = words(entry.get("type")) in ("long_sleep", "")
    on = day(entry.get("day"))
    for field, measure, unit in (
        ("lowest_heart_rate", _RESTING, "count/min"), ("average_breath", _BREATHS, "count/min"), ("average_hrv", RMSSD, "ms"),
    ):  # fmt: skip
        value = number(entry.get(field))
        if value and long and on is not None:
            sheaf.add(measure, unit, calendar.day(on), value, source=_SOURCE)
    yield from ()


def _of_a_day(*fields: tuple[str, str, str, float]) -> Callable[[Json, Sheaf, Calendar], Iterator[Record]]:
    """Values of one day: (place in the object, measure, unit, scale)."""

    def read(entry: Json, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        on = day(entry.get("day"))
        for place, measure, unit, scale in fields:
            first, _, second = place.partition(".")
            value = number(inside(entry.get(first)).get(second) if second else entry.get(first))
            if on is None:
                sheaf.count("malformed", measure, _NO_TIME)
            elif value is not None:
                sheaf.add(measure, unit, calendar.day(on), value * scale, source=_SOURCE)
        yield from ()

    return read


def _heart_rate(entry: Json, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    at, rate = moment(entry.get("timestamp")), number(entry.get("bpm"))
    if at is None or rate is None:
        sheaf.count("malformed", "heartrate", _NO_TIME)
    else:
        sheaf.add(f"{_QUANTITY}HeartRate", "count/min", calendar.span(at), rate, source=_SOURCE)
    yield from ()


def _workout(entry: Json, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    start, end = moment(entry.get("start_datetime")), moment(entry.get("end_datetime"))
    if start is None or end is None or _backwards(start, end):
        sheaf.count("malformed", "workout", _NO_TIME)
        return
    yield sheaf.workout(
        recorded(
            words(entry.get("activity")),
            calendar.span(start, end),
            source=_SOURCE,
            distance=amount(number(entry.get("distance")), "km", per=1000),
            energy=amount(number(entry.get("calories")), "kcal"),
        )
    )


def _backwards(start: datetime, end: datetime) -> bool:
    return (start.tzinfo is None) != (end.tzinfo is None) or end < start


_ACTIVITY = _of_a_day(
    ("steps", f"{_QUANTITY}StepCount", "count", 1.0),
    ("active_calories", f"{_QUANTITY}ActiveEnergyBurned", "kcal", 1.0),
    ("equivalent_walking_distance", f"{_QUANTITY}DistanceWalkingRunning", "m", 1.0),
)
_OXYGEN = _of_a_day(("spo2_percentage.average", f"{_QUANTITY}OxygenSaturation", "%", 0.01))
_FITNESS = _of_a_day(("vo2_max", f"{_QUANTITY}VO2Max", "mL/min·kg", 1.0))
_PARTS: dict[str, Callable[[Json, Sheaf, Calendar], Iterator[Record]]] = {
    "sleep": _sleep,
    "daily_activity": _ACTIVITY,
    "heartrate": _heart_rate,
    "heart_rate": _heart_rate,
    "workout": _workout,
    "daily_spo2": _OXYGEN,
    "vo2_max": _FITNESS,
}
# What one file holds where the export gives each part its own.
_PART_FILE = re.compile(rf"(?:^|/)(?:oura_)?({'|'.join(_PARTS)})(?:[-_][\d-]+)?\.json$", re.IGNORECASE)

_TRENDS = (
    ("Steps", f"{_QUANTITY}StepCount", "count"),
    ("Activity Burn", f"{_QUANTITY}ActiveEnergyBurned", "kcal"),
    ("Equivalent Walking Distance", f"{_QUANTITY}DistanceWalkingRunning", "m"),
    ("Lowest Resting Heart Rate", _RESTING, "count/min"),
    ("Respiratory Rate", _BREATHS, "count/min"),
    ("Average HRV", RMSSD, "ms"),
)


def _part(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    named = _PART_FILE.search(member.name)
    read = _PARTS[named[1].lower()] if named else _sleep
    for prefix in ("item", "data.item"):
        for entry in member.objects(prefix):
            yield from read(entry, sheaf, calendar)


def _trends(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for row in member.rows():
        on = day(row.get("date"))
        if on is None:
            sheaf.count("malformed", "trends", _NO_TIME)
            continue
        for column, measure, unit in _TRENDS:
            if (value := number(row.get(column, ""))) is not None:
                sheaf.add(measure, unit, calendar.day(on), value, source=_SOURCE)
        start, end = moment(row.get("Bedtime Start")), moment(row.get("Bedtime End"))
        if start is not None and end is not None:
            sheaf.night(calendar.span(start, end), list(_stages(row)), source=_SOURCE)
    yield from ()


def _stages(row: Json) -> Iterator[tuple[str, float]]:
    for column, state in (
        ("Deep Sleep Duration", DEEP), ("Light Sleep Duration", CORE), ("REM Sleep Duration", REM), ("Awake Time", AWAKE),
    ):  # fmt: skip
        yield state, (number(row.get(column)) or 0) / 60


class Oura(ExportSource):
    """An export of an Oura account, at `path`: a file, a zip, or a folder of them."""

    kind = "oura"
    maker = "Oura"
    remedy = "Ask for it at cloud.ouraring.com under Profile, Export data, and choose the file."
    forms = (
        (_PART_FILE, _part),
        (re.compile(r"\.json$", re.IGNORECASE), _document),
        (re.compile(r"(?:^|/)oura_[^/]*trends[^/]*\.csv$", re.IGNORECASE), _trends),
    )

    def reader(self, name: str, names: Sequence[str]) -> Callable[[Member, Sheaf, Calendar], Iterator[Record]] | None:
        """As usual; trends only where no JSON tells the same in full."""
        whole = any(other.lower().endswith(".json") for other in names)
        return None if whole and name.lower().endswith(".csv") else super().reader(name, names)
