from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.errors import NothingFound, WrongUse
from agent.ingest.chunk import cut
from agent.retrieval.timeline import Timeline, read, timeline
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.vocabulary import Value
from indexers.record import Contact, Event, Message, Party, Section
from indexers.source import Item

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 11, 9, tzinfo=BERLIN)
ME = Party(handle="me", me=True)
ANNA, ANNA_MAIL = Party(handle="+4915112345678"), Party(handle="anna@berger.example", name="Anna Berger")
BEN = Party(handle="signal:Ben", name="Ben")
CARD = Contact(id="1", names=("Anna Berger",), phones=(ANNA.handle,), mails=(ANNA_MAIL.handle,))
Words = Message | Section | Event | Contact


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=BERLIN)


def said(
    id_: str, sender: Party, moment: datetime, text: str, *, others: Sequence[Party] = (), chat: str = ""
) -> Message:
    people = tuple(dict.fromkeys((sender, *others, ME)))
    return Message(
        id=id_, conversation=chat or people[0].handle, sender=sender, people=people, sent_at=moment, text=text,
        locator=f"sms://open?message-guid={id_}",
    )  # fmt: skip


def event(id_: str, title: str, start: datetime, end: datetime, *people: Party) -> Event:
    return Event(id=id_, title=title, start=start, end=end, people=people, locator=f"ical://{id_}")


def put(store: Store, source: str, *records: Words, item: str = "", published: bool = True) -> int:
    number = store.source(source, source)
    name = item or f"{source}-item"
    made = cut(records, item=name, path="", zone=BERLIN, count=lambda text: len(text.split()))
    with store.writing():
        staged = store.stage(number, Item(id=name, fingerprint=name), now=0.0)
        store.name_handles(made.names)
        store.add_chunks(staged, made.chunks, made.blocks, model="none")
        store.add_cards(staged, made.contacts)
    if published:
        store.publish(staged, records=len(records), skips=())
    return staged


@pytest.fixture
def lookup() -> Lookup:
    store = Store.in_memory()
    put(
        store,
        "messages",
        said("m1", ANNA, at(4, 9), "we moved in"),
        said("m2", ME, at(4, 9, 5), "congratulations", others=(ANNA,), chat=ANNA.handle),
        said("m3", BEN, at(4, 10), "nobody told me", others=(ANNA,), chat="group"),
        said("m4", BEN, at(4, 11), "only to you"),
        said("m5", ANNA, at(5, 0, 0), "the first minute of the next day"),
    )
    put(store, "mail", said("a@x", ANNA_MAIL, at(4, 8), " ".join(f"word{n}." for n in range(900))))
    put(
        store,
        "calendar",
        event("opera", "Opera", at(4, 19), at(4, 22), ANNA_MAIL),
        event("night", "Night train", at(3, 22), at(4, 7)),
        event("fair", "Book fair", at(1, 0), at(8, 0), BEN),
        event("gone", "Dentist", at(3, 10), at(3, 11)),
    )
    pages = " ".join(f"clause {n} of the lease." for n in range(400))
    paper = Section(id="s", document="lease", title="Lease", text=pages, modified_at=at(4, 15), locator="#page=1")
    put(store, "documents", paper, item="/home/me/lease.pdf")
    put(store, "contacts", CARD)
    return Lookup(store, region="DE")


def titles(found: Timeline) -> list[str]:
    return [entry.title if entry.kind in ("event", "section", "value") else entry.text[:12] for entry in found.entries]


def asked(lookup: Lookup, person: str = "", day: str = "", *, limit: int = 200) -> Timeline:
    people, start, end = read(lookup, person=person, day=day, now=NOW)
    return timeline(lookup, people=people, start=start, end=end, zone=BERLIN, limit=limit)


