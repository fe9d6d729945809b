"""Google Fit out of Google Takeout ("All Data" and "All Sessions"): an item is one Takeout.

Written after public descriptions of the format; not verified against a real export. A Takeout holds the same steps many
times over, once for each app and once merged: only Google's merged streams are read. Times are in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexers.health.export.fields import each, inside, moment, number, unix, words
from indexers.health.export.sheaf import ASLEEP, AWAKE, CORE, DEEP, IN_BED, REM, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Member, Reader
from indexers.health.export.workout import amount, recorded
from indexers.record import Record

_SOURCE = "Google Fit"
_QUANTITY = "HKQuantityTypeIdentifier"
_NO_TIME = "an entry has no time or number where it should; left out"
_POINTS = "Data Points.item"
# google.com's numbers of sleep.segment
_STAGES = {1: AWAKE, 2: ASLEEP, 3: IN_BED, 4: CORE, 5: DEEP, 6: REM}
_NOT_SPORT = {"sleep", "still", "unknown", "in_vehicle", "tilting"}


def _points(measure: str, unit: str, scale: float = 1.0) -> Reader:
    def read(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        for point in member.objects(_POINTS):
            start, end = (unix(point.get(f"{side}TimeNanos"), per_second=1e9) for side in ("start", "end"))
            value = next((found for part in each(point.get("fitValue")) if (found := _number(part)) is not None), None)
            if start is None or end is None or value is None:
                sheaf.count("malformed", measure, _NO_TIME)
            else:
                sheaf.add(_QUANTITY + measure, unit, calendar.span(start, end), value * scale, source=_SOURCE)
        yield from ()

    return read


def _number(part: object) -> float | None:
    value = inside(inside(part).get("value"))
    found = number(value.get("fpVal"))
    return number(value.get("intVal")) if found is None else found


def _sleep(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for point in member.objects(_POINTS):
        start, end = (unix(point.get(f"{side}TimeNanos"), per_second=1e9) for side in ("start", "end"))
        stage = next((found for part in each(point.get("fitValue")) if (found := _number(part)) is not None), None)
        state = _STAGES.get(int(stage)) if stage is not None else None
        if start is None or end is None or state is None:
            sheaf.count("malformed", "sleep", _NO_TIME)
        else:
            sheaf.sleep(state, calendar.span(start, end), source=_SOURCE)
    yield from ()


def _session(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for session in member.objects(""):
        activity = words(session.get("fitnessActivity"))
        if activity in _NOT_SPORT:
            continue
        start, end = moment(session.get("startTime")), moment(session.get("endTime"))
        length = number(words(session.get("duration")).removesuffix("s"))
        if start is None or end is None or end < start:
            sheaf.count("malformed", "session", _NO_TIME)
            continue
        totals = {
            words(total.get("metricName")): number(total.get("floatValue", total.get("intValue")))
            for total in each(session.get("aggregate"))
        }
        yield sheaf.workout(
            recorded(
                activity,
                calendar.span(start, end),
                source=_SOURCE,
                minutes=None if length is None else length / 60,
                distance=amount(totals.get("com.google.distance.delta"), "km", per=1000),
                energy=amount(totals.get("com.google.calories.expended"), "kcal"),
            )
        )


def _merged(kind: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/)derived_com\.google\.{re.escape(kind)}[^/]*_merge_[^/]*\.json$")


class GoogleFit(ExportSource):
    """A Takeout with Google Fit data, at `path`: the zips, or the unpacked folder."""

    kind = "google-fit"
    maker = "Google Fit"
    remedy = "Ask takeout.google.com for Fit, and choose the zip it sends."
    forms = (
        (_merged("step_count.delta"), _points("StepCount", "count")),
        (_merged("distance.delta"), _points("DistanceWalkingRunning", "m")),
        (_merged("heart_rate.bpm"), _points("HeartRate", "count/min")),
        (_merged("weight"), _points("BodyMass", "kg")),
        (_merged("height"), _points("Height", "m")),
        (_merged("oxygen_saturation"), _points("OxygenSaturation", "%", 0.01)),
        (_merged("active_minutes"), _points("AppleExerciseTime", "min")),
        (_merged("sleep.segment"), _sleep),
        (re.compile(r"(?:^|/)All Sessions/[^/]+\.json$"), _session),
    )
