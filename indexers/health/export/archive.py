"""Files of an export, streamed in blocks and within bounds: members of a zip, or plain files; nothing is extracted."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Protocol

from indexers.record import Outcome

BLOCK = 1 << 20
MAX_RATIO = 300
"""How many times its packed size a member may inflate to; health exports reach about 25."""
RATIO_FREE = 64 << 20
"""A member up to this many bytes may have any ratio."""

_DEEPEST = 1_000
_DEPTH_PIECE = 4_096


class Unreadable(Exception):
    """There is no export that can be read here; the text tells the owner what it is instead, and what to do."""

    def __init__(self, why: str, outcome: Outcome = "malformed") -> None:
        super().__init__(why)
        self.why, self.outcome = why, outcome


class Bomb(Exception):
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
        except Bomb:
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
        most, size = most_inflated(info.compress_size), 0
        with self._archive.open(name) as member:
            while block := member.read(BLOCK):
                size += len(block)
                if size > most:
                    raise Bomb
                yield block


def most_inflated(packed: int) -> int:
    """The bytes that so many packed ones may become."""
    return max(RATIO_FREE, packed * MAX_RATIO)


class PlainFiles:
    """Files of a folder by their path below it."""

    damage = ""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self.members: dict[str, int] = {name: path.stat().st_size for name, path in files.items()}

    def blocks(self, name: str) -> Blocks:
        """The bytes of one file."""
        return Blocks(self._read(self._files[name]))

    def _read(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


class TooDeep(ValueError):
    """JSON nested deeper than any export: what takes it apart would need memory without bound."""


def shallow(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of JSON as they are. Raises TooDeep; brackets inside of texts count, but those come in pairs or are few."""
    depth = 0
    for block in blocks:
        for at in range(0, len(block), _DEPTH_PIECE):
            piece = block[at : at + _DEPTH_PIECE]
            depth += piece.count(b"[") + piece.count(b"{") - piece.count(b"]") - piece.count(b"}")
            if depth > _DEEPEST:
                raise TooDeep
        yield block


class _Raw(RawIOBase):
    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # a buffer is what it gets
        while not self._held:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._held = block
        size = min(len(target), len(self._held))
        target[:size], self._held = self._held[:size], self._held[size:]
        return size


def stream(blocks: Iterable[bytes]) -> BufferedReader:
    """Blocks as a file that is read forward."""
    return BufferedReader(_Raw(blocks), 1 << 16)
