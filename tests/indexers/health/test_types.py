"""The table of health types keeps the promises that its readers rely on."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

HEADER = (
    "identifier,kind,group,display_name,sdk_unit,canonical_unit,export_units,aggregation,daily_rollup,"
    "multi_source_merge,plausible_min,plausible_max,min_ios,values,synonyms,notes"
).split(",")


@pytest.fixture(scope="module")
def table() -> list[dict[str, str]]:
    with (files("indexers.health") / "types.csv").open(encoding="utf-8") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == HEADER
        return list(reader)


def test_identifiers_are_unique_and_rows_complete(table: list[dict[str, str]]) -> None:
    identifiers = [row["identifier"] for row in table]
    assert len(set(identifiers)) == len(identifiers) > 200
    assert not [row for row in table if None in row.values() or not row["display_name"] or not row["group"]]


def test_every_column_holds_known_words_and_numbers(table: list[dict[str, str]]) -> None:
    assert {row["kind"] for row in table} == {"quantity", "category", "derived", "object"}
    assert {row["multi_source_merge"] for row in table} == {
        "interval_priority",
        "interval_union",
        "exact_dedupe",
        "none",
        "",
    }
    for row in table:
        if row["plausible_min"] or row["plausible_max"]:
            assert float(row["plausible_min"]) < float(row["plausible_max"]), row["identifier"]
        if row["kind"] == "quantity":
            assert row["canonical_unit"], row["identifier"]
            assert row["daily_rollup"] in {"sum", "mean", "last", "max", "min", "leq"}, row["identifier"]
            assert row["identifier"].startswith("HKQuantityTypeIdentifier") or row["identifier"].startswith(
                "HKDataType"
            )
        if row["kind"] == "category":
            assert row["values"], row["identifier"]
