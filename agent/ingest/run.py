"""One pass over one source: scan, compare, read what moved, forget what vanished. The only loop that writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cache

from agent.config import SourceConfig
from agent.errors import StoreError, WrongUse
from agent.ingest.chunk import cut
from agent.ingest.passages import CountTokens
from agent.ingest.plan import plan
from agent.ingest.workers.frame import Done, Gone
from agent.ingest.workers.worker import Worker
from agent.store.store import Store
from indexers.record import PASSING, Message, Record, SampleBatch, Section, Skipped
from indexers.source import Item, SourceUnavailable

log = logging.getLogger("homebody.ingest")

_RECORDS_AT_ONCE = 20_000
"""An item with more records is staged in several transactions."""
_SAMPLES_AT_ONCE = 64
"""Batches of samples that are committed together."""
_TEXT_AT_ONCE = 8 << 20
"""Characters of records that are held at once, likewise."""
_COMMIT_SECONDS = 1.0
_WORDY_SKIPS = 200
"""More reasons than that for one item are counted together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a pass has come: items done of all that are to be read, records so far."""

    source: str
    phase: str
    done: int
    total: int
    records: int


@dataclass(slots=True, kw_only=True)
class PassReport:
    """What one pass did: `items` read anew, `records` stored, what was skipped, seconds, and why it stopped if it did.

    `due` are the items that could not be read whole now, and are tried again.
    """

    name: str
    items: int = 0
    records: int = 0
    forgotten: int = 0
    moved: int = 0
    copies: int = 0
    unchanged: int = 0
    due: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a pass needs besides its source: values and seams that the caller holds."""

    store: Store
    model: str
    count: CountTokens
    zone: tzinfo
    clock: Callable[[], float] = time.time
    worker: Callable[[SourceConfig], AbstractContextManager[Worker]] = Worker
    going: Callable[[], bool] = lambda: True
    """Asked often; once it says False the pass ends, with whole items kept."""


class _Stopped(Exception):
    """The pass is to end before it is through."""


def run(source: SourceConfig, shop: Workshop, *, progress: Callable[[Progress], None]) -> PassReport:
    """Bring the store up to date with one source. A source that is unavailable loses nothing and says why."""
    started = time.monotonic()
    report = PassReport(name=source.name)
    try:
        number = shop.store.source(source.name, source.kind)
    except WrongUse as error:
        report.problem = str(error)
        return report
    scan_skips: list[Skipped] = []
    try:
        with shop.worker(source) as worker:
            every = cache(lambda: shop.store.items(number))
            told: list[Item | Gone | Skipped] = []
            for entry in worker.scan(known=lambda: {key: held.fingerprint for key, held in every().items()}):
                _go_on(shop)
                told.append(entry)
                if len(told) % 1000 == 0:
                    progress(Progress(source=source.name, phase="looking", done=len(told), total=0, records=0))
            scan_skips = [entry for entry in told if isinstance(entry, Skipped)]
            ids = [entry.id for entry in told if not isinstance(entry, Skipped)]
            stored = every() if worker.whole else shop.store.items(number, among=ids)
            todo = plan(stored, [entry for entry in told if not isinstance(entry, Gone)], mirror=worker.mirror)
            report.unchanged = todo.unchanged
            shop.store.move_items([(move.stored.id, move.item) for move in todo.moved])
            report.moved = len(todo.moved)
            # What was copied elsewhere and deleted here has a heir once the copy is read, and is not embedded again.
            sizes = {item.size for item in todo.read}
            for copied in (False, True):
                gone = [item.id for item in todo.gone if (item.size in sizes) is copied]
                shop.store.remove_items(number, gone)
                report.forgotten += len(gone)
                if not copied:
                    _read(worker, todo.read, number, shop, report, progress)
            worker.settled = not report.due
    except SourceUnavailable as error:
        report.problem = str(error)
        report.skipped.append(Skipped(where=source.name, why=str(error), outcome="no_permission"))
    except _Stopped:
        report.problem = "It was stopped; the rest follows in the next pass."
    if report.forgotten or report.items:
        shop.store.sweep()
    report.skipped[:0] = scan_skips
    report.seconds = time.monotonic() - started
    shop.store.finish_pass(
        number, finished=shop.clock(), seconds=report.seconds, problem=report.problem, skips=scan_skips
    )
    log.info("pass items=%d records=%d skipped=%d", report.items, report.records, len(report.skipped))
    return report


