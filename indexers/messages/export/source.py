"""Conversations cut into days, and the source that all kinds of export are."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from hashlib import blake2b
from pathlib import Path

from indexers.messages.export.archive import UNREADABLE, Extent, Malformed, Member, Shelf, members
from indexers.record import Message, Party, Record, Skipped
from indexers.source import Item, Options

CROWD = 64
"""Chats with more people than this name those who spoke on the day, not all who ever did."""

MAX_EXTENT = 4 << 20
"""The bytes of a day that are read at once, about."""

_PHONE = re.compile(r"\+?[\d\s().\-‐-―/]{7,25}")
_PHONE_DIGITS = range(7, 16)
"""No telephone has more (E.164), and the ids of programs that are numbers do."""
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LINK = re.compile(r"https?://[^\s<>|]+")
_MIMES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "mp4": "video/mp4", "mov": "video/quicktime", "3gp": "video/3gpp", "webm": "video/webm",
    "opus": "audio/ogg", "ogg": "audio/ogg", "oga": "audio/ogg", "m4a": "audio/mp4", "mp3": "audio/mpeg",
    "aac": "audio/aac", "amr": "audio/amr", "wav": "audio/wav", "flac": "audio/flac", "pdf": "application/pdf",
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain", "csv": "text/csv", "html": "text/html", "vcf": "text/vcard", "ics": "text/calendar",
    "zip": "application/zip", "json": "application/json", "epub": "application/epub+zip",
}  # fmt: skip
"""What people send in chats. The standard library's table differs from machine to machine, and reads /etc for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of a conversation in one member: `count` messages with the content `digest`, in these extents."""

    member: Member
    date: date
    extents: tuple[Extent, ...]
    digest: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation of an export: who takes part, by what the export calls them, and its days in file order."""

    id: str
    title: str
    senders: Mapping[str, Party]
    days: tuple[Day, ...]

    @property
    def people(self) -> tuple[Party, ...]:
        """All who take part, each once."""
        return tuple(dict.fromkeys(self.senders.values()))

    def introduce(self, kind: str) -> Callable[[str], tuple[Party, tuple[Party, ...]]]:
        """Names the sender and the people of a message by what the export calls its sender.

        The people are the chat's; of a crowd, the sender alone (`ExportSource.read` then adds who spoke that day).
        A handle that means something inside this `kind` of program alone says so ("whatsapp:Ann"): the Ann of another
        program may be somebody else.
        """
        senders = {sender: _known_in(kind, party) for sender, party in self.senders.items()}
        people = tuple(dict.fromkeys(senders.values()))

        @cache
        def introduced(sender: str) -> tuple[Party, tuple[Party, ...]]:
            party = senders.get(sender) or _known_in(kind, Party(handle=sender, name=sender))
            if len(people) > CROWD:
                return party, (party,)
            return party, people if party in people else (*people, party)

        return introduced


@dataclass(slots=True)
class _Tally:
    extents: list[Extent] = field(default_factory=list)
    count: int = 0
    digest: blake2b = field(default_factory=lambda: blake2b(digest_size=16))


class DayBook:
    """Collects a member's messages into days: runs of neighbours become one extent, up to MAX_EXTENT."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._days: dict[date, _Tally] = {}
        self._last: date | None = None

    def add(self, day: date, content: bytes, extent: Extent, *, count: int = 1) -> None:
        """Book `count` messages of one day (0: more of the last one); `content` is what the fingerprint covers."""
        tally = self._days.setdefault(day, _Tally())
        if self._last == day and not (count and extent.end - tally.extents[-1].start > MAX_EXTENT):
            tally.extents[-1] = tally.extents[-1]._replace(end=extent.end)
        else:
            tally.extents.append(extent)
            self._last = day
        tally.digest.update(content)
        tally.count += count

    def days(self) -> tuple[Day, ...]:
        """The days so far, in the order of their first message in the file."""
        return tuple(
            Day(
                member=self._member,
                date=day,
                extents=tuple(tally.extents),
                digest=tally.digest.hexdigest(),
                count=tally.count,
            )
            for day, tally in self._days.items()
        )


