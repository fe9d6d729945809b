"""What a reader makes of one file: blocks of text in reading order, what it says of itself, and what it lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from indexers.record import Outcome

MAX_TEXT = 50_000_000
"""The most characters that are taken from one file."""

ROWS_IN_BLOCK = 16
"""How many rows of a table share one mark, so that a citation names a range the eye can search."""

Kind = Literal["heading", "prose", "table", "code", "form", "ocr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where in its document a block stands, as a reader of the document would say it ("page", "3")."""

    kind: Literal["page", "slide", "cells", "chapter", "line"]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run of text in one place of a document.

    `glue` stands between it and the block before it. `anchor` is a URL fragment without "#". No section crosses from
    one `part` (a slide, a sheet, a chapter) into another. `head` is the header row of a table, not part of `text`.
    """

    text: str
    kind: Kind = "prose"
    headings: tuple[str, ...] = ()
    mark: Mark | None = None
    anchor: str = ""
    part: str = ""
    head: str = ""
    glue: str = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A part of a document that could not be read, though the rest could; `reached` is as in Skipped."""

    outcome: Outcome
    why: str
    count: int = 1
    reached: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that one file says: its blocks in reading order and its own title, author and time ("" or None if silent)."""

    blocks: Sequence[Block]
    title: str = ""
    author: str = ""
    modified_at: datetime | None = None
    losses: tuple[Loss, ...] = ()


class Unreadable(Exception):
    """Nothing of a file can be read; `why` tells the owner, in words that quote nothing of the file."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome: Outcome = outcome
        self.why = why


class Outline:
    """The heading path at the present place of a document that is read from top to bottom."""

    def __init__(self, *above: str) -> None:
        self._above = above
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> tuple[str, ...]:
        """Open a heading of a level (1 is outermost), close those it ends; returns the path, the heading included."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, " ".join(heading.split())))
        return self.path

    @property
    def path(self) -> tuple[str, ...]:
        return self._above + tuple(heading for _, heading in self._open)


def table(
    rows: Sequence[Sequence[str]],
    *,
    headings: tuple[str, ...] = (),
    part: str = "",
    anchor: str = "",
    mark: Callable[[int, int], Mark] | None = None,
) -> Iterator[Block]:
    """The blocks of a table: what stands above its header row as prose, then its rows, one a line.

    `mark` names the rows first..last (indices into `rows`, both included). A table in which no header row can be told
    becomes prose lines, so that no chunker repeats a row of data as if it were a header.
    """
    at = _header_row(rows)
    head = "" if at is None else row_line(rows[at])
    body = 0 if at is None else at + 1

    def block(first: int, last: int, kind: Kind) -> Iterator[Block]:
        lines = [line for row in rows[first:last] if (line := row_line(row))]
        if lines:
            place = (
                mark(at if kind == "table" and first == body and at is not None else first, last - 1) if mark else None
            )
            yield Block(
                text="\n".join(lines),
                kind=kind,
                headings=headings,
                mark=place,
                anchor=anchor,
                part=part,
                head=head if kind == "table" else "",
                glue="\n",
            )

    if at:
        yield from block(0, at, "prose")
    for first in range(body, len(rows), ROWS_IN_BLOCK):
        yield from block(first, min(first + ROWS_IN_BLOCK, len(rows)), "table" if head else "prose")


def row_line(row: Sequence[str]) -> str:
    """One row as a line: cells parted by " | ", white space inside a cell closed up, empty cells at the end dropped."""
    cells = [" ".join(cell.split()) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return " | ".join(cells)


def _header_row(rows: Sequence[Sequence[str]]) -> int | None:
    """The first row of words that fills at least half the columns and has a row below it."""
    width = max((len(row) for row in islice(rows, 50)), default=0)
    for at, row in enumerate(islice(rows, 10)):
        filled = [cell for cell in row if cell.strip()]
        if len(filled) >= 2 and 2 * len(filled) >= width:
            worded = all(any(sign.isalpha() for sign in cell) for cell in filled)
            return at if worded and at + 1 < len(rows) else None
    return None


def moment(text: str) -> datetime | None:
    """A W3C date-time or date (ISO 8601, as document formats write it) as an aware UTC time; None if it is none."""
    text = text.strip()
    try:
        parsed = datetime.fromisoformat(text)
        aware = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return aware if aware.year > 1970 else None
