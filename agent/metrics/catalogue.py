"""What can be measured: names, words, units and the way each measure is rolled up, from the table of health types."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Rollup = Literal["sum", "mean", "hourly", "min", "max", "last", "leq", "count", "duration", "sleep", "none"]
Kind = Literal["total", "level", "state", "night", "clock", "events"]
"""How a measure behaves in words: totals add up, levels average, a state is told by its latest value, nights belong to
their wake date, clocks average on a circle, events are counted and their absence is a zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that is measured. `unit` is canonical; `low` and `high` bound what is plausible in that unit.

    `merge` says how samples of several sources of one measure become one: "interval_priority", "interval_union",
    "exact_dedupe" or "none". `words` are the phrases that name it, in lower case. `sensitive`: only when asked by name.
    """

    id: str
    name: str
    group: str
    unit: str
    rollup: Rollup
    merge: str
    kind: Kind
    low: float
    high: float
    words: tuple[str, ...]
    sensitive: bool = False


SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"
HEART_RATE = "HKQuantityTypeIdentifierHeartRate"
WORKOUT = "Workout"
ASLEEP, IN_BED, EFFICIENCY = "derived:sleep_asleep", "derived:sleep_in_bed", "derived:sleep_efficiency"
BEDTIME, WAKE_TIME, AWAKE = "derived:bedtime", "derived:wake_time", "derived:sleep_awake"
REM, DEEP, CORE = "derived:sleep_rem", "derived:sleep_deep", "derived:sleep_core"
NAP = "derived:nap"
RUN_PACE, RUN_TIME, RUN_DISTANCE = "derived:run_pace", "derived:run_time", "derived:run_distance"
SYSTOLIC = "HKQuantityTypeIdentifierBloodPressureSystolic"
DIASTOLIC = "HKQuantityTypeIdentifierBloodPressureDiastolic"
RINGS = tuple(f"ActivitySummary.{field}" for field in ("active_energy", "exercise_time", "stand_hours"))
STEPS = "HKQuantityTypeIdentifierStepCount"
ACTIVE = (STEPS, "HKQuantityTypeIdentifierActiveEnergyBurned", "HKQuantityTypeIdentifierAppleExerciseTime")
NIGHT = (ASLEEP, REM, DEEP, CORE, AWAKE, IN_BED, EFFICIENCY, BEDTIME, WAKE_TIME)

_QUANTITY = "HKQuantityTypeIdentifier"
_ONE_A_DAY = {f"{_QUANTITY}RestingHeartRate", f"{_QUANTITY}WalkingHeartRateAverage"}
_STATES = {
    f"{_QUANTITY}{name}" for name in ("BodyMass", "BodyMassIndex", "BodyFatPercentage", "LeanBodyMass", "VO2Max")
}

_INTIMATE = frozenset(("VaginalDryness", "BreastPain", "PelvicPain", "BladderIncontinence"))
# Words of the table that a question means otherwise: runs and rides are workouts of one kind, glasses hold water, and
# what is intimate is asked for by name.
_NOT_WORDS = frozenset(("runs", "rides", "glasses", "contacts", "cycle", "period", "mets", "drinks", "drinking"))
# Words beside those of the table: verbs and everyday forms.
_MORE_WORDS: Mapping[str, tuple[str, ...]] = {
    f"{_QUANTITY}StepCount": ("step", "walk", "walked the", "number of steps"),
    f"{_QUANTITY}DistanceWalkingRunning": ("walk distance", "distance walked", "distance did i walk", "far did i walk"),
    f"{_QUANTITY}DistanceCycling": ("distance cycled", "far did i cycle", "far did i ride", "cycling distance"),
    f"{_QUANTITY}DistanceSwimming": ("far did i swim", "swimming distance"),
    f"{_QUANTITY}FlightsClimbed": ("flights of stairs", "flights climbed", "floor", "flight"),
    f"{_QUANTITY}ActiveEnergyBurned": (
        "calories did i burn",
        "did i burn",
        "energy did i burn",
        "active calories did i burn",
        "calories",
        "energy burned",
        "burned calories",
    ),
    f"{_QUANTITY}AppleExerciseTime": ("minutes did i exercise", "exercise", "exercised"),
    f"{_QUANTITY}RestingHeartRate": ("resting hr", "resting heartrate"),
    f"{_QUANTITY}HeartRate": ("heartrate",),
    f"{_QUANTITY}BodyMass": ("body weight", "bodyweight", "i weigh", "weighed", "heavy am i", "heavy was i"),
    f"{_QUANTITY}DietaryEnergyConsumed": ("calories did i eat", "eaten calories", "dietary energy"),
    f"{_QUANTITY}DietaryWater": ("water did i drink", "water intake", "glasses of water did i drink", "drink water"),
    f"{_QUANTITY}EnvironmentalAudioExposure": ("loud was it", "loud is it", "loud were my surroundings"),
    f"{_QUANTITY}BodyFatPercentage": ("body fat percentage",),
    f"{_QUANTITY}OxygenSaturation": ("blood oxygen saturation", "blood oxygen level"),
    "HKCategoryTypeIdentifierMindfulSession": ("meditate", "minutes did i meditate", "meditating", "mindful"),
    ASLEEP: ("asleep", "time asleep", "sleep time", "hours asleep", "sleeping", "nights sleep", "night's sleep"),
    REM: ("rem sleep", "rem stage"),
    DEEP: ("deep",),
    EFFICIENCY: ("efficient",),
    AWAKE: ("lie awake", "awake at night"),
    BEDTIME: ("go to bed", "going to bed", "gone to bed", "bed time", "to bed", "fell asleep", "go to sleep"),
    WAKE_TIME: ("wake up", "wake", "waking up", "get up", "got up", "wake up time", "waking time"),
    f"{_QUANTITY}NumberOfAlcoholicBeverages": ("alcoholic drinks", "drinking alcohol", "alcoholic beverages"),
    "HKCategoryTypeIdentifierMenstrualFlow": ("my period", "menstrual cycle", "my cycle"),
    IN_BED: ("spend in bed", "lie in bed"),
    WORKOUT: (
        "workout",
        "work out",
        "worked out",
        "working out",
        "training sessions",
        "sports sessions",
        "exercise session",
        "exercise",
        "exercised",
    ),
    RUN_PACE: ("running pace", "run pace", "average pace"),
}

_RINGS = {"active_energy": ("Move ring", "kcal"), "exercise_time": ("Exercise ring", "min")}
_RINGS |= {"stand_hours": ("Stand ring", "count")}


class Catalogue:
    """All measures by id and by the words that name them."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self._measures = {measure.id: measure for measure in measures}
        words: dict[tuple[str, ...], list[str]] = {}
        for measure in self._measures.values():
            if measure.rollup == "none" and not measure.id.startswith("derived:"):
                continue  # papers (an ECG, a prescription) have no daily number that a word could ask for
            for phrase in (*measure.words, measure.name.lower()):
                key = tuple(stem(word) for word in phrase.split())
                if key and measure.id not in words.setdefault(key, []):
                    words[key].append(measure.id)
        self._words = {key: tuple(ids) for key, ids in words.items()}
        self.longest = max(map(len, self._words))

    def __iter__(self) -> Iterator[Measure]:
        return iter(self._measures.values())

    def __getitem__(self, measure: str) -> Measure:
        """A measure by id. Raises KeyError."""
        found = self.get(measure)
        if found is None:
            raise KeyError(measure)
        return found

    def get(self, measure: str) -> Measure | None:
        """A measure by id, or None; "Workout/Running" is the workouts of one kind."""
        found = self._measures.get(measure)
        if found is None and measure.startswith(f"{WORKOUT}/"):
            whole = self._measures[WORKOUT]
            return Measure(
                id=measure, name=f"{measure.partition('/')[2]} workouts", group=whole.group, unit=whole.unit,
                rollup=whole.rollup, merge=whole.merge, kind=whole.kind, low=whole.low, high=whole.high, words=(),
            )  # fmt: skip
        return found

    def named(self, stems: tuple[str, ...]) -> tuple[str, ...]:
        """The measures that exactly these stemmed words name, most specific first; empty when none."""
        return self._words.get(stems, ())

    def called(self, phrase: str) -> tuple[str, ...]:
        """The measures that a phrase names ("resting heart rate"), most specific first."""
        return self.named(tuple(stem(word) for word in phrase.lower().split()))


