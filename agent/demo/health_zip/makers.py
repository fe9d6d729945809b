"""The same synthetic life as other makers write it: Fitbit, Google Fit, Garmin, Oura, Withings, Health Auto Export.

Worded after public descriptions of these exports, as their readers are; no real export stood model.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from agent.demo.health_zip.truth import Day, Planted, days

Maker = Literal["fitbit", "google-fit", "garmin", "oura", "withings", "health-auto-export"]
Files = Mapping[str, str]
_HOURS = range(8, 20)
_RUN_MINUTES_A_KM = 5.5


def write_maker_export(
    path: Path,
    maker: Maker,
    *,
    seed: int,
    first: date,
    last: date,
    zone: str = "Europe/Berlin",
    planted: Planted | None = None,
) -> list[Day]:
    """Write one export of a maker as a zip; returns the days it holds. The same arguments give the same bytes."""
    truth = list(days(seed=seed, first=first, last=last, planted=planted))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(_MAKERS[maker](truth, ZoneInfo(zone)).items()):
            info = zipfile.ZipInfo(name, (last.year, last.month, last.day, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, body)
    return truth


def _night(day: Day, zone: ZoneInfo) -> tuple[datetime, datetime, list[tuple[str, int]]]:
    """From, to, and the stages with their minutes; a tenth of the night awake on top of what was slept."""
    deep, rem, awake = day.asleep // 5, day.asleep // 4, day.asleep // 10
    end = datetime.combine(day.day, time(7), zone)
    stages = [("light", day.asleep - deep - rem), ("deep", deep), ("rem", rem), ("awake", awake)]
    # Absolute time, for clocks may change in the night.
    start = (end.astimezone(UTC) - timedelta(minutes=day.asleep + awake)).astimezone(zone)
    return start, end, stages


def _hours(day: Day, zone: ZoneInfo) -> Iterator[tuple[datetime, int]]:
    """The day's steps by the hour."""
    share, rest = divmod(day.steps, len(_HOURS))
    for place, hour in enumerate(_HOURS):
        yield datetime.combine(day.day, time(hour), zone), share + (rest if place == 0 else 0)


def _run(day: Day, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day.day, time(18), zone)
    return start, start + timedelta(seconds=round(day.run * _RUN_MINUTES_A_KM * 60))


def _fitbit(truth: list[Day], zone: ZoneInfo) -> Files:
    folder = "Takeout/Fitbit/Global Export Data"
    hrv_folder = "Takeout/Fitbit/Heart Rate Variability"
    us = "%m/%d/%y %H:%M:%S"
    steps = [
        {"dateTime": at.astimezone(UTC).strftime(us), "value": str(count)}
        for day in truth
        for at, count in _hours(day, zone)
    ]
    rates = [
        {"dateTime": at.astimezone(UTC).strftime(us), "value": {"bpm": day.resting + 20, "confidence": confidence}}
        for day in truth
        for at, confidence in (
            (datetime.combine(day.day, time(9), zone), 2),
            (datetime.combine(day.day, time(10), zone), 0),
        )
    ]
    resting = [
        {
            "dateTime": f"{day.day:%m/%d/%y} 00:00:00",
            "value": {"date": f"{day.day:%m/%d/%y}", "value": day.resting, "error": 6.8},
        }
        for day in truth
    ]
    weights = [
        {"logId": number, "weight": round(day.weight / 0.45359237, 4), "bmi": 22.5, "date": f"{day.day:%m/%d/%y}",
         "time": "07:30:00", "source": "Aria"}
        for number, day in enumerate(truth) if day.weight
    ]  # fmt: skip
    nights = []
    for number, day in enumerate(truth):
        start, end, stages = _night(day, zone)
        data, at = [], start.astimezone(UTC)
        for stage, minutes in stages:
            level = "wake" if stage == "awake" else stage
            data.append({"dateTime": _local(at, zone), "level": level, "seconds": minutes * 60})
            at += timedelta(minutes=minutes)
        nights.append(
            {"logId": number, "dateOfSleep": str(day.day), "startTime": _local(start, zone), "endTime": _local(end, zone),
             "type": "stages", "levels": {"data": data, "shortData": []}, "mainSleep": True}
        )  # fmt: skip
    runs = [
        {"logId": number, "activityName": "Run", "startTime": start.astimezone(UTC).strftime(us),
         "duration": (end - start).seconds * 1000, "activeDuration": (end - start).seconds * 1000, "distance": day.run,
         "distanceUnit": "Kilometer", "calories": round(day.run * 64), "averageHeartRate": day.resting + 92}
        for number, day in enumerate(truth) if day.run for start, end in [_run(day, zone)]
    ]  # fmt: skip
    first = truth[0].day
    hrv = "".join(f"{day.day}T00:00:00,{day.hrv},55,2.1\n" for day in truth)
    return {
        f"{folder}/steps-{first}.json": json.dumps(steps),
        f"{folder}/heart_rate-{first}.json": json.dumps(rates),
        f"{folder}/resting_heart_rate-{first}.json": json.dumps(resting),
        f"{folder}/weight-{first}.json": json.dumps(weights),
        f"{folder}/sleep-{first}.json": json.dumps(nights),
        f"{folder}/exercise-0.json": json.dumps(runs),
        f"{folder}/altitude-{first}.json": "[]",
        f"{hrv_folder}/Daily Heart Rate Variability Summary - {first}.csv": f"timestamp,rmssd,nremhr,entropy\n{hrv}",
    }


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S.000")


