"""Reads a typedstream (NeXTSTEP archive, version 1000): groups of values behind their types, with two tables.

As public descriptions of the format agree: a header, then groups of values, each group led by its type encoding ("@"
object, "+" bytes, "iI" two integers, …). Type encodings and class names are one shared table, objects, classes and C
strings another; a byte of 0x92 or more names an entry of the table that its place calls for.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Value = None | str | bytes | int | float | list["Value"] | dict[str, "Value"]
"""What an archived object becomes. Objects of an unknown class are the list of their values."""

HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"
MAX_DEPTH = 24
"""Objects within objects; real bodies stay under six."""
MAX_NAME = 512
"""Bytes of a type encoding or of a class's name; real ones stay under fifty."""

END = 0x86
_NEW, _NIL, _FIRST_REFERENCE = 0x84, 0x85, 0x92
_ARRAY = re.compile(r"\[(\d{1,9})(.+)\]")
_STRUCT = re.compile(r"\{[^=]*=(.+)\}")
_SHORT, _LONG, _FLOAT, _DOUBLE = struct.Struct("<h"), struct.Struct("<i"), struct.Struct("<f"), struct.Struct("<d")


class TypedStreamError(ValueError):
    """The bytes are not a whole attributed string. The text says what is wrong, never what was read."""


