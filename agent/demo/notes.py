"""Notes as macOS stores them: a `NoteStore.sqlite` with gzipped protocol buffers, byte by byte by a writer of our own."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
STYLES = {"title": 0, "heading": 1, "subheading": 2, "text": None, "bullet": 100, "todo": 103, "done": 103}
TABLE = "com.apple.notes.table"
FIELDS = (
    "ZIDENTIFIER", "ZTITLE", "ZTITLE1", "ZTITLE2", "ZFOLDER", "ZPARENT", "ZFOLDERTYPE", "ZMODIFICATIONDATE",
    "ZMODIFICATIONDATE1", "ZISPASSWORDPROTECTED", "ZMARKEDFORDELETION", "ZNOTE", "ZNOTE1", "ZTYPEUTI", "ZTYPEUTI1",
    "ZMEDIA", "ZALTTEXT", "ZFILENAME", "ZURLSTRING", "ZUSERTITLE", "ZOCRSUMMARY", "ZADDITIONALINDEXABLETEXT",
    "ZMERGEABLEDATA1",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Something placed in a line: a table (`rows`), a file (`file`), or whatever `kind` says, called `name`."""

    kind: str = "public.jpeg"
    file: str = ""
    name: str = ""
    url: str = ""
    read: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One paragraph; each object replacement character in its text stands for the next of `placed`."""

    text: str
    style: str = "text"
    link: str = ""
    placed: tuple[Placed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note; `body` replaces the bytes that its lines would give."""

    title: str
    lines: Sequence[Line] = ()
    folder: str = "Notes"
    modified_at: datetime = datetime(2026, 3, 4, 12, tzinfo=UTC)
    identifier: str = ""
    locked: bool = False
    deleted: bool = False
    body: bytes | None = field(default=None, repr=False)


def write_notes(
    path: Path,
    notes: Sequence[Note],
    *,
    folders: Sequence[tuple[str, str]] = (("Notes", ""),),
    trash: str = "Recently Deleted",
    fields: Sequence[str] = FIELDS,
) -> None:
    """Write a store. `folders` are (name, name of the folder it is in or ""); `trash` is one more, whatever its name."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE ZICCLOUDSYNCINGOBJECT(Z_PK INTEGER PRIMARY KEY, {', '.join(fields)})")
        db.execute("CREATE TABLE ZICNOTEDATA(Z_PK INTEGER PRIMARY KEY, ZNOTE INTEGER, ZDATA BLOB)")
        write = _Writer(db, frozenset(fields))
        keys = {trash: write.row(ZTITLE2=trash, ZFOLDERTYPE=1, ZIDENTIFIER="TrashFolder-CloudKit")}
        for name, parent in folders:
            keys[name] = write.row(ZTITLE2=name, ZPARENT=keys.get(parent), ZIDENTIFIER=f"folder-{name}")
        for number, note in enumerate(notes):
            write.note(note, folder=keys[note.folder], identifier=note.identifier or f"NOTE-{number}")
        db.commit()


class _Writer:
    def __init__(self, db: sqlite3.Connection, fields: frozenset[str]) -> None:
        self._db = db
        self._fields = fields
        self._numbers = count(1)

    def row(self, **values: object) -> int:
        known = {name: value for name, value in values.items() if name in self._fields}
        names, marks = ", ".join(known), ", ".join("?" * len(known))
        made = self._db.execute(
            f"INSERT INTO ZICCLOUDSYNCINGOBJECT({names}) VALUES({marks})",
            tuple(known.values()),
        )
        assert made.lastrowid is not None
        return made.lastrowid

    def note(self, note: Note, *, folder: int, identifier: str) -> None:
        moment = (note.modified_at - EPOCH).total_seconds()
        key = self.row(
            ZIDENTIFIER=identifier,
            ZTITLE1=note.title,
            ZFOLDER=folder,
            ZMODIFICATIONDATE1=moment,
            ZISPASSWORDPROTECTED=int(note.locked),
            ZMARKEDFORDELETION=int(note.deleted),
        )
        names = [[f"ATTACHMENT-{next(self._numbers)}" for _ in line.placed] for line in note.lines]
        for line, known in zip(note.lines, names, strict=True):
            for placed, name in zip(line.placed, known, strict=True):
                self._place(placed, name, note=key, moment=moment)
        body = note.body if note.body is not None else note_body(note.lines, names)
        self._db.execute("INSERT INTO ZICNOTEDATA(ZNOTE, ZDATA) VALUES(?, ?)", (key, body))

    def _place(self, placed: Placed, name: str, *, note: int, moment: float) -> None:
        media = self.row(ZFILENAME=placed.file) if placed.file else None
        inline = placed.kind.startswith("com.apple.notes.inlinetextattachment")
        self.row(
            ZIDENTIFIER=name,
            ZMODIFICATIONDATE=moment,
            ZTITLE=placed.name if not inline else None,
            ZALTTEXT=placed.name if inline else None,
            ZURLSTRING=placed.url or None,
            ZOCRSUMMARY=placed.read or None,
            ZMEDIA=media,
            ZMERGEABLEDATA1=table_body(placed.rows) if placed.rows else None,
            **(
                {"ZNOTE1": note, "ZTYPEUTI1": placed.kind}
                if inline
                else {"ZNOTE": note, "ZTYPEUTI": TABLE if placed.rows else placed.kind}
            ),
        )


def note_body(lines: Sequence[Line], names: Sequence[Sequence[str]]) -> bytes:
    """The `ZDATA` of a note: each line's characters are one run, each placed thing one of its own."""
    runs = b""
    for number, (line, known) in enumerate(zip(lines, names, strict=True)):
        waiting = iter(known)
        end = "\n" if number < len(lines) - 1 else ""
        pieces = (line.text + end).split("\ufffc")
        for at, piece in enumerate(pieces):
            if piece:
                runs += _field(5, _run(piece, line))
            if at < len(pieces) - 1:
                runs += _field(5, _run("\ufffc", line) + _field(12, _field(1, next(waiting).encode())))
    text = "\n".join(line.text for line in lines).encode()
    note = _field(2, text) + runs
    return gzip.compress(_field(2, _number(2, 0) + _field(3, note)), mtime=0)


