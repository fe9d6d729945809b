"""The state of a message as SQL: everything of its row that may change while the row stays, as one string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.messages.apple.index import digest, speech_condition

PAGE_ROWS = 4096
_MASK = 2**64 - 1
_LAST = 2**63 - 1

_ALWAYS = ("guid", "date", "handle_id", "is_from_me")
_MOSTLY_ZERO = ("date_edited", "date_retracted", "associated_message_type")
_MOSTLY_NULL = ("associated_message_guid", "associated_message_emoji", "thread_originator_guid")
_LONG_MOSTLY_NULL = ("message_summary_info", "payload_data", "text")


class States:
    """The statements that read states, made for the columns that a database has."""

    def __init__(self, database: MessagesDatabase) -> None:
        moment, handle, kind = (
            database.column("message", name, "INTEGER") for name in ("date", "handle_id", "associated_message_type")
        )
        about, original = (
            database.column("message", name, "TEXT") for name in ("associated_message_guid", "thread_originator_guid")
        )
        speech, state = speech_condition(database), _state(database)
        zeros = ("item_type", "associated_message_type", "schedule_type")
        # almost all rows are such, and told so faster
        ordinary = " AND ".join(f'"{name}" = 0' for name in zeros if database.has("message", name)) or "0"
        told = f"(({ordinary}) OR ({speech}) OR {kind} BETWEEN 2000 AND 2007 OR {kind} BETWEEN 3000 AND 3007)"
        rows = f"SELECT ROWID, {moment}, {handle}, {kind}, {about}, {original}, {state} FROM message"  # noqa: S608  # ours
        self._within = f"{rows} WHERE ROWID BETWEEN ? AND ? AND {told} ORDER BY ROWID"
        self._among = f"{rows} WHERE ROWID IN (SELECT value FROM json_each(?)) AND {told} ORDER BY ROWID"  # noqa: S608  # ours
        self._joined = (
            f"SELECT total(ROWID), group_concat({state}) FROM message "  # noqa: S608  # our own names
            f"WHERE ROWID BETWEEN ? AND ? AND {told}"
        )
        self._of_guids = (
            f"SELECT ROWID, guid, {moment}, {handle}, {state} FROM message "  # noqa: S608  # our own names
            f"WHERE guid IN (SELECT value FROM json_each(?)) AND {speech}"
        )

    def same(self, other: States) -> bool:
        """Whether the other reads the same columns."""
        return vars(self) == vars(other)

    def within(self, database: MessagesDatabase, first: int, last: int) -> list[Row]:
        """ROWID, date, handle, kind, target, original and state of the messages and tapbacks from first to last."""
        return database.rows(self._within, (first, last))

    def among(self, database: MessagesDatabase, rows: Sequence[int]) -> list[Row]:
        """The same of some rows."""
        return database.among(self._among, rows)

    def joined(self, database: MessagesDatabase, first: int, last: int) -> Row:
        """The sum of the ROWIDs and the states, with commas, of the messages and tapbacks from first to last."""
        return database.rows(self._joined, (first, last))[0]

    def of_guids(self, database: MessagesDatabase, guids: Iterable[str]) -> Mapping[str, Row]:
        """ROWID, guid, date, handle and state of messages, by guid."""
        return {row[1]: row for row in database.among(self._of_guids, guids)}


def _state(database: MessagesDatabase) -> str:
    """The state. Lengths are had without the contents; what most rows have not is written for the others only."""
    always = [f'"{name}"' for name in _ALWAYS if database.has("message", name)]
    always += ['length("attributedBody")'] if database.has("message", "attributedBody") else []
    zeros, nulls, longs = (
        [f'"{name}"' for name in names if database.has("message", name)]
        for names in (_MOSTLY_ZERO, _MOSTLY_NULL, _LONG_MOSTLY_NULL)
    )
    seldom = [*zeros, *nulls, *(f"length({name})" for name in longs)]
    if not seldom:
        return _printed(always)
    nothing = [f"ifnull({name}, 0) = 0" for name in zeros] + [f"{name} IS NULL" for name in (*nulls, *longs)]
    return f"CASE WHEN {' AND '.join(nothing)} THEN {_printed(always)} ELSE {_printed([*always, *seldom])} END"


def _printed(columns: Sequence[str]) -> str:
    return f"printf('{'%s|' * len(columns)}', {', '.join(columns)})"


class JoinedSum(NamedTuple):
    """Rows of `chat_message_join` up to one ROWID: how many, and a sum that differs when they do."""

    to: int
    rows: int
    sum: int

    def and_then(self, more: JoinedSum) -> JoinedSum:
        return JoinedSum(more.to, self.rows + more.rows, self.sum + more.sum)


def joined_sum(database: MessagesDatabase, *, after: int = -(2**63), to: int | None = None) -> JoinedSum:
    """The sum of the rows after a ROWID, up to another or to the last there is."""
    if to is None:
        ((last,),) = database.rows("SELECT max(ROWID) FROM chat_message_join")
        to = after if last is None else max(after, last)
    # every term stays below 2^63, and so does the sum of thirty million of them
    sql = (
        "SELECT count(*), coalesce(sum((((message_id & 0xffffff) * 7919 + (message_id >> 24) * 104729 "
        "+ (chat_id & 0xffffffff) * 15485863) & 0xfffffffff) * (ROWID & 8191 | 1) & 0x3fffffffff), 0) "
        "FROM chat_message_join WHERE ROWID > ? AND ROWID <= ?"
    )
    ((count, total),) = database.rows(sql, (after, to))
    return JoinedSum(to, count, total)


def removed_from_chats(database: MessagesDatabase) -> frozenset[int]:
    """The messages that are recently deleted."""
    if not database.has("chat_recoverable_message_join"):
        return frozenset()
    found = database.rows("SELECT CAST(message_id AS INTEGER) FROM chat_recoverable_message_join")
    return frozenset(row for (row,) in found if row is not None)


def files_of(database: MessagesDatabase) -> dict[int, int]:
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
            found[row] = (found.get(row, 0) + digest(state)) & _MASK
    return found
