"""The one owner of a home: opens and locks it, indexes in the background, and ends cleanly."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import config, offline
from agent.config import Places
from agent.door import Home
from agent.errors import HomebodyError, Locked, StoreError
from agent.homebody import Homebody
from agent.ingest.run import PassReport, Progress
from agent.ingest.worker import Worker
from agent.store import keys
from indexers.source import SourceUnavailable
from indexers.watch import Watch

log = logging.getLogger("homebody")

_RECONCILE = timedelta(hours=1)
"""Events are hints: every source is scanned that often, and at start, whatever they say."""


class Daemon:
    """Holds a home open while it is unlocked. Every method may be called from any thread."""

    def __init__(self, places: Places, *, home: Home | None = None) -> None:
        offline.require()
        self.places = places
        self.home = home or Home(places)
        self._turn = threading.RLock()
        self._open: Homebody | None = None
        self._shut_by_owner = False
        self._progress: dict[str, Progress] = {}
        self._stopping = threading.Event()
        self._changed: set[str] = set()
        self._wake = threading.Event()
        self._watch: Watch | None = None

    def claim(self) -> None:
        """Take the home's lock and a clean runtime folder. Raises StoreError when another process has it."""
        self.home.claim()
        runtime = self.places.runtime
        config.private_folder(runtime)
        for leftover in runtime.iterdir():  # what a killed process left in RAM
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def unlocked(self) -> Homebody:
        """The open home; opens it by the keychain or the passphrase file where that needs nobody. Raises Locked."""
        with self._turn:
            if self._open is None:
                if self._shut_by_owner:
                    raise Locked("Your data is locked.", remedy="Run `homebody unlock`.")
                reference = os.environ.get("HOMEBODY_PASSPHRASE_FILE")
                self._unlock(keys.passphrase_from_file(reference) if reference else None)
            assert self._open is not None
            return self._open

    def unlock(self, passphrase: str | None) -> None:
        """Open the home by a passphrase, or by the keychain. Raises Locked."""
        with self._turn:
            if self._open is None:
                self._unlock(passphrase)

    def _unlock(self, passphrase: str | None) -> None:
        self.home.claim()
        self._open = Homebody(self.home, self.home.unlock(passphrase=passphrase))
        self._shut_by_owner = False

    def recover(self, code: str, passphrase: str | None) -> str:
        """Open with the recovery code, set a new way in; returns the new code."""
        with self._turn:
            ring, anew = self.home.recover(code, passphrase=passphrase)
            if self._open is None:
                self._open = Homebody(self.home, ring)
            self._shut_by_owner = False
            return anew

    def make(self, zone: str, passphrase: str | None) -> str:
        """`init`: make the home and leave it open; returns the recovery code."""
        with self._turn:
            self.home.claim()
            code = self.home.make(zone=config.zone_of(zone).key, passphrase=passphrase)
            self._unlock(passphrase)
            return code

    def lock(self) -> None:
        """Drop the keys and close the store until `unlock`."""
        with self._turn:
            self._shut_by_owner = True
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            opened.close()

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def zone(self) -> ZoneInfo:
        """The zone that the owner set at `init`; before that, this machine's."""
        path = self.places.config
        return config.zone_of(config.read(path).zone if path.exists() else config.system_zone(os.environ))

    def index(self, names: list[str], *, now: datetime, tell: Callable[[Progress], None]) -> list[PassReport]:
        """A pass, with its progress kept for `status`."""

        def told(progress: Progress) -> None:
            self._progress[progress.source] = progress
            tell(progress)

        try:
            return self.unlocked().index(names, now=now, tell=told)
        finally:
            self._progress.clear()

    def progress(self) -> list[Progress]:
        return list(self._progress.values())

    # The background

    def watch(self) -> None:
        """Index at start, when files move, and at least hourly, until `stop`. Runs in a thread of its own."""
        due = time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                self._pass([])
                self._follow()
                due = time.monotonic() + _RECONCILE.total_seconds()
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            with self._turn:
                moved, self._changed = sorted(self._changed), set()
            if moved and not self._stopping.is_set():
                self._pass(moved)

    def _pass(self, names: list[str]) -> None:
        try:
            opened = self.unlocked()
            active = {source.name for source in opened.config.sources if not source.paused}
            chosen = [name for name in names if name in active]
            if chosen or not names:
                self.index(chosen, now=config.now(os.environ, opened.zone), tell=lambda _: None)
        except HomebodyError as error:
            log.warning("background pass: %s", type(error).__name__)

    def _follow(self) -> None:
        """Watch the places that the sources name; a source that cannot say is looked at hourly all the same."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if self._open is None:
            return
        roots: dict[str, list[Path]] = {}
        for source in self._open.config.sources:
            if not source.paused:
                with suppress(SourceUnavailable), Worker(source) as worker:
                    roots[source.name] = [Path(root) for root in worker.roots()]
        self._watch = Watch(roots, self._moved)
        self._watch.start()

    def _moved(self, names: set[str]) -> None:
        with self._turn:
            self._changed |= names
        self._wake.set()

    def stop(self) -> None:
        """Close the home, wipe the runtime folder, let go of the lock."""
        self._stopping.set()
        self._wake.set()
        if self._watch is not None:
            self._watch.stop()
        with self._turn:
            try:
                self._close()
            except StoreError as error:
                log.warning("closing: %s", error.problem)
            self.home.release()
            shutil.rmtree(self.places.runtime, ignore_errors=True)


def log_to(folder: Path) -> None:
    """Log ids, counts and durations to a file of the home, never texts; 3 files of 1 MB."""
    config.private_folder(folder)
    before = os.umask(0o077)
    try:
        handler = RotatingFileHandler(folder / "homebody.log", maxBytes=1 << 20, backupCount=2)
    finally:
        os.umask(before)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = logging.getLogger("homebody")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
