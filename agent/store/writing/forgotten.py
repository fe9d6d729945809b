"""What the owner wants never to see again, though its source still has it: bans on places and on texts, as hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.store.database import Database
from agent.store.writing.embeddings import Embeddings
from agent.vocabulary import Chunk

_OWN = 40
"""Characters from which a text is taken to be one of a kind: forgetting one "ok" must not forget them all."""

Fingerprint = Callable[..., bytes]


class Forgotten:
    """The bans of one store. They go by the name of a source: removing and adding it again does not lift them."""

    def __init__(self, database: Database, fingerprint: Fingerprint) -> None:
        self._database = database
        self._fingerprint = fingerprint

    def among(self, name: str, key: str, chunks: Sequence[Chunk]) -> set[int]:
        """Which of some chunks of an item (by index) are banned."""
        if self._database.value("SELECT 1 FROM forgotten LIMIT 1") is None:
            return set()
        return {
            index
            for index, chunk in enumerate(chunks)
            for uid in (self._fingerprint(name, key, chunk.place), *self._own_text(name, chunk.text))
            if self._database.value("SELECT 1 FROM forgotten WHERE uid = ?", (uid,)) is not None
        }

    def _own_text(self, name: str, text: str) -> tuple[bytes, ...]:
        return (self._fingerprint(name, text),) if len(text) >= _OWN else ()

    def add(self, uid: bytes) -> bool:
        """Delete a chunk, and equal longer texts of its source, and ban them. False when there is no such chunk.

        Part of its caller's transaction.
        """
        found = self._database.rows(
            "SELECT source, text, item FROM chunk JOIN item ON item.id = chunk.item WHERE chunk.uid = ?", (uid,)
        )
        for source, text, item in found:
            names = self._database.rows(
                "SELECT DISTINCT name FROM source JOIN item ON item.source = source.id WHERE item.id = ?1 OR holder = ?1",
                (item,),
            )
            bans = {uid, *(ban for (name,) in names for ban in self._own_text(name, text))}
            self._database.run_many("INSERT OR IGNORE INTO forgotten VALUES(?)", [(ban,) for ban in bans])
            for number, block in self._database.rows(
                "SELECT chunk.id, block FROM chunk JOIN item ON item.id = chunk.item"
                " WHERE source = ?1 AND (uid = ?2 OR (?3 AND text = ?4))",
                (source, uid, len(bans) > 1, text),
            ):
                self._database.run("DELETE FROM chunk WHERE id = ?", (number,))
                self._drop_block(source, block)
        return bool(found)

    def _drop_block(self, source: int, block: int | None) -> None:
        """Drop the vector over a forgotten chunk; what is left of its block becomes one block that waits for a vector."""
        embeddings = Embeddings(self._database)
        for uid, hash_, item in self._database.rows("SELECT uid, hash, item FROM block WHERE id = ?", (block,)):
            embeddings.log(source, [uid], gone=True)
            self._database.run("DELETE FROM block WHERE id = ?", (block,))
            self._database.run("INSERT OR IGNORE INTO orphan VALUES(?)", (hash_,))
            left = [
                text for (text,) in self._database.rows("SELECT text FROM chunk WHERE block = ? ORDER BY seq", (block,))
            ]
            if left:
                anew = self._fingerprint(bytes(uid).hex(), *left)
                number = self._database.insert("INSERT INTO block(uid, item, hash) VALUES(?, ?, ?)", (anew, item, anew))
                self._database.run("UPDATE chunk SET block = ? WHERE block = ?", (number, block))
        embeddings.drop_orphans()
