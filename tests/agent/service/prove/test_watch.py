"""Without strace the kernel is asked: real processes that are locked, not locked, or hold an internet socket."""

from __future__ import annotations

import os
import sys

import pytest

from agent.service.prove.watch import Polled, Watched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

LOCKED = "from agent import offline; offline.lock(); import subprocess, sys, time; "
STAY = "time.sleep(0.4)"


def watched(program: str) -> Polled:
    """What is told of a process that runs to its end, with all that it starts."""
    watch = Watched(os.environ)
    process = watch.start([sys.executable, "-c", program])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    return watch.seen()


def test_a_locked_process_and_its_child_are_seen_to_be_locked() -> None:
    child = f"subprocess.run([sys.executable, '-S', '-c', 'import time; {STAY}'])"
    seen = watched(LOCKED + child)
    assert (seen.processes, seen.locked) == (2, 2)
    assert seen.unlocked == []
    assert seen.attempts == []


def test_a_process_that_is_never_locked_is_found_out() -> None:
    seen = watched("import time\nwhile time.process_time() < 1: pass")
    assert seen.locked == 0
    assert len(seen.unlocked) == 1
    assert "python" in seen.unlocked[0]


def test_a_process_that_ends_at_once_is_no_reproach() -> None:
    assert watched("pass").unlocked == []


@pytest.mark.parametrize(("family", "table"), [("AF_INET", "udp"), ("AF_NETLINK", "netlink")])
def test_an_internet_socket_is_found_out(family: str, table: str) -> None:
    kind = "SOCK_DGRAM" if family == "AF_INET" else "SOCK_RAW"
    bind = "s.bind(('127.0.0.1', 0))" if family == "AF_INET" else "s.bind((0, 0))"
    program = f"import socket, time; s = socket.socket(socket.{family}, socket.{kind}); {bind}; {STAY}"
    seen = watched(program)
    assert seen.attempts
    assert all(line.endswith(f"holds a socket of /proc/net/{table}") for line in seen.attempts)


def test_a_unix_socket_is_none() -> None:
    assert watched(f"import socket, time; s = socket.socketpair(); {STAY}").attempts == []
