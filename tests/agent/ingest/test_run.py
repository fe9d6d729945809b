"""A pass brings the store up to date, and wherever it is cut short the next one ends in the same place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.errors import StoreError
from agent.ingest import run as module
from agent.ingest.run import PassReport, Progress, Workshop, run
from agent.store.database import Database
from agent.store.keys import CompartmentKey
from agent.store.reading.inventory import Inventory
from agent.store.store import Store

Pass = Callable[..., PassReport]
Contents = Callable[[Store], object]


def write(source: SourceConfig, **files: str) -> None:
    for name, text in files.items():
        (source.path / f"{name}.txt").write_text(text)


def texts(store: Store) -> list[str]:
    return [
        text
        for (text,) in store.database.rows(
            "SELECT text FROM chunk JOIN item ON item.id = chunk.item WHERE live = 1 ORDER BY key, seq"
        )
    ]


def outcomes(report: PassReport) -> list[str]:
    return [skip.outcome for skip in report.skipped]


def test_a_second_pass_has_nothing_to_do(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="say one\nsay two", b="say three")
    first = index()
    assert (first.items, first.records, first.unchanged, first.problem) == (2, 3, 0, "")
    changes = shop.store.changes
    again = index()
    assert (again.items, again.records, again.unchanged, again.skipped) == (0, 0, 2, [])
    assert texts(shop.store) == ["one", "two", "three"]
    assert shop.store.changes == changes  # nothing has to be looked up anew
    [state] = Inventory(shop.store.database).states()
    assert state.finished == 1_700_000_000.0


def test_edits_deletions_and_moves_are_followed(
    wild: SourceConfig, shop: Workshop, index: Pass, contents: Contents
) -> None:
    write(wild, a="say one", b="say two", c="say three", d="say four")
    index()
    write(wild, a="say one, edited")
    (wild.path / "b.txt").unlink()
    (wild.path / "c.txt").rename(wild.path / "moved.txt")
    report = index()
    assert (report.items, report.forgotten, report.moved, report.unchanged) == (1, 1, 1, 1)
    assert texts(shop.store) == ["one, edited", "four", "three"]
    assert {Path(key).stem for key in shop.store.items(1)} == {"a", "d", "moved"}


def test_an_import_forgets_nothing(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    kept = replace(wild, options={"mirror": False})
    write(wild, a="say one", b="say two")
    index(kept)
    (wild.path / "a.txt").unlink()
    report = index(kept)
    assert (report.forgotten, texts(shop.store)) == (0, ["one", "two"])


def test_an_unavailable_source_forgets_nothing_and_says_why(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="say one")
    index()
    wild.path.rename(wild.path.with_name("away"))
    report = index()
    assert "there is nothing at" in report.problem
    assert outcomes(report) == ["no_permission"]
    assert texts(shop.store) == ["one"]
    assert Inventory(shop.store.database).states()[0].problem == report.problem
    wild.path.with_name("away").rename(wild.path)
    report = index()
    assert (report.problem, report.unchanged) == ("", 1)
    assert Inventory(shop.store.database).states()[0].problem == ""


def test_a_scan_that_breaks_in_the_middle_forgets_nothing(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="say one", z="say last")
    index()
    (wild.path / "scan-breaks.txt").touch()
    report = index()
    assert "RuntimeError" in report.problem
    assert report.forgotten == 0
    assert texts(shop.store) == ["one", "last"]


def test_a_folder_that_could_not_be_looked_at_keeps_what_is_known_of_it(
    wild: SourceConfig, shop: Workshop, index: Pass
) -> None:
    (wild.path / "in").mkdir()
    (wild.path / "inside").mkdir()
    write(wild, **{"in/a": "say one", "inside/b": "say two"})
    index()
    (wild.path / "in" / "a.txt").rename(wild.path / "in" / "unseen.txt")
    (wild.path / "inside" / "b.txt").unlink()
    report = index()
    assert report.forgotten == 1
    assert outcomes(report) == ["no_permission"]
    assert texts(shop.store) == ["one"]


def test_a_bad_file_is_not_read_again_until_it_changes(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="skip malformed", b="fail other", c="say fine")
    first = index()
    assert (first.items, outcomes(first)) == (3, ["malformed", "malformed"])
    again = index()
    assert (again.items, again.unchanged) == (0, 3)
    [state] = Inventory(shop.store.database).states()
    assert len(state.skipped) == 2  # still told
    write(wild, b="say mended")
    assert index().items == 1
    [state] = Inventory(shop.store.database).states()
    assert [Path(skip.where).stem for skip in state.skipped] == ["a"]


@pytest.mark.parametrize(
    "verb", ["fail denied", "fail vanished", "skip no_permission", "skip vanished", "skip timed_out"]
)
def test_what_cannot_be_read_now_is_tried_again(verb: str, wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a=f"say half\n{verb}", b="say fine")
    index()
    again = index()
    assert again.unchanged == 1  # "a" did not change, and yet it was tried


@pytest.mark.parametrize(
    "verb", ["fail denied", "fail vanished", "fail other", "skip no_permission", "skip vanished", "crash"]
)
def test_what_is_cut_short_does_not_replace_what_was_whole(
    verb: str, wild: SourceConfig, shop: Workshop, index: Pass
) -> None:
    write(wild, a="say one\nsay two")
    index()
    write(wild, a=f"say one\n{verb}\nsay two\nsay three")
    report = index()
    assert len(report.skipped) == 1
    assert texts(shop.store) == ["one", "two"]
    assert len(Inventory(shop.store.database).states()[0].skipped) == 1
    write(wild, a="say one\nsay two\nsay three")
    report = index()
    assert (report.items, report.skipped, texts(shop.store)) == (1, [], ["one", "two", "three"])
    assert Inventory(shop.store.database).states()[0].skipped == ()


def test_a_file_that_became_bad_says_so_and_its_old_text_goes(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="say one")
    index()
    write(wild, a="skip encrypted")
    assert outcomes(index()) == ["encrypted"]
    assert texts(shop.store) == []


def test_many_reasons_of_one_item_are_counted_together(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    write(wild, a="\n".join(["skip /line malformed"] * 1000))
    report = index()
    assert len(report.skipped) <= 201
    assert sum(skip.count for skip in report.skipped) == 1000


def test_a_big_item_is_staged_in_batches(
    wild: SourceConfig, shop: Workshop, index: Pass, monkeypatch: pytest.MonkeyPatch, contents: Contents
) -> None:
    write(wild, a="many 250")
    index()
    whole = contents(shop.store)
    monkeypatch.setattr(module, "_RECORDS_AT_ONCE", 40)
    other = Workshop(store=Store.in_memory(), model="m", count=shop.count, zone=UTC, clock=shop.clock)
    staged: list[int] = []
    add = Store.add_chunks

    def watched(self: Store, item: int, chunks: list[object], *rest: object, **more: object) -> None:
        staged.append(len(chunks))
        add(self, item, chunks, *rest, **more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Store, "add_chunks", watched)
    index(shop=other)
    assert len(staged) == 7
    assert contents(other.store) == whole
    other.store.close()


def test_long_texts_are_not_all_held_at_once(
    wild: SourceConfig, shop: Workshop, index: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TEXT_AT_ONCE", 150_000)
    flushed: list[int] = []
    flush = module._Draft._flush

    def watched(self: module._Draft) -> None:
        flushed.append(len(self._records))
        flush(self)

    monkeypatch.setattr(module._Draft, "_flush", watched)
    write(wild, a="big 6")
    assert index().records == 6
    assert max(flushed) <= 2


def test_a_source_that_goes_away_in_the_middle_keeps_whole_items(
    wild: SourceConfig, shop: Workshop, index: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECORDS_AT_ONCE", 10)
    write(wild, a="many 25", b="many 25\nfail unavailable", c="say later")
    report = index()
    assert report.problem
    assert (report.items, report.records) == (1, 25)
    assert len(texts(shop.store)) == 25
    assert shop.store.database.value("SELECT count(*) FROM item") == 1
    write(wild, b="say better")
    assert index().items == 2


def test_a_pass_ends_when_it_is_asked_to(wild: SourceConfig, shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    write(wild, **{f"n{number:02}": "many 30" for number in range(20)})
    asked: list[int] = []

    def going() -> bool:
        asked.append(1)
        return len(asked) < 200

    report = run(wild, replace(shop, going=going), progress=lambda _: None)
    assert "stopped" in report.problem
    assert 0 < report.items < 20
    assert shop.store.database.value("SELECT count(*) FROM item WHERE live = 0") == 0
    assert len(texts(shop.store)) == 30 * report.items
    rest = run(wild, shop, progress=lambda _: None)
    assert (rest.items + report.items, rest.problem) == (20, "")


def test_an_interruption_leaves_nothing_half(wild: SourceConfig, shop: Workshop) -> None:
    write(wild, **{f"n{number:02}": "many 30" for number in range(5)})
    seen: list[Progress] = []

    def interrupted() -> bool:
        if len(seen) > 60:
            raise KeyboardInterrupt
        seen.append(Progress(source="", phase="", done=0, total=0, records=0))
        return True

    with pytest.raises(KeyboardInterrupt):
        run(wild, replace(shop, going=interrupted), progress=lambda _: None)
    assert shop.store.database.value("SELECT count(*) FROM item WHERE live = 0") == 0
    report = run(wild, shop, progress=lambda _: None)
    assert len(texts(shop.store)) == 150
    assert report.problem == ""


def test_a_full_disk_ends_the_pass_and_the_next_one_mends_it(
    wild: SourceConfig, shop: Workshop, index: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECORDS_AT_ONCE", 10)
    write(wild, a="many 25", b="many 25", c="say three")
    publish = Store.publish
    published: list[int] = []

    def full(self: Store, item: int, **rest: object) -> None:
        published.append(item)
        if len(published) == 2:
            raise StoreError("The disk is full; nothing of this step was stored.", remedy="Free some space.")
        publish(self, item, **rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Store, "publish", full)
    with pytest.raises(StoreError, match="disk is full"):
        index()
    assert texts(shop.store) == []  # one transaction held all of them
    assert shop.store.database.value("SELECT count(*) FROM item") == 0
    report = index()
    assert (report.items, len(texts(shop.store))) == (3, 51)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_really_full_disk_leaves_the_store_usable(
    wild: SourceConfig, shop: Workshop, index: Pass, small_disk: Path
) -> None:
    key = CompartmentKey(bytes(32))
    store = Store.open(small_disk / "store.db", key, create=True)
    tight = replace(shop, store=store)
    write(wild, a="say small")
    index(shop=tight)
    write(wild, b="many 60000")
    with pytest.raises(StoreError) as caught:
        index(shop=tight)
    assert caught.value.remedy
    assert texts(store) == ["small"]
    (wild.path / "b.txt").unlink()
    write(wild, c="say still works")
    report = index(shop=tight)
    assert (report.items, report.problem) == (1, "")
    assert texts(store) == ["small", "still works"]
    store.close()
    again = Store.open(small_disk / "store.db", key)
    assert texts(again) == ["small", "still works"]
    assert again.database.check() == []
    again.close()


def test_a_name_of_another_kind_is_left_alone(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    shop.store.source("wild", "mail")
    write(wild, a="say one")
    assert "kind mail" in index().problem
    assert texts(shop.store) == []


_DAEMON = """
import sys
sys.executable = sys.argv[1]
from datetime import UTC
from pathlib import Path
from agent.config import SourceConfig
from agent.ingest import run as module
from agent.store.keys import CompartmentKey
from agent.store.store import Store
module._RECORDS_AT_ONCE = 50
store = Store.open(Path(sys.argv[3]), CompartmentKey(bytes(32)))
shop = module.Workshop(store=store, model="m", count=lambda text: len(text.split()), zone=UTC, clock=lambda: 1.7e9)
flush = module._Draft._flush
def told(draft):
    flush(draft)
    print("staged", flush=True)
