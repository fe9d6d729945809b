"""Blocks become the sections of a document: one run under one heading path, with exact offsets. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from typing import Literal

from indexers.readers.block import MAX_TEXT, Block, Mark, Reading, Unreadable
from indexers.record import Section, Span

MAX_SECTION = 50_000
"""The most characters in one section."""

# Line ends of all systems become "\n"; other control characters and lone surrogates cannot be stored or shown.
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")

_CUTS = ("\n\n", "\n", ". ", " ")


def sections(reading: Reading, *, name: str, modified_at: datetime | None, content: str = "") -> Iterator[Section]:
    """The sections of one reading. `name` and `modified_at` stand in where the document itself is silent.

    `content` is the hash of the file.

    Raises Unreadable("too_large") when the text passes MAX_TEXT and Unreadable("empty") when there is none.
    """
    blocks = [cleaned for block in reading.blocks if (cleaned := _clean(block)).text.strip()]
    if sum(len(block.text) for block in blocks) > MAX_TEXT:
        raise Unreadable("too_large", f"holds more than {MAX_TEXT // 1_000_000} million characters of text")
    if not blocks and not reading.losses:
        raise Unreadable("empty", "holds no text")
    title = " ".join(clean(reading.title).split()) or name
    author = " ".join(clean(reading.author).split())
    seen: Counter[str] = Counter()
    for run in _runs(blocks):
        first = run[0]
        kind = _kind(first)
        digest = blake2b(
            "\x1f".join((first.part, kind, *first.headings)).encode(errors="replace"), digest_size=6
        ).hexdigest()
        seen[digest] += 1
        text, spans = _joined(run)
        yield Section(
            id=f"{digest}.{seen[digest]}",
            document="",
            title=title,
            text=text,
            headings=first.headings,
            spans=spans,
            kind=kind,
            author=author,
            modified_at=reading.modified_at or modified_at,
            locator=f"#{first.anchor}" if first.anchor else "",
            content=content,
        )


def clean(text: str) -> str:
    """NFC with line feeds as line ends and no control characters."""
    if not text.isprintable():
        text = _UNPRINTABLE.sub("", _LINE_END.sub("\n", text))
    return unicodedata.normalize("NFC", text)


def _clean(block: Block) -> Block:
    return replace(
        block,
        text=clean(block.text),
        head=clean(block.head),
        headings=tuple(heading for part in block.headings if (heading := clean(part).strip())),
    )


def _kind(block: Block) -> Literal["prose", "table", "code", "form", "ocr"]:
    return "prose" if block.kind == "heading" else block.kind


def _runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Consecutive blocks of one part, heading path, kind and table header, at most MAX_SECTION characters each."""
    groups = [list(group) for _, group in groupby(blocks, key=lambda b: (b.part, b.headings, _kind(b), b.head))]
    for at, group in enumerate(groups):
        if (
            all(block.kind == "heading" for block in group)
            and at + 1 < len(groups)
            and _below(groups[at + 1][0], group[0])
        ):
            continue  # the headings of what follows carry these words already
        lot: list[Block] = []
        room = limit = MAX_SECTION - len(group[0].head) - 1
        for block in (piece for whole in group for piece in _pieces(whole, max(limit, 1_000))):
            if not block.text.strip():
                continue
            if lot and len(block.glue) + len(block.text) > room:
                yield lot
                lot, room = [], limit
            lot.append(block)
            room -= len(block.glue) + len(block.text)
        if lot:
            yield lot


def _below(block: Block, heading: Block) -> bool:
    return block.headings[: len(heading.headings)] == heading.headings and block.part == heading.part


def _pieces(block: Block, limit: int) -> Iterator[Block]:
    """A block that is too long for a section, cut after a paragraph, line, sentence or word; nothing is lost."""
    text = block.text
    if len(text) <= limit:
        yield block
        return
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= limit else _cut(text, start, start + limit)
        yield replace(block, text=text[start:end], glue=block.glue if start == 0 else "")
        start = end


def _cut(text: str, start: int, end: int) -> int:
    for sign in _CUTS:
        at = text.rfind(sign, start + (end - start) // 2, end)
        if at >= 0:
            return at + len(sign)
    return end


def _joined(run: Sequence[Block]) -> tuple[str, tuple[Span, ...]]:
    """The text of a run and the spans of its marks; neighbours with one mark share a span."""
    pieces: list[str] = [run[0].head + "\n"] if run[0].head else []
    length = sum(map(len, pieces))
    marked: list[tuple[Mark, int, int]] = []
    for at, block in enumerate(run):
        if at:
            pieces.append(block.glue)
            length += len(block.glue)
        pieces.append(block.text)
        if block.mark is not None:
            if marked and marked[-1][0] == block.mark:
                marked[-1] = (block.mark, marked[-1][1], length + len(block.text))
            else:
                marked.append((block.mark, length, length + len(block.text)))
        length += len(block.text)
    text = "".join(pieces).rstrip()
    return text, tuple(
        Span(kind=mark.kind, label=clean(mark.label), start=start, end=min(end, len(text)))
        for mark, start, end in marked
        if start < len(text)
    )
