"""Another program's SQLite database, read without a trace: nothing is written, no lock is kept, columns go by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 5.0
_LOG_INDEX_HEAD = 48
_APPLE_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)


class DatabaseMoved(Exception):
    """The owner's program wrote to the database while it was read; what was read may be torn."""


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read. Raises sqlite3.Error, OSError, or DatabaseMoved at the end.

    `immutable` needs no lock files and is used only while there is no write-ahead log; whether one appeared is checked
    again at the end. With a log the database is opened read-only, so that what stands in the log alone is seen.
    """
    with path.open("rb") as file:
        # macOS may let a program open a file that it may not read.
        if file.read(len(HEADER)) != HEADER:
            raise sqlite3.DatabaseError("file is not a database")
    settled = not _has_log(path)
    mode = "mode=ro&immutable=1" if settled else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only = 1")
        yield connection
    if settled and _has_log(path):
        raise DatabaseMoved


def _has_log(path: Path) -> bool:
    log = Path(f"{path}-wal")
    return log.exists() and log.stat().st_size > 0


def state(path: Path) -> tuple[object, ...]:
    """Equal as long as nobody has written to the database at `path`; a few microseconds, and no lock is taken.

    The files tell of a database that was replaced or checkpointed, the head of the index of its log counts commits
    (`PRAGMA data_version` of a connection that may not write the index counts its own recoveries, too).
    """
    files = tuple(_identity(path.with_name(path.name + end)) for end in ("", "-wal"))
    try:
        with path.with_name(path.name + "-shm").open("rb") as index:
            return (*files, index.read(_LOG_INDEX_HEAD))
    except OSError:
        return files


def _identity(path: Path) -> tuple[int, int, int, int] | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], *, required: bool = False
) -> list[tuple[object, ...]]:
    """The named columns of a table, None for those that this version of the program does not have.

    No such table, no rows, or sqlite3.DatabaseError where it is `required`. Names come from our own code, never from
    data; ROWID is a column of every table.
    """
    present = {str(row[1]) for row in connection.execute(f'PRAGMA table_info("{table}")')}
    if not present:
        if required:
            raise sqlite3.DatabaseError(f"no table {table}")
        return []
    present.add("ROWID")
    wanted = ", ".join(f'"{column}"' if column in present else f'NULL AS "{column}"' for column in columns)
    return connection.execute(f'SELECT {wanted} FROM "{table}"').fetchall()  # noqa: S608 - names are our own constants


def apple_time(seconds: object) -> datetime | None:
    """Seconds since 2001 (UTC), as Apple's databases store times; None for what is none."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return _APPLE_EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None
