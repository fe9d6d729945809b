"""Where an export lies: a zip, a zip cut off, or an unpacked folder. Members are streamed, never extracted."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from indexers.record import Outcome

BLOCK = 1 << 20
_HEAD = 4096
_LOCAL_HEADER = b"PK\x03\x04"
_MOST_MEMBERS = 200_000
MAX_RATIO = 300
"""How many times its packed size a member may inflate to; health exports reach about 25."""
RATIO_FREE = 64 << 20
"""A member up to this many bytes may have any ratio."""
_PAPERS = {"electrocardiograms", "clinical-records", "clinical_records", "workout-routes", "attachments"}


class Unreadable(Exception):
    """There is no export that can be read here; the text tells the owner what it is instead, and what to do."""

    def __init__(self, why: str, outcome: Outcome = "malformed") -> None:
        super().__init__(why)
        self.why, self.outcome = why, outcome


class _Bomb(Exception):
    """A member inflates to more than any export."""


class Blocks:
    """A member's bytes in blocks. It ends where the member is damaged; `damage` then says so in words."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.damage = ""

    def __iter__(self) -> Iterator[bytes]:
        """The blocks, once."""
        try:
            yield from self._blocks
        except (zipfile.BadZipFile, zlib.error, EOFError):
            self.damage = "the archive is damaged here"
        except OSError as error:
            self.damage = f"the file cannot be read: {(error.strerror or 'input/output error').lower()}"
        except _Bomb:
            self.damage = "it unpacks to far more than any health export; the rest was not read"
        except (NotImplementedError, RuntimeError):  # how zipfile says "packed or encrypted in a way I cannot read"
            self.damage = "the archive is encrypted, or packed in a way that is not zip's usual one"


