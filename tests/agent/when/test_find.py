"""Phrases become the days a calendar gives."""

from __future__ import annotations

import calendar
from datetime import UTC, date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.when import Period, find, shifted, unit_of

TODAY = date(2026, 11, 22)  # a Sunday, the last day of its ISO week
DAYS = st.dates(min_value=date(1905, 1, 1), max_value=date(2090, 12, 31))


def days(text: str, today: date = TODAY) -> list[tuple[str | None, str | None, str]]:
    return [
        (p.start.isoformat() if p.start else None, p.end.isoformat() if p.end else None, p.form)
        for p in find(text, today=today)
    ]


@pytest.mark.parametrize(
    ("text", "start", "end", "form"),
    [
        ("how many steps did I take today", "2026-11-22", "2026-11-23", "day"),
        ("steps yesterday", "2026-11-21", "2026-11-22", "day"),
        ("the day before yesterday", "2026-11-20", "2026-11-21", "day"),
        ("how did I sleep last night?", "2026-11-21", "2026-11-23", "night"),
        ("the night of the 15th", "2026-11-15", "2026-11-17", "night"),
        ("on Friday night", "2026-11-20", "2026-11-22", "night"),
        ("steps this week", "2026-11-16", "2026-11-23", "week"),
        ("steps last week", "2026-11-09", "2026-11-16", "week"),
        ("the week before last", "2026-11-02", "2026-11-09", "week"),
        ("in the past week", "2026-11-15", "2026-11-22", "span"),
        ("over the last month", "2026-10-22", "2026-11-22", "span"),
        ("last month", "2026-10-01", "2026-11-01", "month"),
        ("last quarter", "2026-07-01", "2026-10-01", "quarter"),
        ("previous year", "2025-01-01", "2026-01-01", "year"),
        ("last 30 days", "2026-10-23", "2026-11-22", "span"),
        ("the past three months", "2026-08-22", "2026-11-22", "span"),
        ("the last seven nights", "2026-11-16", "2026-11-23", "span"),
        ("3 days ago", "2026-11-19", "2026-11-20", "day"),
        ("two weeks ago", "2026-11-02", "2026-11-09", "week"),
        ("a year ago", "2025-01-01", "2026-01-01", "year"),
        ("last Friday", "2026-11-20", "2026-11-21", "day"),
        ("on Sunday", "2026-11-15", "2026-11-16", "day"),
        ("this Monday", "2026-11-16", "2026-11-17", "day"),
        ("next Sunday", "2026-11-29", "2026-11-30", "day"),
        ("on Mon", "2026-11-16", "2026-11-17", "day"),
        ("on 2025-03-04", "2025-03-04", "2025-03-05", "day"),
        ("in 2025-03", "2025-03-01", "2025-04-01", "month"),
        ("7.5.2023", "2023-05-07", "2023-05-08", "day"),
        ("7 May 2023", "2023-05-07", "2023-05-08", "day"),
        ("May 7", "2026-05-07", "2026-05-08", "day"),
        ("Sunday, May 7th, 2023", "2023-05-07", "2023-05-08", "day"),
        ("the 3rd of December", "2025-12-03", "2025-12-04", "day"),
        ("Dec 3 last year", "2025-12-03", "2025-12-04", "day"),
        ("29 February", "2024-02-29", "2024-03-01", "day"),
        ("May 2023", "2023-05-01", "2023-06-01", "month"),
        ("in may", "2026-05-01", "2026-06-01", "month"),
        ("in November", "2025-11-01", "2025-12-01", "month"),
        ("March last year", "2025-03-01", "2025-04-01", "month"),
        ("early March", "2026-03-01", "2026-03-11", "range"),
        ("Q1 2025", "2025-01-01", "2025-04-01", "quarter"),
        ("in Q4", "2025-10-01", "2026-01-01", "quarter"),
        ("the second quarter of 2024", "2024-04-01", "2024-07-01", "quarter"),
        ("in 2023", "2023-01-01", "2024-01-01", "year"),
        ("last summer", "2026-06-01", "2026-09-01", "season"),
        ("last winter", "2025-12-01", "2026-03-01", "season"),
        ("summer 2024", "2024-06-01", "2024-09-01", "season"),
        ("the week of May 7", "2026-05-04", "2026-05-11", "week"),
        ("week 53 of 2020", "2020-12-28", "2021-01-04", "week"),
        ("week 53", "2020-12-28", "2021-01-04", "week"),
        ("last weekend", "2026-11-14", "2026-11-16", "range"),
        ("on the weekend", "2026-11-14", "2026-11-16", "range"),
        ("over the weekend of 3 May", "2026-05-02", "2026-05-04", "range"),
        ("on Christmas", "2025-12-25", "2025-12-26", "day"),
        ("on Christmas Eve 2023", "2023-12-24", "2023-12-25", "day"),
        ("on New Year’s Eve", "2025-12-31", "2026-01-01", "day"),
        ("on new year's day last year", "2025-01-01", "2025-01-02", "day"),
        ("on Boxing Day?", "2025-12-26", "2025-12-27", "day"),
        ("between 1 and 10 May", "2026-05-01", "2026-05-11", "range"),
        ("between the 3rd and the 9th of March 2025", "2025-03-03", "2025-03-10", "range"),
        ("on Halloween", "2026-10-31", "2026-11-01", "day"),
        ("the first half of 2024", "2024-01-01", "2024-07-01", "range"),
        ("the second half of March 2024", "2024-03-16", "2024-04-01", "range"),
        ("the last week of March", "2026-03-25", "2026-04-01", "range"),
        ("between March and May 2024", "2024-03-01", "2024-06-01", "range"),
        ("from November to February", "2025-11-01", "2026-03-01", "range"),
        ("from March 2024 to May", "2024-03-01", "2024-06-01", "range"),
        ("between 1 May and today", "2026-05-01", "2026-11-23", "range"),
        ("May 1-10, 2024", "2024-05-01", "2024-05-11", "range"),
        ("28 April – 3 May", "2026-04-28", "2026-05-04", "range"),
        ("2024-01-05 to 2024-01-07", "2024-01-05", "2024-01-08", "range"),
        ("since March", "2026-03-01", None, "since"),
        ("since November", "2026-11-01", None, "since"),
        ("since 3 months ago", "2026-08-22", None, "since"),
        ("from March onwards", "2026-03-01", None, "since"),
        ("before 2020", None, "2020-01-01", "before"),
        ("until 7 May", None, "2026-05-08", "before"),
        ("after last week", "2026-11-16", None, "after"),
    ],
)
def test_one_phrase(text: str, start: str | None, end: str | None, form: str) -> None:
    assert days(text) == [(start, end, form)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "may I ask you something",
        "Will May come to dinner?",
        "I may go home",
        "we march on",
        "June said hello",
        "messages from April",
        "Anna and June",
        "how many steps on Mondays",
        "at the weekend",
        "the Christmas party",
        "on Christmas Street",
        "her valentine's card",
        "more than 2000 steps",
        "Black Friday",
        "room 2023",
        "on the 15th floor",
        "31.02.2024",
        "week 54",
        "2024-13-01",
        "last 99999 days",
        "9999 years ago",
        "spring onions fall down",
        "the sun sat down",
    ],
)
def test_not_a_time(text: str) -> None:
    assert days(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this month vs the same month last year", [("2026-11-01", "2026-12-01"), ("2025-11-01", "2025-12-01")]),
        ("March 2024 and the same month in 2022", [("2024-03-01", "2024-04-01"), ("2022-03-01", "2022-04-01")]),
        ("last week against the week before", [("2026-11-09", "2026-11-16"), ("2026-11-02", "2026-11-09")]),
        ("more in May than April", [("2026-05-01", "2026-06-01"), ("2026-04-01", "2026-05-01")]),
        ("compare 2023 vs 2024", [("2023-01-01", "2024-01-01"), ("2024-01-01", "2025-01-01")]),
        ("in April and June", [("2026-04-01", "2026-05-01"), ("2026-06-01", "2026-07-01")]),
        ("yesterday and 7 May 2023", [("2026-11-21", "2026-11-22"), ("2023-05-07", "2023-05-08")]),
    ],
)
def test_two_phrases(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(start, end) for start, end, _ in days(text)] == expected


