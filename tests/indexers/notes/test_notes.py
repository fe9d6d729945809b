import gzip
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.demo.notes import FIELDS, Line, Note, Placed, note_body, table_body, write_notes
from indexers.contract import check_source
from indexers.notes import AppleNotes, wire
from indexers.notes import table as table_module
from indexers.notes.body import paragraphs
from indexers.notes.table import rows
from indexers.notes.wire import Damaged
from indexers.record import Record, Section, Skipped
from indexers.source import Item, Live, SourceUnavailable

CAKE = Note(
    identifier="1A2B-3C",
    title="Plum cake",
    folder="Baking",
    lines=[
        Line(text="Plum cake", style="title"),
        Line(text="From Grandma 🍑, see her letter", link="https://example.org/letter"),
        Line(text="To buy", style="heading"),
        Line(text="plums", style="done"),
        Line(text="flour", style="todo"),
        Line(text="Amounts", style="subheading"),
        Line(text="\ufffc", placed=(Placed(rows=(("what", "how much"), ("plums", "500 g"), ("flour", "250 g"))),)),
        Line(text="Pictures", style="heading"),
        Line(
            text="\ufffc and \ufffc of \ufffc",
            placed=(
                Placed(file="IMG_1.heic", read="BAKERY KRAUSE"),
                Placed(kind="public.url", name="Oven manual", url="https://oven.example/m"),
                Placed(kind="com.apple.notes.inlinetextattachment.hashtag", name="#sweet"),
            ),
        ),
    ],
)


def source(path: Path) -> AppleNotes:
    return AppleNotes(name="notes", path=path, options={})


def written(
    folder: Path, *notes: Note, folders: Sequence[tuple[str, str]] = (("Notes", ""),)
) -> list[Record | Skipped]:
    write_notes(folder / "NoteStore.sqlite", notes, folders=folders)
    return check_source(source(folder))


def texts(found: Sequence[Record | Skipped]) -> list[str]:
    return [entry.text for entry in found if isinstance(entry, Section)]


def test_golden_note(tmp_path: Path) -> None:
    found = written(tmp_path, CAKE, folders=(("Kitchen", ""), ("Baking", "Kitchen")))
    assert all(isinstance(entry, Section) for entry in found)
    sections = [entry for entry in found if isinstance(entry, Section)]
    assert [(s.headings[2:], s.kind, s.text) for s in sections] == [
        ((), "prose", "Plum cake\nFrom Grandma 🍑, see her letter <https://example.org/letter>"),
        (("To buy",), "prose", "To buy\n[x] plums\n[ ] flour"),
        (("To buy", "Amounts"), "table", "what | how much\nplums | 500 g\nflour | 250 g"),
        (("Pictures",), "prose", "Pictures\n[IMG_1.heic] and [Oven manual https://oven.example/m] of #sweet"),
        (("Pictures", "IMG_1.heic"), "ocr", "BAKERY KRAUSE"),
    ]
    assert {s.headings[:2] for s in sections} == {("Kitchen", "Baking")}
    assert {(s.title, s.document, s.modified_at, s.locator) for s in sections} == {
        ("Plum cake", "1A2B-3C", datetime(2026, 3, 4, 12, tzinfo=UTC), "notes://showNote?identifier=1A2B-3C")
    }


def test_golden_bytes_of_a_body() -> None:
    """Written by hand after the published description: document 2, note 3, text 2, run 5 (length 1, style 2, box 5)."""
    run = bytes.fromhex("2a0d 0804 1209 0867 2a05 0a01 aa10 01".replace(" ", ""))
    note = b"\x12\x04milk" + run
    document = b"\x10\x00\x1a" + bytes([len(note)]) + note
    (milk,) = paragraphs(gzip.compress(b"\x08\x00\x12" + bytes([len(document)]) + document))
    assert (milk.text, milk.style) == ("milk", "done")


def test_deleted_notes_and_folders_are_left_out_whatever_they_are_called(tmp_path: Path) -> None:
    plain = Note(title="kept", lines=[Line(text="kept")])
    gone = Note(title="gone", lines=[Line(text="gone")], deleted=True)
    trashed = Note(title="trashed", lines=[Line(text="trashed")], folder="Zuletzt gelöscht")
    nested = Note(title="nested", lines=[Line(text="nested")], folder="Inner")
    path = tmp_path / "NoteStore.sqlite"
    write_notes(
        path,
        [plain, gone, trashed, nested],
        trash="Zuletzt gelöscht",
        folders=(("Notes", ""), ("Inner", "Zuletzt gelöscht")),
    )
    assert texts(check_source(source(path))) == ["kept"]