class ExportSource(ABC):
    """Exports of one program: a file, a zip, or a folder of them. An item is one day of one conversation.

    Options: `owner`, the owner's name as the export shows it, so that `Party.me` is set. The item's id is made of the
    conversation and the day, never of a file's name; its fingerprint covers all that its records are made from.
    """

    mirror = False
    kind = ""
    merges = False
    """True where messages carry ids of their own: a day found in several exports is their union, the newest winning.
    Otherwise the export that holds most of the day wins, the newest among equals."""

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"owner"})
        owner = options.get("owner", "")
        if unknown or not isinstance(owner, str):
            problem = f"does not know the option {unknown[0]!r}" if unknown else "needs text as its option 'owner'"
            raise ValueError(f'a {self.kind} source {problem}; its one option is owner = "your name in the export"')
        self.name = name
        self.path = path.absolute()
        self.shelf = Shelf()
        self.owner = _folded(owner)
        self._found: dict[str, list[tuple[Chat, Day]]] = {}

    @abstractmethod
    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """The conversations that these files hold, without their texts."""

    @abstractmethod
    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Skipped]:
        """What was said in a conversation on a day, in order."""

    def roots(self) -> Sequence[Path]:
        """The export, or the folder of exports."""
        return (self.path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """Each day of each conversation, once. Raises SourceUnavailable when the path is missing or closed to us."""
        self.shelf.close()
        self._found, idle = {}, True
        listed: list[Member] = []
        for member in members(self.path, self.shelf):
            if isinstance(member, Member):
                listed.append(member)
            else:
                idle = False
                yield member
        for entry in self.survey(listed):
            idle = False
            if isinstance(entry, Skipped):
                yield entry
                continue
            for day in entry.days:
                self._found.setdefault(f"{entry.id}/{day.date}", []).append((entry, day))
        if idle:
            yield Skipped(where=str(self.path), why=f"no {self.kind} export was found here", outcome="empty")
        order = {member: at for at, member in enumerate(listed)}
        for parts in self._found.values():
            parts.sort(key=lambda part: _rank(part[1], newest_first=self.merges))
            if not self.merges:
                del parts[:-1]
        for id_, parts in sorted(
            self._found.items(), key=lambda at: (order[at[1][-1][1].member], at[1][-1][1].extents)
        ):
            size = sum(extent.end - extent.start for _, day in parts for extent in day.extents)
            yield Item(id=id_, fingerprint=_fingerprint(parts), size=size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The messages of one day; what cannot be read any more is a Skipped beside them."""
        if item.id not in self._found:
            for _ in self.scan():
                pass
        parts = self._found.get(item.id, [])
        if not parts:
            yield Skipped(where=item.id, why="the export does not hold this day any more", outcome="vanished")
        said: dict[str, Message] = {}
        for chat, day in parts:
            try:
                for record in self.messages(chat, day):
                    if isinstance(record, Skipped):
                        yield record
                    else:
                        said[record.id] = record
            except (Malformed, *UNREADABLE) as error:
                yield day.member.skipped(error)
        ordered = list(said.values())
        if len(parts) > 1:
            ordered.sort(key=lambda message: (message.sent_at, message.id))
        if any(len(chat.people) > CROWD for chat, _ in parts):
            present = tuple(dict.fromkeys(message.sender for message in ordered))
            ordered = [replace(message, people=present) for message in ordered]
        yield from ordered

    def is_owner(self, *names: str) -> bool:
        """Whether one of these names is the owner's, as the option says."""
        return bool(self.owner) and self.owner in map(_folded, names)

    def opened(self, member: Member) -> bool:
        """Whether the owner named this very file, so that it is read whatever its name is."""
        return member.path == self.path and not member.entry


def _known_in(kind: str, party: Party) -> Party:
    handle = party.handle
    number = address(handle).removeprefix("+")
    if _MAIL.fullmatch(handle) or (number.isdecimal() and len(number) in _PHONE_DIGITS):
        return party
    return replace(party, handle=f"{kind}:{handle}")


def address(name: str) -> str:
    """The handle of a person named `name`: a phone number as + and digits where it is one, else the name itself."""
    if _PHONE.fullmatch(name):
        digits = "".join(character for character in name if character.isdecimal())
        if len(digits) > 6:
            return f"+{digits}" if name.startswith("+") else digits
    return name


def mime(name: str) -> str:
    """The MIME type that a file's name tells, or ""."""
    return _MIMES.get(name.rpartition(".")[2].casefold(), "")


def links(text: str) -> tuple[str, ...]:
    """The web addresses in a text, each once."""
    return tuple(dict.fromkeys(found.rstrip(".,;:!?)'\"") for found in _LINK.findall(text))) if "://" in text else ()


def beside(member: Member, name: str) -> str:
    """The path of a file that an export names relative to itself, or "" when it is not there (or lies elsewhere)."""
    if member.entry or not name:
        return ""
    path = (member.path.parent / name).resolve()
    return str(path) if path.is_relative_to(member.path.parent.resolve()) and path.is_file() else ""


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _rank(day: Day, *, newest_first: bool) -> tuple[int, int, str]:
    count = 0 if newest_first else day.count
    return count, day.member.modified, str(day.member.place)


def _fingerprint(parts: Iterable[tuple[Chat, Day]]) -> str:
    made_of = {json.dumps((day.digest, chat.title, _people(chat))) for chat, day in parts}
    return blake2b("".join(sorted(made_of)).encode(), digest_size=16).hexdigest()


def _people(chat: Chat) -> list[tuple[str, str, bool]]:
    # In a crowd a newcomer changes no other day.
    return [] if len(chat.people) > CROWD else [(person.handle, person.name, person.me) for person in chat.people]
