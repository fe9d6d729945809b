"""Differences between scans add up to the last of them, whatever was moved, skipped or broken off in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ingest.workers.frame import Done, Gone
from agent.ingest.workers.listing import Listing
from indexers.record import Skipped
from indexers.source import Item

STATES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"), max_size=6)


def items(state: Mapping[str, str]) -> list[Item | Skipped]:
    return [Item(id=key, fingerprint=value) for key, value in state.items()]


@settings(deadline=None)
@given(st.lists(st.tuples(STATES, st.booleans()), min_size=1, max_size=8))
def test_differences_add_up_to_what_exists(scans: list[tuple[dict[str, str], bool]]) -> None:
    listing, known = Listing(), dict[str, str]()
    for state, differences in scans:
        told = list(listing.tell(items(state), differences=differences))
        done = told.pop()
        assert isinstance(done, Done)
        if not done.cut:
            known.clear()
        for entry in told:
            if isinstance(entry, Gone):
                del known[entry.id]
            elif isinstance(entry, Item):
                known[entry.id] = entry.fingerprint
        assert known == state


def test_only_what_differs_is_told() -> None:
    listing = Listing()
    assert len(list(listing.tell(items({"a": "1", "b": "1", "c": "1"}), differences=True))) == 4  # there is none before
    told = list(listing.tell(items({"a": "1", "b": "2", "d": "1"}), differences=True))
    assert told == [*items({"b": "2", "d": "1"}), Gone(id="c"), Done(cut=True)]


def test_a_scan_with_gaps_is_no_ground_for_the_next() -> None:
    listing = Listing()
    unseen = Skipped(where="/b", why="no permission", outcome="no_permission")
    list(listing.tell(items({"/a": "1", "/b/c": "1"}), differences=False))
    told = list(listing.tell([*items({"/a": "1"}), unseen], differences=True))
    assert told == [unseen, Gone(id="/b/c"), Done(cut=True)]
    assert list(listing.tell(items({"/a": "1"}), differences=True)) == [*items({"/a": "1"}), Done()]


def test_a_scan_that_broke_off_is_none_either() -> None:
    def broken() -> Iterator[Item | Skipped]:
        yield from items({"a": "1"})
        raise RuntimeError

    listing = Listing()
    list(listing.tell(items({"a": "1", "b": "1"}), differences=False))
    with pytest.raises(RuntimeError):
        list(listing.tell(broken(), differences=True))
    assert list(listing.tell(items({"a": "1"}), differences=True)) == [*items({"a": "1"}), Done()]


def test_a_listing_too_long_to_keep_is_told_whole_each_time() -> None:
    listing = Listing(most=2)
    for _ in range(2):
        assert len(list(listing.tell(items({"a": "1", "b": "1", "c": "1"}), differences=True))) == 4
