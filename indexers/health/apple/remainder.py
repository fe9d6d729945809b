"""What an export holds beyond samples, workouts and papers: kept word by word within bounds, and counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from indexers.health.apple.elements import attribute_lines
from indexers.health.export.workout import activity_words, digest
from indexers.record import Outcome, Section, Skipped

_MOST_NAMES = 100
_LONGEST_NAME = 300
_MOST_ROWS = 5_000
_LONGEST_ROW = 2_000
_ROWS_A_SECTION = 50

KEPT = "elements of this kind are not understood yet; their words are kept"
NOT_KEPT = "elements of this kind are not understood yet; left out, for they are empty, broken or too many"


class Remainder:
    """Collects what no other reader takes. Holds at most _MOST_ROWS rows and counts for _MOST_NAMES names."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._rows: dict[str, dict[str, None]] = {}
        self._kept = 0
        self._left_out: Counter[tuple[Outcome, str, str]] = Counter()

    @property
    def full(self) -> bool:
        """Whether no further row will be kept."""
        return self._kept >= _MOST_ROWS

    def keep(self, name: str, element: Element | None) -> None:
        """An element that nobody understands: its attributes and those of its children become a row."""
        row = "; ".join(attribute_lines(element)) if element is not None else ""
        kept = bool(row) and self.keep_row(name, row)
        if kept:
            self.leave_out("ambiguous", name, KEPT)
        else:
            self.leave_out("unsupported", name, NOT_KEPT)

    def keep_row(self, name: str, row: str) -> bool:
        """A row of words under a name; whether there was room for it."""
        if self.full:
            return False
        name = name[:_LONGEST_NAME] if name in self._rows or len(self._rows) < _MOST_NAMES else "others"
        rows = self._rows.setdefault(name, {})
        if row[:_LONGEST_ROW] not in rows:
            rows[row[:_LONGEST_ROW]] = None
            self._kept += 1
        return True

    def leave_out(self, outcome: Outcome, what: str, why: str, count: int = 1) -> None:
        """Count something that was not (wholly) read."""
        key = outcome, what[:_LONGEST_NAME], why
        if key not in self._left_out and len(self._left_out) >= _MOST_NAMES:
            key = outcome, "others", why
        self._left_out[key] += count

    def sections(self) -> Iterator[Section]:
        """The rows, a few dozen to a Section, each a line."""
        for name, held in self._rows.items():
            rows = list(held)
            for at in range(0, len(rows), _ROWS_A_SECTION):
                part = rows[at : at + _ROWS_A_SECTION]
                yield Section(
                    id=f"remainder/{digest(name, *part)}",
                    document=f"remainder/{name}",
                    title=activity_words(name),
                    text="\n".join(part),
                    kind="form",
                    locator=f"#remainder={len(rows)}",
                )

    def skipped(self) -> Iterator[Skipped]:
        """One Skipped for each name and reason."""
        for (outcome, what, why), count in self._left_out.items():
            yield Skipped(where=f"{self._where}#{what}", why=why, outcome=outcome, count=count)
