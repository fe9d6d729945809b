"""Invitations, moved and cancelled by later mails: one event is told once, as the newest mail has it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.demo.mail import Appointment, Letter, ics, write_eml, write_maildir, write_mbox
from indexers.contract import check_source
from indexers.messages.mail import Mail
from indexers.messages.mail.invitations import MOST, Call, calls
from indexers.record import Event
from indexers.source import Item

BOB, ANN = ("Bob", "bob@x.example"), ("Ann", "ann@x.example")
START = datetime(2026, 1, 2, 9, tzinfo=UTC)
DINNER = Appointment(uid="dinner", title="Dinner", start="20260105T180000Z", end="20260105T200000Z", people=[ANN])
LATER = Appointment(uid="dinner", title="Dinner", start="20260106T190000Z", end="20260106T210000Z", people=[ANN])
CLASS = Appointment(
    uid="class",
    title="Class",
    start="20260105T100000",
    end="20260105T110000",
    zone="Europe/Berlin",
    rule="FREQ=WEEKLY;COUNT=3",
)


def invitation(
    number: int,
    what: Appointment,
    *,
    sequence: int,
    method: str = "REQUEST",
    organizer: str = "bob@x.example",
    once: str = "",
) -> Letter:
    """A mail with one version of an event; `once` names the one occurrence that it is about."""
    more = f"SEQUENCE:{sequence}\r\nORGANIZER;CN=Bob:mailto:{organizer}\r\n"
    more += f"RECURRENCE-ID;TZID=Europe/Berlin:{once}\r\n" if once else ""
    text = ics([what], method=method, written=f"202601{number:02}T000000Z").replace("SUMMARY:", f"{more}SUMMARY:")
    return Letter(
        id=f"{number}@x", sender=BOB, to=[ANN], subject="s", sent_at=START, text=f"mail {number}", invitation=text
    )


def write(path: Path, layout: str, mails: Sequence[Letter]) -> Path:
    {"eml": write_eml, "mbox": write_mbox, "maildir": write_maildir}[layout](path, mails)
    return path


def told(path: Path, known: Mapping[str, str] | None = None) -> list[str]:
    """The day and hour of each event that is told."""
    source = Mail(name="m", path=path, options={"owner": ANN[1]})
    source.known = known or {}
    return sorted(f"{record.start:%d %H}" for record in check_source(source) if isinstance(record, Event))


@pytest.mark.parametrize("layout", ["eml", "mbox", "maildir"])
def test_the_newest_version_is_told_in_whatever_order_the_mails_lie(layout: str, tmp_path: Path) -> None:
    mails = [
        invitation(1, DINNER, sequence=0),
        invitation(2, LATER, sequence=1),
        invitation(3, LATER, sequence=1, method="REPLY"),
    ]
    for at, order in enumerate(itertools.permutations(mails)):
        assert told(write(tmp_path / f"{at}", layout, order)) == ["06 19"]
    gone = invitation(4, LATER, sequence=2, method="CANCEL")
    for at, order in enumerate(itertools.permutations([*mails[:2], gone])):
        assert told(write(tmp_path / f"gone-{at}", layout, order)) == []


def test_copies_of_one_invitation_are_one_event(tmp_path: Path) -> None:
    write(tmp_path, "eml", [invitation(1, DINNER, sequence=0), invitation(1, DINNER, sequence=0)])
    assert told(tmp_path) == ["05 18"]


def test_one_occurrence_is_moved_and_another_cancelled(tmp_path: Path) -> None:
    moved = Appointment(
        uid="class", title="Class", start="20260113T150000", end="20260113T160000", zone="Europe/Berlin"
    )
    last = Appointment(uid="class", title="Class", start="20260119T100000", end="20260119T110000", zone="Europe/Berlin")
    series = invitation(1, CLASS, sequence=0)
    once = invitation(2, moved, sequence=1, once="20260112T100000")
    write(tmp_path / "a", "eml", [series, once])
    assert told(tmp_path / "a") == ["05 10", "13 15", "19 10"]
    write(
        tmp_path / "b", "eml", [once, invitation(3, last, sequence=1, method="CANCEL", once="20260119T100000"), series]
    )
    assert told(tmp_path / "b") == ["05 10", "13 15"]
    write(tmp_path / "c", "eml", [series, once, invitation(4, CLASS, sequence=2)])
    assert told(tmp_path / "c") == ["05 10", "12 10", "19 10"], "a newer series outranks what was moved before"
    write(tmp_path / "d", "eml", [series, once, invitation(4, CLASS, sequence=2, method="CANCEL")])
    assert told(tmp_path / "d") == []


def test_somebody_else_cannot_cancel_an_event(tmp_path: Path) -> None:
    stranger = invitation(2, DINNER, sequence=99, method="CANCEL", organizer="mallory@x.example")
    write(tmp_path, "eml", [invitation(1, DINNER, sequence=0), stranger])
    assert told(tmp_path) == ["05 18"]


def test_only_the_mails_of_the_event_are_read_again_and_it_comes_back(tmp_path: Path) -> None:
    def scan(known: Mapping[str, str]) -> dict[str, str]:
        source = Mail(name="m", path=tmp_path, options={"owner": ANN[1]})
        source.known = known
        return {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}

    write(tmp_path, "eml", [invitation(1, DINNER, sequence=0), invitation(5, CLASS, sequence=0)])
    before = scan({})
    write(tmp_path / "new", "eml", [invitation(2, DINNER, sequence=1, method="CANCEL")])
    after = scan(before)
    assert after == scan({})
    assert [Path(item).name for item in before if before[item] != after[item]] == ["00000.eml"]
    assert told(tmp_path, after) == ["05 10", "12 10", "19 10"]
    (tmp_path / "new" / "00000.eml").unlink()
    assert scan(after) == before
    assert told(tmp_path, after) == ["05 10", "05 18", "12 10", "19 10"]


def test_calls_survive_being_written_and_are_bounded() -> None:
    for call in (Call("a", "b", "", (0, 0, 0)), Call("a", "b", "c", (3, 20260101000000, 1))):
        assert Call.read(str(call)) == call
    event = "BEGIN:VEVENT\nUID:{}\nSEQUENCE:9{}\nEND:VEVENT\n"
    body = "BEGIN:VCALENDAR\n" + "".join(event.format(at, "9" * at) for at in range(500)) + "END:VCALENDAR\n"
    found = calls(b"Content-Type: text/calendar\n\n" + body.encode())
    assert len(found) == MOST
    assert max(len(str(call)) for call in found) < 100
    assert calls(b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nUID:cut") == ()
