"""Names as exports write them, in the form that stays the same over the years."""

from __future__ import annotations

import re
from functools import lru_cache

from indexers.health.apple.markup import text

LONGEST_NAME = 400
"""Characters of a type, unit, source, device or state that are kept; real ones have half of that at most."""

_DEVICE_FIELD = re.compile(r"\b(?:name|manufacturer|model|hardware):.*?(?=, [\w ]+:|>*$)")
_DEVICE_ADDRESS = re.compile(r"<*HKDevice: 0x[0-9a-f]+>?,? ?")


@lru_cache(maxsize=4096)
def name(raw: bytes) -> str:
    """The characters of a name, not more than LONGEST_NAME."""
    return text(raw)[:LONGEST_NAME]


@lru_cache(maxsize=4096)
def device_words(device: str) -> str:
    """A HKDevice description without its memory address and versions, so that one device stays one over the years."""
    fields = _DEVICE_FIELD.findall(device)
    return ", ".join(fields) if fields else _DEVICE_ADDRESS.sub("", device).strip("<> ")
