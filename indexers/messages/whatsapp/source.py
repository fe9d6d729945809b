"""WhatsApp's "Export chat" as a source: `_chat.txt` (iOS), `WhatsApp Chat with X.txt` (Android), zips and folders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, islice
from typing import IO

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
    address,
    beside,
    content_id,
    decoded,
    lines_of,
    links,
    mime,
)
from indexers.messages.whatsapp.body import LONGEST_PLACEHOLDER, NOTICE, read_body
from indexers.messages.whatsapp.header import MARKS, HeaderFormat, Order, Stamp, day_of, decide_order, lock_format
from indexers.record import Attachment, Message, Party, Skipped

SAMPLE = 500
"""How many lines the header's format is locked on."""
PASTED = 20
"""The longest run of older headers that is taken for a chat pasted into a message, not for the clock going back."""

_QUOTES = re.compile(r'["“”„«»「」]')
_LONGEST_NAME = 100
_TITLE = re.compile(
    r".*whatsapp(?:[\s-]*(?:chat|sohbeti|trò chuyện|대화|聊天|csevegés|konuşması|keskustelu|czat|чат))?"
    r"(?:\s+(?:with|mit|con|avec|com|met|med|z|s|cu|dengan|с(?: контактом)?|kanssa|με|-|–)\s+)(?P<name>.+)",
    re.IGNORECASE,
)
_TITLE_BEFORE = re.compile(r"(?P<name>.+?) (?:ile|님과의|kanssa) whatsapp.*", re.IGNORECASE)
_COPY = re.compile(r"(?:\s*\(\d{1,2}\))+$")

_INVISIBLE = dict.fromkeys(map(ord, MARKS))


@dataclass(frozen=True, slots=True)
class Reading:
    """How one file is read; `crlf` where that ends messages and a bare LF is a line within one."""

    header: HeaderFormat
    order: Order
    encoding: Encoding
    crlf: bool


@dataclass(slots=True)
class _Run:
    """Neighbouring messages whose headers bear the same date."""

    fields: tuple[int, int, int]
    start: int
    line: int
    end: int = 0
    count: int = 0
    digest: blake2b = field(default_factory=lambda: blake2b(digest_size=16))
    speakers: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Evidence:
    """What a pass over the whole file shows, apart from its texts.

    `owners` counts who wrote lines that only the owner's phone shows; `notice` is under whose name WhatsApp's first
    line stands, which is the chat's own; `words` are unknown words beside hours that are all 1 to 12.
    """

    runs: list[_Run] = field(default_factory=list)
    owners: Counter[str] = field(default_factory=Counter)
    notice: str = ""
    words: set[str] = field(default_factory=set)
    twelve_hours: bool = True


