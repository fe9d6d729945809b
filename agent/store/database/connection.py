"""One encrypted SQLite file: keyed connections, one a thread, and errors that name the remedy."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from agent.errors import Locked, StoreError
from agent.store.database.schema import migrate
from agent.store.keys import CompartmentKey

Row = tuple[Any, ...]

_MEMORY_NAMES = itertools.count(1)


class _Translated:
    """Turns SQLite's errors into ours: what happened and what the owner can do."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case apsw.FullError():
                problem, remedy = "The disk is full; nothing of this step was stored.", "Free some space."
            case apsw.NotADBError() | apsw.CorruptError():
                problem = "The encrypted store is damaged or does not belong to this key."
                remedy = "Restore the data folder from a backup; `homebody doctor` shows more."
            case apsw.BusyError():
                problem, remedy = "The store is busy.", "Try again in a moment."
            case apsw.IOError() | apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
                problem = f"The store cannot be read or written ({type(error).__name__})."
                remedy = "Check the disk and the permissions of the data folder."
            case apsw.InterruptError() | apsw.ConnectionClosedError():
                raise _shut() from None
            case _:
                return
        raise StoreError(problem, remedy=remedy) from None


_TRANSLATED = _Translated()


def _shut() -> Locked:
    return Locked("Your data was locked meanwhile.", remedy="Run `homebody unlock`, then try again.")


class Database:
    """Connections to one store, made when a thread first needs one. Writers take turns; readers see whole commits."""

    def __init__(self, location: str, key: bytes | None, *, create: bool) -> None:
        self._location = location
        self._key = key
        self._local = threading.local()
        self._connections: list[tuple[threading.Thread, apsw.Connection]] = []
        self._writer = threading.RLock()
        self._keeping = threading.Lock()
        self._flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE
        self._depth = 0
        self._closed = False
        with _TRANSLATED:
            self._connect(create=create)
            try:
                migrate(self.connection())
            except ValueError:
                self.close()
                raise StoreError(
                    "The store was written by a newer homebody.", remedy="Update homebody; nothing was changed."
                ) from None
            except apsw.Error:
                self.close()
                raise

    @classmethod
    def open(cls, path: Path, key: CompartmentKey, *, create: bool = False) -> Database:
        """Open the file with its key. Raises StoreError when it is missing, damaged or not ours."""
        if not create and not path.exists():
            raise StoreError(
                f"The encrypted store {path} is missing.",
                remedy="Restore it from a backup; homebody never starts an empty one in its place.",
            )
        if create:
            path.touch(mode=0o600)  # SQLite would ask the umask; its log and index take the mode of the file
        return cls(path.absolute().as_uri(), key.use("sqlite"), create=create)

    @classmethod
    def in_memory(cls) -> Database:
        """A store that lives as long as this process, for tests and trials."""
        return cls(f"file:/homebody-{next(_MEMORY_NAMES)}?vfs=memdb", None, create=True)

    def connection(self) -> apsw.Connection:
        """This thread's connection."""
        found: apsw.Connection | None = getattr(self._local, "connection", None)
        return found if found is not None else self._connect(create=False)

    def _connect(self, *, create: bool) -> apsw.Connection:
        if self._closed:
            raise _shut()
        connection = apsw.Connection(self._location, flags=self._flags | (apsw.SQLITE_OPEN_CREATE if create else 0))
        if self._key is not None:
            connection.pragma("cipher", "chacha20")
            connection.pragma("key", f"raw:{self._key.hex()}")
        connection.set_busy_timeout(10_000)
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "NORMAL")
        connection.pragma("secure_delete", "ON")
        connection.pragma("temp_store", "MEMORY")
        connection.pragma("cache_size", -16_000)
        connection.pragma("foreign_keys", "OFF")  # drop order is decided in one place, store.py
        self._local.connection = connection
        self._keep(connection)
        return connection

    def _keep(self, connection: apsw.Connection) -> None:
        """Remember this thread's connection, and close those whose threads have ended: a server's threads come and go."""
        with self._keeping:
            ended = [old for thread, old in self._connections if not thread.is_alive()]
            self._connections = [(t, old) for t, old in self._connections if t.is_alive()]
            self._connections.append((threading.current_thread(), connection))
        for old in ended:
            old.close()

    def rows(self, statement: str, bindings: Sequence[object] = ()) -> list[Row]:
        with _TRANSLATED:
            return list(self.connection().execute(statement, tuple(bindings)))

    def value(self, statement: str, bindings: Sequence[object] = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(statement, bindings)
        return found[0][0] if found else None

    def run(self, statement: str, bindings: Sequence[object] = ()) -> None:
        self.rows(statement, bindings)

    def run_many(self, statement: str, bindings: Sequence[Sequence[object]]) -> None:
        if not bindings:
            return
        with _TRANSLATED:
            self.connection().executemany(statement, [tuple(row) for row in bindings])

    def insert(self, statement: str, bindings: Sequence[object] = ()) -> int:
        """Run an INSERT; returns the new row's id."""
        self.run(statement, bindings)
        return self.connection().last_insert_rowid()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction of the one writer; nested uses join it. Rolls back when the body raises."""
        with self._writer, _TRANSLATED:
            if self._depth:
                yield
                return
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:  # a COMMIT that fails may leave its transaction open
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot: what is read inside belongs to one commit."""
        with _TRANSLATED:
            connection = self.connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.execute("COMMIT" if connection.in_transaction else "SELECT 1")

    def compact(self) -> None:
        """Give freed pages back and empty the write-ahead log, so that nothing deleted is kept in either."""
        with self._writer:
            self.run("VACUUM")
            self.checkpoint()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, as far as readers allow."""
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> list[str]:
        """What SQLite's integrity check finds wrong, [] if nothing."""
        try:
            return [str(row[0]) for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        except StoreError as error:  # a page that fails its authentication ends the check
            return [error.problem]

    def close(self) -> None:
        """Close all connections, breaking off what others still read, and let go of the key: nothing opens it again."""
        with self._writer:
            with self._keeping:
                self._closed, self._key = True, None
                taken, self._connections = self._connections, []
            for _, connection in taken:
                while not _closes(connection):
                    time.sleep(0.01)
            self._local = threading.local()


def _closes(connection: apsw.Connection) -> bool:
    try:
        connection.close()
    except apsw.ThreadingViolationError:  # another thread is inside it: the interruption takes a moment
        connection.interrupt()
        return False
    return True