def _read(
    worker: Worker,
    items: tuple[Item, ...],
    source: int,
    shop: Workshop,
    report: PassReport,
    progress: Callable[[Progress], None],
) -> None:
    """Read items and store them, several small ones in one transaction."""
    shelf: list[_Draft] = []
    shelved_at = time.monotonic()

    def give_up() -> None:
        for left in shelf:
            left.discard()
        shelf.clear()

    def put_away() -> None:
        nonlocal shelved_at
        try:
            with shop.store.writing():
                for draft in shelf:
                    draft.publish()
        except BaseException:
            give_up()
            raise
        for draft in shelf:
            report.items += not draft.kept
            report.due += draft.due
            report.records += draft.records
            report.copies += draft.copied
            report.skipped += draft.skips
        shelf.clear()
        shelved_at = time.monotonic()
        progress(
            Progress(source=report.name, phase="reading", done=report.items, total=len(items), records=report.records)
        )

    draft: _Draft | None = None
    try:
        for item, sent in worker.read(items):
            _go_on(shop)
            draft = draft or _Draft(item, source, shop, imported=not worker.mirror)
            if isinstance(sent, Done):
                draft.cut = sent.cut
                shelf.append(draft)
                draft = None
                if time.monotonic() - shelved_at > _COMMIT_SECONDS:
                    put_away()
            else:
                draft.add(sent)
    except (SourceUnavailable, _Stopped):
        if draft is not None:
            draft.discard()
        put_away()
        raise
    except BaseException:
        if draft is not None:
            draft.discard()
        give_up()
        raise
    put_away()


def _go_on(shop: Workshop) -> None:
    if not shop.going():
        raise _Stopped


class _Draft:
    """The next generation of one item, being made. Only `publish` makes it visible."""

    def __init__(self, item: Item, source: int, shop: Workshop, *, imported: bool) -> None:
        self._item = item
        self._imported = imported
        self._source = source
        self._shop = shop
        self._staged: int | None = None
        self._records: list[Record] = []
        self._batches: list[SampleBatch] = []
        self._chunks = 0
        self._content = ""
        self._held = 0  # characters of records that are not staged yet
        self.records = 0
        self.copied = False
        self.kept = False
        self.due = False
        self.cut = False
        self.skips: list[Skipped] = []

    def add(self, sent: Record | Skipped) -> None:
        if isinstance(sent, Skipped):
            self._skip(sent)
        elif isinstance(sent, SampleBatch):
            self._batches.append(sent)
            self.records += len(sent.start)
            if len(self._batches) >= _SAMPLES_AT_ONCE:
                self._flush()
        else:
            if isinstance(sent, Section):
                self._content = sent.content
            self._records.append(sent)
            self._held += len(getattr(sent, "text", ""))
            self.records += 1
            if len(self._records) >= _RECORDS_AT_ONCE or self._held > _TEXT_AT_ONCE:
                self._flush()

    def _skip(self, skip: Skipped) -> None:
        if len(self.skips) < _WORDY_SKIPS:
            self.skips.append(skip)
        else:
            last = self.skips[-1]
            self.skips[-1] = Skipped(
                where=self._item.id, why="more of it", outcome=skip.outcome, count=last.count + skip.count
            )

    def _flush(self) -> None:
        """Stage what has come so far, in a transaction of its own (or in the one that publishes)."""
        store = self._shop.store
        with store.writing():
            if self._staged is None:
                self._staged = store.stage(self._source, self._item, now=self._shop.clock(), content=self._content)
            wordy = [record for record in self._records if not isinstance(record, SampleBatch)]
            path = "" if any(isinstance(record, Message) for record in wordy) else self._item.id
            made = cut(wordy, item=self._item.id, path=path, zone=self._shop.zone, count=self._shop.count)
            store.name_handles(made.names)
            store.add_chunks(self._staged, made.chunks, made.blocks, model=self._shop.model, base=self._chunks)
            store.add_cards(self._staged, made.contacts)
            store.add_samples(self._staged, self._batches)
        self._chunks += len(made.chunks)
        self._records.clear()
        self._batches.clear()
        self._held = 0

    def publish(self) -> None:
        """Make it visible: with its text, or, where an equal file is stored already, as a further place of that.

        What was cut short, or cannot be read now, does not replace what was whole.
        """
        store = self._shop.store
        passing = any(skip.where == self._item.id and skip.outcome in PASSING for skip in self.skips)
        passing &= not (self.cut and any(skip.outcome == "timed_out" for skip in self.skips))  # it would hang again
        self.due = passing or any(skip.outcome == "unfinished" for skip in self.skips)
        if (self.cut or passing) and store.keep(self._source, self._item, self.skips, retry=passing):
            self._give_up()
            self.records, self.kept = 0, True
            return
        holder = store.holder(self._source, self._item, self._content)
        if holder is None:
            self._flush()
        else:
            self._give_up()
            self._staged = store.stage_copy(
                self._source, self._item, now=self._shop.clock(), content=self._content, holder=holder
            )
            self.records, self.copied = 0, True
        assert self._staged is not None
        store.publish(self._staged, records=self.records, skips=self.skips, retry=passing, imported=self._imported)

    def _give_up(self) -> None:
        if self._staged is not None:
            self._shop.store.discard(self._staged)
            self._staged = None

    def discard(self) -> None:
        """Give up a half-read item: what was whole before stays."""
        try:
            self._give_up()
        except StoreError:
            log.warning("a half-read item waits to be discarded at the next start")
