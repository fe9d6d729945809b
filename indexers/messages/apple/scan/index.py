"""What is known of a database between looks: which conversation-days exist, what they hold, what they came from."""

from __future__ import annotations

import hashlib
import re
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from indexers.messages.apple.conversations import Conversations
from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.source import Item

APPLE_EPOCH = 978_307_200
"""2001-01-01 in Unix seconds."""
NANOSECONDS_FROM = 10**12
"""Dates from here on are nanoseconds since 2001, smaller ones seconds (before 10.13); both occur in one database."""
FIRST_TAPBACK = 2000

_NANOSECONDS_A_DAY = 86_400 * 10**9
_EPOCH_DAY = APPLE_EPOCH // 86_400
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _FIRST_ORDINAL
_DAYS = 2**22
_UNDATED, _UNDATED_NAME = _DAYS - 1, "undated"
_MASK = 2**64 - 1
_TARGET = re.compile(r"(?:p:(\d+)/|bp:)?(.+)", re.DOTALL)
_SPARSE_FACTOR = 16
_SPARE_ROWS = 4096
_COMPARED = 4096


def dense_size(*, last: int, count: int) -> int:
    """How many ROWIDs from 0 on are kept in arrays; those of a sparse table are kept one by one."""
    return 1 + max(0, min(last, _SPARSE_FACTOR * (count + _SPARE_ROWS)))


