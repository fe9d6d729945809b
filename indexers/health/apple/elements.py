"""What in export.xml is no Record, in the words of the store: workouts, rings, hearing tests, prescriptions, the owner.

Pure functions over parsed elements. Each raises ValueError when its element lacks what it cannot do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import isfinite
from xml.etree.ElementTree import Element

from indexers.health.apple.names import LONGEST_NAME, device_words
from indexers.health.export.moments import MINUTE, instant, local_time, zone_offset
from indexers.health.export.workout import Sample, Workout, activity_words, digest
from indexers.record import Section

_MINUTES = {"s": 1 / 60, "sec": 1 / 60, "min": 1.0, "hr": 60.0, "h": 60.0, "ms": 1 / 60_000}
_QUANTITY = "HKQuantityTypeIdentifier"
_EYE_PARTS = (
    "sphere",
    "cylinder",
    "axis",
    "add",
    "prismAmount",
    "prismAngle",
    "farPD",
    "nearPD",
    "baseCurve",
    "diameter",
)
_RINGS = {
    "appleMoveTime": ("move_time", "min"),
    "appleExerciseTime": ("exercise_time", "min"),
    "appleStandHours": ("stand_hours", "count"),
}


def workout(element: Element) -> Workout:
    """A Workout element. Its WorkoutStatistics win over the attributes that older exports carry."""
    get = element.get
    start, offset = instant(get("startDate", ""))
    end = instant(get("endDate", ""))[0]
    if end < start:
        raise ValueError("a workout does not end before it starts")
    notes = {entry.get("key", ""): entry.get("value", "") for entry in element.findall("MetadataEntry")}
    own = zone_offset(start, notes["HKTimeZone"]) if "HKTimeZone" in notes else None
    scale = _MINUTES.get(get("durationUnit", "min"))
    written = _number(get("duration"))
    statistics = [child.attrib for child in element.findall("WorkoutStatistics")]
    events = [event.get("type", "") for event in element.findall("WorkoutEvent")]
    return Workout(
        activity=get("workoutActivityType", "")[:LONGEST_NAME] or "HKWorkoutActivityTypeOther",
        start=start,
        end=end,
        offset=offset if own is None else own,
        minutes=(end - start) / MINUTE if written is None or scale is None else written * scale,
        source=" ".join(get("sourceName", "").split())[:LONGEST_NAME],
        device=device_words(get("device", "")[:LONGEST_NAME]),
        distance=_total(statistics, "Distance") or _pair(get("totalDistance"), get("totalDistanceUnit")),
        energy=_total(statistics, "ActiveEnergyBurned")
        or _pair(get("totalEnergyBurned"), get("totalEnergyBurnedUnit")),
        heart_rate=_weighted(list(_of(statistics, "HeartRate")), "average"),
        statistics=tuple(_statistics(statistics)),
        pauses=sum(kind.endswith("Pause") for kind in events),
        indoors=notes.get("HKIndoorWorkout") == "1",
        climbed=_metres(notes.get("HKElevationAscended", "")),
        routes=tuple(path for part in element.iter("FileReference") if (path := part.get("path"))),
    )


def rings(element: Element) -> tuple[date, list[Sample]]:
    """An ActivitySummary: its day, and what was reached and aimed at."""
    get = element.get
    day = date.fromisoformat(get("dateComponents", ""))
    unit = get("activeEnergyBurnedUnit", "kcal")
    wanted = {"activeEnergyBurned": ("active_energy", unit), "appleMoveMinutes": ("move_time", "min")} | _RINGS
    samples = [
        (f"ActivitySummary.{name}{suffix}", unit, value)
        for attribute, (name, unit) in wanted.items()
        for key, suffix in ((attribute, ""), (f"{attribute}Goal", "_goal"))
        if (value := _number(get(key))) is not None
    ]
    return day, samples


def profile(element: Element) -> Section:
    """Whose export it is, so that two people's are not mixed: birth date and sex, and nothing else of `Me`."""
    trait = "HKCharacteristicTypeIdentifier"
    born = element.get(f"{trait}DateOfBirth", "") or "not set"
    sex = element.get(f"{trait}BiologicalSex", "").removeprefix("HKBiologicalSex")
    return Section(
        id="me",
        document="profile",
        title="Health profile",
        text=f"Date of birth: {born}\nSex: {'not set' if sex in ('', 'NotSet') else sex.lower()}",
        kind="form",
    )


def audiogram(element: Element) -> Section:
    """A hearing test, one line for each frequency."""
    start, offset = instant(element.get("startDate", ""))
    lines = []
    for point in element.iter("SensitivityPoint"):
        ears = [
            f"{side} {value} {point.get(f'{side}EarUnit', '')}".strip()
            for side in ("left", "right")
            if (value := point.get(f"{side}EarValue"))
        ]
        if ears:
            lines.append(f"{point.get('frequencyValue', '')} {point.get('frequencyUnit', '')}: {', '.join(ears)}")
    if not lines:
        raise ValueError("an audiogram has points")
    when = local_time(start, offset)
    return _section("audiogram", "Hearing test", [f"Hearing test, {when:%Y-%m-%d}", *lines], element, start, offset)


