"""The whole reader against exports of a synthetic life, and against an independent parse of the same XML."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agent.demo.health_zip import RESTING, RUN, SLEEP, STEPS, WEIGHT, Layout, Wearer, days, write_export
from indexers.contract import check_source
from indexers.health.apple import AppleHealth
from indexers.record import BATCH_ROWS, Event, Record, SampleBatch, Section, Skipped
from indexers.source import Item, SourceUnavailable
from tests.indexers.health.conftest import Pack, Read

FIRST, LAST = date(2024, 3, 1), date(2024, 4, 30)  # spring forward is inside
PLANTED = {date(2024, 3, 31): {STEPS: 8_421, RESTING: 55, WEIGHT: 71.3, SLEEP: 431, RUN: 10.5}}
Row = tuple[str, str, str, int, int, str]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("health") / "Export de santé.zip"
    layout = Layout(heart_rates=40, xml="exportation.xml", dtd="broken")
    write_export(path, wearer=Wearer(), seed=11, first=FIRST, last=LAST, planted=PLANTED, layout=layout)
    return path


@pytest.fixture(scope="module")
def records(archive: Path) -> list[Record | Skipped]:
    """What one reading of the archive yields."""
    return check_source(AppleHealth(name="health", path=archive, options={}))


def batches(records: Iterable[Record | Skipped]) -> Iterator[SampleBatch]:
    return (record for record in records if isinstance(record, SampleBatch))


def rows(records: Iterable[Record | Skipped]) -> Iterator[Row]:
    for batch in batches(records):
        for at in range(len(batch.start)):
            value = batch.labels[batch.label[at]] if batch.label else str(batch.value[at])
            yield batch.measure, batch.unit, batch.source, batch.start[at], batch.end[at], value


def parsed(archive: Path) -> Iterator[Row]:
    """Top-level Records by the standard library's parser, after cutting off the DTD."""
    with zipfile.ZipFile(archive) as opened:
        xml = opened.read("apple_health_export/exportation.xml")
    for element in ET.fromstring(xml[xml.index(b"<HealthData") :]).iterfind("Record"):
        get = element.attrib.__getitem__
        start, end = (
            round(datetime.strptime(get(key), "%Y-%m-%d %H:%M:%S %z").timestamp() * 1000)
            for key in ("startDate", "endDate")
        )
        value = get("value") if get("value").startswith("HK") else str(float(get("value")))
        yield get("type"), element.get("unit", ""), " ".join(get("sourceName").split()), start, end, value


def test_every_record_arrives_once_and_unchanged(archive: Path, records: list[Record | Skipped]) -> None:
    read = Counter(row for row in rows(records) if row[0].startswith("HK"))
    assert read == Counter(parsed(archive))
    assert read.total() > 5_000


def test_the_days_hold_what_was_planted(records: list[Record | Skipped]) -> None:
    def on(day: date, batch: SampleBatch) -> Iterator[int]:
        for at, (start, offset) in enumerate(zip(batch.start, batch.offset, strict=True)):
            if datetime.fromtimestamp(start / 1000 + offset * 60, UTC).date() == day:
                yield at

    day = date(2024, 3, 31)
    resting = [batch.value[at] for batch in batches(records) if batch.measure == RESTING for at in on(day, batch)]
    weight = [batch.value[at] for batch in batches(records) if batch.measure == WEIGHT for at in on(day, batch)]
    assert (resting, weight) == ([55.0], [71.3])
    runs = [record for record in records if isinstance(record, Event) and record.start.date() == day]
    assert [run.text for run in runs] == [
        "Running: 57 min 45 s, 10.5 km, 672 kcal, average heart rate 147 bpm, 42 m climbed, paused once"
    ]
    assert runs[0].start.utcoffset() == timedelta(hours=2)


def test_watch_before_phone_gives_the_planted_steps(records: list[Record | Skipped]) -> None:
    """Where the watch counted, the phone's samples lie inside the watch's; what remains of the phone adds up."""
    spans: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for batch in batches(records):
        if batch.measure == STEPS:
            spans[batch.device.split(",")[0]] += zip(batch.start, batch.end, batch.value, strict=True)
    watch = sorted(spans["name:Apple Watch"])
    phone = [
        span for span in spans["name:iPhone"] if not any(start <= span[0] and span[1] <= end for start, end, _ in watch)
    ]
    truth = sum(day.steps for day in days(seed=11, first=FIRST, last=LAST, planted=PLANTED))
    assert sum(value for *_, value in [*watch, *phone]) == truth
    assert sum(value for *_, value in [*watch, *spans["name:iPhone"]]) > truth * 1.2


def test_sleep_stages_are_labels_and_add_up(records: list[Record | Skipped]) -> None:
    asleep = 0
    for batch in batches(records):
        if batch.measure == SLEEP:
            assert set(batch.value) == {1.0}
            for at, code in enumerate(batch.label):
                if "Asleep" in batch.labels[code].removeprefix("HKCategoryValueSleepAnalysis"):
                    asleep += batch.end[at] - batch.start[at]
    assert asleep / 60_000 == sum(day.asleep for day in days(seed=11, first=FIRST, last=LAST, planted=PLANTED))


def test_rings_start_at_local_midnight_on_both_sides_of_a_clock_change(records: list[Record | Skipped]) -> None:
    (batch,) = (batch for batch in batches(records) if batch.measure == "ActivitySummary.active_energy")
    starts = {datetime.fromtimestamp(start / 1000, UTC) for start in batch.start}
    assert datetime(2024, 3, 30, 23, tzinfo=UTC) in starts  # 31 March, still winter time at midnight
    assert datetime(2024, 3, 31, 22, tzinfo=UTC) in starts  # 1 April, summer time
    day = batch.start.index(round(datetime(2024, 3, 30, 23, tzinfo=UTC).timestamp() * 1000))
    assert batch.end[day] - batch.start[day] == 23 * 3_600_000
    assert (batch.unit, batch.source) == ("Cal", "Activity rings")


