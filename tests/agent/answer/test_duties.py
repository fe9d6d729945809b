"""What is to be done, found by how people write it down."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answer.entities.duties import duties, given_names
from agent.vocabulary import Passage

Make = Callable[..., Passage]
Found = list[tuple[str, str, str]]
PEOPLE = ("Helga Winter", "Tom Rivera")


def told(passage: Passage) -> Found:
    return [(one.person, one.said(one.what), one.said(one.due)) for one in duties(passage, given=given_names(PEOPLE))]


STANDUP = """Project standup, Monday 29 June 2026
Present: Priya, Tom, Robin

Priya: Good morning. The slides for the schools are nearly done.
Tom: The test server was down on Sunday. I'll restart the backups today and write to the provider.
Robin: I can call the school in Jena.
Priya: Tom, can you please check the invoice from Kessler by Thursday?
Tom: Sure. The invoice is 2,480 euros.
Priya: We agreed that the pilot starts on 1 September with twelve schools.
Robin to send the participants' list to Priya by 3 July.

Action items
- Order 40 name badges (Robin, by 10 July)
- [ ] Tom: renew the certificate before 15 July
- [x] Priya: book the train

Appendix:
- a list of schools
"""


def test_a_transcript(section: Make) -> None:
    assert told(section(STANDUP)) == [
        ("Tom", "restart the backups today and write to the provider", ""),
        ("Robin", "call the school in Jena", ""),
        ("Tom", "check the invoice from Kessler by Thursday", "Thursday"),
        ("Robin", "send the participants' list to Priya by 3 July", "3 July"),
        ("Robin", "Order 40 name badges", "10 July"),
        ("Tom", "renew the certificate before 15 July", "15 July"),
    ]


def test_a_list_under_its_heading(section: Make) -> None:
    text = (
        "## Aufgaben\n\n- Helga bestellt bis 5. Juli die Trikots\n- Robin: Bus reservieren\n- Bericht bis Ende August\n\n"
        "## Sonstiges\n\n- Die Halle hat WLAN."
    )
    assert told(section(text)) == [
        ("Helga", "Helga bestellt bis 5. Juli die Trikots", "5. Juli"),
        ("Robin", "Bus reservieren", ""),
        ("", "Bericht bis Ende August", "Ende August"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I will book on 3 July unless you object.", ("Anna Berg", "book on 3 July unless you object", "")),
        ("Great, I'll bring the sledges.", ("Anna Berg", "bring the sledges", "")),
        ("Can you please tell me by Friday whether it works?", ("you", "tell me by Friday whether it works", "Friday")),
        ("Please send me the list by 3 July.", ("you", "send me the list by 3 July", "3 July")),
        ("TODO: order name badges", ("", "order name badges", "")),
        ("AI: @tom renew the certificate by tomorrow", ("tom", "renew the certificate by tomorrow", "tomorrow")),
        ("The certificate has to be renewed before 15 July.", ("", "The certificate has to be renewed before 15 July", "15 July")),
        ("Mrs. Okafor offered to ask three firms.", ("Mrs. Okafor", "ask three firms", "")),
        ("TODO: deploy the server (STAGING)", ("", "deploy the server (STAGING)", "")),
        ("TODO: deploy the server - Monday", ("", "deploy the server - Monday", "Monday")),
        ("Tom has to call the plumber before noon", ("Tom", "call the plumber before noon", "noon")),
    ],
)  # fmt: skip
def test_a_message(text: str, expected: tuple[str, str, str], message: Make) -> None:
    assert told(message(text)) == [expected]


def test_what_the_owner_promises_and_what_is_asked_of_others(message: Make) -> None:
    assert told(message("I will bake it for Easter.", sender="me")) == [("you", "bake it for Easter", "")]
    assert told(message("could you pick me up?", sender="me")) == [("Anna Berg", "pick me up", "")]


@pytest.mark.parametrize(
    "text",
    [
        "did you sleep well?",
        "The later flight leaves at 16:15 and costs 145 euros.",
        "Shall we take the later flight?",
        "We come back on 21 September.",
        "It will rain tomorrow.",
        "I will be there with the blue car.",
        "what time does the film start?",
        "The boiler has to be renewed some day.",
        "thank you for coming to dinner",
        "- [x] book the train",
        "The AI - a new one - is good",
    ],
)
def test_what_is_none(text: str, message: Make) -> None:
    assert told(message(text)) == []


@settings(deadline=None)
@given(st.text(alphabet="TomIwilyu-[]x:@ .,?by3Jul\nActionems#", max_size=80))
def test_every_part_stands_in_its_quote(text: str) -> None:
    passage = Passage(
        id="x", score=0, source="s", kind="section", title="", text=text, people=(), sender="", when=None, locator="l"
    )
    for one in duties(passage):
        start, end = one.quote
        assert text[start:end].strip()
        assert all(start <= a <= b <= end for a, b in filter(None, (one.what, one.who, one.due)))
