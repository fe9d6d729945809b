"""Mail as a source: an mbox file, a Maildir, a folder of .eml files, an Apple Mail tree, or folders that mix them.

An item is one mail (its path, for a Maildir its key), or a run of mails of an mbox file. A mail that lies in several
mailboxes is read in the first one; the others' fingerprints name that one, so that they are read when it goes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from indexers.folder import changed_at
from indexers.messages.mail import mbox
from indexers.messages.mail.headers import parties
from indexers.messages.mail.invitations import SIGN, Call, Invitations, calls
from indexers.messages.mail.letter import MAIL_BYTES, Envelope, letter
from indexers.messages.mail.threads import HEAD_BYTES, Threads, Ties, ties
from indexers.messages.mail.tree import Found, emlx, walk
from indexers.readers.engines.ocr import find_engine
from indexers.record import Event, Message, Outcome, Record, Section, Skipped
from indexers.source import Item, Options, SourceUnavailable

SAMPLE_BYTES = 16_384
CALL_BYTES = 1 << 18
"""Where an invitation stands in a mail that holds one: behind its words, before what is attached."""
OWNER_SAMPLE = 400
"""So many mails are looked at for the address they were delivered to."""
OWNER_LEAST = 3

_DELIVERED = re.compile(
    rb"(?im)^(?:delivered-to|x-original-to|x-delivered-to|envelope-to|x-envelope-to|apparently-to):"
    rb"[ \t]*([^\r\n]{3,300})"
)
_OPTIONS = frozenset({"owner"})
_PRINT_FIELDS = 7
"""What the print of a mail in a file of its own says: stat, ties, calls, where others put it, what of its events is over,
and stat and id of the mail that it is read under."""

Letter = Message | Event | Section | Skipped
"""What one mail gives."""


@dataclass(frozen=True, slots=True)
class _File:
    """A mail in a file of its own. `holder` is the earlier item that it is read under, None where it is read here."""

    found: Found
    ties: Ties
    calls: tuple[Call, ...]
    holder: Found | None


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of an mbox file: its mails, each with its calls and whether it is read here (and not under an earlier item).

    `over` is what of each mail's events newer mails changed.
    """

    id: str
    path: str
    mails: tuple[tuple[mbox.Mail, tuple[Call, ...], bool], ...]
    over: tuple[Sequence[str], ...] = ()


class _Place(NamedTuple):
    """Where a mail stands among the others: its conversation, and which of its events newer mails changed."""

    thread: str
    over: Sequence[str]


