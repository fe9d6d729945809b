"""The one door to the room: a question in, an exact number with what it rests on out, or None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from agent.metrics import compute, phrase, question, rollup
from agent.metrics.catalogue import catalogue
from agent.metrics.rollup.merge import Priority
from agent.store.samples import Samples
from agent.vocabulary import Series, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAnswer:
    """What the owner is told about a number. `found` is false where the measure has no data in the range."""

    found: bool
    text: str
    read_as: dict[str, object]
    values: tuple[Value, ...]
    sources: tuple[str, ...]


class Metrics:
    """Exact answers from health samples; `zone` is the owner's, `priority` their order of sources by measure.

    Daily values follow the offset that each sample carries; the zone places a range of days for `rows` only.
    """

    def __init__(self, samples: Samples, *, zone: tzinfo, priority: Mapping[str, Priority] | None = None) -> None:
        self._samples = samples
        self._zone = zone
        self._priority = priority or {}

    def refresh(self) -> int:
        """Bring the rollups up to date with the live samples; the number of (measure, month) recomputed.

        Call it inside the transaction that makes an item live or forgets one, or in one of its own after that.
        """
        return rollup.refresh(self._samples, priority=self._priority)

    def ask(self, text: str, *, today: date) -> MetricAnswer | None:
        """Answer a question about numbers, or None when it is none: then it belongs to retrieval."""
        query = question.read(text, today=today, catalogue=catalogue(), available=self._samples.rolled())
        if query is None:
            return None
        result = compute.answer(query, self._samples)
        return MetricAnswer(
            found=result.found,
            text=phrase.text(result),
            read_as=phrase.read_as(result),
            values=phrase.values(result) if result.found else (),
            sources=tuple(sorted({name for figure in result.figures for name in figure.sources})),
        )

    def rows(self, measure: str, start: date, end: date) -> Iterator[Series]:
        """The samples, unmerged, that touch the local days [start, end): what an answer can be checked on."""
        first, last = (
            int(datetime.combine(d, datetime.min.time(), self._zone).timestamp() * 1000) for d in (start, end)
        )
        return self._samples.series(measure, first, last)
