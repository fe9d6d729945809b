"""Which set of characters some bytes are in that do not say: told by the letters that they would be."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HIGH = re.compile(rb"[\x80-\xff]+")
_BEYOND = re.compile("[^\x00-\x7f]")
_NO_LETTERS = bytes(at for at in range(128) if not chr(at).isalpha())
_LATIN_SHARE = 0.5
_LATIN_RUN = 1.5
_FITTING = 0.8
"""Letters beyond ASCII stand scattered in Latin text; in other scripts they are the text."""

_WEST = ("äöüß", "àâçéèêëîïôùûüÿæœ", "áéíóúñüªº", "áâãàçéêíóôõúü", "àèéìòù", "åäöæøé", "éëïóöü", "áéíóúýþæðö")
_EAST = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ", "äöüß")
_LATIN: Mapping[str, tuple[str, ...]] = {
    "cp1252": _WEST,
    "cp1250": _EAST,
    "iso8859_2": _EAST,
    "cp1254": ("çğıöşüâîûi\u0307",),
    "mac_roman": _WEST,
    "cp850": _WEST,
}
"""Codecs with the alphabets written in them, the likeliest first."""
_MARKS = frozenset("€–—„“”‚‘’…•·§°«»‹›©®™¿¡½¼²³£\u00a0\u00ad")
_INSIDE = frozenset("’‘·\u00ad")
"""Marks that stand inside words."""

_NEVER = (
    "cp037 cp273 cp424 cp500 cp875 cp1026 cp1140 utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le".split()
)
"""Sets of mainframes, and those that were tried before."""

_RUSSIAN_OFTEN = frozenset("оеаинтсрвл")


def likeliest(data: bytes) -> str:
    """The codec of some text that is not UTF-8 (a few thousand bytes are enough)."""
    runs = _HIGH.findall(data)
    high = sum(map(len, runs))
    letters = len(data.translate(None, _NO_LETTERS))
    scattered = high < _LATIN_RUN * len(runs)
    if scattered or high < _LATIN_SHARE * letters:
        fits = {codec: _fit(data, codec) for codec in _LATIN}
        best = max(fits, key=fits.__getitem__)
        if scattered or fits[best] >= _FITTING:
            return best
    for codec in ("koi8_r", "cp1251"):
        if _is_russian(data.decode(codec, "replace")):
            return codec
    from charset_normalizer import from_bytes

    guess = from_bytes(data, cp_exclusion=_NEVER).best()
    return guess.encoding if guess else "cp1252"


def _fit(data: bytes, codec: str) -> float:
    """How many of the letters and marks beyond ASCII would be those of one language in the places where they stand."""
    text = f" {data.decode(codec, 'replace')} "
    marks = letters = 0.0
    found: list[tuple[str, float]] = []
    for beyond in _BEYOND.finditer(text):
        sign, at = beyond[0], beyond.start()
        letters += 1
        before, after = text[at - 1].isalpha(), text[at + 1].isalpha()
        if sign in _MARKS:
            marks += not (before and after) or sign in _INSIDE
        elif sign.isalpha() and not (sign.isupper() and text[at - 1].islower()):
            found.append((sign.lower(), 1.0 if before or after else 0.5))
    best = max(sum(weight for sign, weight in found if sign in alphabet) for alphabet in _LATIN[codec])
    return (marks + best) / max(letters, 1)


def _is_russian(text: str) -> bool:
    """Whether the letters beyond ASCII are those of Russian, mostly small, and as frequent as there."""
    beyond = [sign for sign in text if not sign.isascii()]
    small = sum("а" <= sign <= "я" for sign in beyond)
    often = sum(sign in _RUSSIAN_OFTEN for sign in beyond)
    return small > 0.8 * len(beyond) and often > 0.45 * len(beyond)
