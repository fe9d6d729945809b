"""Attributed strings that differ from one seen before in texts and lengths only, read by comparing bytes.

An archive's references count what was written before them, so equal bytes around texts of any content mean equal
classes, attributes and runs. A shape is those bytes; what may differ between them is a slot.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from indexers.messages.typedstream.archive import (
    END,
    Archive,
    AttributedValues,
    TypedStreamError,
    Value,
    split,
    unsigned,
)
from indexers.messages.typedstream.attributed import AttributedText, assembled

MOST_SHAPES = 512
"""Shapes that are kept; a database has some tens. More are not learned."""
MOST_BYTES = 8192
"""Bodies longer than that are not learned from."""

_RAW = re.compile(r"\[\d+[cC]\]")

Kind = Literal["text", "number", "raw", "end"]


class Shapes:
    """The shapes of one database, as a tree over the bytes between slots."""

    __slots__ = ("_count", "_heads")

    def __init__(self) -> None:
        self._heads: dict[bytes, _Node] = {}
        self._count = 0

    def filled(self, blob: bytes) -> Filled | None:
        """What a body of a known shape has in its slots; None says: decode it."""
        for head, node in self._heads.items():
            if blob.startswith(head):
                try:
                    return _filled(blob, len(head), node)
                except (IndexError, UnicodeDecodeError, TypedStreamError):
                    return None  # decoding says what is wrong with it
        return None

    def learn(self, blob: bytes) -> None:
        """Remember the shape of a body that could be decoded."""
        if self._count >= MOST_SHAPES or len(blob) > MOST_BYTES:
            return
        reader = _Recorder(blob)
        try:
            (root,) = reader.group()
            found = _shape(blob, reader.spans, assembled(root)) if isinstance(root, AttributedValues) else None
        except (TypedStreamError, IndexError, struct.error, UnicodeDecodeError, RecursionError):
            return
        if found is not None:
            head, steps, runs = found
            node = self._heads.setdefault(head, _Node())
            for static, kind, size in steps:
                node = node.enter(static, kind, size)
            node.shape = Shape(runs)
            self._count += 1


class RunShape(NamedTuple):
    """A run: what its attributes always are, and which of the values in slots the others are."""

    attributes: Mapping[str, Value]
    varying: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The runs of bodies of one shape."""

    runs: tuple[RunShape, ...]


Filled = tuple[str, list[int], list[str | bytes], Shape]
"""The text of a body, the lengths of its runs, the values in its other slots, and its shape."""


class _Step(NamedTuple):
    """Bytes that must follow, the kind of slot after them, and how many bytes a raw one has."""

    static: bytes
    length: int
    kind: Kind
    size: int
    then: _Node


@dataclass(slots=True)
class _Node:
    """A place after a slot: the ways on, longest first, as a longer one may say what a shorter one leaves open."""

    steps: list[_Step] = field(default_factory=list)
    shape: Shape | None = None

    def enter(self, static: bytes, kind: Kind, size: int) -> _Node:
        for step in self.steps:
            if (step.static, step.kind, step.size) == (static, kind, size):
                return step.then
        made = _Step(static, len(static), kind, size, _Node())
        self.steps.append(made)
        self.steps.sort(key=lambda step: -step.length)
        return made.then


def _filled(blob: bytes, at: int, node: _Node) -> Filled | None:
    """Follow the tree from the length of the text on."""
    size = blob[at]
    at += 1
    if size >= 0x80:
        size, at = unsigned(blob, at - 1)
    text = blob[at : at + size].decode()
    at += size
    lengths: list[int] = []
    values: list[str | bytes] = []
    while True:
        for step in node.steps:
            if blob.startswith(step[0], at):
                break
        else:
            return None
        _, length, kind, size, node = step
        at += length
        if kind == "number":
            size = blob[at]
            at += 1
            if size >= 0x80:
                size, at = unsigned(blob, at - 1)
            lengths.append(size)
        elif kind == "text":
            size = blob[at]
            at += 1
            if size >= 0x80:
                size, at = unsigned(blob, at - 1)
            values.append(blob[at : at + size].decode())
            at += size
        elif kind == "raw":
            values.append(blob[at : at + size])
            at += size
        elif at == len(blob) and node.shape is not None:
            return text, lengths, values, node.shape
        else:
            return None


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a value of an object stands, its type, the types it was grouped with, and what it is."""

    start: int
    end: int
    kind: str
    encoding: str
    value: Value


class _Recorder(Archive):
    """An archive that notes where its values stand; slower than reading, and done once for each shape."""

    def __init__(self, blob: bytes) -> None:
        super().__init__(blob)
        self.spans: list[_Span] = []

    def values(self, values: list[Value]) -> list[Value]:
        while self.blob[self.at] != END:
            encoding = self.shared_string()
            for kind in split(encoding):
                start = self.at
                value = self.value(kind)
                self.spans.append(_Span(start, self.at, kind, encoding, value))
                values.append(value)
        self.at += 1
        return values


Steps = list[tuple[bytes, Kind, int]]


def _shape(
    blob: bytes, spans: Sequence[_Span], body: AttributedText
) -> tuple[bytes, Steps, tuple[RunShape, ...]] | None:
    """The bytes before the text, the steps after it, and the runs of a body. None where slots cannot be told apart."""
    first = next((span for span in spans if span.kind == "+"), None)
    lengths = [span for span in spans if span.encoding == "iI" and span.kind == "I"]
    if first is None or first.value is not body.text or len(lengths) != len(body.runs):
        return None
    keys = {id(key) for run in body.runs for key in run.attributes}
    # the same object as in the spans; those of one character or none may be one object for several texts
    values = {
        id(value)
        for run in body.runs
        for value in run.attributes.values()
        if isinstance(value, str | bytes) and len(value) > 1 and value is not body.text
    }
    told = [s for s in spans if (s.kind == "+" or _RAW.fullmatch(s.kind)) and id(s.value) in values - keys]
    slots = sorted([*lengths, *told], key=lambda span: span.start)
    if not slots or slots[0].start < first.end or any(a.end > b.start for a, b in pairwise(slots)):
        return None
    steps: Steps = []
    at = first.end
    for span in slots:
        kind: Kind = "number" if span.kind == "I" else "text" if span.kind == "+" else "raw"
        steps.append((blob[at : span.start], kind, span.end - span.start if kind == "raw" else 0))
        at = span.end
    steps.append((blob[at:], "end", 0))
    value_of = {id(span.value): number for number, span in enumerate(span for span in slots if span.kind != "I")}
    runs = tuple(
        RunShape(
            {key: value for key, value in run.attributes.items() if id(value) not in value_of},
            tuple((key, value_of[id(value)]) for key, value in run.attributes.items() if id(value) in value_of),
        )
        for run in body.runs
    )
    return blob[: first.start], steps, runs
