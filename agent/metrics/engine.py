"""The one door to the room: a question in, an exact number with what it rests on out, or None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from agent.metrics import compute, evidence, phrase, question, rollup
from agent.metrics.catalogue import catalogue
from agent.metrics.compute.narrow import opened
from agent.metrics.evidence import Evidence
from agent.metrics.plot import Picture, picture
from agent.metrics.query import MetricQuery
from agent.metrics.rollup.merge import Priority, order
from agent.models.protocols import LanguageModel
from agent.store.samples import Samples
from agent.vocabulary import Series, Value

EVERYTHING = "*"
"""The key of the order of sources that counts for every measure without one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAnswer:
    """What the owner is told about a number. `found` is false where the measure has no data in the range."""

    found: bool
    text: str
    read_as: dict[str, object]
    values: tuple[Value, ...]
    sources: tuple[str, ...]


class Metrics:
    """Exact answers from health samples.

    `zone` is the owner's; `priority` their order of sources by measure, by a word that names one, or for EVERYTHING;
    `units` those they prefer to canonical ones (`units.preferred`). Daily values follow the offset that each sample
    carries; the zone places a range of days for `rows` only.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        zone: tzinfo,
        priority: Mapping[str, Priority] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        self._samples = samples
        self._zone = zone
        self._priority = priority or {}
        self._units = units or {}

    def refresh(self) -> int:
        """Bring the rollups up to date with the live samples; the number of (measure, month) recomputed.

        Call it inside the transaction that makes an item live or forgets one, or in one of its own after that.
        """
        return rollup.refresh(self._samples, priority=self._priority)

    def rebuild(self) -> int:
        """Recompute all rollups, because the order of sources changed; inside a transaction of the caller."""
        return rollup.rebuild(self._samples, priority=self._priority)

    def ask(self, text: str, *, today: date) -> MetricAnswer | None:
        """Answer a question about numbers, or None when it is none: then it belongs to retrieval."""
        query = self.read(text, today=today)
        return None if query is None else self.answer(query)

    def read(self, text: str, *, today: date) -> MetricQuery | None:
        """How a question is understood by rules alone; None when it is not wholly one about numbers that exist."""
        return question.read(
            text, today=today, catalogue=catalogue(), available=self._samples.rolled(), units=self._units
        )

    def fill(self, text: str, model: LanguageModel, *, today: date) -> MetricAnswer | question.Unread | None:
        """Let a language model fill the query where the rules could not: it may only copy words of the question.

        None when the question is not clearly about a known measure; Unread, with the nearest questions that are
        supported, when it is but nothing sound was filled in. Raises ModelError when the engine fails.
        """
        available = self._samples.rolled()
        about = question.about(text, catalogue=catalogue(), available=available)
        if not about:
            return None
        query = question.fill(text, model, today=today, catalogue=catalogue(), available=available, units=self._units)
        if query is None:
            return question.unread(about, catalogue=catalogue())
        found = self.answer(query)
        return MetricAnswer(
            found=found.found,
            text=found.text,
            read_as={**found.read_as, "read_by": "model"},
            values=found.values,
            sources=found.sources,
        )

    def unread(self, text: str) -> question.Unread | None:
        """What to say to a question that is about a known measure but could not be read; None when it is not."""
        about = question.about(text, catalogue=catalogue(), available=self._samples.rolled())
        return question.unread(about, catalogue=catalogue()) if about else None

    def answer(self, query: MetricQuery) -> MetricAnswer:
        """The exact answer to a query."""
        result = self.result(query)
        return MetricAnswer(
            found=result.found,
            text=phrase.text(result),
            read_as=phrase.read_as(result),
            values=phrase.values(result) if result.found else (),
            sources=tuple(sorted({name for figure in result.figures for name in figure.sources})),
        )

    def result(self, query: MetricQuery) -> compute.MetricResult:
        """The numbers of a query, before they are put in words."""
        return compute.answer(query, self._samples, priority=self._priority)

    def picture(self, text: str, *, today: date) -> Picture | None:
        """What to draw for a question; None when it is not one about numbers, or has no data."""
        query = self.read(text, today=today)
        if query is None:
            return None
        result = self.result(query)
        days = opened(query, self._samples, self._priority)
        return picture(result, days, alt=phrase.sentence(result), title=phrase.reading(result))

    def explain(self, text: str, *, today: date, limit: int = 200) -> Evidence | None:
        """What the answer to a question rests on: days, shares of sources, the latest `limit` samples, the rules."""
        query = self.read(text, today=today)
        if query is None:
            return None
        return evidence.evidence(query, self._samples, priority=self._priority, limit=limit)

    def rows(self, measure: str, start: date, end: date) -> Iterator[Series]:
        """The samples, unmerged, that touch the local days [start, end): what an answer can be checked on."""
        first, last = (
            int(datetime.combine(d, datetime.min.time(), self._zone).timestamp() * 1000) for d in (start, end)
        )
        return self._samples.series(measure, first, last)


def priorities(orders: Mapping[str, Sequence[str]]) -> dict[str, Priority]:
    """The owner's orders of sources, best first, by measure id or by a word that names measures ("steps", "sleep").

    EVERYTHING holds for all measures without an order of their own. Raises KeyError for a word that names none.
    """
    known = catalogue()
    found = {measure.id: order(orders[EVERYTHING]) for measure in known} if EVERYTHING in orders else {}
    for word, names in orders.items():
        if word == EVERYTHING:
            continue
        measures = (word,) if known.get(word) else known.called(word)
        if not measures:
            raise KeyError(word)
        found |= dict.fromkeys((stored for measure in measures for stored in evidence.origin(measure)), order(names))
    return found
