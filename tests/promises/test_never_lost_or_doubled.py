"""One record is never lost or doubled: killed at any moment and run again, a home equals one that was never disturbed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from agent.demo.documents import papers
from agent.demo.documents import write as write_papers
from agent.service.prove import life
from tests.owner import PROGRAM, WORD, Owner

pytestmark = pytest.mark.models

QUESTIONS = (WORD, "rent", "kettle", "the", "invoice of January", "Anna", "Jena")


def everything(owner: Owner) -> dict[str, object]:
    """What can be told from outside: each source's state, and the hits of several searches, ids and texts."""
    with owner.daemon():
        status = owner.json("status", "--json")["sources"]
        assert isinstance(status, list)
        said: dict[str, object] = {
            source["name"]: {key: source[key] for key in source if key != "finished"} for source in status
        }
        for question in QUESTIONS:
            hits = owner.json("search", "--json", "-k", "50", question)["hits"]
            assert isinstance(hits, list)
            said[question] = [(hit["id"], hit["source"], hit["text"], hit["when"], hit["locator"]) for hit in hits]
            assert len({hit["id"] for hit in hits}) == len(hits)
        checks = owner.json("doctor", "--json", code=0)["checks"]
        assert isinstance(checks, list)
        said["checks"] = [
            (check["name"], check["is"]) for check in checks if check["name"] in ("store", "vector index")
        ]
        steps = owner.json("ask", "--json", f"How many steps on {life.DAY:%-d %B %Y}?")
        said["steps"] = steps["values"]
    return said


def killed_at(owner: Owner, seconds: float) -> bool:
    """Index, and kill the command and its process without warning; whether that came before the end."""
    process = subprocess.Popen(
        [PROGRAM, "--no-daemon", "index"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=owner.environment, start_new_session=True,
    )  # fmt: skip
    time.sleep(seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    return alive


@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.large), pytest.param(3, marks=pytest.mark.large)]
)
def test_a_disturbed_home_equals_an_undisturbed_one(tmp_path: Path, seed: int) -> None:
    (tmp_path / "calm").mkdir()
    calm = Owner(tmp_path / "calm")
    sources = life.plant(calm.life, WORD)
    write_papers(sources["documents"], ((paper, ("txt", "md")[n % 2]) for n, paper in enumerate(papers(seed, 60))))
    calm.init()
    with calm.daemon():
        for kind, path in sources.items():
            calm.run("add", kind, str(path), "--yes")
            calm.run("sources", "pause", kind)  # the daemon itself must not read them yet
        for kind in sources:
            calm.run("sources", "resume", kind)
    shutil.copytree(calm.folder, tmp_path / "disturbed")  # the same keys, so that ids can be compared
    disturbed = Owner(tmp_path / "disturbed")
    begun = time.monotonic()
    calm.run("--no-daemon", "index")
    whole = time.monotonic() - begun
    chance = random.Random(seed)
    moments = [whole * chance.uniform(0.1, 0.8) for _ in range(5)]
    killed = [killed_at(disturbed, moment) for moment in moments]  # each goes on where the last one was killed
    assert any(killed)
    disturbed.run("index")
    assert everything(disturbed) == everything(calm)
    report = disturbed.json("index", "--json")["sources"]
    assert isinstance(report, list)
    assert [one["name"] for one in report if one["items"] or one["forgotten"]] == []
