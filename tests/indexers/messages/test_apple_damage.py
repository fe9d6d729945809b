"""The Apple Messages source against a live writer, a missing permission and foreign damage."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.demo.chat_db import ME, Chat, ChatDatabase, Line, write_chat_db
from indexers.contract import check_source
from indexers.messages.apple import AppleMessages
from indexers.messages.apple import database as database_module
from indexers.messages.apple.reading.pages import MOST_BYTES
from indexers.record import Message, Skipped
from indexers.source import SourceUnavailable

ANN = "+4915112345678"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECRET = "the secret words"


def source(path: Path) -> AppleMessages:
    return AppleMessages(name="messages", path=path, options={})


def why(path: Path) -> str:
    with pytest.raises(SourceUnavailable) as refused:
        list(source(path).scan())
    return str(refused.value)


def one_line(folder: Path, **columns: object) -> Path:
    write_chat_db(
        folder / "chat.db", [Chat(people=[ANN], lines=[Line(by=ANN, at=NOON, text=SECRET, guid="G", columns=columns)])]
    )
    return folder


def test_unknown_options_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no option 'junk'; it has: spam"):
        AppleMessages(name="m", path=tmp_path, options={"junk": True})
    with pytest.raises(ValueError, match="true or false"):
        AppleMessages(name="m", path=tmp_path, options={"spam": "yes"})


def test_what_is_not_committed_to_the_main_file_is_read(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.add(Chat(people=[ANN], lines=[Line(by=ANN, at=NOON, text="only in the WAL")]))
        assert (tmp_path / "chat.db-wal").stat().st_size > 0
        assert [record.text for record in check_source(source(tmp_path)) if isinstance(record, Message)] == [
            "only in the WAL"
        ]


def test_reading_writes_no_file_and_changes_none(tmp_path: Path) -> None:
    one_line(tmp_path)
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    assert set(before) == {"chat.db"}
    check_source(source(tmp_path))
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()} == before


def test_a_reader_does_not_block_checkpoints(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        lines = [Line(by=ANN, at=NOON + timedelta(days=day), text="x") for day in range(20)]
        database.add(Chat(people=[ANN], lines=lines))
        reader = source(tmp_path)
        scanned = reader.scan()
        read = reader.read(next(scanned))  # type: ignore[arg-type]  # no Skipped here
        next(read)  # both are in the middle of their work
        busy, log, done = database.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, log) == (0, done)
        assert (tmp_path / "chat.db-wal").stat().st_size == 0


def test_messages_starting_while_we_read_is_seen(tmp_path: Path) -> None:
    one_line(tmp_path)
    reader = source(tmp_path)
    (item,) = reader.scan()
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.edit("G", "edited meanwhile", at=NOON, earlier=SECRET)
        (record,) = reader.read(item)  # type: ignore[arg-type]  # no Skipped here
        assert isinstance(record, Message)
        assert record.text == "edited meanwhile"


def test_a_missing_database_says_what_to_do(tmp_path: Path) -> None:
    assert "Sign in to Messages" in why(tmp_path)
    assert "Sign in to Messages" in why(tmp_path / "nowhere" / "chat.db")


def test_no_permission_names_full_disk_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_line(tmp_path)

    def refuse(self: Path, mode: str = "r") -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "open", refuse)
    text = why(tmp_path)
    assert "Full Disk Access" in text
    assert "Privacy_AllFiles" in text


def test_an_open_that_succeeds_and_reads_nothing_is_no_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # osaurus-ai/osaurus#2613
    one_line(tmp_path)
    empty = tmp_path / "empty"
    empty.touch()
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r": opened(empty, mode))
    assert "Full Disk Access" in why(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4 something else", b"SQLite format 3\0" + b"\0" * 500, b"SQLite format 3\0"]
)
def test_another_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chat.db").write_bytes(content)
    assert str(tmp_path / "chat.db") in why(tmp_path)


def test_another_database_is_not_taken_for_messages(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "chat.db") as sql:
        sql.execute("CREATE TABLE note (text)")
    assert "not one of Messages" in why(tmp_path)


def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.01)
    one_line(tmp_path)
    sql = sqlite3.connect(tmp_path / "chat.db", isolation_level=None)
    sql.execute("PRAGMA journal_mode = DELETE")
    sql.execute("BEGIN EXCLUSIVE")
    assert "in use" in why(tmp_path)
    sql.close()


def test_a_wal_without_its_index_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.add(Chat(people=[ANN], lines=[Line(by=ANN, at=NOON, text="x")]))
        for name in ("chat.db", "chat.db-wal"):
            (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    assert "chat.db-shm" in why(tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"chat.db", "chat.db-wal"}


def test_a_truncated_database_is_damaged_not_empty(tmp_path: Path) -> None:
    lines = [Line(by=ANN, at=NOON + timedelta(minutes=n), text=f"{n} " * 200) for n in range(400)]
    write_chat_db(tmp_path / "chat.db", [Chat(people=[ANN], lines=lines)])
    whole = (tmp_path / "chat.db").read_bytes()
    (tmp_path / "chat.db").write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    assert "damaged" in why(tmp_path)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"attributedBody": b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@"}, "its archived body ends too early"),
        ({"attributedBody": b"bplist00garbage"}, "its archived body is a damaged property list"),
        ({"attributedBody": random.Random(5).randbytes(300)}, "its archived body does not begin as a typedstream"),
        (
            {"date_retracted": 5, "message_summary_info": b"bplist00garbage"},
            "its edit record is a damaged property list",
        ),
        ({"date": 0}, "its date is none that a calendar has"),
        ({"date": None}, "its date is none that a calendar has"),
        ({"date": -5}, "its date is none that a calendar has"),
        ({"date": 2**62 * 2 - 1}, ""),
        ({"date": 5 * 10**11}, "its date is none that a calendar has"),
        ({"date": "yesterday"}, "its date is none that a calendar has"),
    ],
)
def test_a_damaged_row_is_one_skipped_and_the_others_stay(
    tmp_path: Path, columns: dict[str, object], reason: str
) -> None:
    lines = [Line(by=ANN, at=NOON, text=SECRET, guid="BAD", columns=columns), Line(by=ME, at=NOON, text="good")]
    write_chat_db(tmp_path / "chat.db", [Chat(people=[ANN], lines=lines)])
    found = check_source(source(tmp_path))
    skipped = [entry for entry in found if isinstance(entry, Skipped)]
    assert [entry.text for entry in found if isinstance(entry, Message) and entry.id != "BAD"] == ["good"]
    assert len(skipped) == (1 if reason else 0)
    for entry in skipped:
        assert entry.where == "BAD"
        assert entry.why.startswith(reason)
        assert SECRET not in entry.why


def test_a_damaged_body_falls_back_to_the_text(tmp_path: Path) -> None:
    one_line(tmp_path, text=SECRET, attributedBody=b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@")
    assert [entry.text for entry in check_source(source(tmp_path)) if isinstance(entry, Message)] == [SECRET]


def test_a_body_past_all_measure_is_skipped_unread(tmp_path: Path) -> None:
    one_line(tmp_path, attributedBody=b"\0" * (MOST_BYTES + 1))
    (entry,) = check_source(source(tmp_path))
    assert isinstance(entry, Skipped)
    assert (entry.where, entry.outcome) == ("G", "too_large")


def test_columns_that_hold_another_kind_of_value(tmp_path: Path) -> None:
    one_line(
        tmp_path,
        handle_id="x",
        is_from_me="no",
        associated_message_type="z",
        associated_message_guid=b"\xff\xfe",
        thread_originator_guid=b"\xff\xfe",
        payload_data="text",
        message_summary_info=7,
        subject=b"\xff",
    )
    found = check_source(source(tmp_path))
    assert [SECRET in entry.text for entry in found if isinstance(entry, Message)] == [True]


def test_text_that_is_no_utf8_is_read_with_a_mark(tmp_path: Path) -> None:
    write_chat_db(
        tmp_path / "chat.db", [Chat(people=[ANN], lines=[Line(by=ANN, at=NOON, text="x", guid="G", plain=True)])]
    )
    with sqlite3.connect(tmp_path / "chat.db") as sql:
        sql.execute("UPDATE message SET text = CAST(x'48ff69' AS TEXT)")
    sql.close()
    assert [entry.text for entry in check_source(source(tmp_path)) if isinstance(entry, Message)] == ["Hi"]


def test_flipped_bits_anywhere_never_crash(tmp_path: Path) -> None:
    one_line(tmp_path, text="a")
    path = tmp_path / "chat.db"
    whole = path.read_bytes()
    draw = random.Random(11)
    ends = set()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(8):
            damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            ends.add(len(check_source(source(tmp_path))))
        except SourceUnavailable:
            ends.add(-1)
    assert ends <= {-1, 0, 1}
    assert len(ends) > 1


def test_a_locked_worker_reads_what_messages_is_writing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from agent import offline; offline.lock(worker=True)\n"
        "from indexers.messages.apple import AppleMessages\n"
        "source = AppleMessages(name='m', path=Path(sys.argv[1]), options={})\n"
        "print(*(record.text for item in source.scan() for record in source.read(item)))"
    )
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.add(Chat(people=[ANN], lines=[Line(by=ANN, at=NOON, text="from the WAL")]))
        ran = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
            check=False,
        )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "from the WAL\n", "")