class Mail:
    """The owner's mail. Option `owner`: the owner's addresses; without it the one most mails were delivered to."""

    default_path = "~/Library/Mail"
    mirror = True
    known: Mapping[str, str] | Sequence[str] = ()
    """The items read in earlier passes and their fingerprints, where whoever scans can tell: mails in files of their own
    that did not change are then not opened."""

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if unknown := sorted(set(options) - _OPTIONS):
            raise ValueError(f"mail has no option {', '.join(unknown)}; it has: owner (a list of your mail addresses)")
        owner = options.get("owner", ())
        given = [owner] if isinstance(owner, str) else owner
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) and "@" in one for one in given):
            raise ValueError('the option owner is a list of mail addresses, such as ["me@example.org"]')
        self.name = name
        self._path = path
        self._ocr = find_engine()
        self._given = frozenset(address.strip().lower() for address in given)
        self._owners: frozenset[str] | None = self._given or None
        self._files: dict[str, Found] = {}
        self._runs: dict[str, _Run] = {}
        self._threads = Threads(())

    def roots(self) -> Sequence[Path]:
        return [self._path.absolute()]

    def scan(self) -> Iterator[Item | Skipped]:
        """Every mail that exists now; raises SourceUnavailable when the path cannot be looked at."""
        looked = list(self._look())
        files = [entry for entry in looked if isinstance(entry, _File)]
        runs = [entry for entry in looked if isinstance(entry, _Run)]
        self._threads = Threads(
            (*(file.ties for file in files), *(mail.ties for run in runs for mail, *_ in run.mails))
        )
        calls = [*(file.calls for file in files), *(called for run in runs for _, called, _ in run.mails)]
        invitations = Invitations(calls)
        over = iter([invitations.over(at, called) for at, called in enumerate(calls)])
        over_of = {file.found.id: next(over) for file in files}
        self._files = {file.found.id: file.found for file in files}
        self._runs = {run.id: replace(run, over=tuple(next(over) for _ in run.mails)) for run in runs}
        for entry in looked:
            match entry:
                case Skipped():
                    yield entry
                case _Run():
                    size = sum(mail.length for mail, *_ in entry.mails)
                    yield Item(id=entry.id, fingerprint=self._print_of(self._runs[entry.id]), size=size)
                case _File(found=found, ties=its, calls=called, holder=holder):
                    parts = (found.stat, its, ",".join(map(str, called)), self._moved(its), ",".join(over_of[found.id]))
                    print_ = "|".join(map(str, (*parts, *((holder.stat, holder.id) if holder else ("", "")))))
                    yield Item(id=found.id, fingerprint=print_, identity=found.stat, size=found.size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        if item.id not in self._files and item.id not in self._runs:
            # The print of a mail in a file of its own says all but where that is; one in an mbox takes a scan.
            files = [entry for entry in self._entries() if isinstance(entry, Found)]
            self._files = {found.id: found for found in files}
            if "|" not in item.fingerprint or any(found.kind == "mbox" for found in files):
                for _ in self.scan():
                    pass
        if item.id in self._runs:
            yield from self._read_run(self._runs[item.id])
        elif item.id in self._files:
            fields = item.fingerprint.split("|", _PRINT_FIELDS - 1)
            _, its, _, moved, over, _, holder = (*fields, *[""] * (_PRINT_FIELDS - len(fields)))
            place = _Place(moved or Ties.read(its).claim, over.split(",") if over else ())
            records = list(self._read_file(self._files[item.id], place))
            held = self._files.get(holder)
            if not (held and _same(records, self._read_file(held, place))):
                yield from records
        else:
            yield Skipped(where=item.id, why="the mail is no longer there", outcome="vanished")

    def _entries(self) -> list[Found | Skipped]:
        try:
            return list(walk(self._path))
        except FileNotFoundError:
            raise SourceUnavailable(f"there is nothing at {self._path}; check the path of this source") from None
        except PermissionError:
            raise SourceUnavailable(
                f"no permission to read {self._path}; on macOS give the program Full Disk Access in System Settings, "
                "Privacy & Security, and start it again"
            ) from None
        except OSError as problem:
            raise SourceUnavailable(f"{self._path} cannot be read: {problem.strerror or 'unknown error'}") from None

    def _look(self) -> Iterator[_File | _Run | Skipped]:
        """Every mail with its ties, in the order of the folders."""
        entries = self._entries()
        known = self.known if isinstance(self.known, Mapping) else {}
        mailboxes = {entry.mailbox for entry in entries if isinstance(entry, Found) and entry.kind != "mbox"}
        first: dict[str, Found] = {}
        folded: set[bytes] = set()
        for entry in entries:
            if isinstance(entry, Skipped):
                yield entry
            elif entry.kind == "mbox":
                yield from _runs_of(entry, folded)
            else:
                its, called = _head_of(entry, known.get(entry.id, ""))
                holder = first.setdefault(its.id, entry) if its.id and len(mailboxes) > 1 else entry
                yield _File(entry, its, called, None if holder is entry else holder)

    def _moved(self, its: Ties) -> str:
        """The conversation of a mail where others put it in another one than it says itself."""
        thread = self._threads.conversation(its)
        return "" if thread == its.claim else thread

    def _print_of(self, run: _Run) -> str:
        print_ = hashlib.blake2b(digest_size=16)
        for (mail, _, new), over in zip(run.mails, run.over, strict=True):
            # A mail without an id is opened by its place in the file, so its place is part of it.
            place = "" if mail.ties.id else str(mail.offset)
            print_.update(
                mail.head + mail.body + bytes([new]) + f"{place}{self._moved(mail.ties)}{','.join(over)}".encode()
            )
        return print_.hexdigest()

    def _read_run(self, run: _Run) -> Iterator[Record | Skipped]:
        seen: Counter[tuple[type, str]] = Counter()
        uri = Path(run.path).as_uri()
        try:
            with Path(run.path).open("rb") as stream:
                for (mail, _, new), over in zip(run.mails, run.over, strict=True):
                    if not new:
                        continue
                    stream.seek(mail.offset)
                    raw, received = mbox.content(stream.read(min(mail.length, MAIL_BYTES + HEAD_BYTES)))
                    where = f"{run.path}#{mail.offset}"
                    envelope = Envelope(
                        where=where,
                        uri=f"{uri}#{mail.offset}",
                        by_id=True,
                        received=received,
                        thread=self._threads.conversation(mail.ties),
                        over=over,
                    )
                    for record in letter(raw, envelope, owners=self._me(), ocr=self._ocr):
                        yield _distinct(record, seen)
        except OSError as problem:
            yield Skipped(where=run.path, why=f"the mbox cannot be read: {problem.strerror or 'unknown error'}")

    def _read_file(self, found: Found, place: _Place) -> Iterator[Letter]:
        try:
            with Path(found.path).open("rb") as stream:
                changed = changed_at(os.fstat(stream.fileno()))
                data = stream.read(MAIL_BYTES + HEAD_BYTES)
        except OSError as problem:
            outcome: Outcome = "no_permission" if isinstance(problem, PermissionError) else "vanished"
            why = f"the mail cannot be read: {problem.strerror or 'unknown error'}"
            yield Skipped(where=found.path, why=why, outcome=outcome)
            return
        if not data.strip():
            yield Skipped(where=found.path, why="the file is empty", outcome="empty")
            return
        envelope = Envelope(where=found.path, uri=Path(found.path).as_uri(), received=changed)
        short = None
        if found.kind == "emlx":
            data, envelope, short = emlx(data, found.path, changed=changed)
        envelope = replace(envelope, thread=place.thread, over=place.over)
        records = list(letter(data, envelope, owners=self._me(), ocr=self._ocr))
        if short is not None and any(isinstance(record, Message) for record in records):
            yield short
        yield from records

    def _me(self) -> frozenset[str]:
        """The owner's addresses: given, or the one that more than half of the sampled mails were delivered to."""
        if self._owners is None:
            marks: Counter[str] = Counter()
            for head in self._sample():
                marks.update(
                    {party.handle for mark in _DELIVERED.findall(head) for party in parties([mark.decode("latin-1")])}
                )
            best = marks.most_common(1)
            clear = bool(best) and best[0][1] >= OWNER_LEAST and 2 * best[0][1] > sum(marks.values())
            self._owners = frozenset({best[0][0]}) if clear else frozenset()
        return self._owners

    def _sample(self) -> Iterator[bytes]:
        """The heads of the first OWNER_SAMPLE mails."""
        left = OWNER_SAMPLE
        for found in list(self._files.values())[:OWNER_SAMPLE]:
            left -= 1
            yield _start(found.path, SAMPLE_BYTES)
        for run in self._runs.values():
            if left <= 0:
                return
            left -= len(run.mails)
            with suppress(OSError), Path(run.path).open("rb") as stream:
                for mail, *_ in run.mails:
                    stream.seek(mail.offset)
                    yield stream.read(min(mail.length, SAMPLE_BYTES)).partition(b"\n\n")[0]


def _start(path: str, size: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _head_of(found: Found, known: str) -> tuple[Ties, tuple[Call, ...]]:
    """The ties and calls of a mail in a file of its own: as its print says that is `known`, if the file is as it was then."""
    fields = known.split("|", _PRINT_FIELDS - 1)
    if len(fields) == _PRINT_FIELDS and fields[0] == found.stat and fields[1]:
        return Ties.read(fields[1]), tuple(map(Call.read, fields[2].split(","))) if fields[2] else ()
    start = _start(found.path, CALL_BYTES)
    start = start.partition(b"\n")[2] if found.kind == "emlx" else start
    return ties(start), calls(start) if SIGN in start else ()


def _runs_of(found: Found, folded: set[bytes]) -> Iterator[_Run | Skipped]:
    """The runs of one mbox file: named by their first mail, so that what stands before them may change.

    `folded` are the keys of the mails that are read under earlier items.
    """
    taken: Counter[str] = Counter()
    try:
        with Path(found.path).open("rb") as stream, Path(found.path).open("rb") as again:
            for run in mbox.runs(mbox.mails(stream)):
                mails = list[tuple[mbox.Mail, tuple[Call, ...], bool]]()
                for mail in run:
                    key = hashlib.blake2b(mail.ties.id.encode() + b"\0" + mail.body, digest_size=12).digest()
                    called: tuple[Call, ...] = ()
                    if mail.invites:
                        again.seek(mail.offset)
                        called = calls(mbox.content(again.read(min(mail.length, CALL_BYTES)))[0])
                    mails.append((mail, called, not mail.ties.id or key not in folded))
                    folded.add(key)
                start = run[0].head.hex()[:16]
                taken[start] += 1
                name = f"{found.id}#{start}" + (f".{taken[start]}" if taken[start] > 1 else "")
                yield _Run(name, found.path, tuple(mails))
    except OSError as problem:
        why = f"the mbox cannot be read: {problem.strerror or 'unknown error'}"
        yield Skipped(where=f"{found.id}#", why=why, outcome="no_permission")


def _same(records: Sequence[Record | Skipped], others: Iterator[Letter]) -> bool:
    """Whether two files hold one mail: equal ids and texts. Two mails that share an id by mistake are both kept."""
    texts = [(record.id, record.text) for record in records if isinstance(record, Message)]
    return bool(texts) and texts == [(record.id, record.text) for record in others if isinstance(record, Message)]


def _distinct(record: Letter, seen: Counter[tuple[type, str]]) -> Letter:
    """The record with an id of its own in its item: ids repeat where mails share one, and in updated invitations."""
    if isinstance(record, Skipped):
        return record
    seen[type(record), record.id] += 1
    times = seen[type(record), record.id]
    return record if times == 1 else replace(record, id=f"{record.id}#{times}")
