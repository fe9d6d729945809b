"""Texts are embedded once, spaces are never mixed, and the log tells the index what came."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agent.store.store import Store
from agent.store.writing.embeddings import ADDED

Put = Callable[..., int]
Embed = Callable[[Store], int]
MODEL = "seeded-8"


def test_blocks_wait_newest_first_with_the_text_they_are_made_of(store: Store, put: Put) -> None:
    put(store, "/old", ["one", "two", "three"])
    put(store, "/new", ["four"])
    assert store.embeddings.waiting() == 3
    waiting = store.embeddings.pending(limit=2)
    assert [[chunk.text for chunk in block.chunks] for block in waiting] == [["four"], ["three"]]
    assert store.embeddings.count() == 0


def test_equal_texts_share_one_vector_and_each_block_is_told_of(store: Store, put: Put) -> None:
    put(store, "/a", ["same"])
    put(store, "/b", ["same"], source="other")
    store.embeddings.use_model(MODEL)
    [first, _] = store.embeddings.pending(limit=9)
    vector = np.arange(8, dtype=np.float32)
    store.embeddings.add(MODEL, [(first, vector)])
    assert store.embeddings.waiting() == 0
    assert store.database.value("SELECT count(*) FROM embedding") == 1
    [(stored,)] = store.database.rows("SELECT vector FROM embedding")
    assert np.frombuffer(stored, np.float16).tolist() == vector.tolist()
    log = store.database.rows("SELECT source, gone FROM index_log ORDER BY source")
    assert log == [(1, ADDED), (2, ADDED)]


def test_a_vector_of_a_text_that_went_meanwhile_is_not_kept(store: Store, put: Put) -> None:
    item = put(store, "/a", ["secret"])
    store.embeddings.use_model(MODEL)
    waiting = store.embeddings.pending(limit=9)
    store.remove_items(1, [item])
    store.embeddings.add(MODEL, [(block, np.ones(8, np.float32)) for block in waiting])
    assert store.database.value("SELECT count(*) FROM embedding") == 0
    assert store.database.value("SELECT count(*) FROM index_log") == 0


def test_another_model_lets_everything_wait_anew(store: Store, put: Put, embed: Embed) -> None:
    put(store, "/a", ["one", "two", "three"])
    embed(store)
    assert store.embeddings.waiting() == 0
    store.embeddings.use_model(MODEL)
    assert store.embeddings.waiting() == 0
    store.embeddings.use_model("another")
    assert store.embeddings.waiting() == 2
    assert store.database.value("SELECT count(*) FROM embedding") == 0
    put(store, "/a", ["one", "two", "three"], fingerprint="2")  # of the older model: it must not be taken
    assert store.embeddings.waiting() == 2


def test_staged_blocks_do_not_wait_yet(store: Store, put: Put) -> None:
    staged = put(store, "/a", ["one"], publish=False)
    assert (store.embeddings.waiting(), store.embeddings.pending(limit=9)) == (0, [])
    store.publish(staged, records=1, skips=())
    assert store.embeddings.waiting() == 1


def test_an_orphan_that_found_a_block_again_is_kept(store: Store, put: Put, embed: Embed) -> None:
    item = put(store, "/a", ["one"])
    embed(store)
    store.remove_items(1, [item])
    put(store, "/b", ["one"])
    store.embeddings.drop_orphans()
    assert store.database.value("SELECT count(*) FROM embedding") == 1
    assert store.database.value("SELECT count(*) FROM orphan") == 0
