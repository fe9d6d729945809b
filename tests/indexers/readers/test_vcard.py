"""vCards of three versions become contacts; pictures cost no memory, broken cards no others."""

import tracemalloc
from collections.abc import Iterator
from datetime import date
from io import BytesIO, RawIOBase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.mail import Card, vcf
from indexers.readers.vobject.vcard import contacts
from indexers.record import Contact, Skipped

ANN = Card(
    given="Änn",
    family="Müller-Lüdenscheidt",
    nickname="Annie",
    maiden="Groß",
    phones=["0170 1234567", "+1 212 555 0100"],
    mails=["Ann@Mail.example"],
    street="Straße 1, rear",
    city="Köln",
    birthday="1980-02-29",
    organization="Bäckerei & Co",
    spouse="Bob",
    note="Likes\nlong walks; and, of course, cheese from the Überlinger market on Saturdays",
    photo=bytes(range(256)) * 20,
)


def read(data: bytes, region: str = "DE") -> list[Contact | Skipped]:
    return list(contacts(BytesIO(data), where="here", region=region))


def cards(*lines: str) -> bytes:
    return "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", "")).encode()


def one(data: bytes) -> Contact:
    (contact,) = read(data)
    assert isinstance(contact, Contact)
    return contact


@pytest.mark.parametrize("version", ["2.1", "3.0", "4.0"])
def test_golden_card_of_each_version(version: str) -> None:
    contact = one(vcf([ANN], version=version))
    assert contact.names[0] == "Änn Müller-Lüdenscheidt"
    assert contact.phones == ("0170 1234567", "+491701234567", "+1 212 555 0100", "+12125550100")
    assert contact.mails == ("ann@mail.example",)
    assert contact.addresses == ("Straße 1, rear, Köln",)
    assert contact.birthday == date(1980, 2, 29)
    assert contact.note.endswith("Likes\nlong walks; and, of course, cheese from the Überlinger market on Saturdays")
    if version == "3.0":
        assert contact.names == ("Änn Müller-Lüdenscheidt", "Annie", "Groß", "Änn Groß")
    if version != "2.1":
        assert contact.note.startswith("spouse: Bob\n")
        assert contact.organization == "Bäckerei & Co"


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_birthday_without_a_year_is_kept_in_words(version: str) -> None:
    contact = one(vcf([Card(given="A", family="B", birthday="--02-29")], version=version))
    assert (contact.birthday, contact.note) == (None, "birthday --02-29 (year unknown)")


@pytest.mark.parametrize("written", ["1980-02-30", "soon", "--13-01", ""])
def test_a_birthday_that_is_none(written: str) -> None:
    assert one(cards("FN:A", f"BDAY:{written}")).birthday is None


def test_apple_groups_join_a_value_and_its_label() -> None:
    contact = one(
        cards(
            "FN:A",
            "item1.X-ABRELATEDNAMES;type=pref:Carl",
            "item1.X-ABLabel:_$!<Brother>!$_",
            "item2.TEL:0170 1234567",
            "item2.X-ABLabel:Boat",
            "item3.ADR;type=HOME:;;Street 1;Berlin;;10115;Germany",
            "item3.X-ABADR:de",
            "item4.X-ABDATE:2010-05-05",
            "item4.X-ABLabel:_$!<Anniversary>!$_",
        )
    )
    assert contact.note == "brother: Carl\nanniversary: 2010-05-05"
    assert contact.addresses == ("Street 1, Berlin, 10115, Germany",)
    assert contact.phones == ("0170 1234567", "+491701234567")


def test_numbers_as_uris_with_accounts_and_that_are_none() -> None:
    contact = one(
        cards("FN:A", "TEL;VALUE=uri:tel:+49-170-1234567;ext=5", "TEL;waid=4917099:+49 170 99", "TEL:ask Bob")
    )
    assert contact.phones == ("+49-170-1234567", "+491701234567", "+49 170 99", "+4917099", "ask Bob")


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["N:Example;Ann;Q.;Dr.;"], "Ann Q. Example"),
        (["ORG:Bakery;Shop"], "Bakery, Shop"),
        (["EMAIL:A@x.example"], "a@x.example"),
        (["TEL:112"], "112"),
    ],
)
def test_a_card_is_named_by_the_best_it_has(lines: list[str], name: str) -> None:
    assert one(cards(*lines)).names[0] == name


def test_groups_give_nothing_and_empty_cards_one_skipped() -> None:
    found = read(
        cards("FN:Friends", "X-ADDRESSBOOKSERVER-KIND:group") + cards("NOTE:x") + cards("FN:A") + cards("N:;;;;")
    )
    assert [type(entry) for entry in found] == [Contact, Skipped]
    assert isinstance(found[1], Skipped)
    assert (found[1].count, found[1].outcome) == (2, "empty")


def test_cards_with_one_uid_have_ids_of_their_own() -> None:
    found = read(cards("UID:u", "FN:A") + cards("UID:u", "FN:B"))
    assert [entry.id for entry in found if isinstance(entry, Contact)] == ["u", "u#2"]


def test_old_exports_in_utf16_and_in_windows_1252() -> None:
    assert one(cards("FN:Jörg").decode().encode("utf-16")).names == ("Jörg",)
    assert one(cards("FN:Jörg").decode().encode("cp1252")).names == ("Jörg",)


class Endless(RawIOBase):
    """A card with a picture of 50 MB in one line, made as it is read."""

    def __init__(self) -> None:
        self._pieces = self._make()
        self._rest = b""

    def _make(self) -> Iterator[bytes]:
        yield b"BEGIN:VCARD\nFN:Big\nPHOTO;ENCODING=b:"
        for _ in range(50):
            yield b"A" * 1_000_000
        yield b"\n" + b" " + b"B" * 70 + b"\nTEL:112\nEND:VCARD\n"

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        out, self._rest = self._rest[:size], self._rest[size:]
        return out

    def seek(self, offset: int, whence: int = 0) -> int:
        assert (offset, whence) == (-2, 1)
        self._rest = b"BE" + self._rest
        return 0

    def readline(self, size: int | None = -1) -> bytes:
        data = self.read(size or -1)
        line, mark, rest = data.partition(b"\n")
        self._rest = rest + self._rest if mark else self._rest
        return line + mark


def test_a_picture_of_50_megabytes_is_passed_over() -> None:
    tracemalloc.start()
    (contact,) = contacts(Endless(), where="here")  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(contact, Contact)
    assert (contact.names, contact.phones) == (("Big",), ("112",))
    assert peak < 10_000_000


def test_a_file_that_ends_inside_a_card() -> None:
    first, cut = read(cards("FN:A") + b"BEGIN:VCARD\r\nFN:B\r\n")
    assert isinstance(first, Contact)
    assert isinstance(cut, Skipped)


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 100, b"BEGIN:VCALENDAR\r\n", b"<html>"])
def test_garbage_is_exactly_one_skipped(garbage: bytes) -> None:
    (skipped,) = read(garbage)
    assert isinstance(skipped, Skipped)


@given(st.binary(max_size=300))
def test_any_bytes_in_a_card_give_values_not_errors(data: bytes) -> None:
    for entry in read(b"BEGIN:VCARD\nFN:A\n" + data + b"\nEND:VCARD\n"):
        assert isinstance(entry, Contact | Skipped)