def prescription(element: Element) -> Section:
    """Glasses or contact lenses, one line for each eye."""
    issued = element.get("dateIssued", "")
    kind = activity_words(element.get("type", "").rpartition("Type")[2]) or "Vision"
    lines = [f"Vision prescription ({kind.lower()}), issued {issued}"]
    lines += [f"Expires: {expires}"] if (expires := element.get("expirationDate")) else []
    for tag, side in (("RightEye", "Right eye"), ("LeftEye", "Left eye")):
        for eye in element.iter(tag):
            parts = [
                f"{activity_words(part).lower()} {value} {eye.get(f'{part}Unit', '')}".strip()
                for part in _EYE_PARTS
                if (value := eye.get(part))
            ]
            if parts:
                lines.append(f"{side}: {', '.join(parts)}")
    try:
        start, offset = instant(issued)
    except ValueError:
        start, offset = instant(f"{date.fromisoformat(issued[:10])} 00:00:00 +0000")
    return _section("vision", "Vision prescription", lines, element, start, offset)


def attributes_in_words(element: Element) -> Section:
    """State of mind and medication: their shape in export.xml is not documented, so all attributes become words."""
    start, offset = instant(element.get("startDate") or element.get("date") or "")
    title = activity_words(element.tag)
    return _section(element.tag.lower(), title, [title, *attribute_lines(element)], element, start, offset)


def attribute_lines(element: Element) -> list[str]:
    """The attributes of an element and of what stands inside it, each "Name: value"; metadata by its own keys."""
    lines = []
    for part in element.iter():
        if part.tag == "MetadataEntry":
            lines.append(f"{activity_words(part.get('key', '').removeprefix('HK'))}: {part.get('value', '')}")
            continue
        lines += [
            f"{activity_words(key)}: {value}"
            for key, value in part.attrib.items()
            if value and key not in ("sourceVersion", "device", "creationDate")
        ]
    return lines


def _section(kind: str, title: str, lines: list[str], element: Element, start: int, offset: int) -> Section:
    when = local_time(start, offset)
    return Section(
        id=f"{kind}/{digest(*lines, element.get('sourceName', ''), when.isoformat())}",
        document=kind,
        title=title,
        text="\n".join(lines),
        kind="form",
        modified_at=when,
        locator=f"#{kind}={when:%Y-%m-%d}",
    )


def _of(statistics: list[dict[str, str]], measure: str) -> Iterator[dict[str, str]]:
    return (part for part in statistics if part.get("type", "").startswith(_QUANTITY + measure))


def _total(statistics: list[dict[str, str]], measure: str) -> tuple[float, str] | None:
    """The sum over a workout's legs, which share a unit; None where no leg has one."""
    sums = [pair for part in _of(statistics, measure) if (pair := _pair(part.get("sum"), part.get("unit")))]
    return (sum(value for value, unit in sums if unit == sums[0][1]), sums[0][1]) if sums else None


def _statistics(statistics: list[dict[str, str]]) -> Iterator[Sample]:
    """Every statistic but the totals of distance and energy, each kind and figure a measure of its own."""
    kinds = dict.fromkeys(part.get("type", "").removeprefix(_QUANTITY)[:LONGEST_NAME] for part in statistics)
    for kind in filter(None, kinds):
        parts = [part for part in statistics if part.get("type", "").removeprefix(_QUANTITY) == kind]
        unit = parts[0].get("unit", "")[:LONGEST_NAME]
        parts = [part for part in parts if part.get("unit", "")[:LONGEST_NAME] == unit]
        figures = {
            "average": _weighted(parts, "average"),
            "minimum": min(_numbers(parts, "minimum"), default=None),
            "maximum": max(_numbers(parts, "maximum"), default=None),
        }
        if not kind.startswith(("Distance", "ActiveEnergyBurned")):
            figures["sum"] = sum(_numbers(parts, "sum")) if _numbers(parts, "sum") else None
        yield from ((f"Workout.{kind}.{figure}", unit, value) for figure, value in figures.items() if value is not None)


def _weighted(parts: list[dict[str, str]], figure: str) -> float | None:
    """The mean of a figure over the legs of a workout, each by its length; legs without one count alike."""
    pairs = [(number, _length(part)) for part in parts if (number := _number(part.get(figure))) is not None]
    whole = sum(length for _, length in pairs)
    if not whole:
        return sum(number for number, _ in pairs) / len(pairs) if pairs else None
    return sum(number * length for number, length in pairs) / whole


def _length(part: dict[str, str]) -> int:
    try:
        return max(instant(part.get("endDate", ""))[0] - instant(part.get("startDate", ""))[0], 0)
    except ValueError:
        return 0


def _numbers(parts: list[dict[str, str]], figure: str) -> list[float]:
    return [number for part in parts if (number := _number(part.get(figure))) is not None]


def _metres(written: str) -> str:
    """Centimetres, as Apple writes heights, in metres; what is in another unit stays as it was written."""
    value, _, unit = written.partition(" ")
    number = _number(value)
    return f"{number / 100:.0f} m" if unit == "cm" and number is not None else written[:LONGEST_NAME]


def _pair(value: str | None, unit: str | None) -> tuple[float, str] | None:
    number = _number(value)
    return None if number is None or not unit else (number, unit)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if isfinite(number) else None
