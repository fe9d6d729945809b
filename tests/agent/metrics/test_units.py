"""Conversions against known factors, and numbers as they are shown."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from agent.metrics.units import conversion, scale_of, shown


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        (1, "mi", "km", 1.609344),
        (100, "yd", "m", 91.44),
        (1, "ft", "cm", 30.48),
        (500, "Cal", "kcal", 500),
        (418.4, "kJ", "kcal", 100),
        (1, "st", "kg", 6.35029318),
        (154.32, "lb", "kg", 154.32 * 0.45359237),
        (98.6, "degF", "degC", 37),
        (37, "degC", "degF", 98.6),
        (5, "mmol<180.1558800000541>/L", "mg/dL", 90.07794),
        (5, "mmol/L", "mg/dL", 90.078),
        (1, "count/s", "bpm", 60),
        (10, "m/s", "km/h", 36),
        (10, "mi/hr", "km/h", 16.09344),
        (2, "fl_oz_us", "mL", 59.147),
        (2, "hr", "min", 120),
        (5, "kcal/hr·kg", "MET", 5),
        (40, "mL/min·kg", "mL/kg/min", 40),
    ],
)
def test_conversion(value: float, unit: str, target: str, expected: float) -> None:
    scale = conversion(unit, target)
    assert scale is not None
    assert value * scale[0] + scale[1] == pytest.approx(expected)


def test_vitamin_d_only() -> None:
    assert conversion("IU", "mcg", measure="HKQuantityTypeIdentifierDietaryVitaminD") == (1 / 40, 0.0)
    assert conversion("IU", "mcg", measure="HKQuantityTypeIdentifierInsulinDelivery") is None


def test_what_does_not_fit_is_refused() -> None:
    assert conversion("km", "kg") is None
    assert conversion("furlong", "km") is None
    assert scale_of("mmol<x>/L") is None


def test_every_export_unit_of_the_table_converts() -> None:
    table = files("indexers.health").joinpath("types.csv").read_text("utf-8")
    for row in csv.DictReader(table.splitlines()):
        for unit in filter(None, row["export_units"].split(";")):
            assert conversion(unit, row["canonical_unit"], measure=row["identifier"]), (row["identifier"], unit)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (8234.4, "count", "8,234"),
        (57.53, "bpm", "57.5 bpm"),
        (432.0, "min", "7 h 12 min"),
        (59.0, "min", "59 min"),
        (1394.6, "local time", "23:15"),
        (1439.8, "local time", "00:00"),
        (0.952, "%", "95.2 %"),
        (5.505, "min/km", "5:30 min/km"),
        (3.10686, "mi", "3.11 miles"),
        (0.0, "count", "0"),
    ],
)
def test_shown(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text
