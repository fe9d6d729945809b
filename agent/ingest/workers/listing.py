"""What a scan told, so that the next one need tell only what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.ingest.workers.frame import Done, Gone
from indexers.record import Skipped
from indexers.source import Item

MOST = 150_000
"""Items of which a listing is kept (some 50 MB); of more, every scan tells all."""


class Listing:
    """The items of one source as the last scan told them.

    A scan that broke off, or could not look somewhere, is no ground for the next: that one tells all again.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._told: dict[str, Item] | None = None

    def tell(self, found: Iterable[Item | Skipped], *, differences: bool) -> Iterator[Item | Gone | Skipped | Done]:
        """All that was found; with `differences`, where the scan before is known, only what is new, changed or gone.

        Closed by a Done, which is cut in the second case. An item that cannot be looked at now counts as gone: its
        place is among what was skipped.
        """
        before = self._told if differences else None
        self._told = None
        left = None if before is None else dict(before)
        told: dict[str, Item] = {}
        whole = True
        for entry in found:
            if isinstance(entry, Skipped):
                whole = False
                yield entry
                continue
            if whole:
                told[entry.id] = entry
                whole = len(told) <= self._most
            old = None if left is None else left.pop(entry.id, None)
            if old is not entry and old != entry:
                yield entry
        if left:
            yield from (Gone(id=key) for key in left)
        if whole:
            self._told = told
        yield Done(cut=left is not None)
