"""From passages to an answer: asks the model for evidence and words, shows only what the evidence holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime

from agent.answer.citations import cite, supported_by
from agent.answer.prompt import SYSTEM, fitting, prompt, schema
from agent.answer.route import Route, route
from agent.errors import ModelError
from agent.models.protocols import LanguageModel, Prompt
from agent.vocabulary import Answer, Passage

log = logging.getLogger("homebody.answer")

PROMPT_TOKENS = 500
"""What a small model may be given in all: on a laptop's CPU the prompt is what an owner waits for."""

Models = Callable[[str], LanguageModel | None]
"""The model of a tier ("small", "large"), the nearest installed one, or None when there is none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What retrieval found: passages, best first, and whether the best of them is about the question at all."""

    passages: tuple[Passage, ...]
    relevant: bool
    read_as: dict[str, object]
    searched: str


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
    """Yield the answer's text in checked pieces ("" while the model works); the generator's value is the whole Answer.

    No model is called when nothing relevant was retrieved. Without an installed model, and where a model's words do
    not stand in the passages, the best passage itself is the answer. Closing the generator stops the model.
    """
    if not found.relevant or not found.passages:
        result = nothing(question, found)
        yield result.text
        return result
    way = route(question)
    model = models(way.tier)
    asked = (yield from _asked(question, found, way, model, now)) if model is not None else None
    result = asked or _quoted(question, found)
    yield result.text
    return result


def _asked(
    question: str, found: Found, way: Route, model: LanguageModel, now: datetime
) -> Generator[str, None, Answer | None]:
    """The model's answer if its claims stand, or its "not found"; None when its words prove nothing."""
    frame = prompt(question, [], now=now)
    room = min(PROMPT_TOKENS if way.tier == "small" else 4 * PROMPT_TOKENS, model.context_tokens - way.answer_tokens)
    spent = model.count_tokens(SYSTEM) + model.count_tokens(frame.user)
    passages = fitting(found.passages[: way.passages], model.count_tokens, tokens=room - spent)
    reply = yield from _generate(model, prompt(question, passages, now=now), way, len(passages))
    if reply is None:
        return None
    note, words = reply
    if note == 0 or not words.strip() or words.strip().casefold().startswith("not found"):
        return nothing(question, found)
    used = supported_by(words, question, passages, first=note - 1)
    if used is None:
        log.info("an answer was dropped: its claims do not stand in the passages")
        return None
    marks = "".join(f"[{n}]" for n in range(1, len(used) + 1))
    return Answer(
        question=question,
        found=True,
        text=f"{words.strip()} {marks}",
        route="model",
        read_as=found.read_as,
        citations=tuple(cite(n, passages[index], f"{words} {question}") for n, index in enumerate(used, start=1)),
    )


def _generate(
    model: LanguageModel, asked: Prompt, way: Route, notes: int
) -> Generator[str, None, tuple[int, str] | None]:
    """Yield "" for each piece, so that whoever asked can go away in between; the value is (note, words)."""
    parts = []
    try:
        for piece in model.generate(asked, max_tokens=way.answer_tokens, schema=schema(notes)):
            parts.append(piece)
            yield ""
        reply = json.loads("".join(parts))
        return int(reply["note"]), str(reply["answer"])
    except (ModelError, ValueError, KeyError, TypeError) as error:
        log.warning("the model gave no usable answer (%s)", type(error).__name__)
        return None


def _quoted(question: str, found: Found) -> Answer:
    """The best passage in its own words: what an owner gets without a model, or when a model's words do not stand."""
    citation = cite(1, found.passages[0], question)
    return Answer(
        question=question,
        found=True,
        text=f"{citation.quote} [1]",
        route="quote",
        read_as=found.read_as,
        citations=(citation,),
    )
