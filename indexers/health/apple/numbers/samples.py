"""Records of export.xml as columns of numbers: a bytes regex and columns of digits where the export is regular,
attribute by attribute where it is not, and an exact count that decides between the two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from indexers.health.apple.markup import record_tags, text
from indexers.health.apple.names import LONGEST_NAME, device_words, name
from indexers.health.apple.numbers.clock import Longs, instants
from indexers.health.apple.numbers.series import NO_LABEL, Doubles, Key, Rows, Series
from indexers.health.export.moments import OffsetHistory, instant, zone_offset
from indexers.record import SampleBatch

_MOST_SERIES = 256
_MOST_MEASURES = 2_000
_MOST_HEADS = 16_384
_MOST_ODD = 1_000
_LONGEST_HEAD = 2_048
_YEAR_1990 = 631_152_000_000
_YEAR_2100 = 4_102_444_800_000

_HEAD = re.compile(
    rb'type="([^"]*)" sourceName="([^"]*)"(?: sourceVersion="[^"]*")?'
    rb'(?: device="([^"]*)")?(?: unit="([^"]*)")?'
)
# An address in memory, new with every run of the phone: one device would have thousands of heads.
_ADDRESS = re.compile(rb"&lt;&lt;HKDevice: 0x[0-9a-f]+&gt;, ")
# Splitting by it gives a flat list, which costs far less than a tuple a match: head, start, end, value, what follows.
_RECORD = re.compile(
    rb'<Record (type="[^"]*" sourceName="[^"]*"(?: sourceVersion="[^"]*")?(?: device="[^"]*")?(?: unit="[^"]*")?)'
    rb'(?: creationDate="[^"]*")? startDate="([^"]{25})" endDate="([^"]{25})"(?: value="([^"]*)")? ?/?>'
)
_FIELDS = 5
_ZONE_KEY = b'key="HKTimeZone"'
_ZONE = re.compile(rb'key="HKTimeZone" value="([^"]*)"')
_NO_VALUE = b"HKCategoryValueNotApplicable"

NOT_A_NUMBER = "the value is not a number; kept as words, out of all numbers"
BAD_TIME = "the start or end is not a time; kept as words, out of all numbers"
BACKWARDS = "the end lies before the start; kept as words, out of all numbers"
BROKEN_TAG = "the record is cut off or not XML; left out"
TOO_MANY_KINDS = "records of more kinds than any health export has; left out"
NEGATIVE = "the value is below zero; kept as exported"
ODD_DATE = "dated before 1990 or after the export; kept as exported"
KEPT = frozenset({NEGATIVE, ODD_DATE})
"""The troubles that cost nothing: the rows are in the batches."""


class _Heads(dict[bytes, Series]):
    """Remembers which series the head of a Record belongs to; asks for those it does not know."""

    def __init__(self, series_of: Callable[[bytes], Series]) -> None:
        super().__init__()
        self._series_of = series_of

    def __missing__(self, head: bytes) -> Series:
        """Ask, and remember what is short."""
        series = self._series_of(head)
        if len(head) <= _LONGEST_HEAD:
            self[head] = series
        return series


class Sampler:
    """Turns Records into SampleBatches. Holds a bounded number of unfilled ones; `finish` gives those.

    `records` counts the Records seen, `beats` the single heartbeats in them, `metadata` their notes, `trouble` the rows
    by what is wrong with them, `odd` the first of the rows that are no samples in words, `history` the offsets of all
    that was given out. Rows that start after `latest` (Unix ms) are odd.
    """

    def __init__(self) -> None:
        self.records = 0
        self.beats = 0
        self.metadata = 0
        self.latest = _YEAR_2100
        self.trouble: Counter[str] = Counter()
        self.odd: list[str] = []
        self.history = OffsetHistory()
        self._measures: set[str] = set()
        self._open: dict[Key, Series] = {}
        self._heads = _Heads(self._series_of)
        self._bare_heads: dict[bytes, Series] = {}

    def read(self, data: bytes) -> Iterator[SampleBatch]:
        """The samples of a run of Records. A Record's own zone (HKTimeZone) wins over the offset of its times."""
        count = data.count(b"<Record ")
        self.records += count
        if count:
            yield from self._regular(data, count)
        if len(self._open) > _MOST_SERIES or len(self._heads) > _MOST_HEADS:
            yield from self.finish()

    def add(
        self, key: tuple[str, str, str, str], *, start: int, end: int, offset: int, value: float, label: str = ""
    ) -> Iterator[SampleBatch]:
        """One sample of (measure, unit, source, device) that no Record holds, such as a workout's distance."""
        series = self._series((*key, bool(label)))
        if series.surplus:
            self.trouble[TOO_MANY_KINDS] += 1
            return
        for full in series.add_one(start, end, offset, value, label.encode()):
            yield from self._checked(series, full)

    def finish(self) -> Iterator[SampleBatch]:
        """Everything that waits, as batches that may be short."""
        waiting = list(self._open.values())
        self._open.clear()
        self._heads.clear()
        self._bare_heads.clear()
        for series in waiting:
            rest = series.rest()
            if rest is not None:
                yield from self._checked(series, rest)

    def _regular(self, data: bytes, count: int) -> Iterator[SampleBatch]:
        parts = _RECORD.split(data)
        regular = len(parts) == _FIELDS * count + 1
        starts = instants(parts[2::_FIELDS]) if regular else None
        # Most samples are of an instant.
        same = regular and parts[2::_FIELDS] == parts[3::_FIELDS]
        ends = starts if same else instants(parts[3::_FIELDS]) if regular else None
        if starts is None or ends is None:
            yield from self._irregular(data)
            return
        (start, offset), (end, _) = starts, ends
        if self._children(b"".join(parts[5::_FIELDS])):
            offset = _zoned(parts[5::_FIELDS], start, offset)
        heads, raw = parts[1::_FIELDS], parts[4::_FIELDS]
        owners = list(map(self._heads.__getitem__, heads))
        distinct = list(dict.fromkeys(owners))
        if len(distinct) == 1:
            yield from self._values(distinct[0], start, end, offset, raw)
            return
        number = {series: place for place, series in enumerate(distinct)}
        codes = np.fromiter(map(number.__getitem__, owners), np.int64, count)
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(len(distinct) + 1))
        for place, series in enumerate(distinct):
            at = order[edges[place] : edges[place + 1]]
            mine = [raw[row] for row in at.tolist()]
            yield from self._values(series, start[at], end[at], offset[at], mine)

    def _irregular(self, data: bytes) -> Iterator[SampleBatch]:
        """Record by record, attribute by attribute: any order, any form of time, and broken ones counted."""
        follows = data.split(b"<Record ")[1:]
        self._children(data)
        for tag, rest in zip(record_tags(data), follows, strict=True):
            if tag is None or "type" not in tag:
                self.trouble[BROKEN_TAG] += 1
                continue
            try:
                start, offset = instant(tag.get("startDate", ""))
                end = instant(tag["endDate"])[0] if "endDate" in tag else start
            except ValueError:
                words = (tag.get(key, "") for key in ("type", "sourceName", "startDate", "endDate", "value"))
                self._note(BAD_TIME, *words)
                continue
            kind, unit, source, device = (
                tag.get(key, "")[:LONGEST_NAME] for key in ("type", "unit", "sourceName", "device")
            )
            series = self._labelled_or_not(kind, unit, source, device)
            starts, ends, offsets = _columns([start], [end], [_in_zone(start, rest, offset)])
            yield from self._values(series, starts, ends, offsets, [tag.get("value", "").encode()])

    def _children(self, inside: bytes) -> bool:
        """Count what stands inside Records; whether any of them names its own zone."""
        zones = inside.count(_ZONE_KEY)
        self.beats += inside.count(b"<InstantaneousBeatsPerMinute ")
        self.metadata += inside.count(b"<MetadataEntry ") - zones
        return zones > 0

    def _values(
        self, series: Series, start: Longs, end: Longs, offset: Longs, raw: Sequence[bytes | None]
    ) -> Iterator[SampleBatch]:
        if series.surplus:
            self.trouble[TOO_MANY_KINDS] += len(start)
            return
        if series.labelled:
            label = series.states([(state or _NO_VALUE)[:LONGEST_NAME] for state in raw])
            value: Doubles = np.ones(len(start))
        else:
            label = NO_LABEL
            try:
                value = np.fromiter(map(float, raw), np.float64, len(raw))  # type: ignore[arg-type]  # None is a TypeError
            except (ValueError, TypeError):
                yield from self._odd_values(series, start, end, offset, raw)
                return
        yield from self._rows(series, Rows(start=start, end=end, offset=offset, value=value, label=label))

    def _odd_values(
        self, series: Series, start: Longs, end: Longs, offset: Longs, raw: Sequence[bytes | None]
    ) -> Iterator[SampleBatch]:
        """Rows of which at least one is no number: halved until it stands alone, and then is a state or nothing."""
        if len(raw) > 1:
            for half in (slice(0, len(raw) // 2), slice(len(raw) // 2, None)):
                yield from self._values(series, start[half], end[half], offset[half], raw[half])
        elif raw[0] is not None and raw[0].startswith(b"HK"):
            state = self._series((series.measure, series.unit, series.source, series.device, True))
            yield from self._values(state, start, end, offset, raw)
        else:
            self._note(NOT_A_NUMBER, *series.words(int(start[0]), int(end[0]), text(raw[0] or b"")))

    def _rows(self, series: Series, rows: Rows) -> Iterator[SampleBatch]:
        for full in series.add(rows):
            yield from self._checked(series, full)

    def _checked(self, series: Series, rows: Rows) -> Iterator[SampleBatch]:
        """The rows as a batch, after what is impossible has been taken out and what is odd been counted."""
        rows = self._without(series, rows, rows.start > rows.end, BACKWARDS)
        rows = self._without(series, rows, ~np.isfinite(rows.value), NOT_A_NUMBER)
        if not len(rows.start):
            return
        if not series.unit.startswith("deg"):
            self._count(NEGATIVE, rows.value < 0)
        self._count(ODD_DATE, (rows.start < _YEAR_1990) | (rows.start > self.latest))
        batch = series.batch(rows)
        self.history.learn(batch)
        yield batch

    def _without(self, series: Series, rows: Rows, wrong: NDArray[np.bool_], why: str) -> Rows:
        if not wrong.any():
            return rows
        for row in np.flatnonzero(wrong).tolist():
            what = series.state(int(rows.label[row])) if series.labelled else f"{rows.value[row]:g}"
            self._note(why, *series.words(int(rows.start[row]), int(rows.end[row]), what, series.unit))
        return rows.take(~wrong)

    def _count(self, why: str, odd: NDArray[np.bool_]) -> None:
        if odd.any():
            self.trouble[why] += int(odd.sum())

    def _note(self, why: str, *words: str) -> None:
        """Count a row that is no sample, and keep its words while there are few."""
        self.trouble[why] += 1
        if len(self.odd) < _MOST_ODD:
            self.odd.append(", ".join(word[:LONGEST_NAME] for word in words if word))

    def _series_of(self, head: bytes) -> Series:
        bare = _ADDRESS.sub(b"", head, 1)
        series = self._bare_heads.get(bare)
        if series is None:
            parts = _HEAD.fullmatch(bare)
            kind, source, device, unit = map(name, parts.groups(default=b"")) if parts else ("", "", "", "")
            series = self._labelled_or_not(kind, unit, source, device)
            if len(bare) <= _LONGEST_HEAD:
                self._bare_heads[bare] = series
        return series

    def _labelled_or_not(self, kind: str, unit: str, source: str, device: str) -> Series:
        return self._series((kind, unit, source, device_words(device), kind.startswith("HKCategoryType")))

    def _series(self, key: Key) -> Series:
        series = self._open.get(key)
        if series is None:
            if key[0] not in self._measures and len(self._measures) >= _MOST_MEASURES:
                return Series(key, surplus=True)
            self._measures.add(key[0])
            series = self._open[key] = Series(key)
        return series


def _columns(*columns: list[int]) -> tuple[Longs, ...]:
    return tuple(np.array(column, np.int64) for column in columns)


def _zoned(follows: Sequence[bytes], start: Longs, offset: Longs) -> Longs:
    """The offsets, those of Records that name their own zone put right; `follows` is what stands behind each tag."""
    out = offset.copy()
    for row, rest in enumerate(follows):
        if _ZONE_KEY in rest:
            out[row] = _in_zone(int(start[row]), rest, int(offset[row]))
    return out


def _in_zone(start: int, rest: bytes, offset: int) -> int:
    zone = _zone_in(rest) if len(rest) < _LONGEST_HEAD else _found_zone(rest)
    own = zone_offset(start, zone) if zone else None
    return offset if own is None else own


def _found_zone(rest: bytes) -> str:
    found = _ZONE.search(rest)
    return name(found[1]) if found else ""


# Record after record says the same.
_zone_in = lru_cache(maxsize=1024)(_found_zone)
