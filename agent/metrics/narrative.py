"""Weeks and months of health in sentences, by template from the rollups, so that words find numbers. No model.

A week or month is compared with the owner's own ones before it and with nothing else: no norm, no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from hashlib import blake2b
from statistics import median

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import (
    ASLEEP,
    BEDTIME,
    DEEP,
    EFFICIENCY,
    REM,
    RUN_DISTANCE,
    STEPS,
    WAKE_TIME,
    WORKOUT,
    Measure,
    catalogue,
)
from agent.metrics.compute.days import values_of
from agent.metrics.compute.figures import sparse
from agent.metrics.statistics import circular_mean, clock_distance
from agent.metrics.units import conversion, shown
from agent.store.samples import DayColumns, Samples
from agent.vocabulary import Chunk
from agent.when import Unit, unit_of
from agent.when.spell import spelled, spelled_day

_Q = "HKQuantityTypeIdentifier"
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "movement": (STEPS, f"{_Q}DistanceWalkingRunning", f"{_Q}FlightsClimbed", f"{_Q}ActiveEnergyBurned",
                 f"{_Q}AppleExerciseTime", f"{_Q}TimeInDaylight"),
    "sleep": (ASLEEP, REM, DEEP, EFFICIENCY, BEDTIME, WAKE_TIME),
    "heart": (f"{_Q}RestingHeartRate", f"{_Q}HeartRate", f"{_Q}HeartRateVariabilitySDNN", f"{_Q}VO2Max"),
    "vital signs": (f"{_Q}BloodPressureSystolic", f"{_Q}BloodPressureDiastolic", f"{_Q}OxygenSaturation",
                    f"{_Q}RespiratoryRate", f"{_Q}BodyTemperature", f"{_Q}BloodGlucose", f"{_Q}AppleSleepingWristTemperature"),
    "body": (f"{_Q}BodyMass", f"{_Q}BodyMassIndex", f"{_Q}BodyFatPercentage", f"{_Q}WaistCircumference"),
    "food and drink": (f"{_Q}DietaryEnergyConsumed", f"{_Q}DietaryProtein", f"{_Q}DietaryWater", f"{_Q}DietaryCaffeine",
                       f"{_Q}NumberOfAlcoholicBeverages"),
    "workouts": (WORKOUT, RUN_DISTANCE, f"{_Q}DistanceCycling", f"{_Q}DistanceSwimming"),
    "mindfulness": ("HKCategoryTypeIdentifierMindfulSession",),
}  # fmt: skip
_WORDS = {
    "movement": "activity walking steps", "sleep": "night nights slept bedtime", "heart": "pulse heart rate", "body": "weight",
    "vital signs": "blood pressure breathing temperature", "food and drink": "eating drinking nutrition",
    "workouts": "training sport exercise", "mindfulness": "meditation", "symptoms": "ill illness sick unwell",
    "unusual": "different unusual ill illness stress holiday",
}  # fmt: skip
_BEFORE: Mapping[Unit, int] = {"week": 12, "month": 12}
"""How many weeks or months before tell what is usual; fewer than _ENOUGH with data tell nothing."""
_ENOUGH = 5
_CLEAR = 2.0
"""Robust deviations from the usual that make a week unusual."""
_LEAST = 0.05
"""A difference smaller than this share is not worth a word, however steady the weeks before were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """The chunks of one month: its weeks (those whose Thursday lies in it) and, once it is over, the month itself.

    `item` names it stably; an equal `fingerprint` says that nothing in it changed.
    """

    item: str
    fingerprint: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """One measure over one week or month: its daily (nightly) value, what is usual, and its most telling days."""

    measure: Measure
    value: float
    total: float
    days: int
    n: int
    low: tuple[float, date]
    high: tuple[float, date]
    usual: float | None
    way: int


def narratives(
    samples: Samples, *, today: date, zone: tzinfo, units: Mapping[str, str] | None = None
) -> Iterator[Narrative]:
    """Every month that has data, oldest first; weeks and months that are not over are left out.

    Intimate measures (`sensitive`) are never told. Reads rollups only.
    """
    told = {m: catalogue()[m] for m in samples.rolled() if catalogue().get(m) and not catalogue()[m].sensitive}
    columns = {name: samples.rollups(name, None, today) for name in told}
    chunks: dict[str, list[Chunk]] = {}
    for unit in ("week", "month"):
        for start, found in sorted(_stretches(columns, told, unit, today).items()):
            end = unit_of(start, unit)[1]
            month = (start + timedelta(days=3 if unit == "week" else 0)).strftime("%Y-%m")
            chunks.setdefault(month, []).extend(_told(found, columns, unit, start, end, zone, units or {}))
    for month, made in sorted(chunks.items()):
        digest = blake2b("\x00".join(f"{chunk.place}\x01{chunk.text}" for chunk in made).encode(), digest_size=16)
        yield Narrative(item=f"narrative/{month}", fingerprint=digest.hexdigest(), chunks=tuple(made))


