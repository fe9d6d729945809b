"""Runs a command and watches it, with all that it starts, from outside: by strace, else by what /proc tells."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.service.prove import trace

_TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "packet", "netlink")
_OFTEN = 0.02
_GRACE_TICKS = 0.5 * os.sysconf("SC_CLK_TCK")
"""Processor time within which a process must have done its first act, the lock: a busy machine takes none of it away."""
_GRACE_SECONDS = 5.0
"""The same for a process that waits instead, by the clock on the wall."""


@dataclass(slots=True, kw_only=True)
class Polled:
    """What /proc told. `unlocked` and `attempts` must be empty; `closed` counts processes that let nobody look inside."""

    processes: int = 0
    locked: int = 0
    unlocked: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    closed: int = 0


def strace() -> str | None:
    """The path of a strace that may watch here, or None."""
    program = shutil.which("strace") if sys.platform == "linux" else None
    if program is None:
        return None
    tried = subprocess.run([program, "-f", "-o", os.devnull, "true"], capture_output=True, check=False)
    return program if tried.returncode == 0 else None


class Traced:
    """Commands under strace. Every call stops the process: with strace's own filter (--seccomp-bpf) a call that our lock
    refuses would never be seen.
    """

    means = "strace, every call of every process and thread"

    def __init__(self, program: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._program, self._folder, self._environment = program, folder, environment
        self._files: list[Path] = []

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        file = self._folder / f"trace-{len(self._files)}"
        self._files.append(file)
        traced = [self._program, "-f", "-qq", "-s", "0", "-e", f"trace={trace.CALLS}", "-o", str(file), "--", *command]
        return _popen(traced, self._environment)

    def seen(self) -> trace.Seen:
        total = trace.Seen()
        for file in self._files:
            with file.open(errors="replace") as lines:
                total.add(trace.read(lines))
        return total


class Watched:
    """Commands watched through /proc: weaker, for what happens between two looks is not seen."""

    means = "/proc, looked at 50 times a second"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._polled = Polled()
        self._first_seen: dict[int, float] = {}
        self._judged: set[int] = set()
        self._turn = threading.Lock()

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        process = _popen(command, self._environment)
        threading.Thread(target=self._follow, args=(process,), daemon=True).start()
        return process

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            for pid in (process.pid, *_descendants(process.pid)):
                with self._turn, suppress(OSError):  # it ended while we looked
                    self._look(pid)
            time.sleep(_OFTEN)

    def _look(self, pid: int) -> None:
        now = time.monotonic()
        if pid not in self._first_seen:
            self._first_seen[pid] = now
            self._polled.processes += 1
        if pid not in self._judged:
            self._judge(pid, waited=now - self._first_seen[pid])
        try:
            held = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()}
        except PermissionError:
            self._polled.closed += 1
            return
        for table, inode in _internet(pid):
            if f"socket:[{inode}]" in held:
                self._polled.attempts.append(f"process {pid} holds a socket of /proc/net/{table}")

    def _judge(self, pid: int, *, waited: float) -> None:
        """Whether a process is locked, once it is or should be."""
        status = Path(f"/proc/{pid}/status").read_text()
        mode = re.search(r"^Seccomp:\s+(\d)", status, re.MULTILINE)
        if mode and mode[1] == "2":
            self._judged.add(pid)
            self._polled.locked += 1
        elif "State:\tZ" not in status and (waited > _GRACE_SECONDS or _ticks(pid) > _GRACE_TICKS):
            self._judged.add(pid)
            self._polled.unlocked.append(f"process {pid} is not locked: {status.splitlines()[0]}")

    def seen(self) -> Polled:
        return self._polled


def _popen(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd="/",
    )


def _ticks(pid: int) -> int:
    """The processor time that a process took, in clock ticks (proc(5): the 14th and 15th field)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _descendants(root: int) -> Iterator[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(folder.name))
    todo = [root]
    while todo:
        children = parents.get(todo.pop(), [])
        yield from children
        todo += children


def _internet(pid: int) -> Iterator[tuple[str, str]]:
    """Table and inode of every socket that is not a UNIX socket in the process's network namespace."""
    for table in _TABLES:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                yield table, words[{"packet": 8, "netlink": 9}.get(table, 9)]
