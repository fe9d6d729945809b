"""Writes Messages databases (chat.db) that hold a life of our own making: real schema, archived bodies, WAL mode."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.demo import attributed as body
from agent.demo import chat_schema as schema
from agent.demo.attributed import Stretch

ME = "me"
"""Who wrote a line that the owner wrote."""

_APPLE_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_URL_BALLOON = "com.apple.messages.URLBalloonProvider"
_TAPBACKS = {"love": 2000, "like": 2001, "dislike": 2002, "laugh": 2003, "emphasize": 2004, "question": 2005}
_GROUP_STYLE, _PERSON_STYLE = 43, 45


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment. `path` "" is one that is in iCloud only; `described` is the prompt of a generated emoji."""

    name: str
    mime: str = "image/heic"
    path: str = ""
    sticker: bool = False
    described: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a line. `part` is its bubble; a file or transcript stands on one placeholder character."""

    text: str = ""
    part: int = 0
    mention: str = ""
    link: str = ""
    code: bool = False
    file: File | None = None
    transcript: str = ""
    detected: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tapback:
    """A reaction: `kind` is love, like, dislike, laugh, emphasize, question or an emoji of its own."""

    by: str
    at: datetime
    kind: str = "love"
    part: int = 0
    removed: bool = False
    form: str = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The title and summary that Messages fetched for a link."""

    url: str
    title: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of `message`. `earlier` are the wordings before the edits; `unsent` the parts taken back.

    `plain` writes the `text` column and no archived body. `columns` overrides columns of the row, for rows that are no
    speech and for damage. `guid` "" is derived from who, when and what.
    """

    by: str
    at: datetime
    text: str | Sequence[Piece] = ""
    guid: str = ""
    reply_to: str = ""
    tapbacks: Sequence[Tapback] = ()
    preview: Preview | None = None
    earlier: Sequence[str] = ()
    unsent: Sequence[int] = ()
    plain: bool = False
    mutable: bool = False
    files: Sequence[File] = ()
    columns: Mapping[str, object] = field(default_factory=dict)

    @property
    def pieces(self) -> Sequence[Piece]:
        return (Piece(text=self.text),) if isinstance(self.text, str) else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A row of `chat` and its lines. `people` are handles without the owner; an identifier "chat…" makes it a group."""

    people: Sequence[str]
    lines: Sequence[Line] = ()
    identifier: str = ""
    title: str = ""
    service: str = "iMessage"
    columns: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.identifier or self.people[0]

    @property
    def group(self) -> bool:
        return self.name.startswith("chat")


def write_chat_db(path: Path, chats: Iterable[Chat]) -> None:
    """Write a database of these chats at `path`, rows in order of time, everything checkpointed."""
    with ChatDatabase(path) as database:
        database.add(*chats)


