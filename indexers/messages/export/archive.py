"""Files of an export and entries of its zips, listed and opened within bounds."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from urllib.parse import quote
from weakref import finalize
from zipfile import BadZipFile, ZipFile, ZipInfo

from indexers.record import Outcome, Skipped
from indexers.source import SourceUnavailable

MAX_ENTRIES = 200_000
"""The most files looked at in one folder or zip."""
MAX_BYTES = 4 << 30
"""The most bytes that an entry of a zip may inflate to."""
MAX_RATIO = 300
"""How many times its packed size an entry may inflate to; chat texts reach about 20, repetitive JSON about 100."""
RATIO_FREE = 16 << 20
"""Entries up to this many bytes may have any ratio."""

_MIMES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "mp4": "video/mp4", "mov": "video/quicktime", "3gp": "video/3gpp", "webm": "video/webm",
    "opus": "audio/ogg", "ogg": "audio/ogg", "oga": "audio/ogg", "m4a": "audio/mp4", "mp3": "audio/mpeg",
    "aac": "audio/aac", "amr": "audio/amr", "wav": "audio/wav", "flac": "audio/flac", "pdf": "application/pdf",
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain", "csv": "text/csv", "html": "text/html", "vcf": "text/vcard", "ics": "text/calendar",
    "zip": "application/zip", "json": "application/json", "epub": "application/epub+zip",
}  # fmt: skip
"""What people send in chats. The standard library's table differs from machine to machine, and reads /etc for it."""

UNREADABLE = (OSError, EOFError, BadZipFile, zlib.error, NotImplementedError, UnicodeError)
"""What reading a damaged, encrypted or vanished file or zip member raises."""


