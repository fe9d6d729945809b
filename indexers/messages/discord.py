"""Discord as a source: the data package that Discord sends (own messages) and DiscordChatExporter's JSON (all)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import PurePosixPath
from typing import IO

from indexers.messages.export import (
    UNREADABLE,
    Chat,
    Day,
    DayBook,
    ExportSource,
    Extent,
    Json,
    JsonDocument,
    Malformed,
    Member,
    as_object,
    beside,
    links,
    mime,
    objects,
)
from indexers.record import Attachment, Message, Party, Skipped

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""From when Discord's ids ("snowflakes") count milliseconds, in the bits above the lowest 22."""
_LATEST = 1 << 64
_SMALL = 16 << 20
_NOT_EXPORTED = "not an export of DiscordChatExporter: add its JSON files, or Discord's data package"
_COLUMNS = ("ID", "Timestamp", "Contents", "Attachments")

_SPEECH = {"Default", "Reply", "ChatInputCommand", "ContextMenuCommand", "0", "19", "20", "23"}
"""DiscordChatExporter's message types that are speech; the others (calls, joins, pins) are Discord's own lines."""


class Discord(ExportSource):
    """Channels and direct messages that the owner exported. Ids are Discord's, and tell the time to the millisecond.

    A channel found in the data package and in DiscordChatExporter's files is one conversation, each message once. The
    owner is known from the package, else by the option.
    """

    kind = "discord"
    merges = True

    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """A package's channels are folders with a `channel.json`; any other JSON file is one exported channel."""
        by_place = {member.place: member for member in listed}
        packaged = [
            member
            for member in listed
            if member.place.name in ("messages.json", "messages.csv")
            and member.place.parent / "channel.json" in by_place
        ]
        roots = {member.place.parent.parent.parent for member in packaged}
        self._me: dict[str, str] = {}
        for root in sorted(roots):
            yield from self._learn_owner(by_place, root)
        for member in listed:
            inside = not roots.isdisjoint(member.place.parents)
            try:
                if member in packaged:
                    yield from self._packaged(by_place, member)
                elif not inside and (member.place.suffix.casefold() == ".json" or self.opened(member)):
                    with self.shelf.open(member) as stream:
                        yield from self._exported(member, JsonDocument(stream))
            except (Malformed, *UNREADABLE) as error:
                yield member.skipped(error)

    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Skipped]:
        """The day's messages from a package or from DiscordChatExporter."""
        introduced = chat.introduce(self.kind)
        mine = next((sender for sender, party in chat.senders.items() if party.me), "me")
        where = day.member.locator("id=")
        for extent in day.extents:
            raw = self.shelf.read(day.member, extent).decode("utf-8", "replace")
            rows = _rows(raw) if day.member.place.suffix == ".csv" else objects(json.loads(f"[{raw}]", strict=False))
            for row in rows:
                said = row if "author" in row else _as_exported(row, mine)
                sent_at = sent_at_of(said.get("id"))
                if sent_at is None or sent_at.date() != day.date or str(said.get("type")) not in _SPEECH:
                    continue
                text, attachments = str(said.get("content") or "").strip(), tuple(_attachments(day.member, said))
                if not text and not attachments:
                    continue
                sender, people = introduced(_author(said)[0])
                reference = said.get("reference")
                yield Message(
                    id=str(said["id"]),
                    conversation=chat.id,
                    sender=sender,
                    people=people,
                    sent_at=sent_at,
                    text=text,
                    title=chat.title,
                    reply_to=str(reference.get("messageId") or "") if isinstance(reference, dict) else "",
                    attachments=attachments,
                    links=links(text),
                    reactions=tuple(_reactions(said)),
                    locator=f"{where}{said['id']}",
                )

    def _learn_owner(self, by_place: Mapping[PurePosixPath, Member], root: PurePosixPath) -> Iterator[Skipped]:
        for folder in ("account", "Account"):
            if member := by_place.get(root / folder / "user.json"):
                try:
                    about = self._small(member)
                except (Malformed, *UNREADABLE) as error:
                    yield member.skipped(error)
                else:
                    self._me[str(about.get("id") or "me")] = str(
                        about.get("global_name") or about.get("username") or ""
                    )

    def _small(self, member: Member) -> Json:
        if member.size > _SMALL:
            raise Malformed("larger than this file ever is", "too_large")
        try:
            return as_object(self.shelf.read(member, Extent(0, member.size)))
        except (ValueError, RecursionError) as error:
            raise Malformed("the file breaks off or is not JSON") from error

    def _packaged(self, by_place: Mapping[PurePosixPath, Member], member: Member) -> Iterator[Chat | Skipped]:
        """One channel of a data package: its list of the owner's messages."""
        folder = member.place.parent
        channel = self._small(by_place[folder / "channel.json"])
        index = by_place.get(folder.parent / "index.json")
        id_ = str(channel.get("id") or folder.name.removeprefix("c"))
        title = str((self._small(index) if index else {}).get(id_) or channel.get("name") or "")
        me = next(iter(self._me.items()), ("me", ""))
        senders = {me[0]: Party(handle=me[0], name=me[1], me=True)}
        recipients = channel.get("recipients")
        for user in recipients if isinstance(recipients, list) else ():
            senders.setdefault(str(user), Party(handle=str(user)))
        book, unreadable = DayBook(member), 0
        broken: Exception | None = None
        with self.shelf.open(member) as stream:
            spans = _csv_spans(stream) if member.place.suffix == ".csv" else _json_spans(JsonDocument(stream))
            try:
                for start, raw, id_of in spans:
                    sent_at = sent_at_of(id_of)
                    if sent_at is None:
                        unreadable += 1
                    else:
                        book.add(sent_at.date(), raw, Extent(start, start + len(raw)))
            except (Malformed, *UNREADABLE) as error:
                broken = error
        yield Chat(id=id_, title=title, senders=senders, days=book.days(), own=True)
        if unreadable:
            yield _unreadable(member, unreadable)
        if broken:
            raise broken

    def _exported(self, member: Member, document: JsonDocument) -> Iterator[Chat | Skipped]:
        """One channel as DiscordChatExporter wrote it: where it belongs, then its messages."""
        guild: Json = {}
        channel: Json = {}
        if document.peek() != "{":
            raise Malformed(_NOT_EXPORTED)
        for key in document.fields():
            if key == "guild":
                guild = as_object(document.take()[1])
            elif key == "channel":
                channel = as_object(document.take()[1])
            elif key == "messages" and channel.get("id"):
                yield from self._channel(member, document, guild, channel)
            else:
                document.skip()
        if not channel.get("id"):
            raise Malformed(_NOT_EXPORTED)

    def _channel(self, member: Member, document: JsonDocument, guild: Json, channel: Json) -> Iterator[Chat | Skipped]:
        book, senders, unreadable = DayBook(member), dict[str, Party](), 0
        broken: Exception | None = None
        try:
            for _ in document.elements():
                start, raw, said = document.take()
                sent_at = sent_at_of(said.get("id")) if isinstance(said, dict) else None
                if sent_at is None or not isinstance(said, dict):
                    unreadable += 1
                    continue
                book.add(sent_at.date(), raw, Extent(start, start + len(raw)))
                if _author(said)[0] not in senders:
                    id_, *names = _author(as_object(raw))
                    me = self.is_owner(id_, *names) if self.owner else id_ in self._me
                    senders[id_] = Party(handle=id_, name=names[0], me=me)
        except (Malformed, *UNREADABLE) as error:
            broken = error
        name = str(channel.get("name") or "")
        title = name if str(guild.get("id") or "0") == "0" else f"{guild.get('name')} #{name}"
        yield Chat(id=str(channel["id"]), title=title, senders=senders, days=book.days())
        if unreadable:
            yield _unreadable(member, unreadable)
        if broken:
            raise broken


