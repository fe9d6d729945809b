"""Rows become messages, a page of conversation-days at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from indexers.messages.apple.bodies import Bodies, Speech, Unreadable, preview, urls
from indexers.messages.apple.conversations import ME, UNKNOWN, Conversation
from indexers.messages.apple.database import Kind, MessagesDatabase
from indexers.messages.apple.index import (
    FIRST_TAPBACK,
    NANOSECONDS_FROM,
    Index,
    speech_condition,
    split_target,
)
from indexers.messages.apple.making import Making, frozen
from indexers.record import Attachment, Message, Party, Skipped

PAGE_ROWS = 512
INLINE_BYTES = 2**15
"""Longer columns are not read with their page but alone, when their turn comes, so that no page is large."""
MOST_BYTES = 2**24
"""Longer bodies are not read at all."""
SMALL_GAP = 8
QUOTED_WORDS = 20

_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_URL_BALLOON = "com.apple.messages.URLBalloonProvider"
_PREVIEW_FILE = ".pluginPayloadAttachment"
_HEAD = re.compile(rf"(?:\S+\s+){{0,{QUOTED_WORDS - 1}}}\S+")
_LOCATOR = "sms://open?message-guid="
_SAFE_GUID = re.compile(r"[\w-]*", re.ASCII)
_TAPBACKS = {2000: "❤️", 2001: "👍", 2002: "👎", 2003: "😂", 2004: "‼️", 2005: "❓", 2007: "sticker"}
_FIRST_REMOVAL = 3000


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

_Long = TypeVar("_Long", str, bytes)


class _Stored(NamedTuple):
    """One row of `message`: `_SHORT`, then `_LONG`. A long column over INLINE_BYTES is its length instead."""

    row: int
    guid: str | None
    date: int | None
    handle: int | None
    mine: int | None
    kind: int | None
    about: str | None
    emoji: str | None
    original: str | None
    balloon: str | None
    subject: str | None
    text: str | int | None
    body: bytes | int | None
    summary: bytes | int | None
    payload: bytes | int | None


@dataclass(frozen=True, slots=True)
class _Page:
    """All that some neighbouring conversation-days need: their rows, the files on them, the rows they reply to.

    `safe` is true where every guid may stand in a link as it is.
    """

    rows: Mapping[int, _Stored]
    tapbacks: Mapping[int, _Stored]
    files: Mapping[int, Mapping[str, Attachment]]
    originals: Mapping[str, _Stored]
    safe: bool
    places: range


class Pages:
    """Messages of conversation-days. Days that are asked for in the order of the scan are read ahead, page by page."""

    def __init__(self, database: MessagesDatabase, index: Index) -> None:
        self._database = database
        self._index = index
        self._bodies = Bodies()
        self._parties: dict[tuple[int, int | None], tuple[Party, tuple[Party, ...]]] = {}
        self._page = _Page({}, {}, {}, {}, safe=True, places=range(0))
        self._ahead = 1
        self._media = _media_folders(database.path.parent)
        self._select = _select(database)

    def messages(self, number: int, place: int) -> Iterator[Message | Skipped]:
        """The messages of conversation `number` at `place` of the index, in order of time."""
        page = self._page if place in self._page.places else self._load(place)
        day, held = self._index.days.rows[place], page.rows
        rows = [held[row] for row in day if row in held]
        if len(rows) > 1:
            rows.sort(key=_moment)
        reactions: Mapping[str, tuple[str, ...]] = {}
        if page.tapbacks:
            tapbacks = sorted((page.tapbacks[row] for row in day if row in page.tapbacks), key=_moment)
            reactions = _reactions(tapbacks, self._sender) if tapbacks else reactions
        date: int | None = None
        at_once: list[Message] = []
        for stored in rows:
            made = self._message(stored, number, page, reactions)
            if isinstance(made, Message):
                if stored.date != date:
                    date = stored.date
                    at_once.clear()
                elif any(_same(made, other) for other in at_once) and (date or 0) >= NANOSECONDS_FROM:
                    continue  # iCloud gives old messages anew under other guids, equal to the nanosecond
                at_once.append(made)
            if made is not None:
                yield made

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
        rows: dict[int, _Stored] = {}
        tapbacks: dict[int, _Stored] = {}
        for stored in map(_Stored._make, self._database.among(self._select.format("ROWID"), wanted)):
            kind = stored.kind
            (rows if kind is None or kind < FIRST_TAPBACK else tapbacks)[stored.row] = stored
        originals = {row.original for row in rows.values() if row.original}
        quoted = self._database.among(self._select.format("guid"), originals) if originals else ()
        self._page = _Page(
            rows=rows,
            tapbacks=tapbacks,
            files=_files(self._database, rows, self._media),
            originals={str(row[1]): _Stored._make(row) for row in quoted if self._index.visible(row[0])},
            safe=_SAFE_GUID.fullmatch("".join([row.guid or "" for row in rows.values()])) is not None,
            places=range(place, end),
        )
        return self._page

    def _message(
        self, stored: _Stored, number: int, page: _Page, reactions: Mapping[str, tuple[str, ...]]
    ) -> Message | Skipped | None:
        row, guid, date, _, _, _, _, _, original, balloon, subject, _, body, edits, payload = stored
        if not guid:
            return Skipped(where=f"message {row}", why="it has no identifier")
        sent_at = _sent_at(date)
        if sent_at is None:
            return Skipped(where=guid, why="its date is none that a calendar has")
        try:
            plain = self._bodies.plain(body) if isinstance(body, bytes) and not edits else None
            text, placed, links, unsent = self._speech(stored) if plain is None else (plain, (), urls(plain), False)
            if payload is not None and balloon in (None, _URL_BALLOON):
                url, title, summary = preview(self._whole(row, "payload_data", payload) or b"")
                text = "\n".join(line for line in (text, title if title not in text else "", summary) if line)
                links = (*links, url) if url and url not in links else links
        except Unreadable as error:
            return Skipped(where=guid, why=str(error), outcome=error.outcome)
        if subject:
            text = f"{subject}\n{text}".rstrip()
        files = page.files.get(row)
        attachments = _attachments(files, placed, unsent=unsent) if files else ()
        if not text and not attachments:
            return None
        conversation = self._index.conversations.all[number]
        sender, people = self._who(stored, number, conversation)
        made = Making(
            id=guid,
            conversation=conversation.id,
            title=conversation.title,
            sender=sender,
            people=people,
            sent_at=sent_at,
            text=text,
            reply_to=original or "",
            quoted=self._quoted(page.originals.get(original)) if original else "",
            attachments=attachments,
            links=links,
            reactions=reactions.get(guid, ()) if reactions else (),
            locator=_LOCATOR + (guid if page.safe else quote(guid, safe="-_")),
        )
        return frozen(made)

    def _speech(self, stored: _Stored) -> Speech:
        text, body, summary = stored.text, stored.body, stored.summary
        if isinstance(text, int) or isinstance(body, int) or isinstance(summary, int):
            text = self._whole(stored.row, "text", text)
            body = self._whole(stored.row, "attributedBody", body)
            summary = self._whole(stored.row, "message_summary_info", summary)
        return self._bodies.speech(text=text, body=body, summary=summary, incoming=not stored.mine)

    def _whole(self, row: int, column: str, value: _Long | int | None) -> _Long | None:
        """A long column, read alone if its page has only its length. Raises Unreadable when it is too long."""
        if not isinstance(value, int):
            return value
        if value > MOST_BYTES:
            raise Unreadable(f"its {column} is longer than {MOST_BYTES // 2**20} MB", outcome="too_large")
        sql = f"SELECT {self._database.column('message', column, dict(_LONG)[column])} FROM message WHERE ROWID = ?"  # noqa: S608
        found = self._database.rows(sql, (row,))
        return found[0][0] if found else None

    def _quoted(self, original: _Stored | None) -> str:
        """The first words of a replied-to message, as it is now; "" when it was unsent, deleted or cannot be read."""
        if original is None:
            return ""
        try:
            text = self._speech(original).text
        except Unreadable:
            return ""  # it is reported where it stands itself
        head = _HEAD.match(text)
        return head[0] if head else ""

    def _sender(self, stored: _Stored) -> Party:
        return ME if stored.mine else self._index.conversations.parties.get(stored.handle or 0, UNKNOWN)

    def _who(self, stored: _Stored, number: int, conversation: Conversation) -> tuple[Party, tuple[Party, ...]]:
        """Who sent a row, and all who take part in its conversation."""
        key = (number, -1 if stored.mine else stored.handle)
        found = self._parties.get(key)
        if found is None:
            sender = self._sender(stored)
            if sender is UNKNOWN and conversation.partner:
                sender = conversation.partner
            people = conversation.people if sender in conversation.people else (sender, *conversation.people)
            found = self._parties[key] = sender, people
        return found


def _select(database: MessagesDatabase) -> str:
    """The rows of a set of ROWIDs or guids (the column that `format` fills in)."""
    kind = database.column("message", "associated_message_type", "INTEGER")
    retracted = f"coalesce({database.column('message', 'date_retracted', 'INTEGER')}, 0) != 0"
    bodiless = "attributedBody IS NULL" if database.has("message", "attributedBody") else "1"
    columns = [database.column("message", name, value) for name, value in _SHORT]
    for name, value in _LONG:
        column = database.column("message", name, value)
        # what was edited stands in the body; the record tells what was unsent ("rp"), and the text where no body is
        unused = f"{kind} >= {FIRST_TAPBACK}" + (
            f" OR NOT ({retracted} OR {bodiless} OR instr({name}, x'527270'))" if "summary" in name else ""
        )
        if column != "NULL":
            size = f"length({name})"
            column = f"CASE WHEN {unused} THEN NULL WHEN {size} <= {INLINE_BYTES} THEN {column} ELSE {size} END"
        columns.append(column)
    return (
        f"SELECT ROWID, {', '.join(columns)} FROM message WHERE {{}} IN (SELECT value FROM json_each(?)) "  # noqa: S608
        f"AND (({speech_condition(database)}) OR {kind} >= {FIRST_TAPBACK})"
    )


def _moment(stored: _Stored) -> tuple[int, int]:
    """What rows are ordered by: nanoseconds since 2001, then ROWID."""
    date = stored.date or 0
    return (date if date >= NANOSECONDS_FROM else date * 10**9, stored.row)


def _same(one: Message, other: Message) -> bool:
    return (one.sender, one.text, one.attachments) == (other.sender, other.text, other.attachments)


def _sent_at(date: int | None) -> datetime | None:
    if date is None or date <= 0:
        return None
    seconds, nanoseconds = divmod(date, 10**9) if date >= NANOSECONDS_FROM else (date, 0)
    try:
        return _EPOCH + timedelta(0, seconds, nanoseconds // 1000)
    except OverflowError:
        return None


def _reactions(tapbacks: Iterable[_Stored], actor: Callable[[_Stored], Party]) -> Mapping[str, tuple[str, ...]]:
    """What stands of the tapbacks (in order of time) on each guid: the last of each person on each part, if it adds."""
    standing: dict[str, dict[tuple[str, str], str]] = {}
    for stored in tapbacks:
        part, guid = split_target(stored.about)
        who = actor(stored).handle
        on_target = standing.setdefault(guid, {})
        on_target.pop((part, who), None)
        kind = stored.kind or 0
        if kind < _FIRST_REMOVAL:
            on_target[part, who] = f"{_TAPBACKS.get(kind) or stored.emoji or 'emoji'} by {who}"
    return {guid: tuple(on_target.values()) for guid, on_target in standing.items()}


def _attachments(files: Mapping[str, Attachment], placed: Sequence[str], *, unsent: bool) -> tuple[Attachment, ...]:
    """The files of a message, first those that its body places, in its order; only those where a part was unsent."""
    rest = [] if unsent else [file for guid, file in files.items() if guid not in placed]
    return (*(files[guid] for guid in placed if guid in files), *rest)


def _files(
    database: MessagesDatabase, rows: Iterable[int], media: Sequence[str]
) -> Mapping[int, Mapping[str, Attachment]]:
    """The attachments of each row by guid. No stickers, and none of the files that a link's preview is kept in."""
    if not (database.has("message_attachment_join") and database.has("attachment")):
        return {}
    names = ("guid", "filename", "transfer_name", "mime_type", "emoji_image_short_description")
    columns = ", ".join(database.column("attachment", name, "TEXT") for name in names)
    sticker = database.column("attachment", "is_sticker", "INTEGER")
    found = database.among(
        f"SELECT j.message_id, attachment.ROWID, {columns} FROM message_attachment_join j "  # noqa: S608  # our names
        "JOIN attachment ON attachment.ROWID = j.attachment_id "
        f"WHERE j.message_id IN (SELECT value FROM json_each(?)) AND coalesce({sticker}, 0) = 0 "
        "ORDER BY j.message_id, attachment.ROWID",
        rows,
    )
    files: dict[int, dict[str, Attachment]] = {}
    for row, number, guid, path, name, mime, described in found:
        shown = described or name or (path or "").rpartition("/")[2]
        if shown and not shown.endswith(_PREVIEW_FILE):
            attachment = Attachment(name=shown, mime=mime or "", path=_local(path, media))
            files.setdefault(row, {})[guid or str(number)] = attachment
    return files


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
