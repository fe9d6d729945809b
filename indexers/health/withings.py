"""Withings' export of an account (a zip of tables): an item is one export.

Written after public descriptions of the format; not verified against a real export. Steps and distance are in it twice, by
day and in pieces of minutes: the daily tables are read, which Withings has merged. Stages of sleep come in pieces where
the tracker's raw table is there, else end to end by their length. Times without a zone are the owner's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from indexers.health.export.fields import day, moment, number, words
from indexers.health.export.sheaf import AWAKE, CORE, DEEP, REM, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Member, Reader
from indexers.health.export.workout import amount, recorded
from indexers.record import Record

_SOURCE = "Withings"
_QUANTITY = "HKQuantityTypeIdentifier"
_NO_TIME = "an entry has no time or number where it should; left out"
_LONGEST_CELL = 1 << 20
_STATES = {0: AWAKE, 1: CORE, 2: DEEP, 3: REM}
_NIGHT = (("deep (s)", DEEP), ("light (s)", CORE), ("rem (s)", REM), ("awake (s)", AWAKE))
_RAW_SLEEP = re.compile(r"(?:^|/)raw_tracker_sleep-state\.csv$", re.IGNORECASE)


def _measured(*columns: tuple[str, str, str]) -> Reader:
    """Measurements at a time of day: (column, measure, unit)."""

    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for row in member.rows():
            at = moment(row.get("Date"))
            if at is None:
                sheaf.count("malformed", member.name, _NO_TIME)
                continue
            for column, measure, unit in columns:
                if value := number(row.get(column, "")):
                    sheaf.add(_QUANTITY + measure, unit, calendar.span(at), value, source=_SOURCE)
        yield from ()

    return read


def _weight(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for row in member.rows():
        at = moment(row.get("Date"))
        # The table's own words for its unit; owners of either have one column.
        found = ((unit, number(row.get(f"Weight ({unit})", ""))) for unit in ("kg", "lb"))
        unit, weight = next((pair for pair in found if pair[1]), ("", None))
        if at is None:
            sheaf.count("malformed", "weight", _NO_TIME)
        elif weight:
            sheaf.add(f"{_QUANTITY}BodyMass", unit, calendar.span(at), weight, source=_SOURCE)
            fat = number(row.get(f"Fat mass ({unit})", ""))
            if fat:
                share = fat / weight
                sheaf.add(f"{_QUANTITY}BodyFatPercentage", "%", calendar.span(at), share, source=_SOURCE)
    yield from ()


def _daily(measure: str, unit: str) -> Reader:
    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for row in member.rows():
            on, value = day(row.get("date")), number(row.get("value", ""))
            if on is None or value is None:
                sheaf.count("malformed", measure, _NO_TIME)
            else:
                sheaf.add(_QUANTITY + measure, unit, calendar.day(on), value, source=_SOURCE)
        yield from ()

    return read


def _pieces(member: Member, sheaf: Sheaf) -> Iterator[tuple[object, float, float, float]]:
    """The pieces of a raw table: (start of the row, seconds from there, seconds long, value)."""
    for row in member.rows():
        at = 0.0
        lengths, values = _array(row.get("duration", "")), _array(row.get("value", ""))
        if len(lengths) != len(values):
            sheaf.count("malformed", member.name, _NO_TIME)
            continue
        for length, value in zip(lengths, values, strict=True):
            yield row.get("start"), at, length, value
            at += length


def _array(cell: str) -> list[float]:
    try:
        found = json.loads(cell) if len(cell) <= _LONGEST_CELL else None
    except (ValueError, RecursionError):
        return []
    numbers = [number(value) for value in found] if isinstance(found, list) else []
    return [value for value in numbers if value is not None] if None not in numbers else []


def _heart_rate(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for start, at, length, rate in _pieces(member, sheaf):
        begin = moment(start)
        if begin is None:
            sheaf.count("malformed", "HeartRate", _NO_TIME)
            continue
        begin += timedelta(seconds=at)
        span = calendar.span(begin, begin + timedelta(seconds=max(length, 0)))
        sheaf.add(f"{_QUANTITY}HeartRate", "count/min", span, rate, source=_SOURCE)
    yield from ()


def _sleep_states(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for start, at, length, value in _pieces(member, sheaf):
        begin, state = moment(start), _STATES.get(int(value))
        if begin is None or state is None or length <= 0:
            sheaf.count("malformed", "sleep", _NO_TIME)
            continue
        begin += timedelta(seconds=at)
        sheaf.sleep(state, calendar.span(begin, begin + timedelta(seconds=length)), source=_SOURCE)
    yield from ()


def _nights(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for row in member.rows():
        start, end = moment(row.get("from")), moment(row.get("to"))
        if start is None or end is None:
            sheaf.count("malformed", "sleep", _NO_TIME)
            continue
        stages = [(state, (number(row.get(column, "")) or 0) / 60) for column, state in _NIGHT]
        sheaf.night(calendar.span(start, end), stages, source=_SOURCE)
    yield from ()


def _activities(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for row in member.rows():
        start, end = moment(row.get("from")), moment(row.get("to"))
        span = calendar.span(start, end) if start is not None and end is not None else None
        if span is None or span.end < span.start:
            sheaf.count("malformed", "activity", _NO_TIME)
            continue
        data = _object(row.get("Data", ""))
        yield sheaf.workout(
            recorded(
                words(row.get("Activity type")),
                span,
                source=_SOURCE,
                distance=amount(number(data.get("distance")), "km", per=1000),
                energy=amount(number(data.get("calories")), "kcal"),
                heart_rate=number(data.get("hr_average")),
            )
        )


def _object(cell: str) -> dict[str, object]:
    try:
        found = json.loads(cell) if len(cell) <= _LONGEST_CELL else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _form(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/){name}\.csv$", re.IGNORECASE)


class Withings(ExportSource):
    """An export of a Withings account, at `path`: the zip, or the unpacked folder."""

    kind = "withings"
    maker = "Withings"
    remedy = "In the Withings app choose Profile, Settings, Download your data, and choose the zip it sends."
    forms = (
        (_form("weight"), _weight),
        (
            _form("bp"),
            _measured(
                ("Systolic", "BloodPressureSystolic", "mmHg"),
                ("Diastolic", "BloodPressureDiastolic", "mmHg"),
                ("Heart rate", "HeartRate", "count/min"),
            ),
        ),
        (_form("height"), _measured(("Height (m)", "Height", "m"))),
        (_form("aggregates_steps"), _daily("StepCount", "count")),
        (_form("aggregates_distance"), _daily("DistanceWalkingRunning", "m")),
        (_form("aggregates_calories_earned"), _daily("ActiveEnergyBurned", "kcal")),
        (_form("raw_tracker_hr"), _heart_rate),
        (_RAW_SLEEP, _sleep_states),
        (_form("sleep"), _nights),
        (_form("activities"), _activities),
    )

    def reader(self, name: str, names: Sequence[str]) -> Reader | None:
        """As usual; nights by their lengths only where the stages themselves are not there."""
        if _form("sleep").search(name) and any(map(_RAW_SLEEP.search, names)):
            return None
        return super().reader(name, names)
