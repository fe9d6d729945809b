"""Answers have the form that questions ask for."""

from __future__ import annotations

import pytest

from agent.answer.expected import fits


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        ("What is Anna's phone number at work?", "It is +49 30 90-1820.", "The door code is 4471."),
        ("What is Priya's e-mail address?", "priya@example.org", "Priya lives in Jena."),
        ("How much was the hut?", "84 euros", "The hut was booked."),
        ("How many children came?", "Two of them.", "The children loved it."),
        ("What is my policy number?", "KV-88213-B", "It renews in spring."),
    ],
)
def test_a_form_that_is_asked_for_is_required(question: str, good: str, bad: str) -> None:
    assert fits(question, good)
    assert not fits(question, bad)


@pytest.mark.parametrize("question", ["Where does Anna live?", "When did she phone?", "Who mentioned how much it was?"])
def test_most_questions_ask_for_none(question: str) -> None:
    assert fits(question, "anything")
