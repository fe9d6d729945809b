"""The days of a question: periods cut to what is over, and the ones it leaves unsaid."""

from __future__ import annotations

import re
from datetime import date, timedelta

from agent.metrics.catalogue import Kind
from agent.metrics.query import USUAL_DAYS, Span, Stat
from agent.when import Period, find, unit_of

_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_BARE_MONTH = re.compile(rf"(?<=\w) (?P<m>{_MONTH})[\s?.!]*$", re.IGNORECASE)


def last_month_name(text: str, today: date) -> tuple[str, tuple[Period, ...]]:
    """A month at the end of a short question ("avg sleep may"), which elsewhere could be a word or a name."""
    match = _BARE_MONTH.search(text)
    if not match:
        return text, ()
    text = f"{text[: match.start()]} in {match['m'].capitalize()}"
    return text, find(text, today=today)


def of(period: Period, kind: Kind, today: date) -> Span | None:
    """The days of a period up to the last one that is over; None when it lies ahead or does not fit the measure."""
    start, end = period.start, period.end
    nightly = kind in ("night", "clock")
    if period.form == "night":
        if end is not None and kind == "level":
            wake = end - timedelta(days=1)
            return Span(start=wake, end=end, words=period.words, asleep=True) if wake <= today else None
        if not nightly or end is None:
            return None
        start = end - timedelta(days=1)
    limit = today + timedelta(days=1) if nightly or kind == "state" or (start and start >= today) else today
    end = min(end or limit, limit)
    if start is not None and start >= end:
        return None
    return Span(start=start, end=end, words=period.words, partial=end > today and not nightly and kind != "state")


def running(period: Period, kind: Kind, today: date) -> Span | None:
    """The calendar unit of today that a past one is set against ("than last year"); None where there is none."""
    if period.form not in ("day", "week", "month", "quarter", "year"):
        return None
    start, end = unit_of(today, period.form)
    if period.start is None or period.start >= start:
        return None
    words = "today" if period.form == "day" else f"this {period.form}"
    found = Period(start=start, end=end, words=words, at=(0, 0), form=period.form)
    return of(found, kind, today)


def last_week(kind: Kind, today: date) -> Span:
    """The seven days or nights that are over."""
    end = today + timedelta(days=kind in ("night", "clock"))
    return Span(start=end - timedelta(days=7), end=end, words="the last 7 days")


def before(span: Span) -> Span | None:
    """The days before some others by which their usual level is told."""
    if span.start is None:
        return None
    return Span(start=span.start - timedelta(days=USUAL_DAYS), end=span.start, words=f"the {USUAL_DAYS} days before")


def ever(kind: Kind, stat: Stat, today: date) -> Span:
    """All days that are over; what is latest, and nights and states of today, are complete as they stand."""
    whole = stat == "latest" or kind in ("night", "clock", "state")
    return Span(start=None, end=today + timedelta(days=whole), words="")