def _stretches(
    columns: Mapping[str, DayColumns], told: Mapping[str, Measure], unit: Unit, today: date
) -> dict[date, dict[str, _Stretch]]:
    """Every measure of every week (month) that is over, by its first day."""
    out: dict[date, dict[str, _Stretch]] = {}
    for name, measure in told.items():
        days = columns[name]
        if not len(days.day):
            continue
        values = values_of(days, measure, "latest" if measure.kind == "state" else "mean")
        keys, starts = _units(days.day, unit)
        before: list[tuple[int, float]] = []
        for at, following in zip(starts, [*starts[1:], len(days.day)], strict=True):
            first, end = unit_of(date.fromordinal(int(days.day[at])), unit)
            if end > today:
                continue
            part = values[at:following]
            value = _middle(measure, part)
            usual = [old for key, old in before if keys[at] - key <= _BEFORE[unit]]
            low, high = int(_ordered(measure, part).argmin()), int(_ordered(measure, part).argmax())
            out.setdefault(first, {})[name] = _Stretch(
                measure=measure, value=value, total=float(values_of(days, measure, "sum")[at:following].sum()),
                days=following - at, n=int(days.n[at:following].sum()),
                low=(float(part[low]), date.fromordinal(int(days.day[at + low]))),
                high=(float(part[high]), date.fromordinal(int(days.day[at + high]))),
                usual=_usual(measure, usual) if len(usual) >= _ENOUGH else None,
                way=_way(measure, value, usual) if len(usual) >= _ENOUGH else 0,
            )  # fmt: skip
            before = [*before[-_BEFORE[unit] :], (int(keys[at]), value)]
    return out


def _units(day: NDArray[np.int64], unit: Unit) -> tuple[NDArray[np.int64], list[int]]:
    """A running number of the week or month of each day, and where each begins."""
    if unit == "week":
        keys = (day - 1) // 7
    else:
        keys = (day - date(1970, 1, 1).toordinal()).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return keys, [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist()]


def _middle(measure: Measure, part: NDArray[np.float64]) -> float:
    if measure.kind == "clock":
        return circular_mean(part)
    if measure.kind == "state":
        return float(part[-1])
    return float(part.sum() if measure.kind == "events" or sparse(measure) else part.mean())


def _ordered(measure: Measure, part: NDArray[np.float64]) -> NDArray[np.float64]:
    return clock_distance(part, circular_mean(part)) if measure.kind == "clock" else part


def _usual(measure: Measure, values: Sequence[float]) -> float:
    return circular_mean(np.array(values)) if measure.kind == "clock" else median(values)


def _way(measure: Measure, value: float, before: Sequence[float]) -> int:
    """1 where a value stands clearly above the usual, -1 clearly below, else 0."""
    usual = _usual(measure, before)
    gaps = [
        float(gap)
        for gap in (clock_distance(np.array(before), usual) if measure.kind == "clock" else np.array(before) - usual)
    ]
    gap = float(clock_distance(np.array([value]), usual)[0]) if measure.kind == "clock" else value - usual
    spread = 1.4826 * median(abs(other) for other in gaps)
    least = 30.0 if measure.kind == "clock" else abs(usual) * _LEAST
    return (1 if gap > 0 else -1) if abs(gap) > max(_CLEAR * spread, least) else 0


def _told(
    found: Mapping[str, _Stretch], columns: Mapping[str, DayColumns], unit: Unit, start: date, end: date, zone: tzinfo,
    units: Mapping[str, str],
) -> Iterator[Chunk]:  # fmt: skip
    symptoms = [name for name, one in found.items() if one.measure.group == "symptom"]
    for group, names in (*_GROUPS.items(), ("symptoms", tuple(symptoms))):
        here = [found[name] for name in names if name in found]
        sentences = [_sentence(one, units, edges=at == 0) for at, one in enumerate(here)]
        if group == "workouts" and here:
            sentences += _kinds(found)
        if group == "symptoms":
            sentences = [_symptom(one, columns[one.measure.id], start, end) for one in here]
        if sentences:
            yield _chunk(group, sentences, unit, start, end, zone)
    unusual = [
        _unusual(one, units) for one in found.values() if one.way and not one.measure.id.startswith(f"{WORKOUT}/")
    ]
    if unusual:
        yield _chunk("unusual", [_capital("; ".join(unusual[:8])) + "."], unit, start, end, zone)


