"""What all Office Open XML files share: relationships between parts, core properties, text in alternate forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from indexers.readers.block import Block, Reading, moment
from indexers.readers.containers.archive import Archive, beside, parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_STRICT = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL = {
    b"http://purl.oclc.org/ooxml/wordprocessingml/main": W[1:-1].encode(),
    b"http://purl.oclc.org/ooxml/drawingml/main": A[1:-1].encode(),
    b"http://purl.oclc.org/ooxml/presentationml/main": P[1:-1].encode(),
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": R[1:-1].encode(),
}

ALTERNATIVES = _MC + "AlternateContent"
CHOICE, FALLBACK = _MC + "Choice", _MC + "Fallback"
LINE, RUN, BREAK = A + "p", A + "t", A + "br"


def part(archive: Archive, name: str) -> _Element:
    """The root of one XML part, strict namespaces (ISO/IEC 29500-1) read as transitional ones.

    Of text in alternate forms one branch is left: all hold the same.
    """
    data = archive.read(name)
    if _STRICT in data[:4096]:
        for strict, transitional in _TRANSITIONAL.items():
            data = data.replace(strict, transitional)
    root = parse_xml(data)
    if b"AlternateContent" in data or data.startswith(_UTF16):
        for alternatives in list(root.iter(ALTERNATIVES)):
            branches = list(alternatives)
            kept = next((branch for branch in branches if branch.tag == CHOICE), branches[0] if branches else None)
            for branch in branches:
                if branch is not kept:
                    alternatives.remove(branch)
    return root


def main_part(archive: Archive, *usual: str) -> str:
    """The part that holds the document itself: mostly one of the usual names, else what the package says; "" if none."""
    named = next((name for name in usual if name in archive), "")
    return named or next(iter(linked(archive, "", "officeDocument")), "")


def links(archive: Archive, name: str, *, only: Sequence[bytes] = ()) -> Mapping[str, tuple[str, str]]:
    """The relationships of a part, external ones left out: id → (last word of its type, the part it leads to).

    With `only`, those of types that end in one of these; where there is none, nothing is parsed.
    """
    folder, _, file = name.rpartition("/")
    told = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
    if told not in archive:
        return {}
    data = archive.read(told)
    if only and not any(kind in data for kind in only) and not data.startswith(_UTF16):
        return {}
    kinds = {kind.decode().rpartition("/")[2] for kind in only}
    found: dict[str, tuple[str, str]] = {}
    for link in parse_xml(data).iterchildren("{*}Relationship"):
        kind = link.get("Type", "").rpartition("/")[2]
        if (not kinds or kind in kinds) and link.get("TargetMode") != "External":
            found[link.get("Id", "")] = kind, beside(name, link.get("Target", ""))
    return found


def linked(archive: Archive, name: str, kind: str) -> list[str]:
    """The parts of one kind that a part leads to and that exist."""
    return [target for word, target in links(archive, name).values() if word == kind and target in archive]


def drawn_text(shape: _Element) -> str:
    """The paragraphs that a drawing says, of a slide, a note or a diagram."""
    return "\n".join(line for line in _drawn_lines(shape) if line.strip())


def _drawn_lines(element: _Element) -> list[str]:
    """The paragraphs inside an element. One pass: a loop inside a loop would double the cost of reading slides."""
    lines: list[str] = []
    for node in element.iter(LINE, RUN, BREAK):
        tag = node.tag
        if tag == RUN and lines:
            lines[-1] += node.text or ""
        elif tag == LINE:
            lines.append("")
        elif tag == RUN:
            lines.append(node.text or "")
        elif lines:
            lines[-1] += "\n"
    return lines


def reading(archive: Archive, blocks: list[Block]) -> Reading:
    """Blocks with the title, author and time that docProps/core.xml names."""
    core = archive.xml_or_none("docProps/core.xml")
    known: dict[str, str] = {}
    if core is not None:
        known = {node.tag.rpartition("}")[2]: (node.text or "").strip() for node in core if isinstance(node.tag, str)}
    return Reading(
        blocks=blocks,
        title=known.get("title", ""),
        author=known.get("creator", ""),
        modified_at=moment(known.get("modified", "")) or moment(known.get("created", "")),
    )
