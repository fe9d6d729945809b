"""The workers of live sources, kept between passes: what they know of a large database is not looked up anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from agent.config import SourceConfig
from agent.ingest.workers.worker import Worker


class Staff:
    """Hands out a worker for each pass. Those of live sources wait for the next pass; all others end with theirs.

    Passes take turns; `dismiss` may be called from any thread.
    """

    def __init__(self, make: Callable[[SourceConfig], Worker] = Worker) -> None:
        self._make = make
        self._waiting: dict[str, Worker] = {}

    @contextmanager
    def worker(self, source: SourceConfig) -> Iterator[Worker]:
        """The waiting worker of a source, if it still runs and the source is configured as it was, else a new one.

        It waits on only if its pass settled. On Linux it also ends with the thread that started it.
        """
        worker = self._waiting.pop(source.name, None)
        if worker is not None and not (worker.lasting and worker.config == source):
            worker.close()
            worker = None
        with ExitStack() as ending:
            worker = ending.enter_context(worker or self._make(source))
            yield worker
            if worker.settled and worker.lasting:
                self._waiting[source.name] = worker
                ending.pop_all()

    def dismiss(self, *, but: Iterable[SourceConfig] = ()) -> None:
        """End the workers that wait, except those of these sources as they are configured now."""
        stay = {source.name: source for source in but}
        for name, worker in list(self._waiting.items()):
            if stay.get(name) != worker.config and self._waiting.pop(name, None) is worker:
                worker.close()
