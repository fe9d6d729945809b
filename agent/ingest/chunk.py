"""Records become chunks, and neighbouring chunks become the blocks that get a vector. Pure.

A message is one chunk; a block is a few neighbouring messages. A document is packed into passages that fit the
embedder's window. All boundaries depend on content near them only, so that an edit changes its surroundings alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from hashlib import blake2b

from agent.ingest.passages import WINDOW, CountTokens, clipped, passages
from agent.people import spelled
from agent.vocabulary import Block, Chunk, ReadBy
from indexers.record import Contact, Event, Message, Party, Section

Place = tuple[str, str, int, int]
"""A span of a passage: kind, label, start, end."""

_CONTEXT = WINDOW // 4
"""The most tokens of a title with its headings, and of a table's header, before a passage."""
_HYPHENATED = re.compile("\\w+(?:\u00ad\\s*\\w+)+")
_FRAGMENTS = {"page": "page", "slide": "slide", "cells": "sheet", "line": "line"}
_READ_BY: Mapping[str, ReadBy] = {"ocr": "ocr", "speech": "speech"}
_BLOCK_TOKENS = 200
_BLOCK_SIZE = (3, 5)
_MONTHS = "January February March April May June July August September October November December".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What one item's records became. `names`: handle -> (what the source calls them or "", is the owner)."""

    chunks: list[Chunk] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    names: dict[str, tuple[str, bool]] = field(default_factory=dict)
    contacts: list[tuple[Contact, tuple[str, ...]]] = field(default_factory=list)


def cut(
    records: Sequence[Message | Section | Event | Contact], *, item: str, path: str, zone: tzinfo, count: CountTokens
) -> Cut:
    """Cut one item's records into chunks and blocks. `zone` is where floating times and date words are read."""
    out = Cut()
    for run in _runs(records):
        start = len(out.chunks)
        if isinstance(run[0], Message):
            for message in run:
                assert isinstance(message, Message)
                out.chunks.extend(_message(message, zone, count))
                _note(out, message.people)
            out.blocks.extend(_message_blocks(out.chunks, start, count))
        else:
            for record in run:
                out.chunks.extend(_single(record, out, item=item, zone=zone, count=count))
            out.blocks.extend(
                Block(first=index, last=index, text=embedded_text(out.chunks[index : index + 1]))
                for index in range(start, len(out.chunks))
            )
    if path:
        out.chunks[:] = [replace(chunk, path=path) for chunk in out.chunks]
    return out


def embedded_text(chunks: Sequence[Chunk]) -> str:
    """The text whose vector stands for some chunks: no names of people, no paths, no dates, which may all change."""
    if chunks[0].kind == "message":
        return "\n".join(chunk.text for chunk in chunks)
    return "\n".join(f"{chunk.context}\n{chunk.text}".strip() for chunk in chunks)


def _runs(
    records: Iterable[Message | Section | Event | Contact],
) -> Iterator[list[Message | Section | Event | Contact]]:
    """Neighbouring messages of one conversation together; anything else alone."""
    run: list[Message | Section | Event | Contact] = []
    for record in records:
        last = run[-1] if run else None
        if isinstance(last, Message) and isinstance(record, Message) and record.conversation == last.conversation:
            run.append(record)
            continue
        if run:
            yield run
        run = [record]
    if run:
        yield run


def _single(record: object, out: Cut, *, item: str, zone: tzinfo, count: CountTokens) -> Iterator[Chunk]:
    match record:
        case Section():
            yield from _section(record, item, zone, count)
        case Event():
            _note(out, record.people)
            yield from _fitting(_event(record, item, zone), count)
        case Contact():
            handles = tuple(dict.fromkeys(map(spelled, (*record.phones, *record.mails))))
            out.contacts.append((record, handles))
            yield from _fitting(_contact(record, item, handles), count)


def _note(out: Cut, people: Iterable[Party]) -> None:
    for party in people:
        name, me = out.names.get(spelled(party.handle), ("", False))
        out.names[spelled(party.handle)] = (party.name or name, party.me or me)


