"""Whether the machine draws on a battery, as Linux tells it, and whether it slept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.service.power import Slumber, on_battery


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


def test_a_sleep_is_noticed_once_and_waiting_is_none() -> None:
    now = {"wall": 1_000_000.0, "awake": 50.0}
    slumber = Slumber(wall=lambda: now["wall"], awake=lambda: now["awake"])
    for wall, awake, slept in ((60, 60, False), (3600, 5, True), (1, 1, False), (-3600, 1, False), (20, 15, False)):
        now["wall"] += wall
        now["awake"] += awake
        assert slumber.ended() is slept


def test_the_clocks_of_this_machine_go_together() -> None:
    slumber = Slumber()
    time.sleep(0.1)
    assert not slumber.ended()
