"""What a pass has to do is a set difference, whatever is stored and whatever the scan saw."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ingest.plan import Plan, plan
from agent.store.store import StoredItem
from indexers.record import Skipped, marked
from indexers.source import Item


def stored(*entries: tuple[str, str, str]) -> dict[str, StoredItem]:
    return {
        key: StoredItem(id=number, key=key, fingerprint=fingerprint, identity=identity, size=1)
        for number, (key, fingerprint, identity) in enumerate(entries, start=1)
    }


def item(key: str, fingerprint: str = "1", identity: str = "") -> Item:
    return Item(id=key, fingerprint=fingerprint, identity=identity)


def unseen(where: str) -> Skipped:
    return Skipped(where=where, why="no permission", outcome="no_permission")


def gone(made: Plan) -> list[str]:
    return sorted(entry.key for entry in made.gone)


KEYS = st.sampled_from(["/a", "/a/b", "/a/bc", "/a/b/c", "/a/b#1", "/d", "x/2024-01-01", "é/#"])
STORED = st.dictionaries(KEYS, st.tuples(st.sampled_from("12"), st.sampled_from(["", "i", "j"])), max_size=6)
SCANNED = st.dictionaries(KEYS, st.tuples(st.sampled_from("12"), st.sampled_from(["", "i", "j"])), max_size=6)
UNSEEN = st.lists(KEYS, max_size=2)


@settings(deadline=None, max_examples=200)
@given(STORED, SCANNED, UNSEEN, st.booleans())
def test_it_is_a_set_difference(
    old: dict[str, tuple[str, str]], new: dict[str, tuple[str, str]], hidden: list[str], mirror: bool
) -> None:
    before = stored(*((key, *rest) for key, rest in old.items()))
    scanned = [item(key, *rest) for key, rest in new.items()]
    made = plan(before, [*scanned, *map(unseen, hidden)], mirror=mirror)
    read, moved = {entry.id for entry in made.read}, {move.item.id for move in made.moved}
    origins = {move.stored.key for move in made.moved}
    assert not read & moved
    assert len(made.read) + len(made.moved) + made.unchanged == len(scanned)
    assert [entry for entry in scanned if entry.id in read] == list(made.read)  # in scan order
    for entry in scanned:
        known = before.get(entry.id)
        if known is not None:
            assert (entry.id in read) == (known.fingerprint != entry.fingerprint)
            assert entry.id not in moved
        else:
            assert entry.id in read | moved
    for move in made.moved:
        assert move.stored.key not in new
        assert move.stored.identity == move.item.identity != ""
    left = {entry.key for entry in made.gone}
    assert not left & (set(new) | origins)
    if not mirror:
        assert not left
    elif not hidden:
        assert left == set(before) - set(new) - origins


@settings(deadline=None)
@given(STORED)
def test_an_unchanged_source_has_nothing_to_do(old: dict[str, tuple[str, str]]) -> None:
    before = stored(*((key, *rest) for key, rest in old.items()))
    made = plan(before, [item(key, *rest) for key, rest in old.items()], mirror=True)
    assert (made.read, made.moved, made.gone, made.unchanged) == ((), (), (), len(old))


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        ("/a/b", ["/a/bc", "/d"]),
        ("/a/b/", ["/a/b#1", "/a/bc", "/d"]),
        ("/a", ["/d"]),
        ("/", []),
        ("/a/b#1", ["/a/b/c", "/a/bc", "/d"]),
        ("/d", ["/a/b#1", "/a/b/c", "/a/bc"]),
        ("/nothing", ["/a/b#1", "/a/b/c", "/a/bc", "/d"]),
        ("wild", ["/a/b#1", "/a/b/c", "/a/bc", "/d"]),
    ],
)
def test_what_could_not_be_looked_at_shields_what_lies_in_it_and_no_namesake(hidden: str, left: Sequence[str]) -> None:
    before = stored(("/a/b/c", "1", ""), ("/a/b#1", "1", ""), ("/a/bc", "1", ""), ("/d", "1", ""))
    assert gone(plan(before, [unseen(hidden)], mirror=True)) == left


def test_a_move_needs_one_origin_and_the_same_content() -> None:
    before = stored(("/a", "1", "i"), ("/b", "1", "twin"), ("/c", "1", "twin"))
    made = plan(before, [item("/z", "1", "i"), item("/y", "1", "twin"), item("/x", "9", "j")], mirror=True)
    assert [(move.stored.key, move.item.id) for move in made.moved] == [("/a", "/z")]
    assert [entry.id for entry in made.read] == ["/y", "/x"]
    assert gone(made) == ["/b", "/c"]


def test_what_moved_and_changed_is_read_anew() -> None:
    made = plan(stored(("/a", "1", "i:mtime1")), [item("/b", "2", "i:mtime2")], mirror=True)
    assert (made.moved, [entry.id for entry in made.read], gone(made)) == ((), ["/b"], ["/a"])


def test_a_file_that_took_the_place_of_a_moved_one_is_read() -> None:
    made = plan(stored(("/a", "1", "i")), [item("/a", "2", "new"), item("/b", "1", "i")], mirror=True)
    assert made.moved == ()  # "/a" did not vanish, so nothing of it moved
    assert [entry.id for entry in made.read] == ["/a", "/b"]


def test_what_waits_to_be_read_again_is_read_where_it_moved_to() -> None:
    made = plan(stored(("/a", "", "i")), [item("/b", "1", "i")], mirror=True)
    assert [entry.id for entry in made.read] == ["/b"]


def test_what_is_hidden_is_no_origin_of_a_move() -> None:
    made = plan(stored(("/a/b/c", "1", "i")), [item("/z", "1", "i"), unseen("/a/b")], mirror=True)
    assert (made.moved, [entry.id for entry in made.read], gone(made)) == ((), ["/z"], [])


def test_what_was_read_in_part_is_gone_on_with_unless_it_changed() -> None:
    half = marked("1", "page 9")
    made = plan(stored(("/a", half, ""), ("/b", half, "")), [item("/a"), item("/b", "2")], mirror=True)
    assert [entry.fingerprint for entry in made.read] == [half, "2"]
