"""Signal chats as `signal-export` writes them (`chat.md`, formerly `index.md`, one folder a chat) as a source."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import IO, NamedTuple
from urllib.parse import unquote

from indexers.messages.export import (
    UNREADABLE,
    Chat,
    Day,
    DayBook,
    Encoding,
    ExportSource,
    Extent,
    Malformed,
    Member,
    Silent,
    beside,
    content_id,
    decoded,
    lines_of,
    links,
    mime,
)
from indexers.record import Attachment, Message, Party, Skipped

OWNER = "Me"
"""What signal-export calls the owner."""
SAMPLE = 500
"""How many lines the header's format is locked on."""

_HEADER = re.compile(
    r"\[(?P<day>\d{4}-\d\d-\d\d)(?P<comma>,?) (?P<time>\d\d:\d\d(?P<seconds>:\d\d)?)\] "
    r"(?P<sender>[^\n]{1,100}?):(?: |$)"
)
_DELETED = "(This message was deleted)"
_CALL = re.compile(r"(?:Incoming|Outgoing|Missed)(?: voice| video| group)? call(?: \([^()\n]{1,60}\))?")
_QUOTE = re.compile(r"\s*\n(?P<quote>(?:> ?[^\n]*\n)+)\n*")
_REACTIONS = re.compile(r"\n\(- (?P<list>[^\n]+) -\)")
_STICKER = re.compile(
    r"\n\(\( (?P<name>[^\n]+) \)\)|\[(?P<label>[^\]\n]{0,99})\]\((?P<path>\.\./exported_stickers/[^()\n]+)\)"
)
_FILE = re.compile(r"!?\[(?P<name>[^\n]{0,400}?)\]\((?P<path>(?:\./)?media/[^\n]{1,400}?)\)(?=  |$|!?\[)")


class _Header(NamedTuple):
    """How a file writes its headers: whether with a comma, with seconds, and always after an empty line."""

    comma: bool
    seconds: bool
    spaced: bool


class Signal(ExportSource):
    """Chats that the owner exported with signal-export. Times are floating: the exporting computer's.

    A message's id is the hash of its time, sender, text and, among equals, number. Reactions, quotes, stickers and
    files are told apart from words; deleted messages and calls are not speech.
    """

    kind = "signal"

    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """One chat for each `chat.md`, called as its folder is."""
        self._read: dict[Member, tuple[_Header, Encoding]] = {}
        for member in listed:
            if not (member.place.name in ("chat.md", "index.md") or self.opened(member)):
                continue
            try:
                with self.shelf.open(member) as stream:
                    yield self._chat(member, stream)
            except (Malformed, *UNREADABLE) as error:
                yield member.skipped(error)

    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Silent | Skipped]:
        """The day's messages, read from its stretches of the file."""
        header, encoding = self._read[day.member]
        introduced = chat.introduce(self.kind)
        seen: dict[tuple[str, str, str], int] = {}
        for extent in day.extents:
            text = decoded(self.shelf.read(day.member, extent), encoding)
            for number, found, body in _split(text, header):
                said, sent_at = read_body(body), _sent_at(found)
                sender, people = introduced(found["sender"])
                if not (said.text or said.files):
                    yield Silent(sent_at.hour * 60 + sent_at.minute, sender.handle)
                    continue
                key = found["time"], found["sender"], said.text
                seen[key] = ordinal = seen.get(key, 0) + 1
                yield Message(
                    id=content_id(found["day"], *key, ordinal),
                    conversation=chat.id,
                    sender=sender,
                    people=people,
                    sent_at=sent_at,
                    text=said.text,
                    title=chat.title,
                    quoted=said.quoted,
                    attachments=tuple(
                        Attachment(name=name, mime=mime(path or name), path=beside(day.member, path))
                        for name, path in said.files
                    ),
                    links=links(said.text),
                    reactions=said.reactions,
                    locator=day.member.locator(f"line={extent.line + number}"),
                )

    def _chat(self, member: Member, stream: IO[bytes]) -> Chat:
        encoding, lines = lines_of(stream)
        head = list(islice(lines, SAMPLE))
        header = _lock([text for _, text in head])
        self._read[member] = header, encoding
        book, senders = DayBook(member), dict[str, Party]()
        sent_at: datetime | None = None
        offset, blank = 0, True
        for number, (raw, text) in enumerate(chain(head, lines), 1):
            found = _match(text, header, blank=blank)
            if found:
                sent_at, sender = _sent_at(found), found["sender"]
                senders[sender] = Party(handle=sender, name=sender, me=sender == OWNER or self.is_owner(sender))
            if sent_at is not None:
                extent = Extent(offset, offset + len(raw), number)
                book.add(sent_at.date(), raw, extent, starts=found is not None)
            offset += len(raw)
            blank = not text.strip()
        place = (
            member.place.parent
            if member.place.suffix == ".md" and member.place.stem in ("chat", "index")
            else member.place
        )
        title = unicodedata.normalize("NFC", place.stem if place.suffix in (".md", ".zip") else place.name)
        return Chat(id=title, title=title, senders=senders, days=book.days())


