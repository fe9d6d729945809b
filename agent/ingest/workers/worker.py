"""The daemon's side of a worker: starts it, asks it, and ends it when it hangs, grows or dies."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from math import inf
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import IO

import msgspec

from agent.config import SourceConfig
from agent.ingest.workers.frame import BrokenFrame, Done, Gone, Opened, Refused, Roots, Sent, frames
from indexers.record import Record, Skipped
from indexers.source import Item, SourceUnavailable

PATIENCE = 90.0
"""Seconds without a frame after which a worker is taken to hang."""
RECYCLE = 5000
"""Items after which a worker is replaced: what a parser leaks ends with it."""

MEMORY = (1 << 30) + (128 << 20)
"""Resident bytes at which a worker is ended: where the system holds it to no limit of its own, it ends here."""

GROUP = 64
"""Items asked for at once: a round trip for each would cost more than many of them."""

_BUFFER = 1 << 18
"""Bytes of frames taken from the pipe at once: a worker that waits for room works slower."""

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin", "LC_ALL": "C.UTF-8"}


class Worker:
    """One configured source, living in locked child processes that come and go. Not for several threads at once."""

    def __init__(self, config: SourceConfig, *, patience: float = PATIENCE, memory: int = MEMORY) -> None:
        self.config = config
        self._patience = patience
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: Iterator[Sent] = iter(())
        self._opened: Opened | None = None
        self._served = 0
        self._late = False
        self._waiting_since = inf
        self._asked = threading.Event()
        self.mirror = True
        """Whether what vanishes is forgotten; known once the source has answered anything."""
        self.settled = False
        """For the caller to set once it has stored what the last scan told: the next then tells only what differs."""
        self.whole = True
        """Whether the last scan told all that exists."""

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def lasting(self) -> bool:
        """Whether it is worth keeping for the next pass: it runs, and its source is one that others write at any time."""
        running = self._process is not None and self._process.poll() is None
        return running and self._opened is not None and self._opened.live

    def usual(self) -> str:
        """Where this kind of source usually lies ("~" unexpanded), "" when it does not say. Raises SourceUnavailable."""
        process = self._start(path="")
        try:
            for sent in self._received():
                if isinstance(sent, Opened):
                    return sent.usual
                if isinstance(sent, Refused):
                    raise SourceUnavailable(sent.why)
        finally:
            self.close()
        raise SourceUnavailable(f"its worker ended with status {process.returncode}")

    def roots(self) -> Roots:
        """The paths to watch and the databases to poll. Raises SourceUnavailable."""
        for sent in self._ask({"op": "roots"}):
            if isinstance(sent, Roots):
                return sent
        raise SourceUnavailable("its worker died while it was asked where to look")

    def scan(self, *, known: Callable[[], Mapping[str, str]] = dict) -> Iterator[Item | Gone | Skipped]:
        """What exists now, or, once `settled`, what differs from the scan before; `whole` then says which of the two.

        A source that asks for it is told the fingerprints of the items `known` from earlier passes, by id. Raises
        SourceUnavailable when the source or its worker cannot go on: then forget nothing.
        """
        command: dict[str, object] = {"op": "scan"}
        if self._asks():
            command["known"] = known()
        command["differences"], self.settled = self.settled, False
        for sent in self._ask(command):
            if isinstance(sent, Done):
                self.whole = not sent.cut
                return
            if isinstance(sent, Item | Gone | Skipped):
                yield sent
        raise SourceUnavailable(f"its worker {'hung' if self._late else 'died'} while it looked")

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Record | Skipped | Done]]:
        """The contents of items, each closed by a Done. A worker that dies on an item is tried once more from there.

        Raises SourceUnavailable when the source as a whole goes away.
        """
        todo, tried = deque(items), ""
        while todo:
            group = list(islice(todo, GROUP))
            begun = False
            for sent in self._ask({"op": "read", "items": group}, answers=len(group)):
                if isinstance(sent, Item | Gone | Roots | Refused | Opened):
                    continue
                begun = not isinstance(sent, Done)
                yield todo[0], sent
                if not begun:
                    todo.popleft()
                    self._served += 1
            if self._process is None and todo:  # it died, or was ended, on the first item that is left
                if begun or self._late or tried == todo[0].id:
                    yield todo[0], _casualty(todo[0], late=self._late)
                    yield todo[0], Done(item=todo[0].id, cut=True)
                    todo.popleft()
                else:
                    tried = todo[0].id
            elif self._served >= RECYCLE:
                self.close()

    def _asks(self) -> bool:
        """Whether the source wants to be told what was read before: it says so when it is made."""
        self._start()
        self._late = False
        while self._opened is None:
            sent = next(self._received(), None)
            if isinstance(sent, Opened):
                self._opened = sent
                self.mirror = sent.mirror
            elif sent is None or isinstance(sent, Refused):
                late = self._late
                self.close()
                how = f"its worker {'hung' if late else 'died'} while it was made"
                raise SourceUnavailable(sent.why if sent is not None else how)
        return self._opened.asks

    def _ask(self, command: dict[str, object], *, answers: int = 1) -> Iterator[Sent]:
        """Send one command; yields what comes until all answers are whole, or the worker hangs or dies."""
        process = self._start()
        assert process.stdin is not None
        self._late = False
        self._asked.set()
        _say(process.stdin, command)
        for sent in self._received():
            if isinstance(sent, Refused):
                self.close()
                raise SourceUnavailable(sent.why)
            if isinstance(sent, Opened):
                self._opened = sent
                self.mirror = sent.mirror
                continue
            answers -= isinstance(sent, Done | Roots)
            if not answers:
                self._asked.clear()
            yield sent
            if not answers:
                return
        self.close()

    def _received(self) -> Iterator[Sent]:
        """What the worker sends; ends when it dies, and when it stays silent for too long while we wait."""
        while True:
            self._waiting_since = monotonic()
            try:
                sent = next(self._stream, None)
            except BrokenFrame:
                return
            finally:
                self._waiting_since = inf
            if sent is None:
                return
            yield sent

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that hangs or grows. One that nobody asks anything does neither, and is not looked at."""
        while process.poll() is None:
            self._asked.wait()
            if monotonic() - self._waiting_since > self._patience:
                self._late = True
                _end(process)
            elif resident(process.pid) > self._memory:
                _end(process)
            sleep(min(0.5, self._patience / 4))

    def _start(self, *, path: str | None = None) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "agent.ingest.workers.child"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT, cwd="/", start_new_session=True, bufsize=_BUFFER,
            )  # fmt: skip
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            opening = {
                "kind": self.config.kind,
                "name": self.config.name,
                "path": os.fspath(self.config.path) if path is None else path,
                "options": dict(self.config.options),
            }
            _say(self._process.stdin, opening)
            self._stream = frames(self._process.stdout)
            self._opened = None
            self._served = 0
            self.settled = False
            self._asked.set()
            threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        return self._process

    def close(self) -> None:
        """End the process, at once; nothing of it is kept."""
        if self._process is None:
            return
        process, self._process = self._process, None
        _end(process)
        self._asked.set()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        process.wait()


def _say(pipe: IO[bytes], message: Mapping[str, object]) -> None:
    with suppress(BrokenPipeError):  # it said why before it went: read on
        pipe.write(msgspec.json.encode(message) + b"\n")
        pipe.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker with all that it started: it leads a session of its own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has just gone
            return


def resident(pid: int) -> int:
    """The bytes of memory that a process holds now, 0 when it is gone. By `ps` on macOS (unverified there)."""
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            return 0
    told = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(told.stdout.strip() or 0) * 1024


def _casualty(item: Item, *, late: bool) -> Skipped:
    if late:
        return Skipped(where=item.id, why="reading it took too long", outcome="timed_out")
    return Skipped(where=item.id, why="its reader crashed or used too much", outcome="malformed")
