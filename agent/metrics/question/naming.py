"""Which measures the words of a question name: catalogue phrases, ways that were covered, workouts of one kind."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from agent.metrics.catalogue import (
    ACTIVE,
    ASLEEP,
    DIASTOLIC,
    EFFICIENCY,
    RINGS,
    RUN_DISTANCE,
    RUN_PACE,
    SYSTOLIC,
    WORKOUT,
    Catalogue,
    stem,
)
from agent.metrics.question.words import (
    ACTIVITY,
    EVENT_SHAPE,
    EXTREME,
    FAR,
    FIRST,
    PACE_SHAPE,
    WAYS,
    WEAK,
)

_DISTANCE_UNITS = ("km", "mi", "m")
_RUNNING = f"{WORKOUT}/Running"
_WALKED = "HKQuantityTypeIdentifierStepCount"
_HOW_ACTIVE = re.compile(r"\b(?:how )?(?:physically )?active\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The measures that are named, in the order of the question; `rest` is the text without the words that name them.

    `weak`: only ordinary words named them ("walk", "water"), so the question needs a clearer shape. `apart`: words in
    different places name different measures.
    """

    measures: tuple[str, ...]
    weak: bool
    rest: str
    apart: bool = False


def named(text: str, *, unit: str | None, catalogue: Catalogue, available: Collection[str]) -> Named:
    """Find the measures that a question names, of those that are available."""
    special = _active(text, available) or _moved(text, unit, available)
    return special or _by_words(text, catalogue, available)


def rings(match: re.Match[str], available: Collection[str]) -> tuple[str, ...]:
    """The rings that were closed: the one that is named, else all three; empty where they or their goals are missing."""
    wanted = [
        ring for ring, word in zip(RINGS, ("move", "exercise", "stand"), strict=True) if match["ring"] in (None, word)
    ]
    known = all(ring in available and f"{ring}_goal" in available for ring in wanted)
    return tuple(wanted) if known else ()


def _active(text: str, available: Collection[str]) -> Named | None:
    """Steps, energy and minutes for "how active was I"; "more active than" is told by steps alone."""
    match = _HOW_ACTIVE.search(text)
    if not match or re.search(r"\bactive (?:energy|calories)\b", text):
        return None
    measures = tuple(measure for measure in ACTIVE if measure in available)
    whole = match[0].startswith("how ")
    return (
        Named(measures=measures if whole else measures[:1], weak=True, rest=_without(text, match)) if measures else None
    )


def _moved(text: str, unit: str | None, available: Collection[str]) -> Named | None:
    """Running, cycling, swimming: how far, how fast, or how long and how often, as the words around ask."""
    weak = not FIRST.search(text)
    if unit in _DISTANCE_UNITS or FAR.search(text):
        for measure, verb in WAYS:
            if measure in available and (match := verb.search(text)):
                rest = re.sub(r"\b(?:how far|distance|covered)\b", " ", _without(text, match))
                return Named(measures=(measure,), weak=weak, rest=rest)
    running = ACTIVITY["Running"].search(text)
    if running and RUN_PACE in available and PACE_SHAPE.search(text) and "pace" not in text:
        return Named(
            measures=(RUN_PACE,), weak=weak, rest=re.sub(r"\bhow fast\b", " average ", _without(text, running))
        )
    if running and EXTREME.search(text) and not re.search(r"\brun of\b|\bstreak\b", text):
        both = tuple(measure for measure in (_RUNNING, RUN_DISTANCE) if measure in available)
        return Named(measures=both, weak=weak, rest=_without(text, running)) if both else None
    return None


def _by_words(text: str, catalogue: Catalogue, available: Collection[str]) -> Named:
    """Longest phrases of the catalogue first; a kind of workout where nothing clearer is named."""
    found: dict[str, int] = {}
    weak = True
    words = text.split()
    taken = [False] * len(words)
    stems = [stem(word.strip(".,'")) for word in words]
    for size in range(min(catalogue.longest, len(words)), 0, -1):
        for at in range(len(words) - size + 1):
            if any(taken[at : at + size]):
                continue
            known = [m for m in catalogue.named(tuple(stems[at : at + size])) if m in available]
            if not known:
                continue
            taken[at : at + size] = [True] * size
            pair = {SYSTOLIC, DIASTOLIC} <= set(known)
            found |= dict.fromkeys((SYSTOLIC, DIASTOLIC) if pair else known[:1], at)
            mine = at > 0 and words[at - 1] == "my"
            weak = weak and not mine and bool(WEAK.fullmatch(" ".join(words[at : at + size])))
    kind = _kind(text, available) if set(found) <= {WORKOUT, _WALKED, RUN_PACE} or weak else None
    # "Walking more" beside another measure are steps; the kind of workout is meant where only it is named.
    if kind and (not found or set(found) <= {WORKOUT} or (set(found) == {_WALKED} and weak)):
        return kind
    if {EFFICIENCY, ASLEEP} <= set(found) and not re.search(r"\bsleep\w* .*\bsleep", text):
        del found[ASLEEP]
    rest = " ".join("" if gone else word for word, gone in zip(words, taken, strict=True))
    measures = tuple(sorted(found, key=lambda measure: found[measure]))
    return Named(measures=measures, weak=weak, rest=rest, apart=len(set(found.values())) > 1)


def _kind(text: str, available: Collection[str]) -> Named | None:
    """Workouts of one kind ("how many runs", "did I swim"), where such have been recorded."""
    first = FIRST.search(text)
    if not first and not EVENT_SHAPE.search(text):
        return None
    for kind, pattern in ACTIVITY.items():
        if f"{WORKOUT}/{kind}" in available and (match := pattern.search(text)):
            rest = re.sub(r"\b(?:workouts?|sessions?|training)\b", " ", _without(text, match))
            return Named(measures=(f"{WORKOUT}/{kind}",), weak=not first, rest=rest)
    return None


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"