def test_week_53_keeps_its_week_a_year_earlier() -> None:
    assert days("the same week last year", date(2020, 12, 31)) == [("2019-12-23", "2019-12-30", "week")]


def test_leap_day_a_year_earlier() -> None:
    assert days("29 February 2024 and the same day last year")[1][:2] == ("2023-02-28", "2023-03-01")


def test_window_is_in_seconds_of_the_zone() -> None:
    period = find("on 2024-01-02", today=TODAY)[0]
    assert period.window(UTC) == (1704153600.0, 1704240000.0)
    assert find("since 2024-01-02", today=TODAY)[0].window(UTC) == (1704153600.0, float("inf"))
    assert find("before 2024-01-02", today=TODAY)[0].window(UTC) == (float("-inf"), 1704153600.0)


@settings(deadline=None)
@given(DAYS, DAYS)
def test_every_written_date_is_read_back(day: date, today: date) -> None:
    month = calendar.month_name[day.month]
    for text in (f"on {day.isoformat()}", f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}"):
        if day.year < 1900:
            continue
        assert [(p.start, p.end) for p in find(text, today=today)] == [(day, day + timedelta(days=1))]


@settings(deadline=None)
@given(DAYS, st.sampled_from(["week", "month", "quarter", "year"]))
def test_this_last_and_next_unit_tile_the_calendar(today: date, unit: str) -> None:
    last, this, following = (find(f"{word} {unit}", today=today)[0] for word in ("last", "this", "next"))
    assert last.end == this.start
    assert this.end == following.start
    assert this.start is not None
    assert this.end is not None
    assert this.start <= today < this.end
    if unit == "week":
        assert (this.end - this.start).days == 7
        assert this.start.isocalendar().weekday == 1


