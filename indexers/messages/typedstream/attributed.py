"""Attributed strings as Messages archives them: the text and the attributes of its runs."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from indexers.messages.typedstream.archive import (
    HEADER,
    UNFINISHED,
    Archive,
    ArchivedClass,
    AttributedValues,
    TypedStreamError,
    Value,
    unsigned,
)

_TEXT = b"\x84\x01+"
_FIRST_RUN = b"\x86\x84\x02iI\x01"
_FIRST_PART = re.compile(
    rb"\x86\x84\x02iI\x01(?:([\x00-\x7f])|\x81(..))"
    rb"(\x92\x84\x84\x84\x0cNSDictionary\x00.\x84\x01i\x01\x92\x84..\x1d__kIMMessagePartAttributeName\x86"
    rb"\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00.\x84\x01\*\x84..[\x00-\x7f]\x86\x86)",
    re.DOTALL,
)
_MEMO_HEADS, _MEMO_TAILS, _MEMO_BYTES, _MEMO_ENDS = 8, 256, 512, 1024
_SHORT = 0x80
"""Lengths from here on take more than one byte."""


class Run(NamedTuple):
    """The characters start..end (code points, not UTF-16 units) that share `attributes`. A tuple, for there are many."""

    start: int
    end: int
    attributes: Mapping[str, Value]


class AttributedText(NamedTuple):
    """A text and its runs, in order."""

    text: str
    runs: tuple[Run, ...]


class Plain:
    """Knows bodies that are one run without a certain attribute again by their bytes, so that few need decoding.

    Most bodies of a database differ in their text only: equal bytes before and after the text (and a run that covers
    it) mean equal attributes. What one such body taught serves the others.
    """

    __slots__ = ("_heads", "_special")

    def __init__(self, special: Set[str]) -> None:
        """`special` are the attributes that make a body one to decode."""
        self._special = special
        self._heads: dict[bytes, _Tails] = {}

    def text(self, blob: bytes) -> str | None:
        """The text of a body that is known to be one run without special attributes; None says: decode it.

        Raises UnicodeDecodeError.
        """
        for head, tails in self._heads.items():
            if blob.startswith(head):
                at = tails.start
                length = blob[at - 1] if at <= len(blob) else 0
                if length < _SHORT:
                    rest = blob[at + length :]
                    covered = tails.covered.get(rest)
                    if covered is None:
                        covered = tails.remember(rest)
                    if covered is None:
                        return None
                    text = blob[at : at + length].decode()
                    return text if covered == length or covered == len(text.encode("utf-16-le")) // 2 else None
                found = _first_run(blob, at - 1)
                return found[0] if found is not None and blob[found[1] :] in tails.known else None
        return None

    def learn(self, blob: bytes, body: AttributedText) -> None:
        """Remember what surrounds the text of a decoded body, if it is one run without special attributes."""
        if len(body.runs) != 1 or not self._special.isdisjoint(body.runs[0].attributes):
            return
        head = blob[: blob.find(_TEXT, 0, 256) + len(_TEXT)]
        found = _first_run(blob, len(head))
        if found is None or found[0] != body.text or len(blob) - found[1] > _MEMO_BYTES:
            return
        if len(self._heads) >= _MEMO_HEADS:
            self._heads.clear()
        tails = self._heads.setdefault(head, _Tails(len(head) + 1))
        if len(tails.known) >= _MEMO_TAILS:
            self._heads[head] = tails = _Tails(len(head) + 1)
        tails.known.add(blob[found[1] :])


class _Tails:
    """What was seen after the texts behind one head; short texts begin at `start`.

    `known` are the attributes of runs that covered their texts, `covered` whole ends of short bodies and how many
    characters their runs cover: looking one up tells all at once.
    """

    __slots__ = ("covered", "known", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.known: set[bytes] = set()
        self.covered: dict[bytes, int] = {}

    def remember(self, end: bytes) -> int | None:
        """How many characters the run covers that a short body ends with, if its attributes are known."""
        at = len(_FIRST_RUN)
        if not end.startswith(_FIRST_RUN) or end[at + 1 :] not in self.known:
            return None
        if len(self.covered) >= _MEMO_ENDS:
            self.covered.clear()
        self.covered[end] = end[at]
        return end[at]


def decode(blob: bytes) -> AttributedText:
    """Decode one body. Raises TypedStreamError for anything but a whole attributed string."""
    if not blob.startswith(HEADER):
        raise TypedStreamError("does not begin as a typedstream")
    try:
        root = _continued(blob) or Archive(blob).group()[0]
    except (IndexError, struct.error):
        raise TypedStreamError("ends too early") from None
    except UnicodeDecodeError:
        raise TypedStreamError("holds text that is not UTF-8") from None
    except RecursionError:
        raise TypedStreamError("nests too deeply") from None  # types within types, which no object counts
    if not isinstance(root, AttributedValues):
        raise TypedStreamError("holds no attributed string")
    return assembled(root)


def _continued(blob: bytes) -> Value:
    """The root of an archive that begins as archives before it did, read on from there; None if it does not.

    What stands before the text, and the attributes of a first run that has its part's number only, are the same bytes
    in almost all bodies; reading them makes most of the tables.
    """
    head = blob[: blob.find(_TEXT, 0, 256) + len(_TEXT)]
    length, at = unsigned(blob, len(head))
    end = at + length
    first = _FIRST_PART.match(blob, end)
    started = _started(head, first[3] if first else b"")
    if started is None or not blob.startswith(b"\x86", end):
        return None
    reader = Archive(blob)
    reader.strings = list(started.strings)
    reader.objects = list(started.objects)
    text = reader.objects[started.text] = blob[at:end].decode()
    reader.at, reader.depth = end + 1, 1
    values: list[Value] = [text]
    if first:
        reader.at = first.end()
        values += [1, int.from_bytes(first[2] or first[1], "little"), started.attributes]
    return started.root.make(reader.values(values))


@dataclass(frozen=True, slots=True)
class _Started:
    """The tables as they are after the beginning of an archive; `text` is the place of the text among the objects."""

    strings: Sequence[str]
    objects: Sequence[object]
    text: int
    root: ArchivedClass
    attributes: Value


@lru_cache(maxsize=64)
def _started(head: bytes, first: bytes) -> _Started | None:
    """Read the beginning with an empty text and, if `first` is the dictionary of the first run, with that run."""
    reader = Archive(head + b"\0" + (_FIRST_RUN + b"\0" + first if first else b"\x86") + b"\x86")
    try:
        values = reader.group()[0]
    except (TypedStreamError, IndexError, struct.error, UnicodeDecodeError, RecursionError):
        return None
    root = reader.objects[1] if len(reader.objects) > 1 else None
    if not isinstance(values, AttributedValues) or not isinstance(root, ArchivedClass) or values[0] != "":
        return None
    text = next(place for place, made in enumerate(reader.objects) if made == "")
    objects = (UNFINISHED, *reader.objects[1:])
    return _Started(tuple(reader.strings), objects, text, root, values[-1] if first else None)


def _first_run(blob: bytes, at: int) -> tuple[str, int] | None:
    """The text whose length stands at `at`, and where the first run's attributes begin, if that run covers the text."""
    try:
        length = blob[at]
        at += 1
        if length >= 0x80:
            length, at = unsigned(blob, at - 1)
        end = at + length
        if not blob.startswith(_FIRST_RUN, end):
            return None
        text = blob[at:end].decode()
        at = end + len(_FIRST_RUN)
        covered = blob[at]
        at += 1
        if covered >= 0x80:
            covered, at = unsigned(blob, at - 1)
    except (TypedStreamError, IndexError, UnicodeDecodeError):
        return None
    if covered == length or covered == len(text.encode("utf-16-le")) // 2:
        return text, at
    return None


