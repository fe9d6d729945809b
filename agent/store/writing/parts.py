"""Items that take several turns to read, such as long scans: what each turn tells joins what was told before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.store.database import Database
from indexers.record import PASSING, Skipped, marked, parted

_PASSED = ("unfinished", *PASSING)
"""Outcomes of one turn that no longer hold after the next."""


class Parts:
    """The half-read items of one store. Every method is part of its caller's transaction.

    A generation waits, unseen (`live = 2`), where turns are left and an older one is whole: half never replaces whole.
    `drop` deletes one generation with all that came from it.
    """

    def __init__(self, database: Database, drop: Callable[[int], None]) -> None:
        self._database = database
        self._drop = drop

    def waiting(self, source: int) -> dict[str, tuple[str, str]]:
        """Fingerprint and identity of the generations of a source that wait, by key: those to go on with."""
        return {
            key: (fingerprint, identity)
            for key, fingerprint, identity in self._database.rows(
                "SELECT key, fingerprint, identity FROM item WHERE source = ? AND live = 2", (source,)
            )
        }

    def turn(self, staged: int, fingerprint: str, skips: Sequence[Skipped]) -> tuple[int, bool, Sequence[Skipped]]:
        """What one read made of an item: the generation that it belongs to, whether turns are left, the skips to keep."""
        if not parted(fingerprint)[1] and not any(skip.outcome == "unfinished" for skip in skips):
            return staged, False, skips
        item = self._join(staged)
        return item, *self._mark(item, skips)

    def _join(self, staged: int) -> int:
        """Add what a further turn told to the generation that it goes on with; returns that, or a first turn itself."""
        source, key, fingerprint, holder = self._database.rows(
            "SELECT source, key, fingerprint, holder FROM item WHERE id = ?", (staged,)
        )[0]
        as_scanned, reached = parted(fingerprint)
        if not reached:
            return staged
        begun = self._database.value(
            "SELECT id FROM item WHERE source = ? AND key = ? AND fingerprint = ? AND (live = 1 OR live = 2)"
            " ORDER BY live DESC",
            (source, key, fingerprint),
        )
        if begun is None or holder is not None:
            # The text of a further place is whole elsewhere. A turn that lost those before it has to be read from the start.
            self._database.run(
                "UPDATE item SET fingerprint = ? WHERE id = ?", (as_scanned if holder is not None else "", staged)
            )
            return staged
        after = int(self._database.value("SELECT coalesce(max(seq), -1) + 1 FROM chunk WHERE item = ?", (begun,)))
        self._database.run("UPDATE chunk SET item = ?, seq = seq + ? WHERE item = ?", (begun, after, staged))
        for table in ("block", "card"):
            self._database.run(f"UPDATE {table} SET item = ? WHERE item = ?", (begun, staged))  # noqa: S608 - names from above
        self._database.run(f"DELETE FROM skipped WHERE item = ? AND outcome IN {_PASSED}", (begun,))  # noqa: S608 - from above
        self._drop(staged)
        return int(begun)

    def _mark(self, item: int, skips: Sequence[Skipped]) -> tuple[bool, Sequence[Skipped]]:
        """Note how far an item was read, in its fingerprint, so that it stays due. Returns whether turns are left, and
        the skips to keep: a further place of a text that is held elsewhere waits for nothing.
        """
        fingerprint, holder = self._database.rows("SELECT fingerprint, holder FROM item WHERE id = ?", (item,))[0]
        if holder is not None:
            return False, [skip for skip in skips if skip.outcome != "unfinished"]
        reached = next((skip.reached for skip in skips if skip.outcome == "unfinished"), "")
        self._database.run(
            "UPDATE item SET fingerprint = ? WHERE id = ?", (marked(parted(fingerprint)[0], reached), item)
        )
        return bool(reached), skips

    def stays(self, older: int, *, against: int, left: bool) -> bool:
        """Whether the visible generation of an item stays in place of a new one, for now or for good.

        While turns are left one that is whole stays, and the new one waits. The text that an engine once read off the
        very same file stays when that engine is no longer there.
        """
        if left:
            return self._hides(against, older)
        if not self._lacks_engine(against, older):
            return False
        fingerprint = self._database.value("SELECT fingerprint FROM item WHERE id = ?", (against,))
        self._database.run("UPDATE item SET fingerprint = ? WHERE id = ?", (fingerprint, older))
        self._database.run("DELETE FROM skipped WHERE item = ?", (older,))
        self._database.run("UPDATE skipped SET item = ? WHERE item = ?", (older, against))
        self._drop(against)
        return True

    def _lacks_engine(self, item: int, older: int) -> bool:
        """Whether less of the same file was read by OCR than before, and it says so."""
        if not self._database.value("SELECT 1 FROM skipped WHERE item = ? AND outcome = 'needs_ocr' LIMIT 1", (item,)):
            return False
        (new, now), (old, before) = (
            self._database.rows(
                "SELECT identity, (SELECT count(*) FROM chunk WHERE chunk.item = coalesce(holder, i.id) AND read_by = 'ocr')"
                " FROM item AS i WHERE id = ?",
                (number,),
            )[0]
            for number in (item, older)
        )
        return bool(new) and new == old and now < before

    def _hides(self, item: int, older: int) -> bool:
        """Let a half-read generation wait if the visible one is whole and says something; False if it may be seen."""
        fingerprint, says = self._database.rows(
            "SELECT fingerprint, holder IS NOT NULL OR EXISTS(SELECT 1 FROM chunk WHERE chunk.item = item.id)"
            " FROM item WHERE id = ?",
            (older,),
        )[0]
        if parted(fingerprint)[1] or not says:
            return False
        self.drop_waiting(older, but=item)
        self._database.run("UPDATE item SET live = 2 WHERE id = ?", (item,))
        return True

    def drop_waiting(self, item: int, *, but: int = 0) -> None:
        """Drop what waits to replace an item."""
        for (number,) in self._database.rows(
            "SELECT half.id FROM item AS half JOIN item ON item.source = half.source AND item.key = half.key"
            " WHERE item.id = ? AND half.live = 2 AND half.id != ?",
            (item, but),
        ):
            self._drop(int(number))

    def move(self, item: int, *, to: str, fingerprint: str, identity: str) -> None:
        """Follow an item to its new place, with how far it was read, and what waits to replace it."""
        for number, live, was, waits in self._database.rows(
            "SELECT half.id, half.live, half.fingerprint, max(half.live) OVER () FROM item AS half"
            " JOIN item ON item.source = half.source AND item.key = half.key WHERE item.id = ?"
            " AND (half.live = 1 OR half.live = 2)",  # each has an index; `!= 0` would look at every item
            (item,),
        ):
            # The content that was followed is that of the newest; an older one is not taken for it.
            now = marked(fingerprint, parted(was)[1]) if live == waits else ""
            self._database.run(
                "UPDATE item SET key = ?, fingerprint = ?, identity = ? WHERE id = ?", (to, now, identity, number)
            )
            self._database.run("UPDATE skipped SET place = ? WHERE item = ?", (to, number))

    def inherit(self, item: int, heir: int) -> None:
        """Let a place that inherits a half-read text be the one that is gone on with."""
        reached = parted(self._database.value("SELECT fingerprint FROM item WHERE id = ?", (item,)))[1]
        own, key, source = self._database.rows("SELECT fingerprint, key, source FROM item WHERE id = ?", (heir,))[0]
        if reached and own:
            self._database.run("UPDATE item SET fingerprint = ? WHERE id = ?", (marked(own, reached), heir))
            self._database.run(
                "UPDATE skipped SET item = ?, source = ?, place = ? WHERE item = ? AND outcome = 'unfinished'",
                (heir, source, key, item),
            )
