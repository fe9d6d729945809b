"""Rollups follow the samples month by month, also those of workouts and of forgotten items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import apsw
import pytest

from agent.demo.health_zip import Wearer, write_export
from agent.metrics.catalogue import RUN_DISTANCE, RUN_PACE, SLEEP, WORKOUT, catalogue
from agent.metrics.rollup import activity, refresh
from agent.store.samples import SAMPLES_SCHEMA, Samples
from agent.vocabulary import DayRollup, Series
from indexers.health.apple import AppleHealth
from indexers.record import SampleBatch
from indexers.source import Item

STEPS = "HKQuantityTypeIdentifierStepCount"
Batch = Callable[..., SampleBatch]


def totals(samples: Samples, measure: str) -> dict[date, float]:
    return {row.day: round(row.total, 6) for row in samples.days(measure, None, None)}


def test_only_changed_months_are_recomputed(samples: Samples, batch: Batch) -> None:
    samples.add(1, batch(STEPS, [("2026-01-10T10:00Z", "2026-01-10T10:10Z", 100.0)]))
    samples.add(1, batch(STEPS, [("2026-02-10T10:00Z", "2026-02-10T10:10Z", 200.0)]))
    assert refresh(samples) == 2
    assert refresh(samples) == 0
    samples.add(1, batch(STEPS, [("2026-02-11T10:00Z", "2026-02-11T10:10Z", 300.0)]))
    assert refresh(samples) == 1
    assert totals(samples, STEPS) == {date(2026, 1, 10): 100.0, date(2026, 2, 10): 200.0, date(2026, 2, 11): 300.0}


def test_a_sample_over_the_end_of_a_month_reaches_both(samples: Samples, batch: Batch) -> None:
    samples.add(1, batch(STEPS, [("2026-01-31T23:50Z", "2026-02-01T00:10Z", 100.0)]))
    assert refresh(samples) == 2
    assert totals(samples, STEPS) == {date(2026, 1, 31): 50.0, date(2026, 2, 1): 50.0}


def test_staged_then_live_then_forgotten(samples: Samples, batch: Batch, db: apsw.Connection) -> None:
    samples.add(3, batch(STEPS, [("2026-01-10T10:00Z", "2026-01-10T10:10Z", 100.0)]))
    assert refresh(samples) == 0
    db.execute("UPDATE item SET live = 1 WHERE id = 3")
    assert refresh(samples) == 1
    assert totals(samples, STEPS) == {date(2026, 1, 10): 100.0}
    samples.forget(3)
    assert refresh(samples) >= 1
    assert totals(samples, STEPS) == {}
    assert samples.rolled() == ()


def test_a_newer_overlapping_export_does_not_double(samples: Samples, batch: Batch) -> None:
    old = [("2026-01-10T10:00Z", "2026-01-10T10:10Z", 100.0), ("2026-02-10T10:00Z", "2026-02-10T10:10Z", 200.0)]
    samples.add(1, batch(STEPS, old))
    refresh(samples)
    samples.add(2, batch(STEPS, [*old[1:], ("2026-02-12T10:00Z", "2026-02-12T10:10Z", 50.0)]))
    refresh(samples)
    assert totals(samples, STEPS) == {date(2026, 1, 10): 100.0, date(2026, 2, 10): 200.0, date(2026, 2, 12): 50.0}


def test_workouts_by_kind_and_pace_of_runs(samples: Samples, batch: Batch) -> None:
    runs = [
        ("2026-01-10T10:00Z", "2026-01-10T10:50Z", 50.0, "HKWorkoutActivityTypeRunning"),
        ("2026-01-10T18:00Z", "2026-01-10T18:30Z", 30.0, "HKWorkoutActivityTypeRunning"),
        ("2026-01-11T10:00Z", "2026-01-11T10:30Z", 30.0, "HKWorkoutActivityTypeTraditionalStrengthTraining"),
    ]
    samples.add(1, batch(WORKOUT, runs, unit="min"))
    distances = [("2026-01-10T10:00Z", "2026-01-10T10:50Z", 10.0, "HKWorkoutActivityTypeRunning")]
    samples.add(1, batch("Workout.distance", distances, unit="km"))
    refresh(samples)
    assert totals(samples, WORKOUT) == {date(2026, 1, 10): 80.0, date(2026, 1, 11): 30.0}
    assert totals(samples, f"{WORKOUT}/Running") == {date(2026, 1, 10): 80.0}
    assert totals(samples, f"{WORKOUT}/Traditional strength training") == {date(2026, 1, 11): 30.0}
    # Only the run whose distance is known has a pace.
    assert totals(samples, RUN_PACE) == {date(2026, 1, 10): 5.0}
    assert totals(samples, RUN_DISTANCE) == {date(2026, 1, 10): 10.0}


def test_the_owners_order_of_sources_wins(samples: Samples, batch: Batch) -> None:
    row = ("2026-01-10T10:00Z", "2026-01-10T10:10Z")
    samples.add(1, batch(STEPS, [(*row, 100.0)], source="Watch"))
    samples.add(1, batch(STEPS, [(*row, 150.0)], source="Pedometer"))
    refresh(samples)
    assert totals(samples, STEPS) == {date(2026, 1, 10): 100.0}
    samples.touch(1)
    refresh(samples, priority={STEPS: {"Pedometer": -1}})
    assert totals(samples, STEPS) == {date(2026, 1, 10): 150.0}


def test_symptoms_that_were_not_present_are_not_counted(samples: Samples, batch: Batch) -> None:
    headache = "HKCategoryTypeIdentifierHeadache"
    severity = "HKCategoryValueSeverity"
    rows = [
        ("2026-01-10T10:00Z", "2026-01-10T10:10Z", 1.0, f"{severity}Mild"),
        ("2026-01-11T10:00Z", "2026-01-11T10:10Z", 1.0, f"{severity}NotPresent"),
    ]
    samples.add(1, batch(headache, rows, unit=""))
    refresh(samples)
    assert totals(samples, headache) == {date(2026, 1, 10): 1.0}


def test_unknown_measures_are_settled_without_numbers(samples: Samples, batch: Batch) -> None:
    samples.add(1, batch("HKQuantityTypeIdentifierFromTheFuture", [("2026-01-10T10:00Z", "2026-01-10T10:10Z", 1.0)]))
    assert refresh(samples) == 1
    assert samples.rolled() == ()
    assert samples.measures() == ("HKQuantityTypeIdentifierFromTheFuture",)


@pytest.mark.parametrize(
    ("label", "words"),
    [("HKWorkoutActivityTypeRunning", "Running"), ("TraditionalStrengthTraining", "Traditional strength training")],
)
def test_activity_in_words(label: str, words: str) -> None:
    assert activity(label) == words


def test_the_table_of_types_is_whole() -> None:
    known = {measure.id for measure in catalogue()}
    assert {STEPS, SLEEP, WORKOUT, RUN_PACE} <= known
    assert len(known) > 200
    assert catalogue()[STEPS].kind == "total"
    with pytest.raises(KeyError):
        catalogue()["nothing"]
    assert catalogue()["HKCategoryTypeIdentifierPregnancy"].sensitive


def _rolled(path: Path, months: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[DayRollup]]:
    """Every rollup of an export, with so many months taken together."""
    monkeypatch.setattr("agent.metrics.rollup.months._AT_ONCE", months)
    monkeypatch.setattr("agent.metrics.rollup.months._ROWS_AT_ONCE", rows)
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL)")
        connection.execute("INSERT INTO item VALUES(1, 1)")
        connection.execute(SAMPLES_SCHEMA)
        samples = Samples(connection)
        source = AppleHealth(name="health", path=path, options={})
        for item in source.scan():
            assert isinstance(item, Item)
            for record in source.read(item):
                if isinstance(record, SampleBatch):
                    samples.add(1, record)
        assert refresh(samples) > 100
        assert samples.dirty() == ()
        return {measure: list(samples.days(measure, None, None)) for measure in samples.rolled()}


def test_months_together_are_the_same_to_the_last_bit_as_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the store after a kill would differ from a fresh index, which takes other months together."""
    path = tmp_path / "export.zip"
    # Over two changes of the clock and a journey, with a watch and a phone.
    write_export(path, wearer=Wearer(), seed=2, first=date(2024, 2, 20), last=date(2025, 4, 10))
    singly = _rolled(path, 1, 1, monkeypatch)
    assert len(singly) > 20
    assert _rolled(path, 12, 10**9, monkeypatch) == singly
    assert _rolled(path, 5, 2_000, monkeypatch) == singly


def test_dense_months_are_not_taken_together(samples: Samples, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.metrics.rollup.months._ROWS_AT_ONCE", 3)
    asked: list[tuple[int, int]] = []
    series = samples.series

    def heard(measure: str, start_ms: int, end_ms: int) -> Iterator[Series]:
        asked.append((start_ms, end_ms))
        return series(measure, start_ms, end_ms)

    monkeypatch.setattr(samples, "series", heard)
    for month, n in ((1, 2), (2, 1), (3, 3), (5, 1), (6, 1)):
        rows = [(f"2026-0{month}-1{i}T10:00Z", f"2026-0{month}-1{i}T10:10Z", 1.0) for i in range(n)]
        samples.add(1, batch(STEPS, rows))
    assert refresh(samples) == 5
    spans = [tuple(datetime.fromtimestamp(ms / 1000, UTC).date() for ms in span) for span in asked]
    assert spans == [
        (date(2025, 12, 30), date(2026, 3, 3)),
        (date(2026, 2, 27), date(2026, 4, 3)),
        (date(2026, 4, 29), date(2026, 7, 3)),
    ]
