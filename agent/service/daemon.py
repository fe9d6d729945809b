"""The one owner of a home: opens and locks it, indexes in the background, and ends cleanly."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import config, offline
from agent.config import Places, SourceConfig
from agent.door import Home
from agent.errors import HomebodyError, Locked, WrongUse
from agent.homebody import Homebody, Receipt
from agent.ingest.run import PassReport, Progress
from agent.ingest.workers.worker import Worker
from agent.service.fault import place
from agent.service.power import on_battery
from agent.store import keys
from indexers.source import SourceUnavailable, kinds
from indexers.watch import Poll, Watch

log = logging.getLogger("homebody")

_RECONCILE = timedelta(hours=1)
"""Events are hints: every source is scanned that often, and at start, whatever they say."""


_POLL, _POLL_ON_BATTERY = timedelta(seconds=2), timedelta(seconds=60)
"""Live databases are compared that often besides, for a watch can die without a word."""

_NAME = re.compile(r"[\w][\w .@+-]{0,63}")


class LockedByOwner(Locked):
    """`homebody lock` was here: no keychain and no passphrase file opens the home before `homebody unlock`."""


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
        self._look_again = False
        self._follow_again = False
        self._watch: Watch | None = None
        self._watched: set[str] = set()
        self._poll: Poll | None = None

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
                    raise LockedByOwner("Your data is locked.", remedy="Run `homebody unlock`.")
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
        self._opened(Homebody(self.home, self.home.unlock(passphrase=passphrase)))

    def _opened(self, home: Homebody) -> None:
        self._open = home
        self._shut_by_owner = False
        self._look_again = self._follow_again = True
        self._wake.set()

    def recover(self, code: str, passphrase: str | None) -> str:
        """Open with the recovery code, set a new way in; returns the new code."""
        with self._turn:
            ring, anew = self.home.recover(code, passphrase=passphrase)
            if self._open is None:
                self._opened(Homebody(self.home, ring))
            return anew

    def make(self, zone: str, passphrase: str | None) -> str:
        """`init`: make the home and leave it open; returns the recovery code."""
        with self._turn:
            self.home.claim()
            code = self.home.make(zone=config.zone_of(zone).key, passphrase=passphrase)
            self._unlock(passphrase)
            return code

    def lock(self) -> None:
        """Drop the keys and close the store until `unlock`; a pass that is under way breaks off."""
        self._shut_by_owner = True
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

    def index(
        self, names: list[str], *, now: datetime, tell: Callable[[Progress], None], hinted: bool = False
    ) -> list[PassReport]:
        """A pass, with its progress kept for `status`."""

        def told(progress: Progress) -> None:
            if self._stopping.is_set():
                raise HomebodyError(
                    "homebody is stopping.", remedy="What was read is kept: run `homebody index` again."
                )
            if self._shut_by_owner:
                raise LockedByOwner("Your data was locked.", remedy="Run `homebody unlock`, then `homebody index`.")
            self._progress[progress.source] = progress
            tell(progress)

        try:
            return self.unlocked().index(names, now=now, tell=told, hinted=hinted)
        finally:
            self._progress.clear()

    def progress(self) -> list[Progress]:
        return list(self._progress.values())

    # Sources

    def examined(self, name: str, kind: str, path: Path, options: Mapping[str, object]) -> SourceConfig:
        """What the owner wants to turn on, looked at first. Raises WrongUse when it cannot be meant."""
        if kind not in kinds():
            raise WrongUse(f"There is no source of kind {kind!r}.", remedy=f"Kinds: {', '.join(kinds())}.")
        if not _NAME.fullmatch(name):
            raise WrongUse(
                f"{name!r} cannot be a name.", remedy="Use letters, digits, spaces and . @ + - _ (64 at most)."
            )
        path = path.expanduser().absolute()
        try:
            path.stat()
        except PermissionError:
            raise HomebodyError(f"{path} may not be read.", remedy="Give yourself permission to read it.") from None
        except OSError:
            raise WrongUse(f"There is nothing at {path}.", remedy="Check the path.") from None
        source = SourceConfig(name=name, kind=kind, path=path, options=options)
        try:
            with Worker(source) as worker:
                worker.roots()
        except SourceUnavailable as error:
            raise WrongUse(f"{path}: {error}", remedy="Check the path, the kind of source and its options.") from None
        return source

    def turn_on(self, source: SourceConfig) -> None:
        """Add a source. The same again changes nothing; a name that is taken by another place is refused."""
        with self._turn:
            opened = self.unlocked()
            held = next((one for one in opened.config.sources if one.name == source.name), None)
            if held is not None and (held.kind, held.path) != (source.kind, source.path):
                raise WrongUse(
                    f"There is a source named {source.name!r} already ({held.kind}, {held.path}).",
                    remedy="Give this one another --name, or use `homebody sources change`.",
                )
            opened.add_source(replace(source, paused=held.paused) if held else source)
        self._followed_anew()

    def change(self, source: SourceConfig, *, paused: bool | None) -> SourceConfig:
        """Write what a source now is; it stays paused, or not, unless told."""
        with self._turn:
            opened = self.unlocked()
            held = opened.config.source(source.name)
            changed = replace(source, paused=held.paused if paused is None else paused)
            opened.add_source(changed)
        self._followed_anew()
        return changed

    def remove(self, name: str) -> Receipt:
        """Turn a source off and forget all of it; one that was never read has nothing to forget."""
        try:
            return self.unlocked().remove_source(name)
        finally:
            self._followed_anew()

    def _followed_anew(self) -> None:
        self._follow_again = True
        self._wake.set()

    # The background

    def watch(self) -> None:
        """Index at start, after an unlock, when files move, and at least hourly, until `stop`. Runs in its own thread."""
        due = time.monotonic()
        while not self._stopping.is_set():
            with suppress(HomebodyError):  # opening asks for a look, which is due anyway
                self.unlocked()
            with self._turn:
                moved, self._changed = sorted(self._changed), set()
                look, self._look_again = self._look_again or time.monotonic() >= due, False
                follow, self._follow_again = self._follow_again or look, False
            if self._poll is not None:  # before the pass, for the same reason
                moved = sorted({*moved, *self._poll.moved()})
            if follow:  # before the pass: what moves during it must not be missed
                try:
                    moved = sorted({*moved, *self._follow()})
                except Exception as error:  # a home that was locked meanwhile, for one
                    log.warning("watching: %s", place(error))
            if look:
                due = time.monotonic() + _RECONCILE.total_seconds()
                self._pass([])
            elif moved:
                self._pass(moved)
            self._wake.wait(max(0.0, min(due - time.monotonic(), self._until_poll())))
            self._wake.clear()

    def _until_poll(self) -> float:
        """Seconds; for ever where nothing is polled."""
        if not self._poll:
            return math.inf
        return (_POLL_ON_BATTERY if on_battery() else _POLL).total_seconds()

    def _pass(self, names: list[str]) -> None:
        try:
            opened = self.unlocked()
            active = {source.name for source in opened.config.sources if not source.paused}
            chosen = [name for name in names if name in active]
            if chosen or (active and not names):
                self.index(chosen, now=config.now(os.environ, opened.zone), tell=lambda _: None, hinted=bool(names))
        except HomebodyError as error:
            log.warning("background pass: %s", type(error).__name__)
        except Exception as error:  # the next pass may well succeed, and this thread is the only one that tries
            log.error("background pass: %s", place(error))

    def _follow(self) -> set[str]:
        """Watch the places that the sources name; a source that cannot say is looked at hourly all the same.

        Returns the sources that were read before but not watched until now: something may have moved in between.
        """
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        polled, self._poll = self._poll, None
        before, self._watched = self._watched, set()
        try:
            opened = self.unlocked()
        except HomebodyError:
            return set()
        roots: dict[str, list[Path]] = {}
        live: dict[str, list[Path]] = {}
        for source in opened.config.sources:
            if not source.paused:
                with suppress(SourceUnavailable), Worker(source) as worker:
                    told = worker.roots()
                    roots[source.name] = [Path(root) for root in told.paths]
                    if told.live:
                        live[source.name] = [Path(database) for database in told.live]
        self._poll = Poll(live, after=polled)
        self._watch = Watch(roots, self._moved)
        try:
            self._watch.start()
        except OSError as error:
            log.warning("watching: %s", type(error).__name__)
            return set()
        self._watched = set(roots)
        return (self._watched - before) & {state.name for state in opened.states() if state.finished is not None}

    def _moved(self, names: set[str]) -> None:
        """Events only hasten the poll of a live database: on Linux it is one that our own worker opened its log."""
        with self._turn:
            self._changed |= {name for name in names if self._poll is None or name not in self._poll}
        self._wake.set()

    def halt(self) -> None:
        """Break off the pass that is under way, and begin no other."""
        self._stopping.set()
        self._wake.set()

    def stop(self) -> None:
        """Close the home, wipe the runtime folder, let go of the lock, in this order."""
        self.halt()
        if self._watch is not None:
            self._watch.stop()
        with self._turn:
            try:
                self._close()
            except HomebodyError as error:
                log.warning("closing: %s", type(error).__name__)
            except Exception as error:  # what is in RAM is wiped whatever happens
                log.error("closing: %s", place(error))
            shutil.rmtree(self.places.runtime, ignore_errors=True)
            self.home.release()


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
