"""Single heartbeats inside heart rate variability: clock times without a date, placed by the Record that holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexers.health.apple.markup import record_tags, text
from indexers.health.export.moments import DAY, instant

MEASURE, UNIT = "InstantaneousBeatsPerMinute", "count/min"
_HOLDER = re.compile(rb"<Record [^<]*>\s*(?:<MetadataEntry [^<]*>\s*)*<HeartRateVariabilityMetadataList>")
_END = b"</HeartRateVariabilityMetadataList>"
_BEAT = re.compile(rb'<InstantaneousBeatsPerMinute bpm="(\d+(?:\.\d+)?)" time="([^"]*)"')
_CLOCK = re.compile(r"(\d{1,2})[:.](\d\d)[:.](\d\d)(?:[.,](\d{1,3}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """The beats of one Record: its source and device as written, its offset, and (Unix ms, beats a minute)."""

    source: str
    device: str
    offset: int
    beats: tuple[tuple[int, float], ...]


def beats(data: bytes) -> Iterator[Beats]:
    """The heartbeats in a run of Records. A Record whose times cannot be read gives none.

    The first beat is put at its Record's start, for the clock in it may be an hour off; the others keep their distance
    to it. A clock that runs back went over midnight, or over noon where it has twelve hours.
    """
    for holder in _HOLDER.finditer(data):
        end = data.find(_END, holder.end())
        tag = next(record_tags(holder[0]), None)
        if end < 0 or tag is None:
            continue
        try:
            start, offset = instant(tag.get("startDate", ""))
        except ValueError:
            continue
        found: list[tuple[int, float]] = []
        passed, before = 0, -1
        for bpm, written in _BEAT.findall(data, holder.end(), end):
            clock = _CLOCK.search(text(written))
            if clock is None:
                continue
            hour, minute, second = map(int, clock.groups()[:3])
            at = ((hour * 60 + minute) * 60 + second) * 1000 + int((clock[4] or "0").ljust(3, "0"))
            if before >= 0:
                step = at - before
                passed += step if step >= 0 else step % (DAY // 2)
            before = at
            found.append((start + passed, float(bpm)))
        if found:
            yield Beats(
                source=tag.get("sourceName", ""), device=tag.get("device", ""), offset=offset, beats=tuple(found)
            )
