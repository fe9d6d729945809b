"""A scan that takes longer than one turn is read over several passes, each page once, and is then as if read at once."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.ingest.run import PassReport, Workshop, run
from agent.store.reading.inventory import Inventory
from agent.store.store import Store
from tests.scans import SCANNED, engine, half_scanned, picture

_HURRIED = """#!{python} -I
import runpy, sys
from indexers.readers.engines import ocr
ocr.TURN_SECONDS = 0.01
runpy.run_module(sys.argv[sys.argv.index("-m") + 1], run_name="__main__", alter_sys=True)
"""


def texts(store: Store) -> list[str]:
    return [str(text) for (text,) in store.database.rows("SELECT text FROM chunk ORDER BY item, seq")]


@engine
def test_a_long_scan_is_read_over_several_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    scan = papers / "scan.pdf"
    scan.write_bytes(half_scanned(*picture(SCANNED), scans=3))
    source = SourceConfig(name="papers", kind="documents", path=papers)

    def index(store: Store) -> PassReport:
        shop = Workshop(store=store, model="m", count=lambda text: len(text.split()), zone=UTC)
        return run(source, shop, progress=lambda _: None)

    at_once, in_turns = Store.in_memory(), Store.in_memory()
    assert index(at_once).skipped == []
    hurried = tmp_path / "python"
    hurried.write_text(_HURRIED.format(python=sys.executable))
    hurried.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hurried))
    known: list[str] = []
    for page in (2, 3):
        report = index(in_turns)
        [skip] = report.skipped
        assert (report.items, skip.outcome) == (1, "unfinished")
        assert f"up to page {page} of 4" in skip.why
        assert [entry.why for entry in Inventory(in_turns.database).skipped(1)] == [skip.why]
        assert texts(in_turns)[: len(known)] == known
        assert len(texts(in_turns)) > len(known)
        known = texts(in_turns)
    assert index(in_turns).skipped == []
    assert texts(in_turns) == texts(at_once)
    assert Inventory(in_turns.database).skipped(1) == []
    assert (last := index(in_turns)).items == 0
    assert last.unchanged == 1
    at_once.close()
    in_turns.close()
