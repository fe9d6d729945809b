"""One mail as bytes becomes records: the message, the events it invites to, and what of it could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message as Mime
from email.parser import BytesFeedParser, BytesHeaderParser
from urllib.parse import quote

from indexers.messages.mail.attached import documents
from indexers.messages.mail.headers import UNKNOWN, Head
from indexers.messages.mail.invitations import is_over
from indexers.messages.mail.text.body import Body, Problem, body
from indexers.messages.mail.threads import name, ties
from indexers.readers.engines.ocr import OcrEngine
from indexers.readers.vobject import ics
from indexers.record import Event, Message, Party, Section, Skipped

MAIL_BYTES = 48_000_000
"""The most bytes of one mail that are parsed: its text stands first, large attachments behind it."""
LESS_BYTES = 4_000_000
"""So many are where that takes more memory than there is."""
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is known of a mail from where it lies.

    `where` names it in a Skipped; `uri` opens its file; `by_id` says that a mail program finds it by its Message-ID,
    which survives moves; `received` stands in for a Date that is missing; `files` maps part numbers to local paths;
    `thread` is the conversation that the mails around it put it in, "" where it stands alone; `over` are the names of
    the events that newer mails moved or cancelled.
    """

    where: str
    uri: str
    by_id: bool = False
    received: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    thread: str = ""
    over: Collection[str] = ()


def letter(
    raw: bytes, envelope: Envelope, *, owners: frozenset[str] = frozenset(), ocr: OcrEngine | None = None
) -> Iterator[Message | Event | Section | Skipped]:
    """Read one mail (RFC 5322, MIME). `owners` are the owner's addresses, lower case.

    Yields one Message, an Event for each invitation, the Sections of attached documents (`ocr` reads scanned pages), and
    a Skipped for each thing that was not read; a mail without fields or without any time is one Skipped. A mail that
    its program deleted and only left in the file gives nothing.
    """
    problems: list[Problem] = []
    if len(raw) > MAIL_BYTES:
        problems.append(Problem(why=f"only its first {MAIL_BYTES // 1_000_000} MB were read", outcome="too_large"))
        raw = raw[:MAIL_BYTES]
    mime, content = _parsed(raw, envelope, problems)
    head = Head(mime)
    if _is_expunged(head):
        return
    message = _message(raw, head, content, envelope, owners)
    if isinstance(message, Skipped):
        yield message
        return
    yield message
    for problem in (*problems, *content.problems):
        yield Skipped(where=envelope.where, why=problem.why, outcome=problem.outcome)
    seen: set[str] = set()
    for data in content.invitations:
        for entry in ics.events(data, today=message.sent_at.date(), where=envelope.where, locator=message.locator):
            if isinstance(entry, Skipped):
                yield entry
            elif entry.id not in seen and not is_over(entry.id, envelope.over):
                seen.add(entry.id)
                yield entry
    yield from documents(content.files, message, where=envelope.where, ocr=ocr)


def _parsed(raw: bytes, envelope: Envelope, problems: list[Problem]) -> tuple[Mime, Body]:
    try:
        mime = _mime(raw)
        return mime, body(mime, files=envelope.files)
    except RecursionError:
        # The standard parser recurses once for each part inside a part.
        problems.append(Problem(why="its parts are nested too deeply; only its head was read", outcome="malformed"))
        return BytesHeaderParser().parsebytes(raw), Body()
    except MemoryError:
        if len(raw) <= LESS_BYTES:
            raise
        why = f"it needs too much memory; only its first {LESS_BYTES // 1_000_000} MB were read"
        problems.append(Problem(why=why, outcome="too_large"))
    return _parsed(raw[:LESS_BYTES], envelope, problems)


def _mime(raw: bytes) -> Mime:
    # In pieces, for all at once takes the standard parser five times its size.
    parser = BytesFeedParser()
    for at in range(0, len(raw), _PIECE):
        parser.feed(raw[at : at + _PIECE])
    return parser.close()


def _message(raw: bytes, head: Head, content: Body, envelope: Envelope, owners: frozenset[str]) -> Message | Skipped:
    sender = _sender(head, owners)
    sent_at = head.sent_at() or envelope.received
    if sender.handle == UNKNOWN and not head.first("date") and not head.first("subject") and not head.first("received"):
        return Skipped(where=envelope.where, why="this is no mail: it has no sender, subject or date")
    if sent_at is None:
        return Skipped(where=envelope.where, why="the mail has no date that can be read", outcome="ambiguous")
    own_id = next(iter(head.ids("message-id")), "") or head.text("message-id")
    identity = own_id or hashlib.blake2b(raw, digest_size=16).hexdigest()
    references, answered = head.ids("references"), head.ids("in-reply-to")
    thread = envelope.thread or ties(raw).claim or name(identity.encode("utf-8", "replace"))
    locator = f"message://{quote(f'<{own_id}>', safe='')}" if own_id and envelope.by_id else envelope.uri
    return Message(
        id=identity,
        conversation=thread,
        title=head.text("subject"),
        sender=sender,
        people=tuple(dict.fromkeys((sender, *_others(head, sender, owners)))),
        sent_at=sent_at,
        text=content.text,
        quoted=content.quoted,
        reply_to=next(iter((*answered, *reversed(references))), ""),
        attachments=tuple(content.attachments),
        links=content.links,
        locator=locator,
    )


def _is_expunged(head: Head) -> bool:
    """Whether Thunderbird deleted the mail: it marks it so until the file is compacted (X-Mozilla-Status, bit 3)."""
    try:
        return bool(int(head.first("x-mozilla-status") or "0", 16) & 8)
    except ValueError:
        return False


def _sender(head: Head, owners: frozenset[str]) -> Party:
    for field_ in ("from", "sender", "reply-to", "return-path"):
        if found := head.parties(field_, owners=owners):
            return found[0]
    return Party(handle=UNKNOWN, name=head.text("from"))


def _others(head: Head, sender: Party, owners: frozenset[str]) -> Iterator[Party]:
    return (party for party in head.parties("to", "cc", "bcc", owners=owners) if party.handle != sender.handle)
