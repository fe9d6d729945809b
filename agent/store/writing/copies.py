"""Equal files in several places: one item holds their text, the others point at it and inherit when it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.store.database import Database
from agent.store.writing.embeddings import Embeddings
from agent.store.writing.parts import Parts

_PATHS = 8
"""So many places of one text are found by the words of their paths."""

_MANY = 200
"""From so many items on it is cheaper to write the word indexes anew than to wipe each word's place singly."""

ThreadOf = Callable[[int, bytes], int]
"""The row of a thread by its source and key, made when it is new."""


@contextmanager
def rewording(database: Database, items: int) -> Iterator[None]:
    """Let the words of some items change inside one transaction; none of the old ones is left in the indexes after it.

    FTS5's secure-delete costs milliseconds a row. For many rows the old words are marked and one merge drops them all.
    """
    if items < _MANY:
        yield
        return
    for index in ("words", "grams"):
        database.run(f"INSERT INTO {index}({index}, rank) VALUES('secure-delete', 0)")
    yield
    for index in ("words", "grams"):
        database.run(f"INSERT INTO {index}({index}) VALUES('optimize')")
        database.run(f"INSERT INTO {index}({index}, rank) VALUES('secure-delete', 1)")


class Copies:
    """The places of one store's equal files. Every method is part of its caller's transaction."""

    def __init__(self, database: Database, thread: ThreadOf, fingerprint: Callable[..., bytes], parts: Parts) -> None:
        self._database = database
        self._thread = thread
        self._hash = fingerprint
        self._parts = parts

    def holder(self, content: bytes, *, source: int, key: str) -> int | None:
        """The live item, in another place than this, that holds the text of a file with this content."""
        found = self._database.value(
            "SELECT id FROM item WHERE content = ? AND live = 1 AND holder IS NULL AND NOT (source = ? AND key = ?)",
            (content, source, key),
        )
        return None if found is None else int(found)

    def origin(self, source: int, key: str, content: bytes | None) -> str:
        """From what the ids of an item's next generation are made: a hash of the place where it was first seen.

        A file that moved keeps it. One in the place of a file that moved away, or whose text another place inherits,
        gets another, for the ids went with that.
        """
        old = self._database.rows(
            "SELECT origin, content, EXISTS(SELECT 1 FROM item AS place WHERE place.holder = item.id AND live = 1)"
            " FROM item WHERE source = ? AND key = ? AND live = 1 AND holder IS NULL",
            (source, key),
        )
        inherited = bool(old) and bool(old[0][2]) and old[0][1] != content
        if old and old[0][0] and not inherited:
            return str(old[0][0])
        name = str(self._database.value("SELECT name FROM source WHERE id = ?", (source,)))
        free = self._hash(name, key).hex()
        while self._database.value("SELECT 1 FROM item WHERE origin = ? AND origin != '' AND live = 1", (free,)):
            free = self._hash(free).hex()
        return free

    def point(self, item: int, holder: int) -> None:
        """Let a staged item be a further place of a holder's text."""
        self._database.run("UPDATE item SET holder = ?, origin = '' WHERE id = ?", (holder, item))
        self.tell_paths(holder)

    def tell_paths(self, holder: int) -> None:
        """Let the words of all places of a text find it."""
        keys = [
            str(key)
            for (key,) in self._database.rows(
                "SELECT DISTINCT key FROM item WHERE id = ?1 OR holder = ?1 ORDER BY holder IS NOT NULL, id LIMIT ?2",
                (holder, _PATHS),
            )
        ]
        self._database.run(
            "UPDATE chunk SET path = ?1 WHERE item = ?2 AND path NOT IN ('', ?1)", ("\n".join(keys), holder)
        )

    def bequeath(self, item: int, *, successor: int | None = None) -> int | None:
        """Before an item goes: its places follow a successor with the same content, else the first of them inherits.

        Returns the holder whose paths have to be told anew once the item is gone.
        """
        source, origin, records, content, holder = self._database.rows(
            "SELECT source, origin, records, content, holder FROM item WHERE id = ?", (item,)
        )[0]
        if holder is not None:
            return int(holder)
        heirs = self._database.rows(
            "SELECT id, source FROM item WHERE holder = ? AND live = 1 ORDER BY source != ?, id", (item, source)
        )
        if not heirs:
            return None
        if successor is not None and self._holds(successor, content):
            self._database.run("UPDATE item SET holder = ? WHERE holder = ?", (successor, item))
            return successor
        heir, its_source = map(int, heirs[0])
        self._database.run("UPDATE item SET holder = ? WHERE holder = ?", (heir, item))
        self._database.run(
            "UPDATE item SET holder = NULL, origin = ?, records = ? WHERE id = ?", (origin, records, heir)
        )
        self._parts.inherit(item, heir)
        if its_source != source:
            self._emigrate(item, int(source), its_source)
        self._database.run("UPDATE block SET item = ? WHERE item = ?", (heir, item))
        self._database.run("UPDATE chunk SET item = ? WHERE item = ?", (heir, item))
        return heir

    def _holds(self, item: int, content: bytes | None) -> bool:
        found = self._database.rows("SELECT content, holder FROM item WHERE id = ?", (item,))
        return bool(found) and found[0][0] == content is not None and found[0][1] is None

    def _emigrate(self, item: int, source: int, to: int) -> None:
        """Move the threads and vectors of an item to another source, whose item inherits them."""
        for thread, key in self._database.rows(
            "SELECT DISTINCT thread.id, key FROM chunk JOIN thread ON thread.id = chunk.thread WHERE item = ?", (item,)
        ):
            self._database.run(
                "UPDATE chunk SET thread = ? WHERE item = ? AND thread = ?", (self._thread(to, key), item, thread)
            )
        embeddings = Embeddings(self._database)
        uids = embeddings.uids(item)
        embeddings.log(source, uids, gone=True)
        embeddings.log(to, uids, gone=False)
