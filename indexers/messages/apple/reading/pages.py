"""Rows become messages, a page of conversation-days at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from urllib.parse import quote

from indexers.messages.apple.conversations import ME, UNKNOWN, Conversation
from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.messages.apple.reading.bodies import Bodies, Unreadable, preview, urls
from indexers.messages.apple.reading.making import Making
from indexers.messages.apple.reading.rows import ABOUT, DATE, EMOJI, GUID, HANDLE, KIND, MINE, RowReader, Rows
from indexers.messages.apple.scan.index import NANOSECONDS_FROM, Index, split_target
from indexers.record import Attachment, Message, Party, Skipped

PAGE_ROWS = 512
MOST_BYTES = 2**24
"""Rows with a longer column are not read at all."""
SMALL_GAP = 8
QUOTED_WORDS = 20

_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_SECOND = 10**9
_URL_BALLOON = "com.apple.messages.URLBalloonProvider"
_HEAD = re.compile(rf"(?:\S+\s+){{0,{QUOTED_WORDS - 1}}}\S+")
_LOCATOR = "sms://open?message-guid="
_SAFE_GUID = re.compile(r"[\w-]*", re.ASCII)
_TAPBACKS = {2000: "❤️", 2001: "👍", 2002: "👎", 2003: "😂", 2004: "‼️", 2005: "❓", 2007: "sticker"}
_FIRST_REMOVAL = 3000

Said = Message | Skipped
Who = tuple[Party, tuple[Party, ...]]


@dataclass(frozen=True, slots=True)
class _Room:
    """What the messages of one conversation have in common; `who` sent and takes part, by handle (None: the owner)."""

    conversation: Conversation
    id: str
    title: str
    who: dict[int | None, Who] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Page:
    """Some neighbouring conversation-days: their rows, the reactions by guid, and what is said on each.

    A day is None where it is made when it is asked for, with care. `safe` is true where every guid may stand in a
    link as it is.
    """

    places: range
    rows: Rows
    reactions: Mapping[str, tuple[str, ...]]
    safe: bool
    days: list[list[Said] | None] = field(default_factory=list)


class Pages:
    """Messages of conversation-days. Days that are asked for in the order of the scan are read ahead, page by page."""

    def __init__(self, database: MessagesDatabase, index: Index, bodies: Bodies) -> None:
        self._index = index
        self._bodies = bodies
        self._reader = RowReader(database, index)
        self._rooms: dict[int, _Room] = {}
        self._page = _Page(range(0), Rows({}, {}, {}, (), {}, {}), {}, safe=True)
        self._ahead = 1

    def messages(self, place: int) -> Iterator[Said]:
        """The messages of the conversation-day at `place` of the index, in order of time."""
        page = self._page
        if place not in page.places:
            page = self._load(place)
        day = page.days[place - page.places.start]
        return iter(day) if day is not None else self._careful(place, page)

    def _load(self, place: int) -> _Page:
        """Read the page that begins at `place`: one day after a jump, more with each page that is read in order.

        Skipping a few days is still in order: reading those too is cheaper than many small pages.
        """
        days = self._index.days.rows
        self._ahead = min(4 * self._ahead, PAGE_ROWS) if 0 <= place - self._page.places.stop <= SMALL_GAP else 1
        end, wanted = place, list[int]()
        while end < len(days) and (end == place or len(wanted) + len(days[end]) <= self._ahead):
            wanted += days[end]
            end += 1
        rows = self._reader.rows(wanted)
        page = self._page = _Page(
            places=range(place, end),
            rows=rows,
            reactions=_reactions(sorted(rows.tapbacks, key=_moment), self._sender),
            safe=_SAFE_GUID.fullmatch(
                "".join([row[GUID] or "" for row in chain(rows.ordinary.values(), rows.other.values())])
            )
            is not None,
        )
        page.days.extend(self._day(each, page) for each in page.places)
        return page

    def _day(self, place: int, page: _Page) -> list[Said] | None:
        """What is said on a day, if its rows stand in order of time, each at its own moment, and none is large."""
        ordinary, other, room = page.rows.ordinary, page.rows.other, self._room(place)
        made: list[Said] = []
        last = NANOSECONDS_FROM
        for number in self._index.days.rows[place]:
            row = ordinary.get(number)
            if row is not None:
                date = row[DATE]
                found = self._ordinary(row, room, page)
            else:
                row = other.get(number)
                if row is None:
                    continue  # a tapback, or gone
                date = row[DATE] or 0
                if number in page.rows.large:
                    return None
                found = self._other(row, room, page)
            if date <= last:
                return None
            last = date
            if found is not None:
                made.append(found)
        return made

    def _careful(self, place: int, page: _Page) -> Iterator[Said]:
        """What is said on a day of which `_day` does not hold: put in order, large rows read in their turn."""
        ordinary, other, room = page.rows.ordinary, page.rows.other, self._room(place)
        rows = [ordinary.get(number) or other.get(number) for number in self._index.days.rows[place]]
        date: int | None = None
        at_once: list[Message] = []
        for row in sorted((row for row in rows if row is not None), key=_moment):
            if row[0] in ordinary:
                made = self._ordinary(row, room, page)
            elif row[0] in page.rows.large:
                made = self._large(row, room, page)
            else:
                made = self._other(row, room, page)
            if isinstance(made, Message):
                if row[DATE] != date:
                    date = row[DATE]
                    at_once.clear()
                elif any(_same(made, other) for other in at_once) and (date or 0) >= NANOSECONDS_FROM:
                    continue  # iCloud gives old messages anew under other guids, equal to the nanosecond
                at_once.append(made)
            if made is not None:
                yield made

    def _large(self, row: Row, room: _Room, page: _Page) -> Said | None:
        if page.rows.large[row[0]] > MOST_BYTES:
            why = f"it holds more than {MOST_BYTES // 2**20} MB"
            return Skipped(where=row[GUID] or f"message {row[0]}", why=why, outcome="too_large")
        whole = self._reader.whole(row[0])
        return None if whole is None else self._other(whole, room, page)

    def _ordinary(self, row: Row, room: _Room, page: _Page) -> Said | None:
        """The message of a row that has a body (or a text) and perhaps files, and nothing else."""
        number, guid, date, handle, said = row
        placed: tuple[str, ...] = ()
        text = self._bodies.plain(said) if said.__class__ is bytes else None
        if text is not None:
            links = urls(text) if "://" in text else ()
        else:
            body, plain = (said, None) if isinstance(said, bytes) else (None, said)
            try:
                text, placed, links, _ = self._bodies.rich(
                    text=plain, body=body, summary=None, incoming=handle is not None
                )
            except Unreadable:
                whole = self._reader.whole(number)  # its other columns may say it
                return None if whole is None else self._other(whole, room, page)
        sent_at = _EPOCH + timedelta(0, 0, date // 1000)
        files = page.rows.files.get(number)
        return self._message(guid, handle, sent_at, text, files, placed, links, "", room, page)

    def _other(self, row: Row, room: _Room, page: _Page) -> Said | None:
        """The message of any row."""
        number, guid, date, handle, mine, _, _, _, original, balloon, subject, text, body, summary, payload = row
        if not guid:
            return Skipped(where=f"message {number}", why="it has no identifier")
        sent_at = _sent_at(date)
        if sent_at is None:
            return Skipped(where=guid, why="its date is none that a calendar has")
        try:
            speech = self._bodies.speech(text=text, body=body, summary=summary, incoming=not mine)
        except Unreadable as error:
            return Skipped(where=guid, why=str(error), outcome=error.outcome)
        said, placed, links, unsent = speech
        if payload is not None and balloon in (None, _URL_BALLOON):
            url, title, described = preview(payload)
            said = "\n".join(line for line in (said, title if title not in said else "", described) if line)
            links = (*links, url) if url and url not in links else links
        if subject:
            said = f"{subject}\n{said}".rstrip()
        files = page.rows.files.get(number)
        if files and unsent:
            files = {name: file for name, file in files.items() if name in placed}
        who = None if mine else handle or 0
        return self._message(guid, who, sent_at, said, files, placed, links, original or "", room, page)

    def _message(
        self,
        guid: str,
        handle: int | None,
        sent_at: datetime,
        text: str,
        files: Mapping[str, Attachment] | None,
        placed: Sequence[str],
        links: tuple[str, ...],
        original: str,
        room: _Room,
        page: _Page,
    ) -> Message | None:
        """The message of what a row says, if it says anything or brings a file."""
        attachments = _attachments(files, placed) if files else ()
        if not text and not attachments:
            return None
        made = Making()
        made.id = guid
        made.conversation = room.id
        made.title = room.title
        made.sender, made.people = room.who.get(handle) or self._who(handle, room)
        made.sent_at = sent_at
        made.text = text
        made.reply_to = original
        made.quoted = self._quoted(page.rows.originals.get(original)) if original else ""
        made.attachments = attachments
        made.links = links
        made.reactions = page.reactions.get(guid, ())
        made.locator = _LOCATOR + (guid if page.safe else quote(guid, safe="-_"))
        made.__class__ = Message  # type: ignore[assignment]  # Python lets only classes of one layout change so
        return made  # type: ignore[return-value]

    def _quoted(self, original: Row | None) -> str:
        """The first words of a replied-to message, as it is now; "" when it was unsent, deleted or cannot be read."""
        if original is None:
            return ""
        *_, text, body, summary, _ = original
        try:
            said = self._bodies.speech(text=text, body=body, summary=summary, incoming=not original[MINE]).text
        except Unreadable:
            return ""  # it is reported where it stands itself
        head = _HEAD.match(said)
        return head[0] if head else ""

    def _room(self, place: int) -> _Room:
        number = self._index.days.conversations[place]
        room = self._rooms.get(number)
        if room is None:
            conversation = self._index.conversations.all[number]
            room = self._rooms[number] = _Room(conversation, conversation.id, conversation.title)
        return room

    def _sender(self, handle: int | None) -> Party:
        return ME if handle is None else self._index.conversations.parties.get(handle, UNKNOWN)

    def _who(self, handle: int | None, room: _Room) -> Who:
        """Who sent a row, and all who take part in its conversation."""
        conversation, sender = room.conversation, self._sender(handle)
        if sender is UNKNOWN and conversation.partner:
            sender = conversation.partner
        people = conversation.people if sender in conversation.people else (sender, *conversation.people)
        found = room.who[handle] = sender, people
        return found


def _moment(row: Row) -> tuple[int, int]:
    """What rows are ordered by: nanoseconds since 2001, then ROWID."""
    date = row[DATE] or 0
    return (date if date >= NANOSECONDS_FROM else date * _SECOND, row[0])


def _same(one: Message, other: Message) -> bool:
    return (one.sender, one.text, one.attachments) == (other.sender, other.text, other.attachments)


def _sent_at(date: int | None) -> datetime | None:
    if date is None or date <= 0:
        return None
    if date >= NANOSECONDS_FROM:  # no such number lies past the year 9999
        return _EPOCH + timedelta(0, 0, date // 1000)
    try:
        return _EPOCH + timedelta(0, date)
    except OverflowError:
        return None


def _reactions(tapbacks: Iterable[Row], actor: Callable[[int | None], Party]) -> Mapping[str, tuple[str, ...]]:
    """What stands of the tapbacks (in order of time) on each guid: the last of each person on each part, if it adds."""
    standing: dict[str, dict[tuple[str, str], str]] = {}
    for row in tapbacks:
        part, guid = split_target(row[ABOUT])
        who = actor(None if row[MINE] else row[HANDLE] or 0).handle
        on_target = standing.setdefault(guid, {})
        on_target.pop((part, who), None)
        kind = row[KIND]
        if kind < _FIRST_REMOVAL:
            on_target[part, who] = f"{_TAPBACKS.get(kind) or row[EMOJI] or 'emoji'} by {who}"
    return {guid: tuple(on_target.values()) for guid, on_target in standing.items()}


def _attachments(files: Mapping[str, Attachment], placed: Sequence[str]) -> tuple[Attachment, ...]:
    """The files of a message, first those that its body places, in its order."""
    rest = [file for guid, file in files.items() if guid not in placed]
    return (*(files[guid] for guid in placed if guid in files), *rest)