def test_a_day_over_all_sources_in_order_of_time(lookup: Lookup) -> None:
    found = asked(lookup, day="4 March 2026")
    assert titles(found) == [
        "Book fair", "Night train", "word0. word1", "we moved in", "congratulati", "nobody told ", "only to you",
        "Lease", "Opera",
    ]  # fmt: skip
    assert (found.start, found.end) == (at(4, 0), at(5, 0))
    assert found.earlier is None


def test_every_entry_opens_its_item(lookup: Lookup) -> None:
    links = {
        entry.text[:5] if entry.kind == "message" else entry.title: entry.locator
        for entry in asked(lookup, day="2026-03-04").entries
    }
    assert links["we mo"] == "sms://open?message-guid=m1"
    assert links["Opera"] == "ical://opera"
    assert links["Lease"] == "file:///home/me/lease.pdf#page=1"
    assert all(links.values())


def test_one_person_over_all_sources(lookup: Lookup) -> None:
    found = asked(lookup, person="Anna Berger")
    assert titles(found) == ["word0. word1", "we moved in", "congratulati", "Opera", "the first mi"]
    assert found.people == ("Anna Berger",)
    assert (found.start, found.end) == (None, None)
    assert [entry.sender for entry in found.entries] == ["Anna Berger", "Anna Berger", "me", "", "Anna Berger"]
    assert {entry.source for entry in found.entries} == {"mail", "messages", "calendar"}


def test_one_person_on_one_day_and_what_reaches_into_it(lookup: Lookup) -> None:
    assert titles(asked(lookup, person="0151 12345678", day="5 March 2026")) == ["the first mi"]
    assert titles(asked(lookup, person="Ben", day="4 March 2026")) == ["Book fair", "nobody told ", "only to you"]


def test_a_range_of_days_and_the_hours_of_events(lookup: Lookup) -> None:
    found = asked(lookup, day="between 3 March 2026 and 5 March 2026")
    assert titles(found)[:3] == ["Book fair", "Dentist", "Night train"]
    assert titles(found)[-1] == "the first mi"
    opera = next(entry for entry in found.entries if entry.title == "Opera")
    assert (opera.when, opera.until) == (at(4, 19), at(4, 22))


def test_values_of_the_caller_stand_at_the_start_of_their_day(lookup: Lookup) -> None:
    steps = Value(name="steps", value=12_345, unit="count", start=date(2026, 3, 4), end=date(2026, 3, 5))
    found = timeline(lookup, start=at(4, 0).timestamp(), end=at(5, 0).timestamp(), zone=BERLIN, values=[steps])
    assert titles(found)[2:4] == ["steps", "word0. word1"]
    assert found.entries[2].text == "12,345 count"


@pytest.mark.parametrize("person", ["", "Anna Berger", "me"])
def test_pages_join_without_a_gap_or_a_double(lookup: Lookup, person: str) -> None:
    people, start, end = read(lookup, person=person, day="2026", now=NOW)
    whole = timeline(lookup, people=people, start=start, end=end, zone=BERLIN)
    pages: list[str] = []
    page = timeline(lookup, people=people, start=start, end=end, zone=BERLIN, limit=2)
    while True:
        pages = [entry.id for entry in page.entries] + pages
        if page.earlier is None:
            break
        page = timeline(lookup, people=people, start=start, end=end, zone=BERLIN, limit=2, before=page.earlier)
    assert pages == [entry.id for entry in whole.entries]
    assert len(set(pages)) == len(pages)


def test_many_things_of_one_instant_are_all_there() -> None:
    store = Store.in_memory()
    for n in range(30):
        pages = " ".join(f"line {m} of paper {n}." for m in range(200))
        put(
            store,
            "documents",
            Section(id="s", document="d", title=f"P{n}", text=pages, modified_at=at(4)),
            item=f"/{n}",
        )
    found = asked(Lookup(store), day="2026-03-04", limit=25)
    assert len(found.entries) == 25
    rest = timeline(
        Lookup(store), start=at(4, 0).timestamp(), end=at(5, 0).timestamp(), zone=BERLIN, before=found.earlier
    )
    assert sorted(titles(found) + titles(rest)) == sorted(f"P{n}" for n in range(30))


