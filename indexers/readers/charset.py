"""Bytes of a declared, wrong or unknown character set become text; nothing here ever fails."""

from __future__ import annotations

import codecs
from functools import lru_cache

# Declared names that mean more than they say: what writers declare is a subset of what they write (WHATWG Encoding).
_WIDER = {
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
# Text codecs that are slow on hostile bytes, run escapes or warn: no mail program writes them.
_REFUSED = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})


@lru_cache(maxsize=256)
def _codec(declared: str) -> str:
    """The codec to try first for a declared name; utf-8 for names that are unknown, refused or no text codec."""
    try:
        name = codecs.lookup(declared.strip().strip("\"'").lower()).name
        "".encode(name)
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _REFUSED else _WIDER.get(name, name)


def decode(data: bytes, declared: str = "") -> str:
    """Text of `data`: the declared set, else UTF-8, else Windows-1252 with U+FFFD for what that leaves undefined.

    A byte order mark outranks the declaration. NUL characters are dropped: no text has them and SQLite stops at them.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        declared = "utf-16"
    text = _decoded(data.removeprefix(codecs.BOM_UTF8), _codec(declared) if declared else "utf-8")
    return text.replace("\x00", "") if "\x00" in text else text


def _decoded(data: bytes, codec: str) -> str:
    for candidate in dict.fromkeys((codec, "utf-8")):
        try:
            text = data.decode(candidate)
            if candidate == "utf-7":
                text.encode()  # this codec alone lets lone surrogates through, which nothing can store
        except (UnicodeError, ValueError):
            continue
        return text
    return data.decode("cp1252", "replace")