def _stamp(moment: datetime, zone: tzinfo) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def date_words(moment: datetime, zone: tzinfo) -> str:
    """A day as people write it, so that "in May" finds it by words: "7 May 2023"."""
    local = moment.astimezone(zone) if moment.tzinfo else moment
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _message(message: Message, zone: tzinfo, count: CountTokens) -> Iterator[Chunk]:
    files = " ".join(attachment.name for attachment in message.attachments)
    text = message.text.strip() or " ".join(f"[{attachment.name}]" for attachment in message.attachments)
    if not text:
        return
    whole = Chunk(
        place=message.id,
        thread=message.conversation,
        kind="message",
        title=message.title,
        text=text,
        about=f"{date_words(message.sent_at, zone)} {message.title} {files}".strip(),
        sender=spelled(message.sender.handle),
        people=tuple(dict.fromkeys(spelled(party.handle) for party in message.people)),
        when=_stamp(message.sent_at, zone),
        locator=message.locator,
        context="\n".join(filter(None, (message.quoted, " ".join(message.reactions)))),
    )
    yield from _fitting(whole, count)


def _fitting(whole: Chunk, count: CountTokens) -> Iterator[Chunk]:
    """The chunk, or parts of it that fit the window. Outside of ASCII one character may be several tokens."""
    text = whole.text
    if len(text) <= (WINDOW if text.isascii() else WINDOW // 4) or count(text) <= WINDOW:
        yield whole
        return
    for number, (start, end) in enumerate(passages(text, count=count, room=WINDOW - count(""))):
        yield replace(whole, place=f"{whole.place}#{number}" if number else whole.place, text=text[start:end])


def _message_blocks(chunks: Sequence[Chunk], start: int, count: CountTokens) -> Iterator[Block]:
    """Blocks of about four messages. Whether one ends after a message depends on that message's id and the block's size."""
    smallest, largest = _BLOCK_SIZE
    first, tokens = start, 0
    alone = len(chunks) - start == 1  # then nothing has to be counted
    sizes = [0 if alone else count(chunk.text) for chunk in chunks[start:]]
    for index in range(start, len(chunks)):
        tokens += sizes[index - start]
        size = index - first + 1
        following = sizes[index + 1 - start] if index + 1 < len(chunks) else 0
        if (
            index + 1 == len(chunks)
            or size >= largest
            or tokens + following > _BLOCK_TOKENS
            or (size >= smallest and _cuts_here(chunks[index].place, 2))
        ):
            yield Block(first=first, last=index, text=embedded_text(chunks[first : index + 1]))
            first, tokens = index + 1, 0


def _cuts_here(content: str, one_in: int) -> bool:
    digest = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "little") % one_in == 0


def _section(section: Section, item: str, zone: tzinfo, count: CountTokens) -> Iterator[Chunk]:
    path = " > ".join(filter(None, (section.title, *section.headings)))
    heading = _heading(section, path, count)
    header, body = _table_header(section, count)
    context = f"{heading}\n{header}".strip()
    room = WINDOW - count(f"{context}\n")
    about = [path, section.author]
    if section.modified_at is not None:
        about.append(date_words(section.modified_at, zone))
    seen: Counter[str] = Counter()
    for start, end in passages(section.text, count=count, room=room, kind=section.kind, first=body):
        opens = body > 0 and not seen  # the first passage of a table begins with the header itself
        start = 0 if opens else start
        text = section.text[start:end]
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        seen[digest] += 1
        spans = tuple(
            (span.kind, span.label, max(span.start, start) - start, min(span.end, end) - start)
            for span in section.spans
            if span.start < end and span.end > start
        )
        yield Chunk(
            place=f"{section.id}#{digest}" + (f".{seen[digest]}" if seen[digest] > 1 else ""),
            thread=f"{item}\n{section.document}",
            kind="section",
            title=section.title,
            text=text,
            about=" ".join(filter(None, (*about, *_numbered(spans), *_unbroken(text)))),
            when=_stamp(section.modified_at, zone) if section.modified_at else None,
            locator=_locator(section.locator, spans),
            context=heading if opens else context,
            spans=spans,
            read_by=_READ_BY.get(section.kind, ""),
        )


