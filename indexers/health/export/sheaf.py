"""Samples one by one, bound into batches of one measure, unit, source and device, with what is wrong counted."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite

from indexers.health.export.moments import Span
from indexers.health.export.workout import Workout
from indexers.record import BATCH_ROWS, Event, Outcome, SampleBatch, Skipped

_MOST_SERIES = 256
_MOST_REASONS = 100
_LONGEST_NAME = 300

SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"
_STATE = "HKCategoryValueSleepAnalysis"
IN_BED, AWAKE, ASLEEP = f"{_STATE}InBed", f"{_STATE}Awake", f"{_STATE}AsleepUnspecified"
CORE, DEEP, REM = f"{_STATE}AsleepCore", f"{_STATE}AsleepDeep", f"{_STATE}AsleepREM"

RMSSD = "HeartRateVariabilityRMSSD"
"""Not Apple's SDNN: another number, never mixed with it."""


class Sheaf:
    """Collects samples; `full` gives the batches that are ready, `finish` all others. Memory is bounded."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: dict[tuple[str, str, str, str, bool], SampleBatch] = {}
        self._codes: dict[int, dict[str, int]] = {}
        self._ready: list[SampleBatch] = []
        self._reasons: Counter[tuple[Outcome, str, str]] = Counter()
        self.seen = 0
        """Samples that came and things that were counted: unchanged where a file held nothing."""

    def add(
        self, measure: str, unit: str, span: Span, value: float, *, source: str, device: str = "", label: str = ""
    ) -> None:
        """One sample. What has no finite value, or ends before it starts, is counted and left out."""
        if not isfinite(value):
            self.count("malformed", measure, "the value is not a number; left out")
            return
        if span.end < span.start:
            self.count("malformed", measure, "the end lies before the start; left out")
            return
        key = (measure, unit, source[:_LONGEST_NAME], device[:_LONGEST_NAME], bool(label))
        batch = self._open.get(key)
        if batch is None:
            if len(self._open) >= _MOST_SERIES:
                self._close(next(iter(self._open)))
            batch = self._open[key] = SampleBatch(measure=measure, unit=unit, source=key[2], device=key[3])
            self._codes[id(batch)] = {}
        batch.start.append(span.start)
        batch.end.append(span.end)
        batch.offset.append(span.offset)
        batch.value.append(value)
        if label:
            codes = self._codes[id(batch)]
            batch.label.append(codes.setdefault(label[:_LONGEST_NAME], len(codes)))
        self.seen += 1
        if len(batch.start) == BATCH_ROWS:
            self._close(key)

    def sleep(self, state: str, span: Span, *, source: str, device: str = "") -> None:
        """One stretch in bed, awake, or asleep."""
        self.add(SLEEP, "", span, 1.0, source=source, device=device, label=state)

    def night(self, span: Span, minutes: Sequence[tuple[str, float]], *, source: str, device: str = "") -> None:
        """A night of which the export tells how long each state lasted, not when: laid end to end from its start.

        Lengths and shares are then right; where a stage lies within the night is not known.
        """
        self.sleep(IN_BED, span, source=source, device=device)
        at = 0.0
        for state, length in minutes:
            if length > 0 and isfinite(length):
                self.sleep(state, span.minutes(at, at + length), source=source, device=device)
                at += length

    def workout(self, workout: Workout) -> Event:
        """Take a workout's numbers; returns it as an event."""
        span = Span(start=workout.start, end=workout.end, offset=workout.offset)
        for measure, unit, value in workout.samples():
            self.add(measure, unit, span, value, source=workout.source, device=workout.device, label=workout.activity)
        return workout.event(workout.key)

    def count(self, outcome: Outcome, what: str, why: str, count: int = 1) -> None:
        """Something that was not (wholly) read."""
        self.seen += count
        key = outcome, what[:_LONGEST_NAME], why
        if key not in self._reasons and len(self._reasons) >= _MOST_REASONS:
            key = outcome, "others", why
        self._reasons[key] += count

    def full(self) -> Iterator[SampleBatch]:
        """The batches that are ready."""
        ready, self._ready = self._ready, []
        yield from ready

    def finish(self) -> Iterator[SampleBatch]:
        """Every batch that is left, the last ones shorter."""
        for key in list(self._open):
            self._close(key)
        yield from self.full()

    def skipped(self) -> Iterator[Skipped]:
        """One Skipped for each thing and reason."""
        for (outcome, what, why), count in self._reasons.items():
            yield Skipped(where=f"{self._where}#{what}", why=why, outcome=outcome, count=count)

    def _close(self, key: tuple[str, str, str, str, bool]) -> None:
        batch = self._open.pop(key)
        labels = tuple(self._codes.pop(id(batch)))
        self._ready.append(
            SampleBatch(
                measure=batch.measure,
                unit=batch.unit,
                source=batch.source,
                device=batch.device,
                start=batch.start,
                end=batch.end,
                offset=batch.offset,
                value=batch.value,
                labels=labels,
                label=batch.label if labels else array("H"),
            )
        )
