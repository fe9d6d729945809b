"""The same file in several places: stored once, cited with all places, kept while one of them is left; real passes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from random import Random

import numpy as np
import pytest

from agent.config import SourceConfig
from agent.ingest.run import PassReport, Workshop, run
from agent.ingest.workers.frame import Done
from agent.ingest.workers.worker import Worker
from agent.store.keys import CompartmentKey
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.vocabulary import Passage
from indexers.documents import Documents
from indexers.record import Record, Skipped
from indexers.source import Item

LEASE = "# Rent\n\nThe rent of the flat in Aldervik is 871 euros.\n\n# Keys\n\nTwo keys were given to Jonas Weidel.\n"
EDITED = LEASE.replace("871", "912")


class House:
    """A store, a vector for every block, and passes over folders as the daemon makes them."""

    def __init__(self, store: Store, worker: type[Worker] = Worker) -> None:
        self.store = store
        self.lookup = Lookup(store)
        self.shop = Workshop(store=store, model="toy", count=lambda text: len(text.split()), zone=UTC, worker=worker)

    def index(self, *folders: Path) -> list[PassReport]:
        reports = []
        for folder in folders:
            source = SourceConfig(name=folder.name, kind="documents", path=folder)
            reports.append(run(source, self.shop, progress=lambda _: None))
            assert reports[-1].problem == ""
        while waiting := self.store.embeddings.pending(limit=100):
            self.store.embeddings.add("toy", [(block, np.ones(4, np.float32)) for block in waiting])
        return reports

    def found(self, word: str) -> list[Passage]:
        hits = self.lookup.matches(f'"{word}"')
        return self.lookup.passages([int(chunk) for chunk in hits.chunk], {}, zone=UTC)

    def places(self, word: str) -> list[set[str]]:
        """For each passage with a word, the names of the files that it is cited with."""
        return [
            {place.partition("#")[0].removeprefix("file://") for place in (hit.locator, *hit.also)}
            for hit in self.found(word)
        ]

    def vectors(self) -> set[tuple[str, bytes]]:
        """What an index that follows the log holds."""
        held: set[tuple[str, bytes]] = set()
        for source, uid, gone in self.store.database.rows(
            "SELECT name, uid, gone FROM index_log JOIN source ON source.id = index_log.source ORDER BY seq"
        ):
            (held.discard if gone else held.add)((source, uid))
        return held

    def check(self) -> None:
        """Every block belongs to a live item of its source's index, and every row to something that exists."""
        rows = self.store.database.rows(
            "SELECT source.name, uid FROM block JOIN item ON item.id = block.item JOIN source ON source.id = item.source"
            " WHERE live = 1 AND embedded = 1"
        )
        assert len(set(rows)) == len(rows), "no two blocks share an id"
        chunks = self.store.database.rows("SELECT uid FROM chunk")
        assert len(set(chunks)) == len(chunks), "no two passages share an id"
        assert set(rows) == self.vectors()
        for statement in (
            "SELECT 1 FROM chunk WHERE item NOT IN (SELECT id FROM item)",
            "SELECT 1 FROM block WHERE item NOT IN (SELECT id FROM item)",
            "SELECT 1 FROM chunk WHERE thread NOT IN (SELECT id FROM thread)",
            "SELECT 1 FROM item WHERE holder IS NOT NULL AND holder NOT IN"
            " (SELECT id FROM item WHERE live = 1 AND holder IS NULL)",
            "SELECT 1 FROM chunk JOIN item ON item.id = chunk.item WHERE holder IS NOT NULL",
        ):
            assert self.store.database.rows(statement) == [], statement


