"""What each day of a synthetic life truly holds, decided before any record is written, so that it can be planted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Literal

STEPS = "HKQuantityTypeIdentifierStepCount"
RESTING = "HKQuantityTypeIdentifierRestingHeartRate"
HRV = "HKQuantityTypeIdentifierHeartRateVariabilitySDNN"
WEIGHT = "HKQuantityTypeIdentifierBodyMass"
SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"
RUN = "HKWorkoutActivityTypeRunning"

Planted = Mapping[date, Mapping[str, float]]
"""Per day and measure what shall be true: STEPS, RESTING (count/min), HRV (ms), WEIGHT (kg; 0 for no weighing), SLEEP
(minutes asleep in the night that ends on the day), RUN (km of the day's one run; 0 for none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearer:
    """Whose export it is, and where they live."""

    name: str = "Robin"
    born: date = date(1984, 5, 17)
    sex: Literal["Female", "Male", "Other", "NotSet"] = "Female"
    zone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The truth of one local day; `asleep` is the night that ended on it, in minutes; `run` is in km."""

    day: date
    steps: int
    resting: int
    hrv: float
    weight: float | None
    asleep: int
    run: float


def days(*, seed: int, first: date, last: date, planted: Planted | None = None) -> Iterator[Day]:
    """The truth of every day from first to last, both included; what is planted wins, the rest does not change."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        chance = Random(f"{seed}/{ordinal}")
        truth = {
            STEPS: float(chance.randint(3_000, 14_000)),
            RESTING: float(chance.randint(52, 64)),
            HRV: round(chance.uniform(25, 75), 3),
            WEIGHT: round(70 + chance.gauss(0, 0.6), 1) if chance.random() < 0.4 else 0.0,
            SLEEP: float(chance.randint(360, 510)),
            RUN: round(chance.uniform(4, 12), 2) if chance.random() < 0.35 else 0.0,
        } | dict((planted or {}).get(day, {}))
        yield Day(
            day=day,
            steps=round(truth[STEPS]),
            resting=round(truth[RESTING]),
            hrv=truth[HRV],
            weight=truth[WEIGHT] or None,
            asleep=round(truth[SLEEP]),
            run=truth[RUN],
        )
