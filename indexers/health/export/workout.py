"""A workout, whatever app wrote it down: its numbers as measures, and itself as an event told in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2s

from indexers.health.export.moments import MINUTE, Span, local_time
from indexers.record import Event

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

Amount = tuple[float, str]
Sample = tuple[str, str, float]
"""Measure, unit, value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workout:
    """One workout: times in Unix ms, `offset` in minutes, `minutes` without pauses, totals as (value, unit)."""

    activity: str
    start: int
    end: int
    offset: int
    minutes: float
    source: str
    device: str = ""
    distance: Amount | None = None
    energy: Amount | None = None
    heart_rate: float | None = None
    statistics: tuple[Sample, ...] = ()
    pauses: int = 0
    indoors: bool = False
    climbed: str = ""
    routes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """An id that a later export of the same workout has too; it tells nothing."""
        return digest(self.activity, str(self.start), str(self.end), self.source)

    def samples(self) -> Iterator[Sample]:
        """The workout's numbers, each as a measure of its own."""
        yield "Workout", "min", self.minutes
        if self.distance:
            yield "Workout.distance", self.distance[1], self.distance[0]
        if self.energy:
            yield "Workout.energy", self.energy[1], self.energy[0]
        yield from self.statistics

    def event(self, id: str, *, place: str = "", kilometres: float = 0.0) -> Event:  # noqa: A002 - the field's own name
        """The workout as something that took time, told in one line; `kilometres` are those of its route."""
        title = activity_words(self.activity)
        parts = [f"{title}: {_duration(self.minutes)}"]
        parts += [
            f"{value:.4g} {'kcal' if unit == 'Cal' else unit}"
            for value, unit in filter(None, (self.distance, self.energy))
        ]
        parts += [f"average heart rate {self.heart_rate:.0f} bpm"] if self.heart_rate else []
        parts += [f"{self.climbed} climbed"] if self.climbed else []
        parts += [f"paused {'once' if self.pauses == 1 else f'{self.pauses} times'}"] if self.pauses else []
        parts += ["indoors"] if self.indoors else []
        parts += [f"route of {kilometres:.4g} km"] if kilometres else []
        return Event(
            id=id,
            title=title,
            start=local_time(self.start, self.offset),
            end=local_time(self.end, self.offset),
            place=place,
            text=", ".join(parts),
            locator=f"#workout={local_time(self.start, self.offset).isoformat()}",
        )


_SPORTS = (
    ("run", "Running"), ("treadmill", "Running"), ("cycl", "Cycling"), ("bik", "Cycling"), ("swim", "Swimming"),
    ("hik", "Hiking"), ("walk", "Walking"), ("yoga", "Yoga"), ("row", "Rowing"), ("weight", "TraditionalStrengthTraining"),
    ("strength", "TraditionalStrengthTraining"),
)  # fmt: skip


def kind_of_sport(name: str) -> str:
    """What other makers call a sport ("Outdoor Run", "lap_swimming") by the name that all sources share."""
    folded = name.casefold().replace("_", " ")
    for word, kind in _SPORTS:
        if re.search(rf"\b{word}", folded):
            return f"HKWorkoutActivityType{kind}"
    return f"HKWorkoutActivityType{folded.title().replace(' ', '') or 'Other'}"


def recorded(
    sport: str,
    span: Span,
    *,
    source: str,
    minutes: float | None = None,
    distance: Amount | None = None,
    energy: Amount | None = None,
    heart_rate: float | None = None,
    indoors: bool = False,
) -> Workout:
    """A workout as other makers tell it: by their name of the sport, and as long as its span where nothing else is said."""
    return Workout(
        activity=kind_of_sport(sport),
        start=span.start,
        end=span.end,
        offset=span.offset,
        minutes=(span.end - span.start) / MINUTE if minutes is None else minutes,
        source=source,
        distance=distance,
        energy=energy,
        heart_rate=heart_rate or None,
        indoors=indoors,
    )


def amount(value: float | None, unit: str | None, *, per: float = 1.0) -> Amount | None:
    """So much of a unit, of which `per` make one; None where there is none of it, or its unit is not known."""
    return (value / per, unit) if value and unit else None


def activity_words(name: str) -> str:
    """HKWorkoutActivityTypeTraditionalStrengthTraining as "Traditional strength training"."""
    words = _WORDS.findall(name.removeprefix("HKWorkoutActivityType"))
    return (
        " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in words).capitalize()
        if words
        else name
    )


def digest(*parts: str) -> str:
    """A short name that is equal for equal parts and tells nothing of them."""
    return blake2s("\0".join(parts).encode(), digest_size=10).hexdigest()


def _duration(minutes: float) -> str:
    seconds = round(minutes * 60)
    hours, rest = divmod(seconds, 3600)
    parts = ((hours, "h"), (rest // 60, "min"), (rest % 60 if not hours else 0, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