def unsigned(blob: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer at `at`, and where it ends."""
    first = blob[at]
    if first < 0x80:
        return first, at + 1
    if first == 0x81:
        return int.from_bytes(blob[at + 1 : at + 3], "little"), at + 3
    if first == 0x82:
        return int.from_bytes(blob[at + 1 : at + 5], "little"), at + 5
    raise TypedStreamError("has a length that is none")


@dataclass(frozen=True, slots=True)
class ArchivedClass:
    """A class as archived: its name and those of its ancestors, nearest first."""

    names: tuple[str, ...]
    make: Callable[[list[Value]], Value]


class _Unfinished:
    """Stands in the table for an object that is still being read."""


UNFINISHED = _Unfinished()


class AttributedValues(list[Value]):
    """The values of an archived NSAttributedString: the text, then index and length (and dictionary) of each run."""


class Archive:
    """A cursor over one archive with its two tables. Every value takes a byte or more, which bounds the work."""

    __slots__ = ("at", "blob", "depth", "objects", "strings")

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self.at = len(HEADER)
        self.depth = 0
        self.strings: list[str] = []
        self.objects: list[object] = []

    def group(self) -> list[Value]:
        encoding = self.shared_string()
        if encoding == "@":
            return [self.object()]
        return [self.value(kind) for kind in split(encoding)]

    def value(self, kind: str) -> Value:
        if kind == "@":
            return self.object()
        if kind in "iIsSlLqQ!":
            first = self.blob[self.at]
            if first < 0x80:
                self.at += 1
                return first
            return self.integer(signed=kind.islower())
        if kind in "cCB":
            byte = self.byte()
            return byte - 256 if kind == "c" and byte > 127 else byte
        if kind == "+":
            return self.raw(self.length()).decode()
        if kind in "fd":
            return self.floating(_FLOAT if kind == "f" else _DOUBLE)
        if kind in "*:":
            return self.c_string()
        if kind == "%":
            return self.shared_string()
        if kind == "#":
            return self.class_().names[0]
        if array := _ARRAY.fullmatch(kind):
            count, element = int(array[1]), array[2]
            if element in ("c", "C"):
                return self.raw(count)
            return [self.value(element) for _ in range(self.affordable(count))]
        if structure := _STRUCT.fullmatch(kind):
            return [self.value(field) for field in split(structure[1])]
        raise TypedStreamError("holds a type that is not known")

    def byte(self) -> int:
        byte = self.blob[self.at]
        self.at += 1
        return byte

    def raw(self, count: int) -> bytes:
        start = self.at
        self.at += self.affordable(count)
        return self.blob[start : self.at]

    def affordable(self, count: int) -> int:
        if count > len(self.blob) - self.at:
            raise TypedStreamError("claims more than it holds")
        return count

    def length(self) -> int:
        length, self.at = unsigned(self.blob, self.at)
        return length

    def integer(self, *, signed: bool) -> int:
        first = self.byte()
        if first < 0x80:
            return first
        if first >= _FIRST_REFERENCE:
            return first - 256 if signed else first
        if first == 0x81:
            number: int = _SHORT.unpack_from(self.blob, self.at)[0]
            self.at += 2
            return number if signed else number & 0xFFFF
        if first == 0x82:
            number = _LONG.unpack_from(self.blob, self.at)[0]
            self.at += 4
            return number if signed else number & 0xFFFFFFFF
        raise TypedStreamError("has an integer that is none")

    def floating(self, layout: struct.Struct) -> float:
        if self.blob[self.at] != 0x83:
            return float(self.integer(signed=True))
        number: float = layout.unpack_from(self.blob, self.at + 1)[0]
        self.at += 1 + layout.size
        return number

    def reference(self, first: int) -> int:
        """The table index that a head names, given its first byte (already read): -110 and up, or an integer tag."""
        if first >= _FIRST_REFERENCE:
            return first - _FIRST_REFERENCE
        self.at -= 1
        return self.integer(signed=True) + 256 - _FIRST_REFERENCE

    def shared_string(self) -> str:
        blob, at = self.blob, self.at
        first = blob[at]
        self.at += 1
        if first == _NEW:
            length, start = unsigned(blob, at + 1)
            self.at = start + length
            if self.at > len(blob):
                raise TypedStreamError("claims more than it holds")
            if length > MAX_NAME:
                raise TypedStreamError("has a type or a name that is too long")
            text = blob[start : self.at].decode("latin-1")
            self.strings.append(text)
            return text
        if first == _NIL:
            return ""
        index = self.reference(first)
        if not 0 <= index < len(self.strings):
            raise TypedStreamError("refers to a name that it has not given")
        return self.strings[index]

    def known(self, first: int) -> object:
        index = self.reference(first)
        if not 0 <= index < len(self.objects):
            raise TypedStreamError("refers to an object that it has not given")
        return self.objects[index]

    def c_string(self) -> str:
        first = self.byte()
        if first == _NIL:
            return ""
        if first == _NEW:
            place = len(self.objects)
            self.objects.append(UNFINISHED)
            text = self.shared_string()
            self.objects[place] = text
            return text
        return self.string(self.known(first))

    def string(self, known: object) -> str:
        if not isinstance(known, str):
            raise TypedStreamError("refers to an object where a string should be")
        return known

    def class_(self) -> ArchivedClass:
        """A class with its ancestors, read from the most derived up; the chain ends with nil or a class read before."""
        names: list[str] = []
        place = len(self.objects)
        ancestors: tuple[str, ...] = ()
        while (first := self.byte()) == _NEW:
            if len(names) >= MAX_DEPTH:
                raise TypedStreamError("nests too deeply")
            self.objects.append(UNFINISHED)
            names.append(self.shared_string())
            self.integer(signed=True)  # the version of the class, which no reader of bodies needs
        if first != _NIL:
            parent = self.known(first)
            if not isinstance(parent, ArchivedClass):
                raise TypedStreamError("refers to an object where a class should be")
            ancestors = parent.names
        chain = (*names, *ancestors)
        if not chain:
            raise TypedStreamError("has an object without a class")
        for step in range(len(names)):
            self.objects[place + step] = _class(chain[step:])
        return _class(chain)

    def object(self) -> Value:
        """One object. The frequent values are read in place: this loop is where the time of a decoding goes."""
        blob, objects = self.blob, self.objects
        at = self.at
        first = blob[at]
        at += 1
        if first != _NEW:
            self.at = at
            return None if first == _NIL else self.whole(first)
        if self.depth >= MAX_DEPTH:
            raise TypedStreamError("nests too deeply")
        self.depth += 1
        place = len(objects)
        objects.append(UNFINISHED)
        index = blob[at] - _FIRST_REFERENCE
        found = objects[index] if 0 <= index < place else None
        if isinstance(found, ArchivedClass):
            made_by = found
            at += 1
        else:
            self.at = at
            made_by = self.class_()
            at = self.at
        self.at = at
        made = made_by.make(self.values([]))
        objects[place] = made
        self.depth -= 1
        return made

    def values(self, values: list[Value]) -> list[Value]:
        """The values of an object to its end, after those given."""
        blob, strings, objects = self.blob, self.strings, self.objects
        at = self.at
        while (first := blob[at]) != END:
            index = first - _FIRST_REFERENCE
            if 0 <= index < len(strings):
                encoding = strings[index]
                at += 1
            else:
                self.at = at
                encoding = self.shared_string()
                at = self.at
            small = blob[at]
            if encoding == "@":
                index = small - _FIRST_REFERENCE
                known = objects[index] if 0 <= index < len(objects) else None
                if isinstance(known, str):
                    values.append(known)
                    at += 1
                else:
                    self.at = at
                    values.append(self.object())
                    at = self.at
            elif encoding == "+" and small < 0x80:
                end = at + 1 + small
                if end > len(blob):
                    raise TypedStreamError("claims more than it holds")
                values.append(blob[at + 1 : end].decode())
                at = end
            elif encoding == "i" and small < 0x80:
                values.append(small)
                at += 1
            elif encoding == "*" and 0 <= (index := small - _FIRST_REFERENCE) < len(objects):
                values.append(self.string(objects[index]))
                at += 1
            else:
                self.at = at
                values += [self.value(kind) for kind in split(encoding)]
                at = self.at
        self.at = at + 1
        return values

    def whole(self, first: int) -> Value:
        """The object that a reference names, which must have been read to its end."""
        found = self.known(first)
        if found is UNFINISHED or isinstance(found, ArchivedClass):
            raise TypedStreamError("refers to an object that is not whole")
        return found  # type: ignore[return-value]  # all other entries are values


@lru_cache(maxsize=256)
def split(encoding: str) -> tuple[str, ...]:
    """The types in an encoding: "iI" is two, "{CGSize=dd}" and "[12c]" are one each."""
    if encoding.isalpha() or len(encoding) == 1:
        return tuple(encoding)
    kinds, depth, start = [], 0, 0
    for at, char in enumerate(encoding):
        depth += (char in "[{") - (char in "]}")
        if depth == 0:
            kinds.append(encoding[start : at + 1])
            start = at + 1
    if start != len(encoding) or not kinds:
        raise TypedStreamError("holds a type that is not known")
    return tuple(kinds)


def _last(values: list[Value]) -> Value:
    return values[-1] if values else None


def _after_count(values: list[Value]) -> Value:
    return values[1:]


def _dictionary(values: list[Value]) -> Value:
    pairs = zip(values[1::2], values[2::2], strict=False)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _as_written(values: list[Value]) -> Value:
    return values


_MAKERS: Mapping[str, Callable[[list[Value]], Value]] = {
    **dict.fromkeys(("NSString", "NSData", "NSDate", "NSURL", "NSNumber", "NSValue"), _last),
    **dict.fromkeys(("NSArray", "NSSet", "NSOrderedSet"), _after_count),
    "NSDictionary": _dictionary,
    "NSAttributedString": AttributedValues,
}
"""How the values that an object wrote become a Python value, by the nearest class that says it."""


@lru_cache(maxsize=256)
def _class(names: tuple[str, ...]) -> ArchivedClass:
    return ArchivedClass(names, next((_MAKERS[name] for name in names if name in _MAKERS), _as_written))
