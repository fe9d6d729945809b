"""Contacts as a source: .vcf files and a macOS address book, whatever columns it has."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from agent.demo.mail import Card, vcf
from indexers.contacts import Contacts
from indexers.contract import check_source
from indexers.record import Contact, Skipped
from indexers.source import Item, SourceUnavailable

ANN = Card(given="Ann", family="Example", phones=["0170 1234567"], mails=["ann@mail.example"])
BOB = Card(given="Bob", family="Example", phones=["+1 212 555 0100"])


def source(path: Path, **options: object) -> Contacts:
    return Contacts(name="people", path=path, options=options)


def write_address_book(path: Path, *, columns: str, record: tuple[object, ...], wal: bool = False) -> None:
    """One person in a Core Data store with the given columns of ZABCDRECORD."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        if wal:
            db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"CREATE TABLE ZABCDRECORD ({columns})")
        db.execute(f"INSERT INTO ZABCDRECORD VALUES ({', '.join('?' for _ in record)})", record)
        db.execute("CREATE TABLE ZABCDPHONENUMBER (Z_PK, ZOWNER, ZFULLNUMBER, ZLABEL)")
        db.execute("CREATE TABLE ZABCDEMAILADDRESS (Z_PK, ZOWNER, ZADDRESS)")
        db.execute("CREATE TABLE ZABCDPOSTALADDRESS (Z_PK, ZOWNER, ZSTREET, ZCITY)")
        db.execute("CREATE TABLE ZABCDRELATEDNAME (Z_PK, ZOWNER, ZNAME, ZLABEL)")
        db.execute("INSERT INTO ZABCDPHONENUMBER VALUES (1, 7, '0170 1234567', '_$!<Mobile>!$_')")
        db.execute("INSERT INTO ZABCDEMAILADDRESS VALUES (1, 7, 'Ann@Mail.example')")
        db.execute("INSERT INTO ZABCDPOSTALADDRESS VALUES (1, 7, 'Street 1', 'Berlin')")
        db.execute("INSERT INTO ZABCDRELATEDNAME VALUES (1, 7, 'Bob', '_$!<Spouse>!$_')")
        db.commit()


def test_a_folder_of_vcf_files(tmp_path: Path) -> None:
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "a.vcf").write_bytes(vcf([ANN]))
    (tmp_path / "b.VCF").write_bytes(vcf([BOB], version="2.1"))
    (tmp_path / "notes.txt").write_bytes(b"no card")
    found = check_source(source(tmp_path, region="DE"))
    assert [entry.names[0] for entry in found if isinstance(entry, Contact)] == ["Bob Example", "Ann Example"]
    assert isinstance(found[1], Contact)
    assert found[1].phones == ("0170 1234567", "+491701234567")
    assert found[1].locator == (tmp_path / "family" / "a.vcf").as_uri()


@pytest.mark.parametrize(
    ("options", "phone"),
    [({"region": "de"}, "+491701234567"), ({"locale": "de_DE.UTF-8"}, "+491701234567"), ({}, None)],
)
def test_short_numbers_are_from_the_owners_country(options: dict[str, str], phone: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_bytes(vcf([ANN]))
    (contact,) = check_source(source(tmp_path / "a.vcf", **options))
    assert isinstance(contact, Contact)
    assert (phone in contact.phones) == (phone is not None)


def test_no_country_is_guessed(tmp_path: Path) -> None:
    """Ten digits of Berlin would be a number in the United States."""
    (tmp_path / "a.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL:030 9018201\nTEL:+49 30 9018202\nEND:VCARD\n"
    )
    (contact,) = check_source(source(tmp_path / "a.vcf"))
    assert isinstance(contact, Contact)
    assert contact.phones == ("030 9018201", "+49 30 9018202", "+49309018202")


def test_an_address_book_with_all_columns(tmp_path: Path) -> None:
    born = (datetime(1980, 2, 29, 12, tzinfo=UTC) - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()
    write_address_book(
        tmp_path / "Sources" / "1234" / "AddressBook-v22.abcddb",
        columns="Z_PK, ZUNIQUEID, ZFIRSTNAME, ZLASTNAME, ZNICKNAME, ZMAIDENNAME, ZORGANIZATION, ZJOBTITLE, ZBIRTHDAY, "
        "ZBIRTHDAYYEAR",
        record=(7, "U-1:ABPerson", "Ann", "Example", "Annie", "Old", "Bakery", "Baker", born, 1980),
    )
    assert check_source(source(tmp_path, region="DE")) == [
        Contact(
            id="U-1:ABPerson",
            names=("Ann Example", "Annie", "Ann Old", "Old"),
            phones=("0170 1234567", "+491701234567"),
            mails=("ann@mail.example",),
            addresses=("Street 1, Berlin",),
            birthday=date(1980, 2, 29),
            organization="Bakery",
            note="Baker\nSpouse: Bob",
            locator="addressbook://U-1:ABPerson",
        )
    ]


def test_an_address_book_with_few_columns_and_no_year(tmp_path: Path) -> None:
    day = (datetime(1604, 2, 29, 12, tzinfo=UTC) - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()
    path = tmp_path / "AddressBook-v22.abcddb"
    write_address_book(path, columns="ZBIRTHDAYYEARLESS, ZLASTNAME, Z_PK", record=(day, "Example", 7))
    (contact,) = check_source(source(tmp_path))
    assert isinstance(contact, Contact)
    assert (contact.id, contact.names, contact.birthday) == ("record 7", ("Example",), None)
    assert contact.note.startswith("birthday --02-29")


def test_what_stands_only_in_the_write_ahead_log_is_read_and_noticed(tmp_path: Path) -> None:
    path = tmp_path / "AddressBook-v22.abcddb"
    write_address_book(path, columns="Z_PK, ZFIRSTNAME", record=(7, "Ann"), wal=True)
    with closing(sqlite3.connect(path)) as program:
        (before,) = source(tmp_path).scan()
        program.execute("INSERT INTO ZABCDRECORD VALUES (8, 'Bob')")
        program.commit()
        (after,) = source(tmp_path).scan()
        assert isinstance(before, Item)
        assert isinstance(after, Item)
        assert before.fingerprint != after.fingerprint
        names = {entry.names[0] for entry in source(tmp_path).read(after) if isinstance(entry, Contact)}
    assert names == {"Ann", "Bob"}


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"\xff" * 4_000, b"", b"plain"])
def test_a_damaged_address_book_is_one_skipped_and_others_go_on(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.abcddb").write_bytes(content)
    (tmp_path / "a.vcf").write_bytes(vcf([ANN]))
    found = check_source(source(tmp_path))
    assert sorted(type(entry).__name__ for entry in found) == ["Contact", "Skipped"]


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "AddressBook-v22.abcddb"
    write_address_book(path, columns="Z_PK, ZFIRSTNAME", record=(7, "Ann"), wal=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert len(check_source(source(tmp_path))) == 1
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_garbage_is_exactly_one_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_bytes(b"\x00\xff" * 500)
    (skipped,) = check_source(source(tmp_path))
    assert isinstance(skipped, Skipped)


def test_what_is_gone_and_what_is_unknown_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="check the path"):
        list(source(tmp_path / "gone").scan())
    with pytest.raises(ValueError, match="it has: region, locale"):
        source(tmp_path, regoin="DE")
    with pytest.raises(ValueError, match="two letters"):
        source(tmp_path, region="Germany")
    (vanished,) = source(tmp_path).read(Item(id=str(tmp_path / "x.vcf"), fingerprint="1"))
    assert isinstance(vanished, Skipped)
    assert vanished.outcome == "vanished"
