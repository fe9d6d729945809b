"""Every family of questions over a planted export, each number worked out again from the truth in plain Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, median
from zoneinfo import ZoneInfo

import apsw
import pytest

from agent.demo.health_zip import Day, Layout, Wearer, days, write_export
from agent.metrics.engine import MetricAnswer, Metrics
from agent.metrics.phrase import grounds
from agent.store.samples import SAMPLES_SCHEMA, Samples
from indexers.health.apple import AppleHealth
from indexers.record import SampleBatch

FIRST, LAST = date(2025, 12, 1), date(2026, 5, 10)  # over the change to summer time and the end of a year
TODAY = LAST + timedelta(days=1)  # a Monday
TRUTH = list(days(seed=23, first=FIRST, last=LAST))
NIGHTS = TRUTH
Number = float | None


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    wearer = Wearer()
    path = tmp_path_factory.mktemp("planted") / "export.zip"
    write_export(path, wearer=wearer, seed=23, first=FIRST, last=LAST, layout=Layout(heart_rates=6, papers=False))
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL); INSERT INTO item VALUES(1, 1)")
    db.execute(SAMPLES_SCHEMA)
    samples = Samples(db)
    source = AppleHealth(name="health", path=path, options={})
    for found in source.scan():
        for record in source.read(found):  # type: ignore[arg-type]  # a whole export has no Skipped in its scan
            if isinstance(record, SampleBatch):
                samples.add(1, record)
    metrics = Metrics(samples, zone=ZoneInfo(wearer.zone))
    metrics.refresh()
    yield metrics
    db.close()


def asked(metrics: Metrics, text: str) -> MetricAnswer:
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None, text
    return answer


def of(year: int, month: int, among: Sequence[Day] = TRUTH) -> list[Day]:
    return [day for day in among if (day.day.year, day.day.month) == (year, month)]


def between(first: date, last: date, among: Sequence[Day] = TRUTH) -> list[Day]:
    return [day for day in among if first <= day.day <= last]


def longest(passing: Sequence[bool]) -> int:
    best = run = 0
    for good in passing:
        run = run + 1 if good else 0
        best = max(best, run)
    return best


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    return ordered[low] + (at - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def ranked(values: Sequence[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    a, b = ranked(x), ranked(y)
    top = sum((p - fmean(a)) * (q - fmean(b)) for p, q in zip(a, b, strict=True))
    return top / math.sqrt(sum((p - fmean(a)) ** 2 for p in a) * sum((q - fmean(b)) ** 2 for q in b))


def steps(found: Sequence[Day]) -> list[int]:
    return [day.steps for day in found]


WEEK = between(date(2026, 5, 4), date(2026, 5, 10))
WEIGHED = [day for day in TRUTH if day.weight]
RUNS = [day for day in TRUTH if day.run]
BEST = max(TRUTH, key=lambda day: day.steps)
WORST = min(of(2026, 3), key=lambda day: day.steps)
MONTHS = [(2025, 12), (2026, 1), (2026, 2), (2026, 3), (2026, 4)]

CASES: list[tuple[str, Number]] = [
    ("how many steps did I take yesterday", TRUTH[-1].steps),
    ("how many steps did I take on 29 March 2026", next(d.steps for d in TRUTH if d.day == date(2026, 3, 29))),
    ("how many steps last week", sum(steps(WEEK))),
    ("how many steps in the last 30 days", sum(steps(TRUTH[-30:]))),
    ("steps in April", sum(steps(of(2026, 4)))),
    ("total steps in 2025", sum(steps(of(2025, 12)))),
    ("steps from 3 March to 9 March", sum(steps(between(date(2026, 3, 3), date(2026, 3, 9))))),
    ("steps between 28 December and 4 January", sum(steps(between(date(2025, 12, 28), date(2026, 1, 4))))),
    ("steps before 5 December 2025", sum(steps(between(FIRST, date(2025, 12, 4))))),
    ("how many steps since Monday", sum(steps(WEEK))),
    ("average steps per day in April", fmean(steps(of(2026, 4)))),
    ("how many steps do I take on a typical day", fmean(steps(TRUTH))),
    ("average steps on Mondays in March", fmean(d.steps for d in of(2026, 3) if d.day.weekday() == 0)),
    ("average steps on weekends in March", fmean(d.steps for d in of(2026, 3) if d.day.weekday() > 4)),
    ("what's my step record", BEST.steps),
    ("fewest steps in March", WORST.steps),
    ("median steps in March", median(steps(of(2026, 3)))),
    ("90th percentile of my steps in March", percentile(steps(of(2026, 3)), 0.9)),
    ("how many days did I walk more than 10,000 steps in March", sum(d.steps > 10_000 for d in of(2026, 3))),
    ("how many days below 5k steps in March", sum(d.steps < 5000 for d in of(2026, 3))),
    ("how many days did I reach 8000 steps this year", sum(d.steps >= 8000 for d in TRUTH if d.day.year == 2026)),
    ("on how many weekends did I walk more than 9000 steps in March", None),
    ("longest streak over 6000 steps", longest([d.steps > 6000 for d in TRUTH])),
    ("how many days in a row did I walk 5000 steps in March", longest([d.steps >= 5000 for d in of(2026, 3)])),
    ("average resting heart rate in February", fmean(d.resting for d in of(2026, 2))),
    ("lowest resting heart rate in February", min(d.resting for d in of(2026, 2))),
    ("what's my resting heart rate", TRUTH[-1].resting),
    ("how many days was my resting heart rate above 60 in April", sum(d.resting > 60 for d in of(2026, 4))),
    ("average HRV in April", fmean(d.hrv for d in of(2026, 4))),
    ("what's my weight", WEIGHED[-1].weight),
    ("average weight in March", fmean(d.weight or 0 for d in WEIGHED if d.day.month == 3)),
    ("average weight in pounds in March", fmean(d.weight or 0 for d in WEIGHED if d.day.month == 3) / 0.45359237),
    ("highest weight ever", max(d.weight or 0 for d in WEIGHED)),
    ("how long did I sleep last night", None),
    ("how long did I sleep on 1 March", next(d.asleep for d in NIGHTS if d.day == date(2026, 3, 1))),
    ("how long did I sleep on the night of 28 February", next(d.asleep for d in NIGHTS if d.day == date(2026, 3, 1))),
    ("average sleep in March", fmean(d.asleep for d in of(2026, 3, NIGHTS))),
    ("how many hours do I sleep on average", fmean(d.asleep for d in NIGHTS) / 60),
    ("how many nights did I sleep less than 7 hours in March", sum(d.asleep < 420 for d in of(2026, 3, NIGHTS))),
    ("longest streak of nights with at least 6.5 hours of sleep", longest([d.asleep >= 390 for d in NIGHTS])),
    ("how many runs in March", sum(bool(d.run) for d in of(2026, 3))),
    ("how often did I run in 2026", sum(bool(d.run) for d in TRUTH if d.day.year == 2026)),
    ("how far did I run in March", sum(d.run for d in of(2026, 3))),
    ("how many miles did I run in March", sum(d.run for d in of(2026, 3)) / 1.609344),
    ("how far was my longest run", max(d.run for d in RUNS)),
    ("how many km per week did I run in March", sum(d.run for d in of(2026, 3)) / 31 * 7),
    ("how many runs per week did I do in March", sum(bool(d.run) for d in of(2026, 3)) / 31 * 7),
    ("how many days did I not run in March", sum(not d.run for d in of(2026, 3))),
    ("how many days did I run in March", sum(bool(d.run) for d in of(2026, 3))),
    ("which month did I walk the most", max(sum(steps(of(*m))) for m in MONTHS)),
    ("in which month did I walk the least", min(sum(steps(of(*m))) for m in MONTHS)),
    ("which weekday do I walk the most", max(fmean(d.steps for d in TRUTH if d.day.weekday() == n) for n in range(7))),
    ("which month did I run the furthest", max(sum(d.run for d in of(*m)) for m in MONTHS)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_the_number_is_that_of_brute_force(metrics: Metrics, text: str, expected: Number) -> None:
    answer = metrics.ask(text, today=TODAY)
    if expected is None:
        assert answer is None or (not answer.found and answer.values == ())
        return
    assert answer is not None
    assert answer.values[0].value == pytest.approx(expected, abs=6e-3)
    assert "read as: " in answer.text
    assert answer.sources


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("did I walk more in April than in March", of(2026, 4), of(2026, 3)),
        ("compare my steps last week with the week before last", WEEK, between(date(2026, 4, 27), date(2026, 5, 3))),
        ("compare steps between February and March", of(2026, 2), of(2026, 3)),
        ("did I walk more than usual last week", WEEK, between(date(2026, 2, 3), date(2026, 5, 3))),
        ("am I walking more than last month", of(2026, 5), of(2026, 4)),
    ],
)
def test_comparisons(metrics: Metrics, text: str, left: list[Day], right: list[Day]) -> None:
    values = [value.value for value in asked(metrics, text).values]
    sums = [sum(steps(left)), sum(steps(right))]
    assert values[:2] == pytest.approx(sums)
    # Ranges of unequal length are set side by side by their daily means.
    gap = sums[0] - sums[1] if len(left) == len(right) else fmean(steps(left)) - fmean(steps(right))
    assert values[2] == pytest.approx(gap, abs=1e-3)


def test_weekends_against_the_other_days(metrics: Metrics) -> None:
    values = asked(metrics, "do I walk more on weekends").values
    means = [fmean(d.steps for d in TRUTH if (d.day.weekday() > 4) is weekend) for weekend in (True, False)]
    assert [value.value for value in values] == pytest.approx([*means, means[0] - means[1]], abs=1e-3)
    values = asked(metrics, "did I sleep better on weekends").values
    asleep = [fmean(d.asleep for d in NIGHTS if (d.day.weekday() > 4) is weekend) for weekend in (True, False)]
    assert [value.value for value in values[:2]] == pytest.approx(asleep, abs=1e-3)
    assert [value.unit for value in values[2:4]] == ["%", "%"]


@pytest.mark.parametrize("lag", [0, 1, -1, 2])
def test_correlations_with_lag(metrics: Metrics, lag: int) -> None:
    later = {0: "", 1: " the next day", -1: " the day before", 2: " two days later"}[lag]
    answer = asked(metrics, f"correlation between my steps and my resting heart rate{later}")
    resting = {day.day: day.resting for day in TRUTH}
    pairs = [(d.steps, resting[other]) for d in TRUTH if (other := d.day + timedelta(days=lag)) in resting]
    rho = {value.name: value.value for value in answer.values}["Spearman's rho"]
    assert rho == pytest.approx(spearman(*zip(*pairs, strict=True)), abs=1e-4)
    assert "causes" in answer.text or "no clear link" in answer.text


def test_groups_add_up(metrics: Metrics) -> None:
    by: dict[str, Callable[[Day], str]] = {
        "month": lambda d: f"{d.day:%Y-%m}",
        "week": lambda d: f"week of {(d.day - timedelta(days=d.day.weekday())).isoformat()}",
        "year": lambda d: str(d.day.year),
    }
    for group, label in by.items():
        expected: dict[str, int] = {}
        for day in TRUTH:
            expected[label(day)] = expected.get(label(day), 0) + day.steps
        answer = asked(metrics, f"steps by {group}")
        assert {v.name: v.value for v in answer.values[1:]} == pytest.approx(expected)
    answer = asked(metrics, "list my steps last week")
    assert [v.value for v in answer.values[1:]] == pytest.approx(steps(WEEK))
    means = {f"{n}": fmean(d.resting for d in TRUTH if d.day.weekday() == n) for n in range(7)}
    answer = asked(metrics, "resting heart rate by weekday")
    assert [v.value for v in answer.values[1:]] == pytest.approx(list(means.values()), abs=1e-3)


def test_groups_of_other_statistics(metrics: Metrics) -> None:
    for text, of_month in (
        ("median steps by month", lambda found: median(steps(found))),
        ("highest steps per month", lambda found: max(steps(found))),
        ("how many days over 10000 steps by month", lambda found: sum(day.steps > 10_000 for day in found)),
        ("average steps by month", lambda found: fmean(steps(found))),
    ):
        expected = {f"{year}-{month:02d}": of_month(of(year, month)) for year, month in [*MONTHS, (2026, 5)]}
        answer = asked(metrics, text)
        found = {value.name: value.value for value in answer.values if value.name in expected}
        assert found == pytest.approx(expected, abs=1e-3), text
    assert {value.unit for value in asked(metrics, "how many days over 10000 steps by month").values} == {"days"}


def test_measures_of_two_kinds_are_each_told_as_they_are(metrics: Metrics) -> None:
    answer = asked(metrics, "steps and weight last week")
    weights = [day.weight for day in WEEK if day.weight]
    assert answer.values[0].value == pytest.approx(sum(steps(WEEK)))
    assert answer.values[1].value == pytest.approx(fmean(weights), abs=1e-3)
    assert metrics.ask("total resting heart rate last week", today=TODAY) is None


def test_a_trend_by_brute_force(metrics: Metrics) -> None:
    answer = asked(metrics, "what did my resting heart rate do since March")
    found = between(date(2026, 3, 1), LAST)
    slopes = [(b.resting - a.resting) / (b.day - a.day).days for i, a in enumerate(found) for b in found[i + 1 :]]
    values = {value.name: value.value for value in answer.values}
    assert values["mean resting heart rate"] == pytest.approx(fmean(d.resting for d in found), abs=1e-3)
    assert values["change per week"] == pytest.approx(median(slopes) * 7, abs=1e-3)
    assert "No clear change" in answer.text or "A clear" in answer.text
    assert any(block in answer.text for block in "▁▂▃▄▅▆▇█")
    assert f"Based on {len(found)} of {len(found)} days with data." in answer.text


def test_when_a_limit_was_last_met(metrics: Metrics) -> None:
    last = next(d for d in reversed(TRUTH) if d.steps > 11_000)
    answer = asked(metrics, "when did I last walk more than 11000 steps")
    assert answer.values[0].value == pytest.approx(last.steps)
    assert answer.values[0].start == last.day


def test_yes_or_no(metrics: Metrics) -> None:
    words = {True: "Yes. Steps: ", False: "No. Steps: "}
    for limit in (1000, 20_000):
        answer = asked(metrics, f"did I walk {limit} steps yesterday")
        assert answer.text.startswith(f"{words[TRUTH[-1].steps >= limit]}{TRUTH[-1].steps:,}")
    asleep = NIGHTS[-1].asleep
    text = asked(metrics, "did I sleep more than 7 hours on 10 May").text
    assert text.startswith(
        f"{'Yes' if asleep > 420 else 'No'}. Time asleep: {asleep // 60} h {asleep % 60:02d} min (more than 7 hours)"
    )


QUESTIONS = [
    line.split("=>")[0].strip()
    for line in Path(__file__).with_name("question").joinpath("phrasings.txt").read_text("utf-8").splitlines()
    if "=>" in line and not line.endswith("=> -")
]


def test_every_answer_says_how_it_was_read_and_what_it_rests_on(metrics: Metrics) -> None:
    answered = 0
    for text in QUESTIONS:
        answer = metrics.ask(text, today=TODAY)
        if answer is None:  # about a measure that this wearer does not have
            continue
        lines = answer.text.splitlines()
        assert any(line.startswith("read as: ") for line in lines), text
        assert str(answer.read_as["line"]) in answer.text
        assert not re.search(r"\bnan\b|\binf\b|\bNone\b", answer.text), text
        assert answer.found == bool(answer.values)
        if not answer.found:
            assert lines[0].startswith("There is no data on "), text
            continue
        answered += 1
        assert any(re.match(r"(?:Based on|On) \d+ of \d+ ", line) for line in lines), text
        sources = any(re.match(r"Sources?: |Merged from ", line) for line in lines)
        assert sources or answer.values[0].value == 0, text  # no workouts at all in these days
        assert all(
            value.value is None or isinstance(value.value, (int, str)) or math.isfinite(value.value)
            for value in answer.values
        )
        assert all(value.unit for value in answer.values if value.name != "Spearman's rho"), text
        coverage = answer.read_as["coverage"]
        assert isinstance(coverage, list)
        assert all(0 <= side["days"] <= side["of"] for side in coverage), text
    assert answered > 200


def test_grounds_can_be_read(metrics: Metrics) -> None:
    found = metrics.explain("how many steps did I take yesterday", today=TODAY)
    assert found is not None
    lines = list(grounds(found))
    assert lines[0] == "How it was counted:"
    assert any("said" in line and "counted" in line for line in lines)
    assert sum(line.startswith(f"  {LAST.isoformat()}") for line in lines) == len(found.rows) > 1
    assert sum(share.counted for share in found.days[0].shares) == pytest.approx(TRUTH[-1].steps)
