"""Long scans over several passes: every page read once, the owner told how far, nothing half in place of what was whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.ingest.run import PassReport, Workshop, run
from agent.ingest.workers.frame import Done
from agent.ingest.workers.worker import Worker
from agent.store.keys import CompartmentKey
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from indexers.documents import Documents
from indexers.record import Record, Skipped
from indexers.source import Item
from tests.owner import Owner, wait_for
from tests.scans import SCANNED, engine, half_scanned, picture

pytestmark = engine

PAGES = 5


class Indoors(Worker):
    """A worker without its process, so that a test can shorten its turns."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(config)
        self._source = Documents(name=config.name, path=config.path, options={})

    def scan(self, **_: object) -> Iterator[Item | Skipped]:
        return self._source.scan()

    def read(self, items: object) -> Iterator[tuple[Item, Record | Skipped | Done]]:
        for item in items:  # type: ignore[attr-defined]  # a sequence of them
            for record in self._source.read(item):
                yield item, record
            yield item, Done(item=item.id)


class House:
    """A store and passes over one folder."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self.folder = folder
        self.store = store or Store.in_memory()
        self._shop = Workshop(
            store=self.store, model="toy", count=lambda text: len(text.split()), zone=UTC, worker=Indoors
        )

    def index(self) -> PassReport:
        report = run(
            SourceConfig(name="scans", kind="documents", path=self.folder), self._shop, progress=lambda _: None
        )
        assert report.problem == ""
        return report

    def said(self) -> dict[str, list[str]]:
        """What can be found on each page of each file, with who read it."""
        lookup = Lookup(self.store)
        found: dict[str, list[str]] = {}
        for hit in lookup.passages(lookup.order().chunk.tolist(), {}, zone=UTC):
            for place in (hit.locator, *hit.also):
                found.setdefault(place.rpartition("/")[2], []).append(f"{hit.read_by}: {hit.text}")
        return {place: sorted(texts) for place, texts in found.items()}

    def told(self) -> list[str]:
        return [skip.why for skip in Inventory(self.store.database).skipped(1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "papers"
    path.mkdir()
    (path / "scan.pdf").write_bytes(half_scanned(*picture(SCANNED), scans=PAGES - 1))
    return path


@pytest.fixture
def whole(folder: Path) -> dict[str, list[str]]:
    """What one long turn reads."""
    house = House(folder)
    house.index()
    assert house.told() == []
    assert len(house.said()) == PAGES
    return house.said()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """One page a turn from here on; gathers the pictures that the engine is shown."""
    from indexers.readers.engines.ocr import Tesseract

    monkeypatch.setattr("indexers.readers.engines.ocr.TURN_SECONDS", 0.01)
    shown: list[bytes] = []
    recognise = Tesseract.recognise

    def counted(self: Tesseract, given: bytes) -> str:
        shown.append(given)
        return recognise(self, given)

    monkeypatch.setattr(Tesseract, "recognise", counted)
    return shown


def test_a_long_scan_is_finished_by_later_passes_each_page_read_once(
    folder: Path, whole: dict[str, list[str]], pages: list[bytes]
) -> None:
    house = House(folder)
    for page in range(2, PAGES):
        report = house.index()
        assert report.items == 1
        assert house.told() == [
            f"is read by text recognition up to page {page} of {PAGES} so far; the next passes go on"
        ]
        assert sorted(house.said()) == [f"scan.pdf#page={n}" for n in range(1, page + 1)]
    house.index()
    assert house.told() == []
    assert house.said() == whole
    assert len(pages) == PAGES - 1
    assert house.index().items == 0
    assert len(pages) == PAGES - 1


def test_it_may_move_and_be_copied_between_its_turns(
    folder: Path, whole: dict[str, list[str]], pages: list[bytes]
) -> None:
    house = House(folder)
    house.index()
    (folder / "inner").mkdir()
    (folder / "scan.pdf").rename(folder / "inner" / "moved.pdf")
    assert house.index().moved == 1
    (folder / "copy.pdf").write_bytes((folder / "inner" / "moved.pdf").read_bytes())
    house.index()
    assert len(pages) == 3  # one page of the copy, before its content is known
    (folder / "inner" / "moved.pdf").unlink()
    while house.index().items or house.told():
        pass
    assert len(pages) == PAGES
    assert house.said() == {place.replace("scan", "copy"): said for place, said in whole.items()}
    assert house.told() == []


def test_what_was_whole_is_there_until_the_new_version_is(
    folder: Path, whole: dict[str, list[str]], pages: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(folder)
    with monkeypatch.context() as patch:
        patch.setattr("indexers.readers.engines.ocr.TURN_SECONDS", 60.0)
        house.index()
    assert house.said() == whole
    old = (folder / "scan.pdf").read_bytes()
    (folder / "scan.pdf").write_bytes(old.replace(b"covering letter is typed", b"covering note was written"[:24]))
    for page in range(2, PAGES):
        house.index()
        assert house.said() == whole, page
        assert f"up to page {page} of {PAGES}" in house.told()[0]
    house.index()
    assert house.told() == []
    assert "covering note" in str(house.said()["scan.pdf#page=1"])
    assert len(house.said()) == PAGES


PASSES = f"""
import sys
from pathlib import Path
sys.path.insert(0, {os.fspath(Path(__file__).parents[2])!r})
from agent.store.keys import CompartmentKey
from agent.store.store import Store
from indexers.readers.engines import ocr
from tests.indexers.test_documents_scans import House
ocr.TURN_SECONDS = 0.01
house = House(Path(sys.argv[2]), Store.open(Path(sys.argv[1]), CompartmentKey(bytes(range(32)))))
while house.index().items:
    print(len(house.said()), flush=True)
