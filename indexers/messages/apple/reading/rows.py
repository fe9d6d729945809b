"""The rows of neighbouring conversation-days, read at once with the files on them and the rows that they answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexers.messages.apple.database import Kind, MessagesDatabase, Row
from indexers.messages.apple.scan.index import FIRST_TAPBACK, NANOSECONDS_FROM, Index, speech_condition
from indexers.record import Attachment

INLINE_BYTES = 2**15
"""Rows with more are not read with their page but alone, when their turn comes, so that no page is large."""

GUID, DATE, HANDLE, MINE, KIND, ABOUT, EMOJI, ORIGINAL = range(1, 9)
_SHORT: Sequence[tuple[str, Kind]] = (
    ("guid", "TEXT"),
    ("date", "INTEGER"),
    ("handle_id", "INTEGER"),
    ("is_from_me", "INTEGER"),
    ("associated_message_type", "INTEGER"),
    ("associated_message_guid", "TEXT"),
    ("associated_message_emoji", "TEXT"),
    ("thread_originator_guid", "TEXT"),
    ("balloon_bundle_id", "TEXT"),
    ("subject", "TEXT"),
)
_LONG: Sequence[tuple[str, Kind]] = (
    ("text", "TEXT"),
    ("attributedBody", "BLOB"),
    ("message_summary_info", "BLOB"),
    ("payload_data", "BLOB"),
)
_PREVIEW_FILE = ".pluginPayloadAttachment"


@dataclass(frozen=True, slots=True)
class Rows:
    """What was said, the tapbacks on it, its files by guid, and what it answers.

    Most rows are `ordinary`, a body (or a text) and nothing else: ROWID, guid, date, the handle (None: the owner's) and
    what is said. The `other` ones are ROWID, `_SHORT` and `_LONG`, as are tapbacks and originals. `large` has, for those
    whose long columns were not read, the size of the longest.
    """

    ordinary: Mapping[int, Row]
    other: Mapping[int, Row]
    large: Mapping[int, int]
    tapbacks: Sequence[Row]
    files: Mapping[int, Mapping[str, Attachment]]
    originals: Mapping[str, Row]


class RowReader:
    """Reads rows by ROWID, in statements made for the columns that this database has."""

    def __init__(self, database: MessagesDatabase, index: Index) -> None:
        self._database = database
        self._index = index
        self._media = _media_folders(database.path.parent)
        self._ordinary = _ordinary(database)
        self._small, self._large, self._any = _selects(database)
        self._files_sql = _files_sql(database)

    def rows(self, wanted: Sequence[int]) -> Rows:
        """Those of the wanted rows that are (still) there."""
        found = self._database.among(self._ordinary, wanted)
        ordinary = {row[0]: row for row in found if row[4] is not None}
        other: dict[int, Row] = {}
        tapbacks: list[Row] = []
        large: dict[int, int] = {}
        rest = {row[0] for row in found if row[4] is None}
        for row in self._database.among(self._small.format("ROWID"), rest) if rest else ():
            rest.discard(row[0])
            if row[KIND] is None or row[KIND] < FIRST_TAPBACK:
                other[row[0]] = row
            else:
                tapbacks.append(row)
        for row in self._database.among(self._large.format("ROWID"), rest) if rest else ():
            other[row[0]] = row[:-1]
            large[row[0]] = row[-1]
        answered = {row[ORIGINAL] for row in other.values() if row[ORIGINAL]}
        originals = self._database.among(self._small.format("guid"), answered) if answered else ()
        return Rows(
            ordinary=ordinary,
            other=other,
            large=large,
            tapbacks=tapbacks,
            files=self._files([row for row in wanted if row in self._index.files]),
            originals={row[GUID]: row for row in originals if self._index.visible(row[0])},
        )

    def whole(self, row: int) -> Row | None:
        """A large row with its long columns; None when it is gone."""
        found = self._database.rows(self._any, (row,))
        return found[0] if found else None

    def _files(self, rows: Sequence[int]) -> Mapping[int, Mapping[str, Attachment]]:
        """The attachments of rows by guid. No stickers, and none of the files that a link's preview is kept in."""
        files: dict[int, dict[str, Attachment]] = {}
        found = self._database.among(self._files_sql, rows) if rows and self._files_sql else ()
        for row, number, guid, path, name, mime, described in found:
            shown = described or name or (path or "").rpartition("/")[2]
            if shown and not shown.endswith(_PREVIEW_FILE):
                attachment = Attachment(name=shown, mime=mime or "", path=_local(path, self._media))
                files.setdefault(row, {})[guid or str(number)] = attachment
        return files


def _ordinary(database: MessagesDatabase) -> str:
    """The rows of a set of ROWIDs; what is said is NULL in those that say more than a body or a text.

    The conditions are such that every row of which they are not known to hold is read in full.
    """
    texts = {
        name: database.column("message", name, "TEXT") for name in ("guid", "text", "thread_originator_guid", "subject")
    }
    numbers = ("item_type", "associated_message_type", "schedule_type", "date_retracted")
    date, mine, handle = (database.column("message", name, "INTEGER") for name in ("date", "is_from_me", "handle_id"))
    body, summary = (database.column("message", name, "BLOB") for name in ("attributedBody", "message_summary_info"))
    payload = database.column("message", "payload_data", "BLOB")
    conditions = [f"{name} = 0" for name in numbers if database.has("message", name)]
    conditions += [f"{column} IS NULL" for column in (payload, texts["thread_originator_guid"], texts["subject"])]
    conditions += [f"{date} > {NANOSECONDS_FROM}", f"{texts['guid']} > ''"]
    conditions += [f"({summary} IS NULL OR {body} IS NOT NULL AND NOT instr({summary}, x'527270'))"]
    conditions += [f"coalesce(length({body}), length({texts['text']})) BETWEEN 1 AND {INLINE_BYTES}"]
    return (
        f"SELECT ROWID, {texts['guid']}, {date}, CASE WHEN {mine} THEN NULL ELSE coalesce({handle}, 0) END, "  # noqa: S608
        f"CASE WHEN {' AND '.join(conditions)} THEN coalesce({body}, {texts['text']}) END "
        "FROM message WHERE ROWID IN (SELECT value FROM json_each(?))"
    )


def _selects(database: MessagesDatabase) -> tuple[str, str, str]:
    """Small rows of a set and large ones of a set (of ROWIDs or guids: the column that `format` fills in), and any one.

    The large ones come without their long columns, and with the size of the longest.
    """
    kind = database.column("message", "associated_message_type", "INTEGER")
    retracted = f"coalesce({database.column('message', 'date_retracted', 'INTEGER')}, 0) != 0"
    bodiless = "attributedBody IS NULL" if database.has("message", "attributedBody") else "1"
    short = ", ".join(("ROWID", *(database.column("message", name, value) for name, value in _SHORT)))
    long = {name: database.column("message", name, value) for name, value in _LONG}
    sizes = [f"coalesce(length({name}), 0)" for name, column in long.items() if column != "NULL"] or ["0"]
    if database.has("message", summary := "message_summary_info"):
        # what was edited stands in the body; the record tells what was unsent ("rp"), and the text where no body is
        needed = f"{retracted} OR {bodiless} OR instr({summary}, x'527270')"
        long[summary] = f"CASE WHEN {summary} IS NOT NULL AND ({needed}) THEN {long[summary]} END"
    whole = ", ".join((short, *long.values()))
    spoken = f"(({speech_condition(database)}) OR {kind} >= {FIRST_TAPBACK})"
    among = f"WHERE {{}} IN (SELECT value FROM json_each(?)) AND {spoken} AND {' + '.join(sizes)}"  # noqa: S608  # our own names, as below
    nothing = ", ".join("NULL" for _ in long)
    return (
        f"SELECT {whole} FROM message {among} <= {INLINE_BYTES}",  # noqa: S608
        f"SELECT {short}, {nothing}, max({', '.join(sizes)}, 0) FROM message {among} > {INLINE_BYTES}",  # noqa: S608
        f"SELECT {whole} FROM message WHERE ROWID = ?",  # noqa: S608
    )


def _files_sql(database: MessagesDatabase) -> str:
    """The files of a set of messages; "" where there is no table of them."""
    if not (database.has("message_attachment_join") and database.has("attachment")):
        return ""
    names = ("guid", "filename", "transfer_name", "mime_type", "emoji_image_short_description")
    columns = ", ".join(database.column("attachment", name, "TEXT") for name in names)
    sticker = database.column("attachment", "is_sticker", "INTEGER")
    return (
        f"SELECT j.message_id, attachment.ROWID, {columns} FROM message_attachment_join j "  # noqa: S608  # our names
        "JOIN attachment ON attachment.ROWID = j.attachment_id "
        f"WHERE j.message_id IN (SELECT value FROM json_each(?)) AND coalesce({sticker}, 0) = 0 "
        "ORDER BY j.message_id, attachment.ROWID"
    )


def _media_folders(messages: Path) -> tuple[str, ...]:
    """Where attachments may lie: the owner's home (for "~"), then the folders that Messages keeps files in."""
    home = messages.parent.parent if messages.parts[-2:] == ("Library", "Messages") else Path.home()
    kept = (messages, home / "Library/Messages", home / "Library/SMS")
    return (str(home), *(f"{folder}/{name}/" for folder in kept for name in ("Attachments", "StickerCache")))


def _local(path: str | None, media: Sequence[str]) -> str:
    """The path of an attachment, "" when it is in iCloud only or claims to lie outside the folders of Messages."""
    if not path or "\0" in path:
        return ""
    home, *folders = media
    whole = os.path.normpath(home + path[1:] if path.startswith("~/") else path)
    return whole if whole.startswith(tuple(folders)) else ""
