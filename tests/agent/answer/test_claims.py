"""Every claim of a sentence stands in what is cited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.answer.claims import sentences, supported_by
from agent.vocabulary import Passage

Make = Callable[..., Passage]
ADDRESS = "The new address is Lindenstrasse 14, 10969 Berlin, third floor."


@pytest.mark.parametrize(
    "said",
    [
        "Anna lives at Lindenstrasse 14, 10969 Berlin.",
        "Lindenstrasse 14",
        "Her address is Lindenstrasse 14 on the third floor.",
        "She wrote on Friday 9 June 2023 that it is Lindenstrasse 14.",
    ],
)
def test_what_stands_is_supported(said: str, message: Make) -> None:
    assert supported_by(said, "What is Anna's new address?", [message("hello"), message(ADDRESS)]) == [1]


@pytest.mark.parametrize(
    "said",
    [
        "Anna lives at Lindenstrasse 15.",  # a number that stands nowhere
        "Anna lives in Hamburg at Lindenstrasse 14.",  # a name that stands nowhere
        "It is the third floor of a lovely old house beside some pretty garden.",  # words that prove nothing
        "What is Anna's new address?",  # an echo
        "",
    ],
)
def test_what_does_not_stand_is_not(said: str, message: Make) -> None:
    assert supported_by(said, "What is Anna's new address?", [message("hello"), message(ADDRESS)]) is None


def test_claims_of_two_passages_need_both(message: Make) -> None:
    found = [message("Tom lands at 18:45"), message("the flight is BA982"), message("nothing of it")]
    assert supported_by("BA982 lands at 18:45.", "Which flight is it?", found) == [0, 1]


def test_meant_dates_are_evidence(message: Make) -> None:
    said = message("I gave the talk at the school yesterday")
    assert supported_by("She gave it on 8 June 2023.", "When did Anna give the talk?", [said]) == [0]
    assert supported_by("She gave it on 7 June 2023.", "When did Anna give the talk?", [said]) is None


def test_yes_and_no_need_no_new_word(message: Make) -> None:
    assert supported_by("Yes.", "Is the rent paid?", [message("the rent is paid")]) == [0]


def test_sentences_end_where_people_end_them() -> None:
    assert sentences("It is 3.5 km. Really! 好。 no") == ["It is 3.5 km.", "Really!", "好。", "no"]


def test_a_number_stands_beside_what_it_counts(message: Make) -> None:
    hut = message("I booked the hut from 6 to 9 March, 84 euros per person.")
    assert supported_by("The hut is 84 euros per person.", "How much was the hut?", [hut]) == [0]
    assert supported_by("The hut is 9 euros per person.", "How much was the hut?", [hut]) is None


def test_a_name_stands_in_the_sentence_that_tells_of_it(section: Make) -> None:
    minutes = section("Priya: I will send the signed contract to legal by Friday.\nRobin: I book the venue in Weimar.")
    question = "Who will send the contract to legal?"
    assert supported_by("It is Priya who will send the contract to legal.", question, [minutes]) == [0]
    assert supported_by("It is Robin who will send the contract to legal.", question, [minutes]) is None
    assert supported_by("Robin will send the contract to legal.", question, [minutes]) is None


def test_an_answer_may_hold_no_word_of_its_question_beside_it_only(message: Make) -> None:
    asked, told = message("what is the wifi password?", sender="me"), message("it is swordfish")
    late = message("it is swordfish", when="2023-06-11T10:00")
    assert supported_by("It is swordfish.", "What is the wifi password?", [asked, told]) == [1]
    assert supported_by("It is swordfish.", "What is the wifi password?", [asked, late]) is None
    assert supported_by("It is swordfish.", "Which secret word?", [asked, late]) == [1]


def test_the_day_of_one_message_proves_nothing_of_another(message: Make) -> None:
    parade, other = message("The parade was great"), message("I love the parade", when="2023-07-15T10:00")
    assert supported_by("She saw the great parade on 15 July 2023.", "When was it?", [parade, other]) is None
    assert supported_by("She saw the great parade on 9 June 2023.", "When was it?", [parade, other]) == [0]


def test_whoever_tells_of_another_is_not_the_one(message: Make) -> None:
    question = "Who got the job at the observatory?"
    told, own = message("Lena got the job at the observatory."), message("I got the job at the observatory!")
    assert supported_by("Lena got the job.", question, [told]) == [0]
    assert supported_by("Anna Berg got the job.", question, [told]) is None
    assert supported_by("Anna Berg got the job.", question, [own]) == [0]


def test_a_full_line_an_ordinal_or_a_title_ends_no_sentence() -> None:
    page = "This lease is made between Marlene Vogt and Robin Winter for the flat at\nAmselweg 3.\nRent\n1,240 euros"
    assert sentences(page) == [page.split(".")[0] + ".", "Rent", "1,240 euros"]
    assert sentences("Am 5. Juli kommt Dr. Weiss. Er hat 3. Dann geht er.") == [
        "Am 5. Juli kommt Dr. Weiss.", "Er hat 3.", "Dann geht er."
    ]  # fmt: skip
    row = "bicycle | 9 | 553.32 euros and a long remark about the colour of it | green\nlamp | 2 | 30"
    assert sentences(row) == row.split("\n")
