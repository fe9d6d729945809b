"""HTML as a reader sees it, and EPUB, which is HTML by chapters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from indexers.readers.block import Block, Loss, Mark, Outline, Reading, Unreadable, moment, table
from indexers.readers.charset import decode as decode_declared
from indexers.readers.containers.archive import Archive, beside
from indexers.readers.text import decode

if TYPE_CHECKING:
    from lxml.etree import _Element
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_DROPPED = frozenset(
    "audio button canvas datalist dialog embed frame frameset head iframe input math menu meter nav "
    "noscript object optgroup option picture progress script select style svg template video".split()
)
_BREAKING = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer "
    "form header hgroup hr html legend li main ol p section summary ul".split()
)
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])")
_SPACE = re.compile("[ \t\r\n\f]+")
_AROUND_BREAK = re.compile(" *\n *")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([\w.:-]{2,40})["']""")

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_SINGLE_BYTE = re.compile("(?:x-)?(?:iso-?8859|windows-?12|cp12|latin|us-ascii|ascii|mac)", re.IGNORECASE)
_XHTML = re.compile(r"""<\?xml\s|xmlns\s*=\s*["']http://www\.w3\.org/1999/xhtml""")
# Elements that XML closes at once ("<title/>") and that HTML would leave open to swallow the rest of the page.
_CLOSED_AT_ONCE = re.compile(
    r"<((?:a|b|div|em|i|iframe|noscript|p|script|span|strong|style|td|textarea|th|title|xmp)\b)"
    r"""((?:[^<>"'/]|/(?!>)|"[^"]*"|'[^']*')*+)/>""",
    re.IGNORECASE,
)

# Start tags (group 1) and end tags of elements that nest in themselves when they are not closed.
_SHALLOW = (
    "area|base|br|col|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|source|tbody|td|tfoot|th|thead|tr|track|wbr"
)
_TAG = re.compile(rf"<(?:(?!(?:{_SHALLOW})\b)([a-z])|/(?!(?:{_SHALLOW})\b)[a-z])", re.IGNORECASE)
MAX_DEPTH = 4_000

_CELL_OF_DATA = 400
"""A table with a longer cell lays out a page; its cells are paragraphs, not values."""

_MAX_SPAN = 50
_MAX_CHAPTERS = 2_000


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)
    at: int = 0
    down: dict[int, int] = field(default_factory=dict)  # rows for which a cell above still fills a column
    in_cell: bool = False
    layout: bool = False


def read_html(data: bytes) -> Reading:
    """A web page: what it shows, without scripts, navigation, controls and hidden parts."""
    return html_reading(_markup(data))


def html_reading(text: str) -> Reading:
    """A web page as text."""
    tree = parse_html(text)
    title = _first_text(tree, "title") or _meta(tree, "og:title") or _first_text(tree, "h1")
    written = next(
        (
            at
            for name in ("article:modified_time", "article:published_time", "date")
            if (at := moment(_meta(tree, name)))
        ),
        None,
    )
    return Reading(blocks=html_blocks(tree), title=title, author=_meta(tree, "author"), modified_at=written)


def parse_html(text: str) -> LexborHTMLParser:
    """The tree of a page. Raises Unreadable for one that nests so deep that parsing it would take minutes."""
    from selectolax.lexbor import LexborHTMLParser

    # The parser looks through all open elements for each tag (WHATWG "has an element in scope"): quadratic in depth.
    if text.count("<") > MAX_DEPTH:
        depth = 0
        for match in _TAG.finditer(text):
            depth = depth + 1 if match[1] else max(depth - 1, 0)
            if depth > MAX_DEPTH:
                raise Unreadable("malformed", f"nests its elements more than {MAX_DEPTH:,} deep")
    return LexborHTMLParser(text)


def html_blocks(tree: LexborHTMLParser, *above: str) -> list[Block]:
    """The blocks of a parsed page in reading order, below the headings `above`."""
    page = _Page(above)
    node: LexborNode | None = tree.body or tree.root
    opened: list[LexborNode] = []
    # A loop and not a recursion: pages of strangers nest thousands deep.
    while node is not None:
        if page.enter(node):
            opened.append(node)
            if (child := node.child) is not None:
                node = child
                continue
            page.leave(opened.pop().tag or "")
        while opened and node is not None and node.next is None:
            node = opened.pop()
            page.leave(node.tag or "")
        node = node.next if opened and node is not None else None
    page.flush()
    return page.blocks


