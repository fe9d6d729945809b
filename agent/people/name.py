"""Names of people: which are full enough to tell two people apart, and which two may be one person's."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

FullName = tuple[str, ...]
"""The folded words of a name, given name first; () where it is no full name of one person."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_TITLES = frozenset("mr mrs ms miss mx dr prof sir dame herr frau madame monsieur mme sr sra jr ii iii phd md".split())
_ROLES = frozenset(
    "team support service services customer noreply reply info office newsletter notification notifications admin "
    "administrator sales billing account accounts security news mailer daemon postmaster help helpdesk desk group "
    "company gmbh inc ltd llc store shop bank via the".split()
)


@lru_cache(maxsize=2**16)
def words(name: str) -> FullName:
    """The folded words of a name, given name first, without titles and single letters; none where it is an address."""
    if "@" in name:
        return ()
    family, comma, given = name.partition(",")
    found = (_fold(word) for word in _WORD.findall(f"{given} {family}" if comma else name))
    return tuple(word for word in found if len(word) > 1 and word not in _TITLES)


def full(name: str) -> FullName:
    """The words of a name that has a given and a family name, else (): a first name alone tells nobody apart."""
    found = words(name)
    return found if len(found) > 1 and _ROLES.isdisjoint(found) else ()


def may_be_one(one: str, other: str) -> bool:
    """Whether two names may be one person's: not two full names of which neither is a part of the other.

    "Mum" may be "Helga Winter" and "Anna Berger" may have become "Anna Schmidt"; "Ben Berger" is another.
    """
    a, b = words(one), words(other)
    return len(a) < 2 or len(b) < 2 or a[0] == b[0] or set(a) <= set(b) or set(b) <= set(a)


def _fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
