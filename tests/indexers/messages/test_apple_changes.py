"""What a change in the database changes in a scan: its own item, and nothing else."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.demo.attributed import TRANSCRIPT, Stretch, attributed_string
from agent.demo.chat_db import ME, Chat, ChatDatabase, File, Line, Piece, Tapback
from indexers.messages.apple import AppleMessages
from indexers.record import Message
from indexers.source import Item

ANN, BOB = "+4915112345678", "bob@example.org"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[ChatDatabase]:
    """Ann on two days, a group on the second; held open as Messages holds it, nothing checkpointed."""
    with ChatDatabase(tmp_path / "chat.db") as database:
        ann = [
            Line(by=ANN, at=NOON, text="first", guid="FIRST"),
            Line(by=ME, at=NOON + DAY, text="second", guid="SECOND"),
            Line(by=ANN, at=NOON + DAY, text=[Piece(file=File(name="a.jpg"))], guid="FILE"),
        ]
        group = [
            Line(by=BOB, at=NOON + DAY, text="third", guid="THIRD", tapbacks=[Tapback(by=ANN, at=NOON + 3 * DAY)]),
            Line(by=BOB, at=NOON + 2 * DAY, text="re", guid="REPLY", reply_to="THIRD"),
        ]
        database.add(
            Chat(people=[ANN], lines=ann), Chat(people=[ANN, BOB], identifier="chat1", title="Us", lines=group)
        )
        yield database


def scan(folder: Path) -> dict[str, str]:
    items = list(AppleMessages(name="messages", path=folder, options={}).scan())
    return {item.id: item.fingerprint for item in items if isinstance(item, Item)}


def said(folder: Path) -> dict[str, Message]:
    source = AppleMessages(name="messages", path=folder, options={})
    records = [record for item in source.scan() if isinstance(item, Item) for record in source.read(item)]
    return {record.id: record for record in records if isinstance(record, Message)}


def changed(folder: Path, change: Callable[[], object]) -> set[str]:
    """The items, as "kind day", whose fingerprint a change changes, or that it makes or unmakes."""
    before = scan(folder)
    change()
    after = scan(folder)
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name.partition("-")[0] + " " + name[-2:] for name in touched}


def test_items_and_the_order_they_are_read_in(life: ChatDatabase, tmp_path: Path) -> None:
    assert [name.partition("-")[0] + " " + name[-2:] for name in scan(tmp_path)] == [
        *("with 01", "with 02", "group 02", "group 03"),
    ]
    assert scan(tmp_path) == scan(tmp_path)
    assert [message.reactions for message in said(tmp_path).values() if message.id == "THIRD"] == [(f"❤️ by {ANN}",)]
    assert life.sql.execute("SELECT count(*) FROM message").fetchone() == (6,)


def test_nothing_changes_by_reading_state_or_checkpoint(life: ChatDatabase, tmp_path: Path) -> None:
    def change() -> None:
        life.sql.execute("UPDATE message SET is_read = 1, date_read = date")
        life.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert changed(tmp_path, change) == set()


def test_a_new_message(life: ChatDatabase, tmp_path: Path) -> None:
    new = Line(by=ANN, at=NOON + DAY, text="new")
    assert changed(tmp_path, lambda: life.line(new, chat_id=1)) == {"with 02"}


def test_an_edit_in_place(life: ChatDatabase, tmp_path: Path) -> None:
    when = NOON + 9 * DAY
    assert changed(tmp_path, lambda: life.edit("FIRST", "fir5t", at=when, earlier="first")) == {"with 01"}
    assert said(tmp_path)["FIRST"].text == "fir5t"


def test_an_unsent_message_and_the_quotes_of_it(life: ChatDatabase, tmp_path: Path) -> None:
    assert said(tmp_path)["REPLY"].quoted == "third"
    unsend = changed(tmp_path, lambda: life.unsend("THIRD", at=NOON + 9 * DAY, earlier="third"))
    assert unsend == {"group 02", "group 03"}
    after = said(tmp_path)
    assert "THIRD" not in after
    assert after["REPLY"].quoted == ""


def test_tapbacks_of_another_day_change_their_target_only(life: ChatDatabase, tmp_path: Path) -> None:
    late = NOON + 30 * DAY
    heart = Tapback(by=BOB, at=late, kind="love")
    assert changed(tmp_path, lambda: life.tapback("FIRST", heart, chat_id=1)) == {"with 01"}
    assert said(tmp_path)["FIRST"].reactions == (f"❤️ by {BOB}",)
    taken = Tapback(by=BOB, at=late + DAY, kind="love", removed=True)
    assert changed(tmp_path, lambda: life.tapback("FIRST", taken, chat_id=1)) == {"with 01"}
    assert said(tmp_path)["FIRST"].reactions == ()
    lost = Tapback(by=BOB, at=late, kind="love")
    assert changed(tmp_path, lambda: life.tapback("NOWHERE", lost, chat_id=1)) == set()


def test_recently_deleted_and_deleted(life: ChatDatabase, tmp_path: Path) -> None:
    assert changed(tmp_path, lambda: life.delete_recently("SECOND", at=NOON + 9 * DAY)) == {"with 02"}
    assert "SECOND" not in said(tmp_path)
    assert changed(tmp_path, lambda: life.delete("SECOND")) == set()
    assert changed(tmp_path, lambda: life.delete("THIRD")) == {"group 02", "group 03"}
    assert "THIRD" not in said(tmp_path)
    assert said(tmp_path)["REPLY"].quoted == ""


def test_a_transcript_arrives(life: ChatDatabase, tmp_path: Path) -> None:
    body = attributed_string([Stretch(text="\ufffc", attributes={TRANSCRIPT: "hello"})])
    update = "UPDATE message SET attributedBody = ? WHERE guid = 'FILE'"
    assert changed(tmp_path, lambda: life.sql.execute(update, (body,))) == {"with 02"}
    assert said(tmp_path)["FILE"].text == "hello"


def test_an_attachment_arrives_from_the_cloud(life: ChatDatabase, tmp_path: Path) -> None:
    update = "UPDATE attachment SET filename = '~/Library/Messages/Attachments/1/a.jpg'"
    assert changed(tmp_path, lambda: life.sql.execute(update)) == {"with 02"}


def test_a_renamed_group_and_a_new_member(life: ChatDatabase, tmp_path: Path) -> None:
    rename = "UPDATE chat SET display_name = 'Them' WHERE display_name = 'Us'"
    assert changed(tmp_path, lambda: life.sql.execute(rename)) == {"group 02", "group 03"}
    assert said(tmp_path)["THIRD"].title == "Them"
    join = "INSERT INTO chat_handle_join VALUES (2, ?)"
    handle = life.handle("+4477")
    assert changed(tmp_path, lambda: life.sql.execute(join, (handle,))) == {"group 02", "group 03"}


def test_a_message_moves_to_another_chat(life: ChatDatabase, tmp_path: Path) -> None:
    move = (
        "UPDATE chat_message_join SET chat_id = 2 WHERE message_id = (SELECT ROWID FROM message WHERE guid = 'FIRST')"
    )
    assert changed(tmp_path, lambda: life.sql.execute(move)) == {"with 01", "group 01"}


def test_a_chat_becomes_spam(life: ChatDatabase, tmp_path: Path) -> None:
    spam = "UPDATE chat SET is_filtered = 2 WHERE ROWID = 1"
    assert changed(tmp_path, lambda: life.sql.execute(spam)) == {"with 01", "with 02"}


def test_backfill_below_the_highest_row(life: ChatDatabase, tmp_path: Path) -> None:
    # a watermark on ROWID or on the date misses both (imessage-chatdb; Spshulem/openAGI#36)
    old = Line(by=ANN, at=NOON - 900 * DAY, text="old", columns={"ROWID": 900_000})
    below = Line(by=ANN, at=NOON + 5 * DAY, text="below", columns={"ROWID": 500})
    assert changed(tmp_path, lambda: life.line(old, chat_id=1)) == {"with 13"}
    assert changed(tmp_path, lambda: life.line(below, chat_id=1)) == {"with 06"}


def test_a_rebuild_with_other_row_numbers_changes_nothing(life: ChatDatabase, tmp_path: Path) -> None:
    def change() -> None:
        life.sql.execute("PRAGMA foreign_keys = OFF")
        for table, column in (("message", "ROWID"), ("chat_message_join", "message_id")):
            life.sql.execute(f"UPDATE {table} SET {column} = {column} + 5000")
        life.sql.execute("UPDATE message_attachment_join SET message_id = message_id + 5000")

    assert changed(tmp_path, change) == set()


def test_row_numbers_may_be_sparse_or_negative(life: ChatDatabase, tmp_path: Path) -> None:
    far = Line(by=ANN, at=NOON, text="far", guid="FAR", columns={"ROWID": 2**53})
    minus = Line(by=ANN, at=NOON, text="minus", guid="MINUS", columns={"ROWID": -7})
    assert changed(tmp_path, lambda: (life.line(far, chat_id=1), life.line(minus, chat_id=1))) == {"with 01"}
    assert {"FAR", "MINUS"} <= said(tmp_path).keys()


def test_reading_an_item_that_vanished_or_never_was(life: ChatDatabase, tmp_path: Path) -> None:
    source = AppleMessages(name="messages", path=tmp_path, options={})
    (item, *_) = [item for item in source.scan() if isinstance(item, Item)]
    life.delete("FIRST")
    assert list(source.read(item)) == []
    for name in ("nobody/2024-05-01", item.id[:-10] + "1999-01-01", item.id[:-10] + "undated", "x", ""):
        assert list(source.read(Item(id=name, fingerprint="0"))) == []


def test_reading_without_a_scan_before(life: ChatDatabase, tmp_path: Path) -> None:
    name = next(iter(scan(tmp_path)))
    fresh = AppleMessages(name="messages", path=tmp_path, options={})
    assert [record.id for record in fresh.read(Item(id=name, fingerprint="0")) if isinstance(record, Message)] == [
        "FIRST"
    ]
    assert life.sql.in_transaction is False


def test_statements_do_not_grow_with_messages(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        lines = [Line(by=ANN, at=NOON + number * timedelta(hours=7), text=f"m{number}") for number in range(3000)]
        database.add(Chat(people=[ANN], lines=lines))
    source = AppleMessages(name="messages", path=tmp_path, options={})
    items = [item for item in source.scan() if isinstance(item, Item)]
    statements: list[str] = []
    assert source._found is not None
    source._found[0]._sql.set_trace_callback(statements.append)
    tracemalloc.start()
    count = sum(1 for item in items for _ in source.read(item))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3000
    assert len(statements) < 60  # pages of rows and of files; not one for each message or day
    assert peak < 8 * 2**20


def test_an_unchanged_database_is_not_read_again_and_every_commit_is_seen(life: ChatDatabase, tmp_path: Path) -> None:
    source = AppleMessages(name="messages", path=tmp_path, options={})
    first = list(source.scan())
    asked: list[str] = []
    assert source._found is not None
    source._found[0]._sql.set_trace_callback(asked.append)
    assert list(source.scan()) == first
    assert [statement for statement in asked if "message" in statement] == []
    life.add(Chat(people=["+15550009999"], lines=[Line(by="+15550009999", at=NOON, text="new")]))
    assert len(list(source.scan())) == len(first) + 1
    before = list(source.scan())
    life.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert list(source.scan()) == before
    life.sql.execute("UPDATE message SET date_edited = 1 WHERE ROWID = 1")
    after = list(source.scan())
    assert after != before
    log = tmp_path / "chat.db-wal"
    stamp = log.stat()
    life.sql.execute("PRAGMA wal_checkpoint(FULL)")
    life.sql.execute(
        "UPDATE message SET date_edited = 2 WHERE ROWID = 1"
    )  # the log begins anew: it is as long as before
    os.utime(log, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # within one tick of a coarse clock
    assert list(source.scan()) != after


def test_a_replaced_database_is_opened_anew(life: ChatDatabase, tmp_path: Path) -> None:
    source = AppleMessages(name="messages", path=tmp_path, options={})
    before = list(source.scan())
    life.close()
    for file in tmp_path.glob("chat.db*"):
        file.rename(file.with_name("old-" + file.name))
    with ChatDatabase(tmp_path / "chat.db") as other:
        other.add(Chat(people=["+15550009999"], lines=[Line(by="+15550009999", at=NOON, text="only this")]))
        after = list(source.scan())
    assert len(after) == 1
    assert after != before
