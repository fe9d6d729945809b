"""ODT and ODP: paragraphs under their headings, tables as rows, notes; presentations slide by slide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from indexers.readers.block import Block, Kind, Mark, Outline, Reading, Unreadable, moment, table
from indexers.readers.containers.archive import Archive

if TYPE_CHECKING:
    from lxml.etree import _Element

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
TEXT = f"{{{_OASIS}text:1.0}}"
TABLE = f"{{{_OASIS}table:1.0}}"
OFFICE = f"{{{_OASIS}office:1.0}}"
_DRAW = f"{{{_OASIS}drawing:1.0}}"
_META = f"{{{_OASIS}meta:1.0}}"
_PRESENTATION = f"{{{_OASIS}presentation:1.0}}"
_MANIFEST_KEY = f"{{{_OASIS}manifest:1.0}}encryption-data"
_DC = "{http://purl.org/dc/elements/1.1/}"

_STYLE = f"{{{_OASIS}style:1.0}}"
_SILENT = frozenset((TEXT + "tracked-changes", OFFICE + "forms", TEXT + "sequence-decls", TEXT + "variable-decls"))
_UNSAID = frozenset((_DRAW + "frame", TEXT + "ruby-text"))  # frames come after their paragraph
_MAX_SPACES = 1_000
_MAX_REPEATED = 60


def read_opendocument(archive: Archive) -> Reading:
    """A text document or a presentation (OpenDocument 1.3)."""
    refuse_encrypted(archive)
    body = archive.xml("content.xml").find(OFFICE + "body")
    document = _Document()
    document.around(archive, "header")
    if body is not None:
        document.read(body)
    document.tell_notes()
    document.around(archive, "footer")
    return with_properties(archive, document.blocks)


def cell_text(cell: _Element) -> str:
    """The paragraphs of a sheet's cell and what is noted on it; its value where a program wrote no text for it."""
    if len(cell) == 1 and not len(cell[0]) and cell[0].tag == TEXT + "p":  # most are no more than that
        return cell[0].text or ""
    document = _Document()
    lines = [document.text(line) for line in cell.iterchildren(TEXT + "p")]
    lines += map(_comment, cell.iterchildren(OFFICE + "annotation"))
    values = (cell.get(OFFICE + kind, "") for kind in ("date-value", "time-value", "string-value", "value"))
    return "\n".join(lines) or next(filter(None, values), "")


def _comment(annotation: _Element) -> str:
    said = " ".join(text for line in annotation.iter(TEXT + "p") if (text := _Document().text(line).strip()))
    return f"[comment by {annotation.findtext(_DC + 'creator') or ''}] {said}"


def refuse_encrypted(archive: Archive) -> None:
    """Raise Unreadable("encrypted") for a document with a password, whose parts are noise."""
    manifest = archive.xml_or_none("META-INF/manifest.xml")
    if manifest is not None and next(manifest.iter(_MANIFEST_KEY), None) is not None:
        raise Unreadable("encrypted", "is protected by a password")


def with_properties(archive: Archive, blocks: list[Block]) -> Reading:
    """Blocks with the title, author and time that meta.xml names."""
    meta = archive.xml_or_none("meta.xml")

    def known(tag: str) -> str:
        return ((meta.findtext(f".//{tag}") if meta is not None else "") or "").strip()

    return Reading(
        blocks=blocks,
        title=known(_DC + "title"),
        author=known(_DC + "creator") or known(_META + "initial-creator"),
        modified_at=moment(known(_DC + "date")) or moment(known(_META + "creation-date")),
    )


