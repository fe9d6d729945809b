"""Nights out of sleep samples: one source a night, unions of intervals, attributed to the day of waking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from agent.metrics.catalogue import ASLEEP, AWAKE, BEDTIME, CORE, DEEP, EFFICIENCY, IN_BED, NAP, REM, WAKE_TIME
from agent.metrics.rollup.merge import DAY_MS, MINUTE_MS, Rows
from agent.vocabulary import DayRollup

GAP_MS = 90 * MINUTE_MS
"""Samples of one source closer than this are one sleep period, so that an hour awake does not split a night."""

EVENING_MS = 6 * 60 * MINUTE_MS
"""A period that ends after 18:00 local belongs to the night of the next date."""

_EPOCH = date(1970, 1, 1).toordinal()
_STAGES = {"AsleepREM": REM, "AsleepDeep": DEEP, "AsleepCore": CORE}
_ASLEEP = frozenset({*_STAGES, "Asleep", "AsleepUnspecified"})

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    """A stretch of sleep as one source saw it: [start, end) Unix ms, intervals by state, minutes east at both ends."""

    start: int
    end: int
    states: dict[str, list[Interval]]
    zones: tuple[int, int]
    source: str
    rank: int

    @property
    def night(self) -> int:
        """The ordinal of the wake date."""
        return (self.end + self.zones[1] * MINUTE_MS + EVENING_MS) // DAY_MS + _EPOCH

    @property
    def asleep(self) -> list[Interval]:
        return union(interval for state, found in self.states.items() if state in _ASLEEP for interval in found)

    @property
    def preference(self) -> tuple[bool, bool, int, int, str]:
        """Stages before sleep before mere time in bed; then a watch before others; then the longest."""
        staged = any(state in self.states for state in _STAGES)
        return (not staged, not self.asleep, min(self.rank, 1), self.start - self.end, self.source)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals [start, end) without overlaps, ascending."""
    out: list[Interval] = []
    for start, end in sorted(intervals):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def nights(rows: Rows) -> dict[str, list[DayRollup]]:
    """The rollups of every measure of sleep, by measure and ascending by wake date.

    Minutes for times, a fraction for efficiency, minutes after local midnight for clock times. Naps (periods of the
    chosen source that do not overlap the night's main one) are a measure of their own and never part of the night.
    """
    by_night: dict[int, list[_Period]] = {}
    for period in _periods(rows):
        by_night.setdefault(period.night, []).append(period)
    out: dict[str, list[DayRollup]] = {}
    for ordinal, periods in sorted(by_night.items()):
        main = min(_longest_of_each(periods), key=lambda period: period.preference)
        found = _night(main)
        naps = [
            _minutes(period.asleep)
            for period in periods
            if period.source == main.source and (period.end <= main.start or period.start >= main.end) and period.asleep
        ]
        for measure, value in found:
            out.setdefault(measure, []).append(_rollup(measure, ordinal, [value], main.source))
        if naps:
            out.setdefault(NAP, []).append(_rollup(NAP, ordinal, naps, main.source))
    return out


def _longest_of_each(periods: Sequence[_Period]) -> list[_Period]:
    """Each source's main period of a date: the one with most sleep, else the longest."""
    main: dict[tuple[str, int], _Period] = {}
    for period in periods:
        key = (period.source, period.rank)
        if key not in main or _weight(period) > _weight(main[key]):
            main[key] = period
    return list(main.values())


def _weight(period: _Period) -> tuple[float, int]:
    return _minutes(period.asleep), period.end - period.start


def _night(main: _Period) -> Iterator[tuple[str, float]]:
    in_bed = _minutes(union(main.states.get("InBed", ()))) or (main.end - main.start) / MINUTE_MS
    yield IN_BED, in_bed
    yield BEDTIME, _clock(main.start, main.zones[0])
    asleep = main.asleep
    if not asleep:
        return
    yield ASLEEP, _minutes(asleep)
    yield EFFICIENCY, min(1.0, _minutes(asleep) / in_bed)
    yield WAKE_TIME, _clock(asleep[-1][1], main.zones[1])
    for state, measure in _STAGES.items():
        if any(stage in main.states for stage in _STAGES):
            yield measure, _minutes(union(main.states.get(state, ())))
    if "Awake" in main.states:
        yield AWAKE, _minutes(union(main.states["Awake"]))


def _periods(rows: Rows) -> Iterator[_Period]:
    """Group the samples of each source where gaps stay under GAP_MS."""
    states = [label.removeprefix("HKCategoryValueSleepAnalysis") for label in rows.labels]
    columns = zip(
        rows.start.tolist(), rows.end.tolist(), rows.offset.tolist(), rows.source.tolist(), rows.label.tolist(),
        strict=True,
    )  # fmt: skip
    samples: dict[int, list[tuple[int, int, int, str]]] = {}
    for start, end, offset, source, label in columns:
        if end > start and label >= 0:
            samples.setdefault(source, []).append((start, end, offset, states[label]))
    for source, found in samples.items():
        group: list[tuple[int, int, int, str]] = []
        reach = 0
        for sample in found:
            if group and sample[0] - reach >= GAP_MS:
                yield _period(group, rows.names[source], rows.ranks[source])
                group, reach = [], 0
            group.append(sample)
            reach = max(reach, sample[1])
        if group:
            yield _period(group, rows.names[source], rows.ranks[source])


def _period(group: Sequence[tuple[int, int, int, str]], source: str, rank: int) -> _Period:
    states: dict[str, list[Interval]] = {}
    for start, end, _, state in group:
        states.setdefault(state, []).append((start, end))
    last = max(group, key=lambda sample: sample[1])
    return _Period(
        start=group[0][0], end=last[1], states=states, zones=(group[0][2], last[2]), source=source, rank=rank
    )


def _minutes(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in intervals) / MINUTE_MS


def _clock(utc_ms: int, offset: int) -> float:
    return (utc_ms + offset * MINUTE_MS) % DAY_MS / MINUTE_MS


def _rollup(measure: str, ordinal: int, values: Sequence[float], source: str) -> DayRollup:
    return DayRollup(
        measure=measure, day=date.fromordinal(ordinal), n=len(values), total=sum(values), raw=sum(values),
        mean=sum(values) / len(values), low=min(values), high=max(values), last=values[-1], sources=(source,),
    )  # fmt: skip
