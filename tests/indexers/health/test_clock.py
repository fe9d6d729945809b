"""Columns of times equal the parse of each, and one that is no time refuses its column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.health.apple.numbers.clock import instants
from indexers.health.export.moments import instant

GOOD = b"2024-02-29 23:59:59 -0330"


@given(
    st.lists(
        st.tuples(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1080, 1080)),  # noqa: DTZ001 - zones are drawn apart
        min_size=1,
        max_size=40,
    )
)
def test_columns_equal_single_times(times: list[tuple[datetime, int]]) -> None:
    written = []
    for moment, minutes in times:
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        written.append(f"{moment.isoformat(' ')[:19]} {sign}{hours:02}{rest:02}".encode())
    found = instants(written)
    assert found is not None
    start, offset = found
    assert list(zip(start.tolist(), offset.tolist(), strict=True)) == [instant(time) for time in written]
    moment, minutes = times[0]
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert start[0] == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "wrong",
    [
        b"2023-02-29 12:00:00 +0100",
        b"1900-02-29 12:00:00 +0100",
        b"2024-04-31 12:00:00 +0100",
        b"2024-13-01 12:00:00 +0100",
        b"2024-00-01 12:00:00 +0100",
        b"2024-01-00 12:00:00 +0100",
        b"0000-01-01 12:00:00 +0100",
        b"2024-01-01 24:00:00 +0100",
        b"2024-01-01 12:60:00 +0100",
        b"2024-01-01 12:00:60 +0100",
        b"2024-01-01 12:00:00 +1900",
        b"2024-01-01 12:00:00 *0100",
        b"2024-01-01T12:00:00 +0100",
        b"2024-01-01 12.00:00 +0100",
        b" 024-01-01 12:00:00 +0100",
        b"2024-01-01 12:00:00 +01:0",
        b"2024-01-01 12:00:00 +010",
        b"",
    ],
)
def test_one_that_is_no_time_refuses_the_column(wrong: bytes) -> None:
    assert instants([GOOD]) is not None
    assert instants([GOOD, wrong, GOOD]) is None