class _Page:
    """What has been read of a page so far, and what is open at the present place."""

    def __init__(self, above: Sequence[str]) -> None:
        self.blocks: list[Block] = []
        self._outline = Outline(*above)
        self._words: list[str] = []
        self._tables: list[_Table] = []
        self._verbatim = 0
        self._in_item = False
        self._anchor = ""

    def enter(self, node: LexborNode) -> bool:
        """Take note of one node; returns whether its children are to be read."""
        tag = node.tag or ""
        if tag == "-text":
            text = node.text_content or ""
            self._words.append(text if self._verbatim else _SPACE.sub(" ", text))
            return False
        if tag.startswith("-") or tag in _DROPPED:
            return False
        attributes = node.attributes
        if attributes and _is_hidden(attributes):
            return False
        if tag == "br":
            self._words.append("\n")
        elif tag in _LEVELS or tag in _BREAKING:
            self.flush()
            self._in_item = tag == "li" or (self._in_item and tag == "p")
            if tag in _LEVELS:
                self._anchor = attributes.get("id") or ""
        elif tag == "pre":
            self.flush()
            self._verbatim += 1
        elif tag == "table":
            self._open_table(attributes.get("role") in ("presentation", "none"))
        elif self._tables:
            self._enter_in_table(tag, attributes)
        return True

    def leave(self, tag: str) -> None:
        if tag in _LEVELS:
            self._heading(_LEVELS[tag])
        elif tag in _BREAKING or tag == "caption":
            self.flush()
            self._in_item = False
        elif tag == "pre":
            self.flush()
            self._verbatim -= 1
        elif tag == "table" and self._tables:
            self._close_table()
        elif tag in ("td", "th") and self._tables and self._tables[-1].in_cell:
            self._end_cell(self._tables[-1])

    def flush(self) -> None:
        """End the paragraph."""
        if self._tables and self._tables[-1].in_cell:
            if self._words and self._words[-1] != "\n":
                self._words.append("\n")
            return
        text = self._take()
        if not text:
            return
        item = self._in_item and not self._verbatim
        self.blocks.append(
            Block(
                text=f"- {text}" if item else text,
                kind="code" if self._verbatim else "prose",
                headings=self._outline.path,
                anchor=self._anchor,
                glue="\n" if item else "\n\n",
            )
        )

    def _take(self) -> str:
        text = "".join(self._words)
        self._words.clear()
        if self._verbatim:
            return text.strip("\n").rstrip()
        return _AROUND_BREAK.sub(
            "\n", _SPACE.sub(" ", text) if "\n" not in text else re.sub("[ \t]+", " ", text)
        ).strip()

    def _heading(self, level: int) -> None:
        if self._tables and self._tables[-1].in_cell:
            self.flush()
            return
        if text := self._take():
            path = self._outline.enter(level, text)
            self.blocks.append(Block(text=text, kind="heading", headings=path, anchor=self._anchor))

    def _open_table(self, layout: bool) -> None:  # noqa: FBT001 - said once, by the table's own role
        self.flush()
        if self._tables:
            self._tables[0].layout = True
        self._tables.append(_Table(outer=self._words, layout=layout))
        self._words = []

    def _enter_in_table(self, tag: str, attributes: dict[str, str | None]) -> None:
        inner = self._tables[-1]
        if tag == "tr":
            width = len(inner.rows[-1]) if inner.rows else 0
            inner.down = {at: left - (at >= width) for at, left in inner.down.items() if left > (at >= width)}
            inner.rows.append([])
        elif tag in ("td", "th"):
            if inner.in_cell:
                self._end_cell(inner)
            if not inner.rows:
                inner.rows.append([])
            self._words.clear()
            inner.in_cell = True
            row = inner.rows[-1]
            while left := inner.down.get(len(row), 0):
                inner.down[len(row)] = left - 1
                row.append("")
            wide, high = (_span(attributes.get(name)) for name in ("colspan", "rowspan"))
            inner.at = len(row)
            row += [""] * wide
            if high > 1:
                inner.down |= dict.fromkeys(range(inner.at, inner.at + wide), high - 1)

    def _end_cell(self, inner: _Table) -> None:
        inner.rows[-1][inner.at] = self._take()
        inner.in_cell = False

    def _close_table(self) -> None:
        closed = self._tables[-1]
        if closed.in_cell:
            self._end_cell(closed)
        self._tables.pop()
        self._words = closed.outer
        rows = [row for row in closed.rows if any(row)]
        if self._tables and self._tables[-1].in_cell:
            self._words += [line for row in rows for cell in row if cell for line in (cell, "\n")]
            return
        if (
            closed.layout
            or any(len(cell) > _CELL_OF_DATA for row in rows for cell in row)
            or max(map(len, rows), default=0) < 2
        ):
            cells = (cell for row in rows for cell in row if cell)
            self.blocks += [Block(text=cell, headings=self._outline.path, anchor=self._anchor) for cell in cells]
        else:
            self.blocks += table(rows, headings=self._outline.path, anchor=self._anchor)


