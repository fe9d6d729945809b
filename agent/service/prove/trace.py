"""Reads what strace saw: which process made which socket, and whether it had locked itself before."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*)$")
_RESULT = re.compile(r"=\s+(-?\d+|\?)(?:\s+([A-Z]+))?[^=]*$")
CALLS = "network,seccomp,execve,clone,clone3,fork,vfork"
_STARTS = ("clone", "clone3", "fork", "vfork")
_UNIX = ("AF_UNIX", "AF_LOCAL")


@dataclass(slots=True, kw_only=True)
class Seen:
    """What all processes of one traced command did. `attempts` and `early` are lines of the trace: both must be empty."""

    processes: int = 0
    locks: int = 0
    self_tests: int = 0
    unix_sockets: int = 0
    attempts: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        self.processes += other.processes
        self.locks += other.locks
        self.self_tests += other.self_tests
        self.unix_sockets += other.unix_sockets
        self.attempts += other.attempts
        self.early += other.early


def read(lines: Iterable[str]) -> Seen:
    """Judge the trace of one command and all that it started, by the calls of CALLS.

    Until its first process has locked itself it may start no other and make no socket at all; what it starts later
    inherits the lock. A lock is followed by its own test: one IPv4 and one IPv6 datagram socket in the same thread, both
    refused by the system. Any other socket that is not a UNIX socket is an attempt, refused or not.
    """
    seen = Seen()
    testing: dict[str, list[str]] = {}
    pending: dict[str, str] = {}
    for line in lines:
        whole = _whole(line, pending)
        if whole is None:
            continue
        thread, call, rest = whole
        result = _RESULT.search(rest)
        value, error = (result[1], result[2] or "") if result else ("?", "")
        if call == "execve":
            seen.processes += value == "0"
        elif call == "seccomp":
            if "SECCOMP_SET_MODE_FILTER" in rest and value == "0":
                seen.locks += 1
                testing[thread] = ["AF_INET6", "AF_INET"]
        elif call in _STARTS:
            if not seen.locks and "CLONE_THREAD" not in rest:
                seen.early.append(line.strip())
        elif call in ("socket", "socketpair"):
            family = rest.split(",")[0].strip()
            if not seen.locks:
                seen.early.append(line.strip())
            if family in _UNIX:
                seen.unix_sockets += call == "socket"
            elif testing.get(thread, [])[-1:] == [family] and "SOCK_DGRAM" in rest and error == "EAFNOSUPPORT":
                testing[thread].pop()
                seen.self_tests += 1
            else:
                seen.attempts.append(line.strip())
    return seen


def _whole(line: str, pending: dict[str, str]) -> tuple[str, str, str] | None:
    """A call with its result: strace cuts one in two when another thread runs in between."""
    resumed = _RESUMED.match(line)
    if resumed:
        return resumed[1], resumed[2], pending.pop(resumed[1], "") + resumed[3]
    begun = _CALL.match(line)
    if begun is None:
        return None
    if line.rstrip().endswith("<unfinished ...>"):
        pending[begun[1]] = begun[3].replace("<unfinished ...>", "")
        return None
    return begun[1], begun[2], begun[3]
