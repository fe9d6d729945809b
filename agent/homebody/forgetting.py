"""Forgetting for real: rows deleted, then what SQLite and Chroma would keep of them cleared, then counted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import NothingFound, WrongUse
from agent.store.reading.inventory import Inventory
from agent.store.store import Store
from agent.store.vectors import VectorIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was forgotten, and what was looked at again afterwards: every count in `left` must be 0."""

    what: str
    items: int
    chunks: int
    vectors: int
    samples: int
    left: dict[str, int]


def key_of(uid: str) -> bytes:
    """The key of a passage in the store, by the id that search and citations give. Raises WrongUse."""
    try:
        return bytes.fromhex(uid)
    except ValueError:
        raise WrongUse(f"{uid!r} is no id of a hit.", remedy="Take the id from `homebody search --json`.") from None


class Forgetting:
    """Forgets in one store. `settle` brings up to date what is derived from records: rollups, narratives, vectors."""

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        *,
        index: Callable[[], VectorIndex | None],
        settle: Callable[[], None],
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._index = index
        self._settle = settle

    def source(self, name: str) -> Receipt:
        """Forget all that came from a source. Raises NothingFound when nothing of it is stored."""
        number = self._store.source_ids().get(name)
        if number is None:
            raise NothingFound(f"Nothing from {name!r} is stored.")
        held = self._inventory.holdings(number)
        self._store.remove_source(number)
        return self._receipt(name, held, lambda: self._inventory.holdings(number))

    def record(self, uid: str) -> Receipt:
        """Forget one hit of a search for good, though its source may still hold it. Raises WrongUse or NothingFound."""
        key = key_of(uid)
        if not self._store.forget_record(key):
            raise NothingFound("There is no such record.")
        count = "SELECT count(*) FROM chunk WHERE uid = ?"
        return self._receipt(uid, {"chunks": 1}, lambda: {"chunks": int(self._store.database.value(count, (key,)))})

    def _receipt(self, what: str, held: dict[str, int], count: Callable[[], dict[str, int]]) -> Receipt:
        self._settle()
        self._store.sweep()
        self._store.database.compact()
        left = count()
        index = self._index()
        if index is not None:
            index.catch_up()
            index.seal()
            left["vectors not in the store"] = index.count() - self._store.embeddings.count()
        return Receipt(
            what=what,
            items=held.get("items", 0),
            chunks=held.get("chunks", 0),
            vectors=held.get("vectors", 0),
            samples=held.get("samples", 0),
            left={**left, "free pages": int(self._store.database.value("PRAGMA freelist_count"))},
        )
