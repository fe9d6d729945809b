"""The owner's calendars: .ics files, folders of them, or the database in which macOS keeps its calendars.

An item is one .ics file or one database. Series are expanded around the option `today`.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from indexers.folder import file_items, unread
from indexers.readers.containers.sqlite import DatabaseMoved, apple_time, read_only, rows
from indexers.readers.vobject import ics
from indexers.record import Event, Party, Record, Skipped
from indexers.source import Item, Options

FILE_BYTES = 64_000_000
"""The most bytes of one .ics file that are read: some 200,000 events."""

_DATABASES = frozenset({".sqlitedb", ".calendardb"})
_SUFFIXES = frozenset({".ics", ".ical", ".ifb", ".icalendar"}) | _DATABASES
_CANCELLED = 3
_EVENTS = (None, 2)
"""Values of CalendarItem.entity_type that are events and not reminders."""
_OPTIONS = frozenset({"today"})


class Calendar:
    """Calendar files of a path. Option `today` (an ISO date): the middle of the window in which series are expanded.

    Without it each file's own newest date is. `today` is part of every fingerprint as its month, so that the window
    moves on and a file is read again once a month.
    """

    default_path = "~/Library/Group Containers/group.com.apple.calendar"
    mirror = True

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if unknown := sorted(set(options) - _OPTIONS):
            raise ValueError(f"calendar has no option {', '.join(unknown)}; it has: today")
        self.name = name
        self._path = path
        self._today = _date(options.get("today"))

    def roots(self) -> Sequence[Path]:
        return [self._path.absolute()]

    def scan(self) -> Iterator[Item | Skipped]:
        month = f":{self._today:%Y-%m}" if self._today else ""
        for entry in file_items(self._path, _SUFFIXES):
            yield replace(entry, fingerprint=entry.fingerprint + month) if isinstance(entry, Item) else entry

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        path = Path(item.id)
        # The first of the month keeps every reading of one fingerprint equal.
        middle = self._today.replace(day=1) if self._today else None
        if path.suffix.lower() in _DATABASES:
            yield from _database(path, middle)
            return
        try:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES + 1)
        except OSError as problem:
            yield unread(item.id, problem)
            return
        if len(data) > FILE_BYTES:
            why = f"only the first {FILE_BYTES // 1_000_000} MB of the calendar were read"
            yield Skipped(where=item.id, why=why, outcome="too_large")
        yield from ics.events(data[:FILE_BYTES], where=item.id, today=middle, locator=path.as_uri())


def _date(value: object) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise ValueError('the option today is an ISO date, such as "2026-01-31"') from None


def _database(path: Path, middle: date | None) -> Iterator[Record | Skipped]:
    try:
        with read_only(path) as connection:
            found = list(_stored(connection, middle))
    except DatabaseMoved:
        why = "the calendar was written to while it was read; it is read again at the next pass"
        yield Skipped(where=str(path), why=why, outcome="timed_out")
    except sqlite3.Error:
        yield Skipped(where=str(path), why="the calendar database is damaged, locked or of an unknown kind")
    except OSError as problem:
        yield unread(str(path), problem)
    else:
        yield from found


def _stored(connection: sqlite3.Connection, middle: date | None) -> Iterator[Event]:
    """The events of Calendar.sqlitedb, series by the occurrences that macOS keeps expanded.

    Columns are asked for by name, since they vary with the system; written from descriptions, not yet held against a
    database of every version.
    """
    places = {key: ", ".join(filter(None, parts)) for key, parts in _lines(connection, "Location", "title", "address")}
    people = _participants(connection)
    cached: defaultdict[object, list[tuple[object, object]]] = defaultdict(list)
    for key, *span in rows(connection, "OccurrenceCache", ("event_id", "occurrence_start_date", "occurrence_end_date")):
        cached[key].append((span[0], span[1]))
    columns = ("ROWID", "UUID", "unique_identifier", "summary", "description", "location_id", "start_date", "end_date")
    more = ("start_tz", "all_day", "status", "entity_type", "has_recurrences")
    for row in rows(connection, "CalendarItem", columns + more, required=True):
        key, uuid, unique, summary, text, place, start, end, zone, all_day, status, entity, repeats = row
        if status == _CANCELLED or entity not in _EVENTS:
            continue
        identity = str(unique or uuid or f"event {key}")
        own = _span(start, end, zone, all_day=bool(all_day))
        later = [_span(*span, zone, all_day=bool(all_day)) for span in cached[key]] if repeats else []
        spans = {first: last for first, last in filter(None, later) if _in_window(first, middle)}
        spans |= dict(filter(None, [own]))
        for first, last in sorted(spans.items()):
            yield Event(
                id=f"{identity}#{first:%Y%m%dT%H%M%S}" if repeats else identity,
                title=str(summary or ""),
                start=first,
                end=last,
                all_day=bool(all_day),
                place=places.get(place, ""),
                people=tuple(people[key]),
                text=str(text or ""),
                locator=f"ical://ekevent/{identity}?method=show&options=more",
            )


def _lines(connection: sqlite3.Connection, table: str, *columns: str) -> Iterator[tuple[object, list[str]]]:
    """The key of each row and the named columns as text."""
    for key, *values in rows(connection, table, ("ROWID", *columns)):
        yield key, [str(value or "") for value in values]


def _participants(connection: sqlite3.Connection) -> defaultdict[object, list[Party]]:
    """Organizer and attendees of each event, by mail address, else by name."""
    identities = dict(_lines(connection, "Identity", "display_name", "address"))
    out: defaultdict[object, list[Party]] = defaultdict(list)
    for owner, mail, identity in rows(connection, "Participant", ("owner_id", "email", "identity_id")):
        name, address = identities.get(identity, ["", ""])
        handle = str(mail or address.removeprefix("mailto:") or name).lower()
        party = Party(handle=handle, name=name)
        if handle and party not in out[owner]:
            out[owner].append(party)
    return out


def _span(start: object, end: object, zone: object, *, all_day: bool) -> tuple[datetime, datetime] | None:
    """A start and an end as records have them; None when there is no start. Floating times are stored as if UTC."""
    first = apple_time(start)
    if first is None:
        return None
    last = max(first, apple_time(end) or first)
    if all_day:
        # The last day's end is stored as its last second.
        midnights = first.date(), max(first.date() + timedelta(days=1), (last + timedelta(seconds=1)).date())
        opens, closes = (datetime.combine(midnight, time()) for midnight in midnights)
        return opens, closes
    if zone in (None, "", "_float"):
        return first.replace(tzinfo=None), last.replace(tzinfo=None)
    return _local(first, str(zone)), _local(last, str(zone))


def _local(moment: datetime, zone: str) -> datetime:
    try:
        offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return moment
    return moment.astimezone(timezone(offset or timedelta(0)))


def _in_window(moment: datetime, middle: date | None) -> bool:
    return middle is None or middle - ics.BEFORE <= moment.date() <= middle + ics.AFTER
