"""The elements of a synthetic export.xml, worded as Apple words them, in Apple's order.

Merging watch and phone by priority gives back exactly the day's truth: where both counted, the phone's samples lie
inside the watch's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from random import Random
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from agent.demo.health_zip.truth import HRV, RESTING, RUN, SLEEP, STEPS, WEIGHT, Day, Wearer

_HOUR = 3600
_KM_PER_STEP = 0.00074
_DAYTIME = range(7, 22)
_STAGES = ("Core", "Deep", "Core", "REM")
_MINUTE_SECOND = [f"{second // 60:02}:{second % 60:02}" for second in range(_HOUR)]
_PRESSURES = ("HKQuantityTypeIdentifierBloodPressureSystolic", "HKQuantityTypeIdentifierBloodPressureDiastolic")
_CUFF = 'sourceName="Cuff" sourceVersion="2"'
_SCALE = 'sourceName="Scale &amp; Co" sourceVersion="7"'


class Pen:
    """Words the elements of one export; `counts` says how many top-level ones it wrote, by name."""

    def __init__(self, wearer: Wearer, seed: int, truth: list[Day], *, heart_rates: int) -> None:
        self.counts: Counter[str] = Counter()
        self._wearer, self._seed, self._truth, self._heart_rates = wearer, seed, truth, heart_rates
        self._zone = ZoneInfo(wearer.zone)
        self._hours: dict[int, tuple[str, str]] = {}
        self._morning = {day.day: self._midnight(day.day) for day in truth}

    def head(self, exported: datetime) -> Iterator[str]:
        """ExportDate and Me."""
        yield f' <ExportDate value="{self._at(int(exported.timestamp()))}"/>\n'
        me = "HKCharacteristicTypeIdentifier"
        yield (
            f' <Me {me}DateOfBirth="{self._wearer.born}" {me}BiologicalSex="HKBiologicalSex{self._wearer.sex}"'
            f' {me}BloodType="HKBloodTypeNotSet" {me}FitzpatrickSkinType="HKFitzpatrickSkinTypeNotSet"'
            f' {me}CardioFitnessMedicationsUse="None"/>\n'
        )

    def records(self) -> Iterator[str]:
        """All top-level Records, type by type."""
        for kind in (
            self._heart_rate,
            self._steps,
            self._distance,
            self._energy,
            self._weight,
            self._pressure,
            self._oxygen,
            self._fitness,
            self._resting,
            self._stand_hours,
            self._sleep,
            self._variability,
        ):
            for day in self._truth:
                for line in kind(day, Random(f"{self._seed}/{kind.__name__}/{day.day}")):
                    self.counts["Record"] += 1
                    yield line

    def correlations(self) -> Iterator[str]:
        """Blood pressure as pairs; their Records stand at top level too."""
        kind = "HKCorrelationTypeIdentifierBloodPressure"
        for day in self._truth:
            pair = list(self._pressure(day, Random(f"{self._seed}/_pressure/{day.day}")))
            if pair:
                self.counts["Correlation"] += 1
                at = self._at(self._morning[day.day] + 8 * _HOUR)
                yield f' <Correlation type="{kind}" {_CUFF} startDate="{at}" endDate="{at}">\n'
                yield from (f" {line}" for line in pair)
                yield " </Correlation>\n"

    def workouts(self) -> Iterator[str]:
        """The day's run by the watch with statistics, a pause and a route, and now and then a copy by another app."""
        for day in self._truth:
            if day.run <= 0:
                continue
            minutes = round(day.run * 5.5, 4)
            start = self._morning[day.day] + 18 * _HOUR
            span = f'startDate="{self._at(start)}" endDate="{self._at(start + round(minutes * 60) + 45)}"'
            head = f' <Workout workoutActivityType="{RUN}" duration="{minutes}" durationUnit="min"'
            self.counts["Workout"] += 1
            yield f'{head} {self._watch(day)} creationDate="{self._at(start + 9_000)}" {span}>\n'
            yield _metadata("HKTimeZone", self._wearer.zone)
            yield _metadata("HKIndoorWorkout", "0")
            yield _metadata("HKElevationAscended", "4180 cm")
            yield f'  <WorkoutEvent type="HKWorkoutEventTypePause" date="{self._at(start + 600)}"/>\n'
            yield f'  <WorkoutEvent type="HKWorkoutEventTypeResume" date="{self._at(start + 645)}"/>\n'
            yield _statistics("DistanceWalkingRunning", span, f'sum="{day.run}" unit="km"')
            yield _statistics("ActiveEnergyBurned", span, f'sum="{round(day.run * 64, 3)}" unit="Cal"')
            rates = f'average="{day.resting + 92}" minimum="{day.resting + 31}" maximum="{day.resting + 118}"'
            yield _statistics("HeartRate", span, f'{rates} unit="count/min"')
            yield f'  <WorkoutRoute sourceName="route" {span}>\n'
            yield f'   <FileReference path="/workout-routes/route_{day.day}_6.32pm.gpx"/>\n'
            yield "  </WorkoutRoute>\n </Workout>\n"
            if day.day.day % 9 == 0:
                self.counts["Workout"] += 1
                yield f'{head} sourceName="Trail Diary" {span}/>\n'

    def summaries(self) -> Iterator[str]:
        """The rings of every day."""
        for day in self._truth:
            self.counts["ActivitySummary"] += 1
            yield (
                f' <ActivitySummary dateComponents="{day.day}" activeEnergyBurned="{_energy(day)}"'
                f' activeEnergyBurnedGoal="500" activeEnergyBurnedUnit="Cal" appleMoveTime="0" appleMoveTimeGoal="0"'
                f' appleExerciseTime="{round(day.run * 5.5) + 12}" appleExerciseTimeGoal="30"'
                f' appleStandHours="{len(_DAYTIME)}" appleStandHoursGoal="12"/>\n'
            )

    def _heart_rate(self, day: Day, chance: Random) -> Iterator[str]:
        morning, watch, gap = self._morning[day.day], self._watch(day), 86_000 // max(self._heart_rates, 1)
        kind = "HKQuantityTypeIdentifierHeartRate"
        for index in range(self._heart_rates):
            at = morning + index * gap + chance.randrange(gap)
            line = self._record(kind, watch, "count/min", at, at, str(day.resting + chance.randrange(60)))
            motion = str(index % 2 + 1)
            yield line if index % 3 else _with(line, _metadata("HKMetadataKeyHeartRateMotionContext", motion))

    def _steps(self, day: Day, chance: Random) -> Iterator[str]:
        for head, start, end, count in self._counted(day, chance, day.steps):
            yield self._record(STEPS, head, "count", start, end, str(count))

    def _distance(self, day: Day, chance: Random) -> Iterator[str]:
        for head, start, end, count in self._counted(day, chance, day.steps):
            kilometres = f"{count * _KM_PER_STEP:.6g}"
            yield self._record("HKQuantityTypeIdentifierDistanceWalkingRunning", head, "km", start, end, kilometres)

    def _counted(self, day: Day, chance: Random, total: int) -> Iterator[tuple[str, int, int, int]]:
        """`total` over the hours of the day: by the watch and inside it by the phone, or by the phone alone."""
        morning, watch, phone = self._morning[day.day], self._watch(day), self._phone(day)
        charging = chance.choice(_DAYTIME)
        for place, hour in enumerate(_DAYTIME):
            left = len(_DAYTIME) - place
            count = total if left == 1 else min(total, chance.randint(0, 2 * total // left))
            total -= count
            start = morning + hour * _HOUR + chance.randrange(300)
            end = start + chance.randint(1_200, 3_000)
            if hour == charging:
                yield phone, start, end, count
                continue
            yield watch, start, end, count
            if chance.random() < 0.6:
                yield phone, start + 60, end - 60, round(count * 0.8)

    def _energy(self, day: Day, chance: Random) -> Iterator[str]:
        watch, morning, share = self._watch(day), self._morning[day.day], _energy(day) / 24
        for hour in range(24):
            start = morning + hour * _HOUR
            value = f"{share * chance.uniform(0.5, 1.5):.5g}"
            yield self._record("HKQuantityTypeIdentifierActiveEnergyBurned", watch, "Cal", start, start + _HOUR, value)

    def _weight(self, day: Day, chance: Random) -> Iterator[str]:
        if day.weight is not None:
            at = self._morning[day.day] + 7 * _HOUR + chance.randrange(900)
            yield self._record(WEIGHT, _SCALE, "kg", at, at, f"{day.weight:g}")

    def _pressure(self, day: Day, chance: Random) -> Iterator[str]:
        if day.day.weekday() == 6:
            at = self._morning[day.day] + 8 * _HOUR
            for kind, value in zip(_PRESSURES, (chance.randint(108, 128), chance.randint(66, 82)), strict=True):
                yield self._record(kind, _CUFF, "mmHg", at, at, str(value))

    def _oxygen(self, day: Day, chance: Random) -> Iterator[str]:
        for hour in (1, 4, 13):
            at = self._morning[day.day] + hour * _HOUR + chance.randrange(_HOUR)
            value = f"{chance.randint(94, 100) / 100:g}"
            yield self._record("HKQuantityTypeIdentifierOxygenSaturation", self._watch(day), "%", at, at, value)

    def _fitness(self, day: Day, chance: Random) -> Iterator[str]:
        if day.run > 0:
            at = self._morning[day.day] + 19 * _HOUR
            value = f"{chance.uniform(41, 44):.2f}"
            yield self._record("HKQuantityTypeIdentifierVO2Max", self._watch(day), "mL/min·kg", at, at, value)

    def _resting(self, day: Day, chance: Random) -> Iterator[str]:
        at = self._morning[day.day] + chance.randrange(_HOUR)
        yield self._record(RESTING, self._watch(day), "count/min", at, at + 20 * _HOUR, str(day.resting))

    def _stand_hours(self, day: Day, chance: Random) -> Iterator[str]:
        kind = "HKCategoryTypeIdentifierAppleStandHour"
        for hour in _DAYTIME:
            start = self._morning[day.day] + hour * _HOUR
            value = "HKCategoryValueAppleStandHour" + ("Stood" if chance.random() < 0.8 else "Idle")
            yield self._record(kind, self._watch(day), "", start, start + _HOUR, value)

    def _sleep(self, day: Day, chance: Random) -> Iterator[str]:
        """The phone saw the owner in bed; the watch saw stages that add up to `asleep`, with short waking between."""
        wake = self._morning[day.day] + 7 * _HOUR
        stages: list[tuple[str, int]] = []
        left = day.asleep
        while left > 0:
            minutes = min(left, chance.randint(20, 50))
            stages.append((_STAGES[len(stages) % len(_STAGES)], minutes))
            left -= minutes
        pauses = [chance.randint(1, 4) if index % 5 == 4 else 0 for index in range(len(stages))]
        at = bed = wake - 60 * (day.asleep + sum(pauses))
        zone = _metadata("HKTimeZone", self._wearer.zone)
        state = "HKCategoryValueSleepAnalysis"
        watch = self._watch(day)
        yield self._record(SLEEP, self._phone(day), "", bed - 600, wake + 300, f"{state}InBed")
        for (stage, minutes), pause in zip(stages, pauses, strict=True):
            if pause:
                yield _with(self._record(SLEEP, watch, "", at, at + 60 * pause, f"{state}Awake"), zone)
                at += 60 * pause
            yield _with(self._record(SLEEP, watch, "", at, at + 60 * minutes, f"{state}Asleep{stage}"), zone)
            at += 60 * minutes

    def _variability(self, day: Day, chance: Random) -> Iterator[str]:
        at = self._morning[day.day] + 3 * _HOUR + chance.randrange(_HOUR)
        clock = datetime.fromtimestamp(at, self._zone)
        beats = "".join(
            f'   <InstantaneousBeatsPerMinute bpm="{day.resting + chance.randrange(9)}"'
            f' time="{clock.hour}:{clock:%M:%S}.{beat:02} AM"/>\n'
            for beat in range(5)
        )
        nest = f"  <HeartRateVariabilityMetadataList>\n{beats}  </HeartRateVariabilityMetadataList>\n"
        yield _with(self._record(HRV, self._watch(day), "ms", at, at + 60, f"{day.hrv:g}"), nest)

    def _record(self, kind: str, head: str, unit: str, start: int, end: int, value: str) -> str:
        units = f' unit="{unit}"' if unit else ""
        return (
            f' <Record type="{kind}" {head}{units} creationDate="{self._at(end)}" startDate="{self._at(start)}"'
            f' endDate="{self._at(end)}" value="{value}"/>\n'
        )

    def _watch(self, day: Day) -> str:
        return self._device(
            day, f"{self._wearer.name}’s Apple\N{NO-BREAK SPACE}Watch", "Apple Watch", "Watch", "Watch6,2"
        )

    def _phone(self, day: Day) -> str:
        return self._device(day, f"{self._wearer.name}’s iPhone", "iPhone", "iPhone", "iPhone15,3")

    def _device(self, day: Day, source: str, name: str, model: str, hardware: str) -> str:
        # As in real exports, an address in memory stands in the description and differs between runs of records.
        system = f"{day.day.year - 2008}.{day.day.month // 4}"
        address = 0x280000000 + (day.day.toordinal() * 7919 + len(name)) % 0xFFFFFF
        device = (
            f"<<HKDevice: 0x{address:x}>, name:{name}, manufacturer:Apple Inc., model:{model},"
            f" hardware:{hardware}, software:{system}>"
        )
        return f'sourceName={quoteattr(source)} sourceVersion="{system}" device={quoteattr(device)}'

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), self._zone).timestamp())

    def _at(self, moment: int) -> str:
        """A Unix second as the exporting phone writes it."""
        quarter, rest = divmod(moment, 900)
        known = self._hours.get(quarter)
        if known is None:
            if len(self._hours) > 10_000:
                self._hours.clear()
            local = datetime.fromtimestamp(quarter * 900, UTC).astimezone(self._zone)
            known = self._hours[quarter] = f"{local:%Y-%m-%d %H:}{local.minute:02}", f" {local:%z}"
        prefix, offset = known
        second = int(prefix[-2:]) * 60 + rest
        return f"{prefix[:-2]}{_MINUTE_SECOND[second]}{offset}"


def _energy(day: Day) -> int:
    return 260 + day.steps // 25


def _metadata(key: str, value: str) -> str:
    return f'  <MetadataEntry key="{key}" value="{value}"/>\n'


def _statistics(quantity: str, span: str, values: str) -> str:
    return f'  <WorkoutStatistics type="HKQuantityTypeIdentifier{quantity}" {span} {values}/>\n'


def _with(record: str, children: str) -> str:
    return record.removesuffix("/>\n") + f">\n{children} </Record>\n"
