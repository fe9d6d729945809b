"""A second look at a database sees what a first one would see, whatever was written between, and looks at less."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.demo.attributed import TRANSCRIPT, Stretch, attributed_string
from agent.demo.chat_db import ME, Chat, ChatDatabase, File, Line, Piece, Tapback
from indexers.messages.apple import AppleMessages
from indexers.messages.apple.scan import look
from indexers.messages.apple.scan.states import Told
from indexers.record import Record, Skipped
from indexers.source import Item

PEOPLE = ["+4915112345678", "bob@example.org", "+14155550123"]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def source(folder: Path) -> AppleMessages:
    return AppleMessages(name="messages", path=folder, options={})


def scan(reader: AppleMessages) -> dict[str, Item]:
    return {item.id: item for item in reader.scan() if isinstance(item, Item)}


def read(reader: AppleMessages) -> dict[str, list[Record | Skipped]]:
    return {name: list(reader.read(item)) for name, item in scan(reader).items()}


class Writer:
    """Writes at random what Messages writes: about sixty rows over three chats, and everything that happens to them."""

    def __init__(self, database: ChatDatabase, draw: random.Random) -> None:
        self.database = database
        self.sql = database.sql
        self.draw = draw
        self.number = 0
        chats = [Chat(people=[person]) for person in PEOPLE[:2]]
        chats.append(Chat(people=PEOPLE, identifier="chat7", title="Us"))
        for chat in chats:
            database.chat(chat)
        for _ in range(60):
            self.write(self.line)

    def chat(self) -> int:
        return int(self.draw.choice(self.sql.execute("SELECT ROWID FROM chat").fetchall())[0])

    def when(self) -> datetime:
        return NOON + timedelta(hours=self.draw.randrange(0, 200), seconds=self.draw.randrange(60))

    def guid(self) -> str:
        """That of a row, or of one that may come."""
        if self.draw.random() < 0.15:
            return f"G{self.number + self.draw.randrange(1, 6)}"
        return str(self.draw.choice(self.sql.execute("SELECT guid FROM message").fetchall())[0])

    def line(self) -> None:
        self.number += 1
        draw = self.draw
        columns: dict[str, object] = {}
        if draw.random() < 0.1:
            columns = {"ROWID": draw.choice([-5, 2**40, 10**6, 3000]) + self.number * draw.choice([1, 7])}
        elif draw.random() < 0.1:
            columns = {"schedule_type": 2, "is_sent": 0}
        with_file = [Piece(file=File(name="a.jpg")), Piece(text="so", part=1)]
        text: str | list[Piece] = draw.choice(["a word", "two words"]) if draw.random() < 0.7 else with_file
        self.database.line(
            Line(
                by=draw.choice([ME, *PEOPLE]),
                at=self.when(),
                text=text,
                guid=f"G{self.number}",
                reply_to=self.guid() if self.number > 3 and draw.random() < 0.3 else "",
                plain=isinstance(text, str) and draw.random() < 0.3,
                columns=columns,
            ),
            chat_id=self.chat() if draw.random() < 0.95 else None,
        )

    def tapback(self) -> None:
        kind = self.draw.choice(["love", "🦦"])
        removed = self.draw.random() < 0.4
        tapback = Tapback(by=self.draw.choice([ME, *PEOPLE]), at=self.when(), kind=kind, removed=removed)
        self.number += 1
        row = self.database.tapback(self.guid(), tapback, chat_id=self.chat())
        self.sql.execute("UPDATE message SET guid = ? WHERE ROWID = ?", (f"G{self.number}", row))

    def edit(self) -> None:
        self.database.edit(self.guid(), "edited to this", at=self.when(), earlier="a word")

    def unsend(self) -> None:
        self.database.unsend(self.guid(), at=self.when(), earlier="a word")

    def delete(self) -> None:
        self.database.delete(self.guid())

    def delete_recently(self) -> None:
        self.database.delete_recently(self.guid(), at=self.when())

    def recover(self) -> None:
        rows = self.sql.execute("SELECT chat_id, message_id FROM chat_recoverable_message_join").fetchall()
        for row in self.draw.sample(rows, min(1, len(rows))):
            self.sql.execute("DELETE FROM chat_recoverable_message_join WHERE message_id = ?", row[1:])
            self.sql.execute("INSERT INTO chat_message_join VALUES (?, ?, 0)", row)

    def move(self) -> None:
        change = "UPDATE OR IGNORE chat_message_join SET chat_id = ? WHERE message_id = (SELECT ROWID FROM message WHERE guid = ?)"
        self.sql.execute(change, (self.chat(), self.guid()))

    def transcript(self) -> None:
        body = attributed_string([Stretch(text="\ufffc", attributes={TRANSCRIPT: "x" * self.draw.randrange(40)})])
        self.sql.execute("UPDATE message SET attributedBody = ? WHERE guid = ?", (body, self.guid()))

    def arrival(self) -> None:
        rows = self.sql.execute("SELECT ROWID FROM attachment").fetchall()
        path = f"~/Library/Messages/Attachments/{self.draw.random()}/a.jpg"
        self.sql.execute(
            "UPDATE attachment SET filename = ? WHERE ROWID = ?", (path, *self.draw.choice(rows or [(0,)]))
        )

    def send_scheduled(self) -> None:
        self.sql.execute("UPDATE message SET is_sent = 1 WHERE schedule_type = 2 AND ROWID % 2 = ?", (self.number % 2,))

    def rename(self) -> None:
        self.sql.execute("UPDATE chat SET display_name = ? WHERE chat_identifier = 'chat7'", (str(self.draw.random()),))

    def spam(self) -> None:
        self.sql.execute("UPDATE chat SET is_filtered = 2 - is_filtered WHERE ROWID = ?", (self.chat(),))

    def meet(self) -> None:
        self.database.add(Chat(people=[f"+1555000{self.draw.randrange(9)}"]))

    def other_date(self) -> None:
        self.sql.execute("UPDATE message SET date = ? WHERE guid = ?", (self.database.date(self.when()), self.guid()))

    def other_number(self) -> None:
        self.sql.execute("PRAGMA foreign_keys = OFF")
        row = self.sql.execute("SELECT ROWID FROM message WHERE guid = ?", (self.guid(),)).fetchone() or (0,)
        other = row[0] + self.draw.choice([1, 2, 5000])
        if not self.sql.execute("SELECT 1 FROM message WHERE ROWID = ?", (other,)).fetchone():
            self.sql.execute("UPDATE message SET ROWID = ? WHERE ROWID = ?", (other, *row))
            for table in ("chat_message_join", "message_attachment_join"):
                self.sql.execute(f"UPDATE OR IGNORE {table} SET message_id = ? WHERE message_id = ?", (other, *row))
        self.sql.execute("PRAGMA foreign_keys = ON")

    def nothing_said(self) -> None:
        self.sql.execute("UPDATE message SET is_read = 1 - is_read")

    def checkpoint(self) -> None:
        self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def anything(self) -> Callable[[], None]:
        seldom = [self.rename, self.spam, self.meet, self.nothing_said, self.checkpoint]
        often = [self.line, self.line, self.tapback, self.edit, self.unsend, self.delete, self.delete_recently]
        often += [self.recover, self.move, self.transcript, self.arrival, self.send_scheduled]
        often += [self.other_date, self.other_number]
        return self.draw.choice(often if self.draw.random() < 0.9 else seldom)

    def write(self, what: Callable[[], None]) -> str:
        with contextlib.suppress(sqlite3.IntegrityError):  # two of one number: it is not written
            what()
        return what.__name__


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "BLOCK_ROWS", 8)
    monkeypatch.setattr(look, "MOST_BLOCKS", 1000)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("small_blocks")
def test_whatever_is_written_is_seen_as_by_a_first_look(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    again = 0
    with ChatDatabase(tmp_path / "chat.db") as database:
        writer = Writer(database, draw)
        kept = source(tmp_path)
        scan(kept)
        for _ in range(60):
            written = [writer.write(writer.anything()) for _ in range(draw.choice([1, 1, 1, 4]))]
            before = kept._found
            fresh = source(tmp_path)
            assert scan(kept) == scan(fresh), written
            again += before is not None and kept._found is not None and kept._found[1] is before[1]
            if draw.random() < 0.2:
                assert read(kept) == read(fresh), written
        assert read(kept) == read(source(tmp_path))
    assert again > 20  # most of the looks were at what had changed


def looked_at(reader: AppleMessages, change: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows one by one a scan looks at after a change."""
    scan(reader)
    change()
    counted = 0
    add = look.Look._add

    def counting(self: look.Look, told: Told) -> None:
        nonlocal counted
        counted += len(told.rows)
        add(self, told)

    with monkeypatch.context() as patch:
        patch.setattr(look.Look, "_add", counting)
        scan(reader)
    return counted


