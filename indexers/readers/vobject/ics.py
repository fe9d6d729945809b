"""iCalendar bytes (RFC 5545) become events: series are expanded in a window, and no rule can run away.

The file is cut into its events first and each series is parsed alone, so that one broken event costs only itself.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from indexers.readers.charset import decode
from indexers.readers.vobject.recurrence import Unbounded, check_rule
from indexers.record import Event, Outcome, Party, Skipped

BEFORE, AFTER = timedelta(days=731), timedelta(days=366)
"""Occurrences of a series are read from BEFORE to AFTER around `today`; its first one always is."""
MAX_OCCURRENCES = 4_000
"""The most occurrences of one series: three a day for three years and some."""
MAX_EVENTS = 100_000
"""The most events that one file gives."""
TEXT_CHARS = 100_000

# All that is read of an event. Alarms, inline files and vendors' fields never reach the parser.
_READ = frozenset(
    "UID RECURRENCE-ID SEQUENCE DTSTART DTEND DURATION RRULE RDATE EXDATE "
    "SUMMARY DESCRIPTION LOCATION STATUS ORGANIZER ATTENDEE".split()
)
_ANSWERS = frozenset({"REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH", "CANCEL"})
_NAME = re.compile(r"[A-Za-z0-9-]+(?=[;:])")
_STAMP = re.compile(r"(?m)^(?:DTSTAMP|LAST-MODIFIED|CREATED)[^:\r\n]*:(\d{8})")
_START = re.compile(r"(?m)^DTSTART[^:\r\n]*:(\d{8})")
_TZID = re.compile(r";TZID=\"?([^\":;]+)")
_TAGS = re.compile(
    r"</?(?:p|br|a|b|i|u|ul|ol|li|div|span|html|body|strong|em|table|tr|td)\b[^>]{0,2000}>", re.IGNORECASE
)
_SPOKEN_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr)\b[^>]{0,100}>", re.IGNORECASE)


@dataclass(slots=True)
class _File:
    """The pieces of one file: events' lines by series, zones' lines by name, and what was cut off."""

    method: str = ""
    zones: dict[str, list[str]] = field(default_factory=dict)
    series: dict[str, list[list[str]]] = field(default_factory=dict)
    truncated: bool = False


def events(data: bytes, *, where: str, today: date | None = None, locator: str = "") -> Iterator[Event | Skipped]:
    """Read the events of one .ics file or calendar part.

    `today` centres the window in which series are expanded; without it the newest date at which anything in the file
    was written does. All-day events start at a floating midnight; times without a zone, or with one that neither the
    file nor the zone database knows, are floating; all others are aware with a fixed offset. Cancelled events are not
    yielded. An event's id is its UID, and for an occurrence of a series its original start behind it.
    """
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    if "BEGIN:VCALENDAR" not in text.upper():
        yield Skipped(where=where, why="this is no calendar file: it has no BEGIN:VCALENDAR")
        return
    file = _cut(text)
    if file.truncated:
        yield Skipped(where=where, why="the file ends in the middle of an event; that event was not read")
    if file.method in _ANSWERS:
        return
    middle = today or _newest(text) or date(2000, 1, 1)
    given, broken = 0, 0
    for uid, blocks in file.series.items():
        try:
            found = _series_or_first(uid, blocks, file.zones, middle, locator)
        except Exception:  # foreign parsers on foreign bytes: anything may come out
            broken += 1
            continue
        if isinstance(found, _Reduced):
            outcome: Outcome = "too_large" if found.unbounded else "malformed"
            yield Skipped(where=where, why=f"a series {found.why}; only its first event was read", outcome=outcome)
            found = found.events
        given += len(found)
        if given > MAX_EVENTS:
            yield Skipped(where=where, why=f"the file has more than {MAX_EVENTS:,} events", outcome="too_large")
            return
        yield from found
    if broken:
        yield Skipped(where=where, why="events with times or rules that cannot be read", count=broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reduced:
    """A series of which only the event itself could be had, and why."""

    events: list[Event]
    why: str
    unbounded: bool


def _series_or_first(
    uid: str, blocks: Sequence[Sequence[str]], zones: Mapping[str, Sequence[str]], middle: date, locator: str
) -> list[Event] | _Reduced:
    try:
        return list(_series(uid, blocks, zones, middle, locator))
    except Exception as problem:
        plain = [_without_rules(block) for block in blocks]
        if plain == blocks:
            raise
        unbounded = isinstance(problem, Unbounded)
        why = str(problem) if unbounded else "has a rule that cannot be read"
        return _Reduced(events=list(_series(uid, plain, zones, middle, locator)), why=why, unbounded=unbounded)


def _cut(text: str) -> _File:
    """Split a file into the lines of its events and zones, keeping of an event only what is read."""
    file, stack = _File(), list[str]()
    block, keep = list[str](), False
    for line in text.split("\n"):
        mark = line[:6].upper()
        if mark == "BEGIN:":
            stack.append(line[6:].strip().upper())
            if stack[-1] in ("VEVENT", "VTIMEZONE"):
                block = []
            if "VTIMEZONE" in stack:
                block.append(line)
        elif line[:4].upper() == "END:":
            ended = line[4:].strip().upper()
            if "VTIMEZONE" in stack:
                block.append(line)
            _close(file, ended, block)
            while stack and stack.pop() != ended:
                pass
        elif line.startswith((" ", "\t")):
            if keep and stack[-1:] in (["VEVENT"], ["VTIMEZONE"], ["STANDARD"], ["DAYLIGHT"]):
                block.append(line)
        elif stack[-1:] == ["VEVENT"]:
            name = _NAME.match(line)
            keep = name is not None and name[0].upper() in _READ
            if keep:
                block.append(line)
        elif "VTIMEZONE" in stack:
            keep = True
            block.append(line)
        elif line[:7].upper() == "METHOD:":
            file.method = line[7:].strip().upper()
    file.truncated = "VEVENT" in stack
    return file


def _close(file: _File, ended: str, block: list[str]) -> None:
    if ended == "VEVENT":
        uid = (
            _value(block, "UID")
            or hashlib.blake2b("\n".join(block).encode("utf-8", "replace"), digest_size=16).hexdigest()
        )
        file.series.setdefault(uid, []).append(block)
    elif ended == "VTIMEZONE":
        file.zones[_value(block, "TZID")] = block


def _value(block: Sequence[str], name: str) -> str:
    """The unfolded value of a property that has no parameters worth reading."""
    for at, line in enumerate(block):
        found = _NAME.match(line)
        if found and found[0].upper() == name:
            folded = "".join(more[1:] for more in _continuation(block, at + 1))
            return (line + folded).partition(":")[2].strip()
    return ""


def _continuation(block: Sequence[str], at: int) -> Iterator[str]:
    while at < len(block) and block[at].startswith((" ", "\t")):
        yield block[at]
        at += 1


def _without_rules(block: Sequence[str]) -> list[str]:
    return [line for line in block if not line.upper().startswith(("RRULE", "RDATE", "EXDATE"))]


def _newest(text: str) -> date | None:
    """When the file was last written, as its events' own stamps say; else the newest start."""
    for pattern in (_STAMP, _START):
        days = [day for match in pattern.finditer(text) if (day := _day(match[1])) and 1970 <= day.year < 2100]
        if days:
            return max(days)
    return None