def sent_at_of(id_: object) -> datetime | None:
    """The time that a Discord id holds, in UTC; None for what is no such id."""
    try:
        number = int(str(id_))
    except ValueError:
        return None
    return EPOCH + timedelta(milliseconds=number >> 22) if 1 << 22 <= number < _LATEST else None


def _unreadable(member: Member, count: int) -> Skipped:
    return Skipped(where=str(member.place), why="messages without a Discord id were passed over", count=count)


def _json_spans(document: JsonDocument) -> Iterator[tuple[int, bytes, object]]:
    """Each message of a package's `messages.json`: where it starts, its bytes, its id."""
    if document.peek() != "[":
        raise Malformed("not a list of messages")
    for _ in document.elements():
        start, raw, said = document.take()
        yield start, raw, said.get("ID") if isinstance(said, dict) else None


def _csv_spans(stream: IO[bytes]) -> Iterator[tuple[int, bytes, object]]:
    """Each row of a package's `messages.csv`; a row goes on while a quote is open."""
    offset, raw = 0, b""
    for line in stream:
        raw += line
        if raw.count(b'"') % 2 == 0:
            if not raw.startswith((b"ID,", b"\xef\xbb\xbfID,")) and raw.strip():
                yield offset, raw, raw.partition(b",")[0].decode("latin-1").strip('" ')
            offset, raw = offset + len(raw), b""
        elif len(raw) > _SMALL:
            raise Malformed("a row is larger than any message", "too_large")
    if raw:
        raise Malformed("the file breaks off: what came before was read")


def _rows(raw: str) -> Iterator[Json]:
    for row in csv.reader(StringIO(raw, newline="")):
        yield dict(zip(_COLUMNS, row, strict=False))


def _as_exported(row: Json, mine: str) -> Json:
    """A message of a package in the form that DiscordChatExporter gives it; its attachments are addresses."""
    addresses = str(row.get("Attachments") or "").split()
    files = [{"fileName": url.partition("?")[0].rpartition("/")[2], "url": url} for url in addresses]
    known = {"id": row.get("ID"), "content": row.get("Contents"), "author": {"id": mine}}
    return known | {"type": "Default", "attachments": files}


def _author(said: Json) -> tuple[str, str, str]:
    """The id, the shown name and the user name of who wrote a message."""
    author = said.get("author")
    about = author if isinstance(author, dict) else {}
    name = str(about.get("name") or "")
    return str(about.get("id") or name or "unknown"), str(about.get("nickname") or name), name


def _attachments(member: Member, said: Json) -> Iterator[Attachment]:
    for file in objects(said.get("attachments")):
        name, url = str(file.get("fileName") or ""), str(file.get("url") or "")
        yield Attachment(name=name, mime=mime(name), path="" if "://" in url else beside(member, url))
    for sticker in objects(said.get("stickers")):
        yield Attachment(name=str(sticker.get("name") or ""), mime="image/png")


def _reactions(said: Json) -> Iterator[str]:
    for reaction in objects(said.get("reactions")):
        emoji = reaction.get("emoji")
        shown = str(emoji.get("name") or "") if isinstance(emoji, dict) else ""
        users = [str(user.get("nickname") or user.get("name")) for user in objects(reaction.get("users"))]
        yield from (f"{shown} by {user}" for user in users)
        if not users:
            yield f"{shown} ×{reaction.get('count')}"
