"""An mbox file (RFC 4155, mboxrd) as runs of mails: one streaming pass finds them, whatever the size of the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from indexers.messages.mail.headers import instant
from indexers.messages.mail.invitations import SIGN
from indexers.messages.mail.threads import HEAD_BYTES, HEAD_END, Ties, ties

CHUNK_BYTES = 1 << 20
RUN_MOST, RUN_LEAST, RUN_CUT = 256, 16, 64
"""A run ends before a mail whose head's hash divides by RUN_CUT (after RUN_LEAST mails), or after RUN_MOST."""
RUN_BYTES = 32_000_000

_BREAK = b"\nFrom "
_LINE_BYTES = 1_000
# A line "From now on …" after an empty line is prose that its writer forgot to quote: a real one has a time in it.
_FROM_LINE = re.compile(rb"From [^\r\n]*\d:\d\d[^\r\n]*\r?\n?")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_FROM_DATE = re.compile(
    rb"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?([A-Z][a-z]{2}) +(\d{1,2}) +(\d{1,2}:\d{2}(?::\d{2})?)"
    rb"(?: +([+-]\d{4}|[A-Z]{1,5}))?(?: +([+-]\d{4}))? +(\d{4})"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """Where one mail stands in the file, and what tells it from others. `head` and `body` are digests.

    `invites` is true where it may hold an invitation.
    """

    offset: int
    length: int
    ties: Ties
    head: bytes
    body: bytes
    invites: bool


def is_mbox(start: bytes) -> bool:
    """Whether a file's first bytes are those of an mbox."""
    return start.startswith(b"From ") and b"\n" in start


class _Reading:
    """The mail that is being passed over: hashed as it goes by, only its head held."""

    def __init__(self, offset: int) -> None:
        self.offset, self.length = offset, 0
        self._head, self._in_body = bytearray(), False
        self._body = hashlib.blake2b(digest_size=16)
        self._blank = b""
        self._invites, self._tail = False, b""

    def feed(self, data: bytes) -> None:
        self.length += len(data)
        self._invites = self._invites or SIGN in data or SIGN in self._tail + data[: len(SIGN)]
        self._tail = (self._tail + data[-len(SIGN) :])[-len(SIGN) :]
        if self._in_body:
            self._hash(data)
            return
        before = max(0, len(self._head) - 3)
        self._head += data
        end = HEAD_END.search(self._head, before)
        if end or len(self._head) > HEAD_BYTES:
            at = end.end() if end else HEAD_BYTES
            self._hash(bytes(self._head[at:]))
            del self._head[at:]
            self._in_body = True

    def _hash(self, data: bytes) -> None:
        # Empty lines at the end belong to the file: the last mail of an mbox has fewer than the others.
        written = data.rstrip(b"\r\n")
        if written:
            self._body.update(self._blank + written)
            self._blank = data[len(written) :]
        else:
            self._blank += data

    def done(self) -> Mail:
        head = bytes(self._head).partition(b"\n")[2]
        digest = hashlib.blake2b(head, digest_size=16).digest()
        return Mail(self.offset, self.length, ties(head), digest, self._body.digest(), self._invites)


def mails(stream: BinaryIO) -> Iterator[Mail]:
    """Every mail of an mbox in order, in one pass with a few megabytes in memory.

    A mail starts at a line "From …" with a time, at the start of the file or after an empty line; where the file's own
    first such line has no time, none needs one.
    """
    buffer, base = stream.read(CHUNK_BYTES), 0
    strict = _FROM_LINE.match(buffer[:_LINE_BYTES]) is not None
    mail, at, search, last = _Reading(0), 0, 0, not buffer
    if last:
        return
    while True:
        undecided = -1
        while (hit := buffer.find(_BREAK, search)) >= 0:
            line = buffer[hit + 1 : hit + 1 + _LINE_BYTES]
            if b"\n" not in line and len(line) < _LINE_BYTES and not last:
                undecided = hit
                break
            search = hit + 1
            if not buffer[:hit].endswith((b"\n", b"\n\r"), max(0, hit - 2)):
                continue
            if strict and not _FROM_LINE.match(line):
                continue
            mail.feed(buffer[at : hit + 1])
            yield mail.done()
            mail, at = _Reading(base + hit + 1), hit + 1
        if last:
            break
        keep = max(at, undecided - 3 if undecided >= 0 else len(buffer) - 16)
        mail.feed(buffer[at:keep])
        more = stream.read(CHUNK_BYTES)
        base, buffer, at, last = base + keep, buffer[keep:] + more, 0, not more
        search = 0 if undecided >= 0 else max(0, search - keep)
    mail.feed(buffer[at:])
    yield mail.done()


def runs(found: Iterator[Mail]) -> Iterator[list[Mail]]:
    """Cut the mails into runs where their content says so: what is appended or deleted changes only its own run."""
    run: list[Mail] = []
    size = 0
    for mail in found:
        cut = int.from_bytes(mail.head[:4], "big") % RUN_CUT == 0 and len(run) >= RUN_LEAST
        if run and (cut or len(run) >= RUN_MOST or size + mail.length > RUN_BYTES):
            yield run
            run, size = [], 0
        run.append(mail)
        size += mail.length
    if run:
        yield run


def content(raw: bytes) -> tuple[bytes, datetime | None]:
    """The mail itself without its "From " line and with mboxrd quoting undone, and when that line says it came."""
    line, _, mail = raw.partition(b"\n")
    received = None
    if found := _FROM_DATE.search(line):
        _, month, day, clock, zone, offset, year = (part.decode() if part else "" for part in found.groups())
        received = instant(f"{day} {month} {year} {clock} {offset or zone or '+0000'}")
    return (_QUOTED_FROM.sub(rb"\1", mail) if b"\n>" in mail else mail), received
