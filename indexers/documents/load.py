"""The bytes of one file below a root: opened without following any link, and whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from indexers.documents.walk import cloud_only
from indexers.readers.block import Unreadable

MAX_FILE = 200_000_000
"""The most bytes of one file that are read."""

_TRIES = 3
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def load(root: Path, path: str) -> tuple[bytes, os.stat_result]:
    """All bytes of a file and its status, of one moment; a file that changes meanwhile is read again, at most twice.

    Raises Unreadable; a file that turns out to be a pipe, a device, in the cloud only or too large is not read.
    """
    for _ in range(_TRIES):
        before, data, after = _attempt(root, path)
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(data) == after.st_size:
            return data, after
    raise Unreadable("timed_out", "kept changing while it was read; it is read again once it rests")


def _attempt(root: Path, path: str) -> tuple[os.stat_result, bytes, os.stat_result]:
    try:
        seen = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - a path with undecodable bytes is no matter here
        if not stat.S_ISREG(seen.st_mode):
            raise Unreadable("unsupported", "is a pipe, a socket, a device or a link, not a document")
        if missing := cloud_only(path, seen):
            raise Unreadable(missing.outcome, missing.why)
        with open(_open_below(root, path), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise Unreadable("unsupported", "is a pipe, a socket or a device, not a document")
            if before.st_size > MAX_FILE:
                raise Unreadable("too_large", f"is larger than {MAX_FILE // 1_000_000} MB")
            data = file.read(before.st_size + 1)
            while len(data) < before.st_size and (more := file.read(before.st_size + 1 - len(data))):
                data += more
            return before, data, os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise Unreadable("vanished", "went away before it could be read") from error
    except PermissionError as error:
        raise Unreadable("no_permission", "may not be read; give permission, or exclude it") from error
    except OSError as error:
        raise Unreadable("malformed", f"cannot be read from the disk ({os.strerror(error.errno or 0)})") from error


def _open_below(root: Path, path: str) -> int:
    """A descriptor of a file, reached from the root folder by folder, so that a link put in the way leads nowhere."""
    steps = os.path.relpath(path, root).split("/")
    if steps == ["."]:
        return os.open(path, _FLAGS)
    if ".." in steps:
        raise Unreadable("excluded", "lies outside the folder of this source")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps[:-1]:
            inner = os.open(step, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(steps[-1], _FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
