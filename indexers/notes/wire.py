"""The wire format of protocol buffers: fields by number out of foreign bytes, without a schema."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MOST_BYTES = 64_000_000
"""The most bytes that one compressed value may hold: some thirty million characters."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10
_GZIP_OR_ZLIB = 47


class Damaged(Exception):
    """The bytes are not what they should be; the text says how, never what they hold."""


class TooLarge(Damaged):
    """A value holds more than MOST_BYTES."""


class Message:
    """The fields of one message, by number, each as often as it occurs. Read at once, so that damage shows at once."""

    __slots__ = ("_fields",)

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def number(self, field: int, default: int = 0) -> int:
        """A varint; the last one counts, as in every protocol buffer."""
        found = self._fields.get(field, (default,))[-1]
        return found if isinstance(found, int) else default

    def text(self, field: int) -> str:
        return self.data(field).decode("utf-8", "replace")

    def data(self, field: int) -> bytes:
        found = self._fields.get(field, (b"",))[-1]
        return found if isinstance(found, bytes) else b""

    def strings(self, field: int) -> list[bytes]:
        """All values of a repeated field of strings or bytes."""
        return [found for found in self._fields.get(field, ()) if isinstance(found, bytes)]

    def child(self, field: int) -> Message:
        """The message in a field; an empty one where there is none."""
        return Message(self.data(field))

    def children(self, field: int) -> Iterator[Message]:
        """The messages in a repeated field, one by one."""
        for found in self.strings(field):
            yield Message(found)


def inflated(data: bytes) -> bytes:
    """The contents of a gzip or zlib stream, at most MOST_BYTES of it. Raises Damaged."""
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        out = stream.decompress(data, MOST_BYTES)
    except zlib.error:
        raise Damaged("is not compressed as notes are") from None
    if stream.unconsumed_tail:
        raise TooLarge(f"holds more than {MOST_BYTES // 1_000_000} MB")
    if not stream.eof:
        raise Damaged("breaks off")
    return out


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise Damaged("has a field of a kind that does not exist")
        if size > end - at:
            raise Damaged("breaks off in a field")
        if kind == _BYTES:
            yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise Damaged("breaks off in a number")
