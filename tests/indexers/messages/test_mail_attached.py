"""Documents that came with mails, through the readers that read any document."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.demo.documents import FORMS, Page, Paper, render
from agent.demo.mail import Enclosure, Letter, write_apple_mail, write_eml, write_mbox
from indexers.contract import check_source
from indexers.messages.mail import Mail
from indexers.messages.mail import attached as attached_module
from indexers.record import Message, Record, Section, Skipped

ANN, BOB = ("Ann Example", "ann@mail.example"), ("Bob", "bob@mail.example")
SENT = datetime(2023, 1, 2, 9, tzinfo=UTC)
LEASE = Paper(
    name="lease",
    title="Lease agreement",
    pages=(
        Page(heading="Rent", paragraphs=("The monthly rent is EUR 1,240.",), table=(("what", "sum"), ("heat", "90"))),
        Page(heading="Notice", paragraphs=("Three months to the end of a month.",)),
    ),
)


def letter(*enclosures: Enclosure, identity: str = "1@mail.example") -> Letter:
    return Letter(
        id=identity, sender=BOB, to=[ANN], subject="The lease", sent_at=SENT, text="see it", enclosures=list(enclosures)
    )


def read(folder: Path, *enclosures: Enclosure) -> list[Record | Skipped]:
    write_eml(folder, [letter(*enclosures)])
    return check_source(Mail(name="mail", path=folder, options={}))


def pdf(name: str = "lease.pdf") -> Enclosure:
    return Enclosure(name=name, mime="application/pdf", content=render(LEASE, "pdf"))


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"eml", "csv"}))
def test_a_document_of_every_form_is_read(tmp_path: Path, form: str) -> None:
    found = read(
        tmp_path, Enclosure(name=f"lease.{form}", mime="application/octet-stream", content=render(LEASE, form))
    )
    message, *sections = found
    assert isinstance(message, Message)
    assert [file.name for file in message.attachments] == [f"lease.{form}"]
    assert all(isinstance(section, Section) for section in sections)
    told = "heat | 90" if form == "xlsx" else "The monthly rent is EUR 1,240."  # a sheet holds the table alone
    assert told in "\n".join(section.text for section in sections if isinstance(section, Section))


def test_a_section_says_where_it_came_from(tmp_path: Path) -> None:
    message, first, *_ = read(tmp_path, pdf())
    assert isinstance(message, Message)
    assert isinstance(first, Section)
    assert first.title == "lease.pdf"
    assert first.headings[0] == "The lease"
    assert first.modified_at == SENT
    assert first.locator == message.locator
    assert first.spans[0].kind == "page"
    assert first.document.startswith("1@mail.example/")


def test_two_attachments_of_one_name_are_two_documents(tmp_path: Path) -> None:
    sections = [entry for entry in read(tmp_path, pdf(), pdf()) if isinstance(entry, Section)]
    assert len({section.document for section in sections}) == 2


def test_what_apple_mail_downloaded_beside_the_mail_opens_itself(tmp_path: Path) -> None:
    write_apple_mail(tmp_path, {"INBOX": [letter(pdf())]})
    found = check_source(Mail(name="mail", path=tmp_path, options={}))
    section = next(entry for entry in found if isinstance(entry, Section))
    assert section.locator.startswith("file:///")
    assert section.locator.partition("#")[0].endswith("lease.pdf")


def test_attachments_of_a_run_of_an_mbox_are_all_read(tmp_path: Path) -> None:
    write_mbox(tmp_path / "box.mbox", [letter(pdf(), identity=f"{n}@mail.example") for n in range(3)])
    found = check_source(Mail(name="mail", path=tmp_path / "box.mbox", options={}))
    documents = {entry.document for entry in found if isinstance(entry, Section)}
    assert len(documents) == 3


@pytest.mark.parametrize(
    ("name", "mime", "content"),
    [
        ("logo.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ("song.mp3", "audio/mpeg", b"ID3"),
        ("smime.p7s", "application/pkcs7-signature", b"0\x82"),
        ("ann.vcf", "text/vcard", b"BEGIN:VCARD\nEND:VCARD\n"),
        ("setup.exe", "application/octet-stream", b"MZ\x90\x00\x03" * 9),
        ("empty.txt", "text/plain", b""),
    ],
)
def test_what_is_no_document_is_listed_only(tmp_path: Path, name: str, mime: str, content: bytes) -> None:
    (message,) = read(tmp_path, Enclosure(name=name, mime=mime, content=content))
    assert isinstance(message, Message)
    assert message.attachments[0].name == name


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("cut.pdf", b"%PDF-1.7\ngarbage", "malformed"),
        ("bad.docx", b"PK\x03\x04" + bytes(60), "malformed"),
        ("x.txt", bytes(range(256)) * 40, "malformed"),
    ],
)
def test_a_damaged_attachment_is_one_skipped_and_the_next_is_read(
    tmp_path: Path, name: str, content: bytes, outcome: str
) -> None:
    bad = Enclosure(name=name, mime="application/octet-stream", content=content)
    found = read(tmp_path, bad, pdf())
    assert [entry.outcome for entry in found if isinstance(entry, Skipped)] == [outcome]
    assert any(isinstance(entry, Section) for entry in found)


def test_more_attachments_than_are_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached_module, "MOST_READ", 2)
    notes = [Enclosure(name=f"{n}.txt", mime="text/plain", content=f"note {n}".encode()) for n in range(4)]
    found = read(tmp_path, *notes)
    assert [entry.text for entry in found if isinstance(entry, Section)] == ["note 0", "note 1"]
    assert [entry.outcome for entry in found if isinstance(entry, Skipped)] == ["too_large"]


def test_a_reader_that_fails_in_its_own_way_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("inside a library")

    monkeypatch.setattr(attached_module, "read_document", fail)
    message, skipped = read(tmp_path, pdf())
    assert isinstance(message, Message)
    assert isinstance(skipped, Skipped)
    assert "KeyError" in skipped.why