@settings(deadline=None)
@given(DAYS, st.integers(min_value=1, max_value=400))
def test_last_days_are_whole_and_end_yesterday(today: date, count: int) -> None:
    period = find(f"last {count} days", today=today)[0]
    assert (period.start, period.end) == (today - timedelta(days=count), today)


@settings(deadline=None)
@given(DAYS, st.sampled_from(list(calendar.month_name)[1:]))
def test_bare_month_is_over_and_recent(today: date, month: str) -> None:
    period = find(f"in {month}", today=today)[0]
    assert period.start is not None
    assert period.end is not None
    assert calendar.month_name[period.start.month] == month
    assert timedelta(0) <= today - period.end < timedelta(days=366)
    assert shifted(period.start, "month", 1) == period.end


@settings(deadline=None)
@given(DAYS, st.sampled_from(list(calendar.day_name)))
def test_weekday_is_within_the_last_seven_days(today: date, weekday: str) -> None:
    period = find(f"on {weekday}", today=today)[0]
    assert period.start is not None
    assert calendar.day_name[period.start.weekday()] == weekday
    assert 1 <= (today - period.start).days <= 7


@settings(deadline=None)
@given(DAYS, st.sampled_from(["day", "week", "month", "quarter", "year"]), st.integers(-50, 50))
def test_shifting_keeps_the_unit_apart(day: date, unit: str, count: int) -> None:
    start, end = unit_of(day, unit)  # type: ignore[arg-type]  # sampled from its values
    assert start <= day < end
    assert unit_of(shifted(start, unit, count), unit)[0] == shifted(start, unit, count)  # type: ignore[arg-type]


VOCABULARY = """since before from between and to the first half of last this 30 days week May march 2024 Q3 ago two -
night summer same year months 7 15th until on Friday end early steps"""
WORDS = st.lists(st.sampled_from(VOCABULARY.split()), max_size=9)


@settings(deadline=None)
@given(WORDS, DAYS)
def test_any_words_give_ordered_periods(words: list[str], today: date) -> None:
    text = " ".join(words)
    found = find(text, today=today)
    previous = 0
    for period in found:
        assert isinstance(period, Period)
        assert previous <= period.at[0] < period.at[1] <= len(text)
        assert period.words == text[slice(*period.at)]
        assert period.start is None or period.end is None or period.start < period.end
        previous = period.at[1]


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_survived(text: str) -> None:
    assert all(period.words in text for period in find(text, today=TODAY))
