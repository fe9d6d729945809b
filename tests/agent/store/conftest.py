"""Stores on disk, and items for them in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import numpy as np
import pytest

from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.vocabulary import Block, Chunk
from indexers.record import Skipped
from indexers.source import Item

KEY = CompartmentKey(bytes(range(32)))
MODEL = "seeded-8"
DIMENSIONS = 8

Put = Callable[..., int]
Embed = Callable[[Store], int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "life" / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    path.parent.mkdir()
    store = Store.open(path, KEY, create=True)
    yield store
    store.close()


@pytest.fixture
def reopen(path: Path) -> Callable[[], Store]:
    return lambda: Store.open(path, KEY)


@pytest.fixture
def put() -> Put:
    """Stage and publish one item: each text is a chunk; two neighbours share a block."""

    def stored(
        store: Store,
        key: str,
        texts: Sequence[str],
        *,
        source: str = "notes",
        fingerprint: str = "1",
        identity: str = "",
        places: Sequence[str] = (),
        people: tuple[str, ...] = (),
        skips: Sequence[Skipped] = (),
        publish: bool = True,
    ) -> int:
        number = store.source(source, "documents")
        with store.writing():
            item = store.stage(number, Item(id=key, fingerprint=fingerprint, identity=identity), now=1.0)
            chunks = [
                Chunk(
                    place=places[at] if places else f"p{at}",
                    thread=key,
                    kind="section",
                    title="",
                    text=text,
                    about="7 May 2023",
                    path=key,
                    sender=people[0] if people else "",
                    people=people,
                    when=float(at),
                )
                for at, text in enumerate(texts)
            ]
            blocks = [
                Block(
                    first=at,
                    last=min(at + 1, len(texts) - 1),
                    text="\n".join(texts[at : at + 2]),
                )
                for at in range(0, len(texts), 2)
            ]
            store.name_handles(dict.fromkeys(people, ("", False)))
            store.add_chunks(item, chunks, blocks, model=MODEL)
        if publish:
            store.publish(item, records=len(texts), skips=skips)
        return item

    return stored


@pytest.fixture
def embed() -> Embed:
    """Give every waiting block a vector that its text decides; returns how many waited."""

    def embedded(store: Store) -> int:
        store.embeddings.use_model(MODEL)
        done = 0
        while waiting := store.embeddings.pending(limit=100):
            vectors = []
            for block in waiting:
                text = "\n".join(chunk.text for chunk in block.chunks)
                vector = np.random.default_rng(list(text.encode())).normal(size=DIMENSIONS).astype(np.float32)
                vectors.append((block, vector / np.linalg.norm(vector)))
            store.embeddings.add(MODEL, vectors)
            done += len(waiting)
        return done

    return embedded


@pytest.fixture
def decrypted(path: Path, tmp_path: Path) -> Callable[[], bytes]:
    """The bytes of all pages of the closed or checkpointed store, without their encryption."""

    def plain() -> bytes:
        copy = tmp_path / "plain.db"
        for suffix in ("", "-wal"):
            origin = path.with_name(path.name + suffix)
            if origin.exists():
                shutil.copy(origin, copy.with_name(copy.name + suffix))
        connection = apsw.Connection(str(copy))
        connection.pragma("cipher", "chacha20")
        connection.pragma("key", f"raw:{KEY.use('sqlite').hex()}")
        connection.pragma("journal_mode", "DELETE")
        connection.pragma("rekey", "")
        connection.close()
        data = copy.read_bytes()
        assert data.startswith(b"SQLite format 3"), "the copy was not decrypted"
        return data

    return plain
