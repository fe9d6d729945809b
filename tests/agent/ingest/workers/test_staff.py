"""The worker of a live source waits for the next pass, which then looks at what differs; nothing is lost by it."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest

from agent.config import SourceConfig
from agent.ingest.run import PassReport, Workshop, run
from agent.ingest.workers.staff import Staff
from agent.ingest.workers.worker import Worker
from agent.store.store import Store

linux = pytest.mark.skipif(sys.platform != "linux", reason="prlimit")

Turn = Callable[..., tuple[PassReport, Worker]]


@pytest.fixture
def live(wild: SourceConfig) -> SourceConfig:
    return replace(wild, options={"live": True})


@pytest.fixture
def staff() -> Iterator[Staff]:
    staff = Staff()
    yield staff
    staff.dismiss()


@pytest.fixture
def turn(live: SourceConfig, shop: Workshop, staff: Staff) -> Turn:
    """One pass, by a kept worker where there is one; returns the worker, too."""

    def turn(source: SourceConfig = live) -> tuple[PassReport, Worker]:
        workers = []

        @contextmanager
        def watched(config: SourceConfig) -> Iterator[Worker]:
            with staff.worker(config) as worker:
                workers.append(worker)
                yield worker

        return run(source, replace(shop, worker=watched), progress=lambda _: None), workers[0]

    return turn


def write(source: SourceConfig, **files: str) -> None:
    for name, text in files.items():
        (source.path / f"{name}.txt").write_text(text)


def texts(store: Store) -> list[str]:
    return sorted(str(text) for (text,) in store.database.rows("SELECT text FROM chunk"))


def test_the_next_pass_is_told_what_differs(live: SourceConfig, shop: Workshop, turn: Turn) -> None:
    write(live, a="say one", b="say two", c="say three", d="say four")
    first, worker = turn()
    pid = worker.pid
    assert (first.items, worker.whole) == (4, True)
    write(live, a="say one, edited", e="say five")
    (live.path / "b.txt").unlink()
    (live.path / "c.txt").rename(live.path / "moved.txt")
    second, worker = turn()
    assert (worker.pid, worker.whole) == (pid, False)
    assert (second.items, second.forgotten, second.moved, second.unchanged) == (2, 1, 1, 0)
    assert texts(shop.store) == ["five", "four", "one, edited", "three"]
    third, worker = turn()
    assert (worker.pid, third.items, third.forgotten, third.unchanged) == (pid, 0, 0, 0)


def test_the_worker_of_another_source_ends_with_its_pass(wild: SourceConfig, turn: Turn) -> None:
    write(wild, a="say one")
    assert turn(wild)[1].pid is None


@pytest.mark.parametrize("end", ["killed", "dismissed", "configured anew"])
def test_a_new_worker_looks_at_everything(
    end: str, live: SourceConfig, shop: Workshop, turn: Turn, staff: Staff
) -> None:
    write(live, a="say one", b="say two")
    _, worker = turn()
    pid = worker.pid
    assert pid is not None
    if end == "killed":
        os.kill(pid, signal.SIGKILL)
        assert worker._process is not None
        worker._process.wait()
    elif end == "dismissed":
        staff.dismiss()
        assert worker.pid is None
    else:
        live = replace(live, options={"live": True, "other": 1})
    (live.path / "b.txt").unlink()
    report, worker = turn(live)
    assert worker.pid not in (pid, None)
    assert (worker.whole, report.unchanged, report.forgotten, report.problem) == (True, 1, 1, "")
    assert texts(shop.store) == ["one"]


def test_those_of_sources_that_stay_are_not_dismissed(live: SourceConfig, turn: Turn, staff: Staff) -> None:
    _, worker = turn()
    pid = worker.pid
    staff.dismiss(but=[live])
    assert worker.pid == pid
    staff.dismiss(but=[replace(live, paused=True)])
    assert worker.pid is None


def test_after_a_pass_that_left_something_over_all_is_looked_at(live: SourceConfig, shop: Workshop, turn: Turn) -> None:
    write(live, a="say one", b="fail vanished")
    first, _ = turn()
    assert first.due == 1
    write(live, c="say three")
    second, worker = turn()
    assert (worker.whole, second.items, second.unchanged, second.due) == (True, 1, 1, 1)  # b was tried again


def test_after_a_pass_that_broke_off_all_is_looked_at(live: SourceConfig, shop: Workshop, turn: Turn) -> None:
    write(live, a="say one")
    turn()
    write(live, b="say two", c="fail unavailable", d="say four")
    broken, worker = turn()
    assert broken.problem
    assert worker.pid is None
    write(live, c="say three")
    _, worker = turn()
    assert worker.whole
    assert texts(shop.store) == ["four", "one", "three", "two"]


@linux
def test_a_kept_worker_may_look_as_long_as_a_new_one(live: SourceConfig, turn: Turn) -> None:
    """The limit on CPU that the last item left would end it some day."""
    write(live, a="say one")
    _, worker = turn()
    assert worker.pid is not None
    soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_CPU)
    assert soft != hard  # an item was read last
    turn()
    soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_CPU)
    assert soft == hard  # a scan was the last


@pytest.mark.parametrize("seed", range(3))
def test_any_course_of_changes_ends_as_a_fresh_index(seed: int, live: SourceConfig, shop: Workshop, turn: Turn) -> None:
    draw = Random(seed)
    for step in range(12):
        name = draw.choice("abcdef")
        match draw.randrange(4):
            case 0:
                (live.path / f"{name}.txt").unlink(missing_ok=True)
            case 1:
                write(live, **{name: "fail vanished"})
            case 2:
                (live.path / "unseen.txt").unlink(missing_ok=True) if step % 2 else write(live, unseen="")
            case _:
                write(live, **{name: f"say {name} {step}"})
        turn()
    (live.path / "unseen.txt").unlink(missing_ok=True)
    for file in live.path.glob("*.txt"):
        if "vanished" in file.read_text():
            file.write_text("say at last")
    turn()
    fresh = Store.in_memory()
    run(live, replace(shop, store=fresh), progress=lambda _: None)
    assert texts(shop.store) == texts(fresh)
    fresh.close()