def test_what_is_staged_or_forgotten_is_not_there(lookup: Lookup) -> None:
    store = lookup._store
    put(store, "messages", said("m1", ANNA, at(4, 9), "a newer wording"), published=False)
    assert "a newer wording" not in [entry.text for entry in asked(lookup, day="2026-03-04").entries]
    assert "we moved in" in [entry.text for entry in asked(lookup, day="2026-03-04").entries]
    store.remove_source(store.source_ids()["messages"])
    assert titles(asked(lookup, day="2026-03-04")) == ["Book fair", "Night train", "word0. word1", "Lease", "Opera"]


def test_a_long_message_is_one_entry_and_repeated_words_are_several() -> None:
    store = Store.in_memory()
    put(store, "messages", said("m1", ANNA, at(4), "ok"), said("m2", ANNA, at(4), "ok"))
    assert titles(asked(Lookup(store), day="2026-03-04")) == ["ok", "ok"]


def test_days_of_the_owners_zone_over_the_change_of_clocks() -> None:
    store = Store.in_memory()
    late = datetime(2026, 3, 29, 21, 59, tzinfo=UTC)  # 23:59 in Berlin, on a day of 23 hours
    put(
        store,
        "messages",
        said("m1", ANNA, late, "still Sunday"),
        said("m2", ANNA, late + timedelta(minutes=1), "Monday"),
    )
    assert titles(asked(Lookup(store), day="2026-03-29")) == ["still Sunday"]


def test_what_is_asked_wrongly_names_the_remedy(lookup: Lookup) -> None:
    with pytest.raises(WrongUse, match="--person"):
        asked(lookup)
    with pytest.raises(NothingFound, match="homebody people"):
        asked(lookup, person="Nobody Here")
    with pytest.raises(WrongUse, match="not one day"):
        asked(lookup, day="the blue one")


def test_a_name_of_several_people_shows_them_all(lookup: Lookup) -> None:
    put(lookup._store, "signal", said("s1", Party(handle="signal:Anna", name="Anna"), at(6), "another"), item="other")
    assert len(read(lookup, person="Anna", day="", now=NOW)[0]) == 1
    put(lookup._store, "slack", said("s2", Party(handle="slack:U1", name="Anna"), at(6), "a third"), item="third")
    assert titles(asked(lookup, person="Anna")) == ["another", "a third"]


def steps(lookup: Lookup, *, person: str, day: str) -> int:
    """How many hundreds of instructions of SQLite's machine a timeline takes, without the look-up of people."""
    people, start, end = read(lookup, person=person, day=day, now=NOW)
    timeline(lookup, people=people, start=start, end=end, zone=BERLIN, limit=50)
    count = 0

    def tick() -> bool:
        nonlocal count
        count += 1
        return False

    connection = lookup._store.database.connection()
    connection.set_progress_handler(tick, 100)
    timeline(lookup, people=people, start=start, end=end, zone=BERLIN, limit=50)
    connection.set_progress_handler(None)
    return count


@pytest.mark.parametrize(("person", "day"), [("", "4 March 2026"), ("Anna Berger", "4 March 2026"), ("Ben", "2026")])
def test_the_cost_does_not_grow_with_the_store(lookup: Lookup, person: str, day: str) -> None:
    small = steps(lookup, person=person, day=day)
    others = [Party(handle=f"+4915110{n:06}") for n in range(20)]
    for year in range(2010, 2026):
        talk = [
            said(f"{year}-{n}", others[n % 20], datetime(year, 1 + n % 12, 1 + n % 28, tzinfo=UTC), f"line {n}")
            for n in range(400)
        ]
        put(lookup._store, "old", *talk, item=f"year {year}")
    assert steps(lookup, person=person, day=day) <= 2 * small + 20
