"""The examples work as they are."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from indexers.contract import check_source
from indexers.record import Section, Skipped
from indexers.source import Item
from tests.owner import PROGRAM, WORD, Owner

EXAMPLES = Path(__file__).parent.parent / "examples"
LINES = (
    '{"url": "https://example.org/a", "title": "Knots", "note": "how to tie a bowline", "saved": "2026-03-01T10:00:00"}\n'
    '{"url": "https://example.org/b", "title": "Tides", "saved": "never"}\n'
    "not a bookmark\n"
)


@pytest.fixture(scope="module")
def bookmarks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bookmarks_source", EXAMPLES / "bookmarks_source.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bookmarks_source_keeps_the_contract(bookmarks: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.jsonl"
    path.write_text(LINES)
    source = bookmarks.Bookmarks(name="b", path=path, options={})
    found = check_source(source)
    assert [record.text for record in found if isinstance(record, Section)] == ["how to tie a bowline", "Tides"]
    assert [skip.where for skip in found if isinstance(skip, Skipped)] == [f"{path}#3"]
    first = next(item for item in source.scan() if isinstance(item, Item))
    path.write_text(LINES.replace("bowline", "sheet bend"))
    assert next(item for item in source.scan() if isinstance(item, Item)).fingerprint != first.fingerprint


def test_another_program_asks_over_the_socket(served: Owner) -> None:
    environment = {**os.environ, **served.environment, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / "ask_your_notes.py", f"What about {WORD}?"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert WORD in done.stdout


def test_the_units_name_a_program_that_exists() -> None:
    for unit in ("homebody.service", "org.homebody.daemon.plist"):
        assert "homebody" in (EXAMPLES / unit).read_text()
    done = subprocess.run([PROGRAM, "daemon", "run", "--help"], capture_output=True, text=True, check=True)
    assert "foreground" in done.stdout
