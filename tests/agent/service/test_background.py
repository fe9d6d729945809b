"""When the daemon looks by itself, apart from events: at once where a pass left work, at the hour, and after a sleep."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.config import Config, SourceConfig
from agent.homebody import Homebody
from agent.ingest.run import PassReport
from agent.service import background
from agent.service.background import Background
from indexers.record import Skipped

Passes = queue.Queue[list[str]]
Reports = Callable[[int], list[PassReport]]


@pytest.fixture(autouse=True)
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "on_battery", lambda: False)


@contextmanager
def running(source: SourceConfig, reports: Reports) -> Iterator[tuple[Background, Passes]]:
    """The background of a home with one source, whose n-th pass ends with these reports; and the names of its passes."""
    passes: Passes = queue.Queue()
    number = count(1)
    config = Config(zone="UTC", sources=(source,))
    home = cast("Homebody", SimpleNamespace(config=config, zone=None, states=lambda: []))

    def index(names: list[str], **_: object) -> list[PassReport]:
        passes.put(names)
        return reports(next(number))

    made = Background(unlocked=lambda: home, index=index)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made, passes
    finally:
        made.stop()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def source(tmp_path: Path) -> SourceConfig:
    return SourceConfig(name="papers", kind="documents", path=tmp_path)


def unfinished(items: int) -> list[PassReport]:
    skip = Skipped(where="scan.pdf", why="is read up to page 9 of 90", outcome="unfinished", reached="9")
    return [PassReport(name="papers", items=items, skipped=[skip])]


def test_what_takes_several_passes_is_gone_on_with_at_once(source: SourceConfig) -> None:
    with running(source, lambda number: unfinished(1) if number < 3 else []) as (_, passes):
        assert [passes.get(timeout=20) for _ in range(3)] == [[], ["papers"], ["papers"]]
        with pytest.raises(queue.Empty):
            passes.get(timeout=1)


def test_what_makes_no_progress_waits(source: SourceConfig) -> None:
    with running(source, lambda _: unfinished(0)) as (_, passes):
        assert passes.get(timeout=20) == []
        with pytest.raises(queue.Empty):
            passes.get(timeout=2)


def test_on_a_battery_it_waits_for_the_hour(source: SourceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "on_battery", lambda: True)
    with running(source, lambda _: unfinished(1)) as (_, passes):
        assert passes.get(timeout=20) == []
        with pytest.raises(queue.Empty):
            passes.get(timeout=2)


def test_everything_is_looked_at_again_and_again(source: SourceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_RECONCILE", timedelta(seconds=0.5))
    with running(source, lambda _: []) as (_, passes):
        assert [passes.get(timeout=20) for _ in range(3)] == [[], [], []]


def test_after_a_sleep_everything_is_looked_at(source: SourceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_GROUND", timedelta(seconds=0.2))
    asleep = threading.Event()

    class Slept:
        def ended(self) -> bool:
            ended = asleep.is_set()
            asleep.clear()
            return ended

    monkeypatch.setattr(background, "Slumber", Slept)
    with running(source, lambda _: []) as (_, passes):
        assert passes.get(timeout=20) == []
        with pytest.raises(queue.Empty):
            passes.get(timeout=1)
        asleep.set()
        assert passes.get(timeout=20) == []
