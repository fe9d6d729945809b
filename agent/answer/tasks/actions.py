"""What is to be done by a text: each with who and by when as far as it says so, none without the words it stands in."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Sequence
from itertools import islice

from agent.answer.answerer import Models
from agent.answer.claims import sentence_spans
from agent.answer.entities.duties import Duty, duties, given_names
from agent.answer.entities.reading import by_model
from agent.answer.prompt import header
from agent.answer.tasks.material import Line, Made, Material
from agent.errors import ModelError
from agent.vocabulary import Answer, Passage

log = logging.getLogger("homebody.answer")

_READ_BY_MODEL = 4
"""Passages that a model is asked about: only sentences that sound like a duty and that no rule took."""
_OUGHT = re.compile(
    r"\b(?:needs? (?:to|some)|must|should|ought to|ha(?:s|ve) to|let['’]?s|remember to|don['’]t forget|make sure|agreed to|"
    r"promised|still (?:need|open)|to be (?:[a-z]+ed|sent|done|made)|muss|müssen|soll(?:te)?n?)\b",
    re.IGNORECASE,
)


def actions(
    question: str, material: Material, models: Models, *, people: Sequence[str]
) -> Generator[str, None, Answer]:
    """Yield the duties in order, then what a model takes for one among the sentences that sound like it, each quoted."""
    made = Made()
    head = f"To be done, from {material.name}:"
    seen: set[tuple[str, str]] = set()
    taken: dict[str, list[Duty]] = {}
    known = given_names(people)
    for passage in material.passages:
        taken[passage.id] = list(duties(passage, given=known | given_names(passage.people)))
        for duty in taken[passage.id]:
            key = (duty.person.casefold(), duty.said(duty.what).casefold())
            if key not in seen:
                seen.add(key)
                if not made.shown:
                    yield made.say(head)
                yield made.add(_line(duty), shown=f"- {_spelled(duty)}")
    certain = len(made.lines)
    sounding = ((one, left) for one in material.passages if (left := _left(one, taken[one.id])))
    for passage, left in islice(sounding, _READ_BY_MODEL):
        for line in (yield from _by_model(passage, left, models)):
            if not made.shown:
                yield made.say(head)
            if len(made.lines) == certain:
                yield made.say("Perhaps also (a model took it for one):")
            yield made.add(line, shown=f"- “{line.quote}”{_whence(passage)}")
    closing = "A name or a day is given where the text gives one."
    none = f"I found nothing that is to be done in {material.name}. "
    yield made.say(f"I read {material.extent}. {closing}" if made.lines else f"{none}I read {material.extent}.")
    return made.answer(question, route="model" if len(made.lines) > certain else "quote")


def _spelled(duty: Duty) -> str:
    what, due = duty.said(duty.what), duty.said(duty.due)
    later = f", by {due}" if due and due not in what else ""
    return f"{duty.person or 'nobody named'}: {what}{later}{_whence(duty.passage)}"


def _whence(passage: Passage) -> str:
    return f" ({header(passage)})" if passage.kind == "message" else ""


def _line(duty: Duty) -> Line:
    return Line(text=duty.said(duty.what), passage=duty.passage, start=duty.quote[0], end=duty.quote[1])


def _left(passage: Passage, taken: Sequence[Duty]) -> list[tuple[int, int]]:
    """Sentences that sound like a duty, and that no rule took; of the owner's data only, for numbers oblige nobody."""
    return [
        (start, end) for start, end in sentence_spans(passage.text)
        if passage.kind != "narrative" and _OUGHT.search(passage.text, start, end)
        and not any(duty.quote[0] < end and start < duty.quote[1] for duty in taken)
    ]  # fmt: skip


def _by_model(passage: Passage, left: Sequence[tuple[int, int]], models: Models) -> Generator[str, None, list[Line]]:
    model = models("small")
    yield ""
    if model is None:
        return []
    try:
        named = [(one.quote.find(one.value), one) for one in by_model("action-item", passage, model)]
    except ModelError as error:
        log.warning("the model found no usable duties (%s)", type(error).__name__)
        return []
    found = []
    for start, end in left:
        if any(at >= 0 and passage.text[start:end] in one.quote for at, one in named):
            found.append(Line(text=passage.text[start:end], passage=passage, start=start, end=end))
    return found