"""


def test_killed_between_and_inside_turns_it_is_finished_all_the_same(
    tmp_path: Path, folder: Path, whole: dict[str, list[str]], pages: list[bytes]
) -> None:
    file = tmp_path / "store"
    key = CompartmentKey(bytes(range(32)))
    Store.open(file, key, create=True).close()
    before = 0
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", PASSES, file, folder], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            told = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
        assert told > before
        before = told
    house = House(folder, Store.open(file, key))
    assert before <= len(house.said()) < PAGES
    while house.index().items:
        pass
    assert house.said() == whole
    assert len(pages) <= PAGES - before
    house.store.close()


@pytest.mark.large
@pytest.mark.models
def test_a_long_scan_is_read_to_its_end_without_being_asked(resident: Owner) -> None:
    """Turn by turn, with status telling how far it is; the pages of each turn are found at once."""
    folder = resident.folder / "scans"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(half_scanned(*picture(SCANNED), scans=79))

    def told() -> list[str]:
        sources = resident.api("GET", "/status")[1]["sources"]
        assert isinstance(sources, list)
        return [skip["why"] for source in sources if source["name"] == "scans" for skip in source["skipped"]]

    with resident.daemon():
        resident.run("add", "documents", str(folder), "--name", "scans", "--yes")
        wait_for(lambda: "up to page" in str(told()), seconds=60)
        hits = resident.api("POST", "/search", {"text": "premium euros March"})[1]["hits"]
        assert "418 euros" in str(hits)
        far = told()
        wait_for(lambda: bool(told()) and told() != far, seconds=90)
        wait_for(lambda: not told(), seconds=300)
    (held,) = [source for source in resident.json("status", "--json")["sources"] if source["name"] == "scans"]  # type: ignore[attr-defined]
    assert held["records"] == 80
    hits = resident.json("search", "--json", "-k", "50", "premium 418 euros")["hits"]
    assert isinstance(hits, list)
    assert {hit["read_by"] for hit in hits if hit["source"] == "scans"} == {"ocr"}
