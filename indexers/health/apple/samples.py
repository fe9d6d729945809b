"""Records of export.xml as columns of numbers: a bytes regex and memo tables where the export is regular, attribute by
attribute where it is not, and an exact count that decides between the two.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import compress, groupby
from math import isfinite
from operator import add, gt, sub

from indexers.health.apple.markup import record_tags, text
from indexers.health.apple.moments import (
    MINUTE,
    SECONDS,
    Hours,
    OffsetHistory,
    Offsets,
    instant,
    local_time,
    zone_offset,
)
from indexers.record import BATCH_ROWS, SampleBatch

_MOST_SERIES = 256
_MOST_MEASURES = 2_000
_MOST_ODD = 1_000
_MOST_HEADS = 16_384
_LONGEST_HEAD = 2_048
LONGEST_NAME = 400
"""Characters of a type, unit, source, device or state that are kept; real ones have half of that at most."""
_YEAR_1990 = 631_152_000_000
_YEAR_2100 = 4_102_444_800_000

_HEAD = re.compile(
    rb'type="([^"]*)" sourceName="([^"]*)"(?: sourceVersion="[^"]*")?'
    rb'(?: device="(?:&lt;&lt;HKDevice: 0x[0-9a-f]+&gt;, )?([^"]*)")?(?: unit="([^"]*)")?'
)
_RECORD = re.compile(
    rb'<Record (type="[^"]*" sourceName="[^"]*"(?: sourceVersion="[^"]*")?(?: device="[^"]*")?(?: unit="[^"]*")?)'
    rb'(?: creationDate="[^"]*")? startDate="(.{13}):(.{5}) (.{5})" endDate="(.{13}):(.{5}) (.{5})"'
    rb'(?: value="([^"]*)")? ?/?>'
)
_ZONE = re.compile(rb'key="HKTimeZone" value="([^"]*)"')
_DEVICE_FIELD = re.compile(r"\b(?:name|manufacturer|model|hardware):.*?(?=, [\w ]+:|>*$)")
_DEVICE_ADDRESS = re.compile(r"<*HKDevice: 0x[0-9a-f]+>?,? ?")

NOT_A_NUMBER = "the value is not a number; kept as words, out of all numbers"
BAD_TIME = "the start or end is not a time; kept as words, out of all numbers"
BACKWARDS = "the end lies before the start; kept as words, out of all numbers"
BROKEN_TAG = "the record is cut off or not XML; left out"
TOO_MANY_KINDS = "records of more kinds than any health export has; left out"
NEGATIVE = "the value is below zero; kept as exported"
ODD_DATE = "dated before 1990 or after the export; kept as exported"
KEPT = frozenset({NEGATIVE, ODD_DATE})
"""The troubles that cost nothing: the rows are in the batches."""


class _Codes(dict[bytes, int]):
    """Numbers the labels of one batch in order of appearance; a batch is too short to run out of codes."""

    def __missing__(self, label: bytes) -> int:
        code = self[label] = len(self)
        return code


class _Series:
    """The samples of one measure, unit, source and device that wait to fill a batch."""

    __slots__ = (
        "codes", "device", "end", "label", "labelled", "measure", "offset", "source", "start", "surplus", "unit", "value",
    )  # fmt: skip

    def __init__(
        self, measure: str, unit: str, source: str, device: str, *, labelled: bool, surplus: bool = False
    ) -> None:
        self.measure, self.unit, self.source, self.device = measure, unit, source, device
        self.labelled, self.surplus = labelled, surplus
        self.clear()

    def clear(self) -> None:
        self.start, self.end, self.offset, self.value = array("q"), array("q"), array("h"), array("d")
        self.label, self.codes = array("H"), _Codes()

    def extend(
        self, start: list[int], end: list[int], offset: list[int], value: list[float], label: list[bytes]
    ) -> None:
        self.start.fromlist(start)
        self.end.fromlist(end)
        self.offset.fromlist(offset)
        self.value.fromlist(value)
        self.label.fromlist(list(map(self.codes.__getitem__, label)))

    def keep(self, rows: list[bool]) -> None:
        self.start, self.end = array("q", compress(self.start, rows)), array("q", compress(self.end, rows))
        self.offset, self.value = array("h", compress(self.offset, rows)), array("d", compress(self.value, rows))
        self.label = array("H", compress(self.label, rows))

    def batch(self) -> SampleBatch:
        return SampleBatch(
            measure=self.measure,
            unit=self.unit,
            source=self.source,
            device=self.device,
            start=self.start,
            end=self.end,
            offset=self.offset,
            value=self.value,
            labels=tuple(map(text, self.codes)),
            label=self.label,
        )


class Sampler:
    """Turns Records into SampleBatches. Holds a bounded number of unfilled ones; `finish` gives those.

    `records` counts the Records seen, `beats` the single heartbeats in them, `metadata` their notes, `trouble` the rows by what is
    wrong with them, `odd` the first of the rows that are no samples in words, `history` the offsets of all that was given
    out. Rows that start after `latest` (Unix ms) are odd.
    """

    def __init__(self) -> None:
        self.records = 0
        self.beats = 0
        self.latest = _YEAR_2100
        self.metadata = 0
        self.trouble: Counter[str] = Counter()
        self.odd: list[str] = []
        self._measures: set[str] = set()
        self.history = OffsetHistory()
        self._open: dict[tuple[str, str, str, str, bool], _Series] = {}
        self._heads: dict[bytes, _Series] = {}
        self._hours, self._offsets = Hours(), Offsets()

    def read(self, data: bytes) -> Iterator[SampleBatch]:
        """The samples of a run of Records. A Record's own zone (HKTimeZone) wins over the offset of its times."""
        self.beats += data.count(b"<InstantaneousBeatsPerMinute ")
        self.metadata += data.count(b"<MetadataEntry ")
        at = begin = 0
        zone = b""
        for found in _ZONE.finditer(data):
            start = data.rfind(b"<Record ", at, found.start())
            if start < 0:
                continue
            if found[1] != zone or data.find(b"<Record ", at, start) >= 0:
                yield from self._rows(data[begin:at], zone)
                yield from self._rows(data[at:start], b"")
                begin, zone = start, found[1]
            self.metadata -= 1
            at = found.end()
        yield from self._rows(data[begin:at], zone)
        yield from self._rows(data[at:], b"")
        if len(self._open) > _MOST_SERIES or len(self._heads) > _MOST_HEADS:
            yield from self.finish()

    def add(
        self, key: tuple[str, str, str, str], *, start: int, end: int, offset: int, value: float, label: str = ""
    ) -> Iterator[SampleBatch]:
        """One sample of (measure, unit, source, device) that no Record holds, such as a workout's distance."""
        series = self._series((*key, bool(label)))
        yield from self._extend(series, [start], [end], [offset], [value], [label.encode()] if label else [])

    def finish(self) -> Iterator[SampleBatch]:
        """Everything that waits, as batches that may be short."""
        waiting = list(self._open.values())
        self._open.clear()
        self._heads.clear()
        for series in waiting:
            yield from self._take(series)

    def _rows(self, data: bytes, zone: bytes) -> Iterator[SampleBatch]:
        count = data.count(b"<Record ")
        if not count:
            return
        self.records += count
        rows = _RECORD.findall(data)
        if len(rows) != count:
            yield from self._irregular(data, zone)
            return
        heads, hour, minute, east, end_hour, end_minute, end_east, value = zip(*rows, strict=True)
        hours, offsets = self._hours.__getitem__, self._offsets.__getitem__
        try:
            offset = list(map(offsets, east))
            start = list(map(add, map(hours, hour), map(SECONDS.__getitem__, minute)))
            end = list(map(add, map(hours, end_hour), map(SECONDS.__getitem__, end_minute)))
            end_offset = offset if east == end_east else map(offsets, end_east)
            start = list(map(sub, start, map(MINUTE.__mul__, offset)))
            end = list(map(sub, end, map(MINUTE.__mul__, end_offset)))
        except (KeyError, ValueError):
            yield from self._irregular(data, zone)
            return
        if zone:
            offset = [_in_zone(at, zone, east) for at, east in zip(start, offset, strict=True)]
        at = 0
        for head, run in groupby(heads):
            stop = at + len(list(run))
            series = self._heads.get(head) or self._series_of(head)
            yield from self._values(series, start[at:stop], end[at:stop], offset[at:stop], value[at:stop])
            at = stop

    def _irregular(self, data: bytes, zone: bytes) -> Iterator[SampleBatch]:
        """Record by record, attribute by attribute: any order, any form of time, and broken ones counted."""
        for tag in record_tags(data):
            if tag is None or "type" not in tag:
                self.trouble[BROKEN_TAG] += 1
                continue
            try:
                start, offset = instant(tag.get("startDate", ""))
                end = instant(tag["endDate"])[0] if "endDate" in tag else start
            except ValueError:
                self._note(
                    BAD_TIME, *(tag.get(key, "") for key in ("type", "sourceName", "startDate", "endDate", "value"))
                )
                continue
            names = (tag.get(key, "")[:LONGEST_NAME] for key in ("type", "unit", "sourceName", "device"))
            series = self._labelled_or_not(*names)
            east = _in_zone(start, zone, offset) if zone else offset
            yield from self._values(series, [start], [end], [east], [tag.get("value", "").encode()])

    def _values(
        self, series: _Series, start: list[int], end: list[int], offset: list[int], raw: Sequence[bytes]
    ) -> Iterator[SampleBatch]:
        if series.labelled:
            labels = [(value or _NO_VALUE)[:LONGEST_NAME] for value in raw]
            yield from self._extend(series, start, end, offset, [1.0] * len(start), labels)
            return
        try:
            numbers = list(map(float, raw))
        except ValueError:
            yield from self._odd_values(series, start, end, offset, raw)
        else:
            yield from self._extend(series, start, end, offset, numbers, [])

    def _odd_values(
        self, series: _Series, start: list[int], end: list[int], offset: list[int], raw: Sequence[bytes]
    ) -> Iterator[SampleBatch]:
        """Rows of which at least one is no number: halved until it stands alone, and then is a state or nothing."""
        if len(raw) > 1:
            for half in (slice(0, len(raw) // 2), slice(len(raw) // 2, None)):
                yield from self._values(series, start[half], end[half], offset[half], raw[half])
        elif raw[0].startswith(b"HK"):
            state = self._series((series.measure, series.unit, series.source, series.device, True))
            yield from self._extend(state, start, end, offset, [1.0], [raw[0][:LONGEST_NAME]])
        else:
            self._note(NOT_A_NUMBER, *_named(series, start[0], end[0]), text(raw[0]))

    def _note(self, why: str, *words: str) -> None:
        """Count a row that is no sample, and keep its words while there are few."""
        self.trouble[why] += 1
        if len(self.odd) < _MOST_ODD:
            self.odd.append(", ".join(word[:LONGEST_NAME] for word in words if word))

    def _extend(
        self,
        series: _Series,
        start: list[int],
        end: list[int],
        offset: list[int],
        value: list[float],
        label: list[bytes],
    ) -> Iterator[SampleBatch]:
        if series.surplus:
            self.trouble[TOO_MANY_KINDS] += len(start)
            return
        at = 0
        while at < len(start):
            room = slice(at, at + BATCH_ROWS - len(series.start))
            series.extend(start[room], end[room], offset[room], value[room], label[room])
            at = room.stop
            if len(series.start) == BATCH_ROWS:
                yield from self._take(series)

    def _take(self, series: _Series) -> Iterator[SampleBatch]:
        self._drop_impossible(series)
        if series.start:
            if min(series.value) < 0 and not series.unit.startswith("deg"):
                self.trouble[NEGATIVE] += sum(value < 0 for value in series.value)
            if min(series.start) < _YEAR_1990 or max(series.start) > self.latest:
                self.trouble[ODD_DATE] += sum(not _YEAR_1990 <= start <= self.latest for start in series.start)
            batch = series.batch()
            self.history.learn(batch)
            yield batch
        series.clear()

    def _drop_impossible(self, series: _Series) -> None:
        backwards = list(map(gt, series.start, series.end))
        if any(backwards):
            for row in compress(range(len(backwards)), backwards):
                state = text(list(series.codes)[series.label[row]]) if series.label else f"{series.value[row]:g}"
                self._note(BACKWARDS, *_named(series, series.start[row], series.end[row]), state, series.unit)
            series.keep([not wrong for wrong in backwards])
        if not isfinite(sum(series.value)):
            finite = list(map(isfinite, series.value))
            for row in (at for at, good in enumerate(finite) if not good):
                words = _named(series, series.start[row], series.end[row])
                self._note(NOT_A_NUMBER, *words, f"{series.value[row]}", series.unit)
            series.keep(finite)

    def _series_of(self, head: bytes) -> _Series:
        parts = _HEAD.fullmatch(head)
        measure, source, device, unit = map(_name, parts.groups(default=b"")) if parts else ("", "", "", "")
        series = self._labelled_or_not(measure, unit, source, device)
        if len(head) <= _LONGEST_HEAD:
            self._heads[head] = series
        return series

    def _labelled_or_not(self, measure: str, unit: str, source: str, device: str) -> _Series:
        return self._series((measure, unit, source, device_words(device), measure.startswith("HKCategoryType")))

    def _series(self, key: tuple[str, str, str, str, bool]) -> _Series:
        series = self._open.get(key)
        if series is None:
            known = key[0] in self._measures or len(self._measures) < _MOST_MEASURES
            if not known:
                return _Series(*key[:4], labelled=key[4], surplus=True)
            self._measures.add(key[0])
            series = self._open[key] = _Series(*key[:4], labelled=key[4])
        return series


_NO_VALUE = b"HKCategoryValueNotApplicable"


@lru_cache(maxsize=4096)
def _name(raw: bytes) -> str:
    return text(raw)[:LONGEST_NAME]


@lru_cache(maxsize=4096)
def device_words(device: str) -> str:
    """A HKDevice description without its memory address and versions, so that one device stays one over the years."""
    fields = _DEVICE_FIELD.findall(device)
    return ", ".join(fields) if fields else _DEVICE_ADDRESS.sub("", device).strip("<> ")


def _named(series: _Series, start: int, end: int) -> tuple[str, str, str]:
    """A row's measure, source and times in words."""
    return series.measure, series.source, f"{_written(start)} to {_written(end)}"


def _written(milliseconds: int) -> str:
    try:
        return f"{local_time(milliseconds, 0):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return f"{milliseconds} ms"


def _in_zone(start: int, zone: bytes, offset: int) -> int:
    own = zone_offset(start, _name(zone))
    return offset if own is None else own
