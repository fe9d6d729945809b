"""Homebody: sources in, what follows from them, and forgetting; every step is a room's, the order is here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import config
from agent.config import Config, SourceConfig
from agent.door import Home
from agent.errors import HomebodyError, ModelError, WrongUse
from agent.homebody.forgetting import Forgetting, Receipt
from agent.homebody.health import Health
from agent.homebody.questions import Questions
from agent.ingest import run as ingest
from agent.ingest.chunk import embedded_text
from agent.ingest.run import PassReport, Progress, Workshop
from agent.ingest.workers.staff import Staff
from agent.ingest.workers.worker import Worker
from agent.models.library import Library
from agent.models.resident import Resident
from agent.people import region_of
from agent.store.keys import KeyRing
from agent.store.reading.inventory import Inventory, SourceState
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex
from indexers.record import Skipped
from indexers.source import Item, SourceUnavailable, kinds

_EMBED_AT_ONCE = 128
_CAUGHT_UP_EVERY = 32 * _EMBED_AT_ONCE
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


class Homebody:
    """One open home. Methods may be called from several threads; passes and forgetting take turns."""

    def __init__(self, home: Home, ring: KeyRing) -> None:
        self._home = home
        self._busy = threading.RLock()
        self.config = config.read(home.places.config)
        runtime = config.private_folder(home.places.runtime)
        key = ring.compartment("life")
        self.store = Store.open(home.store, key)
        self.region = self.config.region or region_of(zone=self.config.zone)
        self.lookup = Lookup(self.store, region=self.region)
        self.inventory = Inventory(self.store.database)
        self.health = Health(self.store, zone=self.zone, region=self.region, orders=self.config.orders)
        self.models = Resident(Library(home.places.models), runtime)
        vectors = self.store.embeddings.count()
        self._index_home = IndexHome.choose(runtime, home.snapshot, key, vectors=vectors)
        self._index: VectorIndex | None = None
        self._stopping = threading.Event()
        self._staff = Staff()
        self.questions = Questions(
            self.store, self.lookup, self.inventory, models=self.models, health=self.health,
            index=self.index_of_vectors, zone=self.zone, region=self.region,
        )  # fmt: skip
        self._forgetting = Forgetting(
            self.store, self.inventory, index=self.index_of_vectors, settle=lambda: self._settle(lambda _: None)
        )

    @property
    def zone(self) -> ZoneInfo:
        return config.zone_of(self.config.zone)

    def close(self, *, seal: bool = True) -> None:
        """End a running pass, seal the index if it has changed, wipe its RAM folder and let go of the store."""
        self._stopping.set()
        with self._busy:
            self._staff.dismiss()
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
                roots = worker.roots().paths
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
        """Turn a source off and forget everything that came from it; nothing, if it was never read."""
        with self._busy:
            self._configure(self.config.without_source(name))
            if name not in self.store.source_ids():
                return Receipt(what=name, items=0, chunks=0, vectors=0, samples=0, left={})
            return self._forgetting.source(name)

    def _configure(self, changed: Config) -> None:
        config.write(self._home.places.config, changed)
        self.config = changed
        self._staff.dismiss(but=changed.active)

    # Indexing

    def index(self, names: Sequence[str], *, now: datetime, tell: Tell, hinted: bool = False) -> list[PassReport]:
        """Bring the named sources (all that are not paused, if none is named) up to date, then what follows from them.

        `hinted`: something was seen to change since the last pass; workers that were kept from it need not look at all.
        """
        chosen = [self.config.source(name) for name in names] or self.config.active
        with self._busy:
            self._staff.dismiss(but=self.config.active if hinted else ())
            embedder = self.models.embedder()
            self.store.embeddings.use_model(embedder.id)
            shop = Workshop(
                store=self.store,
                model=embedder.id,
                count=embedder.count_tokens,
                zone=self.zone,
                clock=now.timestamp,
                worker=self._staff.worker,
                going=lambda: not self._stopping.is_set(),
            )
            reports = [ingest.run(source, shop, progress=tell) for source in chosen]
            self._settle(tell, now=now)
            if any(report.forgotten or report.items for report in reports):
                self.store.database.checkpoint()
            index = self.index_of_vectors()
            if index is not None and (index.owes() if hinted else not index.is_sealed()):
                index.seal()
            return reports

    def _settle(self, tell: Tell, *, now: datetime | None = None) -> None:
        """What follows from records: daily numbers, weeks in sentences, vectors."""
        with suppress(ModelError):  # without an embedding model words and numbers are found all the same
            self.health.settle(model=self.models.embedder().id, now=now or datetime.now(self.zone))
            self.embed(tell=tell)

    def embed(self, *, tell: Tell) -> int:
        """Give every waiting block its vector, newest first; a kill loses at most one small batch of work."""
        total = self.store.embeddings.waiting()
        if not total:
            return 0
        embedder = self.models.embedder(bulk=total > _BULK)
        done = 0
        while not self._stopping.is_set() and (waiting := self.store.embeddings.pending(limit=_EMBED_AT_ONCE)):
            vectors = embedder.embed([embedded_text(block.chunks) for block in waiting], role="passage")
            self.store.embeddings.add(embedder.id, list(zip(waiting, vectors, strict=True)))
            done += len(waiting)
            if self._index is not None and done % _CAUGHT_UP_EVERY == 0:
                self._index.catch_up()  # else a question asked meanwhile would have to
            tell(Progress(source="", phase="embedding", done=done, total=total, records=0))
        return done

    # Forgetting

    def forget(self, name: str) -> Receipt:
        """Forget all that came from a source, and pause it so that it is not read again. Returns what was re-checked."""
        with self._busy:
            if any(source.name == name for source in self.config.sources):
                self.pause_source(name, paused=True)
            elif name not in self.store.source_ids():
                self.config.source(name)
            return self._forgetting.source(name)

    def forget_record(self, uid: str) -> Receipt:
        """Forget one hit of a search for good, though its source may still hold it."""
        with self._busy:
            return self._forgetting.record(uid)

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
