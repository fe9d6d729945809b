"""A keyed archive (NSKeyedArchiver in a binary property list) of which only the objects asked for are read.

A link's preview holds some hundred objects, pictures included, for three lines of text: reading all of them took a
tenth of the time of a reading.
"""

from __future__ import annotations

from collections.abc import Mapping

_MAGIC = b"bplist00"
_TRAILER = 32
_INTEGER, _ASCII, _UTF16, _UID, _ARRAY, _DICTIONARY = 0x1, 0x5, 0x6, 0x8, 0xA, 0xD
_MORE = 0xF


class Damaged(ValueError):
    """The bytes are no property list, or one that points outside itself."""


class KeyedArchive:
    """The objects of one archive. Every method raises Damaged, whatever is wrong with the bytes."""

    __slots__ = ("_data", "_known", "_many", "_objects", "_offset_size", "_offsets", "_ref_size", "root")

    def __init__(self, data: bytes) -> None:
        if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _TRAILER:
            raise Damaged("is no binary property list")
        self._data = data
        self._known: dict[int, Mapping[str, int]] = {}
        trailer = data[-_TRAILER:]
        self._offset_size, self._ref_size = trailer[6], trailer[7]
        self._many, top, self._offsets = (int.from_bytes(trailer[at : at + 8], "big") for at in (8, 16, 24))
        if not (0 < self._offset_size <= 8 and 0 < self._ref_size <= 8):
            raise Damaged("is no binary property list")
        fields = self._fields(top)
        if "$objects" not in fields or "$top" not in fields:
            raise Damaged("is not a keyed archive")
        self._objects = self._items(fields["$objects"])
        self.root = self._follow(self._fields(fields["$top"]).get("root"))

    def at(self, place: int | None, name: str) -> int | None:
        """The place of a field of a dictionary object, its reference followed; None where there is none."""
        if place is None or (place not in self._known and self._data[self._start(place)] >> 4 != _DICTIONARY):
            return None
        return self._follow(self._fields(place).get(name))

    def text(self, place: int | None) -> str:
        """A string object, "" for anything else."""
        if place is None:
            return ""
        start = self._start(place)
        kind = self._data[start] >> 4
        if kind not in (_ASCII, _UTF16):
            return ""
        count, start = self._count(start)
        size = count * (2 if kind == _UTF16 else 1)
        return self._bytes(start, size).decode("utf-16-be" if kind == _UTF16 else "latin-1", "replace")

    def _follow(self, place: int | None) -> int | None:
        """The place of what a UID object names; other objects stand for themselves."""
        if place is None:
            return None
        start = self._start(place)
        marker = self._data[start]
        if marker >> 4 != _UID:
            return place
        number = int.from_bytes(self._bytes(start + 1, (marker & 0xF) + 1), "big")
        if number >= len(self._objects):
            raise Damaged("points outside itself")
        return self._objects[number]

    def _fields(self, place: int) -> Mapping[str, int]:
        if (known := self._known.get(place)) is not None:
            return known
        start = self._start(place)
        if self._data[start] >> 4 != _DICTIONARY:
            raise Damaged("is not a keyed archive")
        count, start = self._count(start)
        refs = self._refs(start, 2 * count)
        fields = {self.text(key): value for key, value in zip(refs[:count], refs[count:], strict=True)}
        self._known[place] = fields
        return fields

    def _items(self, place: int) -> list[int]:
        start = self._start(place)
        if self._data[start] >> 4 != _ARRAY:
            raise Damaged("is not a keyed archive")
        count, start = self._count(start)
        return self._refs(start, count)

    def _refs(self, start: int, count: int) -> list[int]:
        size = self._ref_size
        held = self._bytes(start, count * size)
        if size == 1:
            return list(held)
        return [int.from_bytes(held[at : at + size], "big") for at in range(0, len(held), size)]

    def _count(self, start: int) -> tuple[int, int]:
        """How many items an object at `start` has, and where they begin."""
        count = self._data[start] & 0xF
        if count != _MORE:
            return count, start + 1
        marker = self._bytes(start + 1, 1)[0]
        if marker >> 4 != _INTEGER or marker & 0xF > 3:
            raise Damaged("has a size that is none")
        size = 1 << (marker & 0xF)
        return int.from_bytes(self._bytes(start + 2, size), "big"), start + 2 + size

    def _start(self, place: int) -> int:
        if not 0 <= place < self._many:
            raise Damaged("points outside itself")
        at = self._offsets + place * self._offset_size
        start = int.from_bytes(self._bytes(at, self._offset_size), "big")
        if start >= len(self._data):
            raise Damaged("points outside itself")
        return start

    def _bytes(self, start: int, size: int) -> bytes:
        if size > len(self._data) - start or start < 0:
            raise Damaged("claims more than it holds")
        return self._data[start : start + size]
