"""Whether what was found can answer: how much of the question it holds, how near it is, and of whom it tells. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.retrieval.query import UNSEGMENTED, WORD, fold, name_words
from agent.vocabulary import Passage, Query

_HALF = 0.5
_ENDINGS = ("ingly", "edly", "ings", "ies", "ing", "ied", "ily", "ed", "es", "ly", "s")
_OWNER = re.compile(r"\b(?:i|me|my|mine|we|us|our)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One passage held against a question: the share of its words that it covers, and the cosine of its block (0..1)."""

    passage: Passage
    covered: float
    similarity: float


def spoken(found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence without weeks and months in sentences that hold less than half of the question's words.

    There are many of them and all alike, so one is always near: "monthly rent" is not about the steps of a month.
    """
    return tuple(entry for entry in found if entry.passage.kind != "narrative" or entry.covered >= _HALF)


def telling(query: Query, found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence that can tell of the one person a question names: what they said, or what names them.

    People speak of themselves: of 685 questions about one person (LoCoMo, five conversations) 97 % are answered by a
    message of that person's and 1 % by one that names them; where a question swaps who did what, 51 % are. Documents,
    conversations that the person is no part of, and questions about two people or about the owner are not judged.
    """
    others = [person for person in query.people if not person.me]
    if len(others) != 1 or len(query.people) != 1 or _OWNER.search(query.text):
        return tuple(found)
    name = others[0].name
    named = {unit for word in WORD.findall(name) for unit in _units(word)}
    return tuple(entry for entry in found if _tells_of(name, named, entry.passage))


def _tells_of(name: str, named: set[str], passage: Passage) -> bool:
    if passage.kind != "message" or passage.sender == name or name not in passage.people:
        return True
    return not named.isdisjoint(unit for word in WORD.findall(passage.text) for unit in _units(word))


def support(told: Sequence[Evidence], found: Sequence[Evidence]) -> float:
    """How likely 0..1 an answer was found: from the best that `told` holds, and from how much better others are.

    A logistic fit with hand-rounded weights: of questions with an answer (LoCoMo, five conversations) 90 % reach
    one half, of questions about another life 17 %, of questions that swap who did what 77 %.
    """
    covered = max((entry.covered for entry in told), default=0.0)
    similarity = max((entry.similarity for entry in told), default=0.0)
    lost = _best(found) - _best(told)
    return 1.0 / (1.0 + math.exp(3.4 - 4.0 * covered - 6.0 * similarity + 2.5 * lost))


def _best(entries: Sequence[Evidence]) -> float:
    return max((entry.covered + 2.0 * entry.similarity for entry in entries), default=0.0)


def coverage(query: Query, text: str, frequencies: Mapping[str, int], total: int) -> float:
    """The share 0..1 of a question's words that a text holds, each weighed by how rare it is among `total` passages.

    `frequencies` maps terms to the number of passages that hold them; a term that is missing there is held by none and
    weighs most. Names of people do not count: a passage is about them by its sender too. 0 where there is no word.
    """
    names = {unit for word in name_words(query, query.people) for unit in _units(word)}
    rarity: dict[str, float] = {}
    for term in query.terms:
        count = min(frequencies.get(term, 0), total)
        for unit in _units(term):
            if unit not in names:
                rarity[unit] = max(rarity.get(unit, 0.0), math.log1p((total - count + 0.5) / (count + 0.5)))  # as BM25
    held = {unit for word in WORD.findall(text) for unit in _units(word)}
    whole = sum(rarity.values())
    return sum(weight for word, weight in rarity.items() if word in held) / whole if whole else 0.0


def stem(word: str) -> str:
    """A word without case, accents and its commonest English endings; equal for most forms of one word.

    Coarser than Porter, and for comparing with itself only. Other languages keep more of their endings.
    """
    word = fold(word)
    ending = next((ending for ending in _ENDINGS if word.endswith(ending) and len(word) - len(ending) >= 3), "")
    word = word.removesuffix(ending)
    bare = word.rstrip("eiy")
    word = bare if len(bare) >= 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _units(word: str) -> Iterator[str]:
    """What is compared of a word: its stem, or each two characters where a script has no spaces."""
    for run in UNSEGMENTED.findall(word):
        yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
    yield from (stem(part) for part in UNSEGMENTED.split(word) if part)