@pytest.fixture
def large(tmp_path: Path) -> Iterator[ChatDatabase]:
    """Twelve thousand messages, one a minute."""
    lines = [
        Line(by=PEOPLE[0], at=NOON + number * timedelta(minutes=1), text="x", plain=True) for number in range(12_000)
    ]
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.add(Chat(people=PEOPLE[:1], lines=lines))
        yield database


def test_a_change_costs_its_own_block(large: ChatDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = source(tmp_path)
    new = Line(by=PEOPLE[0], at=NOON, text="new", guid="NEW")
    assert 0 < looked_at(reader, lambda: large.line(new, chat_id=1), monkeypatch) <= look.BLOCK_ROWS
    seen = "UPDATE message SET is_read = 1, date_read = date"
    assert looked_at(reader, lambda: large.sql.execute(seen), monkeypatch) == 0
    heart = Tapback(by=ME, at=NOON, kind="love")
    assert 0 < looked_at(reader, lambda: large.tapback("NEW", heart, chat_id=1), monkeypatch) <= look.BLOCK_ROWS
    edit = "UPDATE message SET date_edited = 5 WHERE ROWID IN (20, 9000)"
    assert 0 < looked_at(reader, lambda: large.sql.execute(edit), monkeypatch) <= 2 * look.BLOCK_ROWS
    assert 0 < looked_at(reader, lambda: large.delete("NEW"), monkeypatch) <= look.BLOCK_ROWS
    gone = large.sql.execute("SELECT guid FROM message WHERE ROWID = 7").fetchone()[0]
    assert looked_at(reader, lambda: large.delete_recently(gone, at=NOON), monkeypatch) == 1
    assert scan(reader) == scan(source(tmp_path))


def test_a_change_of_everything_is_looked_at_anew_and_not_held_at_once(
    large: ChatDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "MOST_BLOCKS", 3)
    reader = source(tmp_path)
    scan(reader)
    before = reader._found
    large.sql.execute("UPDATE message SET date_edited = 5")
    assert scan(reader) == scan(source(tmp_path))
    assert before is not None
    assert reader._found is not None
    assert reader._found[1] is not before[1]


def test_a_look_that_fails_is_followed_by_one_at_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        writer = Writer(database, random.Random(1))
        kept = source(tmp_path)
        scan(kept)
        writer.line()

        def fail(self: look.Look, page: object) -> None:
            raise OSError

        with monkeypatch.context() as patch:
            patch.setattr(look.Look, "_add", fail)
            with pytest.raises(OSError):  # our own
                scan(kept)
        assert scan(kept) == scan(source(tmp_path))
