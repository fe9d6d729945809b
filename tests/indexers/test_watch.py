"""Real events become the names of sources, told once things are quiet."""

from __future__ import annotations

import os
import queue
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver

from indexers.watch import Poll, Watch

QUIET, LONGEST = 0.2, 1.0

Told = queue.Queue[tuple[float, set[str]]]
Started = Callable[..., Told]


@pytest.fixture
def started() -> Iterator[Started]:
    """Start a watch over roots; returns what it tells, with the moment."""
    made: list[Watch] = []

    def start(**roots: list[Path]) -> Told:
        told: Told = queue.Queue()
        watch = Watch(lambda names: told.put((time.monotonic(), names)), quiet=QUIET, longest=LONGEST)
        made.append(watch)
        watch.start()
        watch.follow(roots)
        return told

    yield start
    for watch in made:
        watch.stop()


def names(told: Told, *, within: float = 5.0) -> set[str]:
    return told.get(timeout=within)[1]


def silent(told: Told, *, seconds: float = 0.8) -> bool:
    try:
        told.get(timeout=seconds)
    except queue.Empty:
        return True
    return False


@pytest.mark.parametrize("change", ["new", "edit", "delete", "rename", "deep"])
def test_a_change_names_its_source_only(change: str, tmp_path: Path, started: Started) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "in").mkdir(parents=True)
    other.mkdir()
    (one / "old").write_text("x")
    told = started(notes=[one], mail=[other])
    match change:
        case "new":
            (one / "new").write_text("y")
        case "edit":
            (one / "old").write_text("y")
        case "delete":
            (one / "old").unlink()
        case "rename":
            (one / "old").rename(one / "moved")
        case "deep":
            (one / "in" / "new").write_text("y")
    assert names(told) == {"notes"}
    assert silent(told)


def test_reading_is_no_change(tmp_path: Path, started: Started) -> None:
    (tmp_path / "old").write_text("x")
    told = started(notes=[tmp_path])
    (tmp_path / "old").read_text()
    list(tmp_path.iterdir())
    assert silent(told)


def test_many_events_are_told_once_it_is_quiet(tmp_path: Path, started: Started) -> None:
    told = started(notes=[tmp_path])
    for number in range(40):
        (tmp_path / f"{number % 7}").write_text("y" * number)
    last = time.monotonic()
    moment, found = told.get(timeout=5)
    assert found == {"notes"}
    assert moment - last >= QUIET * 0.5
    assert silent(told)


def test_events_that_go_on_are_told_all_the_same(tmp_path: Path, started: Started) -> None:
    told = started(notes=[tmp_path])
    began = time.monotonic()
    while told.empty() and time.monotonic() - began < 8:
        (tmp_path / "busy").write_text("y")
        time.sleep(0.05)
    moment, found = told.get_nowait()
    assert found == {"notes"}
    assert moment - began >= LONGEST * 0.8


def test_two_sources_that_change_together_are_told_together(tmp_path: Path, started: Started) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    told = started(notes=[tmp_path / "a"], mail=[tmp_path / "b"], both=[tmp_path / "a", tmp_path / "b"])
    (tmp_path / "a" / "new").write_text("y")
    (tmp_path / "b" / "new").write_text("y")
    assert names(told) == {"notes", "mail", "both"}


def test_a_file_is_watched_with_its_companions_and_its_replacement(tmp_path: Path, started: Started) -> None:
    database = tmp_path / "chat.db"
    database.write_text("x")
    told = started(messages=[database])
    (tmp_path / "chat.db-wal").write_text("y")
    assert names(told) == {"messages"}
    (tmp_path / "fresh").write_text("y")
    assert silent(told)
    (tmp_path / "fresh").rename(database)
    assert names(told) == {"messages"}
    (tmp_path / "another file").write_text("y")
    assert silent(told)


