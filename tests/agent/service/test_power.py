"""Whether the machine draws on a battery, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.service.power import on_battery


@pytest.mark.parametrize(
    ("supplies", "so"),
    [
        ({}, False),
        ({"AC": "Mains 1"}, False),
        ({"AC": "Mains 0", "BAT0": "Battery -"}, True),
        ({"AC": "Mains 1", "BAT0": "Battery -"}, False),
        ({"ucsi": "USB 1", "AC": "Mains 0", "BAT0": "Battery -"}, False),
        ({"BAT0": "Battery -"}, True),
    ],
)
def test_a_machine_with_a_battery_and_nothing_plugged_in(tmp_path: Path, supplies: dict[str, str], so: bool) -> None:
    for name, told in supplies.items():
        kind, online = told.split()
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(kind + "\n")
        if online != "-":
            (tmp_path / name / "online").write_text(online + "\n")
    assert on_battery(tmp_path) is so


def test_where_nothing_tells_it_is_plugged_in(tmp_path: Path) -> None:
    assert not on_battery(tmp_path / "none")
