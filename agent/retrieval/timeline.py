"""One person or one stretch of days over all sources, in order of time: what was said, planned, written and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo

from agent import when
from agent.errors import NothingFound, WrongUse
from agent.store.reading.lookup import Lookup
from agent.vocabulary import Person, Value

MOST = 200
"""Entries of one page, unless the caller wants another number."""

Cursor = tuple[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing at its time. `kind` is a chunk's ("message", "event", "section") or "value" for a measured one.

    `until` is the end of what takes time. `locator` opens the item, `also` are further places of the same document;
    both are empty for a value, which arithmetic made of many samples.
    """

    id: str
    when: datetime
    until: datetime | None
    kind: str
    source: str
    title: str
    text: str
    sender: str
    people: tuple[str, ...]
    locator: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Entries in order of time. `people` and the days [start, end) say how the request was read (None: open).

    `earlier` is where to go on below the first entry, None when nothing is left out.
    """

    people: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    entries: tuple[Entry, ...]
    earlier: Cursor | None = None


def read(lookup: Lookup, *, person: str, day: str, now: datetime) -> tuple[tuple[Person, ...], float, float]:
    """Whom and which time [start, end) the owner's words name: "Anna Berger" or an address; "yesterday", "March 2026".

    Raises WrongUse where neither is given or the day is none, NothingFound for somebody who is not known.
    """
    if not (person or day):
        raise WrongUse("A timeline is of a person, a day, or both.", remedy="Say --person NAME or --day DAY.")
    people = tuple(one.person for one in lookup.who().find(person)) if person else ()
    if person and not people:
        raise NothingFound("There is nobody of that name or address.", remedy="See who is: homebody people.")
    if not day:
        return people, float("-inf"), float("inf")
    periods = when.find(day, today=now.date()) or when.find(f"in {day}", today=now.date())  # "2026" alone is a number
    if len(periods) != 1:
        raise WrongUse(f"{day!r} is not one day or stretch of days.", remedy="Say 2026-03-04, yesterday or March 2026.")
    start, end = periods[0].window(now.tzinfo or UTC)
    return people, start, end


def timeline(
    lookup: Lookup,
    *,
    people: Sequence[Person] = (),
    start: float = float("-inf"),
    end: float = float("inf"),
    zone: tzinfo,
    values: Sequence[Value] = (),
    before: Cursor | None = None,
    limit: int = MOST,
) -> Timeline:
    """The newest `limit` entries of a stretch of time (Unix seconds [start, end)), in order of time.

    With `people` what they said, what the owner said to them or where they were, and events with them. `values` are
    measured ones of that time, put at the start of their days. `before` is `earlier` of the page before.
    """
    with lookup.snapshot():
        moments = lookup.moments(start=start, end=end, people=people, before=before, limit=limit + 1)
        shown = moments[:limit]
        passages = lookup.passages([moment.chunk for moment in shown], {}, zone=zone)
    until_of = {moment.chunk: moment.until for moment in shown}
    entries = [
        Entry(
            id=passage.id,
            when=passage.when or datetime.fromtimestamp(moment.at, UTC).astimezone(zone),
            until=_moment(until_of[moment.chunk], zone),
            kind=passage.kind,
            source=passage.source,
            title=passage.title,
            text=passage.text,
            sender=passage.sender,
            people=passage.people,
            locator=passage.locator,
            also=passage.also,
        )
        for moment, passage in zip(shown, passages, strict=True)
    ]
    entries.reverse()
    entries += [_measured(value, zone) for value in values if value.start is not None]
    return Timeline(
        people=tuple(person.name for person in people),
        start=_moment(start, zone),
        end=_moment(end, zone),
        entries=tuple(sorted(entries, key=lambda entry: entry.when)),
        earlier=(shown[-1].at, shown[-1].chunk) if len(moments) > limit else None,
    )


def _measured(value: Value, zone: tzinfo) -> Entry:
    assert value.start is not None
    said = f"{value.value:,}" if isinstance(value.value, int | float) else str(value.value)
    return Entry(
        id="",
        when=datetime.combine(value.start, time(), zone),
        until=datetime.combine(value.end, time(), zone) if value.end else None,
        kind="value",
        source="",
        title=value.name,
        text=f"{said} {value.unit}".strip(),
        sender="",
        people=(),
        locator="",
    )


def _moment(at: float | None, zone: tzinfo) -> datetime | None:
    if at is None or abs(at) == float("inf"):
        return None
    return datetime.fromtimestamp(at, UTC).astimezone(zone)
