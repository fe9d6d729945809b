"""Times in every form that exports are known to hold."""

from __future__ import annotations

from array import array
from datetime import date, datetime, timedelta, timezone

import pytest

from indexers.health.export.moments import OffsetHistory, instant, local_time, midnight, zone_offset
from indexers.record import SampleBatch

NOON = 1704106800000  # 2024-01-01 11:00:00 UTC


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01 12:00:00 +0100",
        "2024-01-01 12:00:00 +01:00",
        "2024-01-01T12:00:00+0100",
        "20240101120000+0100",
        " 2024-01-01 12:00:00.250 +0100 ",
    ],
)
def test_one_instant_in_many_forms(written: str) -> None:
    assert instant(written) == (NOON, 60)


def test_zulu_is_no_offset() -> None:
    assert instant("2024-01-01T11:00:00Z") == (NOON, 0)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2024-01-01",
        "2024-01-01 12:00:00",
        "2024-13-01 12:00:00 +0100",
        "2023-02-29 12:00:00 +0100",
        "2024-01-01 24:00:00 +0100",
        "2024-01-01 12:60:00 +0100",
        "2024-01-01 12:00:00 +1900",
        "0000-01-01 12:00:00 +0000",
        "٢٠٢٤-01-01 12:00:00 +0000",
    ],
)
def test_what_is_no_instant_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        instant(written)


def test_the_end_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="calendar"):
        local_time(253_402_300_799_000, 840)


def test_zones_by_name() -> None:
    assert zone_offset(NOON, "Asia/Kathmandu") == 345
    assert zone_offset(NOON, "Europe/Berlin") == 60
    assert [zone_offset(NOON, name) for name in ("", "Europe", "No/Where", "../x", "/etc/passwd")] == [None] * 5


def test_a_zone_on_the_day_its_clocks_change() -> None:
    change = 1_711_846_800_000  # 2024-03-31 01:00 UTC
    assert [zone_offset(change + by, "Europe/Berlin") for by in (-86_400_000, -1, 0, 1, 86_400_000)] == [
        60,
        60,
        120,
        120,
        120,
    ]
    assert zone_offset(1 << 60, "Europe/Berlin") is None


def samples(*moments: datetime) -> SampleBatch:
    offsets = [round((moment.utcoffset() or timedelta()).total_seconds() / 60) for moment in moments]
    times = array("q", (round(moment.timestamp() * 1000) for moment in moments))
    return SampleBatch(
        measure="m",
        unit="",
        source="s",
        start=times,
        end=times,
        offset=array("h", offsets),
        value=array("d", [1] * len(moments)),
    )


def test_days_take_the_offset_of_the_samples_before_them() -> None:
    winter, summer = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
    history = OffsetHistory()
    assert history.at(date(2024, 3, 31), default=-300) == -300
    history.learn(
        samples(
            datetime(2024, 3, 1, 12, tzinfo=winter),
            datetime(2024, 3, 31, 1, 59, tzinfo=winter),
            datetime(2024, 3, 31, 3, 0, tzinfo=summer),
            datetime(2024, 4, 20, 12, tzinfo=summer),
        )
    )
    days = (date(2024, 2, 1), date(2024, 3, 31), date(2024, 4, 1), date(2024, 6, 1))
    assert [history.at(day, default=120) for day in days] == [60, 60, 120, 120]


def test_midnight() -> None:
    assert midnight(date(1970, 1, 2)) == 86_400_000
