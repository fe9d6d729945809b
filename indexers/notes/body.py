"""The body of a note (gzip, then a protocol buffer): paragraphs with their styles, and what is placed among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from indexers.notes.wire import Damaged, Message, inflated

Style = Literal["text", "heading", "subheading", "done", "todo"]

PLACEHOLDER = "\ufffc"
"""The character at which something is placed in the text."""

_HEADINGS: dict[int, Style] = {0: "heading", 1: "heading", 2: "subheading"}
_CHECKBOX = 103
_SIGNS = {0x2028: "\n", 0x2029: "\n", 0: " "}  # one sign for one, so that runs still fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One line of a note. `placed` are the identifiers behind its placeholders, in order; `links` its hidden ones."""

    text: str
    style: Style = "text"
    placed: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    style: Style
    link: str
    placed: str


def paragraphs(data: bytes) -> list[Paragraph]:
    """The paragraphs of a `ZICNOTEDATA.ZDATA`. Raises Damaged.

    Fields: document 2, note 3, text 2, runs 5 (length 1 in UTF-16 units, paragraph style 2, link 9, attachment 12).
    """
    note = Message(inflated(data)).child(2).child(3)
    if not note.strings(2):
        raise Damaged("holds no text where notes have theirs")
    text = note.text(2).translate(_SIGNS)
    runs = list(_runs(note, text))
    out: list[Paragraph] = []
    start = at = 0
    for line in text.split("\n"):
        end = start + len(line)
        while at < len(runs) and runs[at].end <= start:
            at += 1
        on: list[_Run] = []
        ahead = at
        while ahead < len(runs) and runs[ahead].start < max(end, start + 1):
            on.append(runs[ahead])
            ahead += 1
        out.append(
            Paragraph(
                text=line,
                style=on[0].style if on else "text",
                placed=tuple(run.placed for run in on if run.placed and PLACEHOLDER in text[run.start : run.end]),
                links=tuple(dict.fromkeys(run.link for run in on if run.link)),
            )
        )
        start = end + 1
    return out


def _runs(note: Message, text: str) -> Iterator[_Run]:
    """Runs by characters of the text, though they count UTF-16 units; those past its end are none."""
    at = 0
    wide = not text.isascii() and max(text) > "\uffff"
    for run in note.children(5):
        length = run.number(1)
        if at >= len(text):
            return
        start = at
        if wide:
            units = 0
            while units < length and at < len(text):
                units += 2 if text[at] > "\uffff" else 1
                at += 1
        else:
            at = min(len(text), at + length)
        yield _Run(start, at, _style(run.child(2)), run.text(9), run.child(12).text(1))


def _style(style: Message) -> Style:
    kind = style.number(1, -1)
    if kind == _CHECKBOX:
        return "done" if style.child(5).number(2) else "todo"
    return _HEADINGS.get(kind, "text")
