"""PPTX: slide by slide, title first, with tables, diagrams and the speaker's notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from indexers.readers.block import Block, Kind, Loss, Mark, Reading, Unreadable, table
from indexers.readers.containers.archive import Archive
from indexers.readers.office.package import (
    ALTERNATIVES,
    BREAK,
    CHOICE,
    FALLBACK,
    LINE,
    RUN,
    A,
    P,
    R,
    drawn_text,
    links,
    part,
    reading,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_MAX_SLIDES = 2_000
_TABLE, _ROW, _CELL = A + "tbl", A + "tr", A + "tc"
_TREE = f"{P}cSld/{P}spTree"
_SHAPE, _FRAME = P + "sp", P + "graphicFrame"
_AROUND_SHAPES = (P + "grpSp", ALTERNATIVES, CHOICE, FALLBACK)
_PLACEHOLDER, _COMMENT = P + "ph", P + "text"
_TITLES = ("title", "ctrTitle")
_FOLLOWED = (b"/diagramData", b"/notesSlide", b"/comments")
# Numbers, dates, footers and the picture of the slide on a notes page are not what its author says.
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def read_pptx(archive: Archive, main: str = "ppt/presentation.xml") -> Reading:
    """A presentation (ISO/IEC 29500): one part a slide, headed by its title. A missing picture loses no text."""
    slides = list(_slides(archive, main))
    if len(slides) > _MAX_SLIDES:
        raise Unreadable("too_large", f"has more than {_MAX_SLIDES:,} slides")
    blocks: list[Block] = []
    damaged = 0
    for number, name in enumerate(slides, 1):
        try:
            blocks += _slide(archive, name, number)
        except Unreadable as error:
            if error.outcome != "malformed":
                raise
            damaged += 1
    if damaged and damaged == len(slides):
        raise Unreadable("malformed", "has no slide that can be read")
    whole = reading(archive, blocks)
    losses = (
        (Loss(outcome="malformed", why=f"{damaged} of its {len(slides)} slides are damaged", count=damaged),)
        if damaged
        else ()
    )
    return Reading(blocks=blocks, title=whole.title, author=whole.author, modified_at=whole.modified_at, losses=losses)


def _slides(archive: Archive, main: str) -> Iterator[str]:
    """The parts of the slides in the order of the presentation."""
    targets = links(archive, main)
    for slide in part(archive, main).iter(P + "sldId"):
        _, name = targets.get(slide.get(R + "id", ""), ("", ""))
        if name:
            yield name


def _slide(archive: Archive, name: str, number: int) -> Iterator[Block]:
    root = part(archive, name)
    mark, anchor = Mark(kind="slide", label=str(number)), f"slide={number}"
    shapes = [(shape, _role(shape)) for shape in _shapes(root.find(_TREE))]
    title = " ".join(" ".join(drawn_text(shape) for shape, role in shapes if role in _TITLES).split())
    headings = (title,) if title else ()

    def block(text: str, kind: Kind = "prose") -> Block:
        return Block(text=text, kind=kind, headings=headings, mark=mark, anchor=anchor, part=name)

    if title:
        yield block(title, "heading")
    for shape, role in shapes:
        if role in _TITLES or role in _FURNITURE:
            continue
        if shape.tag == _FRAME and (grid := next(shape.iter(_TABLE), None)) is not None:
            yield from table(_rows(grid), headings=headings, part=name, anchor=anchor, mark=lambda _first, _last: mark)
        elif text := drawn_text(shape):
            yield block(text)
    for kind, target in links(archive, name, only=_FOLLOWED).values():
        if target not in archive:
            continue
        if kind == "diagramData":
            yield block(drawn_text(part(archive, target)))
        elif kind == "comments":
            for comment in part(archive, target):
                if said := "\n".join(
                    filter(None, (*(node.text for node in comment.iter(_COMMENT)), drawn_text(comment)))
                ):
                    yield block(f"[comment] {said}")
        elif kind == "notesSlide":
            tree = part(archive, target).find(_TREE)
            said = "\n".join(
                text for shape in _shapes(tree) if _role(shape) not in _FURNITURE and (text := drawn_text(shape))
            )
            if said:
                yield block(f"Notes: {said}")


def _shapes(tree: _Element | None) -> Iterator[_Element]:
    """Shapes and frames in reading order, out of their groups."""
    pending: list[_Element] = list(reversed(tree)) if tree is not None else []
    while pending:
        element = pending.pop()
        tag = element.tag
        if tag in (_SHAPE, _FRAME):
            yield element
        elif tag in _AROUND_SHAPES:
            pending += reversed(element)


def _role(shape: _Element) -> str:
    """What a placeholder is for ("title", "body", …); "" for other shapes."""
    first = shape[0] if len(shape) else shape  # its properties, which come before all that it says
    place = next(first.iter(_PLACEHOLDER), None)
    return place.get("type", "body") if place is not None else ""


def _rows(grid: _Element) -> list[list[str]]:
    """The cells of a table, in one pass as `drawn_text`."""
    rows: list[list[str]] = []
    cells: list[str] = []
    for node in grid.iter(_ROW, _CELL, LINE, RUN, BREAK):
        tag = node.tag
        if tag == RUN:
            if cells:
                cells[-1] += node.text or ""
        elif tag == _CELL:
            cells.append("")
        elif tag == _ROW:
            cells = []
            rows.append(cells)
        elif cells:
            cells[-1] += "\n"
    return rows