class Membership:
    """For each message's ROWID its conversation + 1, or why it has none. Four bytes a message if ROWIDs are dense."""

    GONE, HIDDEN, LOOSE = -2, -1, 0
    """Recently deleted; in hidden chats only; in no chat."""

    def __init__(self, size: int) -> None:
        self._dense = array("i", bytes(4 * size))
        self._sparse: dict[int, int] = {}

    def of(self, rows: Sequence[int]) -> list[int]:
        dense, size, sparse = self._dense, len(self._dense), self._sparse
        return [dense[row] if 0 <= row < size else sparse.get(row, 0) for row in rows]

    def __getitem__(self, row: int) -> int:
        return self._dense[row] if 0 <= row < len(self._dense) else self._sparse.get(row, 0)

    def put(self, joined: Iterable[Row], value_of: Mapping[int, int]) -> None:
        """Put the messages of rows (ROWID, message, chat) where their chats are.

        A message in several conversations belongs to the first of them that is not hidden.
        """
        dense, size, sparse = self._dense, len(self._dense), self._sparse
        for _, row, chat in joined:
            value = value_of.get(chat, self.LOOSE)
            present = dense[row] if 0 <= row < size else sparse.get(row, self.LOOSE)
            if present == self.LOOSE or present < 0 < value or 0 < value < present:
                self._set(row, value)

    def remove(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._set(row, self.GONE)

    def differing(self, other: Membership) -> set[int]:
        """The ROWIDs of which the other says something else. It must be of the same size."""
        found = {row for row, _ in self._sparse.items() ^ other._sparse.items()}
        for start in range(0, len(self._dense), _COMPARED):
            ours, theirs = self._dense[start : start + _COMPARED], other._dense[start : start + _COMPARED]
            if ours != theirs:
                found.update(row for row, (a, b) in enumerate(zip(ours, theirs, strict=True), start) if a != b)
        return found

    def _set(self, row: int, value: int) -> None:
        if 0 <= row < len(self._dense):
            self._dense[row] = value
        else:
            self._sparse[row] = value


class Days:
    """The conversation-days found, by column: their place, the ROWIDs of messages and of tapbacks on them, the digests.

    A key is a conversation and a day in one number. About 250 bytes a day and 20 a message: for each ROWID it is kept
    where it was added, and with which digest, so that it can be taken back.
    """

    def __init__(self, size: int) -> None:
        self.place: dict[int, int] = {}
        self.conversations = array("i")
        self.rows: list[array[int]] = []
        self.digests = array("Q")
        self.keys = array("q")
        self._place_of = array("i", bytes(4 * size))  # the place + 1
        self._digest_of = array("Q", bytes(8 * size))
        self._sparse: dict[int, tuple[int, int]] = {}

    def add(self, keys: Iterable[int], rows: Iterable[int], digests: Iterable[int]) -> None:
        """Digests are summed, so that neither the order of rows nor new ROWIDs after a rebuild change an item."""
        place_by_key, held, sums = self.place, self.rows, self.digests
        place_of, digest_of, size = self._place_of, self._digest_of, len(self._place_of)
        for key, row, digest in zip(keys, rows, digests, strict=True):
            place = place_by_key.get(key)
            if place is None:
                place = place_by_key[key] = len(held)
                self.conversations.append(key // _DAYS)
                self.keys.append(key)
                held.append(array("q", (row,)))
                sums.append(digest)
            else:
                held[place].append(row)
                sums[place] = (sums[place] + digest) & _MASK
            if 0 <= row < size:
                place_of[row] = place + 1
                digest_of[row] = digest
            else:
                self._sparse[row] = place, digest

    def take_back(self, row: int) -> int | None:
        """Undo the adding of a row; the place where it was, if it was anywhere."""
        if 0 <= row < len(self._place_of):
            place, digest = self._place_of[row] - 1, self._digest_of[row]
            self._place_of[row] = 0
        else:
            place, digest = self._sparse.pop(row, (-1, 0))
        if place < 0:
            return None
        self.rows[place].remove(row)
        self.digests[place] = (self.digests[place] - digest) & _MASK
        return place

    def at(self, row: int) -> int | None:
        """The place where a row was added."""
        if 0 <= row < len(self._place_of):
            return self._place_of[row] - 1 if self._place_of[row] else None
        return self._sparse[row][0] if row in self._sparse else None

    def settle(self, places: Iterable[int]) -> None:
        """After rows were taken back and added: their order in these places, and no day without any."""
        for place in places:
            if rows := self.rows[place]:
                self.rows[place] = array("q", sorted(rows))
            elif self.place.get(self.keys[place]) == place:
                del self.place[self.keys[place]]

    def within(self, first: int, last: int) -> list[int]:
        """The ROWIDs from first to last that were added."""
        start, end = max(first, 0), min(last + 1, len(self._place_of))
        found = [row for row, place in enumerate(self._place_of[start:end], start) if place]
        return found + [row for row in self._sparse if first <= row <= last]


@dataclass(slots=True)
class Index:
    """What was found.

    `files` has, for each message with attachments, one number that changes when they do.
    """

    conversations: Conversations
    members: Membership
    days: Days
    files: dict[int, int]

    def items(self, places: Iterable[int]) -> Iterator[Item]:
        """The Items of conversation-days."""
        states = [digest(conversation.state) for conversation in self.conversations.all]
        ids = [conversation.id for conversation in self.conversations.all]
        names = {_UNDATED: _UNDATED_NAME}
        keys, digests, rows = self.days.keys, self.days.digests, self.days.rows
        for place in places:
            number, day = divmod(keys[place], _DAYS)
            name = names.get(day)
            if name is None:
                name = names[day] = date.fromordinal(_FIRST_ORDINAL + day).isoformat()
            yield Item(
                id=f"{ids[number]}/{name}",
                fingerprint=f"{(digests[place] + states[number]) & _MASK:016x}",
                size=len(rows[place]),
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

    def key(self, member: int, moment: int, handle: int) -> int:
        """The conversation-day of a message; one in no chat is filed with the person who sent it."""
        conversations = self.conversations
        number = member - 1 if member > 0 else conversations.of_handle.get(handle, conversations.unfiled)
        if moment >= NANOSECONDS_FROM:  # no such number lies past the last day
            return number * _DAYS + moment // _NANOSECONDS_A_DAY + _EPOCH_DAY
        day = moment // 86_400 + _EPOCH_DAY
        return number * _DAYS + (day if moment > 0 and day <= _LAST_DAY else _UNDATED)


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


def digest(state: str) -> int:
    return int.from_bytes(hashlib.blake2b(state.encode(), digest_size=8).digest(), "little")


def digests(states: Iterable[str]) -> Sequence[int]:
    """The digests of many states."""
    whole = b"".join([hashlib.blake2b(state.encode(), digest_size=8).digest() for state in states])
    return struct.unpack(f"<{len(whole) // 8}Q", whole)
