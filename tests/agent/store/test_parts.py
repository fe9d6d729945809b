"""Items that are read in several turns: each joins what was told before, and half never replaces whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest

from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.vocabulary import Block, Chunk
from indexers.record import Skipped, marked, parted
from indexers.source import Item

Put = Callable[..., int]
Embed = Callable[[Store], int]


def upto(page: int) -> list[Skipped]:
    return [Skipped(where="/scan", why=f"came to page {page}", outcome="unfinished", reached=str(page))]


def texts(store: Store) -> list[str]:
    """What can be found, in the order of the document."""
    lookup = Lookup(store)
    order = lookup.order()
    return [passage.text for passage in lookup.passages(order.chunk.tolist(), {}, zone=UTC)]


def due(store: Store) -> dict[str, tuple[str, str]]:
    return {key: parted(item.fingerprint) for key, item in store.items(1).items()}


def whys(store: Store) -> list[str]:
    return [skip.why for skip in Inventory(store.database).skipped(1)]


def index(store: Store) -> set[bytes]:
    """The blocks that an index which follows the log holds."""
    held: set[bytes] = set()
    for uid, gone in store.database.rows("SELECT uid, gone FROM index_log ORDER BY seq"):
        (held.discard if gone else held.add)(bytes(uid))
    return held


def visible(store: Store) -> set[bytes]:
    rows = store.database.rows(
        "SELECT uid FROM block JOIN item ON item.id = block.item WHERE live = 1 AND embedded = 1"
    )
    return {bytes(uid) for (uid,) in rows}


def turn(put: Put, store: Store, said: list[str], *, after: int = 0, reached: int = 0, fingerprint: str = "1") -> int:
    return put(
        store, "/scan", said, fingerprint=marked(fingerprint, str(after) if after else ""), identity="i",
        places=[f"p-{text}" for text in said], skips=upto(reached) if reached else (),
    )  # fmt: skip


def test_turns_join_until_the_item_is_whole(store: Store, put: Put, embed: Embed) -> None:
    turn(put, store, ["one", "two"], reached=2)
    assert due(store) == {"/scan": ("1", "2")}
    assert texts(store) == ["one", "two"]
    assert whys(store) == ["came to page 2"]
    embed(store)
    turn(put, store, ["three", "four"], after=2, reached=4)
    assert due(store) == {"/scan": ("1", "4")}
    assert whys(store) == ["came to page 4"]
    embed(store)
    turn(put, store, ["five"], after=4)
    embed(store)
    assert due(store) == {"/scan": ("1", "")}
    assert whys(store) == []
    assert sorted(texts(store)) == ["five", "four", "one", "three", "two"]
    assert store.database.rows("SELECT records, count(*) FROM item") == [(5, 1)]
    assert store.database.rows("SELECT seq FROM chunk ORDER BY id") == [(0,), (1,), (2,), (3,), (4,)]
    assert index(store) == visible(store)


def test_a_turn_without_text_is_a_turn(store: Store, put: Put) -> None:
    turn(put, store, [], reached=3)
    turn(put, store, [], after=3, reached=6)
    turn(put, store, ["at last"], after=6)
    assert due(store) == {"/scan": ("1", "")}
    assert texts(store) == ["at last"]


def test_a_half_read_new_version_waits_behind_the_whole_old_one(store: Store, put: Put, embed: Embed) -> None:
    turn(put, store, ["old"], fingerprint="0")
    embed(store)
    turn(put, store, ["new one"], reached=1)
    embed(store)
    assert texts(store) == ["old"]
    assert due(store) == {"/scan": ("1", "1")}
    assert whys(store) == ["came to page 1"]
    turn(put, store, ["new two"], after=1, reached=2)
    assert texts(store) == ["old"]
    turn(put, store, ["new three"], after=2)
    embed(store)
    assert sorted(texts(store)) == ["new one", "new three", "new two"]
    assert due(store) == {"/scan": ("1", "")}
    assert store.database.rows("SELECT live, records FROM item") == [(1, 3)]
    assert index(store) == visible(store)
    assert len(visible(store)) == 3


def test_a_newer_version_starts_anew(store: Store, put: Put) -> None:
    turn(put, store, ["whole"], fingerprint="0")
    turn(put, store, ["half"], fingerprint="1", reached=1)
    turn(put, store, ["other half"], fingerprint="2", reached=1)
    assert due(store) == {"/scan": ("2", "1")}
    turn(put, store, ["rest"], fingerprint="2", after=1)
    assert sorted(texts(store)) == ["other half", "rest"]
    assert store.database.value("SELECT count(*) FROM item") == 1


def test_half_may_replace_half_and_nothing(store: Store, put: Put) -> None:
    turn(put, store, ["half"], fingerprint="1", reached=1)
    turn(put, store, ["other half"], fingerprint="2", reached=1)
    assert texts(store) == ["other half"]
    turn(put, store, [], fingerprint="3")
    turn(put, store, ["half again"], fingerprint="4", reached=1)
    assert texts(store) == ["half again"]
    assert store.database.value("SELECT count(*) FROM item") == 1


def test_a_turn_whose_beginning_is_lost_is_read_from_the_start(store: Store, put: Put) -> None:
    turn(put, store, ["page nine"], after=8)
    assert store.items(1)["/scan"].fingerprint == ""


@pytest.mark.parametrize("old", [False, True], ids=["visible", "waiting"])
def test_what_was_half_read_moves_and_goes_with_its_file(store: Store, put: Put, *, old: bool) -> None:
    if old:
        turn(put, store, ["old"], fingerprint="0")
    turn(put, store, ["one"], reached=1)
    held = store.items(1)["/scan"]
    assert (held.identity, parted(held.fingerprint)) == ("i", ("1", "1"))
    store.move_items([(held.id, Item(id="/b", fingerprint="2", identity="i"))])
    assert due(store) == {"/b": ("2", "1")}
    assert [skip.where for skip in Inventory(store.database).skipped(1)] == ["/b"]
    put(store, "/b", ["two"], fingerprint=marked("2", "1"), places=["p2"])
    assert sorted(texts(store)) == ["one", "two"]
    assert due(store) == {"/b": ("2", "")}


@pytest.mark.parametrize("old", [False, True], ids=["visible", "waiting"])
def test_forgetting_leaves_no_half(store: Store, put: Put, embed: Embed, *, old: bool) -> None:
    if old:
        turn(put, store, ["old"], fingerprint="0")
    turn(put, store, ["one"], reached=1)
    embed(store)
    store.remove_items(1, [store.items(1)["/scan"].id])
    store.sweep()
    for table in ("item", "chunk", "block", "skipped", "embedding"):
        assert store.database.value(f"SELECT count(*) FROM {table}") == 0, table
    assert index(store) == set()


def test_a_turn_that_crashes_is_not_tried_for_ever(store: Store, put: Put) -> None:
    crashed = [Skipped(where="/scan", why="its reader crashed")]
    turn(put, store, ["one"], reached=1)
    assert store.keep(1, Item(id="/scan", fingerprint=marked("1", "1")), crashed, retry=False)
    assert due(store) == {"/scan": ("1", "")}
    assert texts(store) == ["one"]
    turn(put, store, ["two"], fingerprint="2")
    turn(put, store, ["three"], fingerprint="3", reached=1)
    assert store.keep(1, Item(id="/scan", fingerprint=marked("3", "1")), crashed, retry=False)
    assert due(store) == {"/scan": ("3", "")}
    assert texts(store) == ["two"]
    assert whys(store) == ["its reader crashed"]
    assert store.database.value("SELECT count(*) FROM item") == 1


def test_a_turn_that_could_not_be_taken_now_is_taken_later(store: Store, put: Put) -> None:
    turn(put, store, ["one"], reached=1)
    locked = [Skipped(where="/scan", why="no permission", outcome="no_permission")]
    assert store.keep(1, Item(id="/scan", fingerprint=marked("1", "1")), locked, retry=True)
    assert due(store) == {"/scan": ("1", "1")}
    turn(put, store, ["two"], after=1)
    assert sorted(texts(store)) == ["one", "two"]
    assert whys(store) == []


def test_losses_of_earlier_turns_are_still_told(store: Store, put: Put) -> None:
    lost = Skipped(where="/scan", why="page 1 is damaged")
    put(store, "/scan", ["one"], fingerprint="1", skips=[lost, *upto(2)])
    put(store, "/scan", ["two"], fingerprint=marked("1", "2"), places=["p2"])
    assert whys(store) == ["page 1 is damaged"]


def test_a_half_read_text_is_whole_in_one_place_only_and_inherited(store: Store) -> None:
    """The place that inherits a half-read text goes on with it; until then a copy waits for nothing."""
    number = store.source("notes", "documents")
    scan = Item(id="/scan", fingerprint="1", identity="i")
    store.publish(store.stage(number, scan, now=0.0, content="same"), records=1, skips=upto(1))
    copy = Item(id="/copy", fingerprint="c")
    holder = store.holder(number, copy, "same")
    assert holder is not None
    further = store.stage_copy(number, copy, now=0.0, content="same", holder=holder)
    store.publish(further, records=0, skips=[Skipped(where="/copy", why="…", outcome="unfinished", reached="1")])
    assert due(store) == {"/scan": ("1", "1"), "/copy": ("c", "")}
    assert whys(store) == ["came to page 1"]
    store.remove_items(number, [store.items(number)["/scan"].id])
    assert due(store) == {"/copy": ("c", "1")}
    assert [(skip.where, skip.why) for skip in Inventory(store.database).skipped(1)] == [("/copy", "came to page 1")]


def test_what_is_half_read_outlives_a_kill(store: Store, reopen: Callable[[], Store], put: Put) -> None:
    """A turn that was being staged is gone after a kill; those before it are not."""
    turn(put, store, ["old"], fingerprint="0")
    turn(put, store, ["one"], reached=1)
    put(store, "/scan", ["two"], fingerprint=marked("1", "1"), places=["p2"], publish=False)
    store.close()
    again = reopen()
    assert due(again) == {"/scan": ("1", "1")}
    assert texts(again) == ["old"]
    turn(put, again, ["two"], after=1)
    assert sorted(texts(again)) == ["one", "two"]
    again.close()


def test_text_that_an_engine_read_stays_when_the_engine_is_gone(store: Store) -> None:
    """Of the same file only: of another version nothing is known."""
    number = store.source("notes", "documents")
    missing = [Skipped(where="/photo", why="no engine", outcome="needs_ocr")]

    def read(item: Item, said: str, skips: list[Skipped]) -> None:
        staged = store.stage(number, item, now=0.0)
        chunks = [Chunk(place="p", thread="t", kind="section", title="", text=said, read_by="ocr")] if said else []
        store.add_chunks(staged, chunks, [Block(first=0, last=0, text=said)] if said else [], model="m")
        store.publish(staged, records=len(chunks), skips=skips)

    read(Item(id="/photo", fingerprint="1:ocr", identity="i"), "a receipt", [])
    read(Item(id="/photo", fingerprint="1", identity="i"), "", missing)
    assert texts(store) == ["a receipt"]
    assert whys(store) == ["no engine"]
    assert due(store) == {"/photo": ("1", "")}
    read(Item(id="/photo", fingerprint="1:ocr", identity="i"), "a receipt, read better", [])
    assert texts(store) == ["a receipt, read better"]
    assert whys(store) == []
    read(Item(id="/photo", fingerprint="2", identity="j"), "", missing)
    assert texts(store) == []
    assert store.database.value("SELECT count(*) FROM item") == 1
