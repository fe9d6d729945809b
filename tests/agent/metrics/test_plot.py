"""Pictures hold the numbers of the answer, show gaps as gaps, and leave nothing behind on disk."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from lxml import etree

from agent.metrics.catalogue import SLEEP
from agent.metrics.engine import Metrics
from agent.metrics.phrase.sparkline import sparkline
from agent.metrics.plot import Picture, draw, running_median, terminal
from agent.store.samples import Samples
from indexers.record import SampleBatch

TODAY = date(2026, 5, 20)
Q = "HKQuantityTypeIdentifier"
Batch = Callable[..., SampleBatch]
QUESTIONS = (
    "resting heart rate since March",
    "compare steps between March and April",
    "how did I sleep in April",
    "my bedtime in April",
    "steps by weekday",
    "which month did I walk the most",
    "is there a correlation between my steps and my resting heart rate",
    "blood pressure in April",
    "list my steps last week",
)


@pytest.fixture
def metrics(samples: Samples, batch: Batch) -> Metrics:
    """Steps and resting heart rate from March on, none on 10 to 14 April; nights around midnight; blood pressure."""
    begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
    days = [begin + timedelta(days=n) for n in range(80) if not 40 <= n <= 44]
    steps = [(d.isoformat(), d.isoformat(), 5000.0 + 50 * d.day + 10 * d.month) for d in days]
    samples.add(1, batch(f"{Q}StepCount", steps))
    samples.add(1, batch(f"{Q}RestingHeartRate", [(a, b, 50 + v / 1000) for a, b, v in steps], unit="count/min"))
    for side, value in (("Systolic", 120.0), ("Diastolic", 78.0)):
        rows = [(a, b, value) for a, b, _ in steps[::9]]
        samples.add(1, batch(f"{Q}BloodPressure{side}", rows, unit="mmHg"))
    stage = "HKCategoryValueSleepAnalysis"
    for n, day in enumerate(days):
        bed = day + timedelta(hours=11, minutes=10 * (n % 9))
        cuts = [bed + timedelta(minutes=m) for m in (0, 180, 300, 400, 420)]
        names = ("AsleepCore", "AsleepDeep", "AsleepREM", "Awake")
        parts = [
            (a.isoformat(), b.isoformat(), 1.0, f"{stage}{name}")
            for a, b, name in zip(cuts, cuts[1:], names, strict=False)
        ]
        samples.add(1, batch(SLEEP, parts, unit=""))
    metrics = Metrics(samples, zone=UTC)
    metrics.refresh()
    return metrics


def shape(metrics: Metrics, text: str) -> Picture:
    found = metrics.picture(text, today=TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize("text", QUESTIONS)
def test_every_kind_is_drawn_with_the_answer_as_its_words(metrics: Metrics, text: str, tmp_path: Path) -> None:
    found = shape(metrics, text)
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None
    assert found.alt.split(":")[0] in answer.text
    assert draw(found, form="png", folder=tmp_path).startswith(b"\x89PNG\r\n\x1a\n")
    svg = draw(found, form="svg", folder=tmp_path)
    assert svg == draw(found, form="svg", folder=tmp_path)
    words = " ".join(etree.fromstring(svg).itertext())
    assert found.title in words
    assert found.alt in words
    drawn = terminal(found, width=70, height=16)
    *lines, last = drawn.splitlines()
    assert last == found.alt
    assert max(map(len, lines)) <= 70
    assert len(lines) <= 18
    assert "\x1b" not in drawn
    assert terminal(found, width=70, height=16) == drawn


def test_days_without_data_are_gaps(metrics: Metrics) -> None:
    (line,) = shape(metrics, "resting heart rate since March").lines
    gaps = [day for day, value in zip(line.days, line.values.tolist(), strict=True) if np.isnan(value)]
    assert gaps == [date(2026, 4, 10) + timedelta(days=n) for n in range(5)]
    assert line.values[0] == pytest.approx(50 + (5000 + 50 + 30) / 1000)
    assert ["resting heart rate" in shape(metrics, "resting heart rate since March").title, line.name] == [
        True,
        "Resting heart rate",
    ]


def test_units_clocks_stages_and_shades(metrics: Metrics) -> None:
    assert [line.name for line in shape(metrics, "how did I sleep in April").stages][:2] == [
        "Deep sleep",
        "Core (light) sleep",
    ]
    assert shape(metrics, "how did I sleep in April").stages[0].values[0] == pytest.approx(2.0)
    bed = shape(metrics, "my bedtime in April")
    assert bed.clock
    # Bedtimes from 23:00 to 00:20 lie beside each other, not at both ends of a day.
    assert np.nanmax(bed.lines[0].values) - np.nanmin(bed.lines[0].values) == pytest.approx(80)
    assert shape(metrics, "compare steps between March and April").shaded == (
        (date(2026, 3, 1), date(2026, 4, 1)),
        (date(2026, 4, 1), date(2026, 5, 1)),
    )
    assert len(shape(metrics, "blood pressure in April").lines) == 2


def test_what_is_not_a_number_has_no_picture(metrics: Metrics) -> None:
    assert metrics.picture("what did Anna say", today=TODAY) is None
    assert metrics.picture("steps in 2019", today=TODAY) is None


def test_the_running_median_by_hand() -> None:
    values = np.array([5.0, 1, np.nan, 9, 3, 7, np.nan, np.nan, np.nan, np.nan, 2])
    expected = [
        median(known) if len(known) > 3 else None
        for at in range(len(values))
        if (known := [v for v in values[max(0, at - 3) : at + 4].tolist() if not np.isnan(v)]) is not None
    ]
    found = [None if np.isnan(value) else value for value in running_median(values).tolist()]
    assert found == expected


def test_a_sparkline_shows_lowest_highest_and_gaps() -> None:
    assert sparkline([1, 2, None, 3, 8]) == "▁▂ ▃█"
    assert sparkline([5, 5, 5]) == "▁▁▁"
    assert sparkline([1, None, 2]) == ""


SPY = """
import json, os, sys, pathlib
seen = []
def spy(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"): seen.append(str(args[0]))
    if event in ("os.mkdir", "os.rename", "os.remove"): seen.append(str(args[0]))
    if event in ("socket.connect", "socket.bind", "os.system"): seen.append(event)
    if event == "subprocess.Popen" and os.environ.get("PATH") != "/nonexistent": seen.append(event)
sys.addaudithook(spy)
sys.dont_write_bytecode = True
import numpy as np
from datetime import date
from agent.metrics.plot import Line, Picture, draw, terminal
days = tuple(date(2026, 1, n) for n in range(1, 20))
shape = Picture(title="t", unit="bpm", alt="a", lines=(Line(name="n", days=days, values=np.arange(19.0)),))
for form in ("png", "svg"):
    draw(shape, form=form, folder=pathlib.Path(sys.argv[1]))
terminal(shape)
print(json.dumps([seen, os.environ["PATH"] != "/nonexistent"]))
"""


def test_nothing_is_written_outside_the_given_folder_and_nothing_is_run(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "ours"
    home.mkdir()
    folder.mkdir(mode=0o700)
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "TMPDIR": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", SPY, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    seen, restored = json.loads(done.stdout.splitlines()[-1])
    assert restored
    assert [path for path in seen if not re.match(rf"{re.escape(str(folder))}(/|$)", path)] == []
    assert list(home.iterdir()) == []
