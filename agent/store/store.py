"""The truth on disk: items by generation, their chunks, the vectors of their texts, and what was skipped."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from agent.errors import WrongUse
from agent.store.database import Database, Row
from agent.store.keys import CompartmentKey
from agent.store.samples import Samples
from agent.store.writing.copies import Copies, rewording
from agent.store.writing.embeddings import Embeddings
from agent.store.writing.forgotten import Forgotten
from agent.store.writing.names import Names
from agent.store.writing.overlaps import Overlaps
from agent.store.writing.parts import Parts
from agent.vocabulary import Block, Chunk
from indexers.record import Contact, SampleBatch, Skipped, parted
from indexers.source import Item

_UNSEGMENTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul: scripts in which a word index finds no words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """The live generation of one item."""

    id: int
    key: str
    fingerprint: str
    identity: str
    size: int


class Store:
    """One compartment. Every change is a transaction; `writing()` joins several into one."""

    def __init__(self, database: Database, id_key: bytes) -> None:
        self.database = database
        self.changes = 0  # commits of this process that changed what can be seen: what was read before is stale
        self._id_key = id_key
        self._names = Names(database)
        self._depth = 0
        self._touched = False

    @classmethod
    def open(cls, path: Path, key: CompartmentKey, *, create: bool = False) -> Store:
        """Open (or, at `init`, make) the store and discard what a killed pass had staged. Raises StoreError."""
        store = cls(Database.open(path, key, create=create), key.use("ids"))
        store.discard_staged()
        store.embeddings.drop_orphans()
        return store

    @classmethod
    def in_memory(cls) -> Store:
        return cls(Database.in_memory(), b"in memory")

    def close(self) -> None:
        self.database.close()

    @property
    def embeddings(self) -> Embeddings:
        return Embeddings(self.database)

    @property
    def samples(self) -> Samples:
        return Samples(self.database.connection())

    @property
    def _forgotten(self) -> Forgotten:
        return Forgotten(self.database, self.fingerprint)

    @property
    def _overlaps(self) -> Overlaps:
        return Overlaps(self.database)

    @property
    def _parts(self) -> Parts:
        return Parts(self.database, self._drop)

    @property
    def copies(self) -> Copies:
        return Copies(self.database, self._names.thread, self.fingerprint, self._parts)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; nested uses join it. `changes` grows after it if it changed what can be seen."""
        touched = False
        with self.database.writing():
            if not self._depth:
                self._names.clear()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    touched, self._touched = self._touched, False
        self.changes += touched

    def fingerprint(self, *parts: str) -> bytes:
        """The keyed hash that stands for a place or a text outside of the encrypted pages (16 bytes)."""
        digest = blake2b(key=self._id_key, digest_size=16)
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
        return digest.digest()

    # Sources

    def source(self, name: str, kind: str) -> int:
        """The number of a source, made when it is new. Raises WrongUse when the name stands for another kind."""
        for number, was in self.database.rows("SELECT id, kind FROM source WHERE name = ?", (name,)):
            if was != kind:
                raise WrongUse(
                    f"{name!r} holds data of the kind {was}, not {kind}.",
                    remedy=f"Take another name, or run `homebody forget {name}` first.",
                )
            return int(number)
        with self.writing():
            return self.database.insert("INSERT INTO source(name, kind) VALUES(?, ?)", (name, kind))

    def source_ids(self) -> dict[str, int]:
        return {str(name): int(number) for number, name in self.database.rows("SELECT id, name FROM source")}

    def items(self, source: int, *, among: Collection[str] | None = None) -> dict[str, StoredItem]:
        """The live items of a source by key: all, or those of some keys; fingerprints tell how far half-read ones came."""
        sql = "SELECT id, key, fingerprint, identity, size FROM item WHERE source = ? AND live = 1"
        if among is not None:
            sql += " AND key IN (SELECT value FROM json_each(?))"
        rows = self.database.rows(sql, (source,) if among is None else (source, json.dumps([*among])))
        waiting = self._parts.waiting(source)
        return {
            key: StoredItem(id=number, key=key, fingerprint=seen[0], identity=seen[1], size=size)
            for number, key, fingerprint, identity, size in rows
            for seen in (waiting.get(key, (fingerprint, identity)),)
        }

    def finish_pass(
        self, source: int, *, finished: float, seconds: float, problem: str, skips: Iterable[Skipped]
    ) -> None:
        """Note how a pass over a source ended, with what its scan could not see."""
        with self.writing():
            self.database.run("DELETE FROM skipped WHERE source = ? AND item IS NULL", (source,))
            self._add_skipped(None, source, skips)
            self.database.run("REPLACE INTO pass VALUES(?, ?, ?, ?)", (source, finished, seconds, problem))

    # Items: staged in batches, visible at once

    def stage(self, source: int, item: Item, *, now: float, content: str = "") -> int:
        """Start a new generation of an item; nothing of it is visible until `publish`.

        `content` is equal for equal files, "" for what is no file.
        """
        hashed = self.fingerprint("content", content) if content else None
        return self.database.insert(
            "INSERT INTO item(source, key, fingerprint, identity, size, read_at, live, content, origin)"
            " VALUES(?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (
                source, item.id, item.fingerprint, item.identity, item.size, now,
                hashed, self.copies.origin(source, item.id, hashed),
            ),
        )  # fmt: skip

    def holder(self, source: int, item: Item, content: str) -> int | None:
        """The live item in another place that holds the same content."""
        return self.copies.holder(self.fingerprint("content", content), source=source, key=item.id) if content else None

    def stage_copy(self, source: int, item: Item, *, now: float, content: str, holder: int) -> int:
        """Start a new generation of an item that is a further place of the text of another."""
        staged = self.stage(source, item, now=now, content=content)
        self.copies.point(staged, holder)
        return staged

    def add_chunks(
        self, item: int, chunks: Sequence[Chunk], blocks: Sequence[Block], *, model: str, base: int = 0
    ) -> None:
        """Add chunks and the blocks over them (`first`..`last` are indexes into `chunks`) to a staged item.

        `base` is how many chunks the item has already. Records that the owner has forgotten singly are left out.
        """
        source, name, origin = self.database.rows(
            "SELECT source.id, name, origin FROM item JOIN source ON source.id = item.source WHERE item.id = ?",
            (item,),
        )[0]
        banned = self._forgotten.among(name, origin, chunks)
        block_of: dict[int, int] = {}
        for block in blocks:
            members = [index for index in range(block.first, block.last + 1) if index not in banned]
            if not members:
                continue
            whole = len(members) == block.last + 1 - block.first
            hash_ = self.fingerprint(*([block.text] if whole else ["part", *(chunks[at].text for at in members)]))
            uid = self.fingerprint(name, origin, chunks[members[0]].place, block.text)
            known = self.database.value("SELECT 1 FROM embedding WHERE hash = ? AND model = ?", (hash_, model))
            number = self.database.insert(
                "INSERT INTO block(uid, item, hash, embedded) VALUES(?, ?, ?, ?)", (uid, item, hash_, bool(known))
            )
            block_of.update(dict.fromkeys(members, number))
        rows = [
            self._chunk_row(
                item, source, self.fingerprint(name, origin, chunk.place), chunk, base + index, block_of.get(index)
            )
            for index, chunk in enumerate(chunks)
            if index not in banned
        ]
        self.database.run_many(
            "INSERT INTO chunk(uid, item, block, thread, seq, kind, title, text, about, path, unsegmented, sender,"
            " company, at, until, locator, context, spans, read_by) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )

    def forget_record(self, uid: bytes) -> bool:
        """Forget one chunk for good, also when its source is read again: its place, and a longer text wherever it is."""
        with self.writing():
            self._touched = True
            return self._forgotten.add(uid)

    def _chunk_row(self, item: int, source: int, uid: bytes, chunk: Chunk, seq: int, block: int | None) -> Row:
        names = self._names
        sender = names.handle(chunk.sender) if chunk.sender else None
        company = tuple(map(names.handle, chunk.people))
        named = (sender,) if sender is not None else company
        tokens = " ".join(person_token(number) for number in named)
        unsegmented = _UNSEGMENTED.search(chunk.text) or _UNSEGMENTED.search(chunk.title)
        return (
            uid, item, block, names.thread(source, self.fingerprint(chunk.thread)), seq,
            chunk.kind, chunk.title, chunk.text, f"{chunk.about} {tokens}".strip(), chunk.path, bool(unsegmented), sender,
            names.company(company) if company else None, chunk.when, chunk.until, chunk.locator, chunk.context,
            json.dumps(chunk.spans) if chunk.spans else "", chunk.read_by,
        )  # fmt: skip

    def name_handles(self, names: Mapping[str, tuple[str, bool]]) -> None:
        """Keep what a source calls the people behind its handles: handle -> (name or "", is the owner)."""
        self._touched |= self._names.call(names)

    def add_cards(self, item: int, contacts: Iterable[tuple[Contact, Sequence[str]]]) -> None:
        """Keep which handles stand together on which contact card of a staged item."""
        self.database.run_many(
            "INSERT INTO card(item, card, name, handle) VALUES(?, ?, ?, ?)",
            [
                (item, contact.id, contact.names[0], handle)
                for contact, handles in contacts
                for handle in handles or [""]
            ],
        )

    def add_samples(self, item: int, batches: Iterable[SampleBatch]) -> None:
        samples = self.samples
        for batch in batches:
            samples.add(item, batch)

    def _add_skipped(self, item: int | None, source: int, skips: Iterable[Skipped]) -> None:
        rows = [(item, source, skip.where, skip.why, skip.outcome, skip.count) for skip in skips]
        self.database.run_many("INSERT INTO skipped VALUES(?, ?, ?, ?, ?, ?)", rows)

    def publish(
        self, item: int, *, records: int, skips: Iterable[Skipped], retry: bool = False, imported: bool = False
    ) -> None:
        """Make a staged item visible in place of its older generation, in one transaction.

        With `retry` the next pass reads it again, changed or not. Imported items overlap: a text is kept in the one that
        was read last. Of an item that is read in several turns (a skip says "unfinished") each turn is one; it is seen
        at once, unless an older generation is whole: that goes when the new one is, too.
        """
        with self.writing():
            sql = "SELECT source, key, fingerprint FROM item WHERE id = ?"
            source, key, fingerprint = self.database.rows(sql, (item,))[0]
            staged, fresh = item, self.embeddings.uids(item)
            item, left, skips = self._parts.turn(item, fingerprint, tuple(skips))
            self._add_skipped(item, source, skips)
            self._touched = True
            self.database.run("UPDATE item SET records = records + ? WHERE id = ?", (records, item))
            old = self.database.value("SELECT id FROM item WHERE source = ? AND key = ? AND live = 1", (source, key))
            if old == item:
                self.embeddings.log(source, fresh, gone=False)
                self.copies.tell_paths(item)
                return
            fresh = fresh if item == staged else self.embeddings.uids(item)
            if old is not None:
                if self._parts.stays(int(old), against=item, left=left):
                    return
                holder = self.copies.bequeath(int(old), successor=item)
                self._parts.drop_waiting(int(old), but=item)
                self._overlaps.restore(int(old), successor=item)
                stale = self.embeddings.uids(int(old))
                lost = self.embeddings.uids(int(old), without=item)
                self.embeddings.log(source, stale - fresh - lost, gone=True, text_stays=True)
                self.embeddings.log(source, lost - fresh, gone=True)
                self._drop(int(old))
                fresh -= stale
                if holder is not None:
                    self.copies.tell_paths(holder)
            if imported:
                self._overlaps.drop(item, source=source)
            self.embeddings.log(source, fresh, gone=False)
            sql = "UPDATE item SET live = 1, fingerprint = iif(?, '', fingerprint) WHERE id = ?"
            self.database.run(sql, (retry, item))

    def keep(self, source: int, item: Item, skips: Iterable[Skipped], *, retry: bool) -> bool:
        """Let the whole generation of an item stand that cannot be read anew now; False when there is none.

        With `retry` the next pass tries again, else only a change of the item does.
        """
        with self.writing():
            old = self.database.value(
                "SELECT id FROM item WHERE source = ? AND key = ? AND live = 1", (source, item.id)
            )
            if old is None:
                return False
            self.database.run("DELETE FROM skipped WHERE item = ?", (old,))
            self._add_skipped(int(old), source, skips)
            if not retry:
                self._parts.drop_waiting(int(old))
                now = parted(item.fingerprint)[0]
                self.database.run("UPDATE item SET fingerprint = ? WHERE id = ?", (now, old))
            return True

    def remove_source(self, source: int) -> None:
        """Forget a source with all that came from it, in one transaction."""
        with self.writing():
            self.remove_items(source, [stored.id for stored in self.items(source).values()])
            for table in ("skipped", "pass", "thread"):
                self.database.run(f"DELETE FROM {table} WHERE source = ?", (source,))  # noqa: S608 - names from above
            self.database.run("DELETE FROM source WHERE id = ?", (source,))
            self._touched = True

    def remove_items(self, source: int, items: Iterable[int]) -> None:
        """Forget live items with all that came from them."""
        items = tuple(items)
        with self.writing(), rewording(self.database, len(items)):
            for item in items:
                self._parts.drop_waiting(item)
                holder = self.copies.bequeath(item)
                self._overlaps.restore(item)
                self.embeddings.log(source, self.embeddings.uids(item), gone=True)
                self._drop(item)
                self._touched = True
                if holder is not None:
                    self.copies.tell_paths(holder)

    def _drop(self, item: int) -> None:
        """Delete one generation with its texts, words, blocks, cards and samples.

        Vectors that no block needs now wait for `sweep`: a text that moves to another item in this pass finds them.
        """
        self.database.run("INSERT OR IGNORE INTO orphan SELECT hash FROM block WHERE item = ?", (item,))
        for table in ("chunk", "block", "card", "skipped"):
            self.database.run(f"DELETE FROM {table} WHERE item = ?", (item,))  # noqa: S608 - names from the line above
        self.samples.forget(item)
        self._overlaps.forget(item)
        self.database.run("DELETE FROM item WHERE id = ?", (item,))

    def move_items(self, moves: Sequence[tuple[int, Item]]) -> None:
        """Follow files to their new places: no text is read or embedded again, only where it lies is told anew."""
        with self.writing(), rewording(self.database, len(moves)):
            for item, moved in moves:
                self.move_item(item, moved)

    def move_item(self, item: int, moved: Item) -> None:
        with self.writing():
            self._parts.move(item, to=moved.id, fingerprint=moved.fingerprint, identity=moved.identity)
            self.copies.tell_paths(self.database.value("SELECT coalesce(holder, id) FROM item WHERE id = ?", (item,)))
            self._touched = True

    def discard(self, staged: int) -> None:
        """Drop a generation that is being made; what was whole before stays."""
        with self.writing():
            self._drop(staged)

    def discard_staged(self) -> int:
        """Drop what a killed pass left behind; returns how many items that were."""
        staged = [int(item) for (item,) in self.database.rows("SELECT id FROM item WHERE live = 0")]
        if staged:
            with self.writing():
                for item in staged:
                    self._drop(item)
        return len(staged)

    def sweep(self) -> None:
        """Drop what nothing refers to any more: vectors of texts, and names (threads, companies, handles) too."""
        with self.writing():
            self.embeddings.drop_orphans()
            self._touched = True
            self._names.sweep()


def person_token(handle: int) -> str:
    """The word that stands for a handle in the full-text index: a rename changes no row, names resolve in questions."""
    return f"xh{handle}"
