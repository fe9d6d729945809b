"""Every claim stands: what a sentence says must be in the passages it cites, or it is not shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from agent.answer.prompt import dated, header
from agent.vocabulary import Passage

_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'’@\-+][^\W_]+)*", re.UNICODE)
_ADDRESS = re.compile(r"@|[^\W\d_]\.[^\W\d_]{2}")
"""What makes a word without capitals or digits an address: of a mail, of a place in the web."""
_PARTS = re.compile(r"[.,:/'’@\-+]")
FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|me|my|mine|we|us|our|ours|ich|mir|mich|meine?[mnrs]?|wir|uns|unsere?[mnrs]?)\b", re.IGNORECASE
)
_YES_OR_NO = re.compile(r"(?:yes|no)\b", re.IGNORECASE)
_STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her him his how i if in into is it "
    "its me my of on or our she so than that the their them then there these they this to us was we were what when "
    "where which who whom whose why will with would you your not no yes".split()
)
_SHORT = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|Fr|Hr|approx|ca|bzw|usw|vs|e\.g|i\.e|z\.\s?B|d\.\s?h)\.$")
_ORDINAL = re.compile(r"\b\d{1,2}\.$")
_MONTH = re.compile(r"(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)")
_FULL = 60
"""Letters of a line from which on its end may be where it was full, and not where its writer ended it."""
_NEAR = 2
"""Within how many words a number and the word it counts stand together."""
_EXCHANGE = timedelta(minutes=30)


def words(text: str) -> list[str]:
    """The words and numbers of a text, folded for comparison; inner punctuation of numbers and addresses is kept."""
    return [match.group().casefold() for match in _TOKEN.finditer(text)]


def content(text: str) -> list[str]:
    """The words that carry meaning."""
    return [word for word in words(text) if word not in _STOP]


def pieces(tokens: Iterable[str]) -> set[str]:
    """Words with their parts, for a compound counts by its parts too: "14:30," said as "14" and "30"."""
    return {part for token in tokens for part in (token, *_PARTS.split(token)) if part}


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence or line of a text starts and ends."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _ends_nothing(text, match):
            continue
        if text[start : match.start()].strip():
            spans.append((start, match.start()))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


def _ends_nothing(text: str, end: re.Match[str]) -> bool:
    """Whether a stop or the end of a line is none of a sentence: "Dr. Weiss", "20. Juni", a line of a page that was full."""
    if text[end.start() - 1 : end.start()] == ".":
        before = text[max(0, end.start() - 12) : end.start()]
        return bool(_SHORT.search(before) or (_ORDINAL.search(before) and _MONTH.match(text, end.end())))
    if end[0] != "\n" or end.start() == 0:
        return False
    line = text[text.rfind("\n", 0, end.start()) + 1 : end.start()]
    following = text[end.end() : end.end() + 1]
    return len(line) >= _FULL and line[-1] not in "!?:;。！？" and following.isalnum() and not set(line) & {"|", "\t"}


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the space between them."""
    return [text[start:end] for start, end in sentence_spans(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """One sentence of a passage as evidence; `head` says who, when and where the whole passage is from."""

    passage: int
    said: list[str]
    head: list[str]

    @property
    def held(self) -> set[str]:
        return pieces((*self.said, *self.head))


def supported_by(said: str, question: str, passages: Sequence[Passage]) -> list[int] | None:
    """The passages (by index, the one that says most of it first) that hold every claim of a sentence, or None.

    Claims are numbers, names and addresses. They must stand in sentences that speak of what the answer or the question speaks of,
    and a number beside the word it counts: "9 euros" is not held by "9 March, 84 euros". Half of the answer's words
    must stand there or in the question, and one at least must be new: an echo of the question answers nothing.
    """
    asked, told = pieces(words(question)), content(said)
    if all(word in asked for word in told) and not _YES_OR_NO.match(said):
        return None
    units = [unit for index, passage in enumerate(passages) for unit in _units(index, passage)]
    claims = _claims(said, asked, known=set().union(*(unit.held for unit in units)))
    used = _chosen(units, told, claims, about={*told, *content(question)})
    if not used:
        return None
    known = asked.union(*(unit.held for unit in used))
    if len(_held(told, known)) * 2 < len(set(told)) or not _counts_stand(said, used):
        return None
    found = list(dict.fromkeys(unit.passage for unit in used))
    return found if _speak_of(question, found, passages) else None


def _units(index: int, passage: Passage) -> Iterator[_Unit]:
    day = passage.when
    dates = f"{day:%a %A} {day.day} {day:%B %Y %d %m %H:%M} {day.month}" if day else ""
    head = words(f"{dates} {passage.context}")
    # Whoever wrote "Lena got the job" did not get it: a message tells of its people where it speaks in the first person.
    if passage.kind != "message" or FIRST_PERSON.search(passage.text):
        head += words(" ".join((header(passage), passage.title, *passage.people)))
    for sentence in sentences(dated(passage.text, passage.when)):
        yield _Unit(passage=index, said=words(sentence), head=head)


def _claims(said: str, asked: Collection[str], *, known: Collection[str]) -> set[str]:
    """What must be proven: every number, every address, and every word written like a name.

    The first word of a sentence may be any word: it is a claim where the evidence knows it.
    """
    claims: set[str] = set()
    for match in _TOKEN.finditer(said):
        token = match.group()
        before = said[: match.start()].rstrip()
        opens = not before or before[-1] in ".!?:"
        named = token[:1].isupper() and (not opens or token.casefold() in known)
        if named or any(letter.isdigit() for letter in token) or _ADDRESS.search(token):
            claims.add(token.casefold())
    return {claim for claim in claims if claim not in asked and claim not in _STOP}


def _chosen(units: Sequence[_Unit], told: list[str], claims: set[str], *, about: set[str]) -> list[_Unit]:
    """The sentence that says most of an answer, then those that hold its other claims; [] where a claim is nowhere."""
    if not units:
        return []
    first = max(units, key=lambda unit: len(_held(told, pieces(unit.said))) + 0.01 * len(_held(told, unit.held)))
    used, missing = [first], claims - _held(claims, first.held)
    while missing:
        best = max(
            (unit for unit in units if unit not in used and _held(about - missing, pieces(unit.said))),
            key=lambda unit: len(_held(missing, _proves(unit, first))),
            default=None,
        )
        proven = _held(missing, _proves(best, first)) if best else set()
        if best is None or not proven:
            return []
        used.append(best)
        missing -= proven
    return used


def _proves(unit: _Unit, first: _Unit) -> set[str]:
    """What a further sentence may prove: of another passage its words alone, not the day or the people it is from."""
    return unit.held if unit.passage == first.passage else pieces(unit.said)


def _speak_of(question: str, found: Sequence[int], passages: Sequence[Passage]) -> bool:
    """Whether the used passages, or what was said beside them, hold a word of the question; True where none does."""
    wanted = set(content(question))
    about = [bool(_held(wanted, pieces(words(f"{passage.title} {passage.text}")))) for passage in passages]
    return not any(about) or any(
        about[other] and (other == index or _beside(passages[index], passages[other]))
        for index in found
        for other in range(len(passages))
    )


def _beside(one: Passage, other: Passage) -> bool:
    """Whether two messages belong to one exchange: the answer often holds no word of its question."""
    if one.when is None or other.when is None or one.kind != "message":
        return False
    same = (one.source, one.title, one.people) == (other.source, other.title, other.people)
    return same and abs(one.when - other.when) <= _EXCHANGE


def _held(said: Iterable[str], evidence: set[str]) -> set[str]:
    return {word for word in said if word in evidence or pieces([word]) <= evidence}


def _counts_stand(said: str, used: Sequence[_Unit]) -> bool:
    """Whether each number stands near the very word that follows it, wherever the evidence has that word at all."""
    runs = [run for unit in used for run in (unit.said, unit.head)]
    for number, counted in pairwise(words(said)):
        if number[0].isdigit() and not counted[0].isdigit() and counted not in _STOP:
            near = [
                pieces(run[max(0, at - _NEAR) : at + _NEAR + 1])
                for run in runs
                for at, word in enumerate(run)
                if word == counted
            ]
            if near and not any(_held([number], around) for around in near):
                return False
    return True