def _google_fit(truth: list[Day], zone: ZoneInfo) -> Files:
    def point(start: datetime, end: datetime, value: Mapping[str, object]) -> dict[str, object]:
        nanos = {f"{side}TimeNanos": int(at.timestamp()) * 10**9 for side, at in (("start", start), ("end", end))}
        return {"fitValue": [{"value": value}], **nanos, "dataTypeName": "x"}

    hour = timedelta(hours=1)
    steps = [point(at, at + hour, {"intVal": count}) for day in truth for at, count in _hours(day, zone)]
    weights = [
        point(at, at, {"fpVal": day.weight})
        for day in truth if day.weight for at in [datetime.combine(day.day, time(7, 30), zone)]
    ]  # fmt: skip
    numbers = {"light": 4, "deep": 5, "rem": 6, "awake": 1}
    nights = []
    for day in truth:
        start, _, stages = _night(day, zone)
        at = start.astimezone(UTC)
        for stage, minutes in stages:
            nights.append(point(at, at + timedelta(minutes=minutes), {"intVal": numbers[stage]}))
            at += timedelta(minutes=minutes)
    files = {}
    for kind, merged, points in (
        ("step_count.delta", "merge_step_deltas", steps),
        ("step_count.delta", "some.app", steps),
        ("weight", "merge_weight", weights),
        ("sleep.segment", "merge_sleep_segments", nights),
    ):
        name = f"Takeout/Fit/All Data/derived_com.google.{kind}_com.google.android.gms_{merged}.json"
        files[name] = json.dumps({"Data Source": name, "Data Points": points})
    for day in truth:
        if day.run:
            start, end = _run(day, zone)
            session = {
                "fitnessActivity": "running",
                "startTime": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
                "endTime": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
                "duration": f"{(end - start).seconds}s",
                "aggregate": [{"metricName": "com.google.distance.delta", "floatValue": day.run * 1000}],
            }
            files[f"Takeout/Fit/All Sessions/{day.day}T18_00_00+01_00_RUNNING.json"] = json.dumps(session)
    return files