def stem(word: str) -> str:
    """A word without the s of its plural, so that "step" and "steps" are one."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@cache
def catalogue() -> Catalogue:
    """The product's table of health types (indexers/health/types.csv) with what the metric engine adds to it."""
    table = files("indexers.health").joinpath("types.csv").read_text("utf-8")
    rows = [_measure(row) for row in csv.DictReader(table.splitlines())]
    # Derived measures come first: for a shared word ("sleep", "pace") they are what an owner means.
    return Catalogue(sorted([*rows, *_added()], key=lambda measure: not measure.id.startswith("derived:")))


def _measure(row: Mapping[str, str]) -> Measure:
    measure = row["identifier"]
    rollup = _rollup(measure, row["daily_rollup"])
    unit = row["canonical_unit"] or {"duration": "min", "count": "count"}.get(rollup, "")
    said = (word.strip().lower() for word in row["synonyms"].split(";"))
    # A fever is the symptom; the temperature is asked for by its name.
    unmeant = _NOT_WORDS | {"fever"} if measure.endswith("BodyTemperature") else _NOT_WORDS
    words = [word for word in said if word and word not in unmeant]
    return Measure(
        id=measure,
        name=row["display_name"],
        group=row["group"],
        unit="min" if measure == WORKOUT else unit,
        rollup=rollup,
        merge=row["multi_source_merge"] or "none",
        kind=_kind(measure, rollup, row["kind"]),
        low=float(row["plausible_min"] or "-inf"),
        high=float(row["plausible_max"] or "inf"),
        words=(*words, *_MORE_WORDS.get(measure, ())),
        sensitive=row["group"] == "reproductive" or measure.removeprefix("HKCategoryTypeIdentifier") in _INTIMATE,
    )