def test_series_do_not_split_at_new_addresses_and_versions(records: list[Record | Skipped]) -> None:
    devices = {batch.device for batch in batches(records) if batch.measure == STEPS}
    assert devices == {
        "name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2",
        "name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone15,3",
    }


def test_papers_become_sections_without_the_wearers_name(archive: Path, records: list[Record | Skipped]) -> None:
    sections = {section.title: section for section in records if isinstance(section, Section)}
    assert sections["Health profile"].id == "me"
    assert sections["Health profile"].text == "Date of birth: 1984-05-17\nSex: female"
    glucose = sections["Observation: Glucose"]
    assert glucose.text == "Glucose: 94 mg/dL (reference 70–99), 2024-03-04\nFrom: Lindenhof Practice"
    assert glucose.locator == f"{archive.as_uri()}#apple_health_export/clinical-records/Observation-00000000.json"
    assert glucose.id == "clinical-records/Observation-00000000.json", "the same in every export"
    ecg = sections["Electrocardiogram (ECG)"]
    assert "as written: Sinusrhythmus" in ecg.text
    heads = [section for section in records if isinstance(section, Section) and section.title == ecg.title]
    assert len(heads) == 2
    assert not any("Robin" in head.text or "1984" in head.text for head in heads)


def test_what_is_left_out_is_counted(records: list[Record | Skipped]) -> None:
    skipped = {
        record.where.partition("#")[2]: (record.outcome, record.count)
        for record in records
        if isinstance(record, Skipped)
    }
    assert skipped.pop("metadata")[0] == "excluded"
    assert skipped == {"beats": ("excluded", 5 * 61), "workout routes": ("excluded", 1)}


def test_an_unpacked_export_reads_the_same(archive: Path, records: list[Record | Skipped], tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    unpacked = check_source(AppleHealth(name="health", path=tmp_path, options={}))
    assert list(batches(unpacked)) == list(batches(records))
    assert sum(isinstance(record, Section) for record in unpacked) == sum(
        isinstance(record, Section) for record in records
    )


def test_a_folder_gives_its_exports_oldest_first_and_passes_over_other_files(archive: Path, tmp_path: Path) -> None:
    for name, age in (("b.zip", 200), ("a.zip", 100)):
        shutil.copy(archive, tmp_path / name)
        os.utime(tmp_path / name, (age, age))
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as other:
        other.writestr("notes.txt", "nothing to see")
    (tmp_path / "feed.xml").write_text("<rss/>")
    items = list(AppleHealth(name="health", path=tmp_path, options={}).scan())
    names = [Path(item.id.partition("#")[0]).name for item in items if isinstance(item, Item)]
    assert names == ["a.zip", "b.zip"]


def test_a_changed_file_changes_its_fingerprint(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    shutil.copy(archive, path)
    source = AppleHealth(name="health", path=path, options={})
    (before,) = source.scan()
    with path.open("ab") as file:
        file.write(b"\0")
    (after,) = source.scan()
    assert isinstance(before, Item)
    assert isinstance(after, Item)
    assert (before.id, after.size) == (after.id, before.size + 1)
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("name", ["nowhere.zip", "folder"])
def test_nothing_to_look_at_names_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceUnavailable, match="Export All Health Data"):
        list(AppleHealth(name="health", path=tmp_path / name, options={}).scan())


@pytest.mark.parametrize("options", [{"route": True}, {"routes": "maybe"}, {"beats": 1}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"routes|beats"):
        AppleHealth(name="health", path=Path("/x"), options=options)


def test_batches_are_full_but_for_the_last_of_each_series(pack: Pack, read: Read) -> None:
    times = 'startDate="2024-01-01 {0} +0000" endDate="2024-01-01 {0} +0000"'
    line = f' <Record type="T" sourceName="S" unit="count" {times} value="{{1}}"/>\n'
    clock = (f"{second // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}" for second in range(2 * BATCH_ROWS + 5))
    found = read(pack("".join(line.format(time, number) for number, time in enumerate(clock))))
    sizes = [len(batch.start) for batch in batches(found)]
    assert sizes == [BATCH_ROWS, BATCH_ROWS, 5]
    assert [value for batch in batches(found) for value in batch.value] == list(range(2 * BATCH_ROWS + 5))


def test_an_export_that_vanished_or_may_not_be_read_is_a_value(pack: Pack) -> None:
    path = pack()
    source = AppleHealth(name="health", path=path, options={})
    (item,) = source.scan()
    assert isinstance(item, Item)
    path.unlink()
    (skipped,) = source.read(item)
    assert isinstance(skipped, Skipped)
    assert (skipped.outcome, skipped.where) == ("vanished", item.id), "so that what was whole is kept"


def test_many_series_stay_bounded(pack: Pack, read: Read) -> None:
    """More sources than may be open at once: all samples arrive, in more and shorter batches."""
    times = 'startDate="2024-01-01 00:00:00 +0000" endDate="2024-01-01 00:00:00 +0000"'
    line = f' <Record type="T" sourceName="S{{0}}" unit="count" {times} value="{{0}}"/>\n'
    found = read(pack("".join(line.format(number) for number in range(8_000))))
    assert sum(len(batch.start) for batch in batches(found)) == 8_000