def _garmin(truth: list[Day], zone: ZoneInfo) -> Files:
    def gmt(at: datetime) -> str:
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0")

    summaries = [
        {"calendarDate": {"date": f"{day.day:%b} {day.day.day}, {day.day.year} 12:00:00 AM"}, "totalSteps": day.steps,
         "currentDayRestingHeartRate": day.resting, "totalDistanceMeters": round(day.steps * 0.74)}
        for day in truth
    ]  # fmt: skip
    nights = []
    for day in truth:
        start, end, stages = _night(day, zone)
        lengths = {f"{stage}SleepSeconds": minutes * 60 for stage, minutes in stages}
        nights.append(
            {
                "sleepStartTimestampGMT": gmt(start),
                "sleepEndTimestampGMT": gmt(end),
                "calendarDate": str(day.day),
                **lengths,
            }
        )
    bodies = [
        {"weight": {"weight": round(day.weight * 1000, 3), "timestampGMT": gmt(datetime.combine(day.day, time(7, 30), zone))}}
        for day in truth if day.weight
    ]  # fmt: skip
    runs = []
    for number, day in enumerate(truth):
        if day.run:
            start, end = _run(day, zone)
            east = (start.utcoffset() or timedelta()).total_seconds()
            begin = start.timestamp() * 1000
            runs.append(
                {"activityId": number, "activityType": "running", "startTimeGmt": begin, "startTimeLocal": begin + east * 1000,
                 "duration": (end - start).seconds * 1000.0, "distance": day.run * 100_000, "avgHr": day.resting + 92.0}
            )  # fmt: skip
    top = "DI_CONNECT"
    return {
        f"{top}/DI-Connect-Aggregator/UDSFile_{truth[0].day}_{truth[-1].day}.json": json.dumps(summaries),
        f"{top}/DI-Connect-Wellness/{truth[0].day}_{truth[-1].day}_1_sleepData.json": json.dumps(nights),
        f"{top}/DI-Connect-Wellness/1_userBioMetrics.json": json.dumps(bodies),
        f"{top}/DI-Connect-Fitness/robin_0_summarizedActivities.json": json.dumps(
            [{"summarizedActivitiesExport": runs}]
        ),
        f"{top}/DI-Connect-Social/friends.json": "[]",
    }


def _oura(truth: list[Day], zone: ZoneInfo) -> Files:
    nights = []
    for day in truth:
        start, end, stages = _night(day, zone)
        codes = {"light": "2", "deep": "1", "rem": "3", "awake": "4"}
        # Pieces of five minutes cannot hold every length.
        phases = "".join(codes[stage] * round(minutes / 5) for stage, minutes in stages)
        nights.append(
            {"day": str(day.day), "type": "long_sleep", "bedtime_start": start.isoformat(), "bedtime_end": end.isoformat(),
             "sleep_phase_5_min": phases, "total_sleep_duration": day.asleep * 60, "lowest_heart_rate": day.resting,
             "average_hrv": round(day.hrv), "average_breath": 14.5}
        )  # fmt: skip
    runs = [
        {"activity": "running", "day": str(day.day), "start_datetime": start.isoformat(), "end_datetime": end.isoformat(),
         "distance": day.run * 1000, "calories": day.run * 64}
        for day in truth if day.run for start, end in [_run(day, zone)]
    ]  # fmt: skip
    activity = [{"day": str(day.day), "steps": day.steps, "active_calories": 300} for day in truth]
    spo2 = [{"day": str(day.day), "spo2_percentage": {"average": 97.5}} for day in truth]
    whole = {"sleep": nights, "daily_activity": activity, "workout": runs, "daily_spo2": spo2, "tag": []}
    return {f"oura_data_{truth[-1].day}.json": json.dumps(whole)}


def _withings(truth: list[Day], zone: ZoneInfo) -> Files:
    weights = "".join(f"{day.day} 07:30:00,{day.weight},14.2,,,,\n" for day in truth if day.weight)
    steps = "".join(f"{day.day},{day.steps}\n" for day in truth)
    raw = "".join(f"{at.isoformat()},[3600],[{count}]\n" for day in truth for at, count in _hours(day, zone))
    pulse = "".join(f"{datetime.combine(day.day, time(9), zone).isoformat()},[60],[{day.resting}]\n" for day in truth)
    nights, runs = "", ""
    for day in truth:
        start, end, stages = _night(day, zone)
        lengths = dict(stages)
        cells = ",".join(str(lengths[stage] * 60) for stage in ("light", "deep", "rem", "awake"))
        nights += f"{start.isoformat()},{end.isoformat()},{cells},2\n"
        if day.run:
            start, end = _run(day, zone)
            data = json.dumps({"distance": day.run * 1000, "calories": day.run * 64}).replace('"', '""')
            runs += f'{start.isoformat()},{end.isoformat()},,,{zone.key},Running,"{data}",,\n'
    return {
        "weight.csv": f'Date,"Weight (kg)","Fat mass (kg)","Bone mass (kg)","Muscle mass (kg)","Hydration (kg)",Comments\n{weights}',
        "aggregates_steps.csv": f"date,value\n{steps}",
        "raw_tracker_steps.csv": f"start,duration,value\n{raw}",
        "raw_tracker_hr.csv": f"start,duration,value\n{pulse}",
        "sleep.csv": f'from,to,"light (s)","deep (s)","rem (s)","awake (s)","wake up"\n{nights}',
        "activities.csv": f'from,to,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified\n{runs}',
    }


