"""An owner adds every maker's export at the keyboard: `homebody add`, `index` and `ask` of the real program."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from agent.demo.health_zip import Day, Maker, write_maker_export
from agent.demo.health_zip.truth import days
from tests.owner import Owner

MAKERS: tuple[Maker, ...] = ("fitbit", "garmin", "google-fit", "health-auto-export", "oura", "withings")


@pytest.mark.large
def test_each_is_added_indexed_and_asked(tmp_path: Path) -> None:
    owner = Owner(folder=tmp_path, now="2025-01-02T09:00:00+01:00")
    owner.init()
    truth: dict[date, list[Day]] = {}
    for month, maker in enumerate(MAKERS, start=1):  # a month each, so that every answer is of one maker
        first = date(2024, month, 1)
        path = tmp_path / f"{maker}.zip"
        truth[first] = write_maker_export(path, maker, seed=7, first=first, last=first.replace(day=27))
        owner.run("add", maker, str(path), "--option", "zone=Europe/Berlin", "--yes")
    first = date(2024, 8, 1)
    truth[first] = list(days(seed=7, first=first, last=first.replace(day=27)))
    table = tmp_path / "days.csv"
    table.write_text("\n".join(["Date;Steps", *(f"{day.day};{day.steps}" for day in truth[first])]))
    owner.run("add", "health-csv", str(table), "--yes")
    owner.run("index")
    for first, written in truth.items():
        answer = str(owner.json("ask", f"how many steps did I take in {first:%B %Y}?", "--json")["answer"])
        assert f"Steps: {sum(day.steps for day in written):,} " in answer
        assert "27 of" in answer
