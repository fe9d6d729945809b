"""Where a citation lives and how it is opened: exact lines for each kind of place, and nothing that steers a terminal."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answer.whereabouts import whereabouts
from agent.vocabulary import Citation, Kind, Passage, ReadBy

WHEN = datetime(2026, 3, 3, 14, 2, tzinfo=UTC)


def passage(
    locator: str,
    *,
    kind: Kind = "section",
    title: str = "Lease Aldervik",
    people: tuple[str, ...] = (),
    spans: tuple[tuple[str, str, int, int], ...] = (),
    also: tuple[str, ...] = (),
    read_by: ReadBy = "",
) -> Passage:
    return Passage(
        id="00", score=1.0, source="mine", kind=kind, title=title, text="some words of the owner", people=people,
        sender="", when=WHEN, locator=locator, spans=spans, also=also, read_by=read_by,
    )  # fmt: skip


def test_a_page_of_a_file_in_two_places() -> None:
    found = passage(
        "file:///home/robin/My%20papers/lease.pdf#page=2",
        spans=(("page", "2", 0, 60), ("page", "3", 60, 120)),
        also=("file:///home/robin/taxes/lease.pdf#page=2",),
    )
    assert whereabouts(found, platform="linux") == (
        "“Lease Aldervik”, pages 2 to 3",
        "in /home/robin/My papers/lease.pdf",
        "also in /home/robin/taxes/lease.pdf",
        "xdg-open '/home/robin/My papers/lease.pdf'   then go to pages 2 to 3",
    )
    assert whereabouts(found, platform="darwin", quoted=(61, 80)) == (
        "“Lease Aldervik”, page 3",
        "characters 61 to 80 of the passage",
        "in /home/robin/My papers/lease.pdf",
        "also in /home/robin/taxes/lease.pdf",
        "open '/home/robin/My papers/lease.pdf'   then go to page 3",
    )


@pytest.mark.parametrize(
    ("spans", "fragment", "place"),
    [
        ((("slide", "4", 0, 9),), "slide=4", "slide 4"),
        ((("cells", "Budget!A1:C17", 0, 9),), "sheet=Budget!A1:C17", "cells Budget!A1:C17"),
        ((("chapter", "The lamp", 0, 9),), "chapter=2", "chapter The lamp"),
        ((("line", "3-9", 0, 5), ("line", "10-12", 5, 9)), "line=3", "lines 3 to 12"),
        ((("line", "7", 0, 9),), "line=7", "line 7"),
        ((("time", "0:30", 0, 5), ("time", "0:41", 5, 9)), "t=30", "minutes 0:30, 0:41"),
        ((), "t=30", "second 30"),
        ((), "page=12", "page 12"),
        ((), "sheet='House rules'!A1", "cells 'House rules'!A1"),
    ],
)
def test_places_in_words(spans: tuple[tuple[str, str, int, int], ...], fragment: str, place: str) -> None:
    first, *_ = whereabouts(passage(f"file:///a.x#{fragment}", spans=spans), platform="linux")
    assert first == f"“Lease Aldervik”, {place}"


def test_what_a_machine_read_or_heard_says_so() -> None:
    scan = passage("file:///scan.pdf#page=3", spans=(("page", "3", 0, 60),), read_by="ocr")
    assert whereabouts(scan, platform="linux")[0] == "“Lease Aldervik”, page 3, read by OCR"
    photo = passage("file:///photo.jpg", read_by="ocr")
    assert whereabouts(photo, platform="linux")[0] == "“Lease Aldervik” of 3 March 2026, read by OCR"
    note = passage("file:///note.m4a#t=30", spans=(("time", "0:30", 0, 60),), read_by="speech")
    assert whereabouts(note, platform="linux")[0] == "“Lease Aldervik”, minute 0:30, heard by a machine"


def test_a_file_without_a_place_says_its_day() -> None:
    assert whereabouts(passage("file:///a.docx"), platform="linux") == (
        "“Lease Aldervik” of 3 March 2026",
        "in /a.docx",
        "xdg-open /a.docx",
    )


@pytest.mark.parametrize(
    ("link", "program"),
    [
        ("sms://open?message-guid=AB-12", "Messages"),
        ("message://%3C1%40example.org%3E", "Mail"),
    ],
)
def test_a_message_in_a_program_of_the_mac(link: str, program: str) -> None:
    said = passage(link, kind="message", title="Flat", people=("Mara Lindqvist", "me"))
    what = "Message of Tuesday 3 March 2026 14:02 in “Flat” with Mara Lindqvist, me"
    assert whereabouts(said, platform="darwin") == (what, f"in {program}", f"open {shlex.quote(link)}")
    assert whereabouts(said, platform="linux")[-1] == f"on your Mac: open {shlex.quote(link)}"


def test_a_message_of_an_export() -> None:
    said = passage(
        "file:///e/export.zip#entry=a%2Fresult.json&chat=7&id=93", kind="message", title="", people=("Ines",)
    )
    assert whereabouts(said, platform="linux") == (
        "Message of Tuesday 3 March 2026 14:02 with Ines",
        "in /e/export.zip",
        "xdg-open /e/export.zip   then go to part a/result.json, chat 7, message 93",
    )


def test_an_event_and_a_contact() -> None:
    event = passage("ical://ekevent/A1?method=show&options=more", kind="event", title="Dentist")
    assert whereabouts(event, platform="darwin") == (
        "Event “Dentist” of Tuesday 3 March 2026 14:02",
        "in Calendar",
        "open 'ical://ekevent/A1?method=show&options=more'",
    )
    card = passage("addressbook://12:ABPerson", kind="contact", title="Ines Okafor")
    assert whereabouts(card, platform="darwin")[0] == "Contact Ines Okafor"


def test_numbers_have_no_place() -> None:
    cited = Citation(
        n=1, source="health", kind="samples", title="Watch", people=(), when=None, locator="", quote="8,123 steps"
    )
    first, last = whereabouts(cited, platform="darwin")
    assert first == "Numbers of health: Watch"
    assert "no place" in last


def test_a_citation_brings_the_spans_of_its_passage() -> None:
    cited = Citation(
        n=1, source="papers", kind="section", title="Lease", people=(), when=None, locator="file:///a.pdf", quote="x"
    )
    spans = (("page", "1", 0, 10), ("page", "2", 10, 20))
    assert whereabouts(cited, platform="linux", spans=spans, quoted=(12, 15))[0] == "“Lease”, page 2"


def test_a_web_page_is_named_and_not_opened() -> None:
    lines = whereabouts(passage("https://example.org/a"), platform="darwin")
    assert not any(line.startswith("open") for line in lines)


def test_a_name_that_cannot_be_typed_is_told_by_its_folder() -> None:
    *_, last = whereabouts(passage("file:///papers/lat%5Cxe9.txt"), platform="linux")
    assert last == "Its name cannot be typed as it is; look for it in /papers"


@given(st.text(), st.text(), st.text())
@settings(deadline=None)
def test_nothing_steers_the_terminal(locator: str, title: str, label: str) -> None:
    found = passage(locator, title=title, spans=(("page", label, 0, 5),), also=(locator,))
    for line in whereabouts(found, platform="linux"):
        assert line.isprintable()


@given(st.text(min_size=1).filter(lambda name: not set("/\0\\") & set(name)))
@settings(deadline=None)
def test_a_command_opens_one_file_and_runs_nothing_else(name: str) -> None:
    from urllib.parse import quote

    command = whereabouts(passage(f"file:///{quote(name, errors='replace')}"), platform="linux")[-1]
    program, target = shlex.split(command)
    assert program == "xdg-open"
    assert target.startswith(("/", "file:///"))