def _health_auto_export(truth: list[Day], zone: ZoneInfo) -> Files:
    def at(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%d %I:%M:%S\N{NARROW NO-BREAK SPACE}%p %z")

    def midnight(day: Day) -> str:
        return at(datetime.combine(day.day, time(), zone))

    watch = "Robin’s Apple\N{NO-BREAK SPACE}Watch|Robin’s iPhone"
    nights = []
    for day in truth:
        start, end, stages = _night(day, zone)
        hours = {("core" if stage == "light" else stage): minutes / 60 for stage, minutes in stages}
        nights.append(
            {"date": midnight(day), "source": watch, "sleepStart": at(start), "sleepEnd": at(end), "asleep": 0, **hours}
        )
    metrics: list[dict[str, object]] = [
        {"units": "count", "data": [{"date": midnight(day), "qty": day.steps, "source": watch} for day in truth], "name": "step_count"},
        {"name": "resting_heart_rate", "units": "count/min", "data": [{"date": midnight(day), "qty": day.resting} for day in truth]},
        {"name": "weight_body_mass", "units": "kg", "data": [
            {"date": at(datetime.combine(day.day, time(7, 30, 1), zone)), "qty": day.weight, "source": "Scale"}
            for day in truth if day.weight]},
        {"name": "blood_oxygen_saturation", "units": "%", "data": [{"date": midnight(day), "qty": 97.5} for day in truth]},
        {"name": "heart_rate", "units": "count/min", "data": [
            {"date": at(datetime.combine(day.day, time(9), zone)), "Min": 60, "Avg": day.resting + 20, "Max": 99, "source": watch}
            for day in truth]},
        {"name": "sleep_analysis", "units": "hr", "data": nights},
        {"name": "shoe_size", "units": "EU", "data": [{"date": midnight(truth[0]), "qty": 42}]},
    ]  # fmt: skip
    runs = [
        {"name": "Outdoor Run", "start": at(start), "end": at(end), "duration": (end - start).seconds,
         "distance": {"qty": day.run, "units": "km"}, "activeEnergyBurned": {"qty": day.run * 64, "units": "kcal"},
         "avgHeartRate": {"qty": day.resting + 92, "units": "bpm"}}
        for day in truth if day.run for start, end in [_run(day, zone)]
    ]  # fmt: skip
    first = datetime.combine(truth[0].day, time(9), zone)
    doses = [{"displayText": "Cetirizine", "status": "Skipped", "dosage": 1, "scheduledDate": at(first)}]
    moods = [{"start": at(first), "kind": "daily_mood", "valence": 0.4, "labels": ["Calm", "Content"]}]
    whole = {"data": {"metrics": metrics, "workouts": runs, "medications": doses, "stateOfMind": moods, "ecg": None}}
    return {f"HealthAutoExport-{truth[0].day}-{truth[-1].day}.json": json.dumps(whole, ensure_ascii=False)}


_MAKERS: Mapping[Maker, Callable[[list[Day], ZoneInfo], Files]] = {
    "fitbit": _fitbit,
    "google-fit": _google_fit,
    "garmin": _garmin,
    "oura": _oura,
    "withings": _withings,
    "health-auto-export": _health_auto_export,
}
