"""Text exports line by line: UTF-8 with or without a mark, UTF-16, and single lines in Windows' Western encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from io import StringIO
from itertools import chain
from typing import IO, Literal

from indexers.messages.export.archive import Malformed

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be"]

_MARKS: dict[bytes, Encoding] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_LINK = re.compile(r"https?://[^\s<>|]+")
_MAX_LINE = 1 << 20
_MAX_UTF16 = 128 << 20


def lines_of(stream: IO[bytes]) -> tuple[Encoding, Iterator[tuple[bytes, str]]]:
    """The encoding of a text, and its lines with their ends, raw and decoded. Lines longer than 1 MB come in pieces.

    Raises Malformed when a text in UTF-16 is too long to be held in memory.
    """
    first = stream.readline(_MAX_LINE)
    for mark, encoding in _MARKS.items():
        if first.startswith(mark):
            raw = first + stream.read(_MAX_UTF16)
            if len(raw) > _MAX_UTF16:
                raise Malformed("a text in UTF-16 this long cannot be read; save it as UTF-8", "too_large")
            text = StringIO(raw.decode(encoding, "replace"), newline="\n")
            return encoding, ((line.encode(encoding), line) for line in text)
    rest = iter(partial(stream.readline, _MAX_LINE), b"")
    return "utf-8", ((raw, _utf8(raw)) for raw in chain([first], rest))


def decoded(raw: bytes, encoding: Encoding) -> str:
    """A stretch of whole lines as `lines_of` decodes them."""
    if encoding != "utf-8":
        return raw.decode(encoding, "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "\n".join(map(_utf8, raw.split(b"\n")))


def content_id(*parts: object) -> str:
    """The id of a message that has none of its own: a hash of what it is made of."""
    return blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=12).hexdigest()


def links(text: str) -> tuple[str, ...]:
    """The web addresses in a text, each once."""
    return tuple(dict.fromkeys(found.rstrip(".,;:!?)'\"") for found in _LINK.findall(text))) if "://" in text else ()


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
