"""Who lives where is found by the form of an address, with words that do not hold "live"; and nobody else's is taken."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import pytest

from agent.homebody.health import Health
from agent.homebody.questions import Questions
from agent.models.resident import Resident
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.vocabulary import Answer
from indexers.record import Contact, Message, Party
from tests.agent.answer.tasks.conftest import Says
from tests.agent.drained import drained
from tests.agent.stored import BERLIN, ME, put

NOW = datetime(2026, 7, 1, 9, tzinfo=BERLIN)
PEOPLE = {
    name: Party(handle=f"{name.split()[0].lower()}@example.org") for name in ("Anna Berger", "Tom Rivera", "Ida Kern")
}
SAID = (
    ("Anna Berger", "We finally moved in! The new address is Lindenstrasse 14, 10969 Berlin, third floor."),
    ("Anna Berger", "The door code is 4471."),
    ("Tom Rivera", "Anna, what is your new address?"),
    ("Tom Rivera", "The party is at Gartenweg 7, 10115 Berlin."),
    ("Ida Kern", "Tom, my new address is Hauptstrasse 3, 99423 Weimar."),
)


class Models:
    """No embedder, and a model that always answers with the address it is given."""

    def language(self, _: str) -> Says:
        return Says("The address is Lindenstrasse 14.")


@pytest.fixture(scope="module")
def questions() -> Questions:
    store = Store.in_memory()
    cards = [Contact(id=name, names=(name,), mails=(party.handle,)) for name, party in PEOPLE.items()]
    talk = [
        Message(
            id=str(n), conversation=name, sender=PEOPLE[name], people=(PEOPLE[name], ME), text=text,
            sent_at=datetime(2026, 3, 4 + n, 17, tzinfo=BERLIN), locator=f"chat:{n}",
        )
        for n, (name, text) in enumerate(SAID)
    ]  # fmt: skip
    put(store, "telegram", "chats", *talk, *cards)
    return Questions(
        store, Lookup(store, region="DE"), Inventory(store.database), models=cast("Resident", Models()),
        health=Health(store, zone=BERLIN, region="DE", orders={}), index=lambda: None, zone=BERLIN, region="DE",
    )  # fmt: skip


def asked(questions: Questions, text: str) -> Answer:
    return drained(questions.ask(text, now=NOW))[1]


@pytest.mark.parametrize("text", ["Where does Anna live?", "In which street does Anna Berger live now?"])
def test_the_address_that_somebody_gave_is_where_they_live(text: str, questions: Questions) -> None:
    given = asked(questions, text)
    assert given.found
    assert "Lindenstrasse 14" in given.text
    assert [one.quote for one in given.citations] == [SAID[0][1]]


def test_an_address_where_people_meet_or_of_somebody_else_is_nobodys(questions: Questions) -> None:
    given = asked(questions, "Where does Tom live?")
    assert not given.found
    assert given.citations == ()
