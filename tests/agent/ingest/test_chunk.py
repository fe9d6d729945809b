"""Messages, events and contacts become chunks and blocks that fit the window and change only where they were changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import default_models
from agent.ingest.chunk import Cut, cut, embedded_text
from agent.models.embedder import open_embedder
from agent.models.library import Library
from agent.models.protocols import Embedder
from indexers.record import Attachment, Contact, Event, Message, Party, Section

START = datetime(2024, 5, 1, 8, tzinfo=UTC)
ANN, BOB = Party(handle="+49 171 0000001", name="Annegret"), Party(handle="bob@example.org", name="Bobby", me=True)
LARGEST = 256
"""Tokens that the default embedder reads; what lies beyond is silently lost."""


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    if not Path(default_models()).is_dir():
        pytest.skip("no models are installed")
    return open_embedder(Library(default_models()), bulk=False)


def words(text: str) -> int:
    return len(text.split()) + 2


def message(number: int, text: str, *, conversation: str = "c", by: Party = ANN) -> Message:
    return Message(
        id=f"m{number}",
        conversation=conversation,
        sender=by,
        people=(ANN, BOB),
        sent_at=START + timedelta(minutes=number),
        text=text,
    )


def made(records: Sequence[Message | Section | Event | Contact], *, path: str = "") -> Cut:
    return cut(records, item="/item", path=path, zone=UTC, count=words)


def covered(out: Cut) -> list[int]:
    return [index for block in out.blocks for index in range(block.first, block.last + 1)]


def test_a_message_is_a_chunk_and_neighbours_share_a_block() -> None:
    out = made([message(number, f"text {number}") for number in range(20)])
    assert [chunk.text for chunk in out.chunks] == [f"text {number}" for number in range(20)]
    assert covered(out) == list(range(20))
    assert {block.last - block.first + 1 for block in out.blocks[:-1]} <= {3, 4, 5}
    assert out.blocks[0].text.startswith("text 0\ntext 1\n")


def test_conversations_do_not_share_a_block() -> None:
    out = made([message(n, f"t{n}", conversation="ab"[n // 3]) for n in range(6)])
    assert [(block.first, block.last) for block in out.blocks] == [(0, 2), (3, 5)]


def test_people_are_handles_beside_the_text_and_never_in_it() -> None:
    out = made([message(1, "hello"), message(2, "there", by=BOB)])
    assert [chunk.sender for chunk in out.chunks] == ["+491710000001", "bob@example.org"]
    assert out.names == {"+491710000001": ("Annegret", False), "bob@example.org": ("Bobby", True)}
    event = Event(id="e", title="Dinner", start=START, end=START, people=(ANN,))
    section = Section(id="s", document="d", title="A title", text="Its words.", author="Annegret")
    out = made([message(1, "hello"), event, section], path="/home/annegret/file.txt")
    for block in out.blocks:
        for trace in ("annegret", "bobby", "171", "/home", "2024-05"):
            assert trace not in block.text.lower()
    assert {chunk.path for chunk in out.chunks} == {"/home/annegret/file.txt"}


def test_a_rename_or_another_day_embeds_nothing_anew() -> None:
    before = [message(number, f"text {number}") for number in range(9)]
    renamed = replace(ANN, name="Anna-Greta")
    after = [replace(m, sender=renamed, people=(renamed, BOB), title="New name of the group") for m in before]
    assert [block.text for block in made(before).blocks] == [block.text for block in made(after).blocks]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(1, 3))
def test_an_insertion_changes_the_blocks_around_it_only(at: int, more: int) -> None:
    before = [message(number * 10, f"text {number}") for number in range(60)]
    new = [replace(message(at * 10 + 1 + extra, f"new {extra}"), id=f"new{extra}") for extra in range(more)]
    one = {block.text for block in made(before).blocks}
    other = {block.text for block in made([*before[:at], *new, *before[at:]]).blocks}
    assert len(other - one) <= 9
    assert len(one - other) <= 9


def test_messages_changed_in_one_place_change_few_blocks_on_average() -> None:
    before = [message(number * 10, f"text {number}") for number in range(200)]
    one = {block.text for block in made(before).blocks}
    changes = []
    for at in range(0, 200, 5):
        new = replace(message(at * 10 + 1, "new"), id=f"new{at}")
        changes.append(len({block.text for block in made([*before[:at], new, *before[at:]]).blocks} - one))
    assert sum(changes) / len(changes) <= 3.5


def test_attachments_and_quotes_are_found_but_not_said() -> None:
    full = replace(
        message(1, "look"), attachments=(Attachment(name="beach.jpg"),), quoted="what she said", reactions=("❤️ by Bob",)
    )
    [chunk] = made([full]).chunks
    assert "beach.jpg" in chunk.about
    assert chunk.context == "what she said\n❤️ by Bob"
    assert chunk.text == "look"
    assert made([full]).blocks[0].text == "look"
    [chunk] = made([replace(full, text=" ")]).chunks
    assert chunk.text == "[beach.jpg]"
    assert made([message(1, "  ")]).chunks == []


def test_days_are_written_as_people_say_them() -> None:
    late = replace(message(1, "x"), sent_at=datetime(2024, 5, 1, 23, 30, tzinfo=UTC))
    out = cut([late], item="/i", path="", zone=ZoneInfo("Europe/Berlin"), count=words)
    assert out.chunks[0].about.startswith("2 May 2024")
    floating = replace(late, sent_at=datetime(2024, 5, 1, 23, 30))  # noqa: DTZ001 - an export that names no zone
    out = cut([floating], item="/i", path="", zone=ZoneInfo("Europe/Berlin"), count=words)
    assert out.chunks[0].about.startswith("1 May 2024")
    assert out.chunks[0].when == datetime(2024, 5, 1, 21, 30, tzinfo=UTC).timestamp()


SCRIPTS = st.sampled_from(
    [
        "plain words of a letter ",
        "각난닭많 않값읽 ",
        "漢字仮名交じり文。",
        "ภาษาไทยเป็นภาษา",
        "1234567890 ",
        "!?…—«»",
        "हिन्दी भाषा ",
        "👨‍👩‍👧‍👦",
        "xqzjwk",
        "a\n\nb ",
    ]
)
TEXTS = st.builds(lambda part, times, tail: part * times + tail, SCRIPTS, st.integers(1, 120), st.text(max_size=30))


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_every_block_fits_the_window_by_the_real_tokenizer(texts: list[str], embedder: Embedder) -> None:
    records: list[Message | Event | Contact] = [message(number, text) for number, text in enumerate(texts)]
    for number, text in enumerate(texts):
        records.append(Event(id=f"e{number}", title="Dinner", start=START, end=START, text=text))
        records.append(Contact(id=f"k{number}", names=("Ann",), note=text))
    out = cut(records, item="/i", path="", zone=UTC, count=embedder.count_tokens)
    assert covered(out) == list(range(len(out.chunks)))
    assert len({(chunk.kind, chunk.place) for chunk in out.chunks}) == len(out.chunks)
    for block in out.blocks:
        assert embedder.count_tokens(block.text) <= LARGEST
        assert block.text == embedded_text(out.chunks[block.first : block.last + 1])


@settings(deadline=None, max_examples=40)
@given(text=TEXTS)
def test_no_word_of_a_long_message_is_lost(text: str) -> None:
    out = made([message(1, text)])
    assert "".join("".join(chunk.text for chunk in out.chunks).split()) == "".join(text.split())
    for chunk in out.chunks:
        assert chunk.text in text  # what is cited stands in the source, character for character


def test_an_event_says_when_and_where() -> None:
    event = Event(
        id="e",
        title="Dinner",
        start=START,
        end=START + timedelta(hours=2),
        place="Old Bakery",
        people=(ANN,),
        text="Bring wine.",
    )
    [chunk] = made([event]).chunks
    assert chunk.text == "Dinner\nWhen: Wednesday 1 May 2024 08:00 to 10:00\nPlace: Old Bakery\nBring wine."
    assert (chunk.when, chunk.until) == (START.timestamp(), (START + timedelta(hours=2)).timestamp())
    [chunk] = made([replace(event, all_day=True)]).chunks
    assert "1 May 2024, all day" in chunk.text
    [chunk] = made([replace(event, end=START + timedelta(days=1))]).chunks
    assert "08:00 to 2 May 2024 08:00" in chunk.text


def test_a_contact_is_one_chunk_with_all_its_handles() -> None:
    contact = Contact(
        id="k",
        names=("Ann B.", "Annie"),
        phones=("+49 (171) 000-0001",),
        mails=("Ann@Example.ORG",),
        birthday=date(1980, 2, 3),
        organization="Bakery",
    )
    out = made([contact])
    [chunk] = out.chunks
    assert chunk.people == ("+491710000001", "ann@example.org")
    assert chunk.text.splitlines() == [
        "Ann B.", "also: Annie", "Bakery", "phone: +49 (171) 000-0001", "mail: Ann@Example.ORG", "birthday: 3 February 1980",
    ]  # fmt: skip
    assert out.contacts == [(contact, chunk.people)]