module._Draft._flush = told
module.run(SourceConfig(name="wild", kind="wild", path=Path(sys.argv[2])), shop, progress=lambda _: None)
print("done", flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle_of_a_big_item_the_next_pass_equals_a_fresh_index(
    after: int, sent: int, wild: SourceConfig, shop: Workshop, index: Pass, contents: Contents, interpreter: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write(wild, a="say one", b="many 2000", c="say three")
    key = CompartmentKey(bytes(32))
    fresh = Store(Database.in_memory(), key.use("ids"))
    index(shop=replace(shop, store=fresh))
    path = tmp_path / "store.db"
    Store.open(path, key, create=True).close()
    monkeypatch.undo()  # the daemon is a real Python
    daemon = subprocess.Popen(
        [sys.executable, "-c", _DAEMON, interpreter, wild.path, path], stdout=subprocess.PIPE, text=True
    )
    assert daemon.stdout is not None
    for _ in range(after):
        assert daemon.stdout.readline().strip() == "staged"
    if not after:
        time.sleep(0.3)
    daemon.send_signal(sent)
    daemon.wait()
    rest = daemon.stdout.read()
    daemon.stdout.close()
    assert "done" not in rest
    monkeypatch.setattr(sys, "executable", str(interpreter))
    store = Store.open(path, key)
    assert store.database.value("SELECT count(*) FROM item WHERE live = 0") == 0
    index(shop=replace(shop, store=store))
    assert contents(store) == contents(fresh)
    fresh.close()
    store.close()


def test_a_source_that_asks_is_told_what_was_read_before(wild: SourceConfig, shop: Workshop, index: Pass) -> None:
    asking = replace(wild, options={"asks": True, "mirror": False})
    write(wild, a="say one", b="say two")

    def told() -> str:
        (skip,) = index(asking).skipped
        return skip.why

    keys = [str(wild.path / f"{name}.txt") for name in "ab"]
    assert told() == "nothing"
    (wild.path / "a.txt").unlink()
    assert told() == " ".join(keys)
    write(wild, c="say three")
    assert told() == " ".join(keys)
