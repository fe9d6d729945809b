"""Homebody: opens everything once, and hands the result of one room to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import config
from agent.answer import answerer
from agent.config import Config, SourceConfig
from agent.door import Home
from agent.errors import HomebodyError, ModelError, NothingFound, WrongUse
from agent.ingest import run as ingest
from agent.ingest.chunk import embedded_text
from agent.ingest.run import PassReport, Progress, Workshop
from agent.ingest.worker import Worker
from agent.metrics.engine import Metrics
from agent.models.library import Library
from agent.models.resident import Resident
from agent.retrieval import query as reading
from agent.retrieval.retriever import Finding, Retriever
from agent.store.inventory import Inventory, SourceState
from agent.store.keys import KeyRing
from agent.store.lookup import Lookup
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex
from agent.vocabulary import Answer, Citation, Passage, Query
from indexers.record import Skipped
from indexers.source import Item, SourceUnavailable, kinds

_PASSAGES = 12
"""Passages that an answer may draw on; the prompt takes what fits."""
_EMBED_AT_ONCE = 128
_BULK = 400
"""More waiting texts than that are worth the slower start of the bulk embedder."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a source would read, before anything of it is stored."""

    items: int
    size: int
    skipped: tuple[Skipped, ...]
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was forgotten, and what was looked at again afterwards: every count in `left` must be 0."""

    what: str
    items: int
    chunks: int
    vectors: int
    samples: int
    left: dict[str, int]


class Homebody:
    """One open home. Methods may be called from several threads; passes and forgetting take turns."""

    def __init__(self, home: Home, ring: KeyRing) -> None:
        self._home = home
        self._busy = threading.RLock()
        self.config = config.read(home.places.config)
        runtime = config.private_folder(home.places.runtime)
        key = ring.compartment("life")
        self.store = Store.open(home.store, key)
        self.lookup = Lookup(self.store)
        self.inventory = Inventory(self.store.database)
        self.models = Resident(Library(home.places.models), runtime)
        vectors = self.store.embeddings.count()
        self._index_home = IndexHome.choose(runtime, home.snapshot, key, vectors=vectors)
        self._index: VectorIndex | None = None

    @property
    def zone(self) -> ZoneInfo:
        return config.zone_of(self.config.zone)

    def close(self, *, seal: bool = True) -> None:
        """Seal the index if it has changed, wipe its RAM folder and let go of the store."""
        with self._busy:
            if self._index is not None:
                if seal and not self._index.is_sealed():
                    self._index.seal()
                self._index.close()
            self.store.close()

    def index_of_vectors(self) -> VectorIndex | None:
        """The vector index, opened when first needed; None while no embedding model is installed."""
        with self._busy:
            if self._index is None:
                with suppress(ModelError):
                    embedder = self.models.embedder()
                    self.store.embeddings.use_model(embedder.id)
                    index = VectorIndex(self.store, self._index_home, model=embedder.id, dimensions=embedder.dimensions)
                    index.open()
                    self._index = index
            return self._index

    # Sources

    def preview(self, source: SourceConfig) -> Preview:
        """Look, in a worker, at what a source would read. Raises WrongUse or HomebodyError with the remedy."""
        try:
            with Worker(source) as worker:
                found = list(worker.scan())
                roots = worker.roots()
        except SourceUnavailable as error:
            raise HomebodyError(f"{source.path}: {error}") from None
        items = [entry for entry in found if isinstance(entry, Item)]
        return Preview(
            items=len(items),
            size=sum(item.size for item in items),
            skipped=tuple(entry for entry in found if isinstance(entry, Skipped)),
            roots=roots,
        )

    def usual_path(self, kind: str) -> Path:
        """Where a kind of source usually lies. Raises WrongUse when the kind is unknown, or does not say."""
        if kind not in kinds():
            raise WrongUse(f"There is no source of kind {kind!r}.", remedy=f"Kinds: {', '.join(kinds())}.")
        with Worker(SourceConfig(name=kind, kind=kind, path=Path())) as worker:
            usual = worker.usual()
        if not usual:
            raise WrongUse(f"{kind} needs a path.", remedy=f"Say which: homebody add {kind} PATH.")
        return Path(usual).expanduser()

    def add_source(self, source: SourceConfig) -> None:
        """Turn a source on (or change it)."""
        self._configure(self.config.with_source(source))

    def pause_source(self, name: str, *, paused: bool) -> None:
        self._configure(self.config.with_source(replace(self.config.source(name), paused=paused)))

    def remove_source(self, name: str) -> Receipt:
        """Turn a source off and forget everything that came from it."""
        self._configure(self.config.without_source(name))
        return self.forget(name)

    def _configure(self, changed: Config) -> None:
        config.write(self._home.places.config, changed)
        self.config = changed

    # Indexing

    def index(self, names: Sequence[str], *, now: datetime, tell: Tell) -> list[PassReport]:
        """Bring the named sources (all that are not paused, if none is named) up to date, then embed what is new."""
        chosen = [self.config.source(name) for name in names] or [s for s in self.config.sources if not s.paused]
        with self._busy:
            embedder = self.models.embedder()
            self.store.embeddings.use_model(embedder.id)
            shop = Workshop(
                store=self.store,
                model=embedder.id,
                count=embedder.count_tokens,
                zone=self.zone,
                clock=now.timestamp,
            )
            reports = [ingest.run(source, shop, progress=tell) for source in chosen]
            with self.store.writing():
                Metrics(self.store.samples, zone=self.zone).refresh()
            self.embed(tell=tell)
            if any(report.forgotten or report.items for report in reports):
                self.store.database.checkpoint()
            index = self.index_of_vectors()
            if index is not None and not index.is_sealed():
                index.seal()
            return reports

    def embed(self, *, tell: Tell) -> int:
        """Give every waiting block its vector, newest first; a kill loses at most one small batch of work."""
        total = self.store.embeddings.waiting()
        if not total:
            return 0
        embedder = self.models.embedder(bulk=total > _BULK)
        done = 0
        while waiting := self.store.embeddings.pending(limit=_EMBED_AT_ONCE):
            vectors = embedder.embed([embedded_text(block.chunks) for block in waiting], role="passage")
            self.store.embeddings.add(embedder.id, list(zip(waiting, vectors, strict=True)))
            done += len(waiting)
            tell(Progress(source="", phase="embedding", done=done, total=total, records=0))
        return done

    # Questions

    def read(self, text: str, *, now: datetime) -> Query:
        """How a question is understood: words, people, times, places."""
        return reading.read(text, now=now, people=self.lookup.people())

    def find(self, query: Query, *, limit: int, now: datetime) -> Finding:
        """The best passages for a question that was read."""
        index = self.index_of_vectors()
        numbers = self.store.source_ids()
        sources = [number for name, number in numbers.items() if not query.sources or name in query.sources]
        embedder = self.models.embedder() if index is not None else None
        zone = now.tzinfo or self.zone
        return Retriever(self.lookup, index, embedder).find(query, limit=limit, zone=zone, sources=sources)

    def search(self, text: str, *, limit: int, now: datetime) -> tuple[dict[str, object], tuple[Passage, ...]]:
        """What a question was read as, and the best passages for it."""
        query = self.read(text, now=now)
        return _read_as(query), self.find(query, limit=limit, now=now).passages

    def ask(self, text: str, *, now: datetime) -> Generator[str, None, Answer]:
        """Yield the answer in checked pieces; the generator's value is the whole. Numbers come from arithmetic."""
        if not text.strip():
            raise WrongUse("The question is empty.", remedy='Ask something: homebody ask "…".')
        measured = self._measured(text, now=now)
        if measured is not None:
            yield measured.text
            return measured
        query = self.read(text, now=now)
        finding = self.find(query, limit=_PASSAGES, now=now)
        found = answerer.Found(
            passages=finding.telling,
            support=finding.support,
            read_as=_read_as(query),
            searched=self._searched(),
        )
        return (yield from answerer.answer(text, found, self.models.language, now=now))

    def _measured(self, text: str, *, now: datetime) -> Answer | None:
        """The exact answer to a question about numbers, or None when it is not one."""
        zone = now.tzinfo or self.zone
        with self.store.database.reading():
            result = Metrics(self.store.samples, zone=zone).ask(text, today=now.date())
        if result is None:
            return None
        citations = tuple(
            Citation(
                n=n, source=source, kind="samples", title=source, people=(), when=None, locator="", quote=result.text
            )
            for n, source in enumerate(result.sources, start=1)
        )
        return Answer(
            question=text,
            found=result.found,
            text=result.text,
            route="metric",
            read_as=result.read_as,
            values=result.values,
            citations=citations if result.found else (),
        )

    def _searched(self) -> str:
        parts = [f"{state.records:,} records of {state.name}" for state in self.inventory.states() if state.records]
        return f"I searched {', '.join(parts)}." if parts else "Nothing has been indexed yet: run `homebody index`."

    # Forgetting

    def forget(self, name: str) -> Receipt:
        """Forget all that came from a source, and pause it so that it is not read again. Returns what was re-checked."""
        with self._busy:
            numbers = self.store.source_ids()
            if name not in numbers:
                self.config.source(name)
                raise NothingFound(f"Nothing from {name!r} is stored.")
            if any(source.name == name for source in self.config.sources):
                self.pause_source(name, paused=True)
            held = self.inventory.holdings(numbers[name])
            self.store.remove_source(numbers[name])
            return self._receipt(name, held, self.inventory.holdings(numbers[name]))

    def forget_record(self, uid: str) -> Receipt:
        """Forget one hit of a search for good, though its source may still hold it."""
        with self._busy:
            try:
                key = bytes.fromhex(uid)
            except ValueError:
                raise WrongUse(
                    f"{uid!r} is no id of a hit.", remedy="Take the id from `homebody search --json`."
                ) from None
            if not self.store.forget_record(key):
                raise NothingFound("There is no such record.")
            self.embed(tell=lambda _: None)
            left = {"chunks": int(self.store.database.value("SELECT count(*) FROM chunk WHERE uid = ?", (key,)))}
            return self._receipt(uid, {"chunks": 1}, left)

    def _receipt(self, what: str, held: dict[str, int], left: dict[str, int]) -> Receipt:
        """Clear what SQLite and Chroma would keep of deleted rows, then count again."""
        with self.store.writing():
            Metrics(self.store.samples, zone=self.zone).refresh()
        self.store.sweep()
        self.store.database.compact()
        index = self.index_of_vectors()
        if index is not None:
            index.catch_up()
            index.seal()
            left = {**left, "vectors not in the store": index.count() - self.store.embeddings.count()}
        return Receipt(
            what=what,
            items=held.get("items", 0),
            chunks=held.get("chunks", 0),
            vectors=held.get("vectors", 0),
            samples=held.get("samples", 0),
            left={**left, "free pages": self.store.database.value("PRAGMA freelist_count")},
        )

    def check(self) -> list[dict[str, object]]:
        """Findings for `doctor`: is the store whole, and does the index hold what the store says."""
        wrong = self.store.database.check()
        findings: list[dict[str, object]] = [
            {
                "name": "store",
                "ok": not wrong,
                "is": "whole" if not wrong else f"{len(wrong)} faults",
                "remedy": "" if not wrong else "Restore the data folder from a backup.",
            }
        ]
        index = self.index_of_vectors()
        held, known = (index.count() if index else 0), self.store.embeddings.count()
        findings.append(
            {
                "name": "vector index",
                "ok": held == known,
                "is": f"{held:,} of {known:,} vectors ({index.kind if index else 'no embedding model'})",
                "remedy": "" if held == known else "Delete life/index.sealed in the data folder: it is made anew.",
            }
        )
        return findings

    def states(self) -> list[SourceState]:
        return self.inventory.states()


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