def table_body(rows: Sequence[Sequence[str]]) -> bytes:
    """The `ZMERGEABLEDATA1` of a table: objects that point at each other, cells by column and row."""
    entries: list[bytes] = []
    uuids: list[bytes] = []

    def entry(content: bytes) -> int:
        entries.append(content)
        return len(entries) - 1

    def name() -> tuple[int, bytes]:
        """A uuid and an object that stands for it."""
        uuids.append(bytes([0xAA, len(uuids) % 256, len(uuids) // 256]) + bytes(13))
        value = _number(2, len(uuids) - 1)
        return entry(_field(13, _number(1, 1) + _field(3, _number(1, 0) + _field(2, value)))), uuids[-1]

    def pointer(number: int) -> bytes:
        return _number(6, number)

    def pair(key: int, value: int) -> bytes:
        return _field(1, _field(1, pointer(key)) + _field(2, pointer(value)))

    def ordered(many: int) -> tuple[int, list[int]]:
        """An ordered set of `many` names, each with an alias that cells use."""
        firsts, aliases = [name() for _ in range(many)], [name() for _ in range(many)]
        array = b"".join(_field(2, _number(1, n) + _field(2, uuid)) for n, (_, uuid) in enumerate(firsts))
        contents = b"".join(pair(first, alias) for (first, _), (alias, _) in zip(firsts, aliases, strict=True))
        return entry(_field(16, _field(1, _field(1, array) + _field(2, contents)))), [alias for alias, _ in aliases]

    down, row_names = ordered(len(rows))
    across, column_names = ordered(max(map(len, rows)))
    columns = b""
    for x, column in enumerate(column_names):
        cells = b""
        for y, row in enumerate(rows):
            if x < len(row) and row[x]:
                cells += pair(row_names[y], entry(_field(10, _field(2, row[x].encode()))))
        columns += pair(column, entry(_field(6, cells)))
    cell_columns = entry(_field(6, columns))
    parts = b"".join(
        _field(3, _number(1, key) + _field(2, pointer(number)))
        for key, number in ((1, down), (2, across), (3, cell_columns))
    )
    entry(_field(13, _number(1, 0) + parts))
    keys = (b"self", b"crRows", b"crColumns", b"cellColumns")
    types = (b"com.apple.notes.ICTable", b"com.apple.CRDT.NSUUID")
    held = ((3, entries), (4, keys), (5, types), (6, uuids))
    data = b"".join(_field(number, value) for number, values in held for value in values)
    return gzip.compress(_field(2, _number(2, 0) + _field(3, data)), mtime=0)


def _run(text: str, line: Line) -> bytes:
    """An attribute run: its length counts UTF-16 units."""
    style = STYLES[line.style]
    said = _number(1, len(text.encode("utf-16-le")) // 2)
    if style is not None:
        box = _field(5, _field(1, bytes(16)) + _number(2, int(line.style == "done"))) if style == 103 else b""
        said += _field(2, _number(1, style) + box)
    return said + (_field(9, line.link.encode()) if line.link else b"")


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
