"""DOCX: paragraphs under their headings, tables as rows, notes and comments after the text that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from indexers.readers.block import Block, Outline, Reading, table
from indexers.readers.containers.archive import Archive
from indexers.readers.office.package import W, drawn_text, linked, part, reading

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEADING_STYLE = re.compile(r"^heading (\d)$", re.IGNORECASE)
_TITLE_LEVEL = 0

_SIGNS = {
    W + "tab": "\t",
    W + "ptab": "\t",
    W + "br": "\n",
    W + "cr": "\n",
    W + "noBreakHyphen": "\u2011",
    W + "softHyphen": "\u00ad",
}
_TEXTS = frozenset((W + "t", "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"))
_REFERENCES = {
    W + "footnoteReference": "footnotes",
    W + "endnoteReference": "endnotes",
    W + "commentReference": "comments",
}
# Deleted and moved-away text, field codes, properties and reading aids hold no text of the document as it stands.
_SILENT = frozenset(
    W + name
    for name in ("del", "moveFrom", "instrText", "delText", "pPr", "sectPr", "tblPr", "trPr", "tcPr", "sdtPr", "rt")
)
_BOX = W + "txbxContent"


def read_docx(archive: Archive, main: str = "word/document.xml") -> Reading:
    """A text document (ISO/IEC 29500). It has no pages of its own: places are heading paths."""
    return reading(archive, _Document(archive, main).blocks())


class _Document:
    """One document with its styles and its notes, read from top to bottom."""

    def __init__(self, archive: Archive, main: str) -> None:
        self._archive = archive
        self._main = main
        self._levels = _heading_levels(archive, main)
        self._outline = Outline()
        self._blocks: list[Block] = []
        self._called: list[str] = []
        self._boxes: list[_Element] = []
        self._notes: Mapping[str, Mapping[str, str]] = {}
        self._notes = {kind: self._read_notes(kind) for kind in ("footnotes", "endnotes", "comments")}

    def blocks(self) -> list[Block]:
        body = part(self._archive, self._main).find(W + "body")
        self._around("header")
        if body is not None:
            self._read(body)
        self._tell_notes()
        self._outline = Outline()
        for name in linked(self._archive, self._main, "diagramData"):
            self._blocks.append(Block(text=drawn_text(part(self._archive, name))))
        self._around("footer")
        return self._blocks

    def _around(self, kind: str) -> None:
        """Headers or footers, each text once: first, even and odd pages often repeat it."""
        told: set[str] = set()
        for name in linked(self._archive, self._main, kind):
            for paragraph in part(self._archive, name).iter(W + "p"):
                text = self._text(paragraph).strip()
                if text and not text.isdigit() and text not in told:
                    told.add(text)
                    self._blocks.append(Block(text=text, glue="\n"))
            self._boxes.clear()

    def _read(self, container: _Element) -> None:
        for element in container:
            if element.tag == W + "p":
                self._paragraph(element)
            elif element.tag == W + "tbl":
                self._blocks += table(list(self._rows(element)), headings=self._outline.path)
                self._read_boxes()
            elif element.tag not in _SILENT and isinstance(element.tag, str):
                self._read(element)  # content controls, insertions, custom XML

    def _paragraph(self, paragraph: _Element) -> None:
        text = self._text(paragraph).strip("\n")
        level = self._level(paragraph)
        if text.strip() and level is not None:
            self._tell_notes()
            path = self._outline.enter(level, text)
            self._blocks.append(Block(text=text, kind="heading", headings=path))
        elif text.strip():
            listed = paragraph.find(f"{W}pPr/{W}numPr") is not None
            self._blocks.append(
                Block(
                    text=f"- {text}" if listed else text, headings=self._outline.path, glue="\n" if listed else "\n\n"
                )
            )
        self._read_boxes()

    def _read_boxes(self) -> None:
        """Text boxes come after the paragraph that they are anchored in."""
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            self._read(box)

    def _tell_notes(self) -> None:
        self._blocks += [Block(text=note, headings=self._outline.path, glue="\n") for note in self._called]
        self._called.clear()

    def _level(self, paragraph: _Element) -> int | None:
        properties = paragraph.find(W + "pPr")
        if properties is None:
            return None
        own = properties.find(W + "outlineLvl")
        if own is not None:
            return _outline_level(own)
        style = properties.find(W + "pStyle")
        return self._levels.get(style.get(W + "val", "")) if style is not None else None

    def _rows(self, element: _Element) -> Iterator[list[str]]:
        """Rows of a table, nested tables inside their cell; a cell over several columns is followed by empty ones."""
        for row in element.iter(W + "tr"):
            if next(row.iterancestors(W + "tbl")) is not element or row.find(f"{W}trPr/{W}del") is not None:
                continue
            cells: list[str] = []
            for cell in row.iter(W + "tc"):
                if next(cell.iterancestors(W + "tr")) is not row:
                    continue
                cells.append(
                    "\n".join(text for paragraph in _paragraphs(cell) if (text := self._text(paragraph).strip()))
                )
                wide = cell.find(f"{W}tcPr/{W}gridSpan")
                cells += [""] * (min(_number(wide), 60) - 1)
            yield cells

    def _text(self, paragraph: _Element) -> str:
        pieces: list[str] = []
        self._gather(paragraph, pieces)
        return "".join(pieces)

    def _gather(self, element: _Element, pieces: list[str]) -> None:
        for inner in element:
            tag = inner.tag
            if tag in _TEXTS:
                pieces.append(inner.text or "")
            elif tag in _SIGNS:
                pieces.append(_SIGNS[tag])
            elif tag == _BOX:
                self._boxes.append(inner)
            elif tag in _REFERENCES:
                self._call(_REFERENCES[tag], inner.get(W + "id", ""), pieces)
            elif tag == W + "r" and _is_on(inner.find(f"{W}rPr/{W}vanish")):
                continue  # hidden by its author
            elif tag not in _SILENT and len(inner):
                self._gather(inner, pieces)

    def _read_notes(self, kind: str) -> Mapping[str, str]:
        """Footnotes, endnotes or comments by their number."""
        found: dict[str, str] = {}
        for name in linked(self._archive, self._main, kind):
            for note in part(self._archive, name):
                if not isinstance(note.tag, str) or note.get(W + "type") in ("separator", "continuationSeparator"):
                    continue
                said = "\n".join(text for line in note.iter(W + "p") if (text := self._text(line).strip()))
                author = note.get(W + "author", "")
                if said:
                    found[note.get(W + "id", "")] = f"[comment by {author}] {said}" if kind == "comments" else said
        self._boxes.clear()
        return found

    def _call(self, kind: str, number: str, pieces: list[str]) -> None:
        note = self._notes.get(kind, {}).get(number)
        if note is None:
            return
        sign = f"[{number}]" if kind != "comments" else ""
        pieces.append(sign)
        self._called.append(f"{sign} {note}" if sign else note)


def _paragraphs(cell: _Element) -> Iterator[_Element]:
    """The paragraphs of a cell, those of nested tables included, those of text boxes not."""
    for element in cell:
        if element.tag == W + "p":
            yield element
        elif element.tag != _BOX and element.tag not in _SILENT and len(element):
            yield from _paragraphs(element)


def _is_on(switch: _Element | None) -> bool:
    """Whether a property that is on or off is on: it is where it stands without a value."""
    return switch is not None and switch.get(W + "val", "true") not in ("0", "false", "off")


def _heading_levels(archive: Archive, main: str) -> Mapping[str, int]:
    """The heading level of each paragraph style that has one, its own or that of the style it is based on."""
    levels: dict[str, int] = {}
    based: dict[str, str] = {}
    for name in linked(archive, main, "styles"):
        for style in part(archive, name).iter(W + "style"):
            key = style.get(W + "styleId", "")
            called = style.find(W + "name")
            named = called.get(W + "val", "") if called is not None else ""
            parent = style.find(W + "basedOn")
            if parent is not None:
                based[key] = parent.get(W + "val", "")
            if match := _HEADING_STYLE.match(named):
                levels[key] = int(match[1])
            elif named.lower() == "title":
                levels[key] = _TITLE_LEVEL
            elif (own := style.find(f"{W}pPr/{W}outlineLvl")) is not None and (
                level := _outline_level(own)
            ) is not None:
                levels[key] = level
    for key in based:
        parents, at = {key}, key
        while at not in levels and (at := based.get(at, "")) and at not in parents:
            parents.add(at)
        if at in levels and levels[at] != _TITLE_LEVEL:
            levels.setdefault(key, levels[at])
    return levels or {f"Heading{level}": level for level in range(1, 10)}


def _outline_level(element: _Element) -> int | None:
    """The level of an outlineLvl, whose 0 is the outermost heading and whose 9 is body text."""
    value = element.get(W + "val", "")
    return int(value) + 1 if value.isascii() and value.isdigit() and int(value) < 9 else None


def _number(element: _Element | None) -> int:
    value = element.get(W + "val", "") if element is not None else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else 1
