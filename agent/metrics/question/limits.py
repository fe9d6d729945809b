"""Limits and conditions of a question ("over 10,000", "on days I ran", "during workouts") in the unit of their measure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from agent.metrics.catalogue import HEART_RATE, WORKOUT, Catalogue, Measure
from agent.metrics.query import Condition, Stat, Threshold
from agent.metrics.question.naming import named
from agent.metrics.question.words import DURING, GLUE, LIMITS, NOT, ON_DAYS, OPS
from agent.metrics.units import WORDS as UNIT_WORDS
from agent.metrics.units import conversion

_SIDES = re.compile(r"\b(?:vs|versus|than(?! \d)|compared|and|or|against)\b")
_EXERCISING = re.compile(r"exercis(?:e|ing)|working out|training")
_NIGHTLY = ("night", "clock")
_DANGLING = re.compile(r" (?:in|of|during|for|from|at|on)$")
_DAYS_OF = {"workout": "workouts", "training": "workouts"}
_OFTEN_MEASURED = (HEART_RATE, "HKQuantityTypeIdentifierRespiratoryRate", "HKQuantityTypeIdentifierOxygenSaturation")
"""Levels with many values a day, of which some can fall into an hour."""


def limit_of(match: re.Match[str], measure: Measure, units: Mapping[str, str]) -> Threshold | None:
    """The limit of a match in the measure's unit; a bare number is in the unit the owner prefers. None: no such unit."""
    return _limit(match, measure.unit, units.get(measure.unit, measure.unit), measure=measure.id)


def event_limit(match: re.Match[str]) -> tuple[Threshold | None, Literal["min", "km"]]:
    """The limit that each event must pass by itself, of its length or its distance. None without a unit of either."""
    units: tuple[Literal["min", "km"], ...] = ("min", "km")
    for unit in units:
        if match["unit"] and (found := _limit(match, unit, "", measure="")):
            return found, unit
    return None, "min"


def _limit(match: re.Match[str], unit: str, bare: str, *, measure: str) -> Threshold | None:
    said = UNIT_WORDS.get(match["unit"] or "", "%" if match[0].endswith("%") else "")
    scale = conversion(said or bare, unit, measure=measure)
    if scale is None:
        return None

    def canonical(number: str, thousands: str | None) -> float:
        value = float(number.replace(",", "")) * (1000 if thousands else 1)
        return value / 100 if unit == "%" else value * scale[0] + scale[1]

    parts = match.groupdict()
    op, words = parts.get("op"), match[0].strip()
    value, upper = canonical(match["n"], match["k"]), math.inf
    if parts.get("n2"):
        upper = canonical(match["n2"], match["k2"])
        if upper < value:
            return None
    return Threshold(op=OPS[op or "at least"], value=value, upper=upper, words=words if op else f"at least {words}")


def clock_limit(match: re.Match[str]) -> Threshold | None:
    hour = {"midnight": 0, "noon": 12}.get(match["name"] or "", int(match["h"] or 0))
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].startswith("p") else 0)
    minutes = hour * 60 + int(match["m"] or 0)
    return Threshold(op=OPS[match["op"]], value=minutes, words=match[0].strip()) if hour < 24 else None


def during(text: str, *, catalogue: Catalogue, available: Collection[str]) -> tuple[str, str | None]:
    """The text without "during my runs", and the workouts that this names; None where it names no workouts."""
    match = DURING.search(text)
    if match is None:
        return text, None
    if _EXERCISING.fullmatch(_DANGLING.sub("", match["what"])) and WORKOUT in available:
        return _cut(text, match), WORKOUT
    found = named(f" i {match['what']} ", unit=None, catalogue=catalogue, available=available)
    workouts = [name for name in found.measures if name.partition("/")[0] == WORKOUT]
    if len(found.measures) != 1 or not workouts or not _only_glue(found.rest):
        return text, None
    return _cut(text, match), workouts[0]


def fits(
    measures: Sequence[str] | None, stat: Stat, within: str | None, on: Condition | None, catalogue: Catalogue
) -> bool:
    """Whether what narrows a question (own limit of events, "during", "on days") goes with its measure and statistic."""
    if not measures or len(measures) > 1 or stat in ("correlate", "ratio", "streak", "trend", "latest", "percentile"):
        return False
    measure = catalogue[measures[0]]
    if within and measure.id not in _OFTEN_MEASURED:
        return False
    if on and measure.kind in _NIGHTLY and catalogue[on.measure].kind not in _NIGHTLY:
        return False  # the night before such a day, or the one after it?
    return not (on and stat == "share")


def on_days(
    text: str, *, catalogue: Catalogue, available: Collection[str], units: Mapping[str, str]
) -> tuple[str, Condition | None]:
    """The text without "on days I ran", and what this says of the days; None where it says nothing that is known."""
    clause = ON_DAYS.search(text)
    if clause is None:
        return text, None
    name = clause["named"]
    said = clause["what"] or ("without workouts" if name == "rest" else _DAYS_OF.get(name, f"{name} workouts"))
    rest = f" i {said} "
    if _SIDES.search(said):
        return text, None
    limit = next((match for pattern in LIMITS if (match := pattern.search(rest))), None)
    rest = _cut(rest, limit) if limit else rest
    negated = NOT.search(rest)
    rest = _cut(rest, negated) if negated else rest
    found = named(rest, unit=None, catalogue=catalogue, available=available)
    if len(found.measures) != 1 or not _only_glue(found.rest):
        return text, None
    measure = catalogue[found.measures[0]]
    threshold = limit_of(limit, measure, units) if limit else None
    if (
        (threshold is None) != (limit is None)
        or (threshold is None and measure.kind != "events")
        or (limit and negated)
    ):
        return text, None
    words = _DANGLING.sub("", clause[0].strip()).replace(" i ", " I ")
    return _cut(text, clause), Condition(
        measure=measure.id,
        words=words,
        threshold=threshold,
        absent=negated is not None,
    )


def _only_glue(text: str) -> bool:
    return all(word.strip(".,'-") in GLUE or word == "with" for word in text.split())


def _cut(text: str, match: re.Match[str]) -> str:
    return re.sub(" +", " ", f"{text[: match.start()]} {text[match.end() :]}")
