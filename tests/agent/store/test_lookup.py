"""What retrieval sees of a store: live chunks in order, words by stem and by script, and what a hit says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np

from agent.store.reading.lookup import Lookup, place
from agent.store.store import Store
from indexers.source import Item

Put = Callable[..., int]
Embed = Callable[[Store], int]


def texts(store: Store, lookup: Lookup, expression: str, *, index: str = "words") -> list[str]:
    hits = lookup.matches(expression, index=index)
    return [store.database.value("SELECT text FROM chunk WHERE id = ?", (int(chunk),)) for chunk in hits.chunk]


def test_the_order_is_by_thread_and_time_and_holds_live_chunks_only(store: Store, put: Put) -> None:
    put(store, "/a", ["a0", "a1"])
    put(store, "/b", ["b0"])
    put(store, "/c", ["staged"], publish=False)
    order = Lookup(store).order()
    said = [store.database.value("SELECT text FROM chunk WHERE id = ?", (int(chunk),)) for chunk in order.chunk]
    assert said == ["a0", "a1", "b0"]
    assert order.kinds == ("section",)
    assert order.moment.tolist() == [0.0, 1.0, 0.0]
    assert len(set(order.thread[:2].tolist())) == 1


def test_places_are_found_and_missing_ones_are_told(store: Store, put: Put) -> None:
    put(store, "/b", ["b0", "b1"])
    put(store, "/a", ["a0"])
    order = Lookup(store).order()
    assert order.places(order.chunk).tolist() == [0, 1, 2]
    assert order.places(np.array([int(order.chunk[1]), 999, 0])).tolist() == [1, -1, -1]
    empty = Lookup(Store.in_memory()).order()
    assert empty.places(np.array([1, 2])).tolist() == [-1, -1]


def test_what_was_looked_up_is_kept_until_something_changes(store: Store, put: Put) -> None:
    put(store, "/a", ["one"])
    lookup = Lookup(store)
    order = lookup.order()
    store.finish_pass(1, finished=1.0, seconds=1.0, problem="", skips=[])
    assert lookup.order() is order
    put(store, "/b", ["two"])
    assert len(lookup.order().chunk) == 2
    store.remove_items(1, [store.items(1)["/a"].id])
    assert len(lookup.order().chunk) == 1
    [(uid,)] = store.database.rows("SELECT uid FROM chunk")
    store.forget_record(bytes(uid))
    assert len(lookup.order().chunk) == 0


def test_words_are_found_by_stem_without_marks_and_by_path(store: Store, put: Put) -> None:
    put(store, "/life/garden plan.txt", ["We were walking to the café", "nothing else"])
    lookup = Lookup(store)
    assert texts(store, lookup, '"walks"') == ["We were walking to the café"]
    assert texts(store, lookup, '"cafe"') == ["We were walking to the café"]
    assert len(texts(store, lookup, '"garden"')) == 2
    assert texts(store, lookup, "") == []
    frequencies, total = lookup.frequencies(["walked", "garden", "absent", 'quo"te'])
    assert (frequencies, total) == ({"walked": 1, "garden": 2, "absent": 0, 'quo"te': 0}, 2)


def test_scripts_without_spaces_are_found_by_trigrams(store: Store, put: Put) -> None:
    put(store, "/a", ["昨日は京都の美術館に行きました", "plain words", "ภาษาไทยเป็นภาษา"])
    lookup = Lookup(store)
    assert texts(store, lookup, '"美術館"', index="grams") == ["昨日は京都の美術館に行きました"]
    assert texts(store, lookup, '"ไทย"', index="grams") == ["ภาษาไทยเป็นภาษา"]
    assert texts(store, lookup, '"lain"', index="grams") == []


def test_a_person_is_found_by_a_word_that_no_rename_changes(store: Store, put: Put) -> None:
    put(store, "/a", ["hello"], people=("ann@x.org", "bob@x.org"))
    lookup = Lookup(store)
    [ann] = [person for person in lookup.people() if "ann@x.org" in person.handles]
    [token] = lookup.tokens_of([ann])[ann.id]
    assert texts(store, lookup, f'"{token}"') == ["hello"]
    with store.writing():
        store.name_handles({"ann@x.org": ("Ann Smith", False)})
    [renamed] = [person for person in lookup.people() if "ann@x.org" in person.handles]
    assert renamed.name == "Ann Smith"
    assert lookup.tokens_of([renamed])[renamed.id] == (token,)


def test_blocks_are_looked_up_while_they_live(store: Store, put: Put) -> None:
    put(store, "/a", [f"text {number}" for number in range(1200)])
    put(store, "/b", ["staged"], publish=False)
    lookup = Lookup(store)
    rows = {bytes(uid): number for uid, number in store.database.rows("SELECT uid, id FROM block")}
    found = lookup.blocks([*rows, b"unknown"])
    live: dict[int, int] = dict(
        store.database.rows("SELECT id, live FROM (SELECT block.id, live FROM block JOIN item ON item.id = item)")
    )
    assert found == {uid: number for uid, number in rows.items() if live[number]}
    assert len(found) == 600


def test_a_passage_says_what_where_when_and_who(store: Store, put: Put) -> None:
    put(store, "/life/a b.txt", ["one", "two"], people=("ann@x.org", "bob@x.org"))
    with store.writing():
        store.name_handles({"ann@x.org": ("Ann Smith", False), "bob@x.org": ("", True)})
    lookup = Lookup(store)
    one, two = (int(chunk) for chunk in lookup.order().chunk)
    passages = lookup.passages([two, one, 999], {two: 0.5}, zone=ZoneInfo("Europe/Berlin"))
    assert [passage.text for passage in passages] == ["two", "one"]
    first = passages[0]
    assert (first.score, first.source, first.kind, first.sender) == (0.5, "notes", "section", "Ann Smith")
    assert first.when is not None
    assert first.when.isoformat() == "1970-01-01T01:00:01+01:00"
    assert first.locator == "file:///life/a%20b.txt"
    assert "Ann Smith" in first.people
    [(uid,)] = store.database.rows("SELECT uid FROM chunk WHERE text = 'two'")
    assert first.id == bytes(uid).hex()


def test_a_moved_file_is_opened_in_its_new_place(store: Store, put: Put) -> None:
    item = put(store, "/old.txt", ["one"], identity="i")
    store.move_item(item, Item(id="/new.txt", fingerprint="1", identity="i"))
    lookup = Lookup(store)
    [passage] = lookup.passages([int(lookup.order().chunk[0])], {}, zone=UTC)
    assert passage.locator == "file:///new.txt"


def test_places_are_links() -> None:
    assert place("/a b/c.pdf", "#page=3") == "file:///a%20b/c.pdf#page=3"
    assert place("/a", "") == "file:///a"
    assert place("chat/2024", "sms:+49171#m1") == "sms:+49171#m1"
    assert place("chat/2024", "") == "chat/2024"
