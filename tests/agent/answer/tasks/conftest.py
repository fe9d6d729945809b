"""What is made, driven to its end, with a scripted model at the seam."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from agent.answer.answerer import Models
from agent.errors import ModelError
from agent.models.protocols import LanguageModel, Prompt, Schema
from agent.vocabulary import Answer, Passage
from tests.agent.drained import drained


class Says:
    """A language model that says one thing after the other, a word at a time, and remembers what it was asked."""

    id = "says"
    context_tokens = 4096

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self.asked: list[Prompt] = []
        self.closed = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        self.asked.append(prompt)
        if not self._texts:
            raise ModelError("no more")
        try:
            for word in self._texts.pop(0).split(" "):
                yield word + " "
        finally:
            self.closed += 1


def only(model: LanguageModel | None) -> Models:
    """One model, or none, is installed."""
    return lambda _: model


def both(large: LanguageModel) -> Models:
    small = Says()
    return lambda tier: large if tier == "large" else small


def made(lines: Generator[str, None, Answer]) -> Answer:
    """The whole, once all its lines were shown; each citation's quote stands in the text, and its mark in the answer."""
    shown, result = drained(lines)
    assert "\n".join(shown) == result.text
    assert [one.n for one in result.citations] == list(range(1, len(result.citations) + 1))
    assert all(f"[{one.n}]" in result.text and one.quote for one in result.citations)
    return result


@pytest.fixture
def pages() -> list[Passage]:
    texts = (
        "Lease agreement\nThis lease is made between Marlene Vogt (landlord) and Robin Winter (tenant) for the flat at\n"
        "Amselweg 3.\nThe monthly rent is EUR 1,240, due on the third working day of each month.",
        "Deposit and notice\nThe deposit of EUR 3,720 was received on 2 March 2024 and is kept in a separate account.\n"
        "Either side may end the lease with three months' notice to the end of a month.",
    )
    return [page(text, number) for number, text in enumerate(texts, start=1)]


def page(text: str, number: int, *, title: str = "Lease agreement") -> Passage:
    return Passage(
        id=f"page{number}", score=0.0, source="documents", kind="section", title=title, text=text, people=(), sender="",
        when=None, locator=f"file:///lease.pdf#page={number}", context=f"{title} > Deposit and notice",
        spans=(("page", str(number), 0, len(text)),),
    )  # fmt: skip
