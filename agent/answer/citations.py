"""Every claim stands: what an answer says must be in the passages it cites, or it is not shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.answer.prompt import note
from agent.vocabulary import Citation, Passage

_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'’@\-+][^\W_]+)*", re.UNICODE)
_YES_OR_NO = re.compile(r"(?:yes|no)\b", re.IGNORECASE)
_QUOTE_LETTERS = 400
_STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her him his how i if in into is it "
    "its me my of on or our she so than that the their them then there these they this to us was we were what when "
    "where which who whom whose why will with would you your not no yes".split()
)


def words(text: str) -> list[str]:
    """The words and numbers of a text, folded for comparison; inner punctuation of numbers and addresses is kept."""
    return [match.group().casefold() for match in _TOKEN.finditer(text)]


def content(text: str) -> list[str]:
    return [word for word in words(text) if word not in _STOP]


def _pieces(tokens: Iterable[str]) -> set[str]:
    """A compound counts by its parts too: "14:30," said as "14" and "30"."""
    out: set[str] = set()
    for token in tokens:
        out.add(token)
        out.update(part for part in re.split(r"[.,:/'’@\-+]", token) if part)
    return out


def _evidence(passage: Passage) -> set[str]:
    dates = [f"{passage.when:%A %B %d %m %Y %H:%M} {passage.when.day} {passage.when.month}"] if passage.when else []
    said = [passage.text, note(passage), passage.title, passage.context, *passage.people, *dates]
    return _pieces(words(" ".join(said)))


def _claims(answer: str, question: str) -> set[str]:
    """What in an answer must be proven: every number, and every word written like a name inside a sentence."""
    asked = _pieces(words(question))
    claims: set[str] = set()
    for match in _TOKEN.finditer(answer):
        token = match.group()
        opens = not answer[: match.start()].rstrip() or answer[: match.start()].rstrip()[-1] in ".!?:"
        if any(letter.isdigit() for letter in token) or (token[:1].isupper() and not opens):
            claims.add(token.casefold())
    return {claim for claim in claims if claim not in asked and claim not in _STOP}


def supported_by(said: str, question: str, passages: Sequence[Passage]) -> list[int] | None:
    """The passages (by index, the one that says most of it first) that hold every claim of a sentence, or None.

    Claims are numbers and names. Beyond them, half of the sentence's content words must stand in the passages or in
    the question, and one at least must not come from the question: a sentence that echoes it answers nothing.
    """
    asked = _pieces(words(question))
    fresh = [word for word in content(said) if word not in asked]
    if not fresh and not _YES_OR_NO.match(said):
        return None
    held = [_evidence(passage) for passage in passages]
    order = sorted(range(len(passages)), key=lambda index: -len(_held(content(said), held[index])))
    missing, known = _claims(said, question), set(asked)
    used: list[int] = []
    for index in order:
        proven = _held(missing, held[index])
        if not used or proven:
            used.append(index)
            known |= held[index]
            missing -= proven
        if not missing:
            break
    told = content(said)
    if missing or len(_held(told, known)) * 2 < len(set(told)):
        return None
    return used


def _held(said: Iterable[str], evidence: set[str]) -> set[str]:
    return {word for word in said if word in evidence or _pieces([word]) <= evidence}


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the space between them."""
    return [text[start:end] for start, end in _sentences(text)]


def best_quote(passage: Passage, wanted: str) -> str:
    """The sentences of a passage that say most of `wanted`, character for character, at most a few lines long."""
    text = passage.text
    if len(text) <= _QUOTE_LETTERS:
        return text
    spans = _sentences(text)
    targets = set(content(wanted))
    weights = [len(targets & _pieces(words(text[a:b]))) / (1 + len(words(text[a:b]))) ** 0.25 for a, b in spans]
    best = max(range(len(spans)), key=weights.__getitem__)
    start, end = spans[best]
    for neighbour in range(best + 1, len(spans)):
        if spans[neighbour][1] - start > _QUOTE_LETTERS:
            break
        end = spans[neighbour][1]
    return text[start : min(end, start + _QUOTE_LETTERS)].strip()


def _sentences(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if text[start : match.start()].strip():
            spans.append((start, match.start()))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans or [(0, len(text))]


def cite(n: int, passage: Passage, wanted: str) -> Citation:
    """A citation whose quote stands in the passage, letter for letter."""
    return Citation(
        n=n,
        source=passage.source,
        kind=passage.kind,
        title=passage.title,
        people=passage.people,
        when=passage.when,
        locator=passage.locator,
        quote=best_quote(passage, wanted),
    )
