"""The nouns that cross rooms: what the store keeps, what retrieval finds, what an answer holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

Kind = Literal["message", "section", "event", "contact", "narrative"]
"""What a chunk was made from; the `kind` of a hit and of a citation."""

ReadBy = Literal["", "ocr", "speech"]
"""The machine that read a text off a picture or heard it in a recording, and may have misread it; "" for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The unit of search and citation: a message, or a passage of a document that fits the embedder's window.

    `place` names it within its item, stably; `thread` orders neighbours (a conversation, a document); `text` is
    what may be quoted, character for character; `about` are words that help to find it but are not its own
    (title, headings, date in words); `path` is found by words too but never embedded; `when` is Unix seconds, UTC.
    `sender` and `people` are handles, resolved to names when a question is asked. `spans` say which page the
    characters stand on: (kind, label, start, end).
    """

    place: str
    thread: str
    kind: Kind
    title: str
    text: str
    about: str = ""
    path: str = ""
    sender: str = ""
    people: tuple[str, ...] = ()
    when: float | None = None
    until: float | None = None
    locator: str = ""
    context: str = ""
    spans: tuple[tuple[str, str, int, int], ...] = ()
    read_by: ReadBy = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What one vector stands for: one or more neighbouring chunks (by index into their list) and the embedded text."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human (or the owner) over all handles that are known to be theirs."""

    id: int
    name: str
    handles: tuple[str, ...]
    me: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A closed-open stretch of time in Unix seconds, with the words it was read from."""

    start: float
    end: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """How a question was read: words to match, people named, times named, where to look.

    `sources` and `kinds` limit the search when not empty.
    """

    text: str
    terms: tuple[str, ...]
    people: tuple[Person, ...] = ()
    windows: tuple[Window, ...] = ()
    sources: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that was found: `id` is stable over re-indexing of the same content; names are resolved.

    `also` are the locators of further places of the same document.
    """

    id: str
    score: float
    source: str
    kind: Kind
    title: str
    text: str
    people: tuple[str, ...]
    sender: str
    when: datetime | None
    locator: str
    context: str = ""
    about: str = ""
    spans: tuple[tuple[str, str, int, int], ...] = ()
    also: tuple[str, ...] = ()
    read_by: ReadBy = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A numbered piece of evidence: `quote` stands in the source, character for character, at `locator`.

    `id` is that of the passage, "" for numbers; `also` are the locators of further places of the same document.
    """

    n: int
    source: str
    kind: str
    title: str
    people: tuple[str, ...]
    when: datetime | None
    locator: str
    quote: str
    also: tuple[str, ...] = ()
    id: str = ""
    read_by: ReadBy = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A thing of one type: `value` are the characters start..end of `quote`, which stands in the source at `locator`.

    `normalized` is the same in one spelling (E.164, ISO 8601, "EUR 1240.00"); `passage` the id of the passage.
    """

    type: str
    value: str
    normalized: str
    quote: str
    start: int
    end: int
    source: str
    locator: str
    when: datetime | None
    passage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A number that arithmetic over records gave: closed-open days [start, end) in the owner's zone."""

    name: str
    value: float | int | str | None
    unit: str
    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the owner is told, with what it rests on.

    `route` says who answered: "metric" (arithmetic), "quote" (a passage), "model" (the SLM, checked), "none", or "help"
    (advice to words of an emergency).
    `read_as` shows how the question was understood. When `found` is false, `text` says what was searched.
    """

    question: str
    found: bool
    text: str
    route: Literal["metric", "quote", "model", "none", "help"]
    read_as: dict[str, object] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All stored samples of one measure, unit, source and device that touch a range, by column.

    Shapes (n,): `start`, `end` int64 Unix milliseconds; `offset` int16 minutes east of UTC; `value` float64 in `unit`
    as exported; `label` uint16 into `labels`, or empty.
    """

    measure: str
    unit: str
    source: str
    device: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    offset: NDArray[np.int16]
    value: NDArray[np.float64]
    labels: tuple[str, ...] = ()
    label: NDArray[np.uint16] = field(default_factory=lambda: np.empty(0, np.uint16))


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRollup:
    """One local day of one measure after merging sources, in the measure's canonical unit.

    `n` samples; `total` the merged sum; `raw` the plain sum over sources (total + what overlapped); `mean`, `low`,
    `high`, `last` of the day; `sources` the names that contributed.
    """

    measure: str
    day: date
    n: int
    total: float
    raw: float
    mean: float
    low: float
    high: float
    last: float
    sources: tuple[str, ...]
