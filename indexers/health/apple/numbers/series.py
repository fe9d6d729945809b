"""Samples of one measure, unit, source and device on their way into batches, and what is wrong with some of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexers.health.apple.markup import text
from indexers.health.apple.numbers.clock import Longs
from indexers.health.export.moments import local_time
from indexers.record import BATCH_ROWS, SampleBatch

_MOST_STATES = 10_000
"""States of one series that are numbered at a time; real ones have a handful."""

NO_LABEL: Longs = np.empty(0, np.int64)
Doubles = NDArray[np.float64]
Key = tuple[str, str, str, str, bool]
"""Measure, unit, source, device, and whether its samples are states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Samples by column, of equal length; `label` numbers states and is empty where samples are numbers."""

    start: Longs
    end: Longs
    offset: Longs
    value: Doubles
    label: Longs

    def take(self, at: NDArray[np.bool_] | slice) -> Rows:
        """The rows at a mask or a slice."""
        label = self.label[at] if len(self.label) else self.label
        return Rows(start=self.start[at], end=self.end[at], offset=self.offset[at], value=self.value[at], label=label)


class Series:
    """The samples that wait to fill a batch. `surplus`: of a measure too many, to be counted and dropped."""

    __slots__ = (
        "_codes",
        "_parts",
        "_singles",
        "_waiting",
        "device",
        "labelled",
        "measure",
        "source",
        "surplus",
        "unit",
    )

    def __init__(self, key: Key, *, surplus: bool = False) -> None:
        self.measure, self.unit, self.source, self.device, self.labelled = key
        self.surplus = surplus
        self._parts: list[Rows] = []
        self._waiting = 0
        self._singles: list[tuple[int, int, int, float, bytes]] = []
        self._codes: dict[bytes, int] = {}

    def states(self, raw: Sequence[bytes]) -> Longs:
        """The numbers of states by their names."""
        codes = self._codes
        for state in dict.fromkeys(raw):
            codes.setdefault(state, len(codes))
        return np.fromiter(map(codes.__getitem__, raw), np.int64, len(raw))

    def state(self, code: int) -> str:
        """The name of a state by its number."""
        return text(list(self._codes)[code])

    def add_one(self, start: int, end: int, offset: int, value: float, state: bytes) -> Iterator[Rows]:
        """Take one sample; arrays for each would cost more than the sample."""
        self._singles.append((start, end, offset, value, state))
        if len(self._singles) == BATCH_ROWS:
            yield from self.add(self._gathered())

    def add(self, rows: Rows) -> Iterator[Rows]:
        """Take rows; gives out what fills a batch, each time BATCH_ROWS."""
        self._parts.append(rows)
        self._waiting += len(rows.start)
        while self._waiting >= BATCH_ROWS or (self._waiting and len(self._codes) > _MOST_STATES):
            whole = self._joined()
            if len(whole.start) > BATCH_ROWS:
                rest = whole.take(slice(BATCH_ROWS, None))
                self._parts, self._waiting = [rest], len(rest.start)
            yield whole.take(slice(0, BATCH_ROWS))
            if not self._waiting:
                self._codes.clear()

    def rest(self) -> Rows | None:
        """What waits, however little."""
        if self._singles:
            rows = self._gathered()
            self._parts.append(rows)
            self._waiting += len(rows.start)
        return self._joined() if self._waiting else None

    def _gathered(self) -> Rows:
        start, end, offset, value, states = zip(*self._singles, strict=True)
        self._singles.clear()
        longs = (np.array(column, np.int64) for column in (start, end, offset))
        label = self.states(states) if self.labelled else NO_LABEL
        return Rows(
            **dict(zip(("start", "end", "offset"), longs, strict=True)), value=np.array(value, np.float64), label=label
        )

    def batch(self, rows: Rows) -> SampleBatch:
        """Rows of this series as it travels."""
        label = rows.label
        labels: tuple[str, ...] = ()
        if self.labelled:
            used, label = np.unique(rows.label, return_inverse=True)
            names = list(self._codes)
            labels = tuple(text(names[code]) for code in used.tolist())
        return SampleBatch(
            measure=self.measure,
            unit=self.unit,
            source=self.source,
            device=self.device,
            start=array("q", rows.start.tobytes()),
            end=array("q", rows.end.tobytes()),
            offset=array("h", rows.offset.astype(np.int16).tobytes()),
            value=array("d", rows.value.tobytes()),
            labels=labels,
            label=array("H", label.astype(np.uint16).tobytes()),
        )

    def words(self, start: int, end: int, *more: str) -> tuple[str, ...]:
        """A sample of this series told in words."""
        return self.measure, self.source, f"{_written(start)} to {_written(end)}", *more

    def _joined(self) -> Rows:
        parts, self._parts, self._waiting = self._parts, [], 0
        if len(parts) == 1:
            return parts[0]
        start, end, offset, value, label = (
            np.concatenate([getattr(part, column) for part in parts]) for column in Rows.__slots__
        )
        return Rows(start=start, end=end, offset=offset, value=value, label=label)


def _written(milliseconds: int) -> str:
    try:
        return f"{local_time(milliseconds, 0):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return f"{milliseconds} ms"
