"""An encrypted file opens with its key alone, says what is wrong with it, and survives a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agent.errors import Locked, StoreError
from agent.store.database import Database
from agent.store.database.schema import MIGRATIONS
from agent.store.keys import CompartmentKey

KEY = CompartmentKey(bytes(range(32)))
CANARY = "zanzibarquokka"


def filled(path: Path, rows: int = 200) -> Database:
    database = Database.open(path, KEY, create=True)
    with database.writing():
        database.run("CREATE TABLE diary(day INTEGER PRIMARY KEY, text TEXT)")
        for day in range(rows):
            database.run("INSERT INTO diary VALUES(?, ?)", (day, f"{CANARY} on day {day} " + "word " * 50))
    return database


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_no_byte_of_text_in_file_log_or_index_of_the_log(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db")
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"store.db", "store.db-wal", "store.db-shm"}
    seen = bytes_of(tmp_path)
    assert CANARY.encode() not in seen
    assert b"diary" not in seen
    assert b"SQLite format" not in seen
    database.close()
    assert CANARY.encode() not in bytes_of(tmp_path)


@pytest.mark.parametrize("key", [CompartmentKey(bytes(32)), CompartmentKey(bytes(range(1, 33)))])
def test_another_key_opens_nothing_and_changes_nothing(tmp_path: Path, key: CompartmentKey) -> None:
    filled(tmp_path / "store.db").close()
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(StoreError, match="damaged or does not belong to this key") as caught:
        Database.open(tmp_path / "store.db", key)
    assert caught.value.remedy
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_missing_file_is_an_error_and_stays_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        Database.open(tmp_path / "store.db", KEY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0.0, 0.1, 0.35, 0.6, 0.85, 0.999])
def test_one_flipped_bit_is_found(tmp_path: Path, place: float) -> None:
    path = tmp_path / "store.db"
    filled(path).close()
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    path.write_bytes(data)
    try:
        database = Database.open(path, KEY)
    except StoreError as error:
        assert "damaged" in error.problem
        assert "backup" in error.remedy
        return
    try:
        assert database.check(), "a changed page was not noticed"
    finally:
        database.close()


def test_a_whole_store_passes_its_check(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db")
    assert database.check() == []
    database.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, it is a letter " * 200)
    with pytest.raises(StoreError):
        Database.open(path, KEY)


def test_a_store_of_a_newer_homebody_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = filled(path)
    database.run(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(StoreError, match="newer homebody"):
        Database.open(path, KEY)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db", rows=3)

    class Stop(Exception): ...

    with pytest.raises(Stop), database.writing():
        database.run("DELETE FROM diary")
        with database.writing():
            database.run("INSERT INTO diary VALUES(99, 'inner')")
        raise Stop
    assert database.value("SELECT count(*) FROM diary") == 3
    with database.writing():
        database.run("DELETE FROM diary WHERE day = 0")
    assert database.value("SELECT count(*) FROM diary") == 2
    database.close()


def test_a_failed_commit_leaves_no_transaction_open(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db", rows=3)
    database.run("PRAGMA foreign_keys = ON")
    database.run("CREATE TABLE leaf(day INTEGER REFERENCES diary DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(apsw.ConstraintError), database.writing():
        database.run("INSERT INTO leaf VALUES(12345)")  # fails at COMMIT, not here
    with database.writing():
        database.run("INSERT INTO leaf VALUES(1)")
    assert database.rows("SELECT day FROM leaf") == [(1,)]
    database.close()


def test_readers_see_whole_commits(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db", rows=3)
    seen: list[int] = []

    def read() -> None:
        seen.append(int(database.value("SELECT count(*) FROM diary")))

    with database.reading():
        assert database.value("SELECT count(*) FROM diary") == 3

        def write() -> None:
            with database.writing():
                database.run("DELETE FROM diary")

        for work in (write, read):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert database.value("SELECT count(*) FROM diary") == 3
    assert seen == [0]
    assert database.value("SELECT count(*) FROM diary") == 0
    database.close()


def test_connections_of_ended_threads_are_closed(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db", rows=3)

    def files() -> int:
        return sum(os.path.realpath(fd).startswith(str(tmp_path)) for fd in Path("/proc/self/fd").iterdir())

    before = files()
    for _ in range(20):
        thread = threading.Thread(target=lambda: database.value("SELECT 1 FROM diary"))
        thread.start()
        thread.join()
    assert files() <= before + 4
    database.close()


def test_closing_breaks_off_readers_and_nothing_opens_it_again(tmp_path: Path) -> None:
    database = filled(tmp_path / "store.db", rows=3)
    said: list[str] = []
    begun = threading.Event()

    def read() -> None:
        database.value("SELECT 1")
        begun.set()
        for _ in range(2):
            try:
                database.value("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")
            except Locked as error:
                said.append(error.problem)

    thread = threading.Thread(target=read)
    thread.start()
    begun.wait()
    time.sleep(0.1)
    database.close()
    thread.join(timeout=5)
    assert said == ["Your data was locked meanwhile."] * 2
    with pytest.raises(Locked):
        database.value("SELECT 1")
    with pytest.raises(Locked), database.writing():
        raise AssertionError("it was opened again")
    database.close()


def test_compacting_leaves_no_free_page_and_an_empty_log(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = filled(path, rows=2000)
    database.checkpoint()
    large = path.stat().st_size
    with database.writing():
        database.run("DELETE FROM diary")
    database.compact()
    assert database.value("PRAGMA freelist_count") == 0
    assert path.stat().st_size < large / 2
    assert (tmp_path / "store.db-wal").stat().st_size == 0
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True)
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_says_so_and_loses_nothing(small_disk: Path) -> None:
    database = filled(small_disk / "store.db", rows=50)
    database.checkpoint()
    with pytest.raises(StoreError) as caught, database.writing():
        for day in range(1000, 1_000_000):
            database.run("INSERT INTO diary VALUES(?, ?)", (day, "x" * 2000))
    assert "disk" in caught.value.problem.lower()
    assert caught.value.remedy
    assert database.value("SELECT count(*) FROM diary") == 50
    database.checkpoint()
    with database.writing():
        database.run("INSERT INTO diary VALUES(7000, 'there is room again')")
    assert database.check() == []
    database.close()
    again = Database.open(small_disk / "store.db", KEY)
    assert again.value("SELECT count(*) FROM diary") == 51
    again.close()


_LIMITED = """
import resource, sys
from pathlib import Path
from agent.errors import Locked, StoreError
from agent.store.database import Database
from agent.store.keys import CompartmentKey
database = Database.open(Path(sys.argv[1]), CompartmentKey(bytes(range(32))))
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, size + 200_000))
try:
    with database.writing():
        for day in range(1000, 1_000_000):
            database.run("INSERT INTO diary VALUES(?, ?)", (day, "x" * 2000))
except StoreError as error:
    print(database.value("SELECT count(*) FROM diary"), error)
database.close()
"""


def test_a_write_that_the_system_refuses_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    filled(tmp_path / "store.db", rows=50).close()
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, tmp_path / "store.db"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("50 ")
    assert "Check the disk" in done.stdout or "Free some space" in done.stdout
    assert done.stderr == ""
    database = Database.open(tmp_path / "store.db", KEY)
    assert database.check() == []
    database.close()
