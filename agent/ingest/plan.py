"""What one pass has to do: a set difference between what is stored and what exists. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from agent.store.store import StoredItem
from indexers.record import Skipped, parted
from indexers.source import Item

_PARTS = "/#"
"""What ends the name of a whole inside the id of one of its parts: a folder's, an archive's, a mailbox's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An item that vanished in one place and appeared, unchanged, in another."""

    stored: StoredItem
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`read` in scan order; `gone` are the stored items to forget; `unchanged` is how many need nothing.

    The fingerprint of an item that was read in part, and did not change, says how far (see `indexers.record.parted`).
    """

    read: tuple[Item, ...]
    moved: tuple[Move, ...]
    gone: tuple[StoredItem, ...]
    unchanged: int


def plan(stored: Mapping[str, StoredItem], scanned: Sequence[Item | Skipped], *, mirror: bool) -> Plan:
    """Compare the live items with a finished scan.

    A mirror forgets what vanished, unless it lies under a place that the scan could not look at. An import forgets
    nothing. An appeared item with the identity of exactly one vanished item is that item, moved.
    """
    items = {entry.id: entry for entry in scanned if isinstance(entry, Item)}
    unseen = {entry.where for entry in scanned if isinstance(entry, Skipped)}
    vanished = {key: old for key, old in stored.items() if key not in items and not (unseen and _lies_in(key, unseen))}
    by_identity: dict[str, list[StoredItem]] = {}
    for old in vanished.values():
        if old.identity and old.fingerprint:  # without one it waits to be read anyway
            by_identity.setdefault(old.identity, []).append(old)
    read: list[Item] = []
    moved: list[Move] = []
    for item in items.values():
        known = stored.get(item.id)
        if known is not None:
            if known.fingerprint != item.fingerprint:
                half_read = parted(known.fingerprint)[0] == item.fingerprint
                read.append(replace(item, fingerprint=known.fingerprint) if half_read else item)
            continue
        same = by_identity.pop(item.identity, []) if item.identity else []
        if len(same) == 1:
            moved.append(Move(stored=same[0], item=item))
            del vanished[same[0].key]
        else:
            read.append(item)
    return Plan(
        read=tuple(read),
        moved=tuple(moved),
        gone=tuple(vanished.values()) if mirror else (),
        unchanged=len(items) - len(read) - len(moved),
    )


def _lies_in(key: str, places: Set[str]) -> bool:
    """Whether an item's key is one of the places or lies in one: "/a/b" holds "/a/b/c" and "/a/b#c", but not "/a/bc"."""
    return key in places or any(
        key[:at] in places or key[: at + 1] in places for at, letter in enumerate(key) if letter in _PARTS
    )