def test_a_locked_note_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    locked = Note(identifier="L", title="Bank", lines=[], locked=True, body=b"\x00cipher")
    skipped, section = written(tmp_path, locked, Note(title="open", lines=[Line(text="open")]))
    assert isinstance(skipped, Skipped)
    assert (skipped.where, skipped.outcome) == ("L", "encrypted")
    assert isinstance(section, Section)


def test_a_note_that_is_still_in_icloud(tmp_path: Path) -> None:
    (skipped,) = written(tmp_path, Note(title="far", body=b""))
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == "cloud_only"


def test_runs_count_utf16_units() -> None:
    lines = [Line(text="🍑🍑🍑 a \ufffc 🍑 b", placed=(Placed(),)), Line(text="🍑 done", style="done")]
    first, second = paragraphs(note_body(lines, [["X"], []]))
    assert first.placed == ("X",)
    assert (second.text, second.style) == ("🍑 done", "done")


def test_a_name_stands_where_its_thing_was_placed(tmp_path: Path) -> None:
    placed = (Placed(), Placed(rows=(("a", "b"), ("c", "d"))), Placed(file="third.pdf"))
    found = written(tmp_path, Note(title="t", lines=[Line(text="1\ufffc 2\ufffc 3\ufffc", placed=placed)]))
    assert texts(found) == ["1 2 3[third.pdf]", "a | b\nc | d"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 2), (40, 30)])
def test_tables_of_every_size(size: tuple[int, int]) -> None:
    cells = [[f"{y}.{x}" if (x + y) % 3 else "" for x in range(size[1])] for y in range(size[0])]
    assert rows(table_body(cells)) == cells


def test_every_change_of_a_note_changes_its_fingerprint_alone(tmp_path: Path) -> None:
    other = Note(identifier="O", title="other", lines=[Line(text="other")])
    later = CAKE.modified_at + timedelta(minutes=1)
    table = Line(text="\ufffc", placed=(Placed(rows=(("a", "b"), ("c", "d"))),))
    changed = [
        CAKE,
        Note(identifier="1A2B-3C", title="Plum cake", folder="Baking", lines=CAKE.lines, modified_at=later),
        Note(identifier="1A2B-3C", title="Cake", folder="Baking", lines=CAKE.lines),
        Note(identifier="1A2B-3C", title="Plum cake", folder="Notes", lines=CAKE.lines),
        Note(identifier="1A2B-3C", title="Plum cake", folder="Baking", lines=CAKE.lines, locked=True),
        Note(identifier="1A2B-3C", title="Plum cake", folder="Baking", lines=[*CAKE.lines, table]),
    ]
    found: list[dict[str, str]] = []
    for number, note in enumerate(changed):
        path = tmp_path / f"{number}.sqlite"
        write_notes(path, [note, other], folders=(("Baking", ""), ("Notes", "")))
        found.append({item.id: item.fingerprint for item in source(path).scan() if isinstance(item, Item)})
    assert len({items["1A2B-3C"] for items in found}) == len(changed)
    assert len({items["O"] for items in found}) == 1


def test_a_change_in_the_write_ahead_log_alone_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "NoteStore.sqlite"
    write_notes(path, [Note(title="first", lines=[Line(text="first")])])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        body = note_body([Line(text="second")], [[]])
        db.execute("UPDATE ZICNOTEDATA SET ZDATA = ?", (body,))
        assert texts(check_source(source(path))) == ["second"]


