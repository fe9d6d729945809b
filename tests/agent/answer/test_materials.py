"""What a request is to be made of, in a small store without vectors."""

from __future__ import annotations

from datetime import datetime

import pytest

from agent.answer.tasks import Material, Unclear, request
from agent.homebody.materials import Materials
from agent.retrieval import query as reading
from agent.retrieval.retriever import Retriever
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from tests.agent.stored import ANNA, BERLIN, CARDS, ME, TOM, letter, paper, put

NOW = datetime(2026, 7, 1, 9, tzinfo=BERLIN)


@pytest.fixture(scope="module")
def store() -> Store:
    store = Store.in_memory()
    for item, sections in (
        paper("lease.pdf", "Lease agreement Amselweg 3", "Marlene Vogt lets the flat.", "The deposit is 3,720 euros."),
        paper("lease-old.pdf", "Lease Fontaigne", "Heating is not included."),
    ):
        put(store, "documents", item, *sections)
    put(store, "contacts", "cards", *CARDS)
    put(
        store, "mail", "inbox",
        letter(1, ANNA, ME, 25, "Trip to Lisbon", "Can you tell me by Friday whether 14 September works?", thread="t1"),
        letter(2, ME, ANNA, 26, "Re: Trip to Lisbon", "Shall we take the later flight?", thread="t1"),
        letter(3, TOM, ME, 5, "Photos", "Please send me the pictures.", thread="t2"),
    )  # fmt: skip
    put(
        store, "telegram", "chats",
        *(letter(10 + n, ANNA, ME, 27, "Ski trip", f"line {n}", thread="c1", others=(TOM,)) for n in range(12)),
        letter(30, TOM, ME, 28, "", "The umbrella is at the office.", thread="c2"),
    )  # fmt: skip
    return store


def found(store: Store, text: str) -> Material | Unclear | None:
    asked = request(text)
    assert asked is not None
    lookup = Lookup(store)
    query = reading.read(f"{asked.to} {asked.about}".strip() or text, now=NOW, people=lookup.people())
    materials = Materials(lookup, Inventory(store.database), lambda: Retriever(lookup, None, None), zone=BERLIN)
    return materials.of(asked, query, numbers=store.source_ids(), now=NOW)


def read(store: Store, text: str) -> tuple[str, list[str]]:
    given = found(store, text)
    assert isinstance(given, Material), given
    return given.name, [one.text for one in given.passages]


def test_a_document_is_named_with_its_file_and_day(store: Store) -> None:
    assert read(store, "Summarize the lease contract") == (
        "“Lease agreement Amselweg 3” (lease.pdf), last changed on 5 March 2024",
        ["Marlene Vogt lets the flat.", "The deposit is 3,720 euros."],
    )


def test_several_are_told_with_where_they_lie(store: Store) -> None:
    given = found(store, "Summarize the lease")
    assert isinstance(given, Unclear)
    assert [one.rpartition(", in ")[2] for one in given.candidates] == ["/papers", "/papers"]
    assert found(store, "Summarize the divorce contract") is None


def test_mails_and_chats_are_told_apart(store: Store) -> None:
    name, texts = read(store, "Action items from last week's mails")
    assert name == "the mails of last week"
    assert len(texts) == 2
    name, texts = read(store, "Summarize Tom's messages from June")
    assert name == "the messages with Tom Rivera of June"
    assert "Please send me the pictures." not in texts
    assert texts[-1] == "The umbrella is at the office."


def test_without_a_text_what_is_recent_is_looked_through(store: Store) -> None:
    name, texts = read(store, "What are my action items?")
    assert name == "the messages of the last 14 days"
    assert "Please send me the pictures." not in texts  # of 5 June
    assert len(texts) == 15


def test_a_reply_goes_where_it_was_written_to_the_owner(store: Store) -> None:
    name, texts = read(store, "Draft a reply to Anna about the trip")
    assert name == "“Trip to Lisbon”, with Anna Berger, 25 June 2026 to 26 June 2026"
    assert len(texts) == 2
    _, texts = read(store, "Reply to Anna that it is fine")
    assert len(texts) == 8  # the newest of all that was said with her
    assert found(store, "Draft a reply to Anna about the opera") is None


def test_what_is_written_first_may_rest_on_a_document(store: Store) -> None:
    name, _ = read(store, "Write an email to Marlene Vogt about the deposit of the lease agreement")
    assert name.startswith("“Lease agreement Amselweg 3”")
    assert found(store, "Reply to Marlene Vogt about the deposit") is None
