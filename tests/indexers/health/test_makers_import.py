"""Every maker's export through its entry point, the real worker and a pass: questions answer what was written into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.config import SourceConfig
from agent.demo.health_zip import Day, Maker, write_maker_export
from agent.demo.health_zip.truth import days
from agent.ingest.run import PassReport, Workshop, run
from agent.metrics.engine import Metrics
from agent.store.store import Store

ZONE = "Europe/Berlin"
FIRST, LAST = date(2024, 2, 25), date(2024, 4, 12)  # spring forward is inside
MAKERS: tuple[Maker, ...] = ("fitbit", "garmin", "google-fit", "health-auto-export", "oura", "withings")
KINDS = (*MAKERS, "health-csv")
LACKING = {"google-fit": {"resting"}, "withings": {"resting"}, "oura": {"weight"}, "health-csv": {"runs", "sleep"}}


def written(folder: Path, kind: str, *, first: date = FIRST, last: date = LAST) -> tuple[Path, list[Day]]:
    """An export of a maker, or the plain table that an owner would keep."""
    for maker in MAKERS:
        if maker == kind:
            path = folder / f"{kind}.zip"
            return path, write_maker_export(path, maker, seed=7, first=first, last=last, zone=ZONE)
    truth = list(days(seed=7, first=first, last=last))
    path = folder / "days.csv"
    rows = [f"{day.day};{day.steps};{day.weight or ''};{day.resting};{day.asleep}" for day in truth]
    path.write_text("\n".join(["Date;Steps;Weight (kg);Resting HR [bpm];Sleep (min)", *rows]))
    return path, truth


class Home:
    """A store in memory and one source, asked from the day after its last."""

    def __init__(self, kind: str, path: Path, *, zone: str | None = ZONE) -> None:
        self.store = Store.in_memory()
        self.metrics = Metrics(self.store.samples, zone=ZoneInfo(ZONE))
        options = {} if kind == "health-csv" or zone is None else {"zone": zone}
        self._source = SourceConfig(name="band", kind=kind, path=path, options=options)
        self._shop = Workshop(store=self.store, model="none", count=lambda text: len(text) // 4, zone=ZoneInfo(ZONE))

    def index(self) -> PassReport:
        report = run(self._source, self._shop, progress=lambda _: None)
        with self.store.writing():
            self.metrics.refresh()
        assert not report.problem
        return report

    def number(self, text: str, *, today: date = LAST + timedelta(days=1)) -> float:
        answer = self.metrics.ask(text, today=today)
        assert answer is not None, text
        assert answer.found, answer.text
        value = answer.values[0].value
        assert isinstance(value, (int, float))
        return value


Open = Callable[..., Home]


@pytest.fixture
def opened() -> Iterator[Open]:
    homes: list[Home] = []

    def new(kind: str, path: Path, *, zone: str | None = ZONE) -> Home:
        homes.append(Home(kind, path, zone=zone))
        return homes[-1]

    yield new
    for home in homes:
        home.store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_questions_answer_what_the_maker_wrote(kind: str, tmp_path: Path, opened: Open) -> None:
    path, truth = written(tmp_path, kind)
    home = opened(kind, path)
    assert home.index().items == 1
    assert home.index().items == 0, "nothing is read twice"
    lacking = LACKING.get(kind, set())
    march = [day for day in truth if day.day.month == 3]
    for day in truth[::9]:
        assert home.number(f"how many steps did I take on {day.day}") == day.steps
    assert home.number("how many steps did I take in March") == sum(day.steps for day in march)
    if "resting" not in lacking:
        assert home.number("average resting heart rate in March") == pytest.approx(
            sum(day.resting for day in march) / len(march)
        )
    if "weight" not in lacking:
        weighed = next(day for day in reversed(truth) if day.weight)
        assert home.number(f"what was my weight on {weighed.day}") == pytest.approx(weighed.weight, abs=0.001)
    if "runs" not in lacking:
        assert home.number("how many runs in March") == sum(bool(day.run) for day in march)
        assert home.number("how far did I run in March") == pytest.approx(sum(day.run for day in march))
    if "sleep" in lacking:
        return
    nights = sum(day.asleep for day in march) / len(march)
    asked = home.number("how long did I sleep on average in March")
    assert asked == pytest.approx(nights, rel=0.01 if kind == "oura" else 1e-6), "Oura tells stages by five minutes"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_newer_export_adds_and_doubles_nothing(kind: str, tmp_path: Path, opened: Open) -> None:
    path, truth = written(tmp_path, kind, first=date(2024, 3, 10))
    whole = list(days(seed=7, first=FIRST, last=LAST))
    written(tmp_path, kind, last=date(2024, 3, 20))
    home = opened(kind, path)
    assert home.index().items == 1
    written(tmp_path, kind, first=date(2024, 3, 10))
    assert home.index().items == 1
    for day in whole[::5]:
        assert home.number(f"how many steps did I take on {day.day}") == day.steps
    assert home.number("how many runs in March") == sum(bool(day.run) for day in whole if day.day.month == 3)
    events = [
        text
        for (text,) in home.store.database.rows(
            "SELECT text FROM chunk JOIN item ON item.id = chunk.item WHERE live = 1 AND kind = 'event'"
        )
    ]
    assert len(events) == len(set(events)) == sum(bool(day.run) for day in whole)
    assert truth[-1].day == LAST


def test_days_of_23_hours_need_no_zone_where_the_export_tells_midnights(tmp_path: Path, opened: Open) -> None:
    path, truth = written(tmp_path, "health-auto-export")
    home = opened("health-auto-export", path, zone=None)
    home.index()
    for day in truth:
        assert home.number(f"how many steps did I take on {day.day}") == day.steps
