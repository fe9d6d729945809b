"""The markup of export.xml, cut from blocks of bytes into runs of Records and whole other elements, never as a tree.

What stands before `<HealthData` is dropped, the document type with it: its broken declarations (iOS 16) then break
nothing, and no entity but XML's own five can exist.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from xml.etree import ElementTree as ET

LONGEST_ELEMENT = 4 << 20
_MOST_TAGS = 60_000
_MOST_BROKEN = 1_000
_LONGEST_PROLOG = 1 << 20

_ROOT = re.compile(rb"<HealthData(?:\s[^<>]*)?>")
# A Record and what may stand inside it needs no tree: only its start tag holds numbers.
_OTHER = re.compile(
    rb"<(?!Record |/Record>|/?MetadataEntry[ />]"
    rb"|/?HeartRateVariabilityMetadataList[ />]|/?InstantaneousBeatsPerMinute[ />])"
)
_TAG = re.compile(rb"""<([A-Za-z_][\w:.-]*)((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=<>"'/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r")
_CONTROL_REFERENCE = re.compile(rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));")
_BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#[xX][0-9a-fA-F]+);)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A run of top-level Records with their children, all start tags whole."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """One whole element that is no Record, from `<` to `>`."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An element that never closes or is longer than LONGEST_ELEMENT; "" where not even its tag could be read."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """`<HealthData` was found (`opened`), or its end tag was."""

    opened: bool


Piece = Records | Other | Broken | Root


def pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    """Cut a stream of XML into pieces, holding one block and at most one unfinished element in memory.

    No `Root(opened=True)`: this is no health export. No `Root(opened=False)` after it: the export ended early, or it
    held so many broken elements that going on made no sense.
    """
    broken = 0
    for piece in _all_pieces(blocks):
        yield piece
        broken += isinstance(piece, Broken) and bool(piece.name)
        if broken > _MOST_BROKEN or piece == Root(opened=False):
            return


def _all_pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    data, opened = b"", False
    for block in blocks:
        data += block
        if not opened:
            root = _ROOT.search(data)
            if root is None:
                if len(data) > _LONGEST_PROLOG:
                    return
                continue
            opened, data = True, data[root.end() :]
            yield Root(opened=True)
        data = data[(yield from _cut(data, last=False)) :]
    if opened:
        yield from _cut(data, last=True)


def _cut(data: bytes, *, last: bool) -> Generator[Piece, None, int]:
    """Yield the whole pieces of `data`; returns from where it must be looked at again with the next block."""
    at = 0
    while (found := _OTHER.search(data, at)) is not None:
        start = found.start()
        name, end = _element(data, start)
        if end == _UNFINISHED and not last and len(data) - start < LONGEST_ELEMENT:
            # The Record before it may be its parent.
            parent = data.rfind(b"<Record ", at, start)
            start = start if parent < 0 else parent
            if start > at:
                yield Records(data=data[at:start])
            return start
        if start > at:
            yield Records(data=data[at:start])
        if end == _UNFINISHED:
            if last and _torn(data, start, name):
                return len(data)
            yield Broken(name=name)
            end = start + 1
        elif name == "/HealthData":
            yield Root(opened=False)
        elif name == _NO_TAG:
            yield Broken(name="")
        elif name:
            yield Other(name=name, data=data[start:end])
        at = end
    end = data.rfind(b"<Record ", at)
    if end >= 0 and (last or len(data) - end > LONGEST_ELEMENT):
        # A Record that goes on and on is given up where its tag is not whole; what stands inside it may follow.
        whole = _TAG.match(data, end) is not None
        if not whole and not last:
            if end > at:
                yield Records(data=data[at:end])
            yield Broken(name="Record")
            return len(data)
        end = len(data) if whole else end
    elif last:
        end = len(data)
    if end > at:
        yield Records(data=data[at:end])
    return max(end, at) if end >= 0 else len(data)


_UNFINISHED = -1
_NO_TAG = "<"


def _torn(data: bytes, start: int, name: str) -> bool:
    """Whether the stream ended inside the element at `start`, so that nothing after it needs saving."""
    rest = data.find(b"<Record ", start + 1) < 0 or name == "Correlation"
    return rest and data.find(b"</HealthData", start) < 0


def _element(data: bytes, start: int) -> tuple[str, int]:
    """The name of the element that begins at `start` ("" for a comment and the like) and where it ends."""
    if data[start + 1 : start + 2] in (b"!", b"?", b"/"):
        closing = b"-->" if data.startswith(b"<!--", start) else b">"
        end = data.find(closing, start)
        name = "/HealthData" if data.startswith(b"</HealthData", start) else ""
        return name, _UNFINISHED if end < 0 else end + len(closing)
    tag = _TAG.match(data, start)
    if tag is None:
        # A tag cut off by the end of the block can have no further "<" after it; any other is broken for good.
        following = data.find(b"<", start + 1)
        return ("", _UNFINISHED) if following < 0 else (_NO_TAG, following)
    name = tag[1].decode()
    if tag[3]:
        return name, tag.end()
    closing = b"</" + tag[1] + b">"
    end = data.find(closing, tag.end())
    return name, _UNFINISHED if end < 0 else end + len(closing)


def tree(data: bytes) -> ET.Element | None:
    """One element as a tree, after repair where Apple wrote what XML forbids; None when it stays unreadable."""
    if data.count(b"<") > _MOST_TAGS:
        return None
    for form in (data, _repaired(data)):
        try:
            return ET.fromstring(form.decode("utf-8", "replace"))  # noqa: S314 - a fragment has no DOCTYPE, so no entities
        except ET.ParseError:
            continue
    return None


def record_tags(data: bytes) -> Iterator[dict[str, str] | None]:
    """The attributes of every Record start tag in any order and quoting; None for one that is broken."""
    at = -1
    while (at := data.find(b"<Record ", at + 1)) >= 0:
        tag = _TAG.match(data, at)
        yield None if tag is None else {text(key): text(value) for key, value in _attributes(tag[2])}


def text(raw: bytes) -> str:
    """An attribute's characters: entities resolved, control characters gone, every run of spaces one plain space."""
    plain = raw.decode("utf-8", "replace")
    if "&" in plain:
        plain = unescape(plain)
    return " ".join(plain.translate(_NO_CONTROL).split())


_NO_CONTROL = {code: " " if code in b"\t\n\r\x0b\x0c" else None for code in range(32)}


def _attributes(tail: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a start tag; a second startDate is the endDate that iOS 16 misnamed."""
    out: dict[bytes, bytes] = {}
    for key, double, single in _ATTRIBUTE.findall(tail):
        name = b"endDate" if key == b"startDate" and key in out else key
        out.setdefault(name, double or single)
    return list(out.items())


def _repaired(data: bytes) -> bytes:
    plain = _CONTROL_REFERENCE.sub(b"", data.translate(None, _CONTROL))
    return _TAG.sub(_repaired_tag, _BARE_AMPERSAND.sub(b"&amp;", plain))


def _repaired_tag(tag: re.Match[bytes]) -> bytes:
    written = b"".join(b' %b="%b"' % (key, value.replace(b'"', b"&quot;")) for key, value in _attributes(tag[2]))
    return b"<%b%b%b>" % (tag[1], written, tag[3])
