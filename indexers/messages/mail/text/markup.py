"""The HTML of a mail becomes lines of text: what its author wrote, and apart from it what was quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

HTML_CHARS = 2_000_000
"""The most characters of one HTML part that are read."""
MAX_DEPTH = 2_000
"""Deeper nesting is stripped of its tags without a tree: building one takes quadratic time (100,000 deep: 20 s)."""
MAX_LINKS = 50

_DROPPED = "head, script, style, title, template, noscript, svg, object, select, textarea, [hidden], .preheader"
_HIDDEN = re.compile(
    r"display:none|visibility:hidden|mso-hide:all|font-size:0(?:px|pt|em)?(?:[;!]|$)|max-height:0(?:px)?(?:[;!]|$)"
)
# What mail programs wrap around the mail they answer, and around the writer's signature.
_QUOTES = (
    "blockquote[type=cite], .gmail_quote, .gmail_quote_container, .gmail_extra blockquote, .yahoo_quoted, "
    ".protonmail_quote, .moz-cite-prefix, .moz-forward-container blockquote, .zmail_extra, "
    ".gmail_signature, .moz-signature, .protonmail_signature_block"
)
# Outlook marks only where the quoted mail starts: everything after this element is quoted.
_QUOTES_START = "#appendonsend, #divRplyFwdMsg, #mail-editor-reference-message-container, #OLK_SRC_BODY_SECTION"
_BLOCKS = (
    "p, div, br, hr, tr, li, ul, ol, dl, dt, dd, table, h1, h2, h3, h4, h5, h6, pre, blockquote, section, article, "
    "header, footer, address, center, form, fieldset, figure, caption"
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre"})
# Marks put into the tree; both are characters that no HTML document can hold.
_LINE, _GAP = "\x1e", "\x1f"
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*>")
_VOID = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "col", "area", "wbr", "source", "p", "li", "td", "tr", "th"}
)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_BREAKS = re.compile(rf" ?[{_LINE}{_GAP}][ {_LINE}{_GAP}]*")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The text of one HTML part: the author's lines, the quoted lines, and where its links point."""

    text: str
    quoted: str = ""
    links: tuple[str, ...] = ()


def page(html: str) -> Page:
    """Read an HTML body of a mail. Scripts, styles, hidden nodes, preheaders and one-pixel images leave no trace."""
    from selectolax.lexbor import LexborHTMLParser

    html = html[:HTML_CHARS]
    if html.count("<") > MAX_DEPTH and _depth(html) > MAX_DEPTH:
        return Page(text=_lines(_TAG.sub(_LINE, html)))
    body = LexborHTMLParser(html).body
    if body is None:
        return Page(text="")
    _drop_unseen(body)
    _mark_breaks(body)
    quoted = _take_quoted(body)
    links = tuple(dict.fromkeys(url for node in body.css("a[href]") if (url := _link(node))))[:MAX_LINKS]
    return Page(text=_lines(body.text()), quoted=quoted, links=links)


def _depth(html: str) -> int:
    """An upper bound of the tree's depth: opened and not yet closed elements, in one pass."""
    depth = deepest = 0
    for match in _TAG.finditer(html):
        if match[2].lower() in _VOID:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _drop_unseen(body: LexborNode) -> None:
    for node in body.css(_DROPPED):
        node.decompose()
    for node in body.css("[style]"):
        style = (node.attributes.get("style") or "").lower().replace(" ", "")
        if node.tag != "body" and _HIDDEN.search(style):
            node.decompose()


def _mark_breaks(body: LexborNode) -> None:
    for node in body.css("img[alt]"):
        size = {node.attributes.get("width"), node.attributes.get("height")}
        if not size & {"0", "1", "0px", "1px"}:
            node.insert_before(f" {node.attributes.get('alt') or ''} ")
    for node in body.css("td, th"):
        node.insert_before(" ")
    for node in body.css(_BLOCKS):
        mark = _GAP if node.tag in _PARAGRAPHS else _LINE
        node.insert_before(mark)
        if node.tag == "li":
            node.insert_before("- ")
        elif node.tag not in ("br", "hr"):
            node.insert_after(mark)


def _take_quoted(body: LexborNode) -> str:
    """Remove what is quoted from the tree and return its text.

    A quotation without any text of the author's own before or after it is a forwarded mail: that stays.
    """
    quotes = {node.mem_id for node in body.css(_QUOTES)}
    start = body.css_first(_QUOTES_START)
    if not quotes and start is None:
        return ""
    nodes = _outermost(body, quotes, start.mem_id if start else 0)
    quoted = _lines(_GAP.join(node.text() for node in nodes))
    if len(quoted) >= len(_lines(body.text())):
        return ""
    for node in nodes:
        node.decompose()
    return quoted


def _outermost(body: LexborNode, quotes: set[int], start: int) -> list[LexborNode]:
    """The quoting nodes that stand in no other, and every whole node from `start` on, in document order."""
    out: list[LexborNode] = []
    following = False
    node = body.child
    while node is not None:
        following = following or node.mem_id == start
        if following or node.mem_id in quotes:
            out.append(node)
        elif node.child is not None:
            node = node.child
            continue
        while node is not None and node.next is None:
            node = node.parent if node.parent != body else None
        node = node.next if node is not None else None
    return out


def _link(node: LexborNode) -> str:
    url = (node.attributes.get("href") or "").strip()
    return url if url.startswith(("http://", "https://")) and len(url) <= 2_000 else ""


def _lines(text: str) -> str:
    """Marks become line breaks (a gap an empty line), every other run of white space one space."""
    text = _SPACE.sub(" ", _INVISIBLE.sub("", text))
    return _BREAKS.sub(lambda match: "\n\n" if _GAP in match[0] else "\n", text).strip(f" \n{_LINE}{_GAP}")