class _Document:
    """What has been read so far of a document, from top to bottom."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._outline = Outline()
        self._slide = 0
        self._notes: list[str] = []

    def read(self, container: _Element, *, item: bool = False) -> None:
        """Add the blocks of an element; `item` is true in a list."""
        for element in container:
            tag = element.tag
            if tag == TEXT + "h":
                self._heading(element)
            elif tag == TEXT + "p":
                text = self.text(element)
                self._block(f"- {text}" if item and text.strip() else text, glue="\n" if item else "\n\n")
                self._frames(element)
            elif tag == TABLE + "table":
                rows, part, mark = list(self._rows(element)), self._part, self._mark
                where = (lambda _first, _last, mark=mark: mark) if mark else None
                self.blocks += table(rows, headings=self._outline.path, part=part, anchor=part, mark=where)
            elif tag == _DRAW + "page":
                self._page(element)
            elif tag == _PRESENTATION + "notes":
                said = "\n".join(text for line in element.iter(TEXT + "p") if (text := self.text(line).strip()))
                self._block(f"Notes: {said}" if said else "")
            elif tag not in _SILENT and isinstance(tag, str):
                self.read(element, item=item or tag == TEXT + "list-item")

    def around(self, archive: Archive, kind: Literal["header", "footer"]) -> None:
        """The headers or footers of the pages of a text document, each text once."""
        styles = archive.xml_or_none("styles.xml")
        names = [f"{_STYLE}{kind}{which}" for which in ("", "-first", "-left")]
        told: set[str] = set()
        self._outline = Outline()
        for element in styles.iter(*names) if styles is not None else ():
            for line in element.iter(TEXT + "p", TEXT + "h"):
                said = self.text(line).strip()
                if said and not said.isdigit() and said not in told:
                    told.add(said)
                    self._block(said, glue="\n")

    def tell_notes(self) -> None:
        """Footnotes come at the end of the text under one heading."""
        for note in self._notes:
            self._block(note, glue="\n")
        self._notes = []

    def _block(self, text: str, *, kind: Kind = "prose", glue: str = "\n\n") -> None:
        if text.strip():
            mark, part = self._mark, self._part
            self.blocks.append(
                Block(text=text, kind=kind, headings=self._outline.path, mark=mark, anchor=part, part=part, glue=glue)
            )

    @property
    def _mark(self) -> Mark | None:
        return Mark(kind="slide", label=str(self._slide)) if self._slide else None

    @property
    def _part(self) -> str:
        """The slide as a fragment; "" in a text document."""
        return f"slide={self._slide}" if self._slide else ""

    def _heading(self, element: _Element) -> None:
        if (text := self.text(element)).strip():
            self.tell_notes()
            self._outline.enter(min(count_of(element.get(TEXT + "outline-level")), 10), text)
            self._block(text, kind="heading")
        self._frames(element)

    def _page(self, page: _Element) -> None:
        self._slide += 1
        self._outline = Outline()
        for frame in page.iter(_DRAW + "frame"):
            if frame.get(_PRESENTATION + "class") == "title":
                title = " ".join(text for line in frame.iter(TEXT + "p") if (text := self.text(line).strip()))
                if title:
                    self._outline.enter(1, title)
                    break
        self.read(page)

    def _frames(self, paragraph: _Element) -> None:
        """Text boxes come after the paragraph that they are anchored in."""
        for box in paragraph.iter(_DRAW + "text-box"):
            if next(box.iterancestors(TEXT + "p", TEXT + "h")) is paragraph:
                self.read(box)

    def _rows(self, element: _Element) -> Iterator[list[str]]:
        for row in element.iter(TABLE + "table-row"):
            if next(row.iterancestors(TABLE + "table")) is not element:
                continue
            cells: list[str] = []
            for cell in row:
                if cell.tag in (TABLE + "table-cell", TABLE + "covered-table-cell"):
                    text = "\n".join(
                        said for line in cell.iter(TEXT + "p", TEXT + "h") if (said := self.text(line).strip())
                    )
                    repeated = cell.get(TABLE + "number-columns-repeated", "1")
                    cells += [text] * (
                        min(int(repeated), _MAX_REPEATED) if repeated.isascii() and repeated.isdigit() else 1
                    )
            yield cells

    def text(self, element: _Element) -> str:
        pieces: list[str] = []
        self._gather(element, pieces)
        return "".join(pieces)

    def _gather(self, element: _Element, pieces: list[str]) -> None:
        pieces.append(element.text or "")
        for inner in element:
            tag = inner.tag
            if tag == TEXT + "s":
                pieces.append(" " * min(count_of(inner.get(TEXT + "c")), _MAX_SPACES))
            elif tag == TEXT + "tab":
                pieces.append("\t")
            elif tag == TEXT + "line-break":
                pieces.append("\n")
            elif tag == TEXT + "note":
                self._note(inner, pieces)
            elif tag == OFFICE + "annotation":
                self._notes.append(_comment(inner))
            elif tag not in _UNSAID and isinstance(tag, str):
                self._gather(inner, pieces)
            pieces.append(inner.tail or "")

    def _note(self, note: _Element, pieces: list[str]) -> None:
        number = f"[{note.findtext(TEXT + 'note-citation') or '*'}]"
        body = note.find(TEXT + "note-body")
        if body is not None:
            pieces.append(number)
            said = "\n".join(text for line in body.iter(TEXT + "p") if (text := self.text(line).strip()))
            self._notes.append(f"{number} {said}")


def count_of(attribute: str | None) -> int:
    """How often something repeats, by an attribute that may be missing or nonsense; at least once."""
    return (
        max(int(attribute), 1)
        if attribute and attribute.isascii() and attribute.isdigit() and len(attribute) < 9
        else 1
    )
