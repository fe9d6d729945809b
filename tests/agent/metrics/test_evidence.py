"""What an answer rests on: each sample counts or says why not, and the shares of sources add up to the number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.metrics.catalogue import SLEEP, WORKOUT
from agent.metrics.engine import EVERYTHING, Metrics, priorities
from agent.metrics.units import preferred
from agent.store.samples import Samples
from indexers.record import SampleBatch

TODAY = date(2026, 5, 20)
Q = "HKQuantityTypeIdentifier"
STEPS, WEIGHT, RESTING = f"{Q}StepCount", f"{Q}BodyMass", f"{Q}RestingHeartRate"
Batch = Callable[..., SampleBatch]


def at(day: int, hour: int, minute: int = 0) -> str:
    return f"2026-04-{day:02d}T{hour:02d}:{minute:02d}+02:00"


@pytest.fixture
def metrics(samples: Samples, batch: Batch) -> Metrics:
    """Two days of steps from watch and phone that overlap by half; a weight with faults; nights and a run told twice."""
    for day in (1, 2):
        samples.add(1, batch(STEPS, [(at(day, 12), at(day, 13), 600.0)], source="Watch", device="Apple Watch"))
        samples.add(1, batch(STEPS, [(at(day, 12, 30), at(day, 13, 30), 800.0)], source="Phone", device="iPhone"))
    weights = [(at(1, 8), at(1, 8), 70.0), (at(1, 8), at(1, 8), 70.0), (at(2, 8), at(2, 8), 9000.0)]
    samples.add(1, batch(WEIGHT, [*weights, (at(3, 9), at(3, 8), 70.5)], unit="kg", source="Scale"))
    samples.add(1, batch(WEIGHT, [(at(4, 8), at(4, 8), 11.0)], unit="furlong", source="Other scale"))
    stage = "HKCategoryValueSleepAnalysis"
    watch = [("2026-04-01T23:00+02:00", at(2, 7), 1.0, f"{stage}AsleepCore")]
    app = [("2026-04-01T22:00+02:00", at(2, 8), 1.0, f"{stage}AsleepUnspecified")]
    samples.add(1, batch(SLEEP, watch, unit="", source="Watch", device="Apple Watch"))
    samples.add(1, batch(SLEEP, app, unit="", source="Sleep app"))
    run = [(at(3, 18), at(3, 19), 60.0, "HKWorkoutActivityTypeRunning")]
    samples.add(1, batch(WORKOUT, run, unit="min", source="Watch", device="Apple Watch"))
    samples.add(1, batch(WORKOUT, [(at(3, 18, 2), at(3, 19, 1), 59.0, run[0][3])], unit="min", source="Running app"))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    return metrics


def test_shares_add_up_to_the_number(metrics: Metrics) -> None:
    answer = metrics.ask("how many steps did I take on 1 April", today=TODAY)
    found = metrics.explain("how many steps did I take on 1 April", today=TODAY)
    assert answer is not None
    assert found is not None
    (day,) = found.days
    assert day.value == answer.values[0].value == 1000
    assert {share.source: share.said for share in day.shares} == {"Watch": 600, "Phone": 800}
    assert {share.source: round(share.counted, 6) for share in day.shares} == {"Watch": 600, "Phone": 400}
    assert [(row.source, row.value, row.left_out) for row in found.rows] == [("Phone", 800, ""), ("Watch", 600, "")]
    assert any("overlap" in rule for rule in found.rules)
    assert found.whole


def test_every_sample_says_why_it_does_not_count(metrics: Metrics) -> None:
    found = metrics.explain("what was my weight from 1 to 4 April", today=TODAY)
    assert found is not None
    assert {(row.start.day, row.value, row.left_out) for row in found.rows} == {
        (1, 70.0, ""),
        (1, 70.0, "an exact copy"),
        (2, 9000.0, "a value that cannot be true"),
        (3, 70.5, "a broken date or length"),
        (4, 11.0, "the unit 'furlong' is not known for this measure"),
    }
    answer = metrics.ask("what was my weight from 1 to 4 April", today=TODAY)
    assert answer is not None
    assert answer.values[0].value == 70.0
    kept = list(metrics.rows(WEIGHT, date(2026, 4, 1), date(2026, 4, 5)))
    assert sorted(value for series in kept for value in series.value.tolist()) == [11.0, 70.0, 70.0, 70.5, 9000.0]


def test_one_source_tells_a_night_and_a_copy_of_a_workout_is_left_out(metrics: Metrics) -> None:
    night = metrics.explain("how long did I sleep on 2 April", today=TODAY)
    assert night is not None
    assert {row.source: row.left_out for row in night.rows} == {
        "Watch": "",
        "Sleep app": "another source tells this night",
    }
    run = metrics.explain("how many runs in April", today=TODAY)
    assert run is not None
    assert {row.source: row.left_out for row in run.rows} == {
        "Watch": "",
        "Running app": "a copy of a workout that another app recorded",
    }
    assert metrics.explain("what did Anna say", today=TODAY) is None


def test_the_latest_rows_of_a_long_range_and_that_there_are_more(samples: Samples, batch: Batch) -> None:
    begin = datetime(2026, 1, 1, 8, tzinfo=UTC)
    rows = [
        ((begin + timedelta(days=n)).isoformat(), (begin + timedelta(days=n)).isoformat(), 60.0) for n in range(100)
    ]
    samples.add(1, batch(RESTING, rows, unit="count/min"))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    found = metrics.explain("average resting heart rate in 2026", today=TODAY, limit=10)
    assert found is not None
    assert len(found.days) == 100
    assert [row.start.date() for row in found.rows] == [date(2026, 4, 10) - timedelta(days=n) for n in range(10)]
    assert not found.whole


def test_the_owner_s_order_of_sources_decides(metrics: Metrics, samples: Samples) -> None:
    ordered = Metrics(samples, zone=UTC, priority=priorities({"steps": ["Phone", "Watch"], "sleep": ["Sleep app"]}))
    assert ordered.rebuild() > 0
    answer = ordered.ask("how many steps did I take on 1 April", today=TODAY)
    assert answer is not None
    assert answer.values[0].value == pytest.approx(300 + 800)
    found = ordered.explain("how many steps did I take on 1 April", today=TODAY)
    assert found is not None
    assert {share.source: share.counted for share in found.days[0].shares} == {"Watch": 300, "Phone": 800}
    # A night with stages still comes before one without: the order decides among equals.
    night = ordered.ask("how long did I sleep on 2 April", today=TODAY)
    assert night is not None
    assert night.values[0].value == 480
    assert metrics.rebuild() > 0
    again = metrics.ask("how many steps did I take on 1 April", today=TODAY)
    assert again is not None
    assert again.values[0].value == 1000


def test_orders_are_given_by_words_ids_or_for_everything() -> None:
    found = priorities({EVERYTHING: ["Ring"], STEPS: ["Phone", "Watch"], "bedtime": ["Ring", "Watch"]})
    assert found[STEPS] == {"Phone": -2, "Watch": -1}
    assert found[RESTING] == {"Ring": -1}
    assert found[SLEEP] == {"Ring": -2, "Watch": -1}
    with pytest.raises(KeyError):
        priorities({"happiness": ["Ring"]})


def test_units_of_a_region_reach_answers_and_limits(samples: Samples, batch: Batch) -> None:
    samples.add(1, batch(WEIGHT, [(at(1, 8), at(1, 8), 154.0), (at(2, 8), at(2, 8), 150.0)], unit="lb", source="Scale"))
    metrics = Metrics(samples, zone=UTC, units=preferred("US"))
    metrics.refresh()
    answer = metrics.ask("what is my weight", today=TODAY)
    assert answer is not None
    assert (answer.values[0].value, answer.values[0].unit) == (150, "lb")
    answer = metrics.ask("how many days was my weight over 152 in April", today=TODAY)
    assert answer is not None
    assert answer.values[0].value == 1
    # The question's unit comes before the region's.
    answer = metrics.ask("what is my weight in kg", today=TODAY)
    assert answer is not None
    assert answer.values[0].value == pytest.approx(150 * 0.45359237, abs=1e-4)
    assert preferred("DE") == {}
    assert preferred("GB")["km"] == "mi"
    assert "kg" not in preferred("GB")
