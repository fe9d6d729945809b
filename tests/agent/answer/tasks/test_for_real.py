"""Summaries, duties and drafts of an indexed life, with real weights, as an owner asks for them."""

from __future__ import annotations

import re

import pytest

from tests.owner import WORD, Document, Owner

pytestmark = pytest.mark.models


def asked(served: Owner, text: str, *, code: int = 0) -> tuple[Document, list[dict[str, str]]]:
    given = served.json("ask", "--json", text, code=code)
    citations = given["citations"]
    assert isinstance(citations, list)
    return given, citations


def test_a_mail_is_found_by_its_subject_and_summarized_in_its_own_words(served: Owner) -> None:
    given, citations = asked(served, "Summarize Ida's mail about the offer")
    text = str(given["answer"])
    assert text.startswith("Summary of “The offer”")
    assert given["route"] in ("model", "quote")
    assert [one["title"] for one in citations] == ["The offer"] * len(citations) != []
    hits = served.json("search", "--json", "-k", "50", f"offer {WORD}")["hits"]
    assert isinstance(hits, list)
    assert all(any(one["quote"] in hit["text"] for hit in hits) for one in citations)
    said = " ".join(line.partition(": ")[2] for line in text.splitlines()[1:-1])
    quoted = " ".join(one["quote"] for one in citations)
    assert all(number in quoted for number in re.findall(r"\d+", re.sub(r"\[\d+\]", "", said)))


def test_what_is_to_be_done_of_a_conversation(served: Owner) -> None:
    given, citations = asked(served, "What are the action items in my chat with Anna?")
    assert "- Anna Berger: bring the blue tent on Sunday (Sat 14 March 2026, Anna Berger) [1]" in str(given["answer"])
    assert [one["quote"] for one in citations] == ["I will bring the blue tent on Sunday."]


def test_a_draft_rests_on_the_mail_that_it_answers(served: Owner) -> None:
    given, citations = asked(served, "Draft a reply to Ida about the offer saying that we take it")
    assert "Nothing is sent" in str(given["answer"])
    assert "Hi Ida,\n\nWe take it." in str(given["answer"])
    assert {one["title"] for one in citations} == {"The offer"}


def test_several_that_may_be_meant_and_none_are_told_apart(served: Owner) -> None:
    given, citations = asked(served, "Summarize the lease", code=3)
    assert str(given["answer"]).startswith("Several may be meant.")
    assert "(lease-pdf.pdf)" in str(given["answer"])
    assert citations == []
    given, _ = asked(served, "Summarize the divorce papers", code=3)
    assert str(given["answer"]).startswith("I could not find that in your data. I searched")
