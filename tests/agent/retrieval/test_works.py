"""Which whole document, thread or conversation an owner's words name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from agent.retrieval import query as reading
from agent.retrieval.retriever import Retriever
from agent.retrieval.works import MOST, Wanted, read, stretch, subject, works
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.vocabulary import Query
from tests.agent.stored import ANNA, BERLIN, CARDS, ME, TOM, letter, paper, put

NOW = datetime(2026, 7, 1, 9, tzinfo=BERLIN)


@pytest.fixture(scope="module")
def lookup() -> Lookup:
    store = Store.in_memory()
    for item, sections in (
        paper("lease.pdf", "Lease agreement Amselweg 3", "The rent is 1,240 euros.", "The deposit is 3,720 euros."),
        paper("lease-old.pdf", "Lease Fontaigne", "Heating is not included."),
        paper("standup-2026-06-29.txt", "standup-2026-06-29.txt", "Project standup\nTom will restart the server."),
        paper("minutes.txt", "minutes.txt", "Minutes of 22 June 2026\nThe contract was signed."),
        paper("protokoll.md", "Sitzung 20. Juni 2026", "Die Miete steigt."),
        paper("report.html", "Halden Instruments, report of the third quarter", "Revenue was 4.2 million euros."),
    ):
        put(store, "documents", item, *sections)
    put(store, "contacts", "cards", *CARDS)
    put(
        store, "mail", "inbox",
        letter(1, ANNA, ME, 25, "Trip to Lisbon", "I found flights for 129 euros.", thread="t1"),
        letter(2, ME, ANNA, 26, "Re: Trip to Lisbon", "Shall we take the later one?", thread="t1"),
        letter(3, TOM, ME, 27, "Photos", "Here are the pictures of our trip.", thread="t2"),
    )  # fmt: skip
    return Lookup(store)


def asked(text: str, lookup: Lookup) -> Query:
    return reading.read(text, now=NOW, people=lookup.people())


def named(text: str, lookup: Lookup, *, kinds: tuple[str, ...] = ()) -> list[str]:
    wanted = Wanted(query=asked(text, lookup), sources=(1, 2, 3), kinds=kinds)
    found = works(wanted, lookup, Retriever(lookup, None, None), zone=BERLIN)
    return [work.name or work.title for work in found]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the lease contract", ["lease.pdf"]),
        ("the lease", ["lease.pdf", "lease-old.pdf"]),
        ("the report of the third quarter", ["report.html"]),
        ("the Halden report", ["report.html"]),
        ("Monday's meeting", ["standup-2026-06-29.txt"]),
        ("the minutes of 22 June", ["minutes.txt"]),
        ("the meeting of 20 June", ["protokoll.md"]),
        ("the meeting of 23 June", []),
        ("the divorce contract", []),
        ("the file lease-old.pdf", ["lease-old.pdf"]),
        ("lease.pdf", ["lease.pdf"]),
        ("the mail thread about Lisbon", ["Trip to Lisbon"]),
        ("Anna's mail about the trip", ["Trip to Lisbon"]),
        ("Tom's mail about Lisbon", []),
    ],
)
def test_words_days_and_people_name_a_work(text: str, names: Sequence[str], lookup: Lookup) -> None:
    assert sorted(named(text, lookup)) == sorted(names)


def test_only_the_wanted_kinds_are_named(lookup: Lookup) -> None:
    assert named("the lease", lookup, kinds=("message",)) == []
    assert named("Lisbon", lookup, kinds=("section",)) == []


def test_the_subject_is_what_tells_works_apart(lookup: Lookup) -> None:
    assert subject(asked("Anna's last mails from yesterday", lookup)) == ()
    assert subject(asked("the mail thread with Anna about Lisbon", lookup)) == ("lisbon",)


def test_a_work_is_read_whole_and_in_order(lookup: Lookup) -> None:
    wanted = Wanted(query=asked("the lease contract", lookup), sources=(1,))
    (work,) = works(wanted, lookup, Retriever(lookup, None, None), zone=BERLIN)
    passages, total = read(work.thread, lookup, zone=BERLIN)
    assert [one.text for one in passages] == ["The rent is 1,240 euros.", "The deposit is 3,720 euros."]
    assert (total, work.passages) == (2, 2)


def test_what_is_long_is_read_from_its_beginning_or_its_end() -> None:
    store = Store.in_memory()
    many = [letter(n, ANNA, ME, 1 + n // 24, "", f"line {n}", thread="t") for n in range(MOST + 20)]
    put(store, "chat", "c", *many)
    lookup = Lookup(store)
    (thread,) = set(lookup.order().thread.tolist())
    first, total = read(thread, lookup, zone=BERLIN)
    last, _ = read(thread, lookup, zone=BERLIN, newest=True)
    assert (len(first), len(last), total) == (MOST, MOST, MOST + 20)
    assert (first[0].text, last[-1].text) == ("line 0", f"line {MOST + 19}")
    said, whole = stretch(asked("everything", lookup), lookup, zone=BERLIN, sources=(1,))
    assert (len(said), whole, said[-1].text) == (MOST, False, f"line {MOST + 19}")


def test_a_long_message_is_read_to_its_end() -> None:
    store = Store.in_memory()
    long = "\n\n".join(f"Point {n}: " + "word " * 60 for n in range(12))
    put(
        store,
        "mail",
        "inbox",
        letter(1, ANNA, ME, 25, "Plan", long, thread="t"),
        letter(2, ANNA, ME, 26, "", "ok", thread="t"),
    )
    lookup = Lookup(store)
    said, whole = stretch(asked("mails of 2026", lookup), lookup, zone=BERLIN, sources=(1,))
    assert len(said) > 2
    assert "Point 11" in said[-2].text
    assert (said[-1].text, whole) == ("ok", True)


def test_a_stretch_is_what_people_wrote_in_some_time(lookup: Lookup) -> None:
    said, whole = stretch(asked("mails with Anna of last week", lookup), lookup, zone=BERLIN, sources=(2, 3))
    assert [one.text for one in said] == ["I found flights for 129 euros.", "Shall we take the later one?"]
    assert whole
    assert stretch(asked("mails of 1 June", lookup), lookup, zone=BERLIN, sources=(2, 3)) == ([], True)
