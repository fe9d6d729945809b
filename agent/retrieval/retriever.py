"""Finds passages: words and meaning from the store and the vector index, one order from fusion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from agent.models.protocols import Embedder
from agent.retrieval import fusion, support
from agent.retrieval import query as reading
from agent.store.reading.lookup import Hits, Lookup, Order
from agent.store.vectors import VectorIndex
from agent.vocabulary import Passage, Query

Tells = Callable[[Passage], bool]

_NEAREST = 200
"""Blocks that the vector index returns; with the fixed floor of `fusion.above` more changed nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Passages, best first; those of them that can tell what was asked, and how well they support an answer (0..1)."""

    passages: tuple[Passage, ...]
    telling: tuple[Passage, ...]
    support: float


class Retriever:
    """Ranks every chunk of the store against a question."""

    def __init__(self, lookup: Lookup, index: VectorIndex | None, embedder: Embedder | None) -> None:
        self._lookup = lookup
        self._index = index
        self._embedder = embedder

    def find(
        self, query: Query, *, limit: int, zone: tzinfo, sources: Sequence[int], tells: Tells = lambda _: True
    ) -> Finding:
        """The best `limit` passages of the given sources (row numbers); only those that `tells` takes support an answer."""
        order = self._lookup.order()
        if not len(order.chunk):
            return Finding(passages=(), telling=(), support=0.0)
        tokens = self._lookup.tokens_of(query.people)
        words = self._scores(order, self._lookup.matches(reading.match(query, tokens)))
        words += self._scores(order, self._lookup.matches(reading.match_trigram(query), index="grams"))
        mentions = self._scores(order, self._lookup.matches(reading.match_names(query)))
        dense = self.cosines(order, query, sources)
        allowed = self._allowed(order, query, sources)
        scores = fusion.fuse(
            thread=order.thread,
            moment=order.moment,
            lexical=words,
            mentions=mentions,
            dense=dense,
            named=self._named(order, query),
            dated=self._dated(order, query),
        )
        best = fusion.best(np.where(allowed, scores, -1.0), limit)
        best = best[scores[best] > 0.0]
        best = best[allowed[best]]
        return _weighed(query, list(self._evidence(query, order.chunk[best], scores[best], dense[best], zone)), tells)

    def _scores(self, order: Order, hits: Hits) -> fusion.FloatArray:
        scores = np.zeros(len(order.chunk))
        at = order.places(hits.chunk)
        scores[at[at >= 0]] = hits.score[at >= 0]
        return scores

    def cosines(self, order: Order, query: Query, sources: Sequence[int]) -> fusion.FloatArray:
        """How near each chunk of the order is to a question: its block's cosine, NaN where the index did not return it."""
        cosines = np.full(len(order.chunk), np.nan)
        if self._index is None or self._embedder is None:
            return cosines
        vector = self._embedder.embed([reading.embedded(query)], role="query")[0]
        near = self._index.query(vector, sources=order.holders(sources), limit=_NEAREST)
        number_of = self._lookup.blocks([uid for uid, _ in near])
        found = {number_of[uid]: cosine for uid, cosine in near if uid in number_of}
        if found:
            blocks = np.array(sorted(found), np.int64)
            values = np.array([found[int(block)] for block in blocks])
            at = np.minimum(np.searchsorted(blocks, order.block), len(blocks) - 1)
            cosines = np.where(blocks[at] == order.block, values[at], np.nan)
        return cosines

    def _allowed(self, order: Order, query: Query, sources: Sequence[int]) -> fusion.BoolArray:
        allowed: fusion.BoolArray = order.within(sources)
        if query.kinds:
            codes = [number for number, kind in enumerate(order.kinds) if kind in query.kinds]
            allowed &= np.isin(order.kind, codes)
        return allowed

    def _named(self, order: Order, query: Query) -> fusion.BoolArray:
        handles = [number for numbers in self._lookup.handles_of(query.people).values() for number in numbers]
        named: fusion.BoolArray = np.isin(order.sender, np.array(handles, np.int64))
        return named

    def _dated(self, order: Order, query: Query) -> fusion.BoolArray:
        dated = np.zeros(len(order.moment), np.bool_)
        for window in query.windows:
            start, end = reading.reported(window)
            dated |= (order.moment >= start) & (order.moment < end)
        return dated

    def _evidence(
        self,
        query: Query,
        chunks: fusion.IntArray,
        scores: fusion.FloatArray,
        cosines: fusion.FloatArray,
        zone: tzinfo,
    ) -> Iterator[support.Evidence]:
        """The passages of some chunks, held against the question; a chunk that was forgotten meanwhile is left out."""
        frequencies, total = self._lookup.frequencies(query.terms)
        for chunk, score, cosine in zip(chunks.tolist(), scores.tolist(), np.nan_to_num(cosines).tolist(), strict=True):
            for passage in self._lookup.passages([chunk], {chunk: score}, zone=zone):
                said = f"{passage.text} {passage.about} {passage.context} {' '.join(passage.people)}"
                yield support.Evidence(
                    passage=passage,
                    covered=support.coverage(query, said, frequencies, total),
                    similarity=cosine,
                )


def _weighed(query: Query, found: Sequence[support.Evidence], tells: Tells) -> Finding:
    spoken = support.spoken(found)
    told = [entry for entry in support.telling(query, spoken) if tells(entry.passage)]
    return Finding(
        passages=tuple(entry.passage for entry in found),
        telling=tuple(entry.passage for entry in told),
        support=support.support(told, spoken),
    )
