"""Workouts that pass a limit, samples during workouts, days on which something holds, shares: against plain counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.metrics.catalogue import SLEEP, WORKOUT
from agent.metrics.engine import MetricAnswer, Metrics, priorities
from agent.metrics.question import Unread
from agent.models.scripted import Scripted
from agent.store.samples import SAMPLES_SCHEMA, Samples
from indexers.record import SampleBatch

TODAY = date(2026, 5, 1)
Q = "HKQuantityTypeIdentifier"
KINDS = ("Running", "Cycling", "Yoga")
Batch = Callable[..., SampleBatch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workout:
    day: int
    kind: str
    minutes: int
    km: float


@dataclass(frozen=True, slots=True, kw_only=True)
class April:
    """A month in lists; days are those of April 2026. At most two workouts a day, at 9 and at 17 o'clock."""

    workouts: tuple[Workout, ...]
    steps: dict[int, int]
    asleep: dict[int, int]
    beats: tuple[tuple[int, int, int], ...]
    """(day, minute of the day, beats a minute)."""

    def begin(self, at: int) -> int:
        """The minute of its day at which a workout begins: the second of one day comes later."""
        mine = self.workouts[at]
        return 60 * (17 if any(other.day == mine.day for other in self.workouts[:at]) else 9)

    def during(self, kinds: Sequence[str] = KINDS) -> list[tuple[int, int, int]]:
        spans = [
            (one.day, self.begin(at), self.begin(at) + one.minutes)
            for at, one in enumerate(self.workouts)
            if one.kind in kinds
        ]
        return [
            beat for beat in self.beats if any(day == beat[0] and start <= beat[1] <= end for day, start, end in spans)
        ]


DAYS = st.integers(1, 30)


@st.composite
def months(draw: st.DrawFn) -> April:
    workout = st.builds(
        Workout, day=DAYS, kind=st.sampled_from(KINDS), minutes=st.integers(5, 120),
        km=st.sampled_from([0.0, 3.0, 5.0, 10.0, 12.5]),
    )  # fmt: skip
    drawn = draw(st.lists(workout, min_size=1, max_size=25))
    workouts = tuple(one for at, one in enumerate(drawn) if sum(other.day == one.day for other in drawn[:at]) < 2)
    return April(
        workouts=workouts,
        steps=draw(st.dictionaries(DAYS, st.integers(1, 20_000), min_size=1)),
        asleep=draw(st.dictionaries(DAYS, st.integers(60, 600), min_size=1)),
        beats=tuple(draw(st.lists(st.tuples(DAYS, st.integers(480, 1200), st.integers(50, 180)), min_size=1))),
    )


def at(day: int, minute: int) -> str:
    """A wall clock in Berlin, two hours east of UTC in April."""
    return (datetime(2026, 4, day, tzinfo=UTC) + timedelta(minutes=minute)).isoformat().replace("+00:00", "+02:00")


@contextmanager
def recorded(april: April, batch: Batch) -> Iterator[Metrics]:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL); INSERT INTO item VALUES(1, 1)")
    db.execute(SAMPLES_SCHEMA)
    samples = Samples(db)
    rows = [
        (at(one.day, april.begin(n)), at(one.day, april.begin(n) + one.minutes), float(one.minutes), one.kind, one.km)
        for n, one in enumerate(april.workouts)
    ]
    samples.add(1, batch(WORKOUT, [(*row[:3], f"HKWorkoutActivityType{row[3]}") for row in rows], unit="min"))
    # An app that writes the same workouts down again, a little shorter: copies, which never count.
    copied = [(row[0], row[1], row[2] * 0.9, f"HKWorkoutActivityType{row[3]}") for row in rows]
    samples.add(1, batch(WORKOUT, copied, unit="min", source="Copying App"))
    far = [(row[0], row[1], row[4]) for row in rows if row[4]]
    if far:
        samples.add(1, batch("Workout.distance", far, unit="km"))
    steps = [(at(day, 600), at(day, 660), float(count)) for day, count in april.steps.items()]
    samples.add(1, batch(f"{Q}StepCount", steps))
    nights = [
        (at(day, 420 - minutes), at(day, 420), 1.0, "HKCategoryValueSleepAnalysisAsleepCore")
        for day, minutes in april.asleep.items()
    ]
    samples.add(1, batch(SLEEP, nights, unit=""))
    beats = [(at(day, minute), at(day, minute), float(rate)) for day, minute, rate in april.beats]
    samples.add(1, batch(f"{Q}HeartRate", beats, unit="count/min"))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    try:
        yield metrics
    finally:
        db.close()


