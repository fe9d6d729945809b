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

_DROPPED = "script, style, title, template, noscript, svg, object, select, textarea, [hidden], .preheader"
_DROPPED_SIGNS = (
    *("<script", "<style", "<title", "<template", "<noscript", "<svg", "<object", "<select", "<textarea"),
    *("hidden", "preheader"),
)
_HIDDEN = re.compile(
    r"display:none|visibility:hidden|mso-hide:all|font-size:0(?:px|pt|em)?(?:[;!]|$)|max-height:0(?:px)?(?:[;!]|$)"
)
_STYLED_SIGNS = ("none", "hidden", "mso-hide", "font-size", "max-height")
_STYLED = ", ".join(f'[style*="{sign}" i]' for sign in _STYLED_SIGNS)
# What mail programs wrap around the mail they answer, and around the writer's signature.
_QUOTES = (
    "blockquote[type=cite], .gmail_quote, .gmail_quote_container, .gmail_extra blockquote, .yahoo_quoted, "
    ".protonmail_quote, .moz-cite-prefix, .moz-forward-container blockquote, .zmail_extra, "
    ".gmail_signature, .moz-signature, .protonmail_signature_block"
)
# Outlook marks only where the quoted mail starts: everything after this element is quoted.
_QUOTES_START = "#appendonsend, #divRplyFwdMsg, #mail-editor-reference-message-container, #OLK_SRC_BODY_SECTION"
_QUOTES_SIGNS = (
    *("cite", "gmail_", "yahoo_quoted", "protonmail_", "moz-forward", "zmail_extra", "moz-signature"),
    *("appendonsend", "divrplyfwdmsg", "mail-editor-reference", "olk_src_body"),
)
# Each is the first character of a tag: what is put before it is a constant then, which is ten times faster.
_PARAGRAPHS = re.compile(r"<(?=/?(?:p|h[1-6]|blockquote|ul|ol|table|pre)[\s/>])", re.IGNORECASE)
_BLOCKS = re.compile(
    r"<(?=/?(?:d(?:iv|[ltd])|br|[ht]r|section|a(?:rticle|ddress)|header|c(?:enter|aption)|f(?:ooter|orm|ieldset|igure)|li)"
    r"[\s/>])",
    re.IGNORECASE,
)
_ENTRY = re.compile(r"<li(?:\s[^<>]*)?>", re.IGNORECASE)
_CELL = re.compile(r"<(?=t[dh][\s/>])", re.IGNORECASE)
# Marks put before tags. White space is kept where it stands, in tables too, from where other text is moved out, and
# nobody writes form feeds into a mail.
_LINE, _BETWEEN = "\f", "\t"
_GAP = f"{_LINE}{_BETWEEN}{_LINE}"
_TAG = re.compile(r"<[^<>]*>")
_OPENING = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "col", "area", "wbr", "source", "p", "li", "td", "tr", "th"}
)
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
    # Selectors are slow beside a search for the words without which they can find nothing.
    low = html.lower()
    body = LexborHTMLParser(_marked(html, low)).body
    if body is None:
        return Page(text="")
    _drop_unseen(body, low)
    if "alt" in low:
        _name_pictures(body)
    quoted = _take_quoted(body) if any(sign in low for sign in _QUOTES_SIGNS) else ""
    found = (url for node in body.css("a[href]") if (url := _link(node))) if "href" in low else ()
    return Page(text=_lines(body.text()), quoted=quoted, links=tuple(dict.fromkeys(found))[:MAX_LINKS])


def _depth(html: str) -> int:
    """An upper bound of the tree's depth: opened and not yet closed elements, in one pass."""
    depth = deepest = 0
    for match in _OPENING.finditer(html):
        if match[2].lower() in _VOID:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _marked(html: str, low: str) -> str:
    """The page with a mark before each tag that begins or ends a line."""
    html = _PARAGRAPHS.sub(f"{_GAP}<", _kept_lines(html, low) if "<pre" in low else html)
    html = _BLOCKS.sub(f"{_LINE}<", html)
    if "<t" in low:
        html = _CELL.sub(" <", html)
    return _ENTRY.sub(r"\g<0>- ", html) if "<li" in low else html


def _kept_lines(html: str, low: str) -> str:
    """The page with marks for the line ends that count, those in <pre>."""
    if len(low) != len(html):
        return html  # a few capitals have longer small letters
    out: list[str] = []
    at = 0
    while (start := low.find("<pre", at)) >= 0:
        end = low.find("</pre", start)
        end = end if end >= 0 else len(html)
        out += (html[at:start], html[start:end].replace("\n", f"\n{_LINE}"))
        at = end
    return "".join((*out, html[at:]))


def _drop_unseen(body: LexborNode, low: str) -> None:
    if any(sign in low for sign in _DROPPED_SIGNS):
        for node in body.css(_DROPPED):
            node.decompose()
    if "style" in low and any(sign in low for sign in _STYLED_SIGNS):
        for node in body.css(_STYLED):
            style = (node.attributes.get("style") or "").lower().replace(" ", "")
            if node.tag != "body" and _HIDDEN.search(style):
                node.decompose()


def _name_pictures(body: LexborNode) -> None:
    for node in body.css("img[alt]"):
        size = {node.attributes.get("width"), node.attributes.get("height")}
        if not size & {"0", "1", "0px", "1px"}:
            node.insert_before(f" {node.attributes.get('alt') or ''} ")


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
    following, top = False, body.mem_id  # nodes themselves are compared by all their text
    node = body.child
    while node is not None:
        following = following or node.mem_id == start
        if following or node.mem_id in quotes:
            out.append(node)
        elif (below := node.child) is not None:
            node = below
            continue
        while node is not None and (beside := node.next) is None:
            node = up if (up := node.parent) is not None and up.mem_id != top else None
        node = beside if node is not None else None
    return out


def _link(node: LexborNode) -> str:
    url = (node.attributes.get("href") or "").strip()
    return url if url.startswith(("http://", "https://")) and len(url) <= 2_000 else ""


def _lines(text: str) -> str:
    """Marks become line breaks (a gap an empty line), every other run of white space one space."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    out: list[str] = []
    gap = False
    for piece in text.split(_LINE):
        if piece == _BETWEEN:
            gap = True
        elif piece and (line := " ".join(piece.split())):
            out += ("\n\n" if gap else "\n", line)
            gap = False
    return "".join(out[1:])
