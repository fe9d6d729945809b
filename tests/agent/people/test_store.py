"""From files of several programs to one person: the readers, the store, and a question that names somebody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.demo.chat_db import Chat, Line, write_chat_db
from agent.errors import NothingFound, WrongUse
from agent.ingest.chunk import cut
from agent.people import Known
from agent.retrieval import query
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from indexers.calendar import Calendar
from indexers.contacts import Contacts
from indexers.messages.apple import AppleMessages
from indexers.messages.mail import Mail
from indexers.messages.signal import Signal
from indexers.messages.whatsapp import WhatsApp
from indexers.record import SampleBatch, Skipped
from indexers.source import Item, Source

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 7, 1, 9, tzinfo=BERLIN)
ANNA = "+4915112345678"
CARDS = """BEGIN:VCARD
VERSION:3.0
FN:Anna Berger
TEL;TYPE=CELL:0151 12345678
EMAIL:Anna@Berger.example
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Anna Lind
TEL:+4915187654321
END:VCARD
"""
MAIL = """From: "Anna Berger" <anna@berger.example>
To: Robin Winter <robin@winter.example>
Delivered-To: robin@winter.example
Date: Mon, 02 Mar 2026 10:00:00 +0100
Message-ID: <1@berger.example>
Subject: The lease

I signed the lease.
"""
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Opera
DTSTART:20260310T180000Z
DTEND:20260310T210000Z
ATTENDEE;CN=Anna Berger:mailto:anna@berger.example
END:VEVENT
END:VCALENDAR
"""


def store_of(sources: Sequence[Source]) -> Store:
    """A store in memory that holds all that the sources have now."""
    store = Store.in_memory()
    for source in sources:
        number = store.source(source.name, type(source).__name__)
        for item in list(source.scan()):
            assert isinstance(item, Item), item
            put(store, number, source, item)
    return store


def put(store: Store, number: int, source: Source, item: Item) -> None:
    records = []
    for record in source.read(item):
        assert not isinstance(record, Skipped | SampleBatch), record
        records.append(record)
    made = cut(records, item=item.id, path="", zone=BERLIN, count=lambda text: len(text.split()))
    with store.writing():
        staged = store.stage(number, item, now=0.0)
        store.name_handles(made.names)
        store.add_chunks(staged, made.chunks, made.blocks, model="none")
        store.add_cards(staged, made.contacts)
        store.publish(staged, records=len(records), skips=())


