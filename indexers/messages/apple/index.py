"""The cheap pass over the whole database: which conversation-days exist, what they hold, whether they changed."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from indexers.messages.apple.conversations import Conversations
from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.source import Item

PAGE_ROWS = 4096
APPLE_EPOCH = 978_307_200
"""2001-01-01 in Unix seconds."""
NANOSECONDS_FROM = 10**12
"""Dates from here on are nanoseconds since 2001, smaller ones seconds (before 10.13); both occur in one database."""
FIRST_TAPBACK = 2000

_EPOCH_DAY = APPLE_EPOCH // 86_400
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _FIRST_ORDINAL
_DAYS = 2**22
_UNDATED, _UNDATED_NAME = _DAYS - 1, "undated"
_MASK = 2**64 - 1
_TARGET = re.compile(r"(?:p:(\d+)/|bp:)?(.+)", re.DOTALL)
_SPARSE_FACTOR = 16


class Membership:
    """For each message's ROWID its conversation + 1, or why it has none. Four bytes a message if ROWIDs are dense."""

    GONE, HIDDEN, LOOSE = -2, -1, 0
    """Recently deleted; in hidden chats only; in no chat."""

    def __init__(self, *, last: int, count: int) -> None:
        self._dense = array("i", bytes(4 * (1 + max(0, min(last, _SPARSE_FACTOR * (count + PAGE_ROWS))))))
        self._sparse: dict[int, int] = {}

    def of(self, rows: Sequence[int]) -> list[int]:
        dense, size, sparse = self._dense, len(self._dense), self._sparse
        return [dense[row] if 0 <= row < size else sparse.get(row, 0) for row in rows]

    def __getitem__(self, row: int) -> int:
        return self.of((row,))[0]

    def put(self, rows: Sequence[int], values: Sequence[int]) -> None:
        """A message in several conversations belongs to the first of them that is not hidden."""
        for row, value, present in zip(rows, values, self.of(rows), strict=True):
            if present == self.LOOSE or present < 0 < value or 0 < value < present:
                self._set(row, value)

    def remove(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._set(row, self.GONE)

    def _set(self, row: int, value: int) -> None:
        if 0 <= row < len(self._dense):
            self._dense[row] = value
        else:
            self._sparse[row] = value


@dataclass(slots=True)
class Days:
    """The conversation-days found, by column: their place, the ROWIDs of messages and of tapbacks on them, the digests.

    A key is a conversation and a day in one number. About 250 bytes a day and 8 a message.
    """

    place: dict[int, int] = field(default_factory=dict)
    conversations: array[int] = field(default_factory=lambda: array("i"))
    rows: list[array[int]] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)

    def add(self, key: int, row: int, digest: int) -> None:
        """Digests are summed, so that neither the order of rows nor new ROWIDs after a rebuild change an item."""
        place = self.place.get(key)
        if place is None:
            self.place[key] = len(self.rows)
            self.conversations.append(key // _DAYS)
            self.rows.append(array("q", (row,)))
            self.digests.append(digest)
        else:
            self.rows[place].append(row)
            self.digests[place] = (self.digests[place] + digest) & _MASK


@dataclass(frozen=True, slots=True)
class Index:
    """What one scan found. `files` has, for each message with attachments, one number that changes when they do."""

    conversations: Conversations
    members: Membership
    days: Days
    files: Mapping[int, int]

    def items(self) -> Iterator[Item]:
        """One Item for each conversation-day, in the order in which their first rows were written."""
        states = [_digest(conversation.state) for conversation in self.conversations.all]
        names = {_UNDATED: _UNDATED_NAME}
        for key, place in self.days.place.items():
            number, day = divmod(key, _DAYS)
            digest = (self.days.digests[place] + states[number]) & _MASK
            if day not in names:
                names[day] = date.fromordinal(_FIRST_ORDINAL + day).isoformat()
            yield Item(
                id=f"{self.conversations.all[number].id}/{names[day]}",
                fingerprint=f"{digest:016x}",
                size=len(self.days.rows[place]),
            )

    def find(self, item_id: str) -> int | None:
        """The place of an item in `days`; None when it is not there (any more)."""
        name, _, day = item_id.rpartition("/")
        number = self.conversations.numbers.get(name)
        if number is None:
            return None
        try:
            ordinal = _UNDATED if day == _UNDATED_NAME else date.fromisoformat(day).toordinal() - _FIRST_ORDINAL
        except ValueError:
            return None
        return self.days.place.get(number * _DAYS + ordinal)

    def visible(self, row: int) -> bool:
        """Whether a row is neither recently deleted nor in hidden chats only."""
        return self.members[row] >= Membership.LOOSE

    def key(self, member: int, moment: int | None, handle: int | None) -> int:
        """The conversation-day of a message; one in no chat is filed with the person who sent it."""
        conversations = self.conversations
        number = member - 1 if member > 0 else conversations.of_handle.get(handle or 0, conversations.unfiled)
        if moment is None or moment <= 0:
            return number * _DAYS + _UNDATED
        day = (moment // 10**9 if moment >= NANOSECONDS_FROM else moment) // 86_400 + _EPOCH_DAY
        return number * _DAYS + (day if day <= _LAST_DAY else _UNDATED)


def build(database: MessagesDatabase, conversations: Conversations) -> Index:
    """Read the state of every message once, page by page."""
    index = Index(conversations, _members(database, conversations), Days(), _files(database))
    members, files, add, key = index.members, index.files, index.days.add, index.key
    for page in database.pages(_scan_sql(database), size=PAGE_ROWS):
        targets = _targets(database, page)
        member_of = members.of([row[0] for row in page])
        for (row, moment, handle, kind, about, original, state), member in zip(page, member_of, strict=True):
            if member < Membership.LOOSE:
                continue
            if kind is not None and kind >= FIRST_TAPBACK:
                target = targets.get(split_target(about)[1])
                if target is not None and index.visible(target[0]):
                    add(key(members[target[0]], target[2], target[3]), row, _digest(state))
                continue
            if original is not None:
                quoted = targets.get(original)
                state += f"\0{quoted[-1]}" if quoted is not None and index.visible(quoted[0]) else "\0"
            if row in files:
                state += f"\0{files[row]}"
            add(key(member, moment, handle), row, _digest(state))
    return index


def speech_condition(database: MessagesDatabase) -> str:
    """The SQL that is true of rows that somebody said: no system rows, stickers, votes, tapbacks, unsent schedules.

    A scheduled message carries its future date until it is sent.
    """
    kind, item, scheduled, sent = (
        database.column("message", name, "INTEGER")
        for name in ("associated_message_type", "item_type", "schedule_type", "is_sent")
    )
    return (
        f"coalesce({item}, 0) = 0 AND coalesce({kind}, 0) IN (0, 2, 3) "
        f"AND (coalesce({scheduled}, 0) != 2 OR coalesce({sent}, 0) != 0)"
    )


def split_target(about: str | None) -> tuple[str, str]:
    """The part and the guid that an `associated_message_guid` names: "p:1/GUID", "bp:GUID" or "GUID"."""
    found = _TARGET.fullmatch(about or "")
    return (found[1] or "0", found[2]) if found else ("0", "")


def _digest(state: str) -> int:
    return int.from_bytes(hashlib.blake2b(state.encode(), digest_size=8).digest(), "little")


def _scan_sql(database: MessagesDatabase) -> str:
    moment, handle, kind = (
        database.column("message", name, "INTEGER") for name in ("date", "handle_id", "associated_message_type")
    )
    about, original = (
        database.column("message", name, "TEXT") for name in ("associated_message_guid", "thread_originator_guid")
    )
    return (
        f"SELECT ROWID, {moment}, {handle}, {kind}, {about}, {original}, {_state_sql(database)} "  # noqa: S608  # ours
        f"FROM message WHERE ROWID > ? AND (({speech_condition(database)}) "
        f"OR {kind} BETWEEN 2000 AND 2007 OR {kind} BETWEEN 3000 AND 3007) ORDER BY ROWID LIMIT ?"
    )


def _state_sql(database: MessagesDatabase) -> str:
    """Everything of a row that may change while the row stays, as one string. Lengths are had without the contents."""
    short = ("guid", "date", "handle_id", "is_from_me", "date_edited", "date_retracted", "associated_message_emoji")
    long = ("attributedBody", "message_summary_info", "payload_data", "text")
    columns = [f'"{name}"' for name in short if database.has("message", name)]
    columns += [f'length("{name}")' for name in long if database.has("message", name)]
    return f"printf('{'%s|' * len(columns)}', {', '.join(columns)})"


def _targets(database: MessagesDatabase, page: list[Row]) -> Mapping[str, Row]:
    """The rows (ROWID, guid, date, handle, state) that a page's tapbacks and replies are about, by guid."""
    wanted = {split_target(row[4])[1] for row in page if row[3] is not None and row[3] >= FIRST_TAPBACK}
    wanted |= {row[5] for row in page if row[5] is not None}
    if not wanted:
        return {}
    moment, handle = (database.column("message", name, "INTEGER") for name in ("date", "handle_id"))
    found = database.among(
        f"SELECT ROWID, guid, {moment}, {handle}, {_state_sql(database)} FROM message "  # noqa: S608  # our own names
        f"WHERE guid IN (SELECT value FROM json_each(?)) AND {speech_condition(database)}",
        wanted,
    )
    return {row[1]: row for row in found}


def _members(database: MessagesDatabase, conversations: Conversations) -> Membership:
    ((last, count),) = database.rows("SELECT coalesce(max(ROWID), 0), count(*) FROM message")
    members = Membership(last=last, count=count)
    value = {chat: number + 1 for chat, number in conversations.of_chat.items()}
    value |= dict.fromkeys(conversations.hidden, Membership.HIDDEN)
    joined = (
        "SELECT ROWID, CAST(message_id AS INTEGER), CAST(chat_id AS INTEGER) FROM {} "
        "WHERE ROWID > ? AND message_id IS NOT NULL ORDER BY ROWID LIMIT ?"
    )
    for page in database.pages(joined.format("chat_message_join"), size=PAGE_ROWS):
        members.put([row for _, row, _ in page], [value.get(chat, Membership.LOOSE) for _, _, chat in page])
    if database.has("chat_recoverable_message_join"):
        for page in database.pages(joined.format("chat_recoverable_message_join"), size=PAGE_ROWS):
            members.remove(row for _, row, _ in page)
    return members


def _files(database: MessagesDatabase) -> Mapping[int, int]:
    """For each message with attachments one number that changes when they do (one arrives from iCloud, say)."""
    if not (database.has("message_attachment_join") and database.has("attachment")):
        return {}
    columns = [
        database.column("attachment", name, "TEXT")
        for name in ("guid", "filename", "transfer_name", "mime_type", "emoji_image_short_description")
    ]
    found: dict[int, int] = {}
    sql = (
        f"SELECT j.ROWID, CAST(j.message_id AS INTEGER), printf('{'%s|' * len(columns)}', {', '.join(columns)}) "  # noqa: S608
        "FROM message_attachment_join j JOIN attachment ON attachment.ROWID = j.attachment_id "
        "WHERE j.ROWID > ? ORDER BY j.ROWID LIMIT ?"
    )
    for page in database.pages(sql, size=PAGE_ROWS):
        for _, row, state in page:
            found[row] = (found.get(row, 0) + _digest(state)) & _MASK
    return found
