"""What a source yields: records of one person's life, and what could not be read.

Times are aware, or naive and thereby floating (an export that names no zone): the store resolves a floating time with
the owner's own zone.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

BATCH_ROWS = 4096
"""The most rows a SampleBatch may hold, so that no frame between processes grows without bound."""

Outcome = Literal[
    "empty",
    "needs_ocr",
    "encrypted",
    "malformed",
    "too_large",
    "timed_out",
    "unsupported",
    "cloud_only",
    "vanished",
    "no_permission",
    "secret",
    "excluded",
    "ambiguous",
    "unfinished",
]
"""Why something seen was not (wholly) read; `why` says it in the owner's words."""

PASSING: tuple[Outcome, ...] = ("vanished", "no_permission", "timed_out")
"""Why an item can be unreadable today and whole tomorrow, though it did not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of a conversation as its source names it.

    `handle` is the address in the source's own form (a phone number, a mail address, a display name where the export
    has nothing better); `me` is true of the owner.
    """

    handle: str
    name: str = ""
    me: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message: its display name, MIME type and local path, each "" when unknown."""

    name: str
    mime: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that one person said in one conversation.

    `conversation` is stable within the source; `title` is what the owner sees as its name ("" for one-to-one chats
    without one). `people` are all who took part, the sender included. `text` is what may be searched and cited;
    `quoted` is context that others wrote (the head of the replied-to message, a quoted mail): openable, not searched
    as this sender's words. `reactions` are short metadata such as "❤️ by +4915…".
    """

    id: str
    conversation: str
    sender: Party
    people: tuple[Party, ...]
    sent_at: datetime
    text: str
    title: str = ""
    reply_to: str = ""
    quoted: str = ""
    attachments: tuple[Attachment, ...] = ()
    links: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    locator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which page, slide, sheet range, chapter or time of a recording the characters start..end of a Section's text stand on."""

    kind: Literal["page", "slide", "cells", "chapter", "line", "time"]
    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A run of one document's text under one heading path. `document` is stable within the item.

    `kind` is "table" where the text is one row a line with the header in the first line, so that a chunker may repeat
    it; "ocr" or "speech" where a machine read it off a picture or heard it, and may have misread it. `locator` is a
    fragment ("#page=3") where the item's id is the path of the file: a move then changes no record.
    `content` is equal for equal files ("" where it cannot be told): their text is stored once and cited with all places.
    """

    id: str
    document: str
    title: str
    text: str
    headings: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    kind: Literal["prose", "table", "code", "form", "ocr", "speech"] = "prose"
    author: str = ""
    modified_at: datetime | None = None
    locator: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that takes time: an appointment, an occurrence of a series, a workout."""

    id: str
    title: str
    start: datetime
    end: datetime
    all_day: bool = False
    place: str = ""
    people: tuple[Party, ...] = ()
    text: str = ""
    locator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One card of an address book. `names` has the display name first."""

    id: str
    names: tuple[str, ...]
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    birthday: date | None = None
    note: str = ""
    organization: str = ""
    locator: str = ""


def _longs() -> array[int]:
    return array("q")


def _shorts() -> array[int]:
    return array("h")


def _doubles() -> array[float]:
    return array("d")


def _codes() -> array[int]:
    return array("H")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBatch:
    """Up to BATCH_ROWS numbers of one measure, unit, source and device, by column.

    `start` and `end` are Unix milliseconds (UTC), `offset` the local minutes east of UTC at the start, `value` in
    `unit` as the export wrote it. Where a sample is a state and not a number (a sleep stage, a workout's activity),
    `label` holds an index into `labels` for each row; otherwise both are empty.
    """

    measure: str
    unit: str
    source: str
    device: str = ""
    start: array[int] = field(default_factory=_longs)
    end: array[int] = field(default_factory=_longs)
    offset: array[int] = field(default_factory=_shorts)
    value: array[float] = field(default_factory=_doubles)
    labels: tuple[str, ...] = ()
    label: array[int] = field(default_factory=_codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Seen but unreadable: a value, not an exception. `count` says how many things of this kind it stands for.

    Of an item that takes several turns to read (outcome "unfinished") `reached` says how far this one came, in words of
    the source's own. The item stays due, and the next read of it finds them in its fingerprint (see `parted`).
    """

    where: str
    why: str
    outcome: Outcome = "malformed"
    count: int = 1
    reached: str = ""


_REACHED = "\n"


def marked(fingerprint: str, reached: str) -> str:
    """The fingerprint of an item of which turns are left: it differs from what a scan tells, so the item is due."""
    return f"{fingerprint}{_REACHED}{reached}" if reached else fingerprint


def parted(fingerprint: str) -> tuple[str, str]:
    """A fingerprint as the scan told it, and how far the item was read: "" if this is its first turn, or it is whole."""
    as_scanned, _, reached = fingerprint.partition(_REACHED)
    return as_scanned, reached


Record = Message | Section | Event | Contact | SampleBatch
