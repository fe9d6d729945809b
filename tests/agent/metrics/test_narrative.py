"""Weeks and months in words: their numbers are those of the days, the comparison is with the owner alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import fmean, median
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agent.errors import ModelError
from agent.metrics.engine import Metrics
from agent.metrics.narrative import Narrative, narratives
from agent.models.embedder import open_embedder
from agent.models.library import Library, default_folder
from agent.store.samples import Samples
from indexers.record import SampleBatch

Q = "HKQuantityTypeIdentifier"
STEPS, RESTING, WEIGHT, FEVER = f"{Q}StepCount", f"{Q}RestingHeartRate", f"{Q}BodyMass", "HKCategoryTypeIdentifierFever"
FIRST, TODAY = date(2026, 1, 5), date(2026, 5, 13)  # a Monday, a Wednesday
BERLIN = ZoneInfo("Europe/Berlin")
Batch = Callable[..., SampleBatch]
DAYS = [FIRST + timedelta(days=n) for n in range((TODAY - FIRST).days)]
ILL = [day for day in DAYS if date(2026, 4, 13) <= day < date(2026, 4, 20)]


def noon(day: date) -> str:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).isoformat()


@pytest.fixture
def truth() -> dict[date, tuple[int, int]]:
    """Steps and resting heart rate of each day: steady, but for the week of 13 April."""
    chance = random.Random(3)
    return {
        day: (chance.randint(900, 1500), chance.randint(68, 72))
        if day in ILL
        else (chance.randint(8000, 9000), chance.randint(56, 59))
        for day in DAYS
    }


def add(samples: Samples, batch: Batch, measure: str, rows: list[tuple[date, float]], unit: str) -> None:
    samples.add(1, batch(measure, [(noon(day), noon(day), value) for day, value in rows], unit=unit))


@pytest.fixture
def filled(samples: Samples, batch: Batch, truth: dict[date, tuple[int, int]]) -> Samples:
    add(samples, batch, STEPS, [(day, float(steps)) for day, (steps, _) in truth.items()], "count")
    add(samples, batch, RESTING, [(day, float(rate)) for day, (_, rate) in truth.items()], "count/min")
    add(samples, batch, WEIGHT, [(day, 70.0) for day in DAYS[::5]], "kg")
    stamps = [(noon(day), noon(day), 1.0, "HKCategoryValueSeverityModerate") for day in ILL[1:4]]
    samples.add(1, batch(FEVER, stamps, unit=""))
    private = [(noon(day), noon(day), 1.0, "HKCategoryValueVaginalBleedingMedium") for day in DAYS[10:14]]
    for name in ("MenstrualFlow", "PelvicPain"):
        samples.add(1, batch(f"HKCategoryTypeIdentifier{name}", private, unit=""))
    Metrics(samples, zone=BERLIN).refresh()
    return samples


def told(samples: Samples) -> dict[str, Narrative]:
    return {one.item: one for one in narratives(samples, today=TODAY, zone=BERLIN)}


def texts(samples: Samples) -> dict[str, str]:
    return {chunk.place: chunk.text for one in told(samples).values() for chunk in one.chunks}


def test_the_week_of_an_illness_finds_its_numbers(filled: Samples, truth: dict[date, tuple[int, int]]) -> None:
    said = texts(filled)
    mean = fmean(truth[day][0] for day in ILL)
    weeks = [
        fmean(truth[day][0] for day in DAYS if start <= day < start + timedelta(days=7))
        for start in (ILL[0] - timedelta(days=7 * n) for n in range(1, 13))
    ]
    assert f"Steps: {round(mean):,} a day, less than your usual {round(median(weeks)):,}" in said["2026-W16/movement"]
    assert "nusually high resting heart rate (" in said["2026-W16/unusual"]
    assert said["2026-W16/symptoms"] == (
        "Symptoms in the week of 13 April 2026 (13–19 Apr 2026). Fever: 3 days (Tue 14 Apr, Wed 15 Apr, Thu 16 Apr)."
    )
    assert "2026-W15/unusual" not in said
    assert "2026-W17/symptoms" not in said


def test_every_week_and_month_that_is_over_is_told(filled: Samples) -> None:
    said = texts(filled)
    # 18 whole weeks from 5 January to 10 May; the one of 11 May runs.
    assert len([place for place in said if place.endswith("/movement") and "W" in place]) == 18
    assert [place for place in said if place.endswith("/movement") and "W" not in place] == [
        f"2026-0{n}/movement" for n in range(1, 5)
    ]
    assert list(told(filled)) == [f"narrative/2026-0{n}" for n in range(1, 6)]


def test_sums_and_extremes_are_those_of_the_days(filled: Samples, truth: dict[date, tuple[int, int]]) -> None:
    said = texts(filled)
    for start in DAYS[:126:7]:
        week = {day: truth[day][0] for day in DAYS if start <= day < start + timedelta(days=7)}
        text = said[f"{start.isocalendar().year}-W{start.isocalendar().week:02d}/movement"]
        best = max(week, key=lambda day: week[day])
        assert f"{sum(week.values()):,} in all" in text
        assert f"most on {best:%a} {best.day} {best:%b} ({week[best]:,})" in text


def test_what_is_intimate_is_never_told_and_nothing_is_judged(filled: Samples) -> None:
    for text in texts(filled).values():
        assert not re.search(
            r"menstru|pelvic|bleeding|sexual|pregnan|normal|healthy|risk|should|diagnos|too (?:low|high)", text, re.I
        )


def test_a_chunk_places_itself_in_time(filled: Samples) -> None:
    chunks = {chunk.place: chunk for one in told(filled).values() for chunk in one.chunks}
    chunk = chunks["2026-W16/movement"]
    assert (chunk.kind, chunk.thread) == ("narrative", "health/week/movement")
    assert chunk.when == datetime(2026, 4, 13, tzinfo=BERLIN).timestamp()
    assert chunk.until == datetime(2026, 4, 20, tzinfo=BERLIN).timestamp()
    assert chunk.locator == "health:2026-04-13/2026-04-19"
    assert "the week of 13 April 2026" in chunk.title
    assert len(chunks) == sum(len(one.chunks) for one in told(filled).values())
    assert max(len(chunk.text) for chunk in chunks.values()) < 800


def test_only_months_that_changed_have_another_fingerprint(filled: Samples, batch: Batch) -> None:
    before = {item: one.fingerprint for item, one in told(filled).items()}
    assert before == {item: one.fingerprint for item, one in told(filled).items()}
    later = {one.item: one.fingerprint for one in narratives(filled, today=TODAY + timedelta(days=2), zone=BERLIN)}
    assert before == later
    # A night, a week later: the running week is over and joins its month.
    add(filled, batch, STEPS, [(TODAY, 8500.0)], "count")
    Metrics(filled, zone=BERLIN).refresh()
    grown = {one.item: one.fingerprint for one in narratives(filled, today=date(2026, 5, 18), zone=BERLIN)}
    assert {item for item in grown if grown[item] != before.get(item)} == {"narrative/2026-05"}


def test_nothing_makes_no_narrative(samples: Samples) -> None:
    assert list(narratives(samples, today=TODAY, zone=BERLIN)) == []


@pytest.mark.models
def test_real_embeddings_find_the_week_by_what_it_was_like(filled: Samples) -> None:
    try:
        embedder = open_embedder(Library(default_folder()), bulk=False)
    except ModelError as error:
        pytest.skip(f"{error.problem}: run homebody-models install")
    chunks = [chunk for one in told(filled).values() for chunk in one.chunks if "W" in chunk.place]
    vectors = np.stack(embedder.embed([f"{c.title}. {c.about}. {c.text}" for c in chunks], role="passage"))
    assert max(embedder.count_tokens(f"{c.title}. {c.about}. {c.text}") for c in chunks) <= embedder.max_tokens
    for question in ("the week I was ill", "when did I have a fever", "which week was I sick"):
        (asked,) = embedder.embed([question], role="query")
        best = np.argsort(-(vectors @ asked))[:3]
        assert any(chunks[at].place.startswith("2026-W16") for at in best), [chunks[at].place for at in best]
