"""From passages to an answer: a model puts it into words, and only sentences that the passages hold are shown."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.answer.citations import best_quote, cite, plain
from agent.answer.claims import sentences, supported_by
from agent.answer.expected import fits
from agent.answer.prompt import LONG, SHORT, UNSURE, dated, fitting, header, prompt
from agent.answer.route import route
from agent.errors import ModelError
from agent.models.protocols import LanguageModel
from agent.vocabulary import Answer, Passage

log = logging.getLogger("homebody.answer")

PROMPT_TOKENS = 500
"""What a small model may be given in all: on a laptop's CPU the prompt is what an owner waits for."""

POSSIBLE = 0.2
"""Below this support no model is asked (see `agent.retrieval.support`); up to SUPPORTED it may say "not found"."""
SUPPORTED = 0.5
"""From which support on the passages are likely to tell what was asked."""
QUOTABLE = 0.7
"""From which support on the best passage is an answer by itself: nine in ten of those that are about another life are below."""
_FAR = 0.6
"""Passages with less than this share of the best score are left out: 1 point of recall, 1 of 6 passages (LoCoMo)."""

_OWN_MARKS = re.compile(r"(?:\s*\[\d+\])+\s*$")
"""Marks that a model puts after its sentence: what it rests on is found out here, not believed."""

Models = Callable[[str], LanguageModel | None]
"""The model of a tier ("small", "large"), the nearest installed one, or None when there is none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What retrieval found: passages, best first, and how well they support an answer (0..1)."""

    passages: tuple[Passage, ...]
    support: float
    read_as: dict[str, object]
    searched: str


@dataclass(slots=True)
class _Said:
    """Sentences that stand, each with the passages it rests on, numbered as they come."""

    sentences: list[str] = field(default_factory=list)
    passages: list[int] = field(default_factory=list)
    declined: bool = False

    def add(self, sentence: str, used: list[int]) -> str:
        """The sentence with its marks, as it is shown."""
        self.passages += [index for index in used if index not in self.passages]
        marks = "".join(f"[{self.passages.index(index) + 1}]" for index in used)
        self.sentences.append(f"{sentence} {marks}")
        return self.sentences[-1]


def nothing(question: str, found: Found) -> Answer:
    """The answer when nothing relevant was found; says what was searched."""
    return Answer(
        question=question,
        found=False,
        text=f"I could not find that in your data. {found.searched}".strip(),
        route="none",
        read_as=found.read_as,
    )


def answer(question: str, found: Found, models: Models, *, now: datetime) -> Generator[str, None, Answer]:
    """Yield the answer sentence by sentence, each once it is checked, and "" while the model works.

    The generator's value is the whole Answer. No model is called when nothing relevant was retrieved. Without an
    installed model, and where no sentence of its stands in the passages, the best passage itself is the answer.
    Closing the generator stops the model.
    """
    if found.support < POSSIBLE or not found.passages:
        result = nothing(question, found)
        yield result.text
        return result
    way = route(question)
    told = found.passages[0].kind == "narrative"  # numbers in sentences by arithmetic: no model may retell them
    model = None if told else models(way.tier)
    said = _Said()
    passages: list[Passage] = []
    if model is not None:
        system = LONG if way.tier == "large" else SHORT if found.support >= SUPPORTED else UNSURE
        spent = model.count_tokens(system) + model.count_tokens(prompt(question, [], system=system, now=now).user)
        room = min(
            PROMPT_TOKENS if way.tier == "small" else 4 * PROMPT_TOKENS, model.context_tokens - way.answer_tokens
        )
        passages = fitting(_near(found.passages)[: way.passages], model.count_tokens, tokens=room - spent)
        pieces = model.generate(prompt(question, passages, system=system, now=now), max_tokens=way.answer_tokens)
        yield from _checked(pieces, question, passages, said)
    if said.sentences:
        wanted = f"{' '.join(said.sentences)} {question}"
        return Answer(
            question=question,
            found=True,
            text=" ".join(said.sentences),
            route="model",
            read_as=found.read_as,
            citations=tuple(
                cite(n, passages[index], best_quote(passages[index], wanted))
                for n, index in enumerate(said.passages, start=1)
            ),
        )
    quoted = _quoted(question, found)
    sure = found.support >= QUOTABLE and not said.declined and fits(question, quoted.citations[0].quote)
    result = quoted if sure else nothing(question, found)
    yield result.text
    return result


def _near(passages: Sequence[Passage]) -> Sequence[Passage]:
    """Without numbers in sentences, and without what ranks far below the best: a small model believes any note."""
    best = passages[0].score
    return [passage for passage in passages if passage.score >= _FAR * best and passage.kind != "narrative"]


def _checked(pieces: Iterator[str], question: str, passages: list[Passage], said: _Said) -> Generator[str, None, None]:
    """Yield each sentence that stands once it is whole, "" for what is not a sentence yet; the rest is dropped."""
    dropped = 0
    try:
        for sentence in _whole_sentences(pieces):
            if sentence is None:
                yield ""
                continue
            if not said.sentences and sentence.casefold().startswith("not found"):
                said.declined = True
                return
            sentence = plain(_OWN_MARKS.sub("", sentence))
            used = supported_by(sentence, question, passages)
            if used is None or not (said.sentences or fits(question, sentence)):
                dropped += 1
            else:
                yield said.add(sentence, used)
    except ModelError as error:
        log.warning("the model gave no usable answer (%s)", type(error).__name__)
    if dropped:
        log.info("dropped=%d sentences whose claims do not stand in the passages", dropped)


def _whole_sentences(pieces: Iterator[str]) -> Iterator[str | None]:
    """Each sentence as soon as the next one begins; None for each piece, so that whoever asked can go away."""
    text, done = "", 0
    for piece in pieces:
        text += piece
        yield None
        whole = sentences(text)[:-1]
        yield from whole[done:]
        done = len(whole)
    yield from sentences(text)[done:]


def _quoted(question: str, found: Found) -> Answer:
    """The best passage in its own words, with who and when: without a model, or when a model's words do not stand."""
    best = found.passages[0]
    citation = cite(1, best, best_quote(best, question))
    return Answer(
        question=question,
        found=True,
        text=f"{plain(f'{header(best)}: {dated(citation.quote, best.when)}')} [1]",
        route="quote",
        read_as=found.read_as,
        citations=(citation,),
    )
