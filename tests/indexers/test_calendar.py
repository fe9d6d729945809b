"""Calendar as a source: files and folders of .ics, the window that moves on by the month, bad files."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.demo.mail import Appointment, ics
from indexers.calendar import Calendar
from indexers.contract import check_source
from indexers.record import Event, Party, Skipped
from indexers.source import Item, SourceUnavailable

DAILY = Appointment(uid="d", title="Walk", start="20200105T100000", end="20200105T110000", rule="FREQ=DAILY")
ONCE = Appointment(uid="o", title="Dinner", start="20190105T180000Z", end="20190105T200000Z")


def source(path: Path, **options: object) -> Calendar:
    return Calendar(name="cal", path=path, options=options)


def test_a_folder_of_calendars(tmp_path: Path) -> None:
    (tmp_path / "home.calendar").mkdir()
    (tmp_path / "home.calendar" / "1.ics").write_text(ics([ONCE]))
    (tmp_path / "all.ICS").write_text(ics([DAILY, ONCE]))
    (tmp_path / "read.me").write_text("no calendar")
    found = check_source(source(tmp_path, today="2026-01-15"))
    events = [entry for entry in found if isinstance(entry, Event)]
    assert len(found) == len(events)
    assert sum(event.id == "o" for event in events) == 2
    walks = [event.start.date().isoformat() for event in events if event.title == "Walk"]
    assert (walks[0], walks[1], walks[-1]) == ("2020-01-05", "2024-01-01", "2027-01-01")
    assert {event.locator for event in events} == {
        (tmp_path / "all.ICS").as_uri(),
        (tmp_path / "home.calendar" / "1.ics").as_uri(),
    }


def test_the_window_moves_by_the_month_and_a_reading_depends_on_the_fingerprint_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    path.write_text(ics([DAILY]))

    def item(today: str) -> Item:
        (entry,) = source(path, today=today).scan()
        assert isinstance(entry, Item)
        return entry

    first, last, later = item("2026-01-01"), item("2026-01-31T12:00:00Z"), item("2026-02-01")
    assert first == last
    assert first.fingerprint != later.fingerprint
    assert first.identity == later.identity
    assert list(source(path, today="2026-01-01").read(first)) == list(source(path, today="2026-01-31").read(last))


def test_bad_files_are_one_skipped_each_and_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_bytes(b"\x00\xff" * 500)
    (tmp_path / "b.ics").write_bytes(b"")
    (tmp_path / "c.ics").write_text(ics([ONCE]))
    found = check_source(source(tmp_path))
    assert [type(entry) for entry in found] == [Skipped, Skipped, Event]


def test_what_is_gone_and_what_is_unknown_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="check the path"):
        list(source(tmp_path / "gone").scan())
    with pytest.raises(ValueError, match="it has: today"):
        source(tmp_path, now="2026-01-01")
    with pytest.raises(ValueError, match="ISO date"):
        source(tmp_path, today="tomorrow")
    (vanished,) = source(tmp_path).read(Item(id=str(tmp_path / "x.ics"), fingerprint="1"))
    assert isinstance(vanished, Skipped)
    assert vanished.outcome == "vanished"


def seconds(*moment: int) -> float:
    """Seconds since 2001, as macOS stores times."""
    return (datetime(*moment, tzinfo=UTC) - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()  # type: ignore[misc,arg-type]


def write_store(path: Path, *statements: tuple[str, tuple[object, ...]], columns: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE CalendarItem ({columns})")
        db.execute("CREATE TABLE Location (title, address)")
        db.execute("CREATE TABLE Identity (display_name, address)")
        db.execute("CREATE TABLE Participant (owner_id, email, identity_id)")
        db.execute("CREATE TABLE OccurrenceCache (event_id, occurrence_start_date, occurrence_end_date)")
        for statement in statements:
            db.execute(*statement)
        db.commit()


def test_a_macos_store(tmp_path: Path) -> None:
    hour = 3_600
    dinner, walk, day = seconds(2026, 1, 5, 18), seconds(2026, 1, 6, 9), seconds(2026, 1, 7)
    item = "INSERT INTO CalendarItem VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    write_store(
        tmp_path / "Calendar.sqlitedb",
        (item, ("u1", "Dinner", "Bring bread", 1, dinner, dinner + hour, "Europe/Berlin", 0, 0, 0)),
        (item, ("u2", "Walk", None, None, walk, walk + hour, "_float", 0, 0, 1)),
        (item, ("u3", "Holiday", None, None, day, day + 24 * hour - 1, "_float", 1, 0, 0)),
        (item, ("u4", "Gone", None, None, day, day, None, 0, 3, 0)),
        ("INSERT INTO OccurrenceCache VALUES (2, ?, ?)", (walk, walk + hour)),
        ("INSERT INTO OccurrenceCache VALUES (2, ?, ?)", (walk + 24 * hour, walk + 25 * hour)),
        ("INSERT INTO OccurrenceCache VALUES (2, ?, ?)", (seconds(2040, 1, 1), seconds(2040, 1, 1))),
        ("INSERT INTO Location VALUES (?, ?)", ("Café", "Street 1")),
        ("INSERT INTO Identity VALUES (?, ?)", ("Ann", "mailto:Ann@mail.example")),
        ("INSERT INTO Participant VALUES (1, NULL, 1)", ()),
        columns="UUID, summary, description, location_id, start_date, end_date, start_tz, all_day, status, "
        "has_recurrences",
    )
    first, walk1, walk2, holiday = check_source(source(tmp_path, today="2026-01-15"))
    zone = timezone(timedelta(hours=1))
    assert first == Event(
        id="u1",
        title="Dinner",
        start=datetime(2026, 1, 5, 19, tzinfo=zone),
        end=datetime(2026, 1, 5, 20, tzinfo=zone),
        place="Café, Street 1",
        people=(Party(handle="ann@mail.example", name="Ann"),),
        text="Bring bread",
        locator="ical://ekevent/u1?method=show&options=more",
    )
    assert isinstance(walk1, Event)
    assert isinstance(walk2, Event)
    assert isinstance(holiday, Event)
    assert (walk1.id, walk1.start.tzinfo, walk2.start - walk1.start) == ("u2#20260106T090000", None, timedelta(days=1))
    assert (holiday.all_day, holiday.end - holiday.start) == (True, timedelta(days=1))


def test_a_store_of_another_version_and_a_damaged_one(tmp_path: Path) -> None:
    write_store(
        tmp_path / "Calendar.sqlitedb",
        ("INSERT INTO CalendarItem VALUES (?, ?)", ("Dinner", seconds(2026, 1, 5, 18))),
        columns="summary, start_date",
    )
    (tmp_path / "Old.sqlitedb").write_bytes(b"SQLite format 3\0" + b"\xff" * 4_000)
    with closing(sqlite3.connect(tmp_path / "Other.sqlitedb")) as db:
        db.execute("CREATE TABLE Something (else_)")
    event, skipped, other = check_source(source(tmp_path))
    assert isinstance(other, Skipped)
    assert isinstance(event, Event)
    assert (event.id, event.start == event.end) == ("event 1", True)
    assert isinstance(skipped, Skipped)