def read_epub(archive: Archive) -> Reading:
    """A book: its chapters in the order of its spine, each a span (EPUB 3.3, container and package documents)."""
    container = archive.xml("META-INF/container.xml")
    package_name = next((str(node.get("full-path", "")) for node in container.iter("{*}rootfile")), "")
    package = archive.xml(package_name)
    places = {node.get("id"): beside(package_name, node.get("href", "")) for node in package.iter("{*}item")}
    chapters = [places[node.get("idref")] for node in package.iter("{*}itemref") if node.get("idref") in places]
    if "META-INF/rights.xml" in archive or not _encrypted(archive).isdisjoint(chapters):
        raise Unreadable("encrypted", "is protected against reading by others than its shop's program")
    blocks: list[Block] = []
    missing = [name for name in chapters if name not in archive]
    for number, name in enumerate((name for name in chapters[:_MAX_CHAPTERS] if name in archive), 1):
        tree = parse_html(_markup(archive.read(name)))
        inner = html_blocks(tree)
        label = (
            next((block.headings[0] for block in inner if block.headings), "")
            or _first_text(tree, "title")
            or str(number)
        )
        mark = Mark(kind="chapter", label=label)
        blocks += [
            replace(block, mark=mark, anchor=f"chapter={number}", part=name, headings=block.headings or (label,))
            for block in inner
        ]
    lost = len(missing) + max(len(chapters) - _MAX_CHAPTERS, 0)
    return Reading(
        blocks=blocks,
        title=_element_text(package, "title"),
        author=_element_text(package, "creator"),
        modified_at=moment(_modified(package)),
        losses=(Loss(outcome="malformed", why=f"{lost} of its chapters are missing", count=lost),) if lost else (),
    )


def _encrypted(archive: Archive) -> set[str]:
    """The parts of a book that only its shop's program can read; fonts may be scrambled without that."""
    told = archive.xml_or_none("META-INF/encryption.xml")
    nodes = told.iter("{*}CipherReference") if told is not None else ()
    return {unquote(node.get("URI", "")).lstrip("/") for node in nodes}


def _markup(data: bytes) -> str:
    """The text of a page by its byte order mark, its own declaration, or its bytes.

    A page that declares a set of single bytes and is UTF-8 all the same was saved so by a program that left its
    declaration as it was: no other text is UTF-8 by chance.
    """
    head = _COMMENT.sub(b"", data[:8192])
    declared = _CHARSET.search(head[:4096]) or _XML_ENCODING.match(head[:200])
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = declared[1].decode("ascii")
        text = decode_declared(data, "utf-8" if _SINGLE_BYTE.match(name) and _is_utf8(data) else name)
    else:
        text = decode(data)
    return _CLOSED_AT_ONCE.sub(r"<\1\2></\1>", text) if _XHTML.search(text[:2048]) else text


def _is_utf8(data: bytes) -> bool:
    try:
        return not data.decode().isascii()
    except UnicodeDecodeError:
        return False


def _span(told: str | None) -> int:
    """Over how many columns or rows a cell goes."""
    return max(min(int(told), _MAX_SPAN), 1) if told and told.isascii() and told.isdigit() and len(told) < 6 else 1


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") == "navigation":
        return True
    style = attributes.get("style")
    return bool(style) and _HIDDEN.search(style.lower()) is not None  # type: ignore[union-attr]


def _first_text(tree: LexborHTMLParser, selector: str) -> str:
    node = tree.css_first(selector)
    return " ".join(node.text().split()) if node is not None else ""


def _meta(tree: LexborHTMLParser, name: str) -> str:
    node = tree.css_first(f'meta[name="{name}"], meta[property="{name}"]')
    return (node.attributes.get("content") or "").strip() if node is not None else ""


def _element_text(package: _Element, local: str) -> str:
    node = next(package.iter(f"{{http://purl.org/dc/elements/1.1/}}{local}"), None)
    return " ".join(str(node.xpath("string()")).split()) if node is not None else ""


def _modified(package: _Element) -> str:
    for node in package.iter("{*}meta"):
        if node.get("property") == "dcterms:modified":
            return node.text or ""
    return _element_text(package, "date")