class Said(NamedTuple):
    """What one message says, shows and answers to; `files` are (name, path)."""

    text: str
    files: tuple[tuple[str, str], ...] = ()
    quoted: str = ""
    reactions: tuple[str, ...] = ()


def read_body(body: str) -> Said:
    """The parts of what follows a sender: quoted words first, then words, reactions, sticker and files."""
    quoted = ""
    if quote := _QUOTE.match(body):
        quoted = "\n".join(line[1:].strip() for line in quote["quote"].splitlines())
        body = body[quote.end() :]
    files = [(found["name"], unquote(found["path"].removeprefix("./"))) for found in _FILE.finditer(body)]
    body = _FILE.sub("", body)
    stickers = [(found["name"] or found["label"], found["path"] or "") for found in _STICKER.finditer(body)]
    body = _STICKER.sub("", body)
    reactions = tuple(
        f"{emoji.strip()} by {name}"
        for listed in _REACTIONS.findall(body)
        for name, colon, emoji in (reaction.rpartition(":") for reaction in listed.split(", "))
        if colon
    )
    text = _REACTIONS.sub("", body).strip()
    if text == _DELETED or _CALL.fullmatch(text):
        return Said("")
    return Said(text, (*files, *stickers), quoted, reactions)


def _lock(lines: Sequence[str]) -> _Header:
    """The format of the first header; `spaced` where the other headers all follow an empty line."""
    blank = [True, *(not line.strip() for line in lines)]
    found = [(match, space) for line, space in zip(lines, blank, strict=False) if (match := _HEADER.match(line))]
    if not found:
        raise Malformed("no line starts like a message of signal-export; export the chat again with it")
    first = found[0][0]
    comma, seconds = bool(first["comma"]), first["seconds"] is not None
    alike = [
        space for match, space in found if (bool(match["comma"]), match["seconds"] is not None) == (comma, seconds)
    ]
    return _Header(comma, seconds, sum(alike) * 2 > len(alike) and len(alike) > 1)


def _match(line: str, header: _Header, *, blank: bool) -> re.Match[str] | None:
    found = _HEADER.match(line) if blank or not header.spaced else None
    if found is None or (bool(found["comma"]), found["seconds"] is not None) != (header.comma, header.seconds):
        return None
    try:
        return found if _sent_at(found).year > 1970 else None
    except ValueError:
        return None


def _sent_at(found: re.Match[str]) -> datetime:
    return datetime.fromisoformat(f"{found['day']}T{found['time']}")


def _split(text: str, header: _Header) -> Iterator[tuple[int, re.Match[str], str]]:
    """The messages in a stretch of a file: line (from 0), header, and all that follows it."""
    start: tuple[int, re.Match[str]] | None = None
    body: list[str] = []
    blank = True
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n")):
        found = _match(line, header, blank=blank)
        blank = not line.strip()
        if found:
            if start:
                yield *start, "\n".join(body)
            start, body = (number, found), [line[found.end() :]]
        else:
            body.append(line)
    if start:
        yield *start, "\n".join(body)
