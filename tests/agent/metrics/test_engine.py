"""From stored samples to the text of an answer: every number here was worked out by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.metrics.catalogue import SLEEP, WORKOUT
from agent.metrics.engine import MetricAnswer, Metrics
from agent.metrics.question import Unread
from agent.models.scripted import Scripted
from agent.store.samples import Samples
from indexers.record import SampleBatch

TODAY = date(2026, 5, 20)
Q = "HKQuantityTypeIdentifier"
STEPS, RESTING, HEART, WEIGHT = f"{Q}StepCount", f"{Q}RestingHeartRate", f"{Q}HeartRate", f"{Q}BodyMass"
Batch = Callable[..., SampleBatch]


def day(ordinal: int, month: int = 4, hour: int = 12) -> str:
    return f"2026-{month:02d}-{ordinal:02d}T{hour:02d}:00+02:00"


def later(moment: str, minutes: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def metrics(samples: Samples, batch: Batch) -> Metrics:
    """April 2026: watch steps of 1,000 × day, the phone doubling half of each hour; no steps on the 11th.

    March: 5,000 steps on every day. Resting heart rate 60 falling by 0.1 a day from 1 March to 19 May. Nights of the
    10th and 11th of April; weight in pounds on four days; two runs and a yoga session.
    """
    april = [(day(d), later(day(d), 60), 1000.0 * d) for d in range(1, 31) if d != 11]
    march = [(day(d, 3), later(day(d, 3), 60), 5000.0) for d in range(1, 32)]
    samples.add(1, batch(STEPS, [*march, *april], source="Watch", device="Apple Watch"))
    doubled = [(start, later(start, 30), value / 2) for start, _, value in april]
    samples.add(1, batch(STEPS, doubled, source="Phone", device="iPhone"))
    begin = datetime(2026, 3, 1, 8, tzinfo=UTC)
    resting = [(begin + timedelta(days=i)).isoformat() for i in range(80)]
    rows = [(at, at, 60 - 0.1 * i) for i, at in enumerate(resting)]
    samples.add(1, batch(RESTING, rows, unit="count/min"))
    pulse = [(day(d, hour=hour), day(d, hour=hour), value) for d in (1, 2) for hour, value in ((9, 60.0), (18, 120.0))]
    samples.add(1, batch(HEART, pulse, unit="count/min"))
    scale = [(day(d), day(d), value) for d, value in ((1, 154.0), (10, 152.0), (20, 151.0), (30, 150.0))]
    samples.add(1, batch(WEIGHT, scale, unit="lb", source="Scale"))
    stage = "HKCategoryValueSleepAnalysis"
    nights = [
        ("2026-04-09T23:30+02:00", "2026-04-10T05:30+02:00", 1.0, f"{stage}AsleepCore"),
        ("2026-04-10T05:30+02:00", "2026-04-10T07:30+02:00", 1.0, f"{stage}AsleepREM"),
        ("2026-04-11T00:30+02:00", "2026-04-11T06:30+02:00", 1.0, f"{stage}AsleepCore"),
    ]
    samples.add(1, batch(SLEEP, nights, unit=""))
    workouts = [
        (day(5), later(day(5), 50), 50.0, "HKWorkoutActivityTypeRunning"),
        (day(12), later(day(12), 30), 30.0, "HKWorkoutActivityTypeRunning"),
        (day(13), later(day(13), 45), 45.0, "HKWorkoutActivityTypeYoga"),
    ]
    samples.add(1, batch(WORKOUT, workouts, unit="min"))
    distances = [(day(5), later(day(5), 50), 10.0), (day(12), later(day(12), 30), 5.0)]
    samples.add(1, batch("Workout.distance", distances, unit="km"))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    return metrics


def asked(metrics: Metrics, text: str) -> MetricAnswer:
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None, text
    return answer


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("how many steps did I take on 7 April", 7000, "count"),
        # 1 + … + 30 without 11, in thousands: 465 - 11
        ("how many steps did I take in April", 454_000, "count"),
        ("average steps per day in April", round(454_000 / 29, 4), "count"),
        ("most steps in April", 30_000, "count"),
        ("fewest steps in April", 1000, "count"),
        ("how many days did I walk more than 20,000 steps in April", 10, "days"),
        # 12 April to 30 April: the 11th has no data and breaks it
        ("longest streak of days with at least 5000 steps in April", 19, "days"),
        ("median of my steps in April", 16_000, "count"),
        ("average resting heart rate in March", 58.5, "bpm"),
        # two hourly means a day, both days alike
        ("average heart rate in April", 90, "bpm"),
        ("highest heart rate in April", 120, "bpm"),
        ("what is my weight", round(150 * 0.45359237, 4), "kg"),
        ("what was my weight in pounds on 10 April", 152, "lb"),
        ("lowest weight in pounds in April", 150, "lb"),
        ("how long did I sleep on the night of 9 April", 480, "min"),
        ("how long did I sleep on average in April", 420, "min"),
        ("how many hours did I sleep on average in April", 7, "hr"),
        ("how many nights did I sleep less than 7 hours in April", 1, "nights"),
        # a quarter of the first night; the second has staged sleep without REM: 120 of 840 minutes
        ("what share of my sleep was REM in April", round(12000 / 840, 4), "%"),
        ("what is my usual bedtime", "00:00", "local time"),
        ("my latest bedtime in April", "00:30", "local time"),
        ("how often did I go to bed after midnight in April", 1, "nights"),
        ("how many workouts in April", 3, "count"),
        ("how many runs in April", 2, "count"),
        ("how long did I work out in April", 125, "min"),
        ("how many workouts per week in April", 0.7, "count"),
        ("how far did I run in April", 15, "km"),
        # 80 minutes over 15 km, not the mean of 5:00 and 6:00
        ("running pace in April", round(80 / 15, 4), "min/km"),
        ("how many runs in March", None, "count"),
    ],
)
def test_the_number(metrics: Metrics, text: str, value: float | str | None, unit: str) -> None:
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None
    if value is None:
        assert (answer.found, answer.values) == (False, ())
        return
    first = answer.values[0]
    assert (first.value, first.unit) == (pytest.approx(value) if isinstance(value, float) else value, unit)


def test_the_whole_text_of_a_merged_total(metrics: Metrics) -> None:
    answer = asked(metrics, "How many steps did I take in April?")
    # Half of the watch's steps again from the phone: a third of the plain sum overlapped.
    assert answer.text == (
        "Steps: 454,000 (15,655 a day with data), 1–30 Apr 2026.\n"
        "read as: sum of steps, 1–30 Apr 2026\n"
        "Based on 29 of 30 days with data.\n"
        "Source: Watch."
    )
    assert answer.sources == ("Watch",)
    assert answer.read_as == {
        "measures": [STEPS],
        "statistic": "sum",
        "from": "2026-04-01",
        "to": "2026-04-30",
        "line": "sum of steps, 1–30 Apr 2026",
        "coverage": [{"days": 29, "of": 30}],
    }


def test_overlap_is_said_where_both_sources_count(samples: Samples, batch: Batch) -> None:
    samples.add(1, batch(STEPS, [(day(1), later(day(1), 60), 600.0)], source="Watch", device="Apple Watch"))
    samples.add(1, batch(STEPS, [(later(day(1), 30), later(day(1), 90), 600.0)], source="Phone", device="iPhone"))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    answer = asked(metrics, "steps on 1 April")
    assert answer.values[0].value == 900
    assert "Merged from Phone and Watch: 25 % of the plain sum overlapped and counts once." in answer.text


def test_a_comparison_has_both_sides_and_their_coverage(metrics: Metrics) -> None:
    answer = asked(metrics, "did I walk more in April than in March?")
    assert [value.value for value in answer.values] == [454_000, 155_000, round(454_000 / 29 - 5000, 4)]
    lines = answer.text.splitlines()
    assert lines[0] == (
        "Steps: 454,000 (15,655 a day with data), 1–30 Apr 2026 against 155,000 (5,000 a day), 1–31 Mar 2026:"
        " 10,655 more a day (+213.1 %)."
    )
    assert lines[1] == "read as: sum of steps, 1–30 Apr 2026 vs 1–31 Mar 2026"
    assert lines[2] == "Based on 29 of 30 days and 31 of 31 days with data."


def test_a_comparison_with_nothing_is_not_made(metrics: Metrics) -> None:
    answer = asked(metrics, "did I walk more in April than in February?")
    assert answer.found
    assert "no data for 1–28 Feb 2026, so the two cannot be compared" in answer.text


def test_a_trend_says_slope_ends_and_that_it_is_clear(metrics: Metrics) -> None:
    answer = asked(metrics, "resting heart rate since March")
    values = {value.name: value.value for value in answer.values}
    # 80 days from 60.0 to 52.1: the first 14 average 59.35, the last 14 average 52.75
    assert values["mean resting heart rate"] == pytest.approx(56.05)
    assert values["change per week"] == pytest.approx(-0.7)
    assert values["change from first to last days"] == pytest.approx(-6.6)
    assert "A clear fall: about 0.7 bpm a week." in answer.text
    assert "not a diagnosis" in answer.text


def test_too_few_days_make_no_trend(metrics: Metrics) -> None:
    answer = asked(metrics, "how has my weight changed in April")
    assert "Too few days to tell a trend" in answer.text
    assert "change per week" not in {value.name for value in answer.values}


def test_groups(metrics: Metrics) -> None:
    answer = asked(metrics, "steps by month in 2026")
    assert [(v.name, v.value) for v in answer.values[1:]] == [("2026-03", 155_000), ("2026-04", 454_000)]
    answer = asked(metrics, "which month did I walk the most in 2026")
    assert (answer.values[0].name, answer.values[0].value) == ("2026-04", 454_000)
    assert answer.text.startswith("Steps: April 2026, with 454,000.")
    answer = asked(metrics, "steps by source in April")
    assert {v.name: v.value for v in answer.values[1:]} == {"Watch": 454_000, "Phone": 227_000}
    answer = asked(metrics, "how many workouts by activity in April")
    assert {v.name: v.value for v in answer.values[1:]} == {"Running": 2, "Yoga": 1}
    answer = asked(metrics, "steps by weekday in April")
    # Mondays of April 2026: 6, 13, 20, 27
    assert {v.name: v.value for v in answer.values[1:]}["Monday"] == 16_500


def test_weekday_filter_and_its_coverage(metrics: Metrics) -> None:
    answer = asked(metrics, "average steps on weekends in April")
    # Saturdays 4, (11), 18, 25 and Sundays 5, 12, 19, 26
    assert answer.values[0].value == pytest.approx((4 + 18 + 25 + 5 + 12 + 19 + 26) * 1000 / 7, abs=1e-3)
    assert "Based on 7 of 8 days with data." in answer.text
    assert "weekends" in str(answer.read_as["line"])


def test_correlation_says_nothing_about_causes(metrics: Metrics) -> None:
    answer = asked(metrics, "is there a correlation between my steps and my resting heart rate since March")
    rho = {value.name: value.value for value in answer.values}["Spearman's rho"]
    assert isinstance(rho, float)
    assert rho < -0.7
    assert "This says nothing about what causes what." in answer.text


def test_no_data_is_no_data_and_never_zero(metrics: Metrics) -> None:
    for text in ("how many steps did I take on 11 April", "how many steps did I take in 2019", "steps today"):
        answer = asked(metrics, text)
        assert (answer.found, answer.values, answer.sources) == (False, (), ())
        assert answer.text.startswith("There is no data on steps for ")
        assert "What there is: 1 Mar – 30 Apr 2026." in answer.text


def test_workouts_are_zero_only_while_they_are_recorded(metrics: Metrics) -> None:
    assert asked(metrics, "how many yoga sessions from 6 to 12 April").values[0].value == 0
    assert not asked(metrics, "how many workouts in January").found


def test_how_did_i_sleep_gives_the_whole_night(metrics: Metrics) -> None:
    answer = asked(metrics, "how did I sleep on 10 April")
    assert {value.name: value.value for value in answer.values} == {
        "mean time asleep": 480,
        "mean REM sleep": 120,
        "mean deep sleep": 0,
        "mean core (light) sleep": 360,
        "mean time in bed": 480,
        "mean sleep efficiency": 100,
        "mean bedtime": "23:30",
        "mean wake time": "07:30",
    }


WORDS = """how many much often steps sleep rem bedtime heart rate weight workouts runs pace average highest lowest
latest last month week than April March 2026 10,000 more less compare vs my share streak 90th percentile per each in
day weekday since by before 7 hours midnight bed go to correlation and which did i trend miles weekends source list
during while runs days share fraction on without average"""


def test_no_mixture_of_words_breaks_it(metrics: Metrics) -> None:
    chance = random.Random(17)
    words = WORDS.split()
    answers = [metrics.ask(" ".join(chance.choices(words, k=chance.randint(2, 9))), today=TODAY) for _ in range(1500)]
    understood = [answer for answer in answers if answer]
    assert len(understood) > 50
    for answer in understood:
        assert "read as: " in answer.text
        assert answer.found == bool(answer.values)


def test_rows_are_the_samples_behind_a_number(metrics: Metrics) -> None:
    (series,) = metrics.rows(WEIGHT, date(2026, 4, 10), date(2026, 4, 21))
    assert (series.unit, series.value.tolist()) == ("lb", [152.0, 151.0])


def test_other_questions_and_an_empty_store(metrics: Metrics, samples: Samples) -> None:
    assert metrics.ask("what did Anna say about her steps", today=TODAY) is None
    samples.forget(1)
    metrics.refresh()
    assert metrics.ask("how many steps did I take in April", today=TODAY) is None


def test_a_model_fills_what_the_rules_cannot_read(metrics: Metrics) -> None:
    text = "oh my, the tally of my steps in April, if you please"
    assert metrics.ask(text, today=TODAY) is None
    fields = {"second": "", "against": "", "limit": "", "measure": "steps", "when": "April"}
    answer = metrics.fill(text, Scripted(json.dumps({**fields, "statistic": "sum"})), today=TODAY)
    assert isinstance(answer, MetricAnswer)
    assert answer.values[0].value == 454_000
    assert answer.read_as["read_by"] == "model"
    assert "read as: sum of steps, 1–30 Apr 2026" in answer.text
    declined = metrics.fill(text, Scripted(json.dumps({**fields, "statistic": "none"})), today=TODAY)
    assert isinstance(declined, Unread)
    assert declined.measures == (STEPS,)
    assert "“my steps last week”" in declined.text
    assert metrics.fill("how long is the contract", Scripted("{}"), today=TODAY) is None


def test_vague_questions_say_what_can_be_answered(metrics: Metrics) -> None:
    assert metrics.ask("did I sleep enough last night", today=TODAY) is None
    said = metrics.unread("did I sleep enough last night")
    assert said is not None
    assert all(metrics.ask(question, today=TODAY) for question in said.nearest)
    assert metrics.unread("what did Anna say about my sleep") is None


def test_blood_pressure_has_two_values_everywhere(metrics: Metrics, samples: Samples, batch: Batch) -> None:
    for side, base in (("Systolic", 120.0), ("Diastolic", 80.0)):
        rows = [(day(d, month), day(d, month), base + month) for month in (3, 4) for d in range(1, 29)]
        samples.add(1, batch(f"{Q}BloodPressure{side}", rows, unit="mmHg", source="Cuff"))
    metrics.refresh()
    answer = asked(metrics, "what was my blood pressure in April")
    assert [value.value for value in answer.values] == [124, 84]
    answer = asked(metrics, "compare my blood pressure in March and April")
    assert [value.value for value in answer.values] == [123, 124, 83, 84, -1, -1]
    assert answer.text.count(" less") == 2
    answer = asked(metrics, "blood pressure trend since March")
    assert answer.text.count("A clear rise") + answer.text.count("No clear change") == 2
    answer = asked(metrics, "when did I last have a systolic blood pressure over 123")
    assert answer.values[0].start == date(2026, 4, 28)


def test_a_ring_is_closed_on_a_day_that_reached_its_goal(metrics: Metrics, samples: Samples, batch: Batch) -> None:
    """Move reaches its goal on 1 to 4 and 6 April, exercise on 2 to 6, stand on all six days."""
    for field, unit, done, goal in (
        ("active_energy", "kcal", [500, 510, 520, 530, 100, 540], 500.0),
        ("exercise_time", "min", [10, 30, 31, 32, 33, 34], 30.0),
        ("stand_hours", "count", [12] * 6, 12.0),
    ):
        rows = [(day(d), day(d), float(value)) for d, value in enumerate(done, start=1)]
        samples.add(1, batch(f"ActivitySummary.{field}", rows, unit=unit, source="Activity rings"))
        goals = [(day(d), day(d), goal) for d in range(1, 7)]
        samples.add(1, batch(f"ActivitySummary.{field}_goal", goals, unit=unit, source="Activity rings"))
    metrics.refresh()
    for text, value in (
        ("how often did I close my rings in April", 4),
        ("how many days did I close my move ring in April", 5),
        ("longest streak of closing all my rings in April", 3),
        ("did I close my exercise ring on 1 April", 0),
    ):
        assert asked(metrics, text).values[0].value == value, text
    assert "All rings closed: 4 of 6 days" in asked(metrics, "how often did I close my rings in April").text
    assert not asked(metrics, "did I close my rings on 8 April").found


def test_a_level_is_set_beside_the_owners_own_usual_range(metrics: Metrics) -> None:
    # Before 10 May: 60.0 falling by 0.1 a day over 70 days, so 5th and 95th percentile are 53.445 and 59.655.
    text = asked(metrics, "what was my resting heart rate on 10 May").text
    assert "Outside your usual range of 53.4 bpm to 59.7 bpm (9 in 10 of the 70 days before)." in text
    # Thirty days are needed, and a long range is its own measure.
    assert "usual range" not in asked(metrics, "what was my resting heart rate on 20 March").text
    assert "usual range" not in asked(metrics, "average resting heart rate in April").text


def test_a_level_during_a_night_is_that_of_the_time_in_bed(metrics: Metrics, samples: Samples, batch: Batch) -> None:
    # In bed from 23:30 on the 9th to 07:30 on the 10th: of these only the middle three count, in two hours.
    stamps = [("2026-04-09T23:10", 99.0), ("2026-04-09T23:40", 60.0), ("2026-04-10T03:05", 50.0)]
    stamps += [("2026-04-10T03:35", 52.0), ("2026-04-10T08:00", 90.0)]
    rows = [(f"{at}+02:00", f"{at}+02:00", value) for at, value in stamps]
    samples.add(1, batch(HEART, rows, unit="count/min", source="Band"))
    metrics.refresh()
    for text, value in (
        ("lowest heart rate on the night of 9 April", 50),
        ("highest heart rate on the night of 9 April", 60),
        ("average heart rate on the night of 9 April", (60 + 51) / 2),
    ):
        answer = asked(metrics, text)
        assert answer.values[0].value == pytest.approx(value), text
        assert "the night to Fri 10 Apr 2026" in answer.text
        assert "Based on 1 of 1 night with data." in answer.text
        assert answer.sources == ("Band",)
    assert not asked(metrics, "lowest heart rate on the night of 20 April").found
    assert metrics.ask("how often was my heart rate over 100 last night", today=TODAY) is None
