"""The merge of competing sources against hand-made days and a slow raster of seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.metrics.catalogue import HEART_RATE, Measure, catalogue
from agent.metrics.rollup.merge import Rows, by_day, by_union, folded, rank_of, usable
from agent.metrics.rollup.sweep import by_interval
from agent.vocabulary import DayRollup, Series

STEPS = catalogue()["HKQuantityTypeIdentifierStepCount"]
DAY = 86_400
NAMES = ("Pocket phone", "Wrist watch", "Ring", "Other watch")
DEVICES = ("iPhone", "Apple Watch", "", "Apple Watch")

Sample = tuple[int, int, int, float, int]  # start and end in seconds, minutes east, value, source


def rows_of(samples: Sequence[Sample], measure: Measure = STEPS, unit: str = "count") -> Rows:
    parts = []
    for source in sorted({sample[4] for sample in samples}):
        mine = [sample for sample in samples if sample[4] == source]
        parts.append(
            Series(
                measure=measure.id,
                unit=unit,
                source=NAMES[source],
                device=DEVICES[source],
                start=np.array([s[0] * 1000 for s in mine], np.int64),
                end=np.array([s[1] * 1000 for s in mine], np.int64),
                offset=np.array([s[2] for s in mine], np.int16),
                value=np.array([s[3] for s in mine], np.float64),
            )
        )
    return usable(parts, measure)


def raster(samples: Sequence[Sample]) -> dict[date, tuple[float, float]]:
    """The same rule second by second: for each second the best source that covers it gives value / length.

    Good for samples of one zone only. Returns (merged, raw) for each local day.
    """
    samples = list(dict.fromkeys(samples))
    rank = {0: 1, 1: 0, 2: 2, 3: 0}
    zone = samples[0][2] * 60
    covering: dict[int, dict[int, float]] = {}
    for start, end, _, value, source in samples:
        for second in range(start, end):
            rates = covering.setdefault(second, {})
            rates[source] = rates.get(source, 0.0) + value / (end - start)
    held: dict[tuple[int, int], int] = {}
    for second, rates in covering.items():
        for source in rates:
            key = ((second + zone) // DAY, source)
            held[key] = held.get(key, 0) + 1

    def order(day: int, source: int) -> tuple[int, int, str]:
        return rank[source], -held.get((day, source), 0), NAMES[source]

    out: dict[int, tuple[float, float]] = {}
    for second, rates in covering.items():
        day = (second + zone) // DAY
        best = min(rates, key=lambda source: order(day, source))
        merged, raw = out.get(day, (0.0, 0.0))
        out[day] = (merged + rates[best], raw + sum(rates.values()))
    for start, end, _, value, source in samples:
        if start != end:
            continue
        day = (start + zone) // DAY
        beaten = any(order(day, other) < order(day, source) for other in covering.get(start, {}))
        merged, raw = out.get(day, (0.0, 0.0))
        out[day] = (merged + (0.0 if beaten else value), raw + value)
    return {date.fromordinal(day + date(1970, 1, 1).toordinal()): pair for day, pair in out.items()}


def totals(rollups: Sequence[DayRollup]) -> dict[date, float]:
    return {row.day: round(row.total, 6) for row in rollups}


def test_watch_beats_phone_and_phone_fills_gaps() -> None:
    # The watch covers 10:00-10:10 with 100 steps; the phone 10:05-10:15 with 80, half of it uncovered by the watch.
    merged = by_interval(rows_of([(36_000, 36_600, 0, 100.0, 1), (36_300, 36_900, 0, 80.0, 0)]), STEPS)
    assert [(round(row.total, 6), round(row.raw, 6), row.n, row.sources) for row in merged] == [
        (140.0, 180.0, 2, ("Pocket phone", "Wrist watch"))
    ]


def test_zero_of_the_better_source_wins() -> None:
    merged = by_interval(rows_of([(0, 600, 0, 0.0, 1), (0, 600, 0, 50.0, 0)]), STEPS)
    assert [(row.total, round(row.raw, 6)) for row in merged] == [(0.0, 50.0)]


def test_a_sample_over_midnight_is_shared_by_both_days() -> None:
    # 23:50 to 00:20 at UTC+2: a third belongs to the first day.
    start = DAY - 600 - 7200
    merged = by_interval(rows_of([(start, start + 1800, 120, 90.0, 1)]), STEPS)
    assert totals(merged) == {date(1970, 1, 1): 30.0, date(1970, 1, 2): 60.0}


def test_days_of_23_and_25_hours_keep_their_own_samples() -> None:
    # Berlin, 29 March 2026 has 23 hours: a sample in its last one and one in the last of the day before.
    last = 1_774_735_200  # 2026-03-28T22:00:00Z, 23:00 local
    merged = by_interval(
        rows_of([(last, last + 3000, 60, 10.0, 1), (last + 82_800, last + 85_800, 120, 20.0, 1)]), STEPS
    )
    assert totals(merged) == {date(2026, 3, 28): 10.0, date(2026, 3, 29): 20.0}


def test_exact_duplicates_count_once() -> None:
    one = (0, 600, 0, 50.0, 1)
    assert by_interval(rows_of([one, one, one]), STEPS)[0].total == pytest.approx(50.0)


def test_unknown_units_nan_and_implausible_values_stay_out() -> None:
    assert not len(rows_of([(0, 600, 0, 50.0, 1)], unit="furlong").start)
    kept = rows_of(
        [
            (0, 600, 0, math.nan, 1),
            (0, 600, 0, -5.0, 1),
            (0, 600, 0, 1e9, 1),
            (0, 60 * DAY, 0, 5.0, 1),
            (10**13, 10**13 + 5, 0, 5.0, 1),
        ]
    )
    assert not len(kept.start)
    assert by_interval(kept, STEPS) == []


PLACES = st.integers(min_value=0, max_value=3 * 3600)
SAMPLES = st.lists(
    st.tuples(
        PLACES,
        st.integers(min_value=0, max_value=2400),
        st.integers(min_value=0, max_value=500),
        st.integers(min_value=0, max_value=3),
    ).map(lambda s: (DAY - 5400 + s[0], DAY - 5400 + s[0] + s[1], 0, float(s[2]), s[3])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_interval_merge_equals_the_raster(samples: list[Sample]) -> None:
    expected = raster(samples)
    merged = {row.day: (row.total, row.raw) for row in by_interval(rows_of(samples), STEPS)}
    for day, (total, raw) in expected.items():
        got = merged.get(day, (0.0, 0.0))
        assert got == pytest.approx((total, raw), abs=1e-6)
    assert set(merged) <= set(expected)


@settings(deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_of_input_is_irrelevant_and_merging_never_adds(samples: list[Sample], random: object) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it as object
    once = [(row.day, round(row.total, 6), row.sources) for row in by_interval(rows_of(samples), STEPS)]
    assert once == [(row.day, round(row.total, 6), row.sources) for row in by_interval(rows_of(shuffled), STEPS)]
    assert all(row.total <= row.raw + 1e-6 for row in by_interval(rows_of(samples), STEPS))


@settings(deadline=None)
@given(SAMPLES)
def test_one_source_is_its_plain_sum(samples: list[Sample]) -> None:
    mine = list(dict.fromkeys((start, end, zone, value, 1) for start, end, zone, value, _ in samples))
    total = sum(row.total for row in by_interval(rows_of(mine), STEPS))
    assert total == pytest.approx(sum(sample[3] for sample in mine), abs=1e-6)


def test_heart_rate_is_the_mean_of_hourly_means() -> None:
    rate = catalogue()[HEART_RATE]
    resting = [(hour * 3600, hour * 3600, 0, 60.0, 1) for hour in range(3)]
    training = [(3 * 3600 + second, 3 * 3600 + second, 0, 160.0, 1) for second in range(600)]
    (row,) = by_day(rows_of([*resting, *training], rate, "count/min"), rate)
    assert (row.mean, row.low, row.high, row.n) == pytest.approx(((3 * 60 + 160) / 4, 60.0, 160.0, 603))


def test_resting_heart_rate_of_a_day_is_the_last_that_was_written() -> None:
    resting = catalogue()["HKQuantityTypeIdentifierRestingHeartRate"]
    (row,) = by_day(rows_of([(0, 0, 0, 58.0, 1), (0, 0, 0, 55.0, 1)], resting, "count/min"), resting)
    assert row.mean == 55.0


def test_sound_is_averaged_by_energy() -> None:
    sound = catalogue()["HKQuantityTypeIdentifierEnvironmentalAudioExposure"]
    (row,) = by_day(rows_of([(0, 1800, 0, 60.0, 1), (1800, 3600, 0, 80.0, 1)], sound, "dBASPL"), sound)
    assert row.mean == pytest.approx(10 * math.log10((1e6 + 1e8) / 2))


def test_units_that_change_inside_a_measure_are_converted() -> None:
    weight = catalogue()["HKQuantityTypeIdentifierBodyMass"]
    kilos = Series(
        measure=weight.id, unit="lb", source="Scale", device="", start=np.zeros(1, np.int64),
        end=np.zeros(1, np.int64), offset=np.zeros(1, np.int16), value=np.array([154.3235835]),
    )  # fmt: skip
    (row,) = by_day(usable([kilos], weight), weight)
    assert row.last == pytest.approx(70.0)


def test_union_counts_shared_minutes_once() -> None:
    mindful = catalogue()["HKCategoryTypeIdentifierMindfulSession"]
    (row,) = by_union(rows_of([(0, 600, 0, 1.0, 0), (300, 900, 0, 1.0, 1), (3600, 3660, 0, 1.0, 0)], mindful), mindful)
    assert (row.total, row.raw, row.n) == (16.0, 21.0, 2)


def test_workouts_of_two_apps_are_folded() -> None:
    kept = folded(rows_of([(0, 3600, 0, 60.0, 1), (100, 3500, 0, 57.0, 2), (7200, 9000, 0, 30.0, 2)]))
    assert sorted(kept.value.tolist()) == [30.0, 60.0]


@pytest.mark.parametrize(
    ("source", "device", "rank"),
    [
        ("Alex\u2019s Apple\u00a0Watch", "", 0),
        ("Zippy", "name:Apple Watch, model:Watch", 0),
        ("Alex's iPhone", "", 1),
        ("Watch It", "name:iPhone", 1),
        ("Scale", "", 2),
    ],
)
def test_class_of_a_source(source: str, device: str, rank: int) -> None:
    assert rank_of(source, device) == rank
