"""Whether what was found can answer: coverage, attribution and support."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.retrieval.query import read
from agent.retrieval.support import Evidence, coverage, spoken, stem, support, telling
from agent.vocabulary import Kind, Passage, Person, Query

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = (
    Person(id=1, name="Anna Berg", handles=("+49151",)),
    Person(id=2, name="Piotr Nowak", handles=("+48601",)),
    Person(id=3, name="me", handles=("+49170",), me=True),
)
unhurried = settings(deadline=None)  # the machine may be busy


def read_(text: str) -> Query:
    return read(text, now=NOW, people=PEOPLE)


def passage(
    sender: str, text: str, *, kind: Kind = "message", people: tuple[str, ...] = ("Anna Berg", "me")
) -> Passage:
    return Passage(
        id=text, score=1.0, source="chat", kind=kind, title="", text=text, people=people, sender=sender, when=None,
        locator="",
    )  # fmt: skip


def told(question: str, *passages: Passage) -> list[str]:
    found = [Evidence(passage=entry, covered=0.5, similarity=0.5) for entry in passages]
    return [entry.passage.text for entry in telling(read_(question), found)]


@pytest.mark.parametrize(
    "forms",
    ["run runs running", "paint paints painted painting", "hobby hobbies", "city cities", "make makes making",
     "box boxes", "study studies studied studying", "stop stopped stopping", "happy happily", "agree agreed",
     "Café cafes", "class classes", "move moved moving"],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize("words", ["boat boot", "sing sting", "bus box", "read bread", "plan planet"])
def test_different_words_have_different_stems(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == len(words.split())


COUNTS = {"boiler": 2, "repaired": 5, "say": 500}


def covered(text: str, question: str = "What did Piotr say when he repaired the boiler?") -> float:
    return coverage(read_(question), text, COUNTS, 1000)


def test_coverage_is_the_share_of_rare_words() -> None:
    assert covered("We say: the boiler needs repairs, repairing it is dear") == 1
    assert covered("nothing of it") == 0
    assert 0 < covered("They say so") < covered("It was repaired") < covered("the Boilers") < 0.7
    assert covered("anything", "Piotr?") == covered("anything", "") == 0


def test_scripts_without_spaces_are_covered_by_pairs_of_characters() -> None:
    assert coverage(read_("去上海"), "我们去上海了", {}, 10) == 1
    assert 0 < coverage(read_("去上海"), "上海很大", {}, 10) < 1
    assert coverage(read_("去上海"), "北京", {}, 10) == 0


def test_names_do_not_count_but_words_that_nobody_wrote_do() -> None:
    assert covered("the boiler is repaired, they say") == covered("Piotr: the boiler is repaired, they say")
    assert covered("they say it is repaired", "What did they say, repaired the zeppelin?") < 0.5


@unhurried
@given(st.lists(st.sampled_from([*COUNTS, "Rome", "the", "Piotr"])), st.lists(st.sampled_from([*COUNTS, "Rome"])))
def test_more_text_never_covers_less(first: list[str], more: list[str]) -> None:
    part, whole = covered(" ".join(first)), covered(" ".join(first + more))
    assert 0 <= part <= whole <= 1 + 1e-12


HERS = passage("Anna Berg", "I moved to Ulm")
ABOUT_HER = passage("me", "Anna moved to Ulm")
OF_ANOTHER = passage("me", "I moved to Ulm")


def test_people_speak_of_themselves_unless_they_name_somebody() -> None:
    assert told("Where did Anna move?", HERS, ABOUT_HER, OF_ANOTHER) == ["I moved to Ulm", "Anna moved to Ulm"]
    assert told("Where did Anna move?", OF_ANOTHER) == []


@pytest.mark.parametrize(
    "question",
    [
        "Who moved to Ulm?",
        "Where did Anna and Piotr move?",
        "Where did I tell Anna that I moved?",
        "What is my address?",
    ],
)
def test_questions_about_nobody_about_two_or_about_the_owner_are_not_judged(question: str) -> None:
    assert told(question, OF_ANOTHER) == ["I moved to Ulm"]


def test_documents_and_conversations_without_the_person_are_not_judged() -> None:
    letter = passage("", "The tenant moved to Ulm", kind="section", people=())
    elsewhere = passage("Piotr Nowak", "she moved to Ulm", people=("Piotr Nowak", "me"))
    assert told("Where did Anna move?", letter, elsewhere) == ["The tenant moved to Ulm", "she moved to Ulm"]


def weighed(covered: float, similarity: float) -> Evidence:
    return Evidence(passage=HERS, covered=covered, similarity=similarity)


def test_support_rises_with_words_and_with_meaning() -> None:
    def alone(covered: float, similarity: float) -> float:
        return support([weighed(covered, similarity)], [weighed(covered, similarity)])

    assert alone(0.1, 0.2) < 0.5 < alone(0.6, 0.4)
    assert alone(0.2, 0.3) < alone(0.3, 0.3) < alone(0.3, 0.4)


def test_support_falls_where_somebody_else_said_what_was_asked() -> None:
    own, other = weighed(0.5, 0.4), weighed(0.9, 0.7)
    assert support([own], [own, other]) < 0.5 < support([own], [own])
    assert support([], []) < 0.5


def test_weeks_in_sentences_tell_only_where_they_hold_the_question() -> None:
    week = passage("", "Steps in the week of 4 May 2026", kind="narrative", people=())
    near = Evidence(passage=week, covered=0.4, similarity=0.6)
    held = Evidence(passage=week, covered=0.6, similarity=0.6)
    said = Evidence(passage=HERS, covered=0.1, similarity=0.1)
    assert spoken([near, said, held]) == (said, held)
