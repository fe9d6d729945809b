"""Statistics against slow definitions of themselves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.metrics.statistics import (
    circular_mean,
    clock_distance,
    energetic_mean,
    link,
    longest_run,
    mann_kendall,
    ranks,
    theil_sen,
    trend,
)  # fmt: skip

LISTS = st.lists(st.integers(min_value=-50, max_value=50).map(float), min_size=5, max_size=25)


@settings(deadline=None)
@given(LISTS)
def test_theil_sen_is_the_median_of_pairwise_slopes(values: list[float]) -> None:
    x = np.arange(len(values), dtype=np.float64)
    slopes = [(values[j] - values[i]) / (j - i) for i, j in itertools.combinations(range(len(values)), 2)]
    slope, low, high = theil_sen(x, np.array(values))
    assert slope == pytest.approx(float(np.median(slopes)))
    assert min(slopes) <= low <= slope <= high <= max(slopes)


@settings(deadline=None)
@given(LISTS)
def test_mann_kendall_by_counting(values: list[float]) -> None:
    pairs = list(itertools.combinations(values, 2))
    score = sum((b > a) - (b < a) for a, b in pairs)
    n = len(values)
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (values.count(v) for v in set(values)))
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    z = max(0, abs(score) - 1) / math.sqrt(variance) if variance else 0.0
    assert mann_kendall(np.array(values)) == pytest.approx(math.erfc(z / math.sqrt(2)))


@settings(deadline=None)
@given(LISTS)
def test_ranks_by_counting(values: list[float]) -> None:
    expected = [sum(v < w for v in values) + (values.count(w) + 1) / 2 for w in values]
    assert ranks(np.array(values)).tolist() == expected


def test_interval_of_noise_covers_zero_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(40, dtype=np.float64)
    covered = [low <= 0 <= high for _, low, high in (theil_sen(x, rng.normal(size=40)) for _ in range(200))]
    assert 0.90 <= sum(covered) / 200 <= 0.99


def test_a_planted_trend_is_clear_and_noise_is_not() -> None:
    rng = np.random.default_rng(5)
    days = np.arange(700_000, 700_120)
    rising = trend(days, 60 + 0.05 * np.arange(120) + rng.normal(size=120))
    assert rising is not None
    assert rising.clear
    assert rising.slope == pytest.approx(0.35, abs=0.1)
    assert rising.p < 0.001
    flat = trend(days, 60 + rng.normal(size=120))
    assert flat is not None
    assert not flat.clear


def test_long_ranges_use_weekly_medians_and_agree() -> None:
    rng = np.random.default_rng(6)
    days = np.arange(700_000, 701_000)
    found = trend(days, 60 - 0.01 * np.arange(1000) + rng.normal(size=1000))
    assert found is not None
    assert found.slope == pytest.approx(-0.07, abs=0.01)


def test_too_few_days_are_said_so() -> None:
    found = trend(np.arange(700_000, 700_020), np.arange(20.0))
    assert found is not None
    assert (found.enough, found.clear, found.first, found.last) == (False, False, 4.5, 14.5)
    assert trend(np.empty(0, np.int64), np.empty(0)) is None


def test_a_trend_of_bedtimes_crosses_midnight_without_a_jump() -> None:
    found = trend(np.arange(700_000, 700_060), (23.5 * 60 + np.arange(60.0)) % 1440, clock=True)
    assert found is not None
    assert found.slope == pytest.approx(7.0)


def test_spearman() -> None:
    x = np.arange(30.0)
    assert link(x, x**3).rho == pytest.approx(1.0)
    assert link(x, -x).rho == pytest.approx(-1.0)
    assert link(x, -x).clear
    assert link(x, np.ones(30)).rho == 0.0
    few = link(x[:3], x[:3])
    assert (few.low, few.high, few.clear) == (-1.0, 1.0, False)


@settings(deadline=None)
@given(st.integers(0, 1439), st.lists(st.integers(-300, 300), min_size=1, max_size=9))
def test_circular_mean_is_the_mean_around_any_clock_time(middle: int, offsets: list[int]) -> None:
    symmetric = np.array([middle + sign * offset for offset in offsets for sign in (1, -1)], np.float64) % 1440
    assert abs(clock_distance(np.array([circular_mean(symmetric)]), middle)[0]) < 1e-6


def test_sound_levels_add_as_energy() -> None:
    assert energetic_mean(np.array([60.0, 80.0])) == pytest.approx(10 * math.log10((1e6 + 1e8) / 2))


@settings(deadline=None)
@given(st.sets(st.integers(1, 60), max_size=40))
def test_longest_run_by_search(days: set[int]) -> None:
    first, length = longest_run(np.array(sorted(days), np.int64))
    best = max((sum(1 for _ in itertools.takewhile(days.__contains__, itertools.count(d))) for d in days), default=0)
    assert length == best
    assert all(first + i in days for i in range(length))
