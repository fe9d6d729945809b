"""Passages as retrieval finds them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from agent.vocabulary import Passage

Make = Callable[..., Passage]


@pytest.fixture
def message() -> Make:
    def make(text: str, *, sender: str = "Anna Berg", when: str = "2023-06-09T10:00") -> Passage:
        return Passage(
            id=text, score=1.0, source="chat", kind="message", title="", text=text, people=("Anna Berg", "me"),
            sender=sender, when=datetime.fromisoformat(when).replace(tzinfo=UTC), locator=f"chat:{text[:8]}",
        )  # fmt: skip

    return make


@pytest.fixture
def section() -> Make:
    def make(text: str, *, title: str = "Lease", page: str = "2") -> Passage:
        return Passage(
            id=text, score=1.0, source="documents", kind="section", title=title, text=text, people=(), sender="",
            when=None, locator="file:///lease.pdf#page=2", spans=(("page", page, 0, len(text)),),
        )  # fmt: skip

    return make
