"""Whether a sentence is a statement of a text, only shorter: nothing put in, nothing turned round. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from agent.answer.claims import content, words

_FRAME = frozenset(
    "document report reports reported says said states stated outlines describes describe mentions according includes "
    "agreement company text note notes mail mails message messages summary summarized also".split()
)
"""Words with which a summary speaks of its text; they tell no fact of it."""
BINDING = frozenset(
    "not no never none nobody nothing neither nor without unless if whether except until only may might could should would shall "
    "hope hopes think thinks believe believes perhaps maybe probably almost planned nicht kein keine nie ohne falls außer "
    "vielleicht don't doesn't didn't won't can't cannot isn't aren't wasn't hasn't haven't shouldn't wouldn't".split()
)
"""Words that bind a statement: left out, it would say more than it does."""
_WHO = frozenset("i we you he she they me us him her them my our your his their mine ours yours theirs".split())
_SKIPPED = 3
"""With more words than that left out of its middle, a sentence may join what was not together."""
_JOINED = re.compile(
    r"(?:,|;)?\s+and\s+(?=(?:the|an?|its|his|her|their|he|she|it|they|there)\b|[A-Z])|;\s+", re.IGNORECASE
)


def shortened(said: str, statements: Sequence[str], *, also: Collection[str] = ()) -> list[int] | None:
    """The statements (by index) that a sentence shortens, one for each of its parts joined by "and"; None where it adds.

    `also` are the names of who says them: these may stand for "I".
    """
    for parts in ([said], _JOINED.split(said)):
        found = [_of(part, statements, {_root(word) for word in also}) for part in parts]
        if all(index is not None for index in found):
            return [index for index in dict.fromkeys(found) if index is not None]
    return None


def _of(part: str, statements: Sequence[str], also: Collection[str]) -> int | None:
    told = [_root(word) for word in content(part) if word not in _FRAME]
    bound, who = BINDING.intersection(words(part)), _WHO.intersection(words(part))
    for index, statement in enumerate(statements):
        if statement.rstrip("\"'”’ )").endswith("?") != part.rstrip().endswith("?"):
            continue  # who asks does not tell
        held = frozenset(words(statement))
        named = also if held & {"i", "i'll", "i’ll", "i'm", "i’m"} else ()
        if BINDING & held == bound and who <= held and _runs(told, [_root(one) for one in content(statement)], named):
            return index
    return None


def _runs(told: Sequence[str], source: Sequence[str], also: Collection[str]) -> bool:
    """Whether the words told stand in the source in this order, with few left out between them."""
    at, held = -1, 0
    for word in told:
        near = range(at + 1, len(source) if at < 0 else min(len(source), at + 2 + _SKIPPED))
        place = next((n for n in near if source[n] == word), None)
        if place is not None:
            at, held = place, held + 1
        elif word not in also or any(letter.isdigit() for letter in word):
            return False
    return held >= 2


def _root(word: str) -> str:
    """A word without its genitive and plural endings, for comparing."""
    word = re.split(r"['’]", word)[0]
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
