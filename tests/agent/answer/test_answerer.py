"""From passages to an answer, with a scripted model at the seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.answer.answerer import Found, answer
from agent.answer.prompt import LONG, SHORT, UNSURE
from agent.answer.route import HARD, SIMPLE, route
from agent.errors import ModelError
from agent.models.protocols import LanguageModel, Prompt, Schema
from agent.vocabulary import Answer, Passage
from tests.agent.drained import drained

Make = Callable[..., Passage]
NOW = datetime(2023, 6, 20, 9, tzinfo=UTC)
QUESTION = "Where does Anna live?"


class Says:
    """A language model that says one thing, a word at a time, and remembers what it was asked."""

    id = "says"
    context_tokens = 4096

    def __init__(self, text: str) -> None:
        self._text = text
        self.asked: list[Prompt] = []
        self.closed = False

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        self.asked.append(prompt)
        try:
            for word in self._text.split(" "):
                yield word + " "
        finally:
            self.closed = True


class Fails(Says):
    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        yield from ()
        raise ModelError("no")


def asked(model: LanguageModel | None, *passages: Passage, question: str = QUESTION, support: float = 0.9) -> Answer:
    found = Found(passages=passages, support=support, read_as={}, searched="I searched 2 records.")
    shown, result = drained(answer(question, found, lambda _: model, now=NOW))
    assert " ".join(shown) == result.text
    return result


@pytest.fixture
def home(message: Make) -> Passage:
    return message("We live in Ulm now, Gartenweg 7.")


def test_a_sentence_that_stands_is_shown_with_its_citation(home: Passage, message: Make) -> None:
    given = asked(Says("Anna lives in Ulm, Gartenweg 7."), message("hello"), home)
    assert (given.found, given.route, given.text) == (True, "model", "Anna lives in Ulm, Gartenweg 7. [1]")
    assert [(c.n, c.quote, c.locator) for c in given.citations] == [(1, home.text, home.locator)]


def test_sentences_that_do_not_stand_are_dropped(home: Passage, message: Make) -> None:
    cat = message("Miso the cat likes Ulm")
    given = asked(Says("Anna lives in Ulm. She paid 900,000 for it. Her cat is Miso."), home, cat)
    assert given.text == "Anna lives in Ulm. [1] Her cat is Miso. [2]"


@pytest.mark.parametrize("says", ["Anna lives in Hamburg.", "Where does Anna live?", ""])
def test_when_nothing_stands_the_best_passage_is_quoted(says: str, home: Passage) -> None:
    given = asked(Says(says), home)
    assert (given.route, given.text) == ("quote", f"Fri 9 June 2023, Anna Berg: {home.text} [1]")
    assert given.citations[0].quote == home.text


def test_a_passage_is_quoted_only_where_it_surely_is_about_the_question(home: Passage) -> None:
    assert asked(Says("Anna lives in Hamburg."), home, support=0.6).route == "none"
    assert asked(Says("Anna lives in Ulm."), home, support=0.6).route == "model"


def test_where_little_supports_it_the_model_may_decline(home: Passage) -> None:
    model = Says("Not found.")
    assert asked(model, home, support=0.3).route == "none"
    assert model.asked[0].system == UNSURE
    assert asked(Says("Anna lives in Ulm."), home, support=0.3).route == "model"


def test_notes_far_below_the_best_are_not_given(home: Passage) -> None:
    model = Says("Ulm.")
    asked(model, home, replace(home, text="faraway", score=0.5))
    assert "faraway" not in model.asked[0].user


def test_no_model_retells_numbers(home: Passage) -> None:
    model = Says("Anna lives in Ulm.")
    week = replace(home, kind="narrative", title="Steps", text="In the week of 4 May 6,844 steps a day.")
    assert asked(model, week, home).route == "quote"
    assert not model.asked
    asked(model, home, week)
    assert "6,844" not in model.asked[0].user


def test_without_a_model_and_when_it_fails_the_best_passage_is_quoted(home: Passage) -> None:
    assert asked(None, home).route == asked(Fails(""), home).route == "quote"


def test_no_model_is_asked_when_nothing_relevant_was_found(home: Passage) -> None:
    model = Says("Anna lives in Ulm.")
    for given in (asked(model, home, support=0.1), asked(model)):
        assert (given.found, given.route, given.citations) == (False, "none", ())
        assert given.text == "I could not find that in your data. I searched 2 records."
    assert not model.asked


def test_the_larger_model_may_say_that_the_notes_do_not_tell(home: Passage) -> None:
    model = Says("Not found.")
    assert asked(model, home, question="Explain why Anna moved").route == "none"
    assert model.asked[0].system == LONG


def test_the_prompt_stays_small(message: Make) -> None:
    model = Says("Ulm.")
    asked(model, *[message(f"Ulm {n} " + "word " * 100) for n in range(12)])
    assert model.asked[0].system == SHORT
    assert len(f"{SHORT} {model.asked[0].user}".split()) <= 500


def test_whoever_goes_away_stops_the_model(home: Passage) -> None:
    model = Says("Anna lives in Ulm and this goes on for long")
    pieces = answer(QUESTION, Found(passages=(home,), support=0.9, read_as={}, searched=""), lambda _: model, now=NOW)
    assert next(pieces) == ""
    pieces.close()
    assert model.closed


@pytest.mark.parametrize("question", ["Where does Anna live?", "When does the train leave", "Who wrote?"])
def test_one_fact_goes_to_the_small_model(question: str) -> None:
    assert route(question) == SIMPLE


@pytest.mark.parametrize(
    "question",
    ["Summarize the lease", "Why did Anna move?", "Draft a reply to Tom", "Who came? And who left?", "word " * 50],
)
def test_what_needs_several_passages_goes_to_the_larger(question: str) -> None:
    assert route(question) == HARD
