"""Keeps a home current without being asked: what moved is read at once, and everything is looked at again and again."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from agent import config
from agent.config import SourceConfig
from agent.errors import HomebodyError
from agent.homebody import Homebody
from agent.ingest.run import PassReport
from agent.ingest.workers.worker import Worker
from agent.service.fault import place
from agent.service.power import Slumber, on_battery
from indexers.source import SourceUnavailable
from indexers.watch import Poll, Watch

log = logging.getLogger("homebody")

_RECONCILE = timedelta(hours=1)
"""Events are hints: every source is scanned that often, at start and after the machine slept, whatever they say."""

_POLL, _POLL_ON_BATTERY = timedelta(seconds=2), timedelta(seconds=60)
"""Live databases are compared that often besides, for a watch can die without a word."""

_GROUND, _GROUND_ON_BATTERY = timedelta(seconds=15), timedelta(seconds=60)
"""So often it is looked whether a volume came or went under a source, and whether the machine slept."""


class Background:
    """Indexes when it should. `run` is for a thread of its own; all else may be called from any."""

    def __init__(self, *, unlocked: Callable[[], Homebody], index: Callable[..., list[PassReport]]) -> None:
        """`unlocked` opens the home or raises; `index` is a pass over named sources, or over all."""
        self._unlocked = unlocked
        self._index = index
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._changed: set[str] = set()
        self._look_again = self._follow_again = True
        self._watch = Watch(self._moved)
        self._poll = Poll({})
        self._slumber = Slumber()

    def look(self) -> None:
        """Look at everything soon: the home was opened."""
        self._look_again = True
        self.follow()

    def follow(self) -> None:
        """Ask the sources soon where to look: there are others now."""
        self._follow_again = True
        self._wake.set()

    def halt(self) -> None:
        """Begin no other pass."""
        self._stopping.set()
        self._wake.set()

    def stop(self) -> None:
        self.halt()
        self._watch.stop()

    def run(self) -> None:
        """Index at start, after an unlock or a sleep, when files or volumes move, and at least hourly, until `stop`."""
        self._watch.start()
        due = time.monotonic()
        while not self._stopping.is_set():
            look = time.monotonic() >= due or self._slumber.ended()
            if look:
                with suppress(HomebodyError):  # opening asks for a look, which is due anyway
                    self._unlocked()
            with self._turn:
                moved, self._changed = self._changed, set()
            look, self._look_again = self._look_again or look, False
            shifted = self._watch.shifted()
            follow, self._follow_again = self._follow_again or look or bool(shifted), False
            moved |= shifted | self._poll.moved()  # before the pass: what moves during it must not be missed
            if follow:
                try:
                    moved |= self._followed()
                except Exception as error:  # a home that was locked meanwhile, for one
                    log.warning("watching: %s", place(error))
            if look:
                due = time.monotonic() + _RECONCILE.total_seconds()
                self._pass([])
            elif moved:
                self._pass(sorted(moved))
            self._wake.wait(max(0.0, min(due - time.monotonic(), self._rest())))
            self._wake.clear()

    def _rest(self) -> float:
        """Seconds until the next look at databases and grounds."""
        saving = on_battery()
        poll = (_POLL_ON_BATTERY if saving else _POLL).total_seconds() if self._poll else math.inf
        return min(poll, (_GROUND_ON_BATTERY if saving else _GROUND).total_seconds())

    def _pass(self, names: list[str]) -> None:
        try:
            opened = self._unlocked()
            active = {source.name for source in opened.config.active}
            chosen = [name for name in names if name in active]
            if chosen or (active and not names):
                now = config.now(os.environ, opened.zone)
                self._go_on(self._index(chosen, now=now, tell=lambda _: None, hinted=bool(names)))
        except HomebodyError as error:
            log.warning("background pass: %s", type(error).__name__)
        except Exception as error:  # the next pass may well succeed, and this thread is the only one that tries
            log.error("background pass: %s", place(error))

    def _go_on(self, reports: list[PassReport]) -> None:
        """Read the next part of what takes several passes, such as a long scan; on a battery that waits for the hour."""
        begun = {
            report.name
            for report in reports
            if report.items and any(skip.outcome == "unfinished" for skip in report.skipped)
        }
        if begun and not on_battery():
            with self._turn:
                self._changed |= begun
            self._wake.set()

    def _followed(self) -> set[str]:
        """Watch the places that the sources name, and poll their live databases.

        Returns the sources that were read before but not watched there until now: something may have moved in between.
        """
        try:
            opened = self._unlocked()
        except HomebodyError:
            self._watch.follow({})
            self._poll = Poll({})
            return set()
        roots: dict[str, list[Path]] = {}
        live: dict[str, list[Path]] = {}
        for source in opened.config.active:
            roots[source.name], live[source.name] = _places(source)
        fresh = self._watch.follow(roots)
        self._poll = Poll({name: databases for name, databases in live.items() if databases}, after=self._poll)
        return fresh & {state.name for state in opened.states() if state.finished is not None}

    def _moved(self, names: set[str]) -> None:
        """Events only hasten the poll of a live database: on Linux it is one that our own worker opened its log."""
        with self._turn:
            self._changed |= {name for name in names if name not in self._poll}
        self._wake.set()


def _places(source: SourceConfig) -> tuple[list[Path], list[Path]]:
    """The roots and the live databases of a source; of one that cannot say, the path that the owner gave."""
    try:
        with Worker(source) as worker:
            told = worker.roots()
    except SourceUnavailable:
        return [source.path], []
    return [Path(root) for root in told.paths], [Path(database) for database in told.live]
