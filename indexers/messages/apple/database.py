"""A Messages database that belongs to another program: opened read-only, read in pages, never held."""

from __future__ import annotations

import json
import sqlite3
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from indexers.readers.containers.sqlite import BUSY_SECONDS, HEADER, state
from indexers.source import SourceUnavailable

Kind = Literal["INTEGER", "TEXT", "BLOB"]
Row = tuple[Any, ...]  # columns hold whatever another program put there

_WAL_VERSION = 2
_PRIVACY_SETTINGS = "x-apple.systempreferences:com.apple.preference.security?Privacy_AllFiles"
_NEEDED = frozenset({"message", "chat", "handle", "chat_message_join"})


class MessagesDatabase:
    """One `chat.db`. Each call of `rows` is one short read transaction, so that checkpoints are never blocked.

    Without a `-wal` file beside it the database is opened as immutable, because a plain read-only connection to a
    database in WAL mode would make one; whether the file changed meanwhile is checked after each page.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises SourceUnavailable with the remedy."""
        self.path = path
        probe(path)
        self._columns: dict[str, frozenset[str]] = {}
        self._connect()
        tables = {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
        if _NEEDED - tables:
            raise SourceUnavailable(f"{path} is a database, but not one of Messages. Name the folder of chat.db.")
        for table in tables:
            found = self.rows("SELECT name FROM pragma_table_info(?)", (table,))
            self._columns[table] = frozenset(name for (name,) in found)

    def close(self) -> None:
        self._sql.close()

    def version(self) -> tuple[object, ...]:
        """Equal as long as nobody has written."""
        return state(self.path)

    def has(self, table: str, column: str = "") -> bool:
        columns = self._columns.get(table)
        return columns is not None and (not column or column in columns)

    def column(self, table: str, name: str, kind: Kind) -> str:
        """The SQL of a column as a kind of value: SQLite columns hold anything, and versions differ in them."""
        return f'CAST({table}."{name}" AS {kind})' if self.has(table, name) else "NULL"

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of one statement. Raises SourceUnavailable when the database cannot be read (any more)."""
        while True:
            try:
                found = self._sql.execute(sql, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if "decode to UTF-8" not in str(error) or self._sql.text_factory is not str:
                    raise self._unavailable(error) from None
                self._sql.text_factory = _lenient
                continue
            except sqlite3.DatabaseError as error:
                raise self._unavailable(error) from None
            if self._stamp is None or self._stamp == _stamp(self.path):
                return found
            self._sql.close()
            self._connect()

    def among(self, sql: str, values: Iterable[object]) -> list[Row]:
        """The rows of a statement that has one parameter: `IN (SELECT value FROM json_each(?))`."""
        return self.rows(sql, (json.dumps(list(values)),))

    def pages(self, sql: str, *, size: int, after: int = -(2**63)) -> Iterator[list[Row]]:
        """Pages of a statement with the parameters (after, size) whose first column is the ascending ROWID."""
        while page := self.rows(sql, (after, size)):
            yield page
            if len(page) < size:
                return
            after = page[-1][0]

    def _connect(self) -> None:
        self._stamp = _stamp(self.path)
        mode = "immutable=1" if self._stamp is not None else "readonly_shm=1"
        try:
            self._sql = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro&{mode}", uri=True, isolation_level=None, timeout=BUSY_SECONDS
            )
            weakref.finalize(self, self._sql.close)
            self._sql.execute("PRAGMA query_only = 1")
            self._sql.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: sqlite3.Error) -> SourceUnavailable:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return SourceUnavailable(f"{self.path} is in use by another program. It is tried again at the next pass.")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return SourceUnavailable(
                f"{self.path} is damaged. Quit and reopen Messages, or name a backup of the folder; "
                "what was indexed stays."
            )
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return SourceUnavailable(
                f"{self.path} cannot be opened together with its -wal file. Open Messages once (or copy chat.db-wal "
                "and chat.db-shm too, if this is a copy)."
            )
        return SourceUnavailable(
            f"{self.path} cannot be read ({getattr(error, 'sqlite_errorname', 'unknown error')}). "
            "It is tried again at the next pass."
        )


def locate(path: Path) -> Path:
    """The database that the owner's path names: itself, or the chat.db in it."""
    return path / "chat.db" if path.is_dir() else path


def probe(path: Path) -> None:
    """Read the first bytes: opening alone may succeed where reading is not allowed. Raises SourceUnavailable.

    See osaurus-ai/osaurus#2613: without Full Disk Access an open may work and the read give nothing.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(HEADER))
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise SourceUnavailable(
            f"There is no {path}. Sign in to Messages on this Mac, or name the folder that holds chat.db."
        ) from None
    except PermissionError:
        raise _no_permission(path) from None
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be read ({error.strerror}). Check the disk it is on.") from None
    if not head and size:
        raise _no_permission(path)
    if head != HEADER:
        raise SourceUnavailable(f"{path} is not a SQLite database. Name the chat.db of Messages or its folder.")


def _no_permission(path: Path) -> SourceUnavailable:
    return SourceUnavailable(
        f"macOS does not let {sys.executable} read {path}. Allow it (or the terminal that starts it) in System "
        f"Settings > Privacy & Security > Full Disk Access ({_PRIVACY_SETTINGS}), then start it again."
    )


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    """What must not change while the file is taken as immutable; None when it must not be taken so."""
    try:
        with path.open("rb") as file:
            head = file.read(20)
        if head[18:19] != bytes([_WAL_VERSION]) or path.with_name(path.name + "-wal").exists():
            return None
        now = path.stat()
    except OSError:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def _lenient(data: bytes) -> str:
    return data.decode("utf-8", "replace")
