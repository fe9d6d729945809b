"""The name of a file as an item's id: its absolute path, printable and reversible whatever bytes the name holds."""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, text direction overrides, undecodable bytes, and the escape itself.
_ESCAPED = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_SURROGATE_BYTE = 0xDC00


def id_of(path: str) -> str:
    r"""A path as `os` gives it, with "\\" for a backslash, "\xff" for an undecodable byte and "\u000a" for a control.

    Paths without such characters are their own id; ids of folders are prefixes of the ids in them.
    """
    return _ESCAPED.sub(_escape, path)


def path_of(item_id: str) -> str:
    """The path that `id_of` was given."""
    return _ESCAPE.sub(_unescape, item_id) if "\\" in item_id else item_id


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return r"\\"
    return f"\\x{code - _SURROGATE_BYTE:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(_SURROGATE_BYTE + int(match[1], 16))
    return chr(int(match[2], 16)) if match[2] else "\\"
