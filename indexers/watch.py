"""Names the sources whose files moved, by events and by polling. A hint, never the truth: a scan decides what changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from watchdog.events import FileClosedNoWriteEvent, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from indexers.readers.containers.sqlite import state

QUIET = 1.5
"""Seconds without an event after which a change is told."""
LONGEST = 10.0
"""Seconds after which it is told even when events go on."""


class _Ground(NamedTuple):
    """A folder to watch, and what stands there now: another number after a mount, zeros where there is none."""

    folder: str
    recursive: bool
    device: int
    inode: int

    @classmethod
    def of(cls, root: Path) -> tuple[_Ground, str]:
        """What to watch for a root, and the beginning of the names in it that count ("" for all).

        A file is watched through its folder, for databases and exports are replaced and have companions (`-wal`); so
        is what does not exist yet.
        """
        folder, name = (root, "") if root.is_dir() else (root.parent, root.name)
        try:
            stands = folder.stat()
        except OSError:
            return cls(str(folder), not name, 0, 0), name
        return cls(str(folder), not name, stands.st_dev, stands.st_ino), name


class Watch:
    """Watches the roots of sources and tells the names of those in which something happened."""

    def __init__(self, moved: Callable[[set[str]], None], *, quiet: float = QUIET, longest: float = LONGEST) -> None:
        self._moved = moved
        self._quiet = quiet
        self._longest = longest
        self._turn = threading.Condition()
        self._dirty: dict[str, float] = {}
        self._latest = 0.0
        self._stopped = False
        self._observer = Observer()
        self._thread = threading.Thread(target=self._settle, name="watch", daemon=True)
        self._roots: Mapping[str, Sequence[Path]] = {}
        self._grounds: dict[str, list[tuple[_Ground, str]]] = {}
        self._folders: dict[_Ground, tuple[_Folder, ObservedWatch]] = {}

    def start(self) -> None:
        self._observer.start()  # first: only then does `schedule` itself say that a folder cannot be watched
        self._thread.start()

    def follow(self, roots: Mapping[str, Sequence[Path]]) -> set[str]:
        """Watch these roots from now on; what was watched before and still is misses nothing meanwhile.

        Returns the sources that are watched somewhere they were not before. A folder that cannot be watched (too many,
        no permission) is left to the hourly scan.
        """
        self._roots = roots
        self._grounds = {name: [_Ground.of(path) for path in paths] for name, paths in roots.items()}
        wanted: dict[_Ground, set[tuple[str, str]]] = {}
        for name, grounds in self._grounds.items():
            for ground, file in grounds:
                wanted.setdefault(ground, set()).add((name, file))
        for ground in self._folders.keys() - wanted.keys():
            self._observer.unschedule(self._folders.pop(ground)[1])
        fresh: set[str] = set()
        for ground, listeners in wanted.items():
            known: frozenset[tuple[str, str]] = frozenset()
            if ground in self._folders:
                folder = self._folders[ground][0]
                known, folder.listeners = folder.listeners, frozenset(listeners)
            elif not self._scheduled(ground, _Folder(self._heard, frozenset(listeners))):
                continue
            fresh |= {name for name, _ in listeners - known}
        return fresh

    def shifted(self) -> set[str]:
        """The sources under which a volume was mounted or went, or a folder was put in another's place, since `follow`."""
        return {
            name for name, paths in self._roots.items() if [_Ground.of(path) for path in paths] != self._grounds[name]
        }

    def _scheduled(self, ground: _Ground, folder: _Folder) -> bool:
        try:
            watch = self._observer.schedule(folder, ground.folder, recursive=ground.recursive)
        except OSError:
            return False
        self._folders[ground] = folder, watch
        return True

    def stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._turn.notify()
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def _heard(self, name: str) -> None:
        with self._turn:
            self._latest = time.monotonic()
            self._dirty.setdefault(name, self._latest)
            self._turn.notify()

    def _settle(self) -> None:
        while True:
            with self._turn:
                while not self._dirty and not self._stopped:
                    self._turn.wait()
                if self._stopped:
                    return
                due = min(self._latest + self._quiet, min(self._dirty.values()) + self._longest)
                left = due - time.monotonic()
                if left > 0:
                    self._turn.wait(left)
                    continue
                names = set(self._dirty)
                self._dirty.clear()
            self._moved(names)


class Poll:
    """Compares live databases with what they were, for a watch may die without a word. Nothing of them is read."""

    def __init__(self, live: Mapping[str, Sequence[Path]], *, after: Poll | None = None) -> None:
        """`live` are the databases of each source that others write at any time; what changed since `after` is told."""
        self._live = live
        known = {} if after is None else after._before
        self._before: dict[str, tuple[object, ...]] = {name: known.get(name) or self._look(name) for name in live}

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, name: object) -> bool:
        return name in self._live

    def moved(self) -> set[str]:
        """The sources whose databases differ from the last time they were looked at; some microseconds each."""
        now = {name: self._look(name) for name in self._live}
        moved = {name for name, seen in now.items() if seen != self._before[name]}
        self._before = now
        return moved

    def _look(self, name: str) -> tuple[object, ...]:
        return tuple(state(path) for path in self._live[name])


class _Folder(FileSystemEventHandler):
    """Passes on that something changed in one folder; reading a file is no change.

    `listeners` are names of sources, each with the beginning of the file names that count for it: companions of a file
    have names that begin with its own (`chat.db-wal`).
    """

    def __init__(self, heard: Callable[[str], None], listeners: frozenset[tuple[str, str]]) -> None:
        self.listeners = listeners
        self._tell = heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent):
            return
        touched = [Path(os.fsdecode(path)).name for path in (event.src_path, event.dest_path) if path]
        for name in {name for name, file in self.listeners if any(one.startswith(file) for one in touched)}:
            self._tell(name)
