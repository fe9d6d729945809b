"""Generations replace each other whole, ids are those of a fresh index, and what is deleted is gone from every page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from agent.errors import WrongUse
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from indexers.record import Contact, Skipped
from indexers.source import Item

Put = Callable[..., int]
Embed = Callable[[Store], int]


def texts(store: Store, source: str = "notes") -> list[str]:
    rows = store.database.rows(
        "SELECT text FROM chunk JOIN item ON item.id = chunk.item JOIN source ON source.id = item.source"
        " WHERE live = 1 AND name = ? ORDER BY key, seq",
        (source,),
    )
    return [text for (text,) in rows]


def uids(store: Store, table: str = "chunk") -> list[bytes]:
    return sorted(uid for (uid,) in store.database.rows(f"SELECT uid FROM {table} JOIN item ON item.id = {table}.item"))


def log(store: Store) -> list[tuple[bytes, int]]:
    return [(bytes(uid), gone) for uid, gone in store.database.rows("SELECT uid, gone FROM index_log ORDER BY seq")]


def clear_log(store: Store) -> None:
    store.database.run("DELETE FROM index_log")


def found(store: Store, word: str) -> int:
    return len(Lookup(store).matches(word).chunk)


def test_a_staged_item_is_invisible_until_it_is_published(store: Store, put: Put) -> None:
    staged = put(store, "/a", ["hidden walrus"], publish=False)
    number = store.source("notes", "documents")
    lookup = Lookup(store)
    assert store.items(number) == {}
    assert len(lookup.order().chunk) == 0
    assert store.embeddings.waiting() == 0
    assert Inventory(store.database).states()[0].chunks == 0
    store.publish(staged, records=1, skips=())
    assert list(store.items(number)) == ["/a"]
    assert len(lookup.order().chunk) == 1
    assert found(store, "walrus") == 1


def test_publishing_replaces_the_older_generation_whole(store: Store, put: Put) -> None:
    put(store, "/a", ["old walrus", "second"], fingerprint="1")
    put(store, "/a", ["new heron"], fingerprint="2")
    assert texts(store) == ["new heron"]
    assert (found(store, "walrus"), found(store, "heron")) == (0, 1)
    [item] = store.items(1).values()
    assert item.fingerprint == "2"


def test_what_a_killed_pass_staged_is_gone_at_the_next_start(
    store: Store, put: Put, reopen: Callable[[], Store]
) -> None:
    put(store, "/a", ["whole"])
    put(store, "/a", ["half"], fingerprint="2", publish=False)
    put(store, "/b", ["half"], publish=False)
    store.close()
    again = reopen()
    assert texts(again) == ["whole"]
    assert again.database.value("SELECT count(*) FROM item") == 1
    assert again.database.value("SELECT count(*) FROM words") == 1
    again.close()


def test_discarding_one_staged_item_leaves_the_others(store: Store, put: Put) -> None:
    one, other = put(store, "/a", ["one"], publish=False), put(store, "/b", ["other"], publish=False)
    store.discard(one)
    store.publish(other, records=1, skips=())
    assert texts(store) == ["other"]
    assert store.database.value("SELECT count(*) FROM item") == 1


def test_unchanged_text_needs_no_new_vector(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["one", "two", "three", "four"])
    assert embed(store) == 2
    put(store, "/a", ["one", "two", "three", "FOUR"], fingerprint="2")
    assert embed(store) == 1
    put(store, "/b", ["one", "two"])
    assert embed(store) == 0
    assert store.embeddings.count() == 3


def test_a_text_that_moves_to_another_item_in_one_pass_needs_no_new_vector(
    store: Store, put: Put, embed: Embed
) -> None:
    item = put(store, "/a", ["one", "two"])
    embed(store)
    store.remove_items(1, [item])
    put(store, "/elsewhere", ["one", "two"])
    store.sweep()
    assert embed(store) == 0
    assert store.database.value("SELECT count(*) FROM embedding") == 1


def test_vectors_of_deleted_texts_are_gone_after_the_sweep_or_the_next_start(
    store: Store, put: Put, embed: Embed, reopen: Callable[[], Store]
) -> None:
    first, second = put(store, "/a", ["one"]), put(store, "/b", ["two"])
    embed(store)
    store.remove_items(1, [first])
    store.sweep()
    assert store.database.value("SELECT count(*) FROM embedding") == 1
    store.remove_items(1, [second])
    store.close()
    again = reopen()
    assert again.database.value("SELECT count(*) FROM embedding") == 0
    assert again.database.value("SELECT count(*) FROM orphan") == 0
    again.close()


def test_the_log_tells_deleted_texts_from_replaced_blocks(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["one", "two", "three"])
    embed(store)
    before = {bytes(uid): text for uid, text in _blocks(store)}
    clear_log(store)
    put(store, "/a", ["one", "two", "three", "four"], fingerprint="2")  # the last block grew: nothing was lost
    [(uid, gone)] = log(store)
    assert (before[uid], gone) == ("three", 2)
    embed(store)
    clear_log(store)
    put(store, "/a", ["one", "three", "four"], fingerprint="3", places=["p0", "p2", "p3"])  # "two" was deleted
    assert {gone for _, gone in log(store)} == {1, 2}
    deleted = [uid for uid, gone in log(store) if gone == 1]
    assert [before[uid] for uid in deleted] == ["one two"]


def _blocks(store: Store) -> Sequence[tuple[bytes, str]]:
    return store.database.rows(
        "SELECT block.uid, group_concat(text, ' ' ORDER BY seq) FROM block JOIN chunk ON chunk.block = block.id"
        " GROUP BY block.id"
    )


def test_ids_are_those_of_a_fresh_index(store: Store, put: Put) -> None:
    put(store, "/a", ["one", "two"])
    put(store, "/a", ["one", "changed"], fingerprint="2")
    put(store, "/a", ["one", "two"], fingerprint="3")
    fresh = Store.in_memory()
    fresh._id_key = store._id_key
    put(fresh, "/a", ["one", "two"])
    assert uids(store) == uids(fresh)
    assert uids(store, "block") == uids(fresh, "block")
    fresh.close()


def test_a_moved_item_keeps_text_and_vectors_and_is_found_by_its_new_path(store: Store, put: Put, embed: Embed) -> None:
    item = put(store, "/old/place.txt", ["walrus"], identity="i1")
    embed(store)
    store.move_item(item, Item(id="/new/garden.txt", fingerprint="2", identity="i1"))
    assert list(store.items(1)) == ["/new/garden.txt"]
    assert embed(store) == 0
    assert (found(store, "garden"), found(store, "place"), found(store, "walrus")) == (1, 0, 1)


def test_a_file_in_the_place_of_a_moved_one_has_ids_of_its_own(store: Store, put: Put, embed: Embed) -> None:
    item = put(store, "/a", ["the first text of this place, long enough to be one of a kind"])
    store.move_item(item, Item(id="/b", fingerprint="1", identity="i"))
    put(store, "/a", ["another text"])
    assert len(set(uids(store))) == 2
    embed(store)
    [moved] = store.database.rows("SELECT chunk.uid FROM chunk JOIN item ON item.id = chunk.item WHERE key = '/b'")
    assert store.forget_record(bytes(moved[0]))
    assert texts(store) == ["another text"]


def test_a_failed_transaction_changes_nothing(store: Store, put: Put) -> None:
    put(store, "/a", ["whole"])

    class Stop(Exception): ...

    changes = store.changes
    with pytest.raises(Stop), store.writing():
        put(store, "/a", ["half"], fingerprint="2")
        store.remove_items(1, [stored.id for stored in store.items(1).values()])
        raise Stop
    assert texts(store) == ["whole"]
    assert store.changes == changes
    with store.writing():
        put(store, "/b", ["more"])
    assert store.changes > changes


def test_an_item_that_cannot_be_read_keeps_what_was_whole(store: Store, put: Put) -> None:
    put(store, "/a", ["whole"], fingerprint="1")
    unreadable = [Skipped(where="/a", why="no permission", outcome="no_permission")]
    changed = Item(id="/a", fingerprint="2")
    assert store.keep(1, changed, unreadable, retry=True)
    assert store.items(1)["/a"].fingerprint == "1"
    assert texts(store) == ["whole"]
    assert Inventory(store.database).skipped(1) == unreadable
    assert store.keep(1, changed, unreadable, retry=False)
    assert store.items(1)["/a"].fingerprint == "2"
    assert not store.keep(1, Item(id="/unknown", fingerprint="1"), unreadable, retry=True)


# Forgetting

SECRET = "quokkazebra"


def test_deleted_words_are_in_no_decrypted_page(
    store: Store, put: Put, embed: Embed, decrypted: Callable[[], bytes]
) -> None:
    for number in range(30):
        put(store, f"/{number}", [f"filler {number} {word}" for word in ("alpha", "beta", "gamma")])
    item = put(store, f"/{SECRET}path", [f"the {SECRET} one", "日本語の秘密の話です"], people=(f"{SECRET}@x.org",))
    embed(store)
    store.database.checkpoint()
    seen = decrypted()
    assert SECRET.encode() in seen
    assert "秘密の話".encode() in seen
    store.remove_items(store.source("notes", "documents"), [item])
    store.sweep()
    store.database.checkpoint()  # without a vacuum: secure delete alone must do
    seen = decrypted()
    for trace in (SECRET, "quokkazebr", "秘密の話", "秘密の"):
        assert trace.encode() not in seen, trace
    assert found(store, "filler") == 90


def test_a_replaced_generation_leaves_no_word(store: Store, put: Put, decrypted: Callable[[], bytes]) -> None:
    put(store, "/a", [f"{SECRET} text"])
    put(store, "/b", ["other text"])
    put(store, "/a", ["harmless text"], fingerprint="2")
    store.sweep()
    store.database.checkpoint()
    assert SECRET.encode() not in decrypted()


def test_forgetting_a_source_leaves_nothing_of_it(
    store: Store, put: Put, embed: Embed, decrypted: Callable[[], bytes]
) -> None:
    put(store, "/a", [f"{SECRET} one", "two"], source=SECRET, people=(f"+4917{SECRET}",))
    item = put(store, "/kept", ["kept"], source="notes")
    embed(store)
    number = store.source_ids()[SECRET]
    store.finish_pass(number, finished=1, seconds=1, problem="", skips=[Skipped(where=f"/x/{SECRET}", why="malformed")])
    inventory = Inventory(store.database)
    assert inventory.holdings(number)["chunks"] == 2
    store.remove_source(number)
    store.sweep()
    store.database.compact()
    assert set(inventory.holdings(number).values()) == {0}
    assert list(store.source_ids()) == ["notes"]
    assert [stored.id for stored in store.items(store.source_ids()["notes"]).values()] == [item]
    assert SECRET.encode() not in decrypted()


LONG = "a text that is long enough to be one of a kind, as a letter is"


def test_a_forgotten_record_stays_forgotten_when_it_is_read_again(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["first", LONG, "third"])
    put(store, "/copy", [LONG])
    embed(store)
    [(uid,)] = store.database.rows("SELECT uid FROM chunk WHERE seq = 1")
    assert store.forget_record(bytes(uid))
    assert texts(store) == ["first", "third"]  # the same letter elsewhere is gone as well
    put(store, "/a", ["first", LONG, "third"], fingerprint="2")
    put(store, "/elsewhere", [LONG])
    assert texts(store) == ["first", "third"]
    assert not store.forget_record(b"unknown")


def test_forgetting_survives_the_removal_of_its_source(store: Store, put: Put) -> None:
    put(store, "/a", ["ok", LONG])
    for (uid,) in store.database.rows("SELECT uid FROM chunk"):
        store.forget_record(bytes(uid))
    put(store, "/x", ["x"], source="other")
    store.remove_source(store.source("notes", "documents"))
    put(store, "/y", ["y"], source="between")
    put(store, "/a", ["ok", LONG])
    assert texts(store) == []


def test_forgetting_a_word_said_often_forgets_one_of_them(store: Store, put: Put) -> None:
    put(store, "/a", ["ok", "fine"])
    put(store, "/b", ["ok"])
    [(uid,)] = store.database.rows("SELECT uid FROM chunk JOIN item ON item.id = chunk.item WHERE key='/a' AND seq=0")
    store.forget_record(bytes(uid))
    assert texts(store) == ["fine", "ok"]
    put(store, "/b", ["ok", "more"], fingerprint="2")
    assert texts(store) == ["fine", "ok", "more"]


def test_what_is_left_of_a_forgotten_block_waits_for_a_vector(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["kept words", "secret words"])
    embed(store)
    [(uid,)] = store.database.rows("SELECT uid FROM chunk WHERE text = 'secret words'")
    clear_log(store)
    store.forget_record(bytes(uid))
    assert [gone for _, gone in log(store)] == [1]
    assert store.database.value("SELECT count(*) FROM embedding") == 0
    [waiting] = store.embeddings.pending(limit=5)
    assert [chunk.text for chunk in waiting.chunks] == ["kept words"]
    embed(store)
    # read again, its block is known to be without the forgotten text
    put(store, "/a", ["kept words", "secret words"], fingerprint="2")
    [hashes] = store.database.rows("SELECT hash FROM block")
    assert bytes(hashes[0]) != store.fingerprint("kept words\nsecret words")


def test_sweeping_keeps_names_that_are_used(store: Store, put: Put) -> None:
    gone = put(store, "/a", ["one"], people=("ann@x.org", "bob@x.org"))
    put(store, "/b", ["two"], people=("ann@x.org",))
    with store.writing():
        card = store.stage(1, Item(id="card", fingerprint="1"), now=0.0)
        store.name_handles({"+491": ("Cem", False), "+492": ("Dora", False)})
        store.add_cards(card, [(Contact(id="c", names=("Cem",), phones=("+491",)), ["+491"])])
    store.publish(card, records=1, skips=())
    store.remove_items(1, [gone])
    store.sweep()
    handles = {handle for (handle,) in store.database.rows("SELECT handle FROM handle")}
    assert handles == {"ann@x.org", "+491"}
    assert store.database.value("SELECT count(*) FROM company") == 1
    assert store.database.value("SELECT count(*) FROM thread") == 1


def test_a_name_never_stands_for_two_kinds_of_source(store: Store) -> None:
    assert store.source("mine", "documents") == store.source("mine", "documents")
    with pytest.raises(WrongUse, match="kind documents, not mail") as caught:
        store.source("mine", "mail")
    assert "forget mine" in caught.value.remedy


def test_the_inventory_counts_what_can_be_seen(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["one", "two", "three"], skips=[Skipped(where="/a", why="page 3 is damaged", count=2)])
    put(store, "/b", ["staged"], publish=False)
    store.finish_pass(
        1, finished=9.0, seconds=2.0, problem="", skips=[Skipped(where="/c/", why="no permission", count=7)]
    )
    inventory = Inventory(store.database)
    [state] = inventory.states()
    assert (state.name, state.kind, state.items, state.records, state.chunks) == ("notes", "documents", 1, 3, 3)
    assert (state.pending, state.samples, state.finished, state.problem) == (2, 0, 9.0, "")
    assert [skip.where for skip in state.skipped] == ["/c/", "/a"]
    embed(store)
    assert inventory.states()[0].pending == 0
    store.finish_pass(1, finished=10.0, seconds=2.0, problem="it is locked", skips=[])
    [state] = inventory.states()
    assert [skip.where for skip in state.skipped] == ["/a"]
    assert state.problem == "it is locked"
