"""How people ask: each line of phrasings.txt is a question and the query it is read as, or "-" where it is left alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from agent.metrics.catalogue import SLEEP, WORKOUT, catalogue
from agent.metrics.query import MetricQuery, Threshold
from agent.metrics.question import read

TODAY = date(2026, 11, 22)  # a Sunday
KINDS = ("Running", "Cycling", "Swimming", "Walking", "Yoga", "Hiking", "Traditional strength training")
QUANTITY = "HKQuantityTypeIdentifier"
RAW = {SLEEP, "ActivitySummary", "HKCorrelationTypeIdentifierBloodPressure", "StateOfMind"}
ALL = frozenset({m.id for m in catalogue()} - RAW | {f"{WORKOUT}/{kind}" for kind in KINDS})
LINES = [
    tuple(part.strip() for part in line.split("=>"))
    for line in Path(__file__).with_name("phrasings.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def limit(threshold: Threshold) -> str:
    if threshold.op == "between":
        return f"{threshold.value:g}..{threshold.upper:g}"
    return f"{threshold.op}{threshold.value:g}"


def spelled(query: MetricQuery | None) -> str:
    """A query in one line: measures, statistic, days, and whatever else was read."""
    if query is None:
        return "-"
    names = [m.removeprefix(QUANTITY).removeprefix("HKCategoryTypeIdentifier") for m in query.measures]
    parts = [",".join(names), query.stat, f"{query.span.start or ''}..{query.span.end}"]
    if query.span.asleep:
        parts.append("asleep")
    if query.against:
        parts += ["vs", f"{query.against.start or ''}..{query.against.end}"]
    if len(query.weekdays) < 7:
        parts.append("on " + "".join(map(str, sorted(query.weekdays))))
    if query.against_weekdays is not None:
        parts.append("vs on " + "".join(map(str, sorted(query.against_weekdays))))
    if query.threshold:
        parts.append(limit(query.threshold))
    if query.only:
        parts.append(f"only {limit(query.only)} {query.only_unit}")
    if query.during:
        parts.append(f"during {query.during}")
    if query.on:
        passing = limit(query.on.threshold) if query.on.threshold else ""
        parts.append(
            f"{'not ' if query.on.absent else ''}on days of {query.on.measure.removeprefix(QUANTITY)}{passing}"
        )
    for name in ("group_by", "pick", "per", "unit", "quantile", "lag", "current", "absent"):
        if value := getattr(query, name):
            parts.append(name if value is True else f"{name}={value}")
    return " ".join(parts)


def asked(text: str) -> str:
    return spelled(read(text, today=TODAY, catalogue=catalogue(), available=ALL))


@pytest.mark.parametrize(("text", "expected"), LINES, ids=[text for text, _ in LINES])
def test_it_is_read_as_meant(text: str, expected: str) -> None:
    assert asked(text) == expected


def test_capitals_and_punctuation_change_nothing() -> None:
    for text, expected in LINES:
        for other in (
            text.upper() if text.isascii() and "Q1" not in text else text,
            f"{text}?",
            f"  {text} ",
            text.replace("'", "’"),
        ):
            if "may" not in text.lower() and "mon" not in text.lower():  # a month or day in capitals is a known limit
                assert asked(other) == expected, other


def test_there_are_enough_of_both_kinds() -> None:
    assert len({text.casefold() for text, _ in LINES}) == len(LINES)
    assert sum(expected != "-" for _, expected in LINES) >= 300
    assert sum(expected == "-" for _, expected in LINES) >= 100
