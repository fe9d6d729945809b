"""What is asked for, found and made; where there is no such thing, or several, it is said."""

from __future__ import annotations

from agent.answer.answerer import Models
from agent.answer.tasks import Material, Unclear, make, request
from agent.vocabulary import Answer, Passage, Person
from tests.agent.answer.tasks.conftest import Says, made, only

ROBIN = Person(id=1, name="Robin Winter", handles=("me",), me=True)


def asked(text: str, found: Material | Unclear | None, models: Models) -> Answer:
    wish = request(text)
    assert wish is not None
    given = made(
        make(text, wish, found, models, read_as={"words": ["x"]}, searched="I searched 3 mails.", people=[ROBIN])
    )
    assert given.read_as == {"words": ["x"]}
    assert given.question == text
    return given


def test_what_there_is_not_is_not_made() -> None:
    model = Says("All is well.")
    for text in ("Summarize the divorce contract", "What are the action items of the wedding?"):
        given = asked(text, None, only(model))
        assert (given.found, given.route) == (False, "none")
        assert given.text == "I could not find that in your data. I searched 3 mails."
    assert not model.asked


def test_where_several_may_be_meant_they_are_named() -> None:
    given = asked("Summarize the lease", Unclear(candidates=("“Lease” (a.pdf)", "“Lease” (b.pdf)"), more=3), only(None))
    assert not given.found
    assert given.text.splitlines()[1:] == ["- “Lease” (a.pdf)", "- “Lease” (b.pdf)", "- 3 more"]


def test_each_request_is_made_in_its_way(pages: list[Passage]) -> None:
    found = Material(name="the lease", passages=tuple(pages), total=2)
    assert asked("Summarize the lease", found, only(None)).text.startswith("Summary of the lease:")
    assert asked("Action items of the lease", found, only(None)).text.startswith("I found nothing that is to be done")
    assert asked("Write to Ida about the lease", found, only(None)).text.startswith("Draft of a message to Ida.")
