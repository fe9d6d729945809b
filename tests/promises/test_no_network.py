"""No network: a whole life indexed and asked under observation makes no try at it, and every try from inside fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.service.prove.watch import strace

PROVE = Path(sys.executable).with_name("homebody-prove")
PROBES = [sys.executable, "-I", "-m", "agent.service.prove.probes"]


def probed(where: str) -> dict[str, str]:
    done = subprocess.run([*PROBES, where], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def proved(*arguments: str) -> tuple[str, dict[str, bool]]:
    done = subprocess.run([PROVE, "--json", *arguments], capture_output=True, check=False, timeout=500)
    assert done.stdout, done.stderr.decode()
    said = json.loads(done.stdout)
    assert set(said) == {"holds", "means", "evidence"}
    assert said["holds"] == all(one["holds"] for one in said["evidence"]) == (done.returncode == 0), said
    return said["means"], {one["claim"]: one["holds"] for one in said["evidence"]}


def test_every_try_from_inside_is_refused_by_the_system() -> None:
    inside = probed("locked")
    assert len(inside) >= 9
    assert [name for name, refused in inside.items() if not refused] == []


def test_the_same_tries_succeed_without_the_lock() -> None:
    possible = [name for name, refused in probed("open").items() if not refused]
    assert {"TCP socket", "UDP socket by the C library", "a program started by it"} <= set(possible)


@pytest.mark.models
@pytest.mark.skipif(strace() is None, reason="there is no strace here, or it may not watch")
def test_a_whole_life_is_indexed_and_asked_without_a_try() -> None:
    means, claims = proved()
    assert means.startswith("strace")
    assert claims["nobody tried to make an internet, netlink or packet socket"]
    assert all(claims.values()), claims


@pytest.mark.models
@pytest.mark.large
def test_without_strace_the_kernel_is_asked() -> None:
    means, claims = proved("--without-strace")
    assert means.startswith("/proc")
    assert all(claims.values()), claims


def test_a_process_of_the_product_does_not_start_unlocked() -> None:
    program = "from agent.service.daemon import Daemon; from agent import config; import os; Daemon(config.places(os.environ))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, env=os.environ)
    assert b"OfflineError" in done.stderr
