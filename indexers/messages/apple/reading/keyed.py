"""A keyed archive (NSKeyedArchiver in a binary property list) of which only the objects asked for are read.

A link's preview holds some hundred objects, pictures included, for three lines of text: reading all of them took a
tenth of the time of a reading.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

_MAGIC = b"bplist00"
_TRAILER = struct.Struct(">6xBBQQQ")
_INTEGER, _ASCII, _UTF16, _UID, _ARRAY, _DICTIONARY = 0x1, 0x5, 0x6, 0x8, 0xA, 0xD
_MORE = 0xF
_SIZES = {2: "H", 4: "I", 8: "Q"}


class Damaged(ValueError):
    """The bytes are no property list, or one that points outside itself."""


class KeyedArchive:
    """The objects of one archive. Every method raises Damaged, whatever is wrong with the bytes."""

    __slots__ = ("_data", "_objects", "_ref_size", "_starts", "root")

    def __init__(self, data: bytes) -> None:
        if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _TRAILER.size:
            raise Damaged("is no binary property list")
        self._data = data
        size, self._ref_size, many, top, offsets = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
        self._starts = _integers(data, offsets, many, size)
        objects, named = self._field(top, "$objects"), self._field(top, "$top")
        if objects is None or named is None:
            raise Damaged("is not a keyed archive")
        count, at = self._count(objects, _ARRAY)
        self._objects = _integers(data, at, count, self._ref_size)
        root = self._field(named, "root")
        self.root = None if root is None else self._follow(root)

    def at(self, place: int | None, name: str) -> int | None:
        """The place of a field of a dictionary object, its reference followed; None where there is none."""
        if place is None or self._data[self._start(place)] >> 4 != _DICTIONARY:
            return None
        found = self._field(place, name)
        return None if found is None else self._follow(found)

    def text(self, place: int | None) -> str:
        """A string object, "" for anything else."""
        if place is None:
            return ""
        kind = self._data[self._start(place)] >> 4
        if kind not in (_ASCII, _UTF16):
            return ""
        count, at = self._count(place, kind)
        end = at + (count if kind == _ASCII else 2 * count)
        if end > len(self._data):
            raise Damaged("claims more than it holds")
        return self._data[at:end].decode("latin-1" if kind == _ASCII else "utf-16-be", "replace")

    def _follow(self, place: int) -> int:
        """The place of what a UID object names; other objects stand for themselves."""
        start = self._start(place)
        marker = self._data[start]
        if marker >> 4 != _UID:
            return place
        number = int.from_bytes(self._data[start + 1 : start + 2 + (marker & 0xF)], "big")
        if number >= len(self._objects):
            raise Damaged("points outside itself")
        return self._objects[number]

    def _field(self, place: int, name: str) -> int | None:
        """The place of a value of a dictionary. Its keys are compared as they are written, not read."""
        count, at = self._count(place, _DICTIONARY)
        written, data, starts = _written(name), self._data, self._starts
        refs = _integers(data, at, 2 * count, self._ref_size)
        try:
            for number, key in enumerate(refs[:count], count):
                if data.startswith(written, starts[key]):
                    return refs[number]
        except IndexError:
            raise Damaged("points outside itself") from None
        return None

    def _count(self, place: int, kind: int) -> tuple[int, int]:
        """How many items an object of a kind has, and where they begin."""
        data, start = self._data, self._start(place)
        marker = data[start]
        if marker >> 4 != kind:
            raise Damaged("is not a keyed archive")
        count = marker & 0xF
        if count != _MORE:
            return count, start + 1
        marker = data[start + 1] if start + 1 < len(data) else 0
        if marker >> 4 != _INTEGER or marker & 0xF > 3:
            raise Damaged("has a size that is none")
        at = start + 2 + (1 << (marker & 0xF))
        return int.from_bytes(data[start + 2 : at], "big"), at

    def _start(self, place: int) -> int:
        if place < len(self._starts) and (start := self._starts[place]) < len(self._data):
            return start
        raise Damaged("points outside itself")


def _integers(data: bytes, at: int, count: int, size: int) -> Sequence[int]:
    """A table of `count` integers of `size` bytes each."""
    end = at + count * size
    if end > len(data) or not 0 < size <= 8:
        raise Damaged("claims more than it holds")
    if size == 1:
        return data[at:end]
    if size in _SIZES:
        return struct.unpack_from(f">{count}{_SIZES[size]}", data, at)
    return [int.from_bytes(data[start : start + size], "big") for start in range(at, end, size)]


@lru_cache(maxsize=64)
def _written(name: str) -> bytes:
    """A short ASCII name as an archive writes it."""
    held = name.encode("ascii")
    if len(held) < _MORE:
        return bytes([_ASCII << 4 | len(held)]) + held
    return bytes([_ASCII << 4 | _MORE, _INTEGER << 4, len(held)]) + held