def _rollup(measure: str, said: str) -> Rollup:
    if measure == HEART_RATE:
        return "hourly"
    if measure in _ONE_A_DAY:
        return "last"
    if measure == WORKOUT or said == "sum_duration":
        return "duration"
    if said.startswith("count") or said == "list":
        return "count"
    return said if said in ("sum", "mean", "min", "max", "last", "leq", "sleep") else "none"  # type: ignore[return-value]  # narrowed to the members


def _kind(measure: str, rollup: Rollup, said: str) -> Kind:
    if measure in (BEDTIME, WAKE_TIME):
        return "clock"
    if measure.startswith("derived:sleep"):
        return "night"
    if measure == WORKOUT or (rollup == "count" and said == "category") or rollup == "duration":
        return "events"
    if measure in _STATES or (rollup == "last" and measure not in _ONE_A_DAY):
        return "state"
    return "total" if rollup == "sum" else "level"


def _added() -> Iterator[Measure]:
    yield _plain(NAP, "Naps", "sleep", "min", "none", "events", ("nap", "napped"))
    yield _plain(RUN_TIME, "Running time", "workout", "min", "none", "total", ())
    yield _plain(RUN_DISTANCE, "Running distance", "workout", "km", "none", "total", ())
    for field, (name, unit) in _RINGS.items():
        words = (name.lower(), f"{name.lower()}s")
        yield _plain(f"ActivitySummary.{field}", name, "activity", unit, "last", "total", words)
        yield _plain(f"ActivitySummary.{field}_goal", f"{name} goal", "activity", unit, "last", "state", ())


def _plain(
    measure: str, name: str, group: str, unit: str, rollup: Rollup, kind: Kind, words: tuple[str, ...]
) -> Measure:
    return Measure(
        id=measure, name=name, group=group, unit=unit, rollup=rollup, merge="exact_dedupe", kind=kind,
        low=float("-inf"), high=float("inf"), words=words,
    )  # fmt: skip
