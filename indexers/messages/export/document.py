"""JSON documents of any size, read forward value by value with their byte offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import IO

from indexers.messages.export.archive import Malformed

Json = Mapping[str, object]

MAX_VALUE = 32 << 20
"""The most bytes of one JSON value (one message) that are held in memory."""

_WINDOW = 1 << 18
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_GOES_ON = re.compile(r"[-+.eE\d]*\Z")
"""After a number that the window's edge may have cut short."""
_DECODER = json.JSONDecoder(strict=False)


class JsonDocument:
    """A JSON document read forward through a window: containers are walked, values decoded, memory stays bounded.

    The window is Latin-1, one character a byte, so that positions are byte offsets and the standard library's scanner
    finds where a value ends; decode `raw` again as UTF-8 where its words matter. Raises Malformed where the document
    breaks off, or one of UNREADABLE.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._text = ""
        self._offset = 0
        self._at = 0
        self._more()
        if self._text.startswith("\xef\xbb\xbf"):
            self._at = 3

    def peek(self) -> str:
        """The next character that is no white space."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches emptiness too
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise Malformed("the file breaks off: what came before was read")

    def elements(self) -> Iterator[None]:
        """Stop at each element of the array that starts here; take, walk or skip it before going on."""
        return self._separated("[", "]")

    def fields(self) -> Iterator[str]:
        """The key of each field of the object that starts here; take, walk or skip each value before going on."""
        for _ in self._separated("{", "}"):
            key = self.word()
            self._expect(":")
            yield key

    def take(self) -> tuple[int, bytes, object]:
        """The value that starts here: its byte offset, its bytes, and itself with its words as Latin-1."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > MAX_VALUE:
                    raise Malformed("one value is broken, or larger than any message", "too_large") from error
                if isinstance(error, RecursionError) or not self._more():
                    raise Malformed("the file breaks off or is not JSON: what came before was read") from error
                continue
            if self._text[end - 1] not in '"}]' and _NUMBER_GOES_ON.match(self._text, end) and self._more():
                continue
            raw = self._text[self._at : end].encode("latin-1")
            start, self._at = self._offset + self._at, end
            return start, raw, value

    def word(self) -> str:
        """The value that starts here as text, "" unless it is text or a number."""
        value = json.loads(self.take()[1].decode("utf-8", "replace"), strict=False)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""

    def skip(self) -> None:
        """Pass over the value that starts here, however large it is."""
        match self.peek():
            case "{":
                for _ in self.fields():
                    self.skip()
            case "[":
                for _ in self.elements():
                    self.skip()
            case _:
                self.take()

    def _separated(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening)
        if self.peek() == closing:
            self._at += 1
            return
        while True:
            yield
            if self.peek() != ",":
                break
            self._at += 1
        self._expect(closing)

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise Malformed("the file is not a JSON export: what came before was read")
        self._at += 1

    def _more(self) -> bool:
        chunk = self._stream.read(max(_WINDOW, len(self._text) - self._at))
        self._offset += self._at
        self._text = self._text[self._at :] + chunk.decode("latin-1")
        self._at = 0
        return bool(chunk)


def as_object(raw: bytes) -> Json:
    """The JSON object that these bytes are, or an empty one. Raises ValueError where they are no JSON."""
    value = json.loads(raw.decode("utf-8", "replace"), strict=False)
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[Json]:
    """The objects of a JSON array; none where it is something else."""
    if isinstance(value, list):
        yield from (element for element in value if isinstance(element, dict))
