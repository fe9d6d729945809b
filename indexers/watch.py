"""Names the sources whose files moved, by events and by polling. A hint, never the truth: a scan decides what changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from watchdog.events import FileClosedNoWriteEvent, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from indexers.readers.containers.sqlite import state

QUIET = 1.5
"""Seconds without an event after which a change is told."""
LONGEST = 10.0
"""Seconds after which it is told even when events go on."""


class Watch:
    """Watches the roots of sources and tells the names of those in which something happened.

    A root that is a file is watched through its folder, for databases and exports are replaced and have companions
    (`-wal`). A root that does not exist is left to the hourly scan.
    """

    def __init__(
        self,
        roots: Mapping[str, Sequence[Path]],
        moved: Callable[[set[str]], None],
        *,
        quiet: float = QUIET,
        longest: float = LONGEST,
    ) -> None:
        self._roots = roots
        self._moved = moved
        self._quiet = quiet
        self._longest = longest
        self._turn = threading.Condition()
        self._dirty: dict[str, float] = {}
        self._latest = 0.0
        self._stopped = False
        self._observer = Observer()
        self._thread = threading.Thread(target=self._settle, name="watch", daemon=True)

    def start(self) -> None:
        """Begin. A folder that cannot be watched (too many, no permission) is left to the hourly scan."""
        self._observer.start()  # first: only then does `schedule` itself say that a folder cannot be watched
        for name, paths in self._roots.items():
            for path in paths:
                folder, file = (path, "") if path.is_dir() else (path.parent, path.name)
                try:
                    self._observer.schedule(_Named(name, file, self._heard), str(folder), recursive=not file)
                except OSError:
                    continue
        self._thread.start()

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


class _Named(FileSystemEventHandler):
    """Passes on that something changed under one source; reading a file is no change.

    With `file` only it and its companions count, whose names begin with its own (`chat.db-wal`).
    """

    def __init__(self, name: str, file: str, heard: Callable[[str], None]) -> None:
        self._name = name
        self._file = file
        self._tell = heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent):
            return
        touched = (os.fsdecode(event.src_path), os.fsdecode(event.dest_path))
        if any(Path(path).name.startswith(self._file) for path in touched if path):
            self._tell(self._name)
