"""Whatever is wrong with an export, the owner gets one clear line, and everything that can be read arrives."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.health_zip import Layout, Wearer, write_export
from indexers.contract import check_source
from indexers.health.apple import AppleHealth
from indexers.health.export import archive
from indexers.record import Record, SampleBatch, Section, Skipped
from tests.indexers.health.conftest import Pack, Read

START = 'startDate="2024-01-01 08:00:00 +0100" endDate="2024-01-01 08:01:00 +0100"'
STEP = f' <Record type="StepCount" sourceName="Phone" unit="count" {START} value="12"/>\n'


def skipped(records: list[Record | Skipped]) -> list[Skipped]:
    return [record for record in records if isinstance(record, Skipped)]


def values(records: list[Record | Skipped]) -> list[float]:
    return [value for record in records if isinstance(record, SampleBatch) for value in record.value]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("health") / "export.zip"
    layout = Layout(heart_rates=20)
    write_export(path, wearer=Wearer(), seed=3, first=date(2024, 1, 1), last=date(2024, 1, 20), layout=layout)
    return path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x00\xff garbage" * 100, "no zip archive"),
        (b"PK\x03\x04" + Random(1).randbytes(500), "cut off"),
        (b"PK\x05\x06" + bytes(18), "no Apple Health export"),
    ],
)
def test_a_garbage_file_is_one_skipped(tmp_path: Path, read: Read, content: bytes, says: str) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(content)
    (record,) = read(path)
    assert isinstance(record, Skipped)
    assert says in record.why


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("export.xml", "", "export.xml is empty"),
        ("export_cda.xml", '<?xml version="1.0"?><ClinicalDocument/>', "only export_cda.xml"),
        ("export.zip", "PK", "another zip"),
        ("holiday.jpg", "...", "no Apple Health export"),
        ("feed.xml", "<rss/>", "no Apple Health export"),
        ("export.xml", "<!DOCTYPE HealthData [" + "x" * 2_000_000, "holds no health data"),
    ],
)
def test_an_archive_without_an_export_is_one_skipped(
    pack: Pack, read: Read, name: str, content: str, says: str
) -> None:
    (record,) = read(pack(xml=content, name=name))
    assert isinstance(record, Skipped)
    assert says in record.why


def test_an_encrypted_archive_says_so(pack: Pack, read: Read) -> None:
    path = pack(STEP)
    raw = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + flags] |= 1
    path.write_bytes(raw)
    (record,) = read(path)
    assert isinstance(record, Skipped)
    assert record.outcome == "encrypted"


def test_an_archive_cut_anywhere_keeps_what_came(whole: Path, tmp_path: Path) -> None:
    raw = whole.read_bytes()
    complete = check_source(AppleHealth(name="health", path=whole, options={}))
    path = tmp_path / "cut.zip"
    before = -1
    for tenth in range(1, 10):
        path.write_bytes(raw[: len(raw) * tenth // 10])
        records = check_source(AppleHealth(name="health", path=path, options={}))
        (trouble,) = [entry for entry in skipped(records) if entry.where == str(path)]
        assert "cut off" in trouble.why
        assert "export again" in trouble.why
        assert before <= len(values(records)) <= len(values(complete))
        assert sum(isinstance(record, Section) for record in records) > 2, "the papers before the cut are kept"
        before = len(values(records))
    assert before > len(values(complete)) / 2


def test_an_archive_without_its_table_of_contents_loses_nothing(whole: Path, tmp_path: Path) -> None:
    raw = whole.read_bytes()
    path = tmp_path / "torn.zip"
    path.write_bytes(raw[: raw.index(b"PK\x01\x02")])
    records = check_source(AppleHealth(name="health", path=path, options={}))
    complete = check_source(AppleHealth(name="health", path=whole, options={}))
    assert values(records) == values(complete)
    assert [(record.id, record.text) for record in records if isinstance(record, Section)] == [
        (record.id, record.text) for record in complete if isinstance(record, Section)
    ]
    assert [entry.why for entry in skipped(records) if entry.outcome == "malformed"] == [
        "some files are missing (the archive is cut off); what came is kept; export again in the Health app"
    ]


def test_flipped_bits_in_the_packed_xml_end_it_early(whole: Path, tmp_path: Path) -> None:
    raw = bytearray(whole.read_bytes())
    with zipfile.ZipFile(whole) as archive:
        info = archive.getinfo("apple_health_export/export.xml")
    middle = info.header_offset + info.compress_size // 2
    raw[middle : middle + 64] = Random(5).randbytes(64)
    path = tmp_path / "flipped.zip"
    path.write_bytes(raw)
    records = check_source(AppleHealth(name="health", path=path, options={}))
    assert values(records)
    assert any("ended early after" in entry.why and "damaged" in entry.why for entry in skipped(records))


def test_xml_that_stops_in_a_record_counts_it(pack: Pack, read: Read) -> None:
    records = read(pack(xml=f"<HealthData>\n{STEP * 3}{STEP[:60]}"))
    assert values(records) == [12.0] * 3
    (early,) = skipped(records)
    assert early.why.startswith("ended early after 3 records")


@pytest.mark.parametrize("cut", range(5, 175, 10))
def test_xml_that_stops_in_a_workout_or_correlation_is_one_skipped(pack: Pack, read: Read, cut: int) -> None:
    """However deep the cut, there is one line about it, and nothing of the torn element leaks out as something else."""
    inside = f'<MetadataEntry key="k" value="v"/><WorkoutEvent type="t"/>{STEP}'
    for name in ("Workout", "Correlation"):
        torn = f"<{name} {START}>{inside if name == 'Correlation' else inside.replace(STEP, '')}<Last/>"
        records = read(pack(xml=f"<HealthData>\n{STEP * 3}{torn[:cut]}"))
        assert values(records) == [12.0] * 3
        assert len(skipped(records)) == 1


def test_entities_of_a_document_type_cannot_exist(pack: Pack, read: Read) -> None:
    bomb = (
        '<!DOCTYPE HealthData [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    )
    body = f'<HealthData>{STEP.replace("Phone", "&b;&x;")}<Workout a="&b;" {START}/></HealthData>'
    records = read(pack(xml=f'<?xml version="1.0"?>{bomb}{body}'))
    sources = {record.source for record in records if isinstance(record, SampleBatch)}
    assert sources == {"&b;&x;", ""}


def test_odd_values_are_counted_by_reason(pack: Pack, read: Read) -> None:
    def record(start: str, end: str, value: str, unit: str = "count") -> str:
        return f' <Record type="T" sourceName="S" unit="{unit}" startDate="{start}" endDate="{end}" value="{value}"/>\n'

    day, later = "2024-01-01 08:00:00 +0100", "2024-01-01 09:00:00 +0100"
    body = (
        record(day, later, "1")
        + record(day, later, "NaN")
        + record(day, later, "inf")
        + record(day, later, "12 steps")
        + record(day, later, "-4")
        + record(day, later, "-4", unit="degC")
        + record(later, day, "2")
        + record("1970-01-01 00:00:00 +0000", day, "3")
        + record("2100-01-01 00:00:00 +0000", "2100-01-01 00:00:00 +0000", "4")
        + record("yesterday", day, "5")
        + record("2024-02-30 08:00:00 +0100", later, "6")
    )
    records = read(pack(body))
    assert sorted(values(records)) == [-4.0, -4.0, 1.0, 3.0, 4.0]
    assert {entry.why: (entry.count, entry.outcome) for entry in skipped(records)} == {
        "the value is not a number; kept as words, out of all numbers": (3, "malformed"),
        "the value is below zero; kept as exported": (1, "ambiguous"),
        "the end lies before the start; kept as words, out of all numbers": (1, "malformed"),
        "dated before 1990 or after the export; kept as exported": (2, "ambiguous"),
        "the start or end is not a time; kept as words, out of all numbers": (2, "malformed"),
    }
    (kept,) = [record for record in records if isinstance(record, Section)]
    assert kept.title == "Records that are no samples"
    assert set(kept.text.splitlines()) == {
        "T, S, yesterday, 2024-01-01 08:00:00 +0100, 5",
        "T, S, 2024-02-30 08:00:00 +0100, 2024-01-01 09:00:00 +0100, 6",
        "T, S, 2024-01-01 07:00:00 UTC to 2024-01-01 08:00:00 UTC, 12 steps",
        "T, S, 2024-01-01 08:00:00 UTC to 2024-01-01 07:00:00 UTC, 2, count",
        "T, S, 2024-01-01 07:00:00 UTC to 2024-01-01 08:00:00 UTC, nan, count",
        "T, S, 2024-01-01 07:00:00 UTC to 2024-01-01 08:00:00 UTC, inf, count",
    }


def test_a_correlations_records_count_once(pack: Pack, read: Read) -> None:
    body = f'{STEP} <Correlation type="C" sourceName="S" {START}>\n {STEP} </Correlation>\n{STEP}'
    assert values(read(pack(body))) == [12.0, 12.0]


def test_unknown_elements_are_counted_by_name_and_bounded(pack: Pack, read: Read) -> None:
    body = '<Gadget a="1"><Part/></Gadget>' * 7 + "".join(f"<Novelty{number}/>" for number in range(3_000)) + STEP
    records = read(pack(body))
    assert values(records) == [12.0]
    counts = {entry.where.rpartition("#")[2]: (entry.outcome, entry.count) for entry in skipped(records)}
    assert len(counts) <= 102
    assert sum(count for _, count in counts.values()) == 3_007
    assert counts["Gadget"] == ("ambiguous", 7), "its words are kept"
    assert counts["Novelty0"] == ("unsupported", 1), "it has none"
    (kept,) = [record for record in records if isinstance(record, Section)]
    assert (kept.title, kept.text) == ("Gadget", "A: 1")


def test_a_million_kinds_of_records_stay_bounded(pack: Pack, read: Read) -> None:
    """What no health export has: beyond two thousand kinds they are counted, and what is usual still arrives."""
    line = f' <Record type="T{{}}" sourceName="S" unit="count" {START} value="1"/>\n'
    records = read(pack(STEP + "".join(map(line.format, range(20_000))) + STEP))
    assert len({record.measure for record in records if isinstance(record, SampleBatch)}) == 2_000
    assert values(records).count(12.0) == 2
    assert [(entry.count, entry.outcome) for entry in skipped(records)] == [(18_001, "malformed")]


def test_a_member_that_inflates_without_end_is_given_up(
    pack: Pack, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "RATIO_FREE", 1 << 20)
    records = read(pack(STEP * 3 + " " * (40 << 20)))
    (trouble,) = skipped(records)
    assert "unpacks to far more" in trouble.why
    assert values(records) == [12.0] * 3


def test_a_record_that_never_ends_costs_itself(pack: Pack, read: Read) -> None:
    noise = Random(2).randbytes(9 << 20).hex()
    endless = f'<Record type="StepCount" sourceName="{noise}'
    records = read(pack(f"{STEP}{endless}\n{STEP}"))
    assert sum(values(records)) == 24.0
    assert {entry.outcome for entry in skipped(records)} == {"malformed"}


def test_one_broken_workout_costs_one_workout(pack: Pack, read: Read) -> None:
    good = f'<Workout workoutActivityType="HKWorkoutActivityTypeYoga" {START}/>'
    body = f'{good}<Workout {START}><Nested></Workout>{STEP}<Workout duration="5"/>{good.replace("Yoga", "Rowing")}'
    records = read(pack(body))
    assert sorted(record.measure for record in records if isinstance(record, SampleBatch)) == ["StepCount", "Workout"]
    assert sum(values(records)) == 12.0 + 1.0 + 1.0
    assert sorted(entry.count for entry in skipped(records)) == [1, 1]


@pytest.mark.parametrize("name", ["clinical-records/a.json", "electrocardiograms/ecg.csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00\x17", b"[]", b"{" * 100_000, b'{"resourceType": 5}'])
def test_a_garbage_paper_is_one_skipped(pack: Pack, read: Read, name: str, content: bytes) -> None:
    (entry,) = skipped(read(pack(STEP, more={name: content})))
    assert (entry.outcome, entry.count) == ("malformed", 1)
    assert entry.where.endswith(f"#{name}")


def test_a_huge_clinical_record_is_not_read(pack: Pack, read: Read) -> None:
    (entry,) = skipped(read(pack(more={"clinical-records/a.json": b" " * (9 << 20)})))
    assert entry.outcome == "too_large"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_damage_to_the_xml_raises_nothing(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes replaced, removed or repeated anywhere: the contract holds and nothing but values comes out."""
    workout = (
        f'<Workout workoutActivityType="Run" {START}><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></Workout>\n'
    )
    rings = '<ActivitySummary dateComponents="2024-01-01" appleStandHours="3"/>\n'
    raw = bytearray(f'<HealthData>\n<Me a="b"/>{STEP * 3}{workout}{rings}{STEP}</HealthData>'.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(12, len(raw)))
        size = data.draw(st.integers(0, 40))
        raw[at : at + size] = data.draw(
            st.sampled_from([b"", b'"', b"<", b">", b"&#0;", b"\x0b", b"\xff", raw[at - 9 : at]])
        )
    path = tmp_path_factory.mktemp("damage") / "export.xml"
    path.write_bytes(raw)
    check_source(AppleHealth(name="health", path=path, options={}))
