"""Citations: the piece of a passage that says what was wanted, character for character. Pure."""

from __future__ import annotations

import re

from agent.answer.claims import content, pieces, sentence_spans, words
from agent.vocabulary import Citation, Passage

_QUOTE_LETTERS = 400
_MARK = re.compile(r"\[(\d+)\]")


def plain(text: str) -> str:
    """Words of the owner's data on one line, and without marks that look like ours: [1] is shown as (1)."""
    return _MARK.sub(r"(\1)", " ".join(text.split()))


def best_quote(passage: Passage, wanted: str) -> str:
    """The sentences of a passage that say most of `wanted`, character for character, at most a few lines long."""
    text = passage.text
    if len(text) <= _QUOTE_LETTERS:
        return text
    spans = sentence_spans(text) or [(0, len(text))]
    targets = set(content(wanted))
    weights = [len(targets & pieces(words(text[a:b]))) / (1 + len(words(text[a:b]))) ** 0.25 for a, b in spans]
    best = max(range(len(spans)), key=weights.__getitem__)
    start, end = spans[best]
    for neighbour in range(best + 1, len(spans)):
        if spans[neighbour][1] - start > _QUOTE_LETTERS:
            break
        end = spans[neighbour][1]
    return text[start : min(end, start + _QUOTE_LETTERS)].strip()


def cite(n: int, passage: Passage, quote: str) -> Citation:
    """A citation of what stands in a passage, letter for letter."""
    return Citation(
        n=n,
        source=passage.source,
        kind=passage.kind,
        title=passage.title,
        people=passage.people,
        when=passage.when,
        locator=passage.locator,
        quote=quote,
        also=passage.also,
        id=passage.id,
        read_by=passage.read_by,
    )