def _day(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _series(
    uid: str, blocks: Sequence[Sequence[str]], zones: Mapping[str, Sequence[str]], middle: date, locator: str
) -> Iterator[Event]:
    """The events of one UID: one event, or the occurrences of a series with its exceptions."""
    import icalendar

    named = {name for block in blocks for line in block for name in _TZID.findall(line)}
    lines = ["BEGIN:VCALENDAR", *(line for name in sorted(named) for line in zones.get(name, ()))]
    for block in blocks:
        lines += ("BEGIN:VEVENT", *block, *(() if _value(block, "UID") else (f"UID:{uid}",)), "END:VEVENT")
    calendar: Any = icalendar.Calendar.from_ical("\r\n".join((*lines, "END:VCALENDAR", "")))
    parts = calendar.walk("VEVENT")
    if any("RRULE" in part or "RDATE" in part for part in parts):
        yield from _occurrences(uid, calendar, parts, middle, locator)
        return
    latest: dict[str, Any] = {}
    for part in parts:
        # Several versions of one event, or single occurrences sent without their series.
        key = f"{uid}#{_original(part)}" if "RECURRENCE-ID" in part else uid
        if key not in latest or int(part.get("SEQUENCE", 0)) >= int(latest[key].get("SEQUENCE", 0)):
            latest[key] = part
    for key, part in latest.items():
        if not _cancelled(part):
            yield _event(key, part, locator)


def _occurrences(uid: str, calendar: Any, parts: Iterable[Any], middle: date, locator: str) -> Iterator[Event]:
    import recurring_ical_events

    start, end = datetime.combine(middle - BEFORE, time()), datetime.combine(middle + AFTER, time())
    masters = [part for part in parts if "RECURRENCE-ID" not in part]
    for part in masters:
        for rule in part["RRULE"] if isinstance(part.get("RRULE"), list) else filter(None, [part.get("RRULE")]):
            check_rule(rule, first=part["DTSTART"].dt, start=start, end=end, limit=MAX_OCCURRENCES)
    query = recurring_ical_events.of(calendar, components=["VEVENT"])
    given: set[str] = set()
    firsts = [moment for part in masters for moment in query.at(part["DTSTART"].dt)]
    for part in (*firsts, *query.between(start, end)):
        key = f"{uid}#{_original(part)}"
        if key not in given and not _cancelled(part):
            given.add(key)
            yield _event(key, part, locator)


def _original(part: Any) -> str:
    """Which occurrence this is: its start by the rule, in UTC where it has a zone."""
    moment = part["RECURRENCE-ID"].dt
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return str(moment.strftime("%Y%m%dT%H%M%S" if isinstance(moment, datetime) else "%Y%m%d"))


def _cancelled(part: Any) -> bool:
    return str(part.get("STATUS", "")).upper() == "CANCELLED"


def _event(key: str, part: Any, locator: str) -> Event:
    begins = part["DTSTART"].dt
    if "DTEND" in part:
        ends = part["DTEND"].dt
    elif "DURATION" in part:
        ends = begins + part["DURATION"].dt
    else:
        ends = begins if isinstance(begins, datetime) else begins + timedelta(days=1)
    start, end = _moment(begins), _moment(ends)
    if (start.tzinfo is None) != (end.tzinfo is None):
        end = end.replace(tzinfo=start.tzinfo)
    return Event(
        id=key,
        title=_text(part, "SUMMARY"),
        start=start,
        end=max(start, end),
        all_day=not isinstance(begins, datetime),
        place=_text(part, "LOCATION"),
        people=_people(part),
        text=_plain(_text(part, "DESCRIPTION")),
        locator=locator,
    )


def _moment(value: date | datetime) -> datetime:
    """A time with a fixed offset (zones' own objects do not travel), or a floating one."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    offset = value.utcoffset()
    return value.replace(tzinfo=None if offset is None else timezone(offset))


def _text(part: Any, name: str) -> str:
    value = part.get(name, "")
    return str(value[0] if isinstance(value, list) and value else value)[:TEXT_CHARS].strip()


def _plain(text: str) -> str:
    """A description without the HTML that some calendars put into it."""
    if not _TAGS.search(text):
        return text
    return html.unescape(_TAGS.sub("", _SPOKEN_BREAKS.sub("\n", text))).strip()


def _people(part: Any) -> tuple[Party, ...]:
    """Organizer and attendees by mail address; rooms and other resources are no people."""
    found: dict[str, Party] = {}
    for name in ("ORGANIZER", "ATTENDEE"):
        values = part.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            handle = re.sub(r"(?i)^mailto:", "", str(value)).strip().lower()
            if not handle or str(value.params.get("CUTYPE", "")).upper() in ("ROOM", "RESOURCE"):
                continue
            common = str(value.params.get("CN", "")).strip()
            found.setdefault(handle, Party(handle=handle, name="" if common.lower() == handle else common))
    return tuple(found.values())
