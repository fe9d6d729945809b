"""A synthetic Apple export, read and asked: answers equal the truth that the writer planted."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.demo.health_zip import Wearer, days, write_export
from agent.metrics.engine import Metrics
from agent.store.samples import Samples
from indexers.health.apple import AppleHealth
from indexers.record import SampleBatch

FIRST, LAST = date(2026, 2, 20), date(2026, 4, 12)  # over the change to summer time
TODAY = LAST + timedelta(days=1)


def imported(samples: Samples, item: int, path: Path) -> None:
    source = AppleHealth(name="health", path=path, options={})
    for found in source.scan():
        for record in source.read(found):  # type: ignore[arg-type]  # a whole export has no Skipped in its scan
            if isinstance(record, SampleBatch):
                samples.add(item, record)


@pytest.fixture
def metrics(samples: Samples, tmp_path: Path) -> Metrics:
    wearer = Wearer()
    write_export(tmp_path / "export.zip", wearer=wearer, seed=11, first=FIRST, last=LAST)
    imported(samples, 1, tmp_path / "export.zip")
    metrics = Metrics(samples, zone=ZoneInfo(wearer.zone))
    metrics.refresh()
    return metrics


def number(metrics: Metrics, text: str) -> float:
    answer = metrics.ask(text, today=TODAY)
    assert answer is not None, text
    assert answer.found, answer.text
    value = answer.values[0].value
    assert isinstance(value, (int, float))
    return value


def test_days_equal_the_truth(metrics: Metrics) -> None:
    for day in days(seed=11, first=FIRST, last=LAST):
        on = day.day.isoformat()
        assert number(metrics, f"how many steps did I take on {on}") == pytest.approx(day.steps, abs=0.01)
        assert number(metrics, f"my resting heart rate on {on}") == day.resting
        if day.day > FIRST:
            assert number(metrics, f"how long did I sleep on {on}") == pytest.approx(day.asleep, abs=0.02)
        if day.weight:
            assert number(metrics, f"what was my weight on {on}") == pytest.approx(day.weight, abs=0.01)


def test_sums_means_and_runs_equal_the_truth(metrics: Metrics) -> None:
    march = list(days(seed=11, first=date(2026, 3, 1), last=date(2026, 3, 31)))
    assert number(metrics, "how many steps did I take in March") == pytest.approx(sum(d.steps for d in march), abs=0.5)
    assert number(metrics, "average resting heart rate in March") == pytest.approx(
        sum(d.resting for d in march) / 31, abs=1e-3
    )
    runs = [day.run for day in march if day.run]
    assert number(metrics, "how many runs in March") == len(runs)
    assert number(metrics, "how far did I run in March") == pytest.approx(sum(runs), abs=0.05)


def test_importing_the_same_life_again_changes_nothing(metrics: Metrics, samples: Samples, tmp_path: Path) -> None:
    before = number(metrics, "how many steps did I take in March")
    newer = tmp_path / "newer.zip"
    write_export(newer, wearer=Wearer(), seed=11, first=date(2026, 3, 1), last=LAST)
    imported(samples, 2, newer)
    metrics.refresh()
    assert number(metrics, "how many steps did I take in March") == pytest.approx(before, abs=0.01)
    assert number(metrics, "how many steps did I take on 2026-02-25") > 0
