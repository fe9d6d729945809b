"""Files of some kinds under one path, each an item: what sources that read whole files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from indexers.record import Skipped
from indexers.source import Item, SourceUnavailable

MAX_DEPTH = 32
_LAST_SECOND = 253_402_300_799  # of the year 9999
_SF_DATALESS = 0x40000000
_UF_COMPRESSED = 0x20
FULL_DISK_ACCESS = "on macOS give the program Full Disk Access in System Settings, Privacy & Security"


def file_items(root: Path, suffixes: frozenset[str]) -> Iterator[Item | Skipped]:
    """An item for `root`, if it is a file, else for each file below it with one of the suffixes (lower case), by path.

    Item ids are absolute paths; fingerprints are size, time and inode, of a database's write-ahead log too. Links below
    `root` are not followed, for they may lead out of it. Raises SourceUnavailable when `root` cannot be looked at.
    """
    root = root.absolute()
    try:
        if root.is_file():
            yield _item(str(root))
            return
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise SourceUnavailable(f"there is nothing at {root}; check the path of this source") from None
    except OSError as problem:
        raise SourceUnavailable(f"{root}: {reason(problem)}") from None
    yield from _below(str(root), suffixes, 0)


def _below(folder: str, suffixes: frozenset[str], deep: int) -> Iterator[Item | Skipped]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as problem:
        yield Skipped(where=f"{folder}/", why=reason(problem), outcome="no_permission")
        return
    if deep > MAX_DEPTH:
        yield Skipped(where=f"{folder}/", why=f"folders more than {MAX_DEPTH} deep", outcome="too_large")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, suffixes, deep + 1)
        elif Path(entry.name).suffix.lower() in suffixes and entry.is_file(follow_symlinks=False):
            try:
                yield _item(entry.path)
            except OSError as problem:
                yield Skipped(where=entry.path, why=reason(problem), outcome="no_permission")


def _item(path: str) -> Item:
    stat = Path(path).stat()
    stamp = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    log = Path(f"{path}-wal")
    if log.exists():
        changed = log.stat()
        stamp += f":{changed.st_size}:{changed.st_mtime_ns}"
    return Item(id=path, fingerprint=stamp, identity=f"{stat.st_dev}:{stamp}", size=stat.st_size)


def is_dataless(status: os.stat_result, *, platform: str) -> bool:
    """Whether macOS marks a file as evicted to a cloud (SF_DATALESS), or it has a size but no blocks there."""
    flags = int(getattr(status, "st_flags", 0))
    if flags & _SF_DATALESS:
        return True
    # A file that APFS compressed into its metadata has no blocks either, and is here.
    return platform == "darwin" and status.st_size > 0 and status.st_blocks == 0 and not flags & _UF_COMPRESSED


def changed_at(status: os.stat_result) -> datetime:
    """When a file was changed; file systems can hold times that datetime cannot."""
    return datetime.fromtimestamp(min(max(status.st_mtime, 0), _LAST_SECOND), UTC)


def reason(problem: OSError) -> str:
    """Why a file cannot be read, with the remedy where there is one."""
    if isinstance(problem, PermissionError):
        return f"no permission to read it; {FULL_DISK_ACCESS}"
    return f"it cannot be read ({problem.strerror or 'unknown error'})"


def unread(path: str, problem: OSError) -> Skipped:
    """What to say of an item that cannot be opened."""
    if isinstance(problem, FileNotFoundError):
        return Skipped(where=path, why="the file is no longer there", outcome="vanished")
    return Skipped(where=path, why=reason(problem), outcome="no_permission")