def test_a_root_that_cannot_be_watched_leaves_the_others_watched(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = BaseObserver.schedule

    def limited(self: BaseObserver, handler: object, path: str, **rest: object) -> object:
        if path.endswith("full"):
            raise OSError(28, "inotify watch limit reached")
        return schedule(self, handler, path, **rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(BaseObserver, "schedule", limited)
    (tmp_path / "full").mkdir()
    (tmp_path / "ok").mkdir()
    told = started(one=[tmp_path / "full"], gone=[tmp_path / "missing" / "deep" / "file"], two=[tmp_path / "ok"])
    (tmp_path / "ok" / "new").write_text("y")
    assert names(told) == {"two"}


def test_stopping_ends_the_watch(tmp_path: Path) -> None:
    told: Told = queue.Queue()
    watch = Watch(lambda found: told.put((0.0, found)), quiet=0.05)
    watch.start()
    watch.follow({"notes": [tmp_path]})
    watch.stop()
    watch.stop()
    (tmp_path / "new").write_text("y")
    assert silent(told, seconds=0.4)


def test_a_watch_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    Watch(lambda _: None).stop()


@pytest.fixture
def following() -> Iterator[tuple[Watch, Told]]:
    told: Told = queue.Queue()
    watch = Watch(lambda found: told.put((time.monotonic(), found)), quiet=QUIET, longest=LONGEST)
    watch.start()
    yield watch, told
    watch.stop()


def folders(under: Path, *wanted: str) -> list[Path]:
    for name in wanted:
        (under / name).mkdir()
    return [under / name for name in wanted]


def test_following_others_tells_which_are_watched_anew(tmp_path: Path, following: tuple[Watch, Told]) -> None:
    watch, told = following
    one, two, three = folders(tmp_path, "one", "two", "three")
    assert watch.follow({"notes": [one], "mail": [two]}) == {"notes", "mail"}
    assert watch.follow({"notes": [one], "mail": [two]}) == set()
    assert watch.follow({"notes": [one], "also": [one], "mail": [three]}) == {"also", "mail"}
    (two / "new").write_text("y")
    assert silent(told), "nobody follows it any more"
    (one / "new").write_text("y")
    assert names(told) == {"notes", "also"}


def test_what_stays_watched_misses_nothing_while_others_are_followed(
    tmp_path: Path, following: tuple[Watch, Told]
) -> None:
    watch, told = following
    one, *others = folders(tmp_path, "one", *"abcdefgh")
    watch.follow({"notes": [one]})
    for turn, other in enumerate(others):
        (one / f"{turn}").write_text("y")
        watch.follow({"notes": [one], "other": [other]})
    assert "notes" in names(told)


def test_a_folder_in_another_ones_place_is_watched_once_it_is_followed(
    tmp_path: Path, following: tuple[Watch, Told]
) -> None:
    watch, told = following
    one, other = folders(tmp_path, "one", "other")
    roots = {"notes": [one], "mail": [other]}
    watch.follow(roots)
    assert watch.shifted() == set()
    one.rename(tmp_path / "away")
    assert watch.shifted() == {"notes"}
    assert watch.follow(roots) == {"notes"}  # its parent, until it is there again
    one.mkdir()
    assert watch.shifted() == {"notes"}
    assert watch.follow(roots) == {"notes"}
    while not told.empty():
        told.get()
    (one / "new").write_text("y")
    assert names(told) == {"notes"}
    assert watch.shifted() == set()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a volume")
def test_a_volume_that_comes_and_goes_shifts_the_ground(tmp_path: Path, following: tuple[Watch, Told]) -> None:
    watch, told = following
    (volume,) = folders(tmp_path, "volume")
    watch.follow({"stick": [volume]})
    if subprocess.run(["mount", "-t", "tmpfs", "none", volume], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        assert watch.shifted() == {"stick"}
        watch.follow({"stick": [volume]})
        (volume / "new").write_text("y")
        assert names(told) == {"stick"}
    finally:
        subprocess.run(["umount", "--lazy", volume], check=True)
    assert watch.shifted() == {"stick"}
    watch.follow({"stick": [volume]})


class Written:
    """A database in WAL mode that another connection holds open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.sql.execute("PRAGMA journal_mode = WAL")
        self.sql.execute("CREATE TABLE said(text)")

    def say(self) -> None:
        self.sql.execute("INSERT INTO said VALUES('hello')")


def test_a_poll_tells_of_commits_checkpoints_and_other_files_once(tmp_path: Path) -> None:
    one, other = Written(tmp_path / "chat.db"), Written(tmp_path / "other.db")
    poll = Poll({"one": [one.path], "other": [other.path]})
    assert poll.moved() == set()
    one.say()
    assert poll.moved() == {"one"}
    assert poll.moved() == set()
    with sqlite3.connect(f"file:{one.path}?mode=ro", uri=True) as reader:
        reader.execute("SELECT * FROM said").fetchall()
    assert poll.moved() == set(), "reading is no change"
    other.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert poll.moved() == {"other"}
    other.sql.close()
    other.path.unlink()
    assert poll.moved() == {"other"}
    Written(other.path).sql.close()
    assert poll.moved() == {"other"}
    one.sql.close()


def test_a_poll_that_follows_another_tells_what_changed_in_between(tmp_path: Path) -> None:
    chat = Written(tmp_path / "chat.db")
    before = Poll({"chat": [chat.path]})
    chat.say()
    assert Poll({"chat": [chat.path], "new": []}, after=before).moved() == {"chat"}
    assert not Poll({})
    chat.sql.close()


def test_a_poll_without_news_takes_well_under_a_millisecond(tmp_path: Path) -> None:
    chat = Written(tmp_path / "chat.db")
    poll = Poll({"chat": [chat.path]})
    begun = time.process_time()
    for _ in range(100):
        assert poll.moved() == set()
    assert time.process_time() - begun < 0.5  # 5 ms each, ten times what it takes
    chat.sql.close()