class Export(Protocol):
    """The members of one export by name, with their sizes in bytes; `damage` says in words what ails it as a whole."""

    members: dict[str, int]
    damage: str

    def blocks(self, name: str) -> Blocks:
        """The bytes of one member."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Export]:
    """The export at a path (a zip or an unpacked XML file). Raises Unreadable or OSError."""
    if path.suffix.lower() == ".xml":
        yield Unpacked(path)
        return
    with path.open("rb") as file:
        head = file.read(4)
        if not head:
            raise Unreadable("the file is empty; export again in the Health app", "empty")
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
            if head != _LOCAL_HEADER:
                raise Unreadable("this is no zip archive; choose the export.zip that the Health app made") from None
            yield TornZip(file)
            return
        with archive:
            yield WholeZip(archive)


def find_xml(export: Export) -> str:
    """The member that is the health export: the largest XML whose beginning says so, whatever its language's name.

    Raises Unreadable with what was found instead.
    """
    names = sorted(
        (name for name in export.members if name.lower().endswith(".xml")), key=lambda name: -export.members[name]
    )
    clinical_document = empty = False
    damage = export.damage
    for name in names[:50]:
        blocks = export.blocks(name)
        head = next(iter(blocks), b"")[:_HEAD]
        damage = damage or blocks.damage
        if b"<HealthData" in head or b"<!DOCTYPE HealthData" in head:
            return name
        clinical_document |= b"<ClinicalDocument" in head
        empty |= not head
    if damage:
        raise Unreadable(
            f"{damage}; export again in the Health app", "encrypted" if "encrypted" in damage else "malformed"
        )
    if clinical_document:
        raise Unreadable(
            "only export_cda.xml is here, which is a copy of some vital signs; export again in the Health app"
        )
    if empty:
        raise Unreadable("export.xml is empty; export again in the Health app", "empty")
    if any(name.lower().endswith(".zip") for name in export.members):
        raise Unreadable("this archive holds another zip; unpack it once and choose the inner one", "unsupported")
    raise Unreadable("this is no Apple Health export; in the Health app choose Export All Health Data", "unsupported")


class WholeZip:
    """An archive with its table of contents."""

    damage = ""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, int] = {
            info.filename: info.file_size for info in archive.infolist() if not info.is_dir()
        }

    def blocks(self, name: str) -> Blocks:
        """The bytes of one member."""
        return Blocks(self._read(name))

    def _read(self, name: str) -> Iterator[bytes]:
        info = self._archive.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError
        most, size = _most(info.compress_size), 0
        with self._archive.open(name) as member:
            while block := member.read(BLOCK):
                size += len(block)
                if size > most:
                    raise _Bomb
                yield block


def _most(packed: int) -> int:
    """The bytes that so many packed ones may become."""
    return max(RATIO_FREE, packed * MAX_RATIO)


@dataclass(frozen=True, slots=True)
class _Local:
    at: int
    packed: int
    deflated: bool


class TornZip:
    """An archive whose end, and with it the table of contents, is missing: members are found by their local headers."""

    damage = "the archive is cut off"

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._locals: dict[str, _Local] = {}
        self.members: dict[str, int] = {}
        at = 0
        while len(self._locals) < _MOST_MEMBERS:
            file.seek(at)
            header = file.read(30)
            if len(header) < 30 or header[:4] != _LOCAL_HEADER:
                return
            flags, method = (int.from_bytes(header[place : place + 2], "little") for place in (6, 8))
            packed, name_size, extra_size = (
                int.from_bytes(header[place : place + size], "little") for place, size in ((18, 4), (26, 2), (28, 2))
            )
            if method not in (0, 8) or flags & 1:
                return
            raw = file.read(name_size)
            name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
            known = not flags & 8 and packed != 0xFFFFFFFF
            local = _Local(at + 30 + name_size + extra_size, packed if known else -1, deflated=method == 8)
            size, at = self._measure(local)
            if not name.endswith("/"):
                self._locals[name], self.members[name] = local, size
            at = self._after_descriptor(at) if flags & 8 else at

    def blocks(self, name: str) -> Blocks:
        """The bytes of one member, as far as they came."""
        return Blocks(block for block, _ in self._inflate(self._locals[name]))

    def _measure(self, local: _Local) -> tuple[int, int]:
        size, end = 0, local.at
        try:
            for block, reached in self._inflate(local):
                size, end = size + len(block), reached
        except (zlib.error, _Bomb):
            return size, end
        return size, end

    def _inflate(self, local: _Local) -> Iterator[tuple[bytes, int]]:
        """Blocks of a member, each with the place in the file up to which it has been used."""
        self._file.seek(local.at)
        at = local.at
        left = local.packed
        size = 0
        inflater = zlib.decompressobj(-15)
        while left and not inflater.eof:
            packed = self._file.read(BLOCK // 4 if left < 0 else min(BLOCK // 4, left))
            if not packed:
                return
            left -= len(packed) if left > 0 else 0
            at += len(packed)
            if not local.deflated:
                yield packed, at
                continue
            while packed and not inflater.eof:
                block = inflater.decompress(packed, BLOCK)
                packed = inflater.unconsumed_tail
                size += len(block)
                if size > _most(at - local.at):
                    raise _Bomb
                yield block, at - len(inflater.unused_data)
                # Another member may have been read in between.
                self._file.seek(at)

    def _after_descriptor(self, at: int) -> int:
        """Where the next local header may begin: data descriptors come in four lengths."""
        self._file.seek(at)
        tail = self._file.read(28)
        place = tail.find(_LOCAL_HEADER)
        return at + (place if place >= 0 else len(tail))


class Unpacked:
    """An export.xml in a folder, with the papers beside it."""

    damage = ""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.members: dict[str, int] = {path.name: path.stat().st_size}
        for folder in sorted(path.parent.iterdir()):
            if folder.name in _PAPERS and folder.is_dir() and not folder.is_symlink():
                for file in sorted(folder.rglob("*")):
                    found = file.lstat()
                    if stat.S_ISREG(found.st_mode):
                        self.members[file.relative_to(path.parent).as_posix()] = found.st_size

    def blocks(self, name: str) -> Blocks:
        """The bytes of one file."""
        return Blocks(self._read(self._folder / name))

    def _read(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
