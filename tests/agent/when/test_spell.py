"""Days in words, and back again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.when import find
from agent.when.spell import spelled, spelled_day


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2025, 3, 1), date(2025, 4, 1), "1–31 Mar 2025"),
        (date(2025, 2, 28), date(2025, 3, 4), "28 Feb – 3 Mar 2025"),
        (date(2024, 12, 31), date(2025, 1, 2), "31 Dec 2024 – 1 Jan 2025"),
        (date(2026, 11, 21), date(2026, 11, 22), "Sat 21 Nov 2026"),
        (None, date(2025, 3, 4), "up to 3 Mar 2025"),
    ],
)
def test_spelled(start: date | None, end: date, text: str) -> None:
    assert spelled(start, end) == text


@settings(deadline=None)
@given(st.dates(date(1950, 1, 1), date(2060, 1, 1)), st.integers(1, 900))
def test_what_is_spelled_is_read_back(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    if start.year == (end - timedelta(days=1)).year or days == 1:
        (period,) = find(spelled(start, end), today=date(2026, 11, 22))
        assert (period.start, period.end) == (start, end)
    assert spelled_day(start).endswith(str(start.year))
