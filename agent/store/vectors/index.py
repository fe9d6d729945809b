"""The vector index: Chroma with opaque ids and vectors only. What is missing or damaged is made again from the store."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np

from agent import config
from agent.errors import StoreError
from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.store.vectors import snapshot
from agent.store.writing.embeddings import ADDED, DELETED
from agent.vocabulary import Vector

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_BATCH = 2000
_BYTES_PER_VECTOR = 2_500
"""What Chroma's files take for one 384-dimensional vector (measured 1.9 to 2.3 KB), with some room."""
_KEEP_FREE = 64 << 20
_GROWTH = 0.3
"""Chroma grows its files by a fifth at a time: so much of what it holds has to be free as well."""
_AT_ASKING = 256
"""Entries of the log that a question applies first; the rest waits for `catch_up`."""
_STALE = 0.25
"""From that share of replaced vectors on the index is made anew; deleted ones are purged at each seal."""

log = logging.getLogger("homebody.index")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _in_turn(method: Callable[Concatenate[VectorIndex, _P], _R]) -> Callable[Concatenate[VectorIndex, _P], _R]:
    """One thread at a time applies the log, seals or asks."""

    @wraps(method)
    def turn(self: VectorIndex, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._turn:
            return method(self, *args, **kwargs)

    return turn


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexHome:
    """Where the index lives while it is open.

    "ram": files in a RAM-backed 0700 folder, sealed to `snapshot` when idle. "memory": inside this process, rebuilt at
    each start, where no RAM folder of the needed size can be had; no snapshot is kept then. `key` seals the snapshot.
    """

    kind: Literal["ram", "memory"]
    folder: Path
    snapshot: Path
    key: bytes

    @classmethod
    def choose(cls, runtime: Path, target: Path, key: CompartmentKey, *, vectors: int) -> IndexHome:
        """RAM files where the runtime folder is in RAM and has room for that many vectors, else this process's memory."""
        free = shutil.disk_usage(runtime).free - _KEEP_FREE
        fits = config.is_ram(runtime) and free > 2 * vectors * _BYTES_PER_VECTOR
        return cls(
            kind="ram" if fits else "memory",
            folder=runtime / "index",
            snapshot=target,
            key=key.use("snapshot"),
        )


class VectorIndex:
    """The vectors of all blocks of a store, one collection a source; follows the store by its index log."""

    def __init__(self, store: Store, home: IndexHome, *, model: str, dimensions: int) -> None:
        self._store = store
        self._home = home
        self._model = model
        self._dimensions = dimensions
        self._client: ClientAPI | None = None
        self._collections: dict[int, Any] = {}
        self._applied = 0
        self._deleted = 0  # vectors of deleted texts that Chroma still keeps, marked
        self._replaced = 0  # the same of texts that stand on in other blocks
        self._turn = threading.RLock()

    @property
    def kind(self) -> str:
        return self._home.kind

    @_in_turn
    def open(self) -> None:
        """Unseal the snapshot and replay what came since, or rebuild from the store. Idempotent."""
        if self._client is not None:
            return
        self._wipe()
        if self._home.kind == "memory":  # a snapshot of better days would keep what is forgotten from now on
            self._home.snapshot.unlink(missing_ok=True)
        if not self._restore():
            self._rebuild()
        self.catch_up()

    def _restore(self) -> bool:
        source = self._home.snapshot
        if not source.exists():
            return False
        try:
            header = snapshot.unseal(source, config.private_folder(self._home.folder), self._home.key)
        except (snapshot.Unsealable, OSError) as error:
            log.warning("the index snapshot cannot be used (%s): rebuilding from the store", type(error).__name__)
            self._wipe()
            return False
        seq = header.get("seq")
        newest = self._newest()
        oldest = self._store.database.value("SELECT min(seq) FROM index_log") or newest + 1
        ours = header.get("model") == self._model and header.get("id") in self._sealed_ids()
        if not ours or not isinstance(seq, int) or not oldest - 1 <= seq <= newest:
            self._wipe()
            return False
        self._applied = seq
        self._deleted, self._replaced = 0, int(str(header.get("replaced", 0)))
        self._connect()
        return True

    def _connect(self) -> None:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        if self._home.kind == "memory":
            client = chromadb.EphemeralClient(settings=settings)
        else:
            before = os.umask(0o077)  # Chroma makes its files 0644 otherwise
            try:
                client = chromadb.PersistentClient(
                    path=str(config.private_folder(self._home.folder)), settings=settings
                )
            finally:
                os.umask(before)
        self._client = client

    def _rebuild(self) -> None:
        """Make the whole index from the vectors in the store."""
        self._applied = self._newest()
        self._deleted = self._replaced = 0
        self._connect()
        for source in self._store.source_ids().values():
            for batch in self._stored(source):
                if not self._add(source, batch):
                    return  # there was no room: all of it is in memory now

    def _sealed_ids(self) -> list[str]:
        """The snapshots that belong to this store as it is: not those of a backup that was put back, or of its future."""
        return str(self._store.database.value("SELECT value FROM setting WHERE name = 'snapshots'") or "").split()

    def _name_snapshots(self, *ids: str) -> None:
        self._store.database.run("REPLACE INTO setting VALUES('snapshots', ?)", (" ".join(ids),))

    def _newest(self) -> int:
        """The number that the last log entry had, also when the log has been cut since."""
        return int(self._store.database.value("SELECT seq FROM sqlite_sequence WHERE name = 'index_log'") or 0)

    def _stored(self, source: int) -> Iterator[list[tuple[bytes, bytes]]]:
        last = 0
        while True:
            rows = self._store.database.rows(
                "SELECT block.id, uid, vector FROM block JOIN item ON item.id = block.item"
                " JOIN embedding ON embedding.hash = block.hash AND embedding.model = ?"
                " WHERE item.source = ? AND live = 1 AND embedded = 1 AND block.id > ? ORDER BY block.id LIMIT ?",
                (self._model, source, last, _BATCH),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield [(uid, vector) for _, uid, vector in rows]

    def _collection(self, source: int) -> Any:
        if source not in self._collections:
            assert self._client is not None
            self._collections[source] = self._client.get_or_create_collection(
                self._store.fingerprint("collection", str(source)).hex(),
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
            )
        return self._collections[source]

    def _add(self, source: int, rows: Sequence[tuple[bytes, bytes]]) -> bool:
        """Put vectors in. False when the RAM folder had no room for them: then the whole index was made anew in memory.

        Chroma is not let run into a full folder: it raises once and hangs at the next call.
        """
        if self._home.kind == "ram" and not self._has_room(len(rows)):
            log.warning("the folder in RAM is too small for the index: it stays in memory, and starts take longer")
            self._close_client()
            self._wipe()
            self._home.snapshot.unlink(missing_ok=True)
            self._home = replace(self._home, kind="memory")
            self._rebuild()
            return False
        matrix = np.frombuffer(b"".join(vector for _, vector in rows), np.float16).reshape(len(rows), self._dimensions)
        self._collection(source).upsert(ids=[uid.hex() for uid, _ in rows], embeddings=matrix.astype(np.float32))
        return True

    def _has_room(self, more: int) -> bool:
        held = sum(collection.count() for collection in self._collections.values())
        needed = (2 * more + _GROWTH * held) * _BYTES_PER_VECTOR + _KEEP_FREE
        return bool(shutil.disk_usage(config.private_folder(self._home.folder)).free > needed)

    @_in_turn
    def catch_up(self, *, most: int | None = None) -> int:
        """Apply what the store has logged since (at most so many entries); returns how many entries that were."""
        self.open()
        applied = 0
        while most is None or applied < most:
            rows = self._store.database.rows(
                "SELECT seq, uid, source, gone FROM index_log WHERE seq > ? ORDER BY seq LIMIT ?",
                (self._applied, min(_BATCH, most or _BATCH)),
            )
            if not rows:
                break
            self._applied = rows[-1][0]
            self._apply({(source, bytes(uid)): gone for _, uid, source, gone in rows})
            applied += len(rows)
        return applied

    def _apply(self, last_word: Mapping[tuple[int, bytes], int]) -> None:
        """`last_word`: what the newest entry of a part of the log says of a block. The store itself decides what is."""
        for source in {source for source, _ in last_word}:
            uids = [uid for of, uid in last_word if of == source]
            wanted = self._vectors(source, uids)
            gone = [uid for uid in uids if uid not in wanted]
            if gone:
                self._collection(source).delete(ids=[uid.hex() for uid in gone])
            for uid in gone:
                self._deleted += last_word[source, uid] == DELETED
                self._replaced += last_word[source, uid] not in (ADDED, DELETED)
            if wanted and not self._add(source, list(wanted.items())):
                return

    def _vectors(self, source: int, uids: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors of those blocks that are there and have one."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(uids), 500):
            part = uids[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._store.database.rows(
                "SELECT uid, vector FROM block JOIN item ON item.id = block.item"  # noqa: S608 - marks only
                " JOIN embedding ON embedding.hash = block.hash AND embedding.model = ?"
                f" WHERE item.source = ? AND live = 1 AND embedded = 1 AND uid IN ({marks})",
                (self._model, source, *part),
            )
            found.update((bytes(uid), bytes(vector)) for uid, vector in rows)
        return found

    @_in_turn
    def query(self, vector: Vector, *, sources: Sequence[int], limit: int) -> list[tuple[bytes, float]]:
        """The nearest blocks of some sources: (uid, cosine similarity), best first."""
        self.catch_up(most=_AT_ASKING)
        found: list[tuple[bytes, float]] = []
        for source in sources:
            collection = self._collection(source)
            count = min(limit, collection.count())
            if not count:
                continue
            result = collection.query(query_embeddings=[vector], n_results=count, include=["distances"])
            found += [
                (bytes.fromhex(uid), 1.0 - float(distance))
                for uid, distance in zip(result["ids"][0], result["distances"][0], strict=True)
            ]
        return sorted(found, key=lambda hit: -hit[1])[:limit]

    @_in_turn
    def count(self) -> int:
        """How many vectors the index holds, with all that the store has logged."""
        self.catch_up()
        return sum(self._collection(source).count() for source in self._store.source_ids().values())

    @_in_turn
    def purge(self) -> None:
        """Make the index anew without the vectors of what was deleted: Chroma itself only marks them (chroma#3793).

        Vectors of replaced blocks tell nothing that is not said elsewhere: they go when they are many.
        """
        self.catch_up()
        if self._deleted or self._replaced > max(_BATCH, _STALE * self.count()):
            self._close_client()
            self._wipe()
            self._rebuild()

    @_in_turn
    def seal(self) -> None:
        """Write the snapshot, free of deleted vectors, and cut the log that it contains. Raises StoreError."""
        if self._client is None:
            return
        self.catch_up()
        self.purge()
        if self._home.kind == "ram":
            self._close_client()
            try:
                self._write_snapshot()
            except OSError as error:
                raise StoreError(
                    f"The index snapshot could not be written ({error.strerror}).",
                    remedy="Free some space; until then each start takes longer.",
                ) from None
            finally:
                self._connect()
        with self._store.database.writing():
            self._store.database.run("DELETE FROM index_log WHERE seq <= ?", (self._applied,))

    def _write_snapshot(self) -> None:
        fresh = secrets.token_hex(8)
        with self._store.database.writing():
            self._name_snapshots(*self._sealed_ids()[-1:], fresh)
        header = {"model": self._model, "seq": self._applied, "id": fresh, "replaced": self._replaced}
        snapshot.seal(self._home.folder, self._home.snapshot, self._home.key, header)
        with self._store.database.writing():
            self._name_snapshots(fresh)

    def is_sealed(self) -> bool:
        """Whether nothing came since the last seal."""
        return self._store.database.value("SELECT 1 FROM index_log LIMIT 1") is None

    def owes(self) -> bool:
        """Whether a seal cannot wait: the snapshot holds what was deleted since, or lacks so much that a start slows."""
        sql = "SELECT coalesce(max(gone = ?), 0) OR count(*) > ? FROM index_log"
        return bool(self._store.database.value(sql, (DELETED, _BATCH)))

    @_in_turn
    def close(self) -> None:
        """Let go of the files and wipe the RAM folder. Does not seal."""
        self._close_client()
        self._wipe()

    def _close_client(self) -> None:
        """Chroma keeps files open, and a cached state, until its client is closed."""
        if self._client is not None:
            if self._home.kind == "memory":
                for collection in self._collections.values():
                    self._client.delete_collection(collection.name)
            self._client.close()
            self._client = None
        self._collections.clear()

    def _wipe(self) -> None:
        if self._home.folder.exists():
            shutil.rmtree(self._home.folder)
