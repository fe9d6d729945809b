"""Nights by hand: one source, unions, wake dates, naps apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest

from agent.metrics.catalogue import (
    ASLEEP,
    AWAKE,
    BEDTIME,
    CORE,
    DEEP,
    EFFICIENCY,
    IN_BED,
    NAP,
    REM,
    SLEEP,
    WAKE_TIME,
    catalogue,
)  # fmt: skip
from agent.metrics.rollup import refresh
from agent.metrics.rollup.sleep import union
from agent.store.samples import Samples
from indexers.record import SampleBatch

Night = Sequence[tuple[str, str, str]]
Batch = Callable[..., SampleBatch]
STAGE = "HKCategoryValueSleepAnalysis"


@pytest.fixture
def slept(samples: Samples, batch: Batch) -> Callable[..., dict[str, dict[date, float]]]:
    """Store sleep of several sources; gives value by measure and wake date."""

    def run(**sources: Night) -> dict[str, dict[date, float]]:
        for source, night in sources.items():
            rows = [(start, end, 1.0, STAGE + state) for start, end, state in night]
            samples.add(1, batch(SLEEP, rows, unit="", source=source, device=source))
        refresh(samples)
        names = [name for name in samples.rolled() if name in {measure.id for measure in catalogue()}]
        return {name: {row.day: row.total for row in samples.days(name, None, None)} for name in names}

    return run


WATCH: Night = [
    ("2026-03-14T23:00+01:00", "2026-03-15T01:00+01:00", "AsleepCore"),
    ("2026-03-15T01:00+01:00", "2026-03-15T02:00+01:00", "AsleepDeep"),
    ("2026-03-15T02:00+01:00", "2026-03-15T02:30+01:00", "Awake"),
    ("2026-03-15T02:30+01:00", "2026-03-15T04:00+01:00", "AsleepREM"),
    ("2026-03-15T04:00+01:00", "2026-03-15T07:00+01:00", "AsleepCore"),
]
DAY = date(2026, 3, 15)


def test_one_staged_night(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    assert slept(watch=WATCH) == {
        ASLEEP: {DAY: 450.0},
        CORE: {DAY: 300.0},
        DEEP: {DAY: 60.0},
        REM: {DAY: 90.0},
        AWAKE: {DAY: 30.0},
        IN_BED: {DAY: 480.0},
        EFFICIENCY: {DAY: 450 / 480},
        BEDTIME: {DAY: 23 * 60.0},
        WAKE_TIME: {DAY: 7 * 60.0},
    }


def test_phone_and_another_app_do_not_double_the_night(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    phone: Night = [("2026-03-14T22:30+01:00", "2026-03-15T07:15+01:00", "InBed")]
    app: Night = [("2026-03-14T22:45+01:00", "2026-03-15T07:10+01:00", "Asleep")]
    found = slept(watch=WATCH, iphone=phone, app=app)
    assert found[ASLEEP] == {DAY: 450.0}
    assert found[IN_BED] == {DAY: 480.0}


def test_overlapping_intervals_of_one_source_count_once(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    app: Night = [
        ("2026-03-14T23:00+01:00", "2026-03-15T03:00+01:00", "Asleep"),
        ("2026-03-15T01:00+01:00", "2026-03-15T06:00+01:00", "AsleepUnspecified"),
        ("2026-03-14T22:30+01:00", "2026-03-15T06:30+01:00", "InBed"),
    ]
    found = slept(app=app)
    assert (found[ASLEEP], found[IN_BED], found[BEDTIME]) == ({DAY: 420.0}, {DAY: 480.0}, {DAY: 22.5 * 60})
    assert REM not in found


def test_naps_stand_apart_and_evening_naps_belong_to_the_next_date(
    slept: Callable[..., dict[str, dict[date, float]]],
) -> None:
    naps: Night = [
        ("2026-03-15T14:00+01:00", "2026-03-15T14:40+01:00", "AsleepCore"),
        ("2026-03-15T18:30+01:00", "2026-03-15T19:00+01:00", "AsleepCore"),
    ]
    found = slept(watch=[*WATCH, *naps])
    assert found[NAP] == {DAY: 40.0}
    assert found[ASLEEP] == {DAY: 450.0, date(2026, 3, 16): 30.0}


def test_an_hour_awake_does_not_split_the_night(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    app: Night = [
        ("2026-03-14T23:00+01:00", "2026-03-15T03:00+01:00", "Asleep"),
        ("2026-03-15T04:20+01:00", "2026-03-15T07:00+01:00", "Asleep"),
    ]
    assert slept(app=app)[ASLEEP] == {DAY: 400.0}


def test_in_bed_alone_is_not_sleep(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    found = slept(iphone=[("2026-03-14T23:00+01:00", "2026-03-15T07:00+01:00", "InBed")])
    assert (found[IN_BED], ASLEEP in found, EFFICIENCY in found) == ({DAY: 480.0}, False, False)


def test_a_night_over_the_end_of_a_month_belongs_to_the_new_one(
    slept: Callable[..., dict[str, dict[date, float]]],
) -> None:
    night: Night = [("2026-03-31T22:00+02:00", "2026-03-31T23:30+02:00", "Asleep")]
    assert slept(app=night)[ASLEEP] == {date(2026, 4, 1): 90.0}


def test_the_clock_follows_the_zone_of_the_sample(slept: Callable[..., dict[str, dict[date, float]]]) -> None:
    # The night of the change to summer time: seven hours of sleep between 23:00 and 07:00.
    night: Night = [("2026-03-28T23:00+01:00", "2026-03-29T02:00+01:00", "Asleep")]
    night = [*night, ("2026-03-29T03:00+02:00", "2026-03-29T07:00+02:00", "Asleep")]
    found = slept(app=night)
    day = date(2026, 3, 29)
    assert (found[ASLEEP], found[BEDTIME], found[WAKE_TIME]) == ({day: 420.0}, {day: 1380.0}, {day: 420.0})


def test_union_of_intervals() -> None:
    assert union([(5, 7), (0, 2), (1, 3), (7, 8)]) == [(0, 3), (5, 8)]
    assert union([]) == []