def assembled(values: list[Value]) -> AttributedText:
    """The text, and its runs: index and length, with the dictionary where the index is new."""
    text = values[0] if values else None
    if not isinstance(text, str):
        raise TypedStreamError("holds no text")
    known: dict[int, Mapping[str, Value]] = {}
    lengths: list[int] = []
    attributes: list[Mapping[str, Value]] = []
    at, last = 1, len(values) - 1
    while at < last:
        index, length = values[at], values[at + 1]
        at += 2
        if not isinstance(index, int) or not isinstance(length, int):
            raise TypedStreamError("has a run that is none")
        if at <= last and isinstance(defined := values[at], dict):
            known[index] = defined
            at += 1
        found = known.get(index)
        if found is None:
            raise TypedStreamError("has a run without attributes")
        lengths.append(length)
        attributes.append(found)
    return AttributedText(text, tuple(map(Run, *placed(text, lengths), attributes)))


def placed(text: str, lengths: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Where runs of these lengths (UTF-16 units) start and end in a text (code points)."""
    ends: list[int] = []
    position = unit = 0
    most = len(text)
    units = b"" if text.isascii() else text.encode("utf-16-le")
    if len(units) > 2 * most:
        for length in lengths:
            start, unit = unit, unit + length
            if 2 * unit >= len(units):
                position = most
            else:
                position += len(units[2 * start : 2 * unit].decode("utf-16-le", "replace"))
            ends.append(position if position < most else most)
    else:
        for length in lengths:
            position += length
            ends.append(position if position < most else most)
    return [0, *ends[:-1]], ends
