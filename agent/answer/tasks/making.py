"""A request and what it is about become what was asked for, or the word that there is no such thing, or several."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from agent.answer.answerer import Models
from agent.answer.tasks.actions import actions
from agent.answer.tasks.draft import draft
from agent.answer.tasks.material import Material, Unclear
from agent.answer.tasks.request import Request
from agent.answer.tasks.summary import summary
from agent.vocabulary import Answer, Person


def make(
    question: str,
    asked: Request,
    found: Material | Unclear | None,
    models: Models,
    *,
    read_as: dict[str, object],
    searched: str,
    people: Sequence[Person],
) -> Generator[str, None, Answer]:
    """Yield what is made in lines; the generator's value is the whole Answer. `people` are all who are known."""
    if asked.task == "draft":
        known = found if isinstance(found, Material) else None
        made = yield from draft(question, asked, known, models, people=people)
    elif not isinstance(found, Material):
        text = _several(found) if found is not None else f"I could not find that in your data. {searched}".strip()
        yield text
        made = Answer(question=question, found=False, text=text, route="none")
    elif asked.task == "actions":
        made = yield from actions(question, found, models, people=[one.name for one in people])
    else:
        made = yield from summary(question, found, models)
    return replace(made, read_as=read_as)


def _several(found: Unclear) -> str:
    more = (f"{found.more} more",) if found.more else ()
    lines = "\n".join(f"- {one}" for one in (*found.candidates, *more))
    return f"Several may be meant. Say which, by its name or day:\n{lines}"
