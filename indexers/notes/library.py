"""What `NoteStore.sqlite` says of each note without its body: title, folder, times, and what is placed in it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from indexers.readers.containers.sqlite import apple_time, rows

TABLE = "com.apple.notes.table"
INLINE = "com.apple.notes.inlinetextattachment"

_OBJECTS = "ZICCLOUDSYNCINGOBJECT"
_MERGEABLE = ("ZMERGEABLEDATA1", "ZMERGEABLEDATA")
_TRASH = 1
_TRASH_PREFIX = "TrashFolder"
_MOST_DEEP = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something placed in a note: its kind (UTI), what it is called, what Notes read in it; `state` changes with it."""

    key: int
    kind: str
    name: str
    read: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the database says of a note without its body."""

    key: int
    identifier: str
    title: str
    folders: tuple[str, ...]
    modified_at: datetime | None
    locked: bool
    size: int
    attachments: Mapping[str, Attachment]

    @property
    def fingerprint(self) -> str:
        said = (self.title, self.folders, self.modified_at, self.locked, self.size, sorted(self.attachments.items()))
        return blake2b(repr(said).encode("utf-8", "replace"), digest_size=12).hexdigest()


def notes(connection: sqlite3.Connection) -> Iterator[Note]:
    sizes = _sizes(connection)
    folders = _folders(connection)
    attachments = _attachments(connection)
    columns = ("Z_PK", "ZIDENTIFIER", "ZTITLE1", "ZFOLDER", "ZMODIFICATIONDATE1", "ZISPASSWORDPROTECTED")
    found = rows(connection, _OBJECTS, (*columns, "ZMARKEDFORDELETION"), required=True)
    for key, unique, title, folder, modified, locked, gone in found:
        if not isinstance(key, int) or key not in sizes or not unique:
            continue
        path = folders.get(folder, ())
        if gone or path is None:
            continue
        yield Note(
            key=key,
            identifier=str(unique),
            title=" ".join(str(title or "").split()),
            folders=path,
            modified_at=apple_time(modified),
            locked=bool(locked),
            size=sizes[key],
            attachments=attachments[key],
        )


def body(connection: sqlite3.Connection, note: Note) -> bytes | None:
    """The compressed body of a note."""
    return _blob(connection, "ZICNOTEDATA", ("ZDATA",), "ZNOTE", note.key)


def table_data(connection: sqlite3.Connection, attachment: Attachment) -> bytes | None:
    """The compressed cells of a table."""
    return _blob(connection, _OBJECTS, _MERGEABLE, "Z_PK", attachment.key)


def _blob(connection: sqlite3.Connection, table: str, columns: Sequence[str], by: str, key: int) -> bytes | None:
    """The first of some columns of one row that holds bytes."""
    present = {str(row[1]) for row in connection.execute(f'PRAGMA table_info("{table}")')}
    wanted = [column for column in columns if column in present]
    if not wanted or by not in present:
        return None
    names = ", ".join(f'"{column}"' for column in wanted)
    found = connection.execute(f'SELECT {names} FROM "{table}" WHERE "{by}" = ?', (key,))  # noqa: S608 - our own names
    return next((value for row in found for value in row if isinstance(value, bytes)), None)


def _sizes(connection: sqlite3.Connection) -> dict[int, int]:
    """The length of each note's body, by the note's key."""
    present = {str(row[1]) for row in connection.execute("PRAGMA table_info(ZICNOTEDATA)")}
    if not {"ZNOTE", "ZDATA"} <= present:
        raise sqlite3.DatabaseError("no notes")
    return {
        int(note): int(size or 0)
        for note, size in connection.execute("SELECT ZNOTE, length(ZDATA) FROM ZICNOTEDATA WHERE ZNOTE IS NOT NULL")
    }


def _folders(connection: sqlite3.Connection) -> dict[object, tuple[str, ...] | None]:
    """Each folder's path, outermost first; None for the trash and what lies in it or is deleted."""
    found: dict[object, tuple[str, object, bool]] = {}
    columns = ("Z_PK", "ZTITLE2", "ZPARENT", "ZFOLDERTYPE", "ZIDENTIFIER", "ZMARKEDFORDELETION")
    for key, title, parent, kind, unique, gone in rows(connection, _OBJECTS, columns):
        if title is not None:
            trash = kind == _TRASH or str(unique or "").startswith(_TRASH_PREFIX) or bool(gone)
            found[key] = (" ".join(str(title).split()), parent, trash)

    def path(key: object) -> tuple[str, ...] | None:
        names: list[str] = []
        while key in found and len(names) < _MOST_DEEP:
            name, key, trash = found[key]
            if trash:
                return None
            names.append(name)
        return tuple(reversed(names))

    return {key: path(key) for key in found}


def _attachments(connection: sqlite3.Connection) -> defaultdict[int, dict[str, Attachment]]:
    """What is placed in each note, by the note's key and the identifier that its text uses."""
    files = {
        key: str(name)
        for key, name in rows(connection, _OBJECTS, ("Z_PK", "ZFILENAME"))
        if isinstance(name, str) and name
    }
    out: defaultdict[int, dict[str, Attachment]] = defaultdict(dict)
    columns = ("Z_PK", "ZIDENTIFIER", "ZNOTE", "ZNOTE1", "ZTYPEUTI", "ZTYPEUTI1", "ZMEDIA", "ZALTTEXT")
    more = ("ZTITLE", "ZUSERTITLE", "ZURLSTRING", "ZOCRSUMMARY", "ZADDITIONALINDEXABLETEXT", "ZMODIFICATIONDATE")
    sizes = _mergeable_sizes(connection)
    for key, unique, note, inline, kind, inline_kind, media, alt, *texts in rows(connection, _OBJECTS, columns + more):
        owner = note if isinstance(note, int) else inline
        if not isinstance(key, int) or not isinstance(owner, int) or not unique or not (kind or inline_kind):
            continue
        title, user, url, seen, extra, modified = texts
        name = next((str(text) for text in (user, title, alt, files.get(media), url) if text), "")
        shown = f"{name} {url}" if url and str(url) not in name else name
        read = "\n".join(dict.fromkeys(str(text) for text in (seen, extra) if text))
        out[owner][str(unique)] = Attachment(
            key=key,
            kind=str(kind or inline_kind),
            name=" ".join(shown.split()),
            read=read,
            state=f"{sizes.get(key, 0)} {modified}",
        )
    return out


def _mergeable_sizes(connection: sqlite3.Connection) -> dict[int, int]:
    present = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({_OBJECTS})")}
    lengths = [f"length({column})" for column in _MERGEABLE if column in present]
    if not lengths:
        return {}
    sql = f"SELECT Z_PK, coalesce({', '.join((*lengths, '0'))}) FROM {_OBJECTS}"  # noqa: S608 - our own names
    return {int(key): int(size) for key, size in connection.execute(sql)}