class ChatDatabase:
    """A Messages database held open for writing, as Messages holds it: what it writes stays in the WAL while open."""

    def __init__(
        self,
        path: Path,
        *,
        columns: tuple[tuple[str, str], ...] = schema.MESSAGE_COLUMNS,
        nanoseconds: bool = True,
    ) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.nanoseconds = nanoseconds
        self._columns = frozenset(name for name, _ in columns)
        for name, arguments in schema.FUNCTIONS:
            self.sql.create_function(name, arguments, lambda *_: None)
        self.sql.execute("PRAGMA journal_mode = WAL")
        self.sql.execute("PRAGMA wal_autocheckpoint = 0")
        self.sql.execute("PRAGMA foreign_keys = ON")
        if not self.sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone():
            modern = "date_edited" in self._columns
            self.sql.executescript(schema.message_table(columns) + schema.TABLES)
            self.sql.executescript((schema.RECENT_TABLES if modern else "") + schema.INDEXES)
            if modern:
                self.sql.executescript(schema.TRIGGERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.sql.close()

    def add(self, *chats: Chat) -> None:
        """Add chats that are not there yet, and all their lines in order of time."""
        lines = [(line, self.chat(chat), chat) for chat in chats for line in chat.lines]
        self.sql.execute("BEGIN")
        for line, chat_id, chat in sorted(lines, key=lambda entry: entry[0].at):
            self.line(line, chat_id=chat_id, service=chat.service)
        self.sql.execute("COMMIT")

    def chat(self, chat: Chat) -> int:
        """The ROWID of a chat, which is made if it is not there."""
        guid = f"{chat.service};{'+' if chat.group else '-'};{chat.name}"
        found = self.sql.execute("SELECT ROWID FROM chat WHERE guid = ?", (guid,)).fetchone()
        if found:
            return int(found[0])
        row = {
            "guid": guid,
            "style": _GROUP_STYLE if chat.group else _PERSON_STYLE,
            "chat_identifier": chat.name,
            "service_name": chat.service,
            "display_name": chat.title,
            "room_name": chat.name if chat.group else None,
            **chat.columns,
        }
        chat_id = self._insert("chat", row)
        for person in chat.people:
            self._insert("chat_handle_join", {"chat_id": chat_id, "handle_id": self.handle(person, chat.service)})
        return chat_id

    def handle(self, address: str, service: str = "iMessage") -> int:
        found = self.sql.execute("SELECT ROWID FROM handle WHERE id = ? AND service = ?", (address, service)).fetchone()
        return int(found[0]) if found else self._insert("handle", {"id": address, "service": service})

    def line(self, line: Line, *, chat_id: int | None, service: str = "iMessage") -> int:
        """Insert one line (in no chat when `chat_id` is None), its files, and its tapbacks; returns its ROWID."""
        guid = line.guid or _guid(line.by, line.at.isoformat(), repr(line.text))
        files: dict[int, str] = {}
        entries: list[File] = []
        for place, piece in enumerate(line.pieces):
            if piece.file:
                files[place] = f"at_{len(entries)}_{guid}"
                entries.append(piece.file)
        entries += line.files
        content = _content(line, files)
        row = {
            "guid": guid,
            "handle_id": 0 if line.by == ME else self.handle(line.by, service),
            "is_from_me": int(line.by == ME),
            "is_sent": int(line.by == ME),
            "is_finished": 1,
            "date": self.date(line.at),
            "service": service,
            "part_count": len({piece.part for piece in line.pieces}),
            **content,
            **line.columns,
        }
        if line.reply_to:
            row |= {"thread_originator_guid": line.reply_to, "thread_originator_part": "0:0:5"}
        if line.earlier or line.unsent:
            row |= {"date_edited": self.date(line.at), "message_summary_info": _edits(line)}
        if line.unsent:
            row["date_retracted"] = self.date(line.at)
        rowid = self._insert("message", {name: value for name, value in row.items() if name in self._columns})
        if chat_id is not None:
            self._insert("chat_message_join", {"chat_id": chat_id, "message_id": rowid, "message_date": row["date"]})
        for number, entry in enumerate(entries):
            self._file(entry, guid=f"at_{number}_{guid}", message=rowid)
        for tapback in line.tapbacks:
            self.tapback(guid, tapback, chat_id=chat_id, service=service)
        return rowid

    def tapback(self, target: str, tapback: Tapback, *, chat_id: int | None, service: str = "iMessage") -> int:
        code = _TAPBACKS.get(tapback.kind, 2006) + (1000 if tapback.removed else 0)
        prefix = {"part": f"p:{tapback.part}/", "balloon": "bp:", "bare": ""}[tapback.form]
        columns = {
            "associated_message_guid": prefix + target,
            "associated_message_type": code,
            "associated_message_emoji": tapback.kind if code % 1000 == 6 else None,
        }
        words = f"Reacted {tapback.kind} to “…”"
        guid = _guid(target, tapback.by, tapback.at.isoformat(), str(code))
        line = Line(by=tapback.by, at=tapback.at, text=words, guid=guid, columns=columns)
        return self.line(line, chat_id=chat_id, service=service)

    def edit(self, guid: str, text: str, *, at: datetime, earlier: str) -> None:
        """Replace a line's text in place, as an edit does: the history goes into the summary."""
        line = Line(by=ME, at=at, text=text, earlier=(earlier,))
        self.sql.execute(
            "UPDATE message SET attributedBody = ?, message_summary_info = ?, date_edited = ? WHERE guid = ?",
            (_content(line, {})["attributedBody"], _edits(line), self.date(at), guid),
        )

    def unsend(self, guid: str, *, at: datetime, earlier: str) -> None:
        """Take a line back wholly: no text stays in the row, the part is marked in the summary."""
        summary = _edits(Line(by=ME, at=at, earlier=(earlier,), unsent=(0,)))
        self.sql.execute(
            "UPDATE message SET text = NULL, attributedBody = NULL, message_summary_info = ?, date_edited = ?, "
            "date_retracted = ? WHERE guid = ?",
            (summary, self.date(at), self.date(at), guid),
        )

    def delete_recently(self, guid: str, *, at: datetime) -> None:
        """Move a line to Recently Deleted, where it can be recovered for thirty days."""
        moved = self.sql.execute(
            "SELECT chat_id, message_id FROM chat_message_join JOIN message ON message.ROWID = message_id "
            "WHERE guid = ?",
            (guid,),
        ).fetchall()
        for chat_id, message_id in moved:
            row = {"chat_id": chat_id, "message_id": message_id, "delete_date": self.date(at)}
            self._insert("chat_recoverable_message_join", row)
            self.sql.execute("DELETE FROM chat_message_join WHERE message_id = ?", (message_id,))

    def delete(self, guid: str) -> None:
        """Delete a line for good; the triggers note its guid."""
        self.sql.execute("DELETE FROM message WHERE guid = ?", (guid,))

    def date(self, moment: datetime) -> int:
        """Apple time: nanoseconds (seconds before 10.13) since 2001, UTC."""
        since = moment - _APPLE_EPOCH
        seconds = since.days * 86400 + since.seconds
        return seconds * 10**9 + since.microseconds * 1000 if self.nanoseconds else seconds

    def _file(self, entry: File, *, guid: str, message: int) -> None:
        row = {
            "guid": guid,
            "original_guid": guid,
            "filename": entry.path or None,
            "transfer_name": entry.name,
            "mime_type": entry.mime or None,
            "is_sticker": int(entry.sticker),
            "emoji_image_short_description": entry.described or None,
        }
        self._insert(
            "message_attachment_join", {"message_id": message, "attachment_id": self._insert("attachment", row)}
        )

    def _insert(self, table: str, row: Mapping[str, object]) -> int:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        # names are ours, values are bound
        cursor = self.sql.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
        return int(cursor.lastrowid or 0)


def _content(line: Line, files: Mapping[int, str]) -> dict[str, object]:
    kept = [(place, piece) for place, piece in enumerate(line.pieces) if piece.part not in line.unsent]
    stretches = [_stretch(piece, files.get(place, "")) for place, piece in kept]
    text = "".join(stretch.text for stretch in stretches)
    content: dict[str, object] = {"text": text if line.plain else None}
    if not line.plain and text:
        content["attributedBody"] = body.attributed_string(stretches, mutable=line.mutable)
    if line.preview:
        preview = line.preview
        content["balloon_bundle_id"] = _URL_BALLOON
        content["payload_data"] = body.link_preview(url=preview.url, title=preview.title, summary=preview.summary)
    return content


def _stretch(piece: Piece, file_guid: str) -> Stretch:
    attributes: dict[str, body.Attribute] = {body.PART: piece.part}
    if piece.mention:
        attributes[body.MENTION] = piece.mention
    if piece.link:
        attributes[body.LINK] = body.Url(piece.link)
    if piece.code:
        attributes[body.CODE] = True
    if piece.detected:
        attributes["__kIMDataDetectedAttributeName"] = piece.detected
    if file_guid:
        attributes |= {body.FILE: file_guid, "__kIMInlineMediaWidthAttributeName": 1024.0}
    if piece.transcript:
        attributes[body.TRANSCRIPT] = piece.transcript
    standing = piece.file is not None or piece.transcript
    return Stretch(text=piece.text or (body.PLACEHOLDER if standing else ""), attributes=attributes)


def _edits(line: Line) -> bytes:
    seconds = float((line.at - _APPLE_EPOCH).total_seconds())
    wordings = (*line.earlier, *(() if line.unsent else ("".join(piece.text for piece in line.pieces),)))
    history = [
        (seconds + step, body.attributed_string([Stretch(text=wording, attributes={body.PART: 0})]))
        for step, wording in enumerate(wordings)
    ]
    edited = {line.unsent[0] if line.unsent else 0: history}
    parts = max((piece.part for piece in line.pieces), default=0) + 1
    return body.edit_record(wordings=edited, unsent=line.unsent, parts=parts)


def _guid(*words: str) -> str:
    digits = hashlib.sha256("\0".join(words).encode()).hexdigest().upper()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"
