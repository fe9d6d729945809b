"""Text becomes passages that fit the embedder's window, cut where the text itself says so. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

CountTokens = Callable[[str], int]

WINDOW = 240
"""Tokens of context and text in one passage: MiniLM silently loses what lies beyond 256."""
_SMALLEST = 0.25
"""Of the room: no passage is made smaller while there is another place to cut."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n+")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|(?<=[。！？])|\n")
_WORD = re.compile(r"\s+")
_SEPARATORS = {
    "prose": (_PARAGRAPH, _SENTENCE, _WORD),
    "table": (_LINE, _SENTENCE, _WORD),
    "code": (_PARAGRAPH, _LINE, _WORD),
}


@dataclass(frozen=True, slots=True)
class _Atom:
    """A stretch of text that is not cut, its tokens, and how good a place its end is to cut at (0 is best)."""

    start: int
    end: int
    size: int
    level: int


def passages(
    text: str, *, count: CountTokens, room: int, kind: str = "prose", first: int = 0
) -> Iterator[tuple[int, int]]:
    """Spans of `text` from `first` on, of at most `room` tokens each, without the white space around them.

    Cut at paragraphs (rows of a table), else sentences or lines, else words, else between characters. Where depends on
    the text near the cut only: too long a stretch is parted at the boundary with the least hash, and so are its parts,
    so that an insertion changes the passages around it and no others.
    """
    special = count("")
    atoms = list(_atoms(text, first, len(text), 0, _SEPARATORS.get(kind, _SEPARATORS["prose"]), room, count, special))
    for low, high in _parts(text, atoms, room):
        piece = text[atoms[low].start : atoms[high - 1].end]
        if piece.strip():
            start = atoms[low].start + len(piece) - len(piece.lstrip())
            yield start, atoms[low].start + len(piece.rstrip())


def clipped(text: str, *, count: CountTokens, most: int) -> str:
    """As many of the first words of a text as have at most `most` tokens."""
    if count(text) - count("") <= most:
        return text
    words = text.split()
    fits = bisect_right(range(len(words)), most, key=lambda n: count(" ".join(words[: n + 1])) - count(""))
    return " ".join(words[:fits])


def _atoms(
    text: str,
    low: int,
    high: int,
    level: int,
    separators: Sequence[re.Pattern[str]],
    room: int,
    count: CountTokens,
    special: int,
) -> Iterator[_Atom]:
    """The stretches between separators; one that is too long is cut by the next kind of separator, at last in halves."""
    for start, end in _split(text, low, high, separators[0]) if separators else _halves(low, high):
        size = count(text[start:end]) - special
        if size <= room or end - start == 1:
            yield _Atom(start, end, size, level)
            continue
        inner = list(_atoms(text, start, end, level + 1, separators[1:], room, count, special))
        yield from inner[:-1]
        yield _Atom(inner[-1].start, end, inner[-1].size, level)


def _split(text: str, low: int, high: int, separator: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    start = low
    for match in separator.finditer(text, low, high):
        if match.end() > start:
            yield start, match.end()
            start = match.end()
    if start < high:
        yield start, high


def _halves(low: int, high: int) -> Iterator[tuple[int, int]]:
    middle = (low + high + 1) // 2
    yield low, middle
    if middle < high:
        yield middle, high


def _parts(text: str, atoms: Sequence[_Atom], room: int) -> list[tuple[int, int]]:
    """Runs of atoms (closed-open indexes) that fit the room, in order."""
    upto = [0, *accumulate(atom.size for atom in atoms)]
    priority = [(atom.level, _hash(text[atom.start : atom.end].strip())) for atom in atoms]
    done: list[tuple[int, int]] = []
    pending = [(0, len(atoms))] if atoms else []
    while pending:
        low, high = pending.pop()
        if upto[high] - upto[low] <= room or high - low == 1:
            done.append((low, high))
            continue
        # A cut after atom k leaves upto[k + 1] - upto[low] before it and upto[high] - upto[k + 1] behind it.
        first = bisect_left(upto, upto[low] + _SMALLEST * room, low + 1, high) - 1
        last = bisect_right(upto, upto[high] - _SMALLEST * room, low + 1, high) - 1
        able = range(first, last) if first < last else range(low, high - 1)
        middle = (upto[low] + upto[high]) / 2
        at = min(able, key=lambda k: (priority[k], abs(upto[k + 1] - middle)))
        pending += [(at + 1, high), (low, at + 1)]
    return done


def _hash(content: str) -> bytes:
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
