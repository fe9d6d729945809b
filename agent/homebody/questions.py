"""Questions of every kind to one open home: search, ask, extract, who is who, and what happened when."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import numpy as np

from agent.answer import answerer
from agent.answer.entities import RULED, by_form, by_model
from agent.answer.expected import Sought, sought, tells_of
from agent.answer.tasks import Request, make, request
from agent.errors import ModelError, NothingFound, WrongUse
from agent.homebody.forgetting import key_of
from agent.homebody.health import Health
from agent.homebody.materials import Materials
from agent.metrics.question import Unread
from agent.models.resident import Resident
from agent.people import Known
from agent.retrieval import query as reading
from agent.retrieval import timeline as times
from agent.retrieval.retriever import Finding, Retriever, Tells
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.store.vectors import VectorIndex
from agent.triage import advice, report, triage
from agent.vocabulary import Answer, Entity, Passage, Query, Value

_PASSAGES = 12
"""Passages that an answer may draw on; the prompt takes what fits."""
_LOOKED_THROUGH = 200
"""Passages that are read at a time for entities."""
_VALUES_WITHIN = 31 * 86_400.0
"""A timeline of at most so many seconds shows daily values too."""


class Questions:
    """Reads one store; `index` gives the vector index, opened when first needed. Methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        lookup: Lookup,
        inventory: Inventory,
        *,
        models: Resident,
        health: Health,
        index: Callable[[], VectorIndex | None],
        zone: ZoneInfo,
        region: str,
    ) -> None:
        self._store = store
        self._lookup = lookup
        self._inventory = inventory
        self._models = models
        self._health = health
        self._index = index
        self._zone = zone
        self._region = region
        self._materials = Materials(lookup, inventory, self._retriever, zone=zone)

    def read(self, text: str, *, now: datetime) -> Query:
        """How a question is understood: words, people, times, places."""
        return reading.read(text, now=now, people=self._lookup.people())

    def find(self, query: Query, *, limit: int, now: datetime, tells: Tells = lambda _: True) -> Finding:
        """The best passages for a question that was read; only those that `tells` takes support an answer."""
        numbers = self._store.source_ids()
        sources = [number for name, number in numbers.items() if not query.sources or name in query.sources]
        zone = now.tzinfo or self._zone
        return self._retriever().find(query, limit=limit, zone=zone, sources=sources, tells=tells)

    def _asked_otherwise(self, other: Sought, query: Query, finding: Finding, *, now: datetime) -> Finding:
        """What other words for a question about one person find, of passages that hold what is sought of them."""
        if len(query.people) != 1:
            return finding

        def tells(passage: Passage) -> bool:
            held = by_form(other.form, passage, region=self._region, today=now.date())
            return tells_of(query.people[0].name, passage, other) and any(True for _ in held)

        found = [
            self.find(self.read(said, now=now), limit=_LOOKED_THROUGH, now=now, tells=tells) for said in other.questions
        ]
        return max((finding, *found), key=lambda one: one.support)

    def _retriever(self) -> Retriever:
        index = self._index()
        return Retriever(self._lookup, index, self._models.embedder() if index is not None else None)

    def search(self, text: str, *, limit: int, now: datetime) -> tuple[dict[str, object], tuple[Passage, ...]]:
        """What a question was read as, and the best passages for it."""
        query = self.read(text, now=now)
        return _read_as(query), self.find(query, limit=limit, now=now).passages

    def ask(self, text: str, *, now: datetime) -> Generator[str, None, Answer]:
        """Yield the answer in checked pieces; the generator's value is the whole. Numbers come from arithmetic.

        Words of an emergency are answered first, by a fixed list.
        """
        if not text.strip():
            raise WrongUse("The question is empty.", remedy='Ask something: homebody ask "…".')
        flag = triage(text)
        if flag is None:
            return (yield from self._answer(text, now=now))
        said = advice(flag, region=self._region)
        yield said
        if flag.urgent:
            return Answer(question=text, found=True, text=said, route="help")
        result = yield from self._answer(text, now=now)
        return replace(result, text=f"{said}\n{result.text}")

    def _answer(self, text: str, *, now: datetime) -> Generator[str, None, Answer]:
        asked = request(text)
        measured, unread = None, None
        if asked is None or asked.task == "summary":
            measured = self._health.answer(text, now=now)
        if asked is not None and measured is None:
            if asked.task == "summary" and asked.about.casefold().startswith("my "):  # "my steps in March"
                measured = self._health.answer(asked.about, now=now)
            if measured is None and (made := self._making(text, asked, now=now)) is not None:
                return (yield from made)
        if measured is None and self._health.is_about(text):
            found_by_model = self._health.filled(text, self._models.language("small"), now=now)
            measured = found_by_model if isinstance(found_by_model, Answer) else None
            unread = found_by_model if isinstance(found_by_model, Unread) else None
        if measured is not None:
            yield measured.text
            return measured
        query = self.read(text, now=now)
        finding = self.find(query, limit=_PASSAGES, now=now)
        if finding.support < answerer.SUPPORTED and (other := sought(text)) is not None:
            finding = self._asked_otherwise(other, query, finding, now=now)
        found = answerer.Found(
            passages=finding.telling,
            support=finding.support,
            read_as=_read_as(query),
            searched=self._searched(),
        )
        if unread is not None and finding.support < answerer.SUPPORTED:
            yield unread.text
            return Answer(question=text, found=False, text=unread.text, route="metric", read_as=_read_as(query))
        return (yield from answerer.answer(text, found, self._models.language, now=now))

    def _making(self, text: str, asked: Request, *, now: datetime) -> Generator[str, None, Answer] | None:
        """What is made of a whole text: a summary, a list of what is to be done, a draft; None of the owner's numbers."""
        query = self.read(f"{asked.to} {asked.about}".strip() or text, now=now)
        found = self._materials.of(asked, query, numbers=self._store.source_ids(), now=now)
        if found is None and asked.task == "summary" and self._health.is_about(text):
            return None
        people = self._lookup.people()
        return make(
            text, asked, found, self._models.language,
            read_as=_read_as(query), searched=self._searched(), people=people,
        )  # fmt: skip

    def triage(self, text: str) -> str:
        """What to do about words that may be those of an emergency; never an all-clear."""
        return report(text, region=self._region)

    def passage(self, uid: str, *, now: datetime) -> Passage:
        """The passage of that id, as search and citations give it. Raises NothingFound."""
        key = key_of(uid)
        chunk = self._store.database.value(
            "SELECT chunk.id FROM chunk JOIN item ON item.id = chunk.item WHERE uid = ? AND live = 1", (key,)
        )
        if chunk is None:
            raise NothingFound("There is no such passage (any more).", remedy="Search again.")
        return self._lookup.passages([int(chunk)], {}, zone=now.tzinfo or self._zone)[0]

    def extract(self, kinds: Sequence[str], *, about: str, limit: int, now: datetime) -> Iterator[Entity]:
        """The entities of some types, at most `limit`: in what is `about` something, else by rule in everything.

        Types without a form need a model, which reads the passages nearest to `about` (or to the type's own name).
        Raises ModelError when there is none.
        """
        model = None
        if any(kind not in RULED for kind in kinds):
            model = self._models.language("small")
            if model is None:
                raise ModelError("There is no language model.", remedy="Run `homebody-models install`.")
        found = (
            entity
            for kind in kinds
            for passage in self._readable(kind, about=about, now=now)
            if passage.kind != "narrative"  # our own words, not the owner's
            for entity in (
                by_form(kind, passage, region=self._region, today=now.date())
                if kind in RULED
                else by_model(kind, passage, model)  # type: ignore[arg-type]  # opened above where it is needed
            )
        )
        return islice(found, limit)

    def _readable(self, kind: str, *, about: str, now: datetime) -> Iterator[Passage]:
        """What is looked through for a type: all of the store for one with a form, else what retrieval finds."""
        if about or kind not in RULED:
            query = self.read(about or kind.replace("-", " "), now=now)
            yield from self.find(query, limit=_LOOKED_THROUGH if kind in RULED else _PASSAGES, now=now).passages
            return
        order = self._lookup.order()
        newest = order.chunk[np.argsort(-np.nan_to_num(order.moment), kind="stable")].tolist()
        for start in range(0, len(newest), _LOOKED_THROUGH):
            yield from self._lookup.passages(newest[start : start + _LOOKED_THROUGH], {}, zone=now.tzinfo or self._zone)

    # People and time

    def people(self, text: str = "") -> tuple[Known, ...]:
        """Everybody, or those whom a name or an address stands for, with the reasons."""
        who = self._lookup.who()
        return who.find(text) if text else who.known

    def merge_people(self, one: str, other: str) -> Known:
        """The owner says that two are one person. Raises NothingFound or WrongUse."""
        return self._lookup.who().merge(one, other)

    def split_person(self, handle: str) -> Known:
        """The owner says that an address is nobody else's. Raises NothingFound or WrongUse."""
        return self._lookup.who().split(handle)

    def timeline(
        self, *, person: str, day: str, before: times.Cursor | None, limit: int, now: datetime
    ) -> times.Timeline:
        """One person or one stretch of days over all sources. Raises WrongUse or NothingFound."""
        people, start, end = times.read(self._lookup, person=person, day=day, now=now)
        zone = now.tzinfo or self._zone
        values: list[Value] = []
        if not people and end - start <= _VALUES_WITHIN:
            first, last = (datetime.fromtimestamp(at, UTC).astimezone(zone).date() for at in (start, end))
            values = list(self._health.of_days(first, last))
        return times.timeline(
            self._lookup, people=people, start=start, end=end, zone=zone, values=values, before=before, limit=limit
        )

    def _searched(self) -> str:
        parts = [f"{state.records:,} records of {state.name}" for state in self._inventory.states() if state.records]
        return f"I searched {', '.join(parts)}." if parts else "Nothing has been indexed yet: run `homebody index`."


def _read_as(query: Query) -> dict[str, object]:
    return {
        "words": list(query.terms),
        "people": [person.name for person in query.people],
        "times": [
            {"words": window.words, "start": _iso(window.start), "end": _iso(window.end)} for window in query.windows
        ],
        "kinds": list(query.kinds),
        "sources": list(query.sources),
    }


def _iso(moment: float) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat() if abs(moment) != float("inf") else None
