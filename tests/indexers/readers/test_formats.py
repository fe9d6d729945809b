"""What kind a file is: by its bytes first, by its name second, and what the owner can do where it is not read."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from agent.demo.documents import FORMS, Page, Paper, render
from agent.demo.documents.office import zipped
from indexers.readers.block import Reading, Unreadable
from indexers.readers.formats import read_document

PAPER = Paper(name="p", title="Lease", pages=(Page(heading="Rent", paragraphs=("The rent is 871 euros.",)),))
SHEET = Paper(name="p", title="List", pages=(Page(heading="L", table=(("Item", "Price"), ("lamp", "19.5"))),))


def said(data: bytes, name: str) -> str:
    reading = read_document(data, name=name, ocr=None)
    return "\n".join("\n".join(filter(None, (block.head, block.text))) for block in reading.blocks)


def refusal(data: bytes, name: str) -> tuple[str, str]:
    with pytest.raises(Unreadable) as caught:
        read_document(data, name=name, ocr=None)
    return caught.value.outcome, caught.value.why


class Eyes:
    """An engine that reads the same in every picture."""

    def recognise(self, picture: bytes) -> str:
        return f"{len(picture)} bytes seen"


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"txt", "md", "csv", "eml", "html", "xlsx"}))
def test_bytes_decide_where_they_can(form: str) -> None:
    data = render(PAPER, form)
    assert "871 euros" in said(data, f"p.{form}") == said(data, "p.txt") == said(data, "no-suffix")


def test_a_page_saved_without_a_suffix_is_a_page() -> None:
    assert "<p>" not in said(render(PAPER, "html"), "page")
    assert "<p>" not in said(render(PAPER, "html"), "page.txt")
    assert "<p>" in said(b"<p>a fragment</p>", "note.txt")


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def workbook(rows: Sequence[Sequence[str | float]], name: str) -> bytes:
    """An XLS (BIFF8, [MS-XLS]) of one sheet in a compound file ([MS-CFB]) of 512-byte sectors."""
    start = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6))
    title = name.encode("latin-1")
    sheet_at = len(start) + 4 + 8 + len(title) + 4
    bound = record(0x0085, struct.pack("<IBBBB", sheet_at, 0, 0, len(title), 0) + title)
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if isinstance(cell, str):
                letters = cell.encode("utf-16-le")
                sheet += record(0x0204, struct.pack("<HHHHB", y, x, 0, len(cell), 1) + letters)
            else:
                sheet += record(0x0203, struct.pack("<HHHd", y, x, 0, cell))
    stream = start + bound + record(0x000A, b"") + sheet + record(0x000A, b"")
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    sectors = len(stream) // 512
    end, free, fat_sector = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    fat = [fat_sector, end, *(n + 3 if n + 1 < sectors else end for n in range(sectors))]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0)
    head += struct.pack("<109I", 0, *[free] * 108)

    def entry(called: str, kind: int, child: int, at: int, size: int) -> bytes:
        letters = called.encode("utf-16-le")
        return (
            letters.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(letters) + 2 if called else 0, kind, 1, free, free, child)
            + bytes(36)
            + struct.pack("<IQ", at, size)
        )

    folder = (
        entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, free, 2, len(stream)) + 2 * entry("", 0, free, 0, 0)
    )
    return head + struct.pack("<128I", *fat, *[free] * (128 - len(fat))) + folder + stream


def test_a_workbook_of_excel_97_is_read_with_its_cells() -> None:
    data = workbook([["Item", "Price"], ["lamp", 19.5], ["Lampe für Jørn", 7.0]], "Möbel")
    reading = read_document(data, name="old.xls", ocr=None)
    (block,) = reading.blocks
    assert block.head == "Item | Price"
    assert block.text == "lamp | 19.5\nLampe für Jørn | 7"
    assert block.mark is not None
    assert (block.mark.kind, block.mark.label) == ("cells", "Möbel!A1:B3")
    assert read_document(data, name="renamed.bin", ocr=None) == reading


@pytest.mark.parametrize("preview", ["QuickLook/Preview.pdf", "preview.pdf"])
def test_an_iwork_document_is_read_from_its_preview(preview: str) -> None:
    data = zipped({"Index/Document.iwa": b"\0snappy", preview: render(PAPER, "pdf")})
    assert "871 euros" in said(data, "letter.pages")


def test_an_iwork_document_without_one_says_what_to_do() -> None:
    data = zipped({"Index/Document.iwa": b"\0snappy", "preview.jpg": b"\xff\xd8\xff\xe0 picture"})
    outcome, why = refusal(data, "talk.key")
    assert outcome == "needs_ocr"
    assert "export it as PDF" in why
    outcome, why = refusal(zipped({"Index/Document.iwa": b"\0snappy"}), "talk.key")
    assert outcome == "unsupported"
    assert "export it as PDF" in why
    reading: Reading = read_document(data, name="talk.key", ocr=Eyes())
    assert [block.text for block in reading.blocks] == ["12 bytes seen"]
    assert [loss.outcome for loss in reading.losses] == ["unsupported"]


@pytest.mark.parametrize(
    ("data", "name", "outcome", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "letter.doc", "unsupported", "save it as .docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "talk.ppt", "unsupported", "save it as .pptx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "mail.msg", "unsupported", "save it as .eml"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "tax.xlsx",
            "encrypted",
            "password",
        ),
        (zipped({"a.txt": "words"}), "all.zip", "unsupported", "unpack it"),
        (zipped({"a.txt": "words"}), "all.docx", "malformed", "not what its name says"),
        (b"plain words", "scan.pdf", "malformed", "not what its name says"),
        (b"<svg xmlns='x'/>", "drawing.svg", "unsupported", "drawing"),
        (bytes(range(256)) * 9, "program.exe", "unsupported", "(.exe)"),
        (bytes(range(256)) * 9, "strange.€%", "unsupported", "by its content"),
        (bytes(range(256)) * 9, "text.txt", "malformed", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "photo.png", "needs_ocr", "install tesseract"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "photo.heic", "needs_ocr", "install tesseract"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "photo.webp", "needs_ocr", "install tesseract"),
    ],
)
def test_what_is_not_read_says_why_and_what_to_do(data: bytes, name: str, outcome: str, hint: str) -> None:
    told, why = refusal(data, name)
    assert told == outcome
    assert hint in why
    assert why.isprintable()


def test_sheets_by_their_bytes() -> None:
    assert said(render(SHEET, "xlsx"), "p.dat") == "Item | Price\nlamp | 19.5"
    assert said(render(SHEET, "csv"), "p.csv") == "Item | Price\nlamp | 19.5"