@pytest.mark.parametrize(
    "missing", [("ZFOLDERTYPE",), ("ZTITLE1", "ZMODIFICATIONDATE1"), ("ZMERGEABLEDATA1", "ZNOTE1")]
)
def test_columns_of_other_versions_may_be_missing(tmp_path: Path, missing: tuple[str, ...]) -> None:
    path = tmp_path / "NoteStore.sqlite"
    trashed = Note(title="trashed", lines=[Line(text="trashed")], folder="Recently Deleted")
    fields = [name for name in reversed(FIELDS) if name not in missing]
    write_notes(path, [CAKE, trashed], folders=(("Baking", ""),), fields=fields)
    found = texts(check_source(source(path)))
    assert found[0].startswith("Plum cake")
    assert "trashed" not in found


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", "cloud_only"),
        (b"plain", "malformed"),
        (gzip.compress(b"", mtime=0), "malformed"),
        (gzip.compress(b"\x12\x7f", mtime=0), "malformed"),
        (gzip.compress(b"\xff" * 40, mtime=0), "malformed"),
        (note_body([Line(text="cut")], [[]])[:-9], "malformed"),
        (gzip.compress(bytes(wire.MOST_BYTES + 1), mtime=0), "too_large"),
    ],
)
def test_a_damaged_body_is_one_skipped_and_the_others_stay(tmp_path: Path, body: bytes, outcome: str) -> None:
    skipped, section = written(tmp_path, Note(title="bad", body=body), Note(title="ok", lines=[Line(text="ok")]))
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == outcome
    assert isinstance(section, Section)


def test_a_damaged_table_leaves_the_words_around_it(tmp_path: Path) -> None:
    path = tmp_path / "NoteStore.sqlite"
    write_notes(path, [CAKE], folders=(("Baking", ""),))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE ZICCLOUDSYNCINGOBJECT SET ZMERGEABLEDATA1 = ? WHERE ZMERGEABLEDATA1 IS NOT NULL", (b"\x1f",))
        db.commit()
    found = check_source(source(path))
    assert [entry.outcome for entry in found if isinstance(entry, Skipped)] == ["malformed"]
    assert len(texts(found)) == 5


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_noise_is_an_error_of_our_own(noise: bytes) -> None:
    for data in (noise, gzip.compress(noise), zlib.compress(noise)):
        for read in (paragraphs, rows):
            try:
                read(data)
            except Damaged as problem:
                assert str(problem)


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_flipped_bits_are_an_error_of_our_own_or_harmless(data: st.DataObject) -> None:
    table = gzip.decompress(table_body([["a", "b"], ["c", "d"]]))
    body = gzip.decompress(note_body(CAKE.lines, [[f"{n}" for n in range(len(line.placed))] for line in CAKE.lines]))
    for whole, read in ((table, rows), (body, paragraphs)):
        damaged = bytearray(whole)
        for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        try:
            read(gzip.compress(bytes(damaged)))
        except Damaged as problem:
            assert str(problem)


def test_a_table_that_claims_to_be_huge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "MOST_CELLS", 11)
    with pytest.raises(Damaged, match="more than 11 cells"):
        rows(table_body([["x"] * 4] * 3))


def test_what_is_missing_or_another_thing_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Open Notes"):
        list(source(tmp_path / "gone").scan())
    (tmp_path / "x.sqlite").write_bytes(b"garbage" * 99)
    with pytest.raises(SourceUnavailable, match="no database of Notes"):
        list(source(tmp_path / "x.sqlite").scan())
    with closing(sqlite3.connect(tmp_path / "y.sqlite")) as db:
        db.execute("CREATE TABLE other(x)")
    with pytest.raises(SourceUnavailable, match="no database of Notes"):
        list(source(tmp_path / "y.sqlite").scan())
    with pytest.raises(ValueError, match="no options"):
        AppleNotes(name="n", path=tmp_path, options={"x": 1})


def test_no_permission_names_full_disk_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "NoteStore.sqlite"
    write_notes(path, [CAKE], folders=(("Baking", ""),))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceUnavailable, match="Full Disk Access"):
        list(source(path).scan())


def test_reading_leaves_no_trace_and_what_vanished_is_told(tmp_path: Path) -> None:
    write_notes(tmp_path / "NoteStore.sqlite", [CAKE], folders=(("Baking", ""),))
    before = [(entry.name, entry.stat().st_mtime_ns) for entry in sorted(tmp_path.iterdir())]
    (vanished,) = source(tmp_path).read(Item(id="nowhere", fingerprint="x"))
    assert isinstance(vanished, Skipped)
    assert vanished.outcome == "vanished"
    assert len(check_source(source(tmp_path))) == 5
    assert [(entry.name, entry.stat().st_mtime_ns) for entry in sorted(tmp_path.iterdir())] == before


def test_the_database_is_polled_wherever_the_owner_named_it(tmp_path: Path) -> None:
    path = tmp_path / "NoteStore.sqlite"
    path.touch()
    for named in (path, tmp_path):
        assert isinstance(made := AppleNotes(name="notes", path=named, options={}), Live)
        assert made.live() == (path,)
        assert made.roots() == (tmp_path,)
