"""Overlapping imports: what a newer export says again goes from the older ones, and comes back if the newer loses it."""

from __future__ import annotations

from agent.store.database import Database
from agent.store.writing.copies import rewording
from agent.store.writing.embeddings import Embeddings

_AGAIN = """
    SELECT old.id, old.uid, old.embedded, old.item, old.hash FROM block AS new
    JOIN block AS old ON old.hash = new.hash AND old.item != new.item
    JOIN item ON item.id = old.item AND item.live = 1 AND item.source = ?2
    WHERE new.item = ?1
    AND NOT EXISTS(SELECT 1 FROM item AS place WHERE place.holder = old.item)
    AND NOT EXISTS(SELECT 1 FROM chunk AS was WHERE was.block = old.id AND NOT EXISTS(
        SELECT 1 FROM chunk AS now WHERE now.block = new.id AND now.kind = was.kind AND now.title = was.title
        AND now.text = was.text AND now.at IS was.at AND (was.kind != 'message' OR now.thread = was.thread)))
    GROUP BY old.id
"""
"""Blocks of other items over the same texts of the same time. One greeting to two people is no repetition."""


class Overlaps:
    """The blocks that were dropped in favour of a newer item. Every method is part of its caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop(self, item: int, *, source: int) -> None:
        """Drop from the other items of the source what an item says again, and remember from which."""
        again = self._database.rows(_AGAIN, (item, source))
        if not again:
            return
        with rewording(self._database, len(again)):
            for table, key in (("chunk", "block"), ("block", "id")):
                self._database.run_many(
                    f"DELETE FROM {table} WHERE {key} = ?",  # noqa: S608 - names from the line above
                    [(block,) for block, *_ in again],
                )
        uids = [bytes(uid) for _, uid, embedded, *_ in again if embedded]
        Embeddings(self._database).log(source, uids, gone=True, text_stays=True)
        self._database.run_many(
            "INSERT OR IGNORE INTO overlap(older, newer, hash) VALUES(?, ?, ?)",
            [(older, item, hash_) for *_, older, hash_ in again],
        )

    def restore(self, item: int, *, successor: int | None = None) -> None:
        """Before an item goes: what was dropped in its favour, and its successor lacks, moves to where it was."""
        if self._database.value("SELECT 1 FROM overlap WHERE newer = ? LIMIT 1", (item,)) is None:
            return  # as of all that is no import
        # What an even newer one took over from this item, it holds for those from which this item took it.
        self._database.run(
            "INSERT OR IGNORE INTO overlap(older, newer, hash) SELECT first.older, last.newer, first.hash"
            " FROM overlap AS first JOIN overlap AS last ON last.older = first.newer AND last.hash = first.hash"
            " WHERE first.newer = ?",
            (item,),
        )
        if successor is not None:
            self._database.run(
                "UPDATE OR IGNORE overlap SET newer = ?2 WHERE newer = ?1"
                " AND EXISTS(SELECT 1 FROM block WHERE block.item = ?2 AND block.hash = overlap.hash)",
                (item, successor),
            )
        # Where several lost a text to this item, the newest of them gets it back and holds it for the others.
        self._database.run(
            "INSERT OR IGNORE INTO overlap(older, newer, hash) SELECT older, heir, overlap.hash FROM overlap JOIN"
            " (SELECT hash, max(older) AS heir FROM overlap JOIN item ON item.id = older AND item.live = 1"
            " WHERE newer = ?1 GROUP BY hash) AS next ON next.hash = overlap.hash WHERE newer = ?1 AND older < heir",
            (item,),
        )
        back = self._database.rows(
            "SELECT block.id, max(older) FROM overlap JOIN block ON block.item = newer AND block.hash = overlap.hash"
            " JOIN item ON item.id = older AND item.live = 1 WHERE newer = ? GROUP BY block.id",
            (item,),
        )
        for table, key in (("chunk", "block"), ("block", "id")):
            self._database.run_many(
                f"UPDATE {table} SET item = ?2 WHERE {key} = ?1",  # noqa: S608 - names from the line above
                back,
            )

    def forget(self, item: int) -> None:
        """An item is gone: nothing was dropped from it, nor in its favour."""
        self._database.run("DELETE FROM overlap WHERE older = ?1 OR newer = ?1", (item,))
