"""What is understood as a question about numbers, how it is read, and what is left to retrieval."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.metrics.catalogue import (
    ASLEEP,
    BEDTIME,
    DEEP,
    DIASTOLIC,
    EFFICIENCY,
    NIGHT,
    REM,
    RUN_DISTANCE,
    RUN_PACE,
    SLEEP,
    SYSTOLIC,
    WAKE_TIME,
    WORKOUT,
    catalogue,
)  # fmt: skip
from agent.metrics.query import MetricQuery
from agent.metrics.question import read

TODAY = date(2026, 11, 22)
Q = "HKQuantityTypeIdentifier"
STEPS, RESTING, HEART, WEIGHT = f"{Q}StepCount", f"{Q}RestingHeartRate", f"{Q}HeartRate", f"{Q}BodyMass"
RAW = {SLEEP, "ActivitySummary", "HKCorrelationTypeIdentifierBloodPressure", "StateOfMind"}
ALL = frozenset({m.id for m in catalogue()} - RAW | {f"{WORKOUT}/{kind}" for kind in ("Running", "Cycling")})


def asked(text: str, available: frozenset[str] = ALL) -> MetricQuery | None:
    return read(text, today=TODAY, catalogue=catalogue(), available=available)


def understood(text: str) -> MetricQuery:
    query = asked(text)
    assert query is not None, text
    return query


@pytest.mark.parametrize(
    ("text", "measure", "stat", "start", "end"),
    [
        ("How many steps did I take yesterday?", STEPS, "sum", "2026-11-21", "2026-11-22"),
        ("steps yesterday", STEPS, "sum", "2026-11-21", "2026-11-22"),
        ("how many steps today", STEPS, "sum", "2026-11-22", "2026-11-23"),
        ("total steps this week", STEPS, "sum", "2026-11-16", "2026-11-22"),
        ("What was my average resting heart rate in May?", RESTING, "mean", "2026-05-01", "2026-06-01"),
        ("resting heart rate since March", RESTING, "trend", "2026-03-01", "2026-11-22"),
        ("how has my resting pulse changed over the last 3 months", RESTING, "trend", "2026-08-22", "2026-11-22"),
        ("my highest heart rate last week", HEART, "max", "2026-11-09", "2026-11-16"),
        ("how much weight did I lose since January?", WEIGHT, "trend", "2026-01-01", "2026-11-23"),
        ("lowest weight this year", WEIGHT, "min", "2026-01-01", "2026-11-23"),
        ("how long did I sleep last night", ASLEEP, "mean", "2026-11-22", "2026-11-23"),
        ("how long did I sleep on the night of the 15th", ASLEEP, "mean", "2026-11-16", "2026-11-17"),
        ("deep sleep on Monday", DEEP, "mean", "2026-11-16", "2026-11-17"),
        ("sleep efficiency in Q3", EFFICIENCY, "mean", "2026-07-01", "2026-10-01"),
        ("when did I go to bed yesterday", BEDTIME, "mean", "2026-11-21", "2026-11-22"),
        ("what time did I wake up on Friday", WAKE_TIME, "mean", "2026-11-20", "2026-11-21"),
        ("how many workouts did I do last month", WORKOUT, "count", "2026-10-01", "2026-11-01"),
        ("how often did I run in May", f"{WORKOUT}/Running", "count", "2026-05-01", "2026-06-01"),
        ("how many times did I run in May", f"{WORKOUT}/Running", "count", "2026-05-01", "2026-06-01"),
        ("how many days did I exercise in May", f"{Q}AppleExerciseTime", "days", "2026-05-01", "2026-06-01"),
        ("how many days did I work out in May", WORKOUT, "days", "2026-05-01", "2026-06-01"),
        ("have I been sleeping less since September?", ASLEEP, "trend", "2026-09-01", "2026-11-23"),
        ("What's my usual wake-up time in May?", WAKE_TIME, "mean", "2026-05-01", "2026-06-01"),
        ("my longest workout in May", WORKOUT, "max", "2026-05-01", "2026-06-01"),
        ("how many bike rides in 2025", f"{WORKOUT}/Cycling", "count", "2025-01-01", "2026-01-01"),
        ("how far did I run in October", RUN_DISTANCE, "sum", "2026-10-01", "2026-11-01"),
        ("my average pace in October", RUN_PACE, "mean", "2026-10-01", "2026-11-01"),
        ("my fastest running pace in October", RUN_PACE, "min", "2026-10-01", "2026-11-01"),
        ("how many calories did I burn yesterday", f"{Q}ActiveEnergyBurned", "sum", "2026-11-21", "2026-11-22"),
        ("how many calories did I eat yesterday", f"{Q}DietaryEnergyConsumed", "sum", "2026-11-21", "2026-11-22"),
        ("how far did I walk last week", f"{Q}DistanceWalkingRunning", "sum", "2026-11-09", "2026-11-16"),
        ("average blood sugar last month", f"{Q}BloodGlucose", "mean", "2026-10-01", "2026-11-01"),
        ("how many minutes did I meditate last week", "HKCategoryTypeIdentifierMindfulSession", "sum", "2026-11-09",
         "2026-11-16"),
    ],
)  # fmt: skip
def test_simple_questions(text: str, measure: str, stat: str, start: str, end: str) -> None:
    query = understood(text)
    assert query.measures == (measure,)
    assert (query.stat, str(query.span.start), str(query.span.end)) == (stat, start, end)


def test_without_a_period_the_latest_or_all_days_that_are_over() -> None:
    for text in ("what is my weight", "how much do I weigh?", "my latest weight"):
        query = understood(text)
        assert (query.measures, query.stat, query.span.start) == ((WEIGHT,), "latest", None)
    query = understood("how many steps do I take a day on average")
    assert (query.stat, query.per, query.span.end) == ("mean", "day", TODAY)
    assert understood("what is my usual bedtime").stat == "mean"


def test_comparisons() -> None:
    query = understood("did I walk more in May than in April?")
    assert query.against is not None
    assert (str(query.span.start), str(query.against.start)) == ("2026-05-01", "2026-04-01")
    query = understood("compare my steps this month with the same month last year")
    assert query.against is not None
    assert (query.span.end, query.against.end) == (TODAY, date(2025, 12, 1))
    query = understood("average steps on weekdays vs weekends in May")
    assert (query.weekdays, query.against_weekdays) == (frozenset(range(5)), frozenset((5, 6)))


@pytest.mark.parametrize(
    ("text", "op", "value"),
    [
        ("how many days did I walk more than 10,000 steps in May", ">", 10_000),
        ("how many days in May did I reach 10k steps", ">=", 10_000),
        ("how many days with 8000 steps or more in May", ">=", 8000),
        ("how many days with fewer than 3000 steps in May", "<", 3000),
        ("how many nights did I sleep less than 6 hours in May", "<", 360),
        ("how many nights did I sleep at least 7.5 hours in May", ">=", 450),
        ("how often was my weight under 150 pounds in May", "<", 150 * 0.45359237),
        ("how many days was my blood oxygen below 92% in May", "<", 0.92),
        ("how often did I go to bed after midnight in May", ">", 0),
        ("how often did I go to bed before 11 pm in May", "<", 23 * 60),
        ("how often did I wake up before 6:30 in May", "<", 6 * 60 + 30),
    ],
)
def test_thresholds_are_in_the_canonical_unit(text: str, op: str, value: float) -> None:
    query = understood(text)
    assert query.stat == "days"
    assert query.threshold is not None
    assert query.threshold.op == op
    assert query.threshold.value == pytest.approx(value)


def test_streak_percentile_ratio_correlation_and_groups() -> None:
    query = understood("longest streak of days with at least 10000 steps in 2025")
    assert (query.stat, query.threshold and query.threshold.value) == ("streak", 10_000)
    assert understood("90th percentile of my steps in 2025").quantile == 0.9
    assert understood("median heart rate variability last year").quantile == 0.5
    for text in ("what share of my sleep was REM last month", "REM percentage last month"):
        assert (understood(text).stat, understood(text).measures) == ("ratio", (REM, ASLEEP))
    query = understood("does my sleep affect my resting heart rate the next day")
    assert (query.stat, query.measures, query.lag) == ("correlate", (ASLEEP, RESTING), 1)
    assert understood("steps by weekday last month").group_by == "weekday"
    assert understood("monthly steps in 2025").group_by == "month"
    assert understood("steps each day last week").group_by == "day"
    query = understood("which month did I walk the least in 2025")
    assert (query.group_by, query.pick) == ("month", "min")
    assert understood("how many workouts per week this year").per == "week"


def test_units_filters_pairs_and_whole_nights() -> None:
    assert understood("how many km did I walk last week").measures == (f"{Q}DistanceWalkingRunning",)
    assert understood("what was my weight in pounds last month").unit == "lb"
    assert understood("average steps on Mondays and Fridays in May").weekdays == frozenset((0, 4))
    assert understood("blood pressure last month").measures == (SYSTOLIC, DIASTOLIC)
    assert understood("how did I sleep last night?").measures == NIGHT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "what did Anna say about her steps",
        "the address of the step dance studio",
        "how many steps did Anna take yesterday",
        "coffee yesterday",
        "who walked with me on Friday",
        "who slept in the guest room last night",
        "how many steps are in the recipe",
        "what are the latest steps",
        "when is the period drama on",
        "where did I walk last summer",
        "what medications did the doctor mention last week",
        "how much did the new running shoes cost",
        "how much water should I drink",
        "how much money did I spend in May",
        "what time is dinner on Friday",
        "how long is the flight to Lisbon",
        "how many messages did I send in May",
        "how many meetings did I have last week",
        "what is the average heart rate of a blue whale",
        "why was my heart rate high last week",
        "what did the cardiologist write about my resting heart rate in May",
        "when does the gym open on weekends",
        "what weight limit does the bridge have",
        "did the report mention my weight in May",
        "how many steps will I take tomorrow",
        "steps in May, June, July and August 2025 and 2024",
        "x" * 500,
    ],
)
def test_other_questions_are_left_to_retrieval(text: str) -> None:
    assert asked(text) is None


def test_a_measure_without_data_is_not_understood() -> None:
    assert asked("how many steps did I take yesterday", frozenset({WEIGHT})) is None
    assert asked("pregnancy last year", frozenset({STEPS})) is None


@settings(deadline=None)
@given(st.text(max_size=100))
def test_any_text_is_survived(text: str) -> None:
    asked(text)


WORDS = """how many much steps sleep heart rate weight average highest last week than may 2025 10,000 more compare vs i
my rem share of streak days per each weekday night in since by before 7 hours midnight bed correlation and percentile"""


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS.split()), max_size=12))
def test_any_mixture_of_its_words_gives_a_sound_query(words: list[str]) -> None:
    query = asked(" ".join(words))
    if query is not None:
        assert query.measures
        assert query.span.start is None or query.span.start < query.span.end
        assert query.stat not in ("correlate", "ratio") or len(query.measures) == 2
