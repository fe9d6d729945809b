"""Tables of daily measures: headers in words, dates and numbers of several countries, and what cannot be told apart."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from indexers.contract import check_source
from indexers.health.daily_csv import DailyCsv
from indexers.record import Record, SampleBatch, Skipped
from indexers.source import SourceUnavailable

STEPS = "HKQuantityTypeIdentifierStepCount"
WEIGHT = "HKQuantityTypeIdentifierBodyMass"


def read(tmp_path: Path, text: str | bytes, **options: object) -> list[Record | Skipped]:
    path = tmp_path / "days.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return check_source(DailyCsv(name="table", path=path, options=options))


def samples(records: list[Record | Skipped]) -> dict[tuple[str, str], dict[date, float]]:
    return {
        (batch.measure, batch.unit): {
            datetime.fromtimestamp(start / 1000, UTC).date(): value
            for start, value in zip(batch.start, batch.value, strict=True)
        }
        for batch in records
        if isinstance(batch, SampleBatch)
    }


def reasons(records: list[Record | Skipped]) -> dict[str, tuple[str, int]]:
    return {
        record.where.partition("#")[2]: (record.outcome, record.count)
        for record in records
        if isinstance(record, Skipped)
    }


def test_a_table_with_units_in_its_header(tmp_path: Path) -> None:
    records = read(
        tmp_path,
        "Date,Steps,Weight (kg),Resting HR [bpm],Body fat (%)\n2024-03-01,8000,70.5,58,21.5\n2024-03-02,,70.1,,22\n",
    )
    first, second = date(2024, 3, 1), date(2024, 3, 2)
    assert samples(records) == {
        (STEPS, "count"): {first: 8000.0},
        (WEIGHT, "kg"): {first: 70.5, second: 70.1},
        ("HKQuantityTypeIdentifierRestingHeartRate", "count/min"): {first: 58.0},
        ("HKQuantityTypeIdentifierBodyFatPercentage", "%"): {first: 0.215, second: 0.22},
    }
    assert reasons(records) == {}


def test_a_german_table_with_options(tmp_path: Path) -> None:
    records = read(
        tmp_path,
        "\ufeffDatum;Gewicht;Schritte\n01.03.2024;70,5;8000\n02.03.2024;70,1;n/a\n02.03.2024;99;1\n31.02.2024;1;1\n",
        columns={"Gewicht": WEIGHT, "Schritte": STEPS},
        units={"Gewicht": "kg"},
    )
    first, second = date(2024, 3, 1), date(2024, 3, 2)
    assert samples(records) == {(WEIGHT, "kg"): {first: 70.5, second: 70.1}, (STEPS, "count"): {first: 8000.0}}
    whys = {record.why: record.count for record in records if isinstance(record, Skipped)}
    assert whys == {
        "a day occurs twice; its first row counts": 1,
        "the date is no date; left out": 1,
        "the value is no number; left out": 1,
    }


def test_fractions_of_percent_columns_stay(tmp_path: Path) -> None:
    records = read(tmp_path, "Date,Blood oxygen (%)\n2024-03-01,0.97\n")
    assert samples(records) == {("HKQuantityTypeIdentifierOxygenSaturation", "%"): {date(2024, 3, 1): 0.97}}


@pytest.mark.parametrize(("day_first", "day"), [(True, date(2024, 4, 3)), (False, date(2024, 3, 4)), (None, None)])
def test_a_day_with_slashes_needs_to_be_told(tmp_path: Path, day_first: bool | None, day: date | None) -> None:
    options = {} if day_first is None else {"day_first": day_first}
    records = read(tmp_path, "Date,Steps\n3/4/2024,5\n", **options)
    assert samples(records) == ({(STEPS, "count"): {day: 5.0}} if day else {})
    assert bool(reasons(records)) == (day is None)


def test_columns_without_a_measure_or_a_unit_are_named(tmp_path: Path) -> None:
    records = read(tmp_path, "Date,Mood,Weight,Steps\n2024-03-01,good,70,1\n")
    assert reasons(records) == {"column 2": ("unsupported", 1), "column 3": ("ambiguous", 1)}
    assert samples(records) == {(STEPS, "count"): {date(2024, 3, 1): 1.0}}


@pytest.mark.parametrize("text", [b"", b"\xff\x00\x17garbage", b"a,b\n1,2\n", b"Date\n2024-03-01\n"])
def test_other_files_are_one_skipped(tmp_path: Path, text: bytes) -> None:
    (record,) = read(tmp_path, text)
    assert isinstance(record, Skipped)


@pytest.mark.parametrize(
    "options",
    [
        {"zone": "UTC"},
        {"columns": "Weight"},
        {"columns": {"W": "NoSuchMeasure"}},
        {"day_first": "yes"},
        {"units": {"W": 1}},
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DailyCsv(name="table", path=tmp_path, options=options)


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "notes.txt"):
        (tmp_path / name).write_text("Date,Steps\n2024-03-01,1\n")
    assert len(list(DailyCsv(name="table", path=tmp_path, options={}).scan())) == 2
    with pytest.raises(SourceUnavailable, match="CSV"):
        list(DailyCsv(name="table", path=tmp_path / "nowhere.csv", options={}).scan())