def asked(metrics: Metrics, text: str) -> MetricAnswer:
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None, text
    return answer


def first(metrics: Metrics, text: str) -> float | None:
    """The first value of the answer, None where there is no data."""
    values = asked(metrics, text).values
    assert all(not isinstance(value.value, str) for value in values)
    return float(values[0].value) if values and values[0].value is not None else None


@settings(deadline=None, max_examples=60)
@given(april=months(), limit=st.integers(5, 120))
def test_workouts_that_pass_a_limit(batch: Batch, april: April, limit: int) -> None:
    long = [one for one in april.workouts if one.minutes > limit]
    with recorded(april, batch) as metrics:
        assert first(metrics, f"how many workouts longer than {limit} minutes in April") == len(long)
        assert first(metrics, f"how many workouts of at most {limit} minutes in April") == len(april.workouts) - len(
            long
        )
        assert first(metrics, f"what share of my workouts in April were longer than {limit} minutes") == pytest.approx(
            100 * len(long) / len(april.workouts), abs=1e-3
        )
        middle = [one for one in april.workouts if limit <= one.minutes <= 2 * limit]
        assert first(metrics, f"how many workouts between {limit} and {2 * limit} minutes in April") == len(middle)
        assert first(metrics, f"total time in workouts longer than {limit} minutes in April") == sum(
            o.minutes for o in long
        )
        if long:
            longest = first(metrics, f"longest workout over {limit} minutes in April")
            assert longest == max(one.minutes for one in long)
            listed = asked(metrics, f"how many workouts over {limit} minutes each week in April").values[1:]
            assert sum(int(value.value) for value in listed if value.value is not None) == len(long)


@settings(deadline=None, max_examples=40)
@given(april=months(), limit=st.integers(1, 13))
def test_runs_by_their_distance(batch: Batch, april: April, limit: int) -> None:
    runs = [one for one in april.workouts if one.kind == "Running"]
    with recorded(april, batch) as metrics:
        text = f"how many runs of at least {limit} km in April"
        if not runs:
            assert metrics.ask(text, today=TODAY) is None  # no such workouts are known
            return
        assert first(metrics, text) == sum(one.km >= limit for one in runs)
        assert first(metrics, f"how many runs under {limit} km in April") == sum(0 < one.km < limit for one in runs)
        assert "distance is not known" in asked(metrics, text).text


@settings(deadline=None, max_examples=60)
@given(april=months(), limit=st.integers(100, 18_000), hours=st.integers(2, 9))
def test_shares_lists_and_streaks_of_days(batch: Batch, april: April, limit: int, hours: int) -> None:
    good = sorted(day for day, count in april.steps.items() if count > limit)
    short = [day for day, minutes in april.asleep.items() if minutes < hours * 60]
    with recorded(april, batch) as metrics:
        assert first(metrics, f"on how many days did I walk more than {limit} steps in April") == len(good)
        share = first(metrics, f"what percentage of days in April did I walk more than {limit} steps")
        assert share == pytest.approx(100 * len(good) / len(april.steps), abs=1e-3)
        near = [day for day, count in april.steps.items() if limit <= count <= limit + 2000]
        text = f"how many days in April did I walk between {limit:,} and {limit + 2000:,} steps"
        assert first(metrics, text) == len(near)
        nights = asked(metrics, f"what fraction of my nights was I under {hours} hours in April")
        assert nights.values[0].value == pytest.approx(100 * len(short) / len(april.asleep), abs=1e-3)
        assert [(value.value, value.unit) for value in nights.values[1:]] == [
            (len(short), "nights"), (len(april.asleep), "nights"),
        ]  # fmt: skip
        listed = asked(metrics, f"on which days in April did I walk more than {limit} steps").values
        assert (listed[0].value, listed[0].unit) == (len(good), "days")
        assert [(value.start, value.value) for value in listed[1:]] == [
            (date(2026, 4, day), april.steps[day]) for day in good
        ]
        runs = [n for n in range(31) for start in good if set(range(start, start + n)) <= set(good)]
        assert first(metrics, f"longest streak of days over {limit} steps in April") == max(runs, default=0)
        best = asked(metrics, "which day had the most steps in April").values[0]
        assert best.value == max(april.steps.values())
        assert best.start is not None
        assert april.steps[best.start.day] == best.value
        worked = {one.day for one in april.workouts}
        assert first(metrics, "what fraction of days in April did I work out") == pytest.approx(
            100 * len(worked) / 30, abs=1e-3
        )