@pytest.fixture
def life(tmp_path: Path) -> list[Source]:
    """Anna Berger by number, mail, and name in two chat programs; another Anna; a stranger called Anna."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    chats = [
        Chat(people=[ANNA], lines=[Line(by=ANNA, at=at, text="we moved in"), Line(by="me", at=at, text="congrats")]),
        Chat(people=["+4915187654321"], lines=[Line(by="+4915187654321", at=at, text="the vet called")]),
    ]
    write_chat_db(tmp_path / "chat.db", chats)
    for name, text in {
        "cards.vcf": CARDS,
        "mail/1.eml": MAIL,
        "opera.ics": EVENT,
        "wa/WhatsApp Chat with Anna Berger.txt": "13/03/2026, 10:00 - Anna Berger: bring the ladder\n",
        "wa/WhatsApp Chat with Anna.txt": "14/03/2026, 10:00 - Anna: who took the drill\n",
        "signal/Anna/chat.md": "[2026-03-15 10:00:05] Anna: not that Anna\n",
        "signal/Berger/chat.md": "[2026-03-16 10:00:05] Anna Berger: see you at ten\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    return [
        AppleMessages(name="messages", path=tmp_path / "chat.db", options={}),
        Contacts(name="contacts", path=tmp_path / "cards.vcf", options={"region": "DE"}),
        Mail(name="mail", path=tmp_path / "mail", options={}),
        Calendar(name="calendar", path=tmp_path / "opera.ics", options={"today": "2026-03-01"}),
        WhatsApp(name="whatsapp", path=tmp_path / "wa", options={}),
        Signal(name="signal", path=tmp_path / "signal", options={}),
    ]


def only(known: Sequence[Known]) -> Known:
    (one,) = known
    return one


def test_a_question_by_name_finds_every_handle_in_every_source(life: list[Source]) -> None:
    lookup = Lookup(store_of(life), region="DE")
    asked = query.read("what did Anna Berger say?", now=NOW, people=lookup.people())
    (anna,) = asked.people
    assert set(anna.handles) == {
        ANNA, "015112345678", "anna@berger.example", "whatsapp:Anna Berger", "signal:Anna Berger",
    }  # fmt: skip
    hits = lookup.matches(query.match(asked, lookup.tokens_of(asked.people)))
    found = lookup.passages([int(chunk) for chunk in hits.chunk], {}, zone=BERLIN)
    assert {(hit.source, hit.sender) for hit in found if hit.kind == "message"} == {
        (source, "Anna Berger") for source in ("messages", "mail", "whatsapp", "signal")
    }


def test_a_first_name_alone_names_all_who_bear_it_and_joins_none(life: list[Source]) -> None:
    lookup = Lookup(store_of(life), region="DE")
    asked = query.read("what did Anna say?", now=NOW, people=lookup.people())
    assert sorted(person.name for person in asked.people) == ["Anna", "Anna", "Anna Berger", "Anna Lind"]


def test_the_owner_sees_why_and_where(life: list[Source]) -> None:
    anna = only(Lookup(store_of(life), region="DE").who().find("Anna Berger"))
    assert {tie.why for tie in anna.ties} == {
        "same number",
        "same card: Anna Berger",
        "same full name in two sources: Anna Berger",
    }
    assert anna.sources == ("calendar", "contacts", "mail", "messages", "signal", "whatsapp")


def test_a_merge_and_a_split_hold_and_outlive_reading_anew(life: list[Source]) -> None:
    store = store_of(life)
    lookup = Lookup(store, region="DE")
    assert "signal:Anna" in lookup.who().merge("signal:Anna", "Anna Berger").person.handles
    assert "signal:Anna" in only(lookup.who().find("Anna Berger")).person.handles
    alone = lookup.who().split("0151 123 456 78").person
    assert alone.handles == (ANNA, "015112345678")
    for source in life:
        number = store.source_ids()[source.name]
        store.remove_items(number, [stored.id for stored in store.items(number).values()])
    store.sweep()
    assert lookup.people() == ()
    for source in life:
        for item in list(source.scan()):
            assert isinstance(item, Item)
            put(store, store.source_ids()[source.name], source, item)
    again = Lookup(store, region="DE").who()
    assert only(again.find(ANNA)).person.handles == (ANNA, "015112345678")
    assert "signal:Anna" in only(again.find("anna@berger.example")).person.handles
    assert only(again.find("signal:Anna")).ties[-1].why == "merged by you"


def test_a_decision_keeps_no_address_of_its_own(life: list[Source]) -> None:
    store = store_of(life)
    Lookup(store, region="DE").who().split("anna@berger.example")
    for source in list(store.source_ids().values()):
        store.remove_source(source)
    store.sweep()
    store.database.run("VACUUM")
    assert b"anna@berger.example" not in store.database.connection().serialize("main")


def test_questions_follow_a_merge_at_once(life: list[Source]) -> None:
    lookup = Lookup(store_of(life), region="DE")
    lookup.who().merge("Anna Lind", "signal:Anna")
    asked = query.read("what did Anna Lind say?", now=NOW, people=lookup.people())
    assert asked.people[0].handles == ("+4915187654321", "signal:Anna")


def test_what_cannot_be_decided_names_the_remedy(life: list[Source]) -> None:
    who = Lookup(store_of(life), region="DE").who()
    with pytest.raises(NothingFound):
        who.merge("Anna Berger", "Nobody Here")
    with pytest.raises(WrongUse, match="2 people bear that name"):
        who.merge("Anna Lind", "Anna")
    with pytest.raises(WrongUse, match="one person already"):
        who.merge("Anna Berger", ANNA)
    with pytest.raises(WrongUse, match="not a name"):
        who.split("Anna Berger")


def test_nobody_is_no_person(tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_text("Date: Mon, 02 Mar 2026 10:00:00 +0100\nSubject: ghost\n\nunsigned\n")
    lookup = Lookup(store_of([Mail(name="mail", path=tmp_path, options={})]))
    assert lookup.people() == ()
