"""Numbers about the owner: kept up to date after each pass, told in sentences, asked, explained and drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

from agent.errors import HomebodyError, ModelError, NothingFound
from agent.ingest.chunk import embedded_text
from agent.metrics import plot
from agent.metrics.catalogue import ASLEEP, STEPS, catalogue
from agent.metrics.compute.days import values_of
from agent.metrics.engine import MetricAnswer, Metrics, priorities
from agent.metrics.evidence import Evidence
from agent.metrics.narrative import narratives
from agent.metrics.question import Unread
from agent.metrics.units import preferred
from agent.models.protocols import LanguageModel
from agent.store.database.settings import Settings
from agent.store.store import Store
from agent.vocabulary import Answer, Block, Citation, Value
from indexers.source import Item

log = logging.getLogger("homebody.health")

NARRATIVES = "health-narratives"
"""The name under which weeks and months in sentences are stored: derived, so they go with the samples."""
_OF_A_DAY = (STEPS, ASLEEP, "HKQuantityTypeIdentifierRestingHeartRate")


class Health:
    """The metrics of one store, in the owner's zone, region and order of sources."""

    def __init__(self, store: Store, *, zone: tzinfo, region: str, orders: Mapping[str, tuple[str, ...]]) -> None:
        self._store = store
        self._zone = zone
        self._units = preferred(region)
        self._orders = orders
        try:
            self._priority = priorities(orders)
        except KeyError as error:
            raise HomebodyError(
                f"[health.priority] names {error.args[0]!r}, which is no measure.", remedy="Correct config.toml."
            ) from None

    def _metrics(self) -> Metrics:
        return Metrics(self._store.samples, zone=self._zone, priority=self._priority, units=self._units)

    def settle(self, *, model: str, now: datetime) -> None:
        """Bring rollups and narratives up to date with the samples, and the rollups with the order of sources."""
        settings = Settings(self._store.database)
        orders, day = repr(sorted(self._orders.items())), now.date().isoformat()
        with self._store.writing():
            metrics = self._metrics()
            changed = metrics.refresh()
            if settings.get("health order", "[]") != orders:
                changed += metrics.rebuild()
                settings.set("health order", orders)
            if changed or settings.get("health told") != day:  # a week is told once it is over
                self._tell(model=model, now=now)
                settings.set("health told", day)

    def _tell(self, *, model: str, now: datetime) -> None:
        """Store the narratives that are new or changed, and drop those whose samples went."""
        told = {
            entry.item: entry
            for entry in narratives(self._store.samples, today=now.date(), zone=self._zone, units=self._units)
        }
        source = self._store.source_ids().get(NARRATIVES)
        if source is None:
            if not told:
                return
            source = self._store.source(NARRATIVES, NARRATIVES)
        stored = self._store.items(source)
        self._store.remove_items(source, [old.id for key, old in stored.items() if key not in told])
        for key, entry in told.items():
            if key in stored and stored[key].fingerprint == entry.fingerprint:
                continue
            blocks = [Block(first=n, last=n, text=embedded_text([chunk])) for n, chunk in enumerate(entry.chunks)]
            staged = self._store.stage(source, Item(id=key, fingerprint=entry.fingerprint), now=now.timestamp())
            self._store.add_chunks(staged, entry.chunks, blocks, model=model)
            self._store.publish(staged, records=len(entry.chunks), skips=())
        self._store.finish_pass(source, finished=now.timestamp(), seconds=0.0, problem="", skips=())

    def answer(self, text: str, *, now: datetime) -> Answer | None:
        """The exact answer to a question about numbers that the rules can read, else None."""
        with self._store.database.reading():
            found = self._metrics().ask(text, today=now.date())
        return None if found is None else _answer(text, found)

    def is_about(self, text: str) -> bool:
        """Whether a question that the rules could not read is about the owner's own numbers all the same."""
        with self._store.database.reading():
            return self._metrics().unread(text) is not None

    def filled(self, text: str, model: LanguageModel | None, *, now: datetime) -> Answer | Unread | None:
        """Let a model fill the query with words of the question; Unread, with what can be asked, where it cannot."""
        with self._store.database.reading():
            metrics = self._metrics()
            if model is None:
                return metrics.unread(text)
            try:
                found = metrics.fill(text, model, today=now.date())
            except ModelError as error:
                log.warning("the model filled no query (%s)", type(error).__name__)
                return metrics.unread(text)
        return _answer(text, found) if isinstance(found, MetricAnswer) else found

    def explain(self, text: str, *, now: datetime) -> Evidence | None:
        """What the number that answers a question rests on; None when it is not one about numbers."""
        with self._store.database.reading():
            return self._metrics().explain(text, today=now.date())

    def draw(self, text: str, *, now: datetime, render: Callable[[plot.Picture], bytes]) -> tuple[bytes, str]:
        """A picture of what is asked, with one sentence that says the same. Raises NothingFound."""
        with self._store.database.reading():
            shape = self._metrics().picture(text, today=now.date())
        if shape is None:
            raise NothingFound(
                "There is nothing to draw for that.",
                remedy='Ask for a measure, such as "resting heart rate since March".',
            )
        return render(shape), shape.alt

    def of_days(self, start: date, end: date) -> Iterator[Value]:
        """A few daily values for a timeline of [start, end)."""
        for name in _OF_A_DAY:
            measure = catalogue()[name]
            columns = self._store.samples.rollups(name, start, end)
            values = values_of(columns, measure, "mean")
            for day, value in zip(columns.day.tolist(), values.tolist(), strict=True):
                on = date.fromordinal(int(day))
                yield Value(
                    name=measure.name, value=round(value, 1), unit=measure.unit, start=on, end=on + timedelta(days=1)
                )


def as_file(form: plot.Format, folder: Path) -> Callable[[plot.Picture], bytes]:
    """Render to a picture file's bytes; `folder` is where matplotlib may keep its font cache."""
    return lambda shape: plot.draw(shape, form=form, folder=folder)


def as_text(width: int) -> Callable[[plot.Picture], bytes]:
    """Render for a terminal of that many columns."""
    return lambda shape: plot.terminal(shape, width=width).encode()


def _answer(text: str, found: MetricAnswer) -> Answer:
    citations = tuple(
        Citation(n=n, source=source, kind="samples", title=source, people=(), when=None, locator="", quote=found.text)
        for n, source in enumerate(found.sources, start=1)
    )
    return Answer(
        question=text,
        found=found.found,
        text=found.text,
        route="metric",
        read_as=found.read_as,
        values=found.values,
        citations=citations if found.found else (),
    )