@settings(deadline=None, max_examples=60)
@given(april=months())
def test_heart_rates_during_workouts(batch: Batch, april: April) -> None:
    with recorded(april, batch) as metrics:
        for words, kinds in (("workouts", KINDS), ("runs", ("Running",))):
            if words == "runs" and not any(one.kind == "Running" for one in april.workouts):
                continue
            beats = april.during(kinds)
            found = asked(metrics, f"my highest heart rate during {words} in April")
            assert found.found == bool(beats)
            if not beats:
                continue
            top = max(beat[2] for beat in beats)
            assert (found.values[0].value, found.values[0].unit) == (top, "bpm")
            assert found.values[0].start in {date(2026, 4, beat[0]) for beat in beats if beat[2] == top}
            assert first(metrics, f"lowest heart rate during {words} in April") == min(beat[2] for beat in beats)
            # A day is the mean of its hourly means; exact copies of a sample count once.
            hours: dict[int, dict[int, list[int]]] = {}
            for day, minute, rate in set(beats):
                hours.setdefault(day, {}).setdefault(minute // 60, []).append(rate)
            mean = fmean(fmean(fmean(rates) for rates in some.values()) for some in hours.values())
            assert first(metrics, f"average heart rate during {words} in April") == pytest.approx(mean, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(april=months(), limit=st.integers(100, 18_000), hours=st.integers(2, 9))
def test_days_on_which_something_holds(batch: Batch, april: April, limit: int, hours: int) -> None:
    worked = {one.day for one in april.workouts}
    long_nights = {day for day, minutes in april.asleep.items() if minutes > hours * 60}
    recording = range(min(worked), max(worked) + 1)
    cases = {
        "average steps on days I worked out in April": [n for day, n in april.steps.items() if day in worked],
        "average steps on rest days in April": [
            n for day, n in april.steps.items() if day in recording and day not in worked
        ],
        f"average steps on days with more than {hours} hours of sleep in April": [
            n for day, n in april.steps.items() if day in long_nights
        ],
        f"average steps on days I walked more than {limit} steps in April": [
            n for n in april.steps.values() if n > limit
        ],
    }
    with recorded(april, batch) as metrics:
        for text, values in cases.items():
            found = first(metrics, text)
            assert found == (pytest.approx(fmean(values), abs=1e-3) if values else None), text
        both = [day for day in worked if april.steps.get(day, 0) > limit]
        if worked & set(april.steps):
            text = f"how many days in April did I walk more than {limit} steps on days I worked out"
            assert first(metrics, text) == len(both)


APRIL = April(
    workouts=(
        Workout(day=2, kind="Running", minutes=50, km=10.0),
        Workout(day=2, kind="Yoga", minutes=20, km=0.0),
        Workout(day=9, kind="Running", minutes=30, km=5.0),
    ),
    steps={2: 9000, 3: 12_000, 9: 4000},
    asleep={2: 400, 3: 500, 9: 430},
    beats=((2, 545, 150), (2, 700, 170), (9, 560, 160), (9, 569, 140), (9, 571, 175)),
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("how many workouts longer than half an hour in April",
         "Workouts longer than 30 minutes: 1 (50 min in total), 1–30 Apr 2026."),
        ("what fraction of my nights was I under 7 hours in April",
         "Time asleep under 7 hours: 33.3 % (1 of 3 nights), 1–30 Apr 2026."),
        ("what share of my runs in April were over 6 km", "Running workouts over 6 km: 50.0 % (1 of 2 workouts), 1–30 Apr 2026."),
        ("what fraction of days in April did I work out", "Days with workouts: 6.7 % (2 of 30 days), 1–30 Apr 2026."),
        ("my highest heart rate during runs in April", "Highest heart rate during running workouts: 160 bpm, on Thu 9 Apr 2026."),
        ("average steps on days I ran in April", "Steps on days I ran: 6,500 a day on average, 1–30 Apr 2026."),
        ("how many days in April did I walk more than 5,000 steps on days I ran",
         "Steps more than 5,000: 1 of 2 days, on days I ran, 1–30 Apr 2026."),
        ("which days in April had more than 8,000 steps", "Steps more than 8,000, 1–30 Apr 2026 (2 of 3 days):"),
        ("more workouts over 25 minutes in April than in March",
         "Workouts over 25 minutes: 2 (1 h 20 min in total), 1–30 Apr 2026; no data for 1–31 Mar 2026, so the two cannot be compared."),
        ("which days in April had more than 18,000 steps", "Steps more than 18,000, 1–30 Apr 2026 (0 of 3 days)."),
        ("which day had the most steps in April", "Highest steps in a day: 12,000, on Fri 3 Apr 2026."),
    ],
)  # fmt: skip
def test_the_words(batch: Batch, text: str, line: str) -> None:
    with recorded(APRIL, batch) as metrics:
        assert asked(metrics, text).text.partition("\n")[0] == line


def test_what_is_read_stands_in_the_answer(batch: Batch) -> None:
    with recorded(APRIL, batch) as metrics:
        read_as = asked(metrics, "how many workouts longer than 25 minutes in April").read_as
        assert read_as["only"] == {"op": ">", "value": 25.0, "unit": "min"}
        read_as = asked(metrics, "average heart rate during runs in April").read_as
        assert read_as["during"] == "Workout/Running"
        read_as = asked(metrics, "average steps on days without a run in April").read_as
        assert read_as["on_days"] == {"measure": "Workout/Running", "threshold": None, "absent": True}


def test_the_ground_of_what_was_let_in(batch: Batch) -> None:
    with recorded(APRIL, batch) as metrics:
        ground = metrics.explain("how many workouts longer than 25 minutes in April", today=TODAY)
        assert ground is not None
        assert [(day.day.day, day.n) for day in ground.days] == [(2, 1), (9, 1)]
        reasons = {(row.source, row.value): row.left_out for row in ground.rows}
        assert reasons["Watch", 50.0] == reasons["Watch", 30.0] == ""
        assert reasons["Watch", 20.0] == "a workout that does not pass the limit"
        assert "copy" in reasons["Copying App", 45.0]
        ground = metrics.explain("highest heart rate during runs in April", today=TODAY)
        assert ground is not None
        assert sorted(row.value for row in ground.rows if row.unit == "count/min") == [140.0, 150.0, 160.0]
        assert {row.value for row in ground.rows if row.measure == WORKOUT} == {50.0, 30.0, 45.0, 27.0}
        ground = metrics.explain("average steps on days I ran in April", today=TODAY)
        assert ground is not None
        assert [day.value for day in ground.days if day.measure.endswith("StepCount")] == [9000, 4000]
        assert sorted(row.value for row in ground.rows if row.measure.endswith("StepCount")) == [4000, 9000]
        drawn = metrics.picture("heart rate during runs in April", today=TODAY)
        assert drawn is not None
        assert drawn.lines[0].name == "Heart rate during running workouts"


@pytest.mark.parametrize(("order", "minutes"), [({}, 80), ({"*": ["Copying App", "Watch"]}, 72)])
def test_a_picture_shows_what_the_answer_counts(order: dict[str, list[str]], minutes: int, batch: Batch) -> None:
    text = "how long did I work out in workouts longer than 25 minutes in April"
    with recorded(APRIL, batch) as metrics:
        ordered = Metrics(metrics._samples, zone=UTC, priority=priorities(order))
        ordered.rebuild()
        assert asked(ordered, text).values[0].value == minutes
        drawn = ordered.picture(text, today=TODAY)
        assert drawn is not None
        assert sum(value for value in drawn.lines[0].values if value == value) == minutes


@pytest.mark.parametrize(
    "text",
    [
        "average sleep on days I ran in April",
        "steps during workouts in April",
        "how many workouts over 500 in April",
        "what share of my workouts were runs",
        "steps on days I met Anna",
    ],
)
def test_what_cannot_be_read_is_not_misread(batch: Batch, text: str) -> None:
    """No number: at best the nearest questions that can be answered, whatever a model would fill in."""
    obliging = Scripted(
        '{"statistic": "mean", "measure": "steps", "second": "", "when": "", "against": "", "limit": ""}'
    )
    with recorded(APRIL, batch) as metrics:
        assert metrics.ask(text, today=TODAY) is None
        assert isinstance(metrics.fill(text, obliging, today=TODAY), Unread | None)
