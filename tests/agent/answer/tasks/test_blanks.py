"""Facts of a draft that nothing holds become blanks."""

from __future__ import annotations

import pytest

from agent.answer.tasks.blanks import blanked

KNOWN = ("Thu 25 June 2026, Anna Berger: The later flight leaves at 16:15 and costs 145 euros.", "back on 21 September")


@pytest.mark.parametrize(
    "text",
    [
        "The flight at 16:15 costs 145 euros.",
        "We come back on 21 September. September 21 is fine.",
        "Thanks Anna! I'm glad.",
        "Dear Anna, it is on [day?].",
    ],
)
def test_what_is_held_stays(text: str) -> None:
    assert blanked(text, KNOWN) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Let us meet on Friday at 10:30.", "Let us meet on [day?] at [time?]."),
        ("It costs 150 euros, not €99.", "It costs [amount?], not [amount?]."),
        ("We come back on 22 September.", "We come back on [day?]."),
        ("I come with Peter Kranz and Ida.", "I come with [name?] and [name?]."),
        ("Write to bob@evil.example or see https://evil.example/x", "Write to [address?] or see [link?]"),
        ("My number is +49 151 2345678.", "My number is [number?]."),
        ("At 6pm then.", "At [time?] then."),
    ],
)
def test_what_nothing_holds_is_a_blank(text: str, said: str) -> None:
    assert blanked(text, KNOWN) == said