def _numbered(spans: Sequence[Place]) -> Iterator[str]:
    """The pages of a passage in words, so that "page 12" finds it; they are not embedded, for an insertion moves them."""
    yield from dict.fromkeys(f"{kind} {label}" for kind, label, _, _ in spans if kind in ("page", "slide", "chapter"))


def _locator(section: str, spans: Sequence[Place]) -> str:
    """The fragment of a section, which may run over many pages, for the place where one passage begins."""
    kind, label = spans[0][:2] if spans else ("", "")
    key = _FRAGMENTS.get(kind)
    if key is None or not section.startswith(f"#{key}="):
        return section
    return f"#{key}={label.partition('-')[0] if kind == 'line' else label}"


def _unbroken(text: str) -> Iterator[str]:
    """Words that a soft hyphen breaks at a line's end, whole: a word index would find neither half."""
    if "\u00ad" in text:
        for match in _HYPHENATED.finditer(text):
            yield re.sub("\u00ad\\s*", "", match[0])


def _heading(section: Section, path: str, count: CountTokens) -> str:
    """The title and headings of a section; of a long path the title and the last heading, as far as there is room."""
    if count(path) <= _CONTEXT:
        return path
    ends = [section.title, *section.headings[-1:]]
    most = _CONTEXT // len(ends) - 2
    return " > ".join(filter(None, (clipped(end, count=count, most=most) for end in ends)))


def _table_header(section: Section, count: CountTokens) -> tuple[str, int]:
    """What goes before each further passage of a table, and where its rows begin: 0 where its header is too long."""
    header, newline, rest = section.text.partition("\n")
    if section.kind != "table" or not newline or not rest.strip():
        return "", 0
    short = clipped(header, count=count, most=_CONTEXT)
    return short, len(header) + 1 if short == header else 0


def _event(event: Event, item: str, zone: tzinfo) -> Chunk:
    text = "\n".join(
        filter(
            None, (event.title, _event_time(event, zone), event.place and f"Place: {event.place}", event.text.strip())
        )
    )
    return Chunk(
        place=event.id,
        thread=item,
        kind="event",
        title=event.title,
        text=text,
        about=date_words(event.start, zone),
        people=tuple(dict.fromkeys(spelled(party.handle) for party in event.people)),
        when=_stamp(event.start, zone),
        until=_stamp(event.end, zone),
        locator=event.locator,
    )


def _event_time(event: Event, zone: tzinfo) -> str:
    start = event.start.astimezone(zone) if event.start.tzinfo else event.start
    end = event.end.astimezone(zone) if event.end.tzinfo else event.end
    day = f"{start:%A} {date_words(start, zone)}"
    if event.all_day:
        return f"When: {day}, all day"
    return (
        f"When: {day} {start:%H:%M} to {'' if start.date() == end.date() else date_words(end, zone) + ' '}{end:%H:%M}"
    )


def _contact(contact: Contact, item: str, handles: tuple[str, ...]) -> Chunk:
    lines = [contact.names[0], *(f"also: {name}" for name in contact.names[1:]), contact.organization]
    lines += [f"phone: {phone}" for phone in contact.phones]
    lines += [f"mail: {mail}" for mail in contact.mails]
    lines += [f"address: {address}" for address in contact.addresses]
    if contact.birthday:
        lines.append(f"birthday: {contact.birthday.day} {_MONTHS[contact.birthday.month - 1]} {contact.birthday.year}")
    return Chunk(
        place=contact.id,
        thread=f"{item}\n{contact.id}",
        kind="contact",
        title=contact.names[0],
        text="\n".join(filter(None, (*lines, contact.note))),
        people=handles,
        locator=contact.locator,
    )