def _chunk(group: str, sentences: Sequence[str], unit: Unit, start: date, end: date, zone: tzinfo) -> Chunk:
    name = f"the week of {_plain(start)}" if unit == "week" else f"{start:%B %Y}"
    label = "What was unusual" if group == "unusual" else group.capitalize()
    first, last = (datetime.combine(day, time(), zone).timestamp() for day in (start, end))
    key = f"{start.isocalendar().year}-W{start.isocalendar().week:02d}" if unit == "week" else f"{start:%Y-%m}"
    return Chunk(
        place=f"{key}/{group}",
        thread=f"health/{unit}/{group}",
        kind="narrative",
        title=f"{label} in {name}",
        text=f"{label} in {name} ({spelled(start, end)}). {' '.join(sentences)}",
        about=f"health {_WORDS.get(group, '')} {unit} {start:%B %Y}",
        when=first,
        until=last,
        locator=f"health:{start.isoformat()}/{(end - timedelta(days=1)).isoformat()}",
    )


def _plain(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _amount(one: _Stretch, value: float, units: Mapping[str, str]) -> str:
    measure = one.measure
    unit = units.get(measure.unit, measure.unit)
    scale = conversion(measure.unit, unit, measure=measure.id) or (1.0, 0.0)
    value = value * scale[0] + scale[1]
    return f"{round(value):,}" if unit == "count" and abs(value) >= 10 else shown(value, unit)


def _sentence(one: _Stretch, units: Mapping[str, str], *, edges: bool = False) -> str:
    """One measure in one sentence: value, what is usual, and with `edges` the days that stand out."""
    kind, value, compared = one.measure.kind, _amount(one, one.value, units), _compared(one, units)
    if kind == "events" or sparse(one.measure):
        length = f", {_amount(one, one.total, units)} in all{compared}" if one.measure.unit != "count" else compared
        return f"{one.measure.name}: {one.n} on {_count(one.days, 'day')}{length}."
    high, low = (f"{_day(day)} ({_amount(one, amount, units)})" for amount, day in (one.high, one.low))
    most, least, each = {
        "total": ("most", "least", "a day"), "night": ("longest", "shortest", "a night"), "state": ("", "", "at the end"),
    }.get(kind, ("highest", "lowest", "on average"))  # fmt: skip
    whole = f"; {_amount(one, one.total, units)} in all" if kind == "total" else ""
    told = f"; {most} on {high}, {least} on {low}" if edges and one.days > 2 and most and kind != "clock" else ""
    return f"{one.measure.name}: {value} {each}{compared}{whole}{told}."


def _day(day: date) -> str:
    return spelled_day(day).rpartition(" ")[0]


def _compared(one: _Stretch, units: Mapping[str, str]) -> str:
    if one.usual is None:
        return ""
    usual = _amount(one, one.usual, units)
    return f", {_words(one)} than your usual {usual}" if one.way else f" (usually {usual})"


def _words(one: _Stretch) -> str:
    """The comparative of a measure: steps are more, nights longer, bedtimes later, the rest higher."""
    pair = {"total": ("more", "less"), "clock": ("later", "earlier"), "events": ("more", "less")}
    pair |= {"night": ("longer", "shorter") if one.measure.unit == "min" else ("higher", "lower")}
    return pair.get(one.measure.kind, ("higher", "lower"))[0 if one.way > 0 else 1]


def _unusual(one: _Stretch, units: Mapping[str, str]) -> str:
    name = one.measure.name
    name = name[0].lower() + name[1:] if name[1:2].islower() else name
    pair = {"total": ("many", "few"), "clock": ("late", "early"), "events": ("much", "little")}
    pair |= {"night": ("long", "short") if one.measure.unit == "min" else ("high", "low")}
    if one.measure.kind == "total" and one.measure.unit != "count":
        pair |= {"total": ("much", "little")}
    how = pair.get(one.measure.kind, ("high", "low"))[0 if one.way > 0 else 1]
    return f"unusually {how} {name} ({_amount(one, one.value, units)}, usually {_amount(one, one.usual or 0.0, units)})"


def _kinds(found: Mapping[str, _Stretch]) -> list[str]:
    kinds = [(one.n, name.partition("/")[2].lower()) for name, one in found.items() if name.startswith(f"{WORKOUT}/")]
    return [f"By kind: {', '.join(f'{name} {n}' for n, name in sorted(kinds, reverse=True))}."] if kinds else []


def _symptom(one: _Stretch, days: DayColumns, start: date, end: date) -> str:
    there = days.day[(days.day >= start.toordinal()) & (days.day < end.toordinal())]
    named = ", ".join(_day(date.fromordinal(int(day))) for day in there[:7])
    return f"{one.measure.name}: {_count(one.days, 'day')} ({named}{', …' if len(there) > 7 else ''})."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