class Indoors(Worker):
    """A worker without its process, for tests of many passes."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(config)
        self._source = Documents(name=config.name, path=config.path, options={})

    def scan(self, *, known: Callable[[], Iterable[str]] = tuple) -> Iterator[Item | Skipped]:
        return self._source.scan()

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Record | Skipped | Done]]:
        for item in items:
            for record in self._source.read(item):
                yield item, record
            yield item, Done(item=item.id)


@pytest.fixture
def house() -> Iterator[House]:
    store = Store.in_memory()
    yield House(store, Indoors)
    store.close()


@pytest.fixture
def real_house() -> Iterator[House]:
    """The same with workers in their own locked processes."""
    store = Store.in_memory()
    yield House(store)
    store.close()


def put(path: Path, text: str = LEASE) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_equal_files_are_stored_once_and_cited_with_both_places(tmp_path: Path, real_house: House) -> None:
    first, second = put(tmp_path / "a" / "lease.md"), put(tmp_path / "taxes" / "copy.md")
    (report,) = real_house.index(tmp_path)
    assert (report.items, report.copies, report.records) == (2, 1, 2)
    assert real_house.places("euros") == [{first, second}]
    assert real_house.places("taxes") == [{first, second}] * 2  # the words of either path find it
    (hit,) = real_house.found("euros")
    assert hit.locator.endswith("#line=1")
    assert all(place.endswith("#line=1") for place in hit.also)
    real_house.check()
    (again,) = real_house.index(tmp_path)
    assert (again.items, again.unchanged) == (0, 2)


def test_the_same_bytes_under_another_kind_of_name_are_another_document(tmp_path: Path, house: House) -> None:
    put(tmp_path / "lease.md"), put(tmp_path / "lease.txt")
    house.index(tmp_path)
    assert len(house.found("euros")) == 2


@pytest.mark.parametrize("gone", ["a", "b"])
def test_deleting_one_place_keeps_the_other(tmp_path: Path, house: House, gone: str) -> None:
    places = {name: put(tmp_path / f"{name}.md") for name in ("a", "b")}
    house.index(tmp_path)
    vectors = house.vectors()
    (tmp_path / f"{gone}.md").unlink()
    (report,) = house.index(tmp_path)
    assert (report.forgotten, report.items) == (1, 0)
    assert house.places("euros") == [{places["b" if gone == "a" else "a"]}]
    assert house.vectors() == vectors
    house.check()
    (tmp_path / ("b.md" if gone == "a" else "a.md")).unlink()
    house.index(tmp_path)
    assert house.found("euros") == []
    assert house.store.database.value("SELECT count(*) FROM item") == 0
    house.check()


@pytest.mark.parametrize("edited", ["a", "b"])
def test_editing_one_place_keeps_the_other_as_it_was(tmp_path: Path, house: House, edited: str) -> None:
    places = {name: put(tmp_path / f"{name}.md") for name in ("a", "b")}
    house.index(tmp_path)
    put(tmp_path / f"{edited}.md", EDITED)
    house.index(tmp_path)
    assert house.places("912") == [{places[edited]}]
    assert house.places("871") == [{places["b" if edited == "a" else "a"]}]
    house.check()
    put(tmp_path / f"{edited}.md", LEASE)
    house.index(tmp_path)
    assert house.places("euros") == [set(places.values())]
    house.check()


def test_a_touched_holder_keeps_its_copies(tmp_path: Path, house: House) -> None:
    places = {put(tmp_path / "a.md"), put(tmp_path / "b.md")}
    house.index(tmp_path)
    os.utime(tmp_path / "a.md", (1_600_000_000, 1_600_000_000))
    (report,) = house.index(tmp_path)
    assert report.items == 1
    assert house.places("euros") == [places]
    house.check()


def test_a_copy_that_moves_is_followed(tmp_path: Path, house: House) -> None:
    first = put(tmp_path / "a.md")
    put(tmp_path / "b.md")
    house.index(tmp_path)
    (tmp_path / "b.md").rename(tmp_path / "archive.md")
    (report,) = house.index(tmp_path)
    assert (report.moved, report.items) == (1, 0)
    assert house.places("euros") == [{first, str(tmp_path / "archive.md")}]
    assert house.places("archive") != []
    house.check()


def test_a_new_version_beside_the_old_one_keeps_both_apart(tmp_path: Path, house: House) -> None:
    put(tmp_path / "lease.md")
    house.index(tmp_path)
    (tmp_path / "lease.md").rename(tmp_path / "old.md")
    put(tmp_path / "lease.md", EDITED)
    house.index(tmp_path)
    assert len(house.found("Weidel")) == 2  # the part that is equal in both
    house.check()
    (tmp_path / "old.md").unlink()
    house.index(tmp_path)
    assert house.places("Weidel") == [{str(tmp_path / "lease.md")}]
    house.check()


def test_a_document_of_two_sources_outlives_either(tmp_path: Path, real_house: House) -> None:
    first, second = put(tmp_path / "desktop" / "lease.md"), put(tmp_path / "papers" / "lease.md")
    real_house.index(tmp_path / "desktop", tmp_path / "papers")
    assert real_house.places("euros") == [{first, second}]
    numbers = real_house.store.source_ids()
    order = real_house.lookup.order()
    assert order.within([numbers["papers"]]).all()
    assert order.holders([numbers["papers"]]) == sorted(numbers.values())
    real_house.store.remove_source(numbers["desktop"])
    assert real_house.places("euros") == [{second}]
    assert {source for source, _ in real_house.vectors()} == {"papers"}
    real_house.check()
    real_house.index(tmp_path / "desktop")
    assert real_house.places("euros") == [{first, second}]
    real_house.store.remove_source(numbers["papers"])
    real_house.index(tmp_path / "desktop")
    assert real_house.places("euros") == [{first}]
    real_house.check()


def test_what_is_forgotten_in_one_place_stays_forgotten_in_all(tmp_path: Path, house: House) -> None:
    put(tmp_path / "desktop" / "lease.md"), put(tmp_path / "papers" / "lease.md")
    folders = (tmp_path / "desktop", tmp_path / "papers")
    house.index(*folders)
    (hit,) = house.found("euros")
    assert house.store.forget_record(bytes.fromhex(hit.id))
    (tmp_path / "desktop" / "lease.md").unlink()
    house.index(*folders)
    os.utime(tmp_path / "papers" / "lease.md", (1_600_000_000, 1_600_000_000))
    house.index(*folders)
    assert house.found("euros") == []
    assert len(house.found("Weidel")) == 1


@pytest.mark.parametrize("seed", range(4))
def test_copying_moving_editing_and_deleting_in_any_order_equals_a_fresh_index(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    house = House(Store.in_memory(), Indoors)
    folders = (tmp_path / "one", tmp_path / "two")
    texts = [f"# Part\n\nThe number of letter {n} is {n * 37}.\n\n# Rest\n\nEqual in all.\n" for n in range(4)]
    for folder in folders:
        put(folder / "0.md", texts[0])
    for _ in range(12):
        for _ in range(4):
            disturb(chance, folders, texts)
        house.index(*folders)
        house.check()
        assert said(house) == said_fresh(folders)
    house.store.close()


def disturb(chance: Random, folders: tuple[Path, ...], texts: list[str]) -> None:
    """One thing that an owner does to their files."""
    target = chance.choice(folders) / f"{chance.randrange(5)}.md"
    there = sorted(path for folder in folders for path in folder.iterdir())
    match chance.randrange(4):
        case 0 if len(there) > 1:
            chance.choice(there).unlink()
        case 1 if there:
            put(target, chance.choice(there).read_text())
        case 2 if there:
            chance.choice(there).rename(target)
        case _:
            put(target, chance.choice(texts))


def said(house: House) -> list[tuple[str, tuple[str, ...]]]:
    """All passages with all their places, sorted."""
    chunks = [int(chunk) for chunk in house.lookup.order().chunk]
    return sorted(
        (hit.text, tuple(sorted((hit.locator, *hit.also)))) for hit in house.lookup.passages(chunks, {}, zone=UTC)
    )


def said_fresh(folders: tuple[Path, ...]) -> list[tuple[str, tuple[str, ...]]]:
    store = Store.in_memory()
    fresh = House(store, Indoors)
    fresh.index(*folders)
    try:
        return said(fresh)
    finally:
        store.close()


PASS = """
import sys
from datetime import UTC
from pathlib import Path
from agent.config import SourceConfig
from agent.ingest import run as ingest
from agent.store.keys import CompartmentKey
from agent.store.store import Store
ingest._COMMIT_SECONDS = 0
store = Store.open(Path(sys.argv[1]), CompartmentKey(bytes(range(32))))
shop = ingest.Workshop(store=store, model="toy", count=lambda text: len(text.split()), zone=UTC)
source = SourceConfig(name="papers", kind="documents", path=Path(sys.argv[2]))
ingest.run(source, shop, progress=lambda step: print(step.done, flush=True))
"""


def test_a_copy_is_neither_lost_nor_doubled_when_the_pass_is_killed(tmp_path: Path) -> None:
    folder, file = tmp_path / "papers", tmp_path / "store"
    for n in range(60):
        put(folder / f"{n}.md", LEASE.replace("871", str(n % 6)))
    key = CompartmentKey(bytes(range(32)))
    Store.open(file, key, create=True).close()
    for dies_at in (1, 20, 40):
        with subprocess.Popen([sys.executable, "-c", PASS, file, folder], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if int(line) >= dies_at:
                    break
            child.send_signal(signal.SIGKILL)
        store = Store.open(file, key)
        house = House(store)
        house.check()
        for n in range(0, 60, 7):  # and the owner goes on meanwhile
            path = folder / f"{n}.md"
            path.unlink() if path.exists() else put(path, LEASE)
        if dies_at == 40:
            house.index(folder)
            assert said(house) == said_fresh((folder,))
            house.check()
        store.close()


def test_a_moved_folder_leaves_no_word_of_its_old_name(tmp_path: Path) -> None:
    house = House(Store.in_memory(), Indoors)
    for n in range(400):
        put(tmp_path / "root" / "oldhomecanary" / f"{n}.md", f"Letter {n} about the harvest.\n")
    house.index(tmp_path / "root")
    assert b"oldhomecanary" in house.store.database.connection().serialize("main")
    vectors = house.vectors()
    (tmp_path / "root" / "oldhomecanary").rename(tmp_path / "root" / "newhome")
    (report,) = house.index(tmp_path / "root")
    assert (report.moved, report.items) == (400, 0)
    assert house.vectors() == vectors
    assert len(house.found("newhome")) == 400
    house.store.database.run("DELETE FROM pass")
    assert b"oldhomecanary" not in house.store.database.connection().serialize("main")
    assert house.store.database.value("SELECT v FROM words_config WHERE k = 'secure-delete'") == 1
    (tmp_path / "root" / "newhome").rename(tmp_path / "elsewhere")
    house.index(tmp_path / "root")
    assert b"harvest" not in house.store.database.connection().serialize("main")
    house.check()
    house.store.close()


def test_a_file_that_was_copied_and_deleted_keeps_its_vectors(tmp_path: Path, house: House) -> None:
    """A move to another disk: a new inode with the same content, and the old place gone, in one pass."""
    put(tmp_path / "old" / "lease.md")
    house.index(tmp_path)
    vectors = house.vectors()
    moved = put(tmp_path / "new" / "lease.md")
    (tmp_path / "old" / "lease.md").unlink()
    run(SourceConfig(name=tmp_path.name, kind="documents", path=tmp_path), house.shop, progress=lambda _: None)
    assert house.store.embeddings.waiting() == 0
    assert house.vectors() == vectors
    assert house.places("euros") == [{moved}]
    house.check()
