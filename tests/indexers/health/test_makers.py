"""Exports of other makers: each gives back the life that was written into it, and says what it left out."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from agent.demo.health_zip import Day, Maker, write_maker_export
from agent.demo.health_zip.truth import RESTING, STEPS, WEIGHT
from indexers.contract import check_source
from indexers.health.auto_export import HealthAutoExport
from indexers.health.export.sheaf import RMSSD, SLEEP
from indexers.health.export.source import ExportSource
from indexers.health.fitbit import Fitbit
from indexers.health.garmin import Garmin
from indexers.health.google_fit import GoogleFit
from indexers.health.oura import Oura
from indexers.health.withings import Withings
from indexers.record import BATCH_ROWS, Event, Record, SampleBatch, Section, Skipped
from indexers.source import Item

FIRST, LAST = date(2024, 3, 1), date(2024, 4, 20)  # spring forward is inside
SOURCES: dict[Maker, type[ExportSource]] = {
    "fitbit": Fitbit,
    "google-fit": GoogleFit,
    "garmin": Garmin,
    "oura": Oura,
    "withings": Withings,
    "health-auto-export": HealthAutoExport,
}
ZONE = {"zone": "Europe/Berlin"}


@pytest.fixture(params=SOURCES, scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Maker, Path, list[Day]]:
    maker: Maker = request.param
    path = tmp_path_factory.mktemp("maker") / f"{maker}.zip"
    return maker, path, write_maker_export(path, maker, seed=7, first=FIRST, last=LAST)


def read(maker: Maker, path: Path, **options: object) -> list[Record | Skipped]:
    return check_source(SOURCES[maker](name="band", path=path, options=options or ZONE))


def rows(records: Iterable[Record | Skipped], measure: str) -> dict[date, list[float]]:
    """The values of a measure by the local day they begin on."""
    found: dict[date, list[float]] = defaultdict(list)
    for batch in records:
        if isinstance(batch, SampleBatch) and batch.measure == measure:
            for start, offset, value in zip(batch.start, batch.offset, batch.value, strict=True):
                found[datetime.fromtimestamp(start / 1000 + offset * 60, UTC).date()].append(
                    value * (0.45359237 if batch.unit == "lb" else 1)
                )
    return found


def stages(records: Iterable[Record | Skipped]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for batch in records:
        if isinstance(batch, SampleBatch) and batch.measure == SLEEP:
            for start, end, code in zip(batch.start, batch.end, batch.label, strict=True):
                found[batch.labels[code].removeprefix("HKCategoryValueSleepAnalysis")].append((start, end))
    return found


def test_every_day_holds_what_was_written(told: tuple[Maker, Path, list[Day]]) -> None:
    maker, path, truth = told
    records = read(maker, path)
    assert {on: sum(values) for on, values in rows(records, STEPS).items()} == {day.day: day.steps for day in truth}
    if maker not in ("google-fit", "withings"):
        assert rows(records, RESTING) == {day.day: [day.resting] for day in truth}
    if maker != "oura":
        weights = {on: pytest.approx(values, abs=1e-3) for on, values in rows(records, WEIGHT).items()}
        assert weights == {day.day: [day.weight] for day in truth if day.weight}
    runs = [record for record in records if isinstance(record, Event)]
    assert [run.start.date() for run in runs] == [day.day for day in truth if day.run]
    assert {run.title for run in runs} == {"Running"}
    assert all(run.start.hour == 18 for run in runs), "in the time of the place"
    kilometres = [value for values in rows(records, "Workout.distance").values() for value in values]
    assert kilometres == pytest.approx([day.run for day in truth if day.run])


def test_nights_have_their_length_and_never_overlap(told: tuple[Maker, Path, list[Day]]) -> None:
    maker, path, truth = told
    found = stages(read(maker, path))
    asleep = sum(end - start for state, spans in found.items() if "Asleep" in state for start, end in spans) / 60_000
    # Oura tells phases in pieces of five minutes.
    assert asleep == pytest.approx(sum(day.asleep for day in truth), rel=0.01 if maker == "oura" else 1e-9)
    ordered = sorted(span for state, spans in found.items() if state != "InBed" for span in spans)
    assert len(ordered) >= 4 * len(truth) - 4
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_what_is_left_out_is_named(told: tuple[Maker, Path, list[Day]]) -> None:
    maker, path, truth = told
    skipped = {
        entry.where.partition("#")[2]: (entry.outcome, entry.count)
        for entry in read(maker, path)
        if isinstance(entry, Skipped)
    }
    assert (
        skipped
        == {
            "fitbit": {"altitude": ("unsupported", 1), "HeartRate": ("excluded", len(truth))},
            "google-fit": {"derived_com.google.step_count.delta_com.google.android.gms_some.app": ("unsupported", 1)},
            "garmin": {"friends": ("unsupported", 1)},
            "oura": {},
            "withings": {"raw_tracker_steps": ("unsupported", 1)},
            "health-auto-export": {"shoe_size": ("unsupported", 1)},
        }[maker]
    )


def test_without_a_zone_the_owner_is_asked_once(told: tuple[Maker, Path, list[Day]]) -> None:
    maker, path, _ = told
    records = check_source(SOURCES[maker](name="band", path=path, options={}))
    asked = [entry for entry in records if isinstance(entry, Skipped) and entry.outcome == "ambiguous"]
    assert len(asked) == (0 if maker in ("oura", "health-auto-export") else 1)
    assert all("homebody sources change band --option zone=" in entry.why for entry in asked)


@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_a_zip_that_is_cut_off_keeps_what_came(told: tuple[Maker, Path, list[Day]], tmp_path: Path, tenth: int) -> None:
    maker, path, truth = told
    cut = tmp_path / "cut.zip"
    raw = path.read_bytes()
    cut.write_bytes(raw[: len(raw) * tenth // 10])
    records = read(maker, cut)
    assert any("cut off" in entry.why for entry in records if isinstance(entry, Skipped))
    steps = {on: sum(values) for on, values in rows(records, STEPS).items()}
    assert all(steps[day.day] <= day.steps for day in truth if day.day in steps)
    if tenth == 9:
        assert any(isinstance(record, SampleBatch) for record in records)


def test_unpacked_files_read_the_same_and_one_cut_off_keeps_what_came(
    told: tuple[Maker, Path, list[Day]], tmp_path: Path
) -> None:
    maker, path, truth = told
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    whole = read(maker, tmp_path)
    assert [record for record in whole if isinstance(record, SampleBatch)] == [
        record for record in read(maker, path) if isinstance(record, SampleBatch)
    ]
    for file in tmp_path.rglob("*.json"):
        raw = file.read_bytes()
        file.write_bytes(raw[: len(raw) * 2 // 3])
    if maker == "withings":
        return
    damaged = read(maker, tmp_path)
    assert any("cut off or damaged" in entry.why for entry in damaged if isinstance(entry, Skipped))
    if maker not in ("oura", "health-auto-export"):
        kept = sum(len(batch.start) for batch in damaged if isinstance(batch, SampleBatch))
        every = sum(len(batch.start) for batch in whole if isinstance(batch, SampleBatch))
        assert every / 3 < kept < every
    assert truth


@pytest.mark.parametrize("maker", SOURCES)
@pytest.mark.parametrize("content", [b"", b"\xff\x00 garbage", b"PK\x03\x04 torn", b"PK\x05\x06" + bytes(18)])
def test_garbage_is_one_skipped(maker: Maker, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(content)
    skipped = read(maker, path)
    assert skipped
    assert all(isinstance(entry, Skipped) for entry in skipped)
    assert any(SOURCES[maker].remedy in entry.why for entry in skipped if isinstance(entry, Skipped))


@pytest.mark.parametrize("maker", SOURCES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[null, 5, [], {}]",
        b'[{"dateTime": 7, "value": []}, {"dateTime": "02/30/24 00:00:00", "value": {"bpm": "NaN"}}]',
        b'{"data": {"metrics": [{"name": "step_count", "data": [{"date": "never", "qty": 1e999}, 3]}], "workouts": [{}]}}',
        b'{"sleep": [{"bedtime_start": "2024"}], "workout": [{"start_datetime": "2024-01-01T10:00:00+01:00"}]}',
        b'{"Data Points": [{"fitValue": [{"value": {"intVal": -1e400}}], "startTimeNanos": 1e300}]}',
        b'[{"summarizedActivitiesExport": [{"duration": -5, "startTimeGmt": 0}]}]',
        b"[" * 100_000,
    ],
)
def test_odd_documents_raise_nothing(maker: Maker, tmp_path: Path, body: bytes) -> None:
    """Whatever stands in a file of the right name, the contract holds and nothing comes out as a sample."""
    for name in (
        "steps-2024-01-01.json", "heart_rate-2024-01-01.json", "sleep-2024-01-01.json", "exercise-0.json", "All Sessions/a.json",
        "derived_com.google.sleep.segment_merge_x.json", "UDSFile_1.json", "x_sleepData.json", "x_userBioMetrics.json",
        "x_summarizedActivities.json", "oura.json", "weight.csv", "sleep.csv", "raw_tracker_hr.csv", "activities.csv",
    ):  # fmt: skip
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)
    records = read(maker, tmp_path)
    assert not [record for record in records if isinstance(record, SampleBatch | Event)]
    assert any(isinstance(entry, Skipped) for entry in records)


@pytest.mark.parametrize("maker", ["oura", "health-auto-export"])
def test_json_of_something_else_is_one_skipped(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "recipes.json").write_text('{"recipes": [{"name": "soup", "steps": 4}]}')
    (entry,) = read(maker, tmp_path)
    assert isinstance(entry, Skipped)
    assert (entry.outcome, entry.count) == ("empty", 1)
    assert SOURCES[maker].maker in entry.why


def test_a_newer_export_of_the_same_name_is_another_item(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"

    def item(last: date) -> Item:
        write_maker_export(path, "fitbit", seed=7, first=FIRST, last=last)
        (found,) = Fitbit(name="band", path=path, options={}).scan()
        assert isinstance(found, Item)
        return found

    older, again, newer = item(date(2024, 3, 5)), item(date(2024, 3, 5)), item(date(2024, 3, 9))
    assert older.id == again.id != newer.id


def test_files_may_be_added_and_the_oldest_cleared_out(tmp_path: Path) -> None:
    """A folder that an app drops a file into each day is one item; without its oldest files it is another."""

    def item() -> Item:
        (found,) = HealthAutoExport(name="band", path=tmp_path, options={}).scan()
        assert isinstance(found, Item)
        return found

    for day in (1, 2):
        (tmp_path / f"HealthAutoExport-2024-01-0{day}.json").write_text("{}")
    before = item()
    (tmp_path / "HealthAutoExport-2024-01-03.json").write_text("{}")
    added = item()
    assert (added.id, added.fingerprint == before.fingerprint) == (before.id, False)
    (tmp_path / "HealthAutoExport-2024-01-01.json").unlink()
    assert item().id != before.id


def test_parts_of_a_takeout_are_one_export(told: tuple[Maker, Path, list[Day]], tmp_path: Path) -> None:
    """A month that lies in two parts must not be two items, of which one would hide the other."""
    maker, path, truth = told
    with zipfile.ZipFile(path) as whole:
        names = whole.namelist()
        for number, name in enumerate(names):
            with zipfile.ZipFile(tmp_path / f"takeout-20240501T101500Z-{number % 2 + 1:03}.zip", "a") as part:
                part.writestr(name, whole.read(name))
    source = SOURCES[maker](name="band", path=tmp_path, options=ZONE)
    assert len([item for item in source.scan() if isinstance(item, Item)]) == 1
    assert {on: sum(values) for on, values in rows(check_source(source), STEPS).items()} == {
        day.day: day.steps for day in truth
    }


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    for options in ({"zone": "Mars/Base"}, {"zone": "../etc/passwd"}, {"unit": "km"}):
        with pytest.raises(ValueError, match="zone"):
            Oura(name="ring", path=tmp_path, options=options)


def test_their_variability_is_not_apples(tmp_path: Path) -> None:
    truth = write_maker_export(tmp_path / "f.zip", "fitbit", seed=7, first=FIRST, last=LAST)
    records = read("fitbit", tmp_path / "f.zip")
    assert rows(records, RMSSD) == {day.day: [day.hrv] for day in truth}
    assert not rows(records, "HKQuantityTypeIdentifierHeartRateVariabilitySDNN")


def test_percentages_become_fractions(tmp_path: Path) -> None:
    for maker in ("oura", "health-auto-export"):
        write_maker_export(tmp_path / "x.zip", maker, seed=7, first=FIRST, last=FIRST)
        records = read(maker, tmp_path / "x.zip")
        assert rows(records, "HKQuantityTypeIdentifierOxygenSaturation") == {FIRST: [0.975]}


def test_what_is_no_number_is_kept_in_words(tmp_path: Path) -> None:
    write_maker_export(tmp_path / "x.zip", "health-auto-export", seed=7, first=FIRST, last=FIRST)
    texts = {
        record.title: record.text
        for record in read("health-auto-export", tmp_path / "x.zip")
        if isinstance(record, Section)
    }
    assert "Status: Skipped" in texts["Medications"]
    assert "Labels: Calm, Content" in texts["State of mind"]


def test_short_wakings_cut_the_stages_they_lie_in(tmp_path: Path) -> None:
    night = (
        '[{"startTime": "2024-01-01T23:00:00.000", "endTime": "2024-01-02T00:00:00.000", "levels": {"data":'
        ' [{"dateTime": "2024-01-01T23:00:00.000", "level": "light", "seconds": 3600}], "shortData":'
        ' [{"dateTime": "2024-01-01T23:10:00.000", "level": "wake", "seconds": 60}]}}]'
    )
    (tmp_path / "sleep-2024-01-01.json").write_text(night)
    found = stages(read("fitbit", tmp_path))
    minutes = {state: sum(end - start for start, end in spans) / 60_000 for state, spans in found.items()}
    assert minutes == {"InBed": 60, "AsleepCore": 59, "Awake": 1}


def test_batches_stay_within_their_bound(tmp_path: Path) -> None:
    entries = ",".join(
        f'{{"dateTime": "01/{1 + n // 1440:02}/24 {n // 60 % 24:02}:{n % 60:02}:00", "value": "3"}}'
        for n in range(BATCH_ROWS + 9)
    )
    (tmp_path / "steps-2024-01-01.json").write_text(f"[{entries}]")
    sizes = [len(batch.start) for batch in read("fitbit", tmp_path) if isinstance(batch, SampleBatch)]
    assert sizes == [BATCH_ROWS, 9]
