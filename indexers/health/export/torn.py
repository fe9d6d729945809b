"""Zips as they come: whole, or cut off before their table of contents."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from indexers.health.export.archive import BLOCK, Blocks, Bomb, Export, Unreadable, WholeZip, most_inflated

_LOCAL_HEADER = b"PK\x03\x04"
_MOST_MEMBERS = 200_000


@contextmanager
def opened_zip(file: IO[bytes], *, again: str) -> Iterator[Export]:
    """The members of an open zip; `again` is what the owner can do. Raises Unreadable or OSError."""
    head = file.read(4)
    if not head:
        raise Unreadable(f"the file is empty; {again}", "empty")
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
        if head != _LOCAL_HEADER:
            raise Unreadable(f"this is no zip archive; {again}, and choose the zip") from None
        yield TornZip(file)
        return
    with archive:
        yield WholeZip(archive)


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
        except (zlib.error, Bomb):
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
                if size > most_inflated(at - local.at):
                    raise Bomb
                yield block, at - len(inflater.unused_data)
                # Another member may have been read in between.
                self._file.seek(at)

    def _after_descriptor(self, at: int) -> int:
        """Where the next local header may begin: data descriptors come in four lengths."""
        self._file.seek(at)
        tail = self._file.read(28)
        place = tail.find(_LOCAL_HEADER)
        return at + (place if place >= 0 else len(tail))