class Malformed(Exception):
    """An export breaks off or is not what it should be; the text says what is wrong, without the owner's data."""

    def __init__(self, why: str, outcome: Outcome = "malformed") -> None:
        super().__init__(why)
        self.outcome: Outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of an export: plain, or an entry of a zip. `modified` is the file's (the zip's) time in nanoseconds."""

    path: Path
    entry: str = ""
    size: int
    modified: int

    @property
    def place(self) -> PurePosixPath:
        """Where it stands among its siblings, as if the zip were a folder; a name to compare, never one to open."""
        return PurePosixPath(f"{self.path.as_posix()}/{self.entry}" if self.entry else self.path.as_posix())

    def locator(self, fragment: str) -> str:
        """The `file:` address of a place inside."""
        entry = f"entry={quote(self.entry)}&" if self.entry else ""
        return f"{self.path.as_uri()}#{entry}{fragment}"

    def skipped(self, error: BaseException) -> Skipped:
        """What an owner is told when reading stopped at `error`."""
        where = str(self.place)
        match error:
            case Malformed():
                return Skipped(where=where, why=str(error), outcome=error.outcome)
            case PermissionError():
                return Skipped(where=where, why="no permission to read this file", outcome="no_permission")
            case FileNotFoundError():
                return Skipped(where=where, why="the file vanished while it was read", outcome="vanished")
            case NotImplementedError():
                return Skipped(where=where, why="packed by a method that cannot be read here", outcome="unsupported")
            case BadZipFile():
                return Skipped(where=where, why="the zip is damaged or not whole; export or copy it again")
            case _:
                return Skipped(where=where, why=f"damaged: reading stopped with {type(error).__name__}")


class Extent(NamedTuple):
    """The bytes start..end of a member; `line` is the number of the first line, from 1, in text exports."""

    start: int
    end: int
    line: int = 0


class Shelf:
    """Opens members. The zip and the entry read last stay open, so that days in order inflate an entry once."""

    def __init__(self) -> None:
        self._zip: tuple[Path, ZipFile] | None = None
        self._entry: tuple[Member, IO[bytes]] | None = None
        self._held_zip, self._held_entry = ExitStack(), ExitStack()
        # A source has no close: what it holds open goes with it.
        finalize(self, _close, self._held_entry, self._held_zip)

    @contextmanager
    def open(self, member: Member) -> Iterator[IO[bytes]]:
        """The bytes of a member, from the start. Raises Malformed or one of UNREADABLE."""
        with self._stream(member) if member.entry else member.path.open("rb") as stream:
            yield stream

    def read(self, member: Member, extent: Extent) -> bytes:
        """The bytes of an extent. Raises Malformed, also when the file changed since it was listed, or UNREADABLE."""
        stat = member.path.stat()
        if stat.st_mtime_ns != member.modified or (not member.entry and stat.st_size != member.size):
            raise Malformed("the file changed while it was read; the next pass reads it again", "vanished")
        if not member.entry:
            with member.path.open("rb") as plain:
                plain.seek(extent.start)
                return plain.read(extent.end - extent.start)
        if self._entry is None or self._entry[0] != member:
            self._entry = None
            self._held_entry.close()
            self._entry = (member, self._held_entry.enter_context(self._stream(member)))
        entry = self._entry[1]
        entry.seek(extent.start)
        return entry.read(extent.end - extent.start)

    def close(self) -> None:
        """Let go of the files that are kept open."""
        self._zip = self._entry = None
        _close(self._held_entry, self._held_zip)

    def entries(self, path: Path) -> list[ZipInfo]:
        """What a zip holds. Raises Malformed when that is too much, or one of UNREADABLE."""
        found = [info for info in self._archive(path).infolist() if not info.is_dir() and not _hidden(info.filename)]
        if len(found) > MAX_ENTRIES:
            raise Malformed(f"the zip holds more than {MAX_ENTRIES:,} files; unpack it and add the folder", "too_large")
        return found

    def _stream(self, member: Member) -> IO[bytes]:
        archive = self._archive(member.path)
        info = archive.getinfo(member.entry)
        if info.flag_bits & 1:
            raise Malformed("locked with a password; unpack it and add the folder", "encrypted")
        if info.file_size > min(MAX_BYTES, max(RATIO_FREE, info.compress_size * MAX_RATIO)):
            raise Malformed(
                "unpacks to far more than its size; if you trust it, unpack and add the folder", "too_large"
            )
        return BufferedReader(archive.open(info))  # type: ignore[type-var]  # it can do what a raw stream must

    def _archive(self, path: Path) -> ZipFile:
        if self._zip is None or self._zip[0] != path:
            self.close()
            self._zip = (path, self._held_zip.enter_context(ZipFile(path)))
        return self._zip[1]


def _close(*held: ExitStack) -> None:
    for stack in held:
        stack.close()


def members(root: Path, shelf: Shelf) -> Iterator[Member | Skipped]:
    """The files of an export at `root`: itself, a folder's files, and the entries of zips (zips in zips stay shut).

    Links and hidden files are passed over. Raises SourceUnavailable when the root is missing or closed to us.
    """
    try:
        paths = sorted(_files(root)) if root.is_dir() else [root]
        for path in paths[:MAX_ENTRIES]:
            stat = path.stat()
            whole = Member(path=path, size=stat.st_size, modified=stat.st_mtime_ns)
            if path.suffix.casefold() != ".zip":
                yield whole
                continue
            try:
                entries = shelf.entries(path)
            except (Malformed, *UNREADABLE) as error:
                yield whole.skipped(error)
            else:
                yield from (replace(whole, entry=info.filename, size=info.file_size) for info in entries)
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{root} is not there; what was read from it stays") from error
    except PermissionError as error:
        raise SourceUnavailable(f"{root} may not be read: allow this program to read it") from error
    if len(paths) > MAX_ENTRIES:
        why = f"more than {MAX_ENTRIES:,} files; add the folder of the export itself"
        yield Skipped(where=str(root), why=why, outcome="too_large", count=len(paths) - MAX_ENTRIES)


def mime(name: str) -> str:
    """The MIME type that a file's name tells, or ""."""
    return _MIMES.get(name.rpartition(".")[2].casefold(), "")


def beside(member: Member, name: str) -> str:
    """The path of a file that an export names relative to itself, or "" when it is not there (or lies elsewhere)."""
    if member.entry or not name:
        return ""
    path = (member.path.parent / name).resolve()
    return str(path) if path.is_relative_to(member.path.parent.resolve()) and path.is_file() else ""


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _hidden(name)]
        yield from (path for name in names if not _hidden(name) and not (path := Path(parent, name)).is_symlink())


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or name.rpartition("/")[2].startswith(".")
