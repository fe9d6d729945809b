"""The synthetic exports are what they claim: valid by their own DTD, broken where they should be, and repeatable."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from lxml import etree

from agent.demo.health_zip import RESTING, STEPS, Layout, Wearer, days, write_export

FIRST, LAST = date(2024, 3, 25), date(2024, 4, 4)


def write(path: Path, **layout: object) -> dict[str, int]:
    shape = Layout(**layout)  # type: ignore[arg-type] # the tests' own words
    return dict(write_export(path, wearer=Wearer(zone="Asia/Kathmandu"), seed=2, first=FIRST, last=LAST, layout=shape))


def xml(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("apple_health_export/export.xml")


def test_valid_by_its_own_dtd_and_counted(tmp_path: Path) -> None:
    counts = write(tmp_path / "export.zip")
    parser = etree.XMLParser(dtd_validation=True, no_network=True)
    root = etree.fromstring(xml(tmp_path / "export.zip"), parser)
    assert counts == {name: len(root.findall(name)) for name in counts}
    assert counts["Record"] > 1_500
    assert all((element.get("startDate") or "").endswith("+0545") for element in root.findall("Record"))


def test_the_broken_dtd_stops_a_conforming_parser(tmp_path: Path) -> None:
    write(tmp_path / "export.zip", dtd="broken")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(xml(tmp_path / "export.zip"))


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_planting_changes_nothing_else() -> None:
    planted = {date(2024, 3, 31): {STEPS: 1.0, RESTING: 48.0}}
    plain, changed = (list(days(seed=5, first=FIRST, last=LAST, planted=plan)) for plan in (None, planted))
    differing = [(before, after) for before, after in zip(plain, changed, strict=True) if before != after]
    ((before, after),) = differing
    assert (after.day, after.steps, after.resting) == (date(2024, 3, 31), 1, 48)
    assert (after.hrv, after.asleep, after.weight) == (before.hrv, before.asleep, before.weight)
    assert [day.day for day in plain] == [FIRST + timedelta(days=number) for number in range(11)]
