"""Health samples by column: packed blocks of one month each, which exports count, and the daily rollups."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import apsw
import numpy as np
from numpy.typing import NDArray

from agent.store.samples.columns import columns, joined, overlapping, packed, taken, unpacked
from agent.vocabulary import DayRollup, Series
from indexers.record import SampleBatch

SAMPLE_TABLES = """
CREATE TABLE sample_block(
    id INTEGER PRIMARY KEY, item INTEGER NOT NULL, measure TEXT NOT NULL, unit TEXT NOT NULL, source TEXT NOT NULL,
    device TEXT NOT NULL, month INTEGER NOT NULL, n INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    labels TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX sample_block_place ON sample_block(measure, month, source, item);
CREATE INDEX sample_block_item ON sample_block(item, measure, month);

-- how far in time each export reaches: of two that hold a month, the one that reaches further counts
CREATE TABLE sample_reach(item INTEGER PRIMARY KEY, last INTEGER NOT NULL);

-- months to roll up again, once their item is live; item 0 is one that was forgotten
CREATE TABLE rollup_dirty(
    measure TEXT NOT NULL, month INTEGER NOT NULL, item INTEGER NOT NULL,
    PRIMARY KEY(measure, month, item)) WITHOUT ROWID;
CREATE INDEX rollup_dirty_item ON rollup_dirty(item);

-- day is the proleptic Gregorian ordinal of a local day; sources are parted by U+001F
CREATE TABLE rollup_day(
    measure TEXT NOT NULL, day INTEGER NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL, raw REAL NOT NULL,
    mean REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, last REAL NOT NULL, sources TEXT NOT NULL,
    PRIMARY KEY(measure, day)) WITHOUT ROWID;
"""

SAMPLE_SPANS = """
-- from when to when each export tells of a measure by a source: where two hold a month, the one that reaches further counts
CREATE TABLE sample_span(
    item INTEGER NOT NULL, measure TEXT NOT NULL, source TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY(item, measure, source)) WITHOUT ROWID;
INSERT INTO sample_span SELECT b.item, measure, source, min(b.first), min(max(b.last), r.last)
    FROM sample_block AS b JOIN sample_reach AS r ON r.item = b.item GROUP BY b.item, measure, source;
DROP TABLE sample_reach;
"""
"""Since then an export that breaks off inside a measure no longer hides what an older one tells of it."""

SAMPLES_SCHEMA = SAMPLE_TABLES + SAMPLE_SPANS

COALESCE_BELOW = 2048
"""A block with fewer rows takes in the next batch of its key, so that sparse measures do not become many blocks."""

_MINUTE, _DAY = 60_000, 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
# A night belongs to the day it ends in, counted from 18:00, so a sample may matter six hours past its end.
_EVENING = 6 * 60 * _MINUTE
_LONGEST = 32 * _DAY
_PARTED = "\x1f"
_ALWAYS = (-(1 << 62), 1 << 62)

_LIVE = """
    FROM (SELECT b.id, b.unit, b.source, b.device, b.month, b.n, b.first, b.last, b.labels, b.data, (
            SELECT min(s.first) FROM sample_block AS o JOIN item AS oi ON oi.id = o.item AND oi.live = 1
            JOIN sample_span AS s ON s.item = o.item AND s.measure = o.measure AND s.source = o.source
            WHERE o.measure = b.measure AND o.month = b.month AND o.source = b.source AND o.item != b.item
            AND (s.last, o.item) > (r.last, b.item)
        ) AS until
        FROM sample_block AS b JOIN item AS i ON i.id = b.item AND i.live = 1
        JOIN sample_span AS r ON r.item = b.item AND r.measure = b.measure AND r.source = b.source
        WHERE b.measure = ? AND b.last >= ? AND b.first < ?) AS b
    WHERE (until IS NULL OR first < until)
"""
"""Blocks that count; of those with `until` only rows that start before it, for from then on a better export tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayColumns:
    """Rollups of one measure by column, ascending by day; shapes (n,). `day` holds ordinals as of `date.toordinal`."""

    measure: str
    day: NDArray[np.int64]
    n: NDArray[np.int64]
    total: NDArray[np.float64]
    raw: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    last: NDArray[np.float64]
    sources: NDArray[np.object_]

    def names(self) -> tuple[str, ...]:
        """The names of all sources that contributed to any of the days, sorted."""
        return tuple(sorted({name for parted in set(self.sources.tolist()) for name in parted.split(_PARTED) if name}))

    @classmethod
    def of(cls, measure: str, days: Sequence[DayRollup]) -> DayColumns:
        """The columns of rows."""
        total, raw, mean, low, high, last = (
            np.array([getattr(day, name) for day in days], np.float64)
            for name in ("total", "raw", "mean", "low", "high", "last")
        )
        return cls(
            measure=measure, day=np.array([day.day.toordinal() for day in days], np.int64),
            n=np.array([day.n for day in days], np.int64), total=total, raw=raw, mean=mean, low=low, high=high,
            last=last, sources=np.array([_PARTED.join(day.sources) for day in days], np.object_),
        )  # fmt: skip

    def rows(self) -> Iterator[DayRollup]:
        """The same, one row a day."""
        for i, ordinal in enumerate(self.day.tolist()):
            yield DayRollup(
                measure=self.measure, day=date.fromordinal(ordinal), n=int(self.n[i]), total=float(self.total[i]),
                raw=float(self.raw[i]), mean=float(self.mean[i]), low=float(self.low[i]), high=float(self.high[i]),
                last=float(self.last[i]), sources=tuple(filter(None, self.sources[i].split(_PARTED))),
            )  # fmt: skip


class Samples:
    """The tables of SAMPLES_SCHEMA in an open database. Never opens a transaction: the caller does.

    Samples belong to items (`item(id, live)` of the same database); those of items that are not live are not seen.
    Overlapping exports: for one measure, source name and month the live item counts whose samples of these reach
    furthest in time (of equals, the highest id), and the others only before its first. So a newer export replaces what
    it holds; an older one that is imported later adds months and changes none; what a newer one does not reach stays,
    also where it was cut off inside a measure. (What the owner deleted at the very end of a measure thus stays until
    there is something later.)
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def add(self, item: int, batch: SampleBatch) -> None:
        """Store the rows of a batch by local month of their start. Raises ValueError on columns of unequal length."""
        rows = columns(batch)
        if not len(rows.start):
            return
        months = _months(rows.start + rows.offset * np.int64(_MINUTE))
        order = np.argsort(months, kind="stable")
        months = months[order]
        cuts = np.flatnonzero(np.diff(months)) + 1
        for month, at in zip(months[np.append(0, cuts)].tolist(), np.split(order, cuts), strict=True):
            self._write(item, month, taken(rows, at))
        self._mark(item, rows)
        self._db.execute(
            "INSERT INTO sample_span VALUES(?, ?, ?, ?, ?) ON CONFLICT(item, measure, source)"
            " DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
            (item, rows.measure, rows.source, int(rows.start.min()), _reach(rows.end)),
        )

    def _write(self, item: int, month: int, rows: Series) -> None:
        key = (item, rows.measure, month, rows.unit, rows.source, rows.device)
        found = list(
            self._db.execute(
                "SELECT id, n, labels, data FROM sample_block WHERE item = ? AND measure = ? AND month = ? AND unit = ?"
                " AND source = ? AND device = ? AND n < ? LIMIT 1",
                (*key, COALESCE_BELOW),
            )
        )
        for block, n, labels, data in found:
            rows = joined([unpacked(rows.measure, rows.unit, rows.source, rows.device, n, labels, data), rows])
            self._db.execute("DELETE FROM sample_block WHERE id = ?", (block,))
        self._db.execute(
            "INSERT INTO sample_block(item, measure, month, unit, source, device, n, first, last, labels, data)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, len(rows.start), int(rows.start.min()), int(rows.end.max()), json.dumps(rows.labels), packed(rows)),
        )

    def _mark(self, item: int, rows: Series) -> None:
        local = rows.start + rows.offset * np.int64(_MINUTE)
        length = np.minimum(rows.end - rows.start, _LONGEST) + _EVENING
        touched = np.union1d(_months(local), _months(local + length))
        self._db.executemany(
            "INSERT OR IGNORE INTO rollup_dirty VALUES(?, ?, ?)", [(rows.measure, int(m), item) for m in touched]
        )

    def forget(self, item: int) -> int:
        """Delete what an item brought and mark its months; the number of rows that are gone."""
        self.touch(item)
        [(rows,)] = list(self._db.execute("SELECT coalesce(sum(n), 0) FROM sample_block WHERE item = ?", (item,)))
        for table in ("sample_block", "sample_span"):
            self._db.execute(f"DELETE FROM {table} WHERE item = ?", (item,))  # noqa: S608  # names of our own
        return int(rows)

    def touch(self, item: int) -> None:
        """Mark every month of an item, because it appears or vanishes as a whole (`live` changes)."""
        self._db.execute(
            "INSERT OR IGNORE INTO rollup_dirty SELECT DISTINCT measure, month + extra.n, 0 FROM sample_block,"
            " (SELECT 0 AS n UNION ALL SELECT 1) AS extra WHERE item = ?",
            (item,),
        )
        self._db.execute("DELETE FROM rollup_dirty WHERE item = ?", (item,))

    def series(self, measure: str, start_ms: int, end_ms: int) -> Iterator[Series]:
        """Samples of a measure that overlap [start, end) Unix milliseconds, one Series a (unit, source, device).

        Rows keep the order in which the source gave them; exact duplicates are still in.
        """
        query = (
            "SELECT b.unit, b.source, b.device, b.n, b.labels, b.data, b.until"
            + _LIVE
            + "ORDER BY b.source, b.device, b.unit, b.month, b.id"
        )
        group: list[Series] = []
        for unit, source, device, n, labels, data, until in self._db.execute(query, (measure, start_ms, end_ms)):
            if group and (group[-1].unit, group[-1].source, group[-1].device) != (unit, source, device):
                yield from overlapping(group, start_ms, end_ms)
                group = []
            rows = unpacked(measure, unit, source, device, n, labels, data)
            group.append(rows if until is None else taken(rows, rows.start < until))
        yield from overlapping(group, start_ms, end_ms)

    def measures(self) -> tuple[str, ...]:
        """Every measure that has a sample in a live item, sorted."""
        rows = self._db.execute(
            "SELECT DISTINCT b.measure FROM sample_block AS b JOIN item AS i ON i.id = b.item AND i.live = 1 ORDER BY 1"
        )
        return tuple(measure for (measure,) in rows)

    def extent(self, measure: str) -> tuple[int, int] | None:
        """The first start and the last end of the visible samples of a measure in Unix milliseconds, or None."""
        [(first, last)] = list(self._db.execute("SELECT min(b.first), max(b.last)" + _LIVE, (measure, *_ALWAYS)))
        return None if first is None else (first, last)

    def supersede(self) -> int:
        """Delete live blocks that a further-reaching live export replaced; the number of rows that are gone.

        Optional, to save space: answers stay the same until the export that replaced them is forgotten.
        """
        gone = []
        for measure in self.measures():
            kept = {b for (b,) in self._db.execute("SELECT b.id" + _LIVE, (measure, *_ALWAYS))}
            live = (
                "SELECT b.id, b.n FROM sample_block AS b JOIN item AS i ON i.id = b.item AND i.live = 1"
                " WHERE b.measure = ?"
            )
            gone += [(block, n) for block, n in self._db.execute(live, (measure,)) if block not in kept]
        self._db.executemany("DELETE FROM sample_block WHERE id = ?", [(block,) for block, _ in gone])
        return sum(n for _, n in gone)

    def rows_by_month(self, measure: str) -> dict[int, int]:
        """How many rows of a measure each month holds, whether they count or not."""
        rows = self._db.execute("SELECT month, sum(n) FROM sample_block WHERE measure = ? GROUP BY month", (measure,))
        return {int(month): int(n) for month, n in rows}

    def dirty(self) -> tuple[tuple[str, int], ...]:
        """(measure, month) whose rollups are out of date and whose samples can be seen; months count from year 0."""
        rows = self._db.execute(
            "SELECT DISTINCT measure, month FROM rollup_dirty"
            " WHERE item = 0 OR item IN (SELECT id FROM item WHERE live = 1) ORDER BY 1, 2"
        )
        return tuple((measure, month) for measure, month in rows)

    def settle(self, measure: str, month: int) -> None:
        """Take a month off the list of dirty ones; marks of staged items stay until those are live."""
        self._db.execute(
            "DELETE FROM rollup_dirty WHERE measure = ? AND month = ?"
            " AND (item = 0 OR item IN (SELECT id FROM item WHERE live = 1))",
            (measure, month),
        )

    def write_rollups(self, measure: str, months: range, rows: Iterable[DayRollup]) -> None:
        """Replace the rollups of a measure in months in a row (counted from year 0); rows of other days are passed over."""
        first, following = (month_days(month)[0].toordinal() for month in (months.start, months.stop))
        self._db.execute(
            "DELETE FROM rollup_day WHERE measure = ? AND day >= ? AND day < ?", (measure, first, following)
        )
        self._db.executemany(
            "INSERT INTO rollup_day VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (measure, day, r.n, r.total, r.raw, r.mean, r.low, r.high, r.last, _PARTED.join(r.sources))
                for r in rows
                if first <= (day := r.day.toordinal()) < following
            ),
        )

    def rollups(self, measure: str, start: date | None, end: date | None) -> DayColumns:
        """The rollups of a measure in the local days [start, end), by column; None leaves a side open."""
        rows = self._db.execute(
            "SELECT day, n, total, raw, mean, low, high, last, sources FROM rollup_day"
            " WHERE measure = ? AND day >= ? AND day < ? ORDER BY day",
            (measure, start.toordinal() if start else 0, end.toordinal() if end else date.max.toordinal() + 1),
        ).fetchall()
        day, n, total, raw, mean, low, high, last, sources = zip(*rows, strict=True) if rows else ((),) * 9
        reals = [np.array(column, np.float64) for column in (total, raw, mean, low, high, last)]
        return DayColumns(
            measure=measure, day=np.array(day, np.int64), n=np.array(n, np.int64), total=reals[0], raw=reals[1],
            mean=reals[2], low=reals[3], high=reals[4], last=reals[5], sources=np.array(sources, np.object_),
        )  # fmt: skip

    def days(self, measure: str, start: date | None, end: date | None) -> Iterator[DayRollup]:
        """The same rollups, one row a day."""
        return self.rollups(measure, start, end).rows()

    def rolled_days(self, measure: str) -> tuple[date, date] | None:
        """The first and the last day that has a rollup of a measure, or None."""
        [(first, last)] = list(
            self._db.execute("SELECT min(day), max(day) FROM rollup_day WHERE measure = ?", (measure,))
        )
        return None if first is None else (date.fromordinal(first), date.fromordinal(last))

    def rolled(self) -> tuple[str, ...]:
        """Every measure that has a rollup, derived ones too, sorted."""
        # A skip scan: one index seek a measure instead of a walk over every day.
        rows = self._db.execute(
            "WITH RECURSIVE m(name) AS (SELECT min(measure) FROM rollup_day UNION ALL"
            " SELECT (SELECT min(measure) FROM rollup_day WHERE measure > name) FROM m WHERE name IS NOT NULL)"
            " SELECT name FROM m WHERE name IS NOT NULL"
        )
        return tuple(name for (name,) in rows)


def month_days(month: int) -> tuple[date, date]:
    """The days [first, following first) of a month counted from year 0 (year * 12 + month - 1)."""
    return date(month // 12, month % 12 + 1, 1), date((month + 1) // 12, (month + 1) % 12 + 1, 1)


def month_of(day: date) -> int:
    """The number of a day's month, counted from year 0."""
    return day.year * 12 + day.month - 1


def _reach(ends: NDArray[np.int64]) -> int:
    """The last end, but of a row dated far into the future, which must not make an old export the newest forever."""
    return int(ends[ends <= np.median(ends) + 20 * 366 * _DAY].max())


def _months(local_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    months: NDArray[np.int64] = local_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return np.clip(months + 1970 * 12, 12, 9999 * 12 - 1)


def ordinal_of(local_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The day ordinals (as of `date.toordinal`) of local milliseconds since 1970-01-01."""
    return local_ms // _DAY + _EPOCH