class WhatsApp(ExportSource):
    """Chats that the owner exported. Times are floating, as the export names no zone.

    A message's id is the hash of its time, sender, text and, among equals, number; its words are those after the last
    edit. Files are attachments; deleted messages, calls and lines that WhatsApp wrote itself are not speech.
    """

    kind = "whatsapp"

    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """One chat for each text file. A file whose dates could be read two ways is reported once, as ambiguous.

        What its own dates leave open, those of the other files that write headers in the same way decide.
        """
        self._readings: dict[Member, Reading] = {}
        sure: dict[HeaderFormat, set[Order]] = {}
        doubtful: list[tuple[Member, Reading, _Evidence]] = []
        for member in self._texts(listed):
            try:
                with self.shelf.open(member) as stream:
                    reading, evidence, certain = _read(stream)
                if certain:
                    sure.setdefault(reading.header, set()).add(reading.order)
                    yield from self._chat(member, reading, evidence)
                else:
                    doubtful.append((member, reading, evidence))
            except (Malformed, *UNREADABLE) as error:
                yield member.skipped(error)
        for member, reading, evidence in doubtful:
            orders = sure.get(reading.header, set())
            try:
                if len(orders) == 1:
                    yield from self._chat(member, replace(reading, order=next(iter(orders))), evidence)
                else:
                    yield from self._chat(member, reading, evidence)
                    why = "dates such as 3/4 can be read two ways and nothing decides; they were read day first"
                    yield Skipped(where=str(member.place), why=why, outcome="ambiguous")
            except Malformed as error:
                yield member.skipped(error)

    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Silent | Skipped]:
        """The day's messages, read from its stretches of the file."""
        reading = self._readings[day.member]
        introduced = chat.introduce(self.kind)
        seen: dict[tuple[int, str, str], int] = {}
        where, today, midnight = day.member.locator("line="), day.date.isoformat(), datetime.combine(day.date, time())
        for extent in day.extents:
            text = decoded(self.shelf.read(day.member, extent), reading.encoding)
            for number, stamp, more in _split(text, reading, day.date):
                sender, body = _sender(stamp.rest)
                said = read_body(f"{body}\n{more}" if more else body)
                if not sender:
                    continue
                party, people = introduced(sender)
                if not (said.text or said.files):
                    yield Silent(stamp.time // 60, party.handle)
                    continue
                key = stamp.time, sender, said.text
                seen[key] = ordinal = seen.get(key, 0) + 1
                yield Message(
                    id=content_id(today, stamp.time, sender, said.text, ordinal),
                    conversation=chat.id,
                    sender=party,
                    people=people,
                    sent_at=midnight + timedelta(seconds=stamp.time),
                    text=said.text,
                    title=chat.title,
                    attachments=tuple(_attachment(day.member, file) for file in said.files) if said.files else (),
                    links=links(said.text),
                    locator=f"{where}{extent.line + number}",
                )

    def _texts(self, listed: Sequence[Member]) -> Iterator[Member]:
        """The files that look like a chat: those named so by WhatsApp, else any text of a folder that has none."""
        texts = [member for member in listed if member.place.suffix.casefold() == ".txt" or self.opened(member)]
        named = [member for member in texts if _named_by_whatsapp(member)]
        homes = {member.place.parent for member in named}
        for member in texts:
            if member.place.parent not in homes or _named_by_whatsapp(member) or self.opened(member):
                yield member

    def _chat(self, member: Member, reading: Reading, evidence: _Evidence) -> Iterator[Chat | Skipped]:
        self._readings[member] = reading
        order, crlf = reading.order, reading.crlf
        book, speakers, undated = DayBook(member), dict[str, None](), 0
        for run, day in zip(evidence.runs, _days(evidence.runs, order, crlf=crlf), strict=True):
            if day is None:
                undated += run.count
            else:
                book.add(day, run.digest.digest(), Extent(run.start, run.end, run.line))
                if day_of(run.fields, order) == day:
                    speakers |= run.speakers
        days = book.days()
        if not days:
            raise Malformed("its dates are of a calendar that cannot be read here; export it with the Gregorian one")
        title = _title(member, evidence.notice, speakers)
        mine = {sender for sender, _ in evidence.owners.most_common(1)}
        senders = {sender: self._party(sender, mine, title) for sender in speakers}
        yield Chat(id=title, title=title, senders=senders, days=days)
        if undated:
            yield Skipped(where=str(member.place), why="messages with impossible dates were passed over", count=undated)
        if evidence.twelve_hours and len(evidence.words) > 1:
            why = "its words for before and after noon are not known here, so hours may be off by twelve"
            yield Skipped(where=str(member.place), why=why, outcome="ambiguous")

    def _party(self, sender: str, mine: Container[str], chat: str) -> Party:
        name = sender.lstrip("~ \u00a0\u202f")
        handle = address(name)
        phone = handle.lstrip("+").isdecimal()
        me = self.is_owner(name, handle) or (not self.owner and sender in mine)
        # A name with ~ is what a stranger calls herself: the Ann of another chat may be somebody else.
        known = name == sender or phone
        return Party(handle=handle if known else f"~{name} in {chat}", name="" if phone else name, me=me)


def _read(stream: IO[bytes]) -> tuple[Reading, _Evidence, bool]:
    """One pass over a file: how it is read, what it shows, and whether its own dates decide their order."""
    encoding, lines = lines_of(stream)
    head = list(islice(lines, SAMPLE))
    header = lock_format(text for _, text in head)
    if header is None:
        raise Malformed("no line starts like a WhatsApp message; export the chat again from the phone")
    ends = [text.endswith("\r\n") for _, text in head if header.read(text)]
    # WhatsApp for iOS ends messages with CRLF and the lines within a message with LF.
    crlf = sum(ends) * 2 > len(ends)
    evidence = _gather(chain(head, lines), header, crlf=crlf)
    order, certain = decide_order([run.fields for run in evidence.runs], year_first=header.year_first)
    return Reading(header, order, encoding, crlf), evidence, certain


def _gather(pairs: Iterable[tuple[bytes, str]], header: HeaderFormat, *, crlf: bool) -> _Evidence:
    """One pass over a file's lines (raw, decoded): where each date's run lies, who speaks, how the clock looks."""
    evidence, run = _Evidence(), None
    offset, fresh = 0, True
    for number, (raw, text) in enumerate(pairs, 1):
        stamp = header.read(text) if fresh else None
        if stamp is not None:
            if run is None or run.fields != stamp.fields:
                run = _Run(stamp.fields, offset, number)
                evidence.runs.append(run)
            run.count += 1
            _note(evidence, run, stamp)
        offset += len(raw)
        if run is not None:
            run.digest.update(raw)
            run.end = offset
        fresh = not crlf or text.endswith("\r\n")
    if not evidence.runs:
        raise Malformed("no line starts like a WhatsApp message; export the chat again from the phone")
    return evidence


def _note(evidence: _Evidence, run: _Run, stamp: Stamp) -> None:
    if not 0 < stamp.hour <= 12:
        evidence.twelve_hours = False
    if stamp.word:
        evidence.words.add(stamp.word)
    sender, body = _sender(stamp.rest)
    if not sender or (sender in run.speakers and len(body) > LONGEST_PLACEHOLDER):
        return
    said = read_body(body)
    if said.mine:
        evidence.owners[sender] += 1
    elif said.text or said.files or not body.startswith(NOTICE):
        run.speakers[sender] = None
    elif not evidence.notice:
        evidence.notice = sender


def _days(runs: Sequence[_Run], order: Order, *, crlf: bool) -> list[date | None]:
    """The day that each run belongs to: its own, or that of the message that it was pasted into."""
    own = [day_of(run.fields, order) for run in runs]
    days: list[date | None] = []
    latest: date | None = None
    while len(days) < len(runs):
        at = len(days)
        pasted = 0 if latest is None else _pasted(runs[at:], own[at:], latest, crlf=crlf)
        if pasted:
            days += [latest] * pasted
        else:
            latest = own[at] or latest
            days.append(latest)
    return days


def _pasted(runs: Sequence[_Run], own: Sequence[date | None], latest: date, *, crlf: bool) -> int:
    """How many of the next runs are older lines within a message: few of them, and then time goes on where it was."""
    lines = 0
    for count, (run, day) in enumerate(zip(runs, own, strict=True)):
        if day is not None and (crlf or day >= latest - timedelta(days=1)):
            return count
        lines += run.count
        if lines > PASTED:
            break
    return 0


def _split(text: str, reading: Reading, day: date) -> Iterator[tuple[int, Stamp, str]]:
    """The messages of a day in a stretch of its file: line (from 0), header, and the lines that follow it."""
    head: tuple[int, Stamp] | None = None
    more: list[str] = []
    fresh = True
    for number, line in enumerate(text.split("\n")):
        stamp = reading.header.read(line) if fresh else None
        fresh = not reading.crlf or line.endswith("\r")
        if stamp is None or day_of(stamp.fields, reading.order) != day:
            more.append(line.rstrip("\r"))
            continue
        if head:
            yield *head, "\n".join(more)
        head, more = (number, stamp), []
    if head:
        yield *head, "\n".join(more)


def _sender(rest: str) -> tuple[str, str]:
    """Who speaks and what follows on the first line; nobody ("") in a line of WhatsApp's own."""
    rest = rest.rstrip("\r\n")
    sender, colon, body = rest.partition(": ")
    if not colon and rest.endswith(":"):
        sender, colon = rest[:-1], ":"
    name = _name(sender) if colon else ""
    return (name, body) if name else ("", rest)


@lru_cache(maxsize=4096)
def _name(sender: str) -> str:
    """The sender's name, or "" for what no one is called, as in: Ann changed the subject to “Plan: Rome”."""
    name = sender.translate(_INVISIBLE).strip()
    return "" if len(name) > _LONGEST_NAME or _QUOTES.search(name) else name


def _attachment(member: Member, file: str) -> Attachment:
    return Attachment(name=file, mime=mime(file), path=beside(member, file))


def _named_by_whatsapp(member: Member) -> bool:
    name = member.place.name.casefold()
    return name == "_chat.txt" or "whatsapp" in name


def _title(member: Member, notice: str, speakers: Iterable[str]) -> str:
    """The chat's name: what WhatsApp named the file (zip, folder) after, else its first line, else who speaks."""
    place = member.place if member.place.name.casefold() != "_chat.txt" else member.place.parent
    stem = _COPY.sub("", place.stem if place.suffix.casefold() in (".txt", ".zip") else place.name)
    found = _TITLE.fullmatch(stem) or _TITLE_BEFORE.fullmatch(stem)
    title = found["name"] if found else notice or " & ".join(sorted(islice(speakers, 2))) or stem
    return unicodedata.normalize("NFC", title).strip()
