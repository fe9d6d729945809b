"""Exports through the real worker into the store: newer ones, damaged ones, those of others, and those that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.config import SourceConfig
from agent.demo.health_zip import RESTING, STEPS, Layout, Wearer, days, write_export
from agent.ingest.run import PassReport, Workshop, run
from agent.metrics.rollup.months import refresh
from agent.store.store import Store

ROBIN = Wearer()
FIRST = date(2024, 1, 1)


class Home:
    """A store in memory, and one source at one path."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "export.zip"
        self.store = Store.in_memory()
        self._shop = Workshop(
            store=self.store, model="none", count=lambda text: len(text) // 4, zone=ZoneInfo(ROBIN.zone)
        )

    def write(self, first: date, last: date, wearer: Wearer = ROBIN) -> None:
        write_export(self.path, wearer=wearer, seed=5, first=first, last=last, layout=Layout(heart_rates=3))

    def index(self, **options: object) -> PassReport:
        source = SourceConfig(name="health", kind="apple-health", path=self.path, options=options)
        report = run(source, self._shop, progress=lambda _: None)
        with self.store.writing():
            refresh(self.store.samples)
        return report

    def totals(self, measure: str = STEPS) -> dict[date, float]:
        return {row.day: round(row.total) for row in self.store.samples.days(measure, None, None)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.store.close()


def truth(first: date, last: date) -> dict[date, float]:
    return {day.day: day.steps for day in days(seed=5, first=first, last=last)}


def test_a_newer_export_in_place_of_the_older_adds_and_doubles_nothing(home: Home) -> None:
    home.write(FIRST, date(2024, 2, 20))
    assert home.index().items == 1
    assert home.totals() == truth(FIRST, date(2024, 2, 20))
    home.write(date(2024, 2, 1), date(2024, 3, 10))
    assert home.index().items == 1
    assert home.totals() == truth(FIRST, date(2024, 3, 10)), "January stays, February is one, March is new"
    resting = home.store.samples.days(RESTING, None, None)
    assert {row.n for row in resting} == {1}


def test_the_same_export_again_is_not_read(home: Home) -> None:
    home.write(FIRST, date(2024, 1, 20))
    home.index()
    again = home.index()
    assert (again.items, again.unchanged) == (0, 1)


def test_an_older_export_after_a_newer_one_changes_nothing(home: Home) -> None:
    home.write(FIRST, date(2024, 3, 10))
    home.index()
    home.write(FIRST, date(2024, 2, 20))
    home.index()
    assert home.totals() == truth(FIRST, date(2024, 3, 10))


def test_the_zip_may_go(home: Home) -> None:
    home.write(FIRST, date(2024, 1, 20))
    home.index()
    home.path.unlink()
    report = home.index()
    assert "what was read before stays" in report.problem
    assert report.forgotten == 0
    assert home.totals() == truth(FIRST, date(2024, 1, 20))


def test_a_broken_download_over_a_good_one_costs_nothing(home: Home) -> None:
    home.write(FIRST, date(2024, 1, 20))
    home.index()
    raw = home.path.read_bytes()
    home.write(FIRST, date(2024, 2, 20))
    home.path.write_bytes(home.path.read_bytes()[: len(raw) // 8])
    report = home.index()
    assert any("cut off" in skip.why for skip in report.skipped)
    assert home.totals() == truth(FIRST, date(2024, 1, 20))


def test_a_broken_copy_of_the_same_export_replaces_nothing(home: Home) -> None:
    home.write(FIRST, date(2024, 1, 20))
    home.index()
    raw = home.path.read_bytes()
    home.path.write_bytes(raw[: len(raw) // 8])
    assert any("cut off" in skip.why for skip in home.index().skipped)
    assert home.totals() == truth(FIRST, date(2024, 1, 20))


def test_another_persons_export_waits_for_an_answer(home: Home) -> None:
    home.write(FIRST, date(2024, 1, 20))
    home.index()
    (item,) = home.store.items(home.store.source("health", "apple-health")).values()
    mine = item.key.rpartition("owner=")[2]
    home.write(FIRST, date(2024, 2, 20), replace(ROBIN, born=date(1990, 2, 3)))
    report = home.index(owner=mine)
    assert report.items == 0
    assert [skip.outcome for skip in report.skipped] == ["ambiguous"]
    assert home.totals() == truth(FIRST, date(2024, 1, 20))
    assert home.index(owner="any").items == 1


def test_another_persons_export_over_mine_is_not_read(home: Home) -> None:
    """Nothing but what was read before says whose it is: the pass tells the source."""
    home.write(FIRST, date(2024, 1, 20))
    assert home.index().items == 1
    home.write(FIRST, date(2024, 2, 20), replace(ROBIN, sex="Male"))
    report = home.index()
    assert report.items == 0
    (asked,) = report.skipped
    assert asked.outcome == "ambiguous"
    assert "homebody sources change health --option owner=any" in asked.why
    assert home.totals() == truth(FIRST, date(2024, 1, 20))
    home.write(FIRST, date(2024, 2, 20))
    assert home.index().items == 1, "mine is read as ever"
    assert home.totals() == truth(FIRST, date(2024, 2, 20))


def test_a_newer_overlapping_export_leaves_each_text_once(home: Home) -> None:
    def texts() -> list[tuple[str, str]]:
        rows = home.store.database.rows("SELECT kind, text FROM chunk JOIN item ON item.id = chunk.item WHERE live = 1")
        return sorted((str(kind), str(text)) for kind, text in rows)

    home.write(FIRST, date(2024, 2, 20))
    home.index()
    before = texts()
    assert len([text for kind, text in before if kind == "event"]) > 5
    home.write(FIRST, date(2024, 3, 10))
    home.index()
    after = texts()
    events = [text for kind, text in after if kind == "event"]
    assert len(events) == len(set(events))
    assert {text for kind, text in before if kind == "event"} < set(events)
    assert len(after) == len(set(after)), [text for text in after if after.count(text) > 1][:3]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_torn_newer_export_hides_nothing_of_the_older(home: Home, quarters: int) -> None:
    """Wherever it breaks off: inside a measure, inside one source of it, in the middle of a month."""
    home.write(FIRST, date(2024, 2, 20))
    home.index()
    measures = home.store.samples.rolled()
    before = {measure: {row.day: row for row in home.store.samples.days(measure, None, None)} for measure in measures}
    home.write(date(2024, 1, 15), date(2024, 4, 20))
    raw = home.path.read_bytes()
    home.path.write_bytes(raw[: len(raw) * quarters // 4])
    report = home.index()
    assert report.items == 1
    assert any("cut off" in skip.why for skip in report.skipped)
    for measure, days_of in before.items():
        after = {row.day: row for row in home.store.samples.days(measure, None, None)}
        assert {day: after.get(day) for day in days_of} == days_of, measure
