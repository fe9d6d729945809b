"""Calendar bytes become events: times, series with their exceptions, rules that run away, broken files."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.mail import Appointment, ics
from indexers.readers.vobject.ics import events
from indexers.record import Event, Party, Skipped

TODAY = date(2026, 1, 1)
HOUR = timedelta(hours=1)


def read(data: str | bytes, today: date | None = TODAY) -> list[Event | Skipped]:
    raw = data.encode() if isinstance(data, str) else data
    return list(events(raw, where="here", today=today))


def only(*appointments: Appointment) -> list[Event]:
    found = read(ics(appointments))
    assert all(isinstance(entry, Event) for entry in found), found
    return [entry for entry in found if isinstance(entry, Event)]


def series(rule: str, **fields: object) -> Appointment:
    given_: dict[str, object] = {"start": "20260105T100000", "end": "20260105T110000", "zone": "Europe/Berlin"} | fields
    return Appointment(uid="s", title="Series", rule=rule, **given_)  # type: ignore[arg-type]


def test_golden_event() -> None:
    appointment = Appointment(
        uid="e1",
        title="Dinner, with wine; and Käse",
        start="20260105T180000Z",
        end="20260105T200000Z",
        place="Kölner Straße 1,\nrear",
        notes="<p>Bring <b>bread</b></p><br>and salt &amp; pepper. " + "long " * 30,
        people=[("Ann", "Ann@Mail.example"), ("Bob", "bob@mail.example")],
    )
    assert only(appointment) == [
        Event(
            id="e1",
            title="Dinner, with wine; and Käse",
            start=datetime(2026, 1, 5, 18, tzinfo=UTC),
            end=datetime(2026, 1, 5, 20, tzinfo=UTC),
            place="Kölner Straße 1,\nrear",
            people=(Party(handle="ann@mail.example", name="Ann"), Party(handle="bob@mail.example", name="Bob")),
            text="Bring bread\n\nand salt & pepper. " + ("long " * 30).strip(),
        )
    ]


def test_times_with_a_zone_floating_and_all_day() -> None:
    zoned, floating, unknown, day = only(
        Appointment(uid="1", title="a", start="20260705T100000", end="20260705T110000", zone="Europe/Berlin"),
        Appointment(uid="2", title="b", start="20260705T100000", end="20260705T110000"),
        Appointment(uid="3", title="c", start="20260705T100000", end="20260705T110000", zone="Nowhere/Else"),
        Appointment(uid="4", title="d", start="20260705", end="20260707"),
    )
    assert zoned.start == datetime(2026, 7, 5, 10, tzinfo=timezone(timedelta(hours=2)))
    assert (floating.start.tzinfo, unknown.start.tzinfo) == (None, None)
    midnights = [date(2026, 7, 5), date(2026, 7, 7)]
    assert day.all_day
    assert [day.start, day.end] == [datetime.combine(midnight, datetime.min.time()) for midnight in midnights]


def test_a_zone_that_only_the_file_knows() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+0300\r\nTZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    data = ics([Appointment(uid="1", title="a", start="20260705T100000", end="20260705T110000", zone="Ours")])
    (event,) = read(data.replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT", 1))
    assert isinstance(event, Event)
    assert event.start == datetime(2026, 7, 5, 7, tzinfo=UTC)


def test_a_series_keeps_its_hour_over_the_change_of_clocks_and_its_exceptions() -> None:
    found = only(
        series(
            "FREQ=WEEKLY;COUNT=20",
            start="20260223T100000",
            end="20260223T110000",
            excluded=["20260302T100000"],
            moved={"20260309T100000": "20260310T150000"},
        )
    )
    assert len(found) == 19
    assert {event.start.hour for event in found} == {10, 15}
    assert {event.start.utcoffset() for event in found} == {HOUR, 2 * HOUR}
    moved = next(event for event in found if event.start.hour == 15)
    assert (moved.id, moved.start.day) == ("s#20260309T090000Z", 10)
    assert len({event.id for event in found}) == 19
    assert all(event.end - event.start == HOUR for event in found)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (
            "RDATE;TZID=Europe/Berlin:20260112T100000,20260119T120000",
            [("05T09:00", HOUR), ("12T09:00", HOUR), ("19T11:00", HOUR)],
        ),
        ("RDATE;VALUE=PERIOD:20260112T090000Z/PT30M", [("05T09:00", HOUR), ("12T09:00", HOUR / 2)]),
        ("RDATE:20260112T090000Z\r\nEXDATE;TZID=Europe/Berlin:20260105T100000", [("12T09:00", HOUR)]),
    ],
)
def test_dates_that_a_series_names_singly(lines: str, found: list[tuple[str, timedelta]]) -> None:
    data = ics([series("FREQ=DAILY;COUNT=1")]).replace("RRULE:FREQ=DAILY;COUNT=1", lines)
    occurrences = [entry for entry in read(data) if isinstance(entry, Event)]
    assert [(f"{e.start.astimezone(UTC):%dT%H:%M}", e.end - e.start) for e in occurrences] == found


@pytest.mark.parametrize(
    ("until", "times"),
    [("20260109T090000Z", 5), ("20260109T085959Z", 4), ("20260109T235959", 5), ("20260109", 4)],
)
def test_until_in_utc_and_local(until: str, times: int) -> None:
    assert len(only(series(f"FREQ=DAILY;UNTIL={until}"))) == times


def test_all_day_series_with_until_as_a_day() -> None:
    found = only(series("FREQ=YEARLY;UNTIL=20270501", start="20240501", end="20240502"))
    assert [event.start.date() for event in found] == [date(2024 + at, 5, 1) for at in range(3)]


def test_a_series_without_end_is_read_in_the_window_and_its_first_always() -> None:
    found = only(series("FREQ=DAILY", start="20100301T100000", end="20100301T110000"))
    assert found[0].start.date() == date(2010, 3, 1)
    assert 1_090 < len(found) < 1_102
    assert min(event.start.date() for event in found[1:]) == date(2024, 1, 1)
    assert max(event.start.date() for event in found) == date(2027, 1, 1)


def test_the_window_is_about_the_files_own_newest_date_without_a_today() -> None:
    data = ics([series("FREQ=DAILY", start="20100301T100000", end="20100301T110000")], written="20150601T000000Z")
    found = [entry.start.year for entry in read(data, today=None) if isinstance(entry, Event)]
    assert (min(found), max(found)) == (2010, 2016)


def test_cancelled_events_and_occurrences_are_dropped() -> None:
    gone = Appointment(uid="1", title="a", start="20260105", end="20260106", cancelled=True)
    data = ics([gone, series("FREQ=DAILY;COUNT=3", moved={"20260106T100000": "20260106T100000"})])
    override = data.rindex("DURATION:PT1H")
    assert len(read(data[:override] + "STATUS:CANCELLED\r\n" + data[override:])) == 2


def test_the_newest_version_of_an_event_wins() -> None:
    old = ics([Appointment(uid="1", title="old", start="20260105", end="20260106")])
    new = old.replace("SUMMARY:old", "SEQUENCE:2\r\nSUMMARY:new")
    body = new[new.index("BEGIN:VEVENT") : new.index("END:VCALENDAR")]
    (event,) = read(old.replace("END:VCALENDAR", body + "END:VCALENDAR"))
    assert isinstance(event, Event)
    assert event.title == "new"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=HOURLY",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYSETPOS=9",
        "FREQ=SECONDLY;BYSETPOS=9",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=40",
        "FREQ=MONTHLY;BYDAY=9MO",
        "FREQ=YEARLY;BYWEEKNO=99",
        "FREQ=YEARLY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=999999999999",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9;BYMINUTE=0,1,2,3,4,5",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
    ],
)
def test_a_rule_that_runs_away_leaves_the_first_event_and_one_reason(rule: str) -> None:
    started = time.process_time()
    skipped, event = read(ics([series(rule)]))
    assert time.process_time() - started < 2
    assert isinstance(skipped, Skipped)
    assert "only its first event was read" in skipped.why
    assert isinstance(event, Event)
    assert event.id == "s"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;COUNT=100000000",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYDAY=20MO,21MO,22MO,23MO,24MO",
        "FREQ=HOURLY;INTERVAL=12",
    ],
)
def test_rules_with_an_end_in_the_window_are_read(rule: str) -> None:
    assert len(only(series(rule))) >= 6


def test_a_broken_event_and_a_cut_file_leave_the_others() -> None:
    good = ics([Appointment(uid="1", title="a", start="20260105", end="20260106")])
    bad = good.replace("UID:1", "UID:2").replace("DTSTART;VALUE=DATE:20260105", "DTSTART:soon")
    body = bad[bad.index("BEGIN:VEVENT") : bad.index("END:VCALENDAR")]
    event, broken = read(good.replace("END:VCALENDAR", body + "END:VCALENDAR"))
    assert isinstance(event, Event)
    assert broken == Skipped(where="here", why="events with times or rules that cannot be read")
    (cut,) = read(good[: good.index("END:VEVENT")])
    assert isinstance(cut, Skipped)
    assert "middle of an event" in cut.why


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 100, b"BEGIN:VCARD\r\nEND:VCARD\r\n", b"<html>"])
def test_garbage_is_exactly_one_skipped(garbage: bytes) -> None:
    (skipped,) = read(garbage)
    assert isinstance(skipped, Skipped)


def test_foreign_charsets_and_bare_line_feeds() -> None:
    data = ics([Appointment(uid="1", title="Frühstück", start="20260105", end="20260106")]).replace("\r\n", "\n")
    (event,) = read(data.encode("cp1252"))
    assert isinstance(event, Event)
    assert event.title == "Frühstück"


LINES = """BEGIN:VEVENT | END:VEVENT | BEGIN:VALARM | END:VALARM | BEGIN:VTIMEZONE | END:VTIMEZONE | END:VCALENDAR
UID:1 | TZID:x | DTSTART:20260101 | DTSTART;TZID=x:20260101T000000 | DTEND:x | DURATION:-P1D | SUMMARY:a |  more
RRULE:FREQ=DAILY;COUNT=2 | RRULE: | RECURRENCE-ID:20260101 | EXDATE:20260101T000000Z | ATTENDEE:mailto:a@b"""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([line for row in LINES.splitlines() for line in row.split(" | ")]), max_size=25))
def test_lines_in_any_order_give_values_not_errors(lines: list[str]) -> None:
    for entry in read("\r\n".join(["BEGIN:VCALENDAR", *lines])):
        assert isinstance(entry, Skipped) or entry.start <= entry.end
