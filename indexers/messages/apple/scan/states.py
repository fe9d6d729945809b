"""The state of a message as SQL: everything of its row that may change while the row stays, as one string."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.messages.apple.scan.index import FIRST_TAPBACK, digest, speech_condition

PAGE_ROWS = 4096
_MASK = 2**64 - 1

_BETWEEN = "\x1f"
_SELDOM = 7
"""What stands in `seldom` before what a row is about."""


class Told(NamedTuple):
    """Messages and tapbacks by column: ROWIDs, Apple dates, handles, guids, what only few have, states.

    A state is everything of a row that may change while the row stays; `seldom` ("" for most) is a part of it.
    """

    rows: Sequence[int] = ()
    dates: Sequence[int] = ()
    handles: Sequence[int] = ()
    guids: Sequence[str] = ()
    seldom: Sequence[str] = ()
    states: Sequence[str] = ()


def about(seldom: str) -> tuple[int, str]:
    """The kind of a row, and what it is about: of tapbacks as `split_target` takes it, of replies a guid."""
    if not seldom:
        return 0, ""
    kind, *_, target = seldom.split("|", _SELDOM)
    return int(kind), target


class States:
    """The statements that read states, made for the columns that a database has.

    SQLite joins each column of many rows to one string, which takes a fraction of the time of as many results.
    """

    def __init__(self, database: MessagesDatabase) -> None:
        kind = database.column("message", "associated_message_type", "INTEGER")
        speech = speech_condition(database)
        zeros = ("item_type", "associated_message_type", "schedule_type")
        # almost all rows are such, and told so faster
        ordinary = " AND ".join(f'"{name}" = 0' for name in zeros if database.has("message", name)) or "0"
        told = f"(({ordinary}) OR ({speech}) OR {kind} BETWEEN 2000 AND 2007 OR {kind} BETWEEN 3000 AND 3007)"
        columns = _columns(database)
        joined = ", ".join(f"group_concat({column}, '{_BETWEEN}')" for column in columns)
        self._each = f"SELECT {', '.join(columns)} FROM message WHERE "  # noqa: S608  # our own names
        self._joined = f"SELECT count(*), {joined} FROM message WHERE "  # noqa: S608  # our own names
        self._within = f"ROWID BETWEEN ? AND ? AND {told}"
        self._among = f"ROWID IN (SELECT value FROM json_each(?)) AND {told}"  # noqa: S608  # ours
        self._of_guids = f"guid IN (SELECT value FROM json_each(?)) AND {speech}"  # noqa: S608  # ours

    def same(self, other: States) -> bool:
        """Whether the other reads the same columns."""
        return vars(self) == vars(other)

    def joined(self, database: MessagesDatabase, first: int, last: int) -> Row:
        """All that is told from a ROWID to another, to be compared and taken by `within`."""
        return database.rows(self._joined + self._within, (first, last))[0]

    def within(self, database: MessagesDatabase, first: int, last: int, joined: Row) -> Told:
        """The messages and tapbacks from a ROWID to another, of what `joined` said."""
        return self._told(database, self._within, (first, last), joined)

    def among(self, database: MessagesDatabase, rows: Sequence[int]) -> Told:
        """Some messages and tapbacks."""
        return self._told(database, self._among, (json.dumps(rows),))

    def of_guids(self, database: MessagesDatabase, guids: Iterable[str]) -> Told:
        """Some messages."""
        return self._told(database, self._of_guids, (json.dumps(list(guids)),))

    def _told(
        self, database: MessagesDatabase, where: str, parameters: Sequence[object], joined: Row | None = None
    ) -> Told:
        count, *strings = joined or database.rows(self._joined + where, parameters)[0]
        if not count:
            return Told()
        columns = [string.split(_BETWEEN) for string in strings]
        if any(len(column) != count for column in columns):  # the separator stands in a text
            rows = database.rows(self._each + where, parameters)
            columns = [[str(value) for value in column] for column in zip(*rows, strict=True)]
        rowids, dates, handles, guids, seldom, *_ = columns
        return Told(
            list(map(int, rowids)),
            list(map(int, dates)),
            list(map(int, handles)),
            guids,
            seldom,
            list(map("|".join, zip(*columns[1:], strict=True))),
        )


def _columns(database: MessagesDatabase) -> list[str]:
    """What of a row makes its state, after its ROWID."""
    date, handle, mine = (database.column("message", name, "INTEGER") for name in ("date", "handle_id", "is_from_me"))
    guid = database.column("message", "guid", "TEXT")
    size = 'length("attributedBody")' if database.has("message", "attributedBody") else "NULL"
    return [
        "ROWID",
        *(f"ifnull({number}, 0)" for number in (date, handle)),
        f"ifnull({guid}, '')",
        _seldom(database),
        *(f"ifnull({value}, '')" for value in (mine, size)),
    ]


def _seldom(database: MessagesDatabase) -> str:
    """What most rows do not have: the kind first, what it is about last. Lengths are had without the contents."""
    kind, edited, retracted = (
        database.column("message", name, "INTEGER")
        for name in ("associated_message_type", "date_edited", "date_retracted")
    )
    emoji, about, original = (
        database.column("message", name, "TEXT")
        for name in ("associated_message_emoji", "associated_message_guid", "thread_originator_guid")
    )
    summary, payload, text = (
        f'length("{name}")' if database.has("message", name) else "NULL"
        for name in ("message_summary_info", "payload_data", "text")
    )
    target = f"CASE WHEN {kind} >= {FIRST_TAPBACK} THEN {about} ELSE {original} END"
    values = (kind, edited, retracted, f"hex({emoji})", summary, payload, text, target)
    zeros = [f"ifnull({number}, 0) = 0" for number in (kind, edited, retracted) if number != "NULL"]
    nulls = [f"{value} IS NULL" for value in (emoji, original, summary, payload, text) if value != "NULL"]
    printed = f"printf('%d|{'%s|' * (_SELDOM - 1)}%s', {', '.join(values)})"
    return f"CASE WHEN {' AND '.join((*zeros, *nulls)) or '1'} THEN '' ELSE {printed} END"


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
