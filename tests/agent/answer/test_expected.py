"""Answers have the form that questions ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.answer.expected import fits, sought, tells_of
from agent.vocabulary import Passage

Make = Callable[..., Passage]


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


def test_who_lives_where_is_asked_by_the_word_for_it_too() -> None:
    found = sought("Where does Anna live now?")
    assert found is not None
    assert found.form == "address"
    assert found.questions == ("What is Anna's new address?", "Which address did Anna move to?")
    reached = sought("How can I reach Tom?")
    assert reached is not None
    assert reached.questions == ("What is Tom's phone number?",)
    assert sought("Where does the train leave?") is None
    assert sought("What is Anna's address?") is None


@pytest.mark.parametrize(
    ("text", "sender", "tells"),
    [
        ("The new address is Lindenstrasse 14.", "Anna Berg", True),
        ("We moved to Lindenstrasse 14.", "Anna Berg", True),
        ("The party is at Lindenstrasse 14.", "Anna Berg", False),  # no word of living there
        ("Tom, our new address is Lindenstrasse 14.", "Anna Berg", True),
        ("Anna, our new address is Lindenstrasse 14.", "Tom Rivera", False),  # theirs
        ("Anna lives in Lindenstrasse 14 now.", "Tom Rivera", True),
        ("The new address is Lindenstrasse 14.", "Tom Rivera", False),
    ],
)
def test_an_address_is_theirs_who_say_it_or_of_whom_it_is_said(
    text: str, sender: str, message: Make, *, tells: bool
) -> None:
    found = sought("Where does Anna live?")
    assert found is not None
    assert tells_of("Anna Berg", message(text, sender=sender), found) is tells


def test_a_document_names_who_lives_there_in_full(section: Make) -> None:
    found = sought("Where does Helga Winter live?")
    assert found is not None
    lease = section("Lease of Robin Winter for the flat at Amselweg 3.")
    assert not tells_of("Helga Winter", lease, found)
    assert tells_of("Robin Winter", lease, found)
