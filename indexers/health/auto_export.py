"""Health Auto Export's JSON, an app that writes what Apple Health holds: an item is one file, or a folder of them.

Written after the app's public description; not verified against a real export. Values are sums or means over an hour or a
day, so each becomes a sample of that length under the names of the devices it came from; nights told by lengths alone
lie end to end. One metric is held in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from indexers.health.export.fields import each, formatted, inside, moment, number, words
from indexers.health.export.measures import measures
from indexers.health.export.moments import MINUTE, Span
from indexers.health.export.sheaf import ASLEEP, AWAKE, CORE, DEEP, IN_BED, REM, Sheaf
from indexers.health.export.source import Calendar, ExportSource, Json, Member
from indexers.health.export.workout import Amount, activity_words, amount, digest, recorded
from indexers.record import Record, Section

_QUANTITY = "HKQuantityTypeIdentifier"
_APP = "Health Auto Export"
_NO_TIME = "an entry has no time or number where it should; left out"
_DAY = timedelta(days=1)
_HOUR = 60 * MINUTE
_MOST_WORDS = 100
_NAMES = {
    "walking_running_distance": "DistanceWalkingRunning", "cycling_distance": "DistanceCycling",
    "swimming_distance": "DistanceSwimming", "active_energy": "ActiveEnergyBurned", "resting_energy": "BasalEnergyBurned",
    "heart_rate_variability": "HeartRateVariabilitySDNN", "blood_oxygen_saturation": "OxygenSaturation",
    "weight_body_mass": "BodyMass", "walking_heart_rate_average": "WalkingHeartRateAverage", "vo2_max": "VO2Max",
    "dietary_energy": "DietaryEnergyConsumed", "dietary_water": "DietaryWater", "headphone_audio_exposure":
    "HeadphoneAudioExposure", "environmental_audio_exposure": "EnvironmentalAudioExposure",
}  # fmt: skip
_UNITS = {
    "bpm": "count/min", "mL/(kg·min)": "mL/min·kg", "ml/(kg·min)": "mL/min·kg", "steps": "count", "breaths/min": "count/min",
    "km/hr": "km/h", "°C": "degC", "°F": "degF", "fl. oz": "fl_oz_us", "dB": "dBASPL", "count/hr": "count",
}  # fmt: skip
_STAGES = {
    "core": CORE, "deep": DEEP, "rem": REM, "awake": AWAKE, "asleep": ASLEEP, "in bed": IN_BED, "inbed": IN_BED,
    "unspecified": ASLEEP, "asleepcore": CORE, "asleepdeep": DEEP, "asleeprem": REM,
}  # fmt: skip
_FORMS = ("%Y-%m-%d %I:%M:%S %p %z", "%Y-%m-%d %H:%M:%S %z")


def _time(value: object) -> datetime | None:
    """A time with its offset, in 24 or 12 hours, whatever space stands before AM."""
    return moment(value) or formatted(value, *_FORMS)


def _document(member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    for metric in member.objects("data.metrics.item"):
        name = words(metric.get("name"))
        match name:
            case "sleep_analysis":
                _sleep(metric, sheaf, calendar)
            case "blood_pressure":
                for side in ("systolic", "diastolic"):
                    _quantity(metric, f"{_QUANTITY}BloodPressure{side.title()}", "mmHg", side, sheaf, calendar)
            case _:
                _metric(name, metric, sheaf, calendar)
    for entry in member.objects("data.workouts.item"):
        yield from _workout(entry, sheaf, calendar)
    for part in ("stateOfMind", "medications", "symptoms", "cycleTracking", "ecg", "heartRateNotifications"):
        for entry in member.objects(f"data.{part}.item"):
            yield from _in_words(part, entry, sheaf)


def _metric(name: str, metric: Json, sheaf: Sheaf, calendar: Calendar) -> None:
    known = measures().get(
        f"{_QUANTITY}{_NAMES[name]}".casefold() if name in _NAMES else name.replace("_", "").casefold()
    )
    known = known or measures().get(name.replace("_", " ").casefold())
    if known is None:
        sheaf.count(
            "unsupported",
            name or "metric",
            "no measure is known by this name",
            max(len(list(each(metric.get("data")))), 1),
        )
        return
    written = words(metric.get("units"))
    unit = _UNITS.get(written, written)
    _quantity(metric, known.identifier, unit, "qty", sheaf, calendar)


def _quantity(metric: Json, measure: str, unit: str, field: str, sheaf: Sheaf, calendar: Calendar) -> None:
    times = [(_time(entry.get("date")), entry) for entry in each(metric.get("data"))]
    length = _step([at for at, _ in times if at is not None])
    midnights = sorted({at for at, _ in times if at is not None}) if length == _DAY else []
    following = dict(pairwise(midnights))
    for at, entry in times:
        value = next((found for key in (field, "Avg") if (found := number(entry.get(key))) is not None), None)
        if at is None or value is None:
            sheaf.count("malformed", measure, _NO_TIME)
            continue
        # Percentages are shown ones; stored ones are fractions.
        scaled = value / 100 if unit == "%" else value
        source = words(entry.get("source")) or _APP
        span = _day(at, following.get(at), calendar) if length == _DAY else calendar.span(at, at + length)
        sheaf.add(measure, unit, span, scaled, source=source, device="")


def _day(at: datetime, following: datetime | None, calendar: Calendar) -> Span:
    """The day that begins at a midnight. Where the clock changes it ends with the next entry's midnight, or as the owner's
    zone says; without either, after 24 hours.
    """
    start = round(at.timestamp() * 1000)
    end = start + 24 * _HOUR
    whole = calendar.day(at.date())
    if following is not None and abs(round(following.timestamp() * 1000) - end) <= _HOUR:
        end = round(following.timestamp() * 1000)
    elif calendar.zone is not None and whole.start == start:
        end = whole.end
    return Span(start=start, end=end, offset=round((at.utcoffset() or timedelta()).total_seconds() / 60))


def _step(times: list[datetime]) -> timedelta:
    """Over how long each value reaches: a day where all begin at midnight, an hour where all begin on the hour, else none."""
    if times and all((at.hour, at.minute, at.second) == (0, 0, 0) for at in times):
        return _DAY
    if times and all((at.minute, at.second) == (0, 0) for at in times):
        return timedelta(hours=1)
    return timedelta(minutes=1) if times and all(at.second == 0 for at in times) else timedelta(0)


def _sleep(metric: Json, sheaf: Sheaf, calendar: Calendar) -> None:
    for entry in each(metric.get("data")):
        source = words(entry.get("source")) or _APP
        start, end = _time(entry.get("startDate")), _time(entry.get("endDate"))
        state = _STAGES.get(words(entry.get("value")).casefold())
        if start is not None and end is not None and state is not None:
            sheaf.sleep(state, calendar.span(start, end), source=source)
            continue
        start = _time(entry.get("sleepStart")) or _time(entry.get("inBedStart"))
        end = _time(entry.get("sleepEnd")) or _time(entry.get("inBedEnd"))
        if start is None or end is None:
            sheaf.count("malformed", "sleep_analysis", _NO_TIME)
            continue
        hours = [(stage, number(entry.get(key)) or 0) for key, stage in (("deep", DEEP), ("core", CORE), ("rem", REM))]
        hours += [(ASLEEP, number(entry.get("asleep")) or 0), (AWAKE, number(entry.get("awake")) or 0)]
        sheaf.night(calendar.span(start, end), [(stage, length * 60) for stage, length in hours], source=source)


def _workout(entry: Json, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
    start, end = _time(entry.get("start")), _time(entry.get("end"))
    span = calendar.span(start, end) if start is not None and end is not None else None
    if span is None or span.end < span.start:
        sheaf.count("malformed", "workouts", _NO_TIME)
        return
    seconds = number(entry.get("duration"))
    name = words(entry.get("name"))
    yield sheaf.workout(
        recorded(
            name,
            span,
            source=_APP,
            minutes=None if seconds is None else seconds / 60,
            distance=_amount(entry.get("distance")),
            energy=_amount(entry.get("activeEnergyBurned") or entry.get("activeEnergy")),
            heart_rate=number(inside(entry.get("avgHeartRate")).get("qty")),
            indoors="Indoor" in name,
        )
    )


def _amount(value: object) -> Amount | None:
    unit = words(inside(value).get("units"))
    return amount(number(inside(value).get("qty")), _UNITS.get(unit, unit))


def _in_words(part: str, entry: Json, sheaf: Sheaf) -> Iterator[Record]:
    """What is no number, word by word. A dose says what was meant to be taken even where it was skipped, so its status
    stands beside it.
    """
    at = next((found for key in ("start", "date", "scheduledDate", "end") if (found := _time(entry.get(key)))), None)
    lines = [
        f"{activity_words(key)}: {' '.join(str(value).split())}"
        for key, value in entry.items()
        if isinstance(value, str | int | float) and value != ""
    ][:_MOST_WORDS]
    lines += [
        f"{activity_words(key)}: {', '.join(map(str, value))}"
        for key, value in entry.items()
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    ]
    if not lines:
        sheaf.count("malformed", part, "an entry is empty")
        return
    title = activity_words(part)
    yield Section(
        id=f"{part}/{digest(*lines)}",
        document=part,
        title=title,
        text="\n".join([title, *lines]),
        kind="form",
        modified_at=at,
        locator=f"#{part}={at:%Y-%m-%d}" if at else f"#{part}",
    )


class HealthAutoExport(ExportSource):
    """JSON files of the app Health Auto Export, at `path`: a file, a zip, or a folder of them."""

    kind = "health-auto-export"
    maker = "Health Auto Export"
    remedy = "In the app choose Manual Export, JSON, and put the file there."
    forms = ((re.compile(r"\.json$", re.IGNORECASE), _document),)
