"""Entities stand in their passages, character for character."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answer.entities import FORMS, RULED, by_form, by_model
from agent.models.protocols import Prompt, Schema
from agent.vocabulary import Passage

Make = Callable[..., Passage]
TODAY = date(2023, 6, 20)


def found(kind: str, passage: Passage, region: str = "DE") -> list[tuple[str, str]]:
    return [(one.value, one.normalized) for one in by_form(kind, passage, region=region, today=TODAY)]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("phone", "call 030 901820 or +44 20 7946 0018.", [("030 901820", "+4930901820"), ("+44 20 7946 0018", "+442079460018")]),
        ("email", "write to Priya.Nair@Example.org, soon", [("Priya.Nair@Example.org", "priya.nair@example.org")]),
        ("url", "see (https://example.org/a?b=1).", [("https://example.org/a?b=1", "https://example.org/a?b=1")]),
        ("phone", "kettle 3 845.39 and 12 345", []),
        ("address", "It is Lindenstrasse 14, 10969 Berlin, third floor; or 221B Baker Street, London NW1 6XE.",
         [("Lindenstrasse 14, 10969 Berlin", "Lindenstrasse 14, 10969 Berlin"),
          ("221B Baker Street, London NW1 6XE", "221B Baker Street, London NW1 6XE")]),
        ("address", "Meet at 5 rue des Fleurs, 75006 Paris or Am Alten Markt 3a. Walk 20 minutes on the Way.",
         [("5 rue des Fleurs, 75006 Paris", "5 rue des Fleurs, 75006 Paris"), ("Am Alten Markt 3a", "Am Alten Markt 3a")]),
        ("iban", "to DE89 3704 0044 0532 0130 00, not DE88 3704 0044 0532 0130 00",
         [("DE89 3704 0044 0532 0130 00", "DE89370400440532013000")]),
        ("money", "EUR 1,240 rent, 84 euros, $12.50, 1.240,50 €, £3 and 4.2 million euros",
         [("EUR 1,240", "EUR 1240.00"), ("84 euros", "EUR 84.00"), ("$12.50", "USD 12.50"),
          ("1.240,50 €", "EUR 1240.50"), ("£3", "GBP 3.00"), ("4.2 million euros", "EUR 4200000.00")]),
        ("date", "yesterday, on 2 June 2023 and in May 2023",
         [("yesterday", "2023-06-08"), ("on 2 June 2023", "2023-06-02"), ("in May 2023", "2023-05-01/2023-05-31")]),
    ],
)  # fmt: skip
def test_known_forms_are_found_in_one_spelling(
    kind: str, text: str, expected: list[tuple[str, str]], message: Make
) -> None:
    assert [normalized for _, normalized in found(kind, message(text))] == [normalized for _, normalized in expected]
    assert all(value in text for value, _ in found(kind, message(text)))
    if kind != "date":
        assert found(kind, message(text)) == expected


def test_an_entity_comes_with_its_sentence(message: Make) -> None:
    (one,) = by_form("money", message("The hut is booked. It is 84 euros. Bring skis."), region="DE", today=TODAY)
    assert one.quote == "It is 84 euros."
    assert one.quote[one.start : one.end] == one.value == "84 euros"


def test_what_is_to_be_done_is_found_by_rule_with_who(section: Make) -> None:
    minutes = section(
        "Minutes.\nPriya: I will send the contract by Friday. It rains.\nNext steps:\n- Tom: order badges"
    )
    assert found("action-item", minutes) == [
        ("send the contract by Friday", "Priya: send the contract by Friday"),
        ("order badges", "Tom: order badges"),
    ]
    assert "action-item" in RULED
    (first, _) = by_form("action-item", minutes, region="DE", today=TODAY)
    assert first.quote == "Priya: I will send the contract by Friday."
    assert first.quote[first.start : first.end] == first.value


@settings(deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.text(alphabet="01245€$ .,@:/-+EURDEeuromay\n", max_size=60))
def test_entities_are_character_for_character(kind: str, text: str) -> None:
    passage = Passage(
        id="x", score=0, source="s", kind="section", title="", text=text, people=(), sender="", when=None, locator="l"
    )
    for one in by_form(kind, passage, region="DE", today=TODAY):
        assert one.quote in text
        assert one.quote[one.start : one.end] == one.value != ""


class Lists:
    """A language model that names fixed things."""

    id = "lists"
    context_tokens = 4096

    def __init__(self, *things: str) -> None:
        self._things = things

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        assert schema is not None
        yield json.dumps({"found": list(self._things)})


def test_what_a_model_names_is_kept_only_where_it_stands(section: Make) -> None:
    passage = section("Minutes.\nPriya: I will send the\ncontract. Robin books the venue.")
    model = Lists(
        "i will send the contract", "Robin books the hotel", "", "Robin books the venue.", "robin books the venue."
    )
    named = list(by_model("action-item", passage, model))
    assert [one.value for one in named] == ["I will send the\ncontract", "Robin books the venue."]
    assert [one.normalized for one in named] == ["I will send the contract", "Robin books the venue."]
    assert all(one.quote in passage.text and one.quote[one.start : one.end] == one.value for one in named)
