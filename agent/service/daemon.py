"""The one owner of a home: opens and locks it, turns its sources on and off, and ends cleanly."""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
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
from agent.service.background import Background
from agent.service.fault import place
from agent.store import keys
from indexers.source import SourceUnavailable, kinds

log = logging.getLogger("homebody")

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
        self.background = Background(unlocked=self.unlocked, index=self.index)

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
        self.background.look()

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
        self.background.follow()

    def change(self, source: SourceConfig, *, paused: bool | None) -> SourceConfig:
        """Write what a source now is; it stays paused, or not, unless told."""
        with self._turn:
            opened = self.unlocked()
            held = opened.config.source(source.name)
            changed = replace(source, paused=held.paused if paused is None else paused)
            opened.add_source(changed)
        self.background.follow()
        return changed

    def remove(self, name: str) -> Receipt:
        """Turn a source off and forget all of it; one that was never read has nothing to forget."""
        try:
            return self.unlocked().remove_source(name)
        finally:
            self.background.follow()

    def halt(self) -> None:
        """Break off the pass that is under way, and begin no other."""
        self._stopping.set()
        self.background.halt()

    def stop(self) -> None:
        """Close the home, wipe the runtime folder, let go of the lock, in this order."""
        self.halt()
        self.background.stop()
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
