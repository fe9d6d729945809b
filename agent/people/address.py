"""One address however it is written: phone numbers in E.164, mail addresses in lower case, anything else as it is."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

NOBODY = "unknown"
"""The handle under which sources file what nobody signed: it is no person."""

_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]")
_DIGITS = re.compile(r"\+?\d{5,}")
_LEAST_DIGITS, _MOST_DIGITS = 7, 15
"""E.164 allows no more; what is longer or shorter is the number of something else."""


def spelled(handle: str) -> str:
    """One spelling for one way to write an address: digits of a number, lower-case mail, single spaces in a name.

    It needs no country, so that what is stored does not depend on where the owner lives.
    """
    folded = " ".join(handle.split())
    if "@" in folded:
        return folded.lower()
    digits = _PUNCTUATION.sub("", folded)
    return digits if _DIGITS.fullmatch(digits) else folded


@lru_cache(maxsize=2**16)
def address(handle: str, region: str) -> str:
    """What two handles have in common when they are one address.

    A phone number becomes its E.164 form, read as one dialled in `region` (ISO 3166, "" when not known: then only
    numbers with a country code are told). What no telephone can have, such as short codes of companies, stays.
    """
    plain = spelled(handle)
    if not _DIGITS.fullmatch(plain) or len(plain) > _MOST_DIGITS + 2:
        return plain
    dialled = "+" + plain[2:] if plain.startswith("00") else plain
    try:
        number = phonenumbers.parse(dialled, region or None)
    except phonenumbers.NumberParseException:
        return dialled
    if len(plain) < _LEAST_DIGITS or not phonenumbers.is_possible_number(number):
        return dialled
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def is_number(found: str) -> bool:
    """Whether an address is a phone number."""
    return _DIGITS.fullmatch(found) is not None
