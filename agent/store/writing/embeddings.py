"""The vectors of texts, kept once each by a keyed hash of the text, and the log by which the index follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from agent.store.database import Database
from agent.vocabulary import Chunk, Vector

ADDED, DELETED, REPLACED = 0, 1, 2
"""`gone` in the index log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingBlock:
    """A block without a vector: its chunks, in order, from which its embedded text is made."""

    id: int
    hash: bytes
    chunks: tuple[Chunk, ...]


class Embeddings:
    """The vectors of one store. A block waits until it has one; equal texts share one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def log(self, source: int, uids: Collection[bytes], *, gone: bool, text_stays: bool = False) -> None:
        """Tell the index that blocks came or went. `text_stays`: all that a gone block said is said by others now."""
        change = (REPLACED if text_stays else DELETED) if gone else ADDED
        self._database.run_many(
            "INSERT INTO index_log(uid, source, gone) VALUES(?, ?, ?)", [(uid, source, change) for uid in uids]
        )

    def uids(self, item: int, *, without: int | None = None) -> set[bytes]:
        """The blocks of an item that have a vector; `without`: those of them over a text that this other item has not."""
        found = self._database.rows(
            "SELECT uid FROM block WHERE item = ?1 AND embedded = 1 AND (?2 IS NULL OR EXISTS(SELECT 1 FROM chunk AS old"
            " WHERE old.block = block.id AND NOT EXISTS(SELECT 1 FROM chunk AS new WHERE new.uid = old.uid"
            " AND new.item = ?2 AND new.text = old.text)))",
            (item, without),
        )
        return {bytes(uid) for (uid,) in found}

    def drop_orphans(self) -> None:
        """Delete the vectors of texts that have gone and did not come back elsewhere."""
        if self._database.value("SELECT 1 FROM orphan LIMIT 1") is None:
            return
        with self._database.writing():
            self._database.run(
                "DELETE FROM embedding WHERE hash IN (SELECT hash FROM orphan)"
                " AND NOT EXISTS(SELECT 1 FROM block WHERE block.hash = embedding.hash)"
            )
            self._database.run("DELETE FROM orphan")

    def use_model(self, model: str) -> None:
        """Let blocks wait anew whose vectors are of another model's space. Vectors of two spaces are never mixed."""
        if self._database.value("SELECT value FROM setting WHERE name = 'embedder'") == model:
            return
        with self._database.writing():
            self._database.run("DELETE FROM embedding WHERE model != ?", (model,))
            self._database.run(
                "UPDATE block SET embedded = EXISTS(SELECT 1 FROM embedding WHERE hash = block.hash AND model = ?)",
                (model,),
            )
            self._database.run("REPLACE INTO setting VALUES('embedder', ?)", (model,))

    def waiting(self) -> int:
        """How many blocks have no vector yet."""
        return int(
            self._database.value(
                "SELECT count(*) FROM block JOIN item ON item.id = block.item WHERE embedded = 0 AND live = 1"
            )
        )

    def count(self) -> int:
        """How many blocks have a vector."""
        return int(
            self._database.value(
                "SELECT count(*) FROM block JOIN item ON item.id = block.item WHERE embedded = 1 AND live = 1"
            )
        )

    def pending(self, *, limit: int) -> list[PendingBlock]:
        """Blocks without a vector, newest first, with the chunks that their text is made of."""
        blocks = self._database.rows(
            "SELECT block.id, block.hash FROM block JOIN item ON item.id = block.item"
            " WHERE embedded = 0 AND live = 1 ORDER BY block.id DESC LIMIT ?",
            (limit,),
        )
        out = []
        for number, hash_ in blocks:
            rows = self._database.rows(
                "SELECT kind, title, text, context FROM chunk WHERE block = ? ORDER BY seq", (number,)
            )
            chunks = tuple(
                Chunk(place="", thread="", kind=kind, title=title, text=text, context=context)
                for kind, title, text, context in rows
            )
            out.append(PendingBlock(id=number, hash=hash_, chunks=chunks))
        return out

    def add(self, model: str, vectors: Sequence[tuple[PendingBlock, Vector]]) -> None:
        """Keep the vectors of blocks (as 16-bit floats) and tell the index about them, in one transaction."""
        with self._database.writing():
            for block, vector in vectors:
                self._database.run(
                    "INSERT OR IGNORE INTO embedding SELECT ?1, ?2, ?3 WHERE EXISTS(SELECT 1 FROM block WHERE hash = ?1)",
                    (block.hash, model, vector.astype(np.float16).tobytes()),
                )
                equal = self._database.rows(
                    "SELECT block.id, uid, source FROM block JOIN item ON item.id = block.item"
                    " WHERE hash = ? AND embedded = 0 AND live = 1",
                    (block.hash,),
                )
                for number, uid, source in equal:
                    self._database.run("UPDATE block SET embedded = 1 WHERE id = ?", (number,))
                    self.log(source, [uid], gone=False)
