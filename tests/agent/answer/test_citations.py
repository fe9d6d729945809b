"""Citations say what was wanted, character for character."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answer.citations import best_quote, cite
from agent.vocabulary import Passage

Make = Callable[..., Passage]


def test_a_quote_is_a_piece_of_the_text_around_what_was_wanted(section: Make) -> None:
    text = "The flat is bright. " * 30 + "The rent is EUR 1,240. It is due on the third. " + "Pets are allowed. " * 30
    quote = best_quote(section(text), "How much is the rent? EUR 1,240")
    assert quote in text
    assert "The rent is EUR 1,240." in quote
    assert len(quote) <= 400


@settings(deadline=None)
@given(st.text(max_size=900), st.text(max_size=40))
def test_quotes_are_character_for_character(text: str, wanted: str) -> None:
    found = Passage(
        id="x", score=0, source="s", kind="section", title="", text=text, people=(), sender="", when=None, locator="l"
    )
    assert cite(1, found, best_quote(found, wanted)).quote in text
