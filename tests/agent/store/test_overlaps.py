"""Exports that overlap: each text is there once, in the newest, and none is lost whatever happens to that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.store import Store
from agent.store.writing.embeddings import ADDED
from agent.vocabulary import Block, Chunk
from indexers.source import Item

Embed = Callable[[Store], int]
RUN, SWIM, RIDE, ROW = "a run in the park", "a swim in the sea", "a ride to the hills", "rowing on the lake"


def put(
    store: Store, key: str, texts: Sequence[str], *, kind: Literal["event", "message"] = "event", imported: bool = True
) -> int:
    """Publish an item whose texts have a block and a time each that follow from the text alone."""
    number = store.source("health", "health")
    with store.writing():
        item = store.stage(number, Item(id=key, fingerprint="1"), now=1.0)
        chunks = [
            Chunk(place=f"p-{text}", thread=key, kind=kind, title="", text=text, about="", when=float(len(text)))
            for text in texts
        ]
        blocks = [Block(first=at, last=at, text=text) for at, text in enumerate(texts)]
        store.add_chunks(item, chunks, blocks, model="seeded-8")
    store.publish(item, records=len(texts), skips=(), imported=imported)
    return item


def held(store: Store) -> list[tuple[str, str]]:
    """(text, item) of all that can be found."""
    rows = store.database.rows(
        "SELECT text, key FROM chunk JOIN item ON item.id = chunk.item WHERE live = 1 ORDER BY text, key"
    )
    return [(str(text), str(key)) for text, key in rows]


def indexed(store: Store) -> set[bytes]:
    """The blocks that an index has which followed the log."""
    there: set[bytes] = set()
    for uid, gone in store.database.rows("SELECT uid, gone FROM index_log ORDER BY seq"):
        (there.add if gone == ADDED else there.discard)(bytes(uid))
    return there


def with_vectors(store: Store) -> set[bytes]:
    rows = store.database.rows(
        "SELECT uid FROM block JOIN item ON item.id = block.item WHERE embedded = 1 AND live = 1"
    )
    return {bytes(uid) for (uid,) in rows}


def test_each_text_is_there_once_in_the_newer(store: Store, embed: Embed) -> None:
    put(store, "/old.zip", [RUN, SWIM])
    embed(store)
    put(store, "/new.zip", [SWIM, RIDE])
    embed(store)
    assert held(store) == [(RIDE, "/new.zip"), (RUN, "/old.zip"), (SWIM, "/new.zip")]
    assert store.database.value("SELECT count(*) FROM words WHERE words MATCH 'swim'") == 1
    assert indexed(store) == with_vectors(store)
    assert len(indexed(store)) == 3


def test_what_the_newer_loses_goes_back(store: Store, embed: Embed) -> None:
    put(store, "/old.zip", [RUN, SWIM])
    put(store, "/folder", [RUN, SWIM, RIDE])
    embed(store)
    put(store, "/folder", [RUN])
    assert held(store) == [(RUN, "/folder"), (SWIM, "/old.zip")], "RIDE was in the folder only, and went"
    assert indexed(store) == with_vectors(store)
    put(store, "/folder", [RUN, SWIM])
    embed(store)
    assert held(store) == [(RUN, "/folder"), (SWIM, "/folder")]
    assert indexed(store) == with_vectors(store)


def test_removing_the_newer_brings_the_older_back(store: Store, embed: Embed) -> None:
    put(store, "/old.zip", [RUN])
    newer = put(store, "/new.zip", [RUN, SWIM])
    embed(store)
    store.remove_items(store.source("health", "health"), [newer])
    assert held(store) == [(RUN, "/old.zip")]
    assert indexed(store) == with_vectors(store)


def test_what_went_on_to_a_third_goes_back_to_the_first_when_the_second_is_emptied(store: Store) -> None:
    put(store, "/first", [SWIM])
    put(store, "/second", [SWIM])
    third = put(store, "/third", [SWIM])
    put(store, "/second", [])
    store.remove_items(store.source("health", "health"), [third])
    assert held(store) == [(SWIM, "/first")]


def test_forgetting_is_for_good(store: Store) -> None:
    put(store, "/old.zip", [RUN])
    put(store, "/new.zip", [RUN, SWIM])
    [(uid,)] = store.database.rows("SELECT uid FROM chunk WHERE text = ?", (RUN,))
    assert store.forget_record(bytes(uid))
    put(store, "/new.zip", [RUN, SWIM])
    assert held(store) == [(SWIM, "/new.zip")]
    store.remove_source(store.source("health", "health"))
    for table in ("chunk", "block", "item", "overlap"):
        assert store.database.value(f"SELECT count(*) FROM {table}") == 0, table


def test_mirrors_and_other_conversations_keep_their_copies(store: Store) -> None:
    put(store, "/a", [RUN], imported=False)
    put(store, "/b", [RUN], imported=False)
    put(store, "/chat of Ann", ["Happy new year!"], kind="message")
    put(store, "/chat of Ben", ["Happy new year!"], kind="message")
    assert len(held(store)) == 4


EXPORTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sets(st.sampled_from([RUN, SWIM, RIDE, ROW]), max_size=4)), max_size=8
)


@settings(deadline=None, max_examples=60)
@given(EXPORTS, st.sampled_from("abc-"))
def test_whatever_comes_all_that_some_export_says_is_there_once(
    exports: list[tuple[str, set[str]]], removed: str
) -> None:
    store = Store.in_memory()
    last: dict[str, set[str]] = {}
    for key, texts in exports:
        put(store, key, sorted(texts))
        last[key] = texts
    if removed in last:
        del last[removed]
        item = int(store.database.value("SELECT id FROM item WHERE key = ? AND live = 1", (removed,)))
        store.remove_items(1, [item])
    assert [text for text, _ in held(store)] == sorted(set().union(*last.values()) if last else ())
    for text, key in held(store):
        assert text in last[key], "a text lies in an export that says it"
    store.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from typing import Literal
from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.store.writing.overlaps import Overlaps
import importlib.util
spec = importlib.util.spec_from_file_location("overlaps", {this!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
store = Store.open(Path({path!r}), CompartmentKey(bytes(range(32))))
drop = Overlaps.drop
def dies(self, item, *, source):
    drop(self, item, source=source)
    assert self._database.value("SELECT count(*) FROM overlap") == 1
    os.kill(os.getpid(), signal.SIGKILL)
Overlaps.drop = dies
module.put(store, "/new.zip", [module.RUN, module.SWIM])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed_in_the_middle_of_publishing_nothing_is_lost(
    store: Store, path: Path, reopen: Callable[[], Store]
) -> None:
    put(store, "/old.zip", [RUN])
    store.close()
    code = _KILLED.format(this=__file__, path=os.fspath(path))
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    again = reopen()
    assert held(again) == [(RUN, "/old.zip")]
    assert again.database.value("SELECT count(*) FROM overlap") == 0
    put(again, "/new.zip", [RUN, SWIM])
    assert held(again) == [(RUN, "/new.zip"), (SWIM, "/new.zip")]
    again.close()
