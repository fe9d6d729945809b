"""What is to be done, told with who and by when, each with its quote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from agent.answer.tasks.actions import actions
from agent.answer.tasks.material import Material
from agent.models.protocols import Prompt, Schema
from agent.vocabulary import Passage
from tests.agent.answer.tasks.conftest import Says, made, only

Make = Callable[..., Passage]
QUESTION = "What are the action items?"
MINUTES = (
    "Minutes of the meeting\n\nPriya: I will send the signed contract to legal by Friday.\n"
    "The certificate has to be renewed at some time.\nEverybody agreed that the pilot starts with twelve schools."
)


class Lists(Says):
    """A model that names fixed things."""

    def __init__(self, *things: str) -> None:
        super().__init__()
        self._things = things

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        self.asked.append(prompt)
        yield json.dumps({"found": list(self._things)})


def of(*passages: Passage) -> Material:
    return Material(name="“Minutes”", passages=passages, total=len(passages))


def test_rules_come_first_and_a_model_may_add_what_sounds_like_one(section: Make) -> None:
    model = Lists(
        "The certificate has to be renewed at some time.", "the pilot starts with twelve schools", "Call the mayor."
    )
    given = made(actions(QUESTION, of(section(MINUTES)), only(model), people=()))
    assert given.text.splitlines() == [
        "To be done, from “Minutes”:",
        "- Priya: send the signed contract to legal by Friday [1]",
        "Perhaps also (a model took it for one):",
        "- “The certificate has to be renewed at some time.” [2]",
        "I read all of it (page 2). A name or a day is given where the text gives one.",
    ]
    assert [one.quote for one in given.citations] == [
        "Priya: I will send the signed contract to legal by Friday.",
        "The certificate has to be renewed at some time.",
    ]
    assert given.route == "model"


def test_no_model_is_asked_where_the_rules_took_all(section: Make) -> None:
    model = Lists("anything")
    given = made(
        actions(QUESTION, of(section("Next steps:\n- Tom: order badges\n- Ida to book")), only(model), people=())
    )
    assert given.route == "quote"
    assert not model.asked
    assert "- Ida: book [2]" in given.text


def test_without_a_model_and_when_it_fails_the_rules_stand(section: Make) -> None:
    for models in (only(None), only(Says())):
        given = made(actions(QUESTION, of(section(MINUTES)), models, people=()))
        assert [one.quote for one in given.citations] == ["Priya: I will send the signed contract to legal by Friday."]


def test_messages_say_from_when_and_the_same_is_told_once(message: Make) -> None:
    mails = [message("Please send me the list by 3 July."), message("please send me the list by 3 July!")]
    given = made(actions(QUESTION, of(*mails), only(None), people=()))
    assert given.text.splitlines()[1:-1] == ["- you: send me the list by 3 July (Fri 9 June 2023, Anna Berg) [1]"]


def test_where_nothing_is_to_be_done_it_says_what_it_read(section: Make) -> None:
    given = made(actions(QUESTION, of(section("The rent is due on Monday.")), only(None), people=()))
    assert (given.found, given.route) == (False, "none")
    assert given.text == "I found nothing that is to be done in “Minutes”. I read all of it (page 2)."
