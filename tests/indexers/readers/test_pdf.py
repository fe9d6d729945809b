"""PDF: exact page text, forms and notes, bookmarks, passwords, pictures of text."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest

from agent.demo.documents import Page, Paper, render
from agent.demo.documents.pdf import pdf_file
from indexers.readers.block import Reading, Unreadable
from indexers.readers.pdf import MAX_PAGES, read_pdf

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def page(
    drawn: bytes, *more: bytes, extra: bytes = b"", resources: bytes = b"/Font << /F1 4 0 R >>", top: bytes = b""
) -> bytes:
    """A PDF of one page with its drawing; `more` are the objects from number 6 on."""
    return pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % top,
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Resources << %s >> /Contents 5 0 R %s >>"
            % (resources, extra),
            FONT,
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
            *more,
        ]
    )


def texts(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in reading.blocks]


def picture(width: int = 64, height: int = 64) -> bytes:
    grey = zlib.compress(b"\x80" * (width * height))
    image = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(grey), grey)
    )
    return page(b"q 200 0 0 200 0 0 cm /Im1 Do Q", image, resources=b"/XObject << /Im1 6 0 R >>")


class Engine:
    """An engine that reads one thing in every picture and keeps what it was given."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.seen: list[bytes] = []

    def recognise(self, picture: bytes) -> str:
        self.seen.append(picture)
        if not self.says:
            raise Unreadable("needs_ocr", "failed")
        return self.says


def test_pages_bookmarks_and_properties() -> None:
    paper = Paper(
        name="p",
        title="Lease (old) \\ Aldervik",
        author="Ines Okafor",
        written_at=datetime(2023, 2, 3, 4, 5, 6, tzinfo=UTC),
        pages=(
            Page(heading="Rent", paragraphs=("871 euros.",)),
            Page(heading="Keys", paragraphs=("Two keys – “new” ones.",)),
        ),
    )
    reading = read_pdf(render(paper, "pdf"), ocr=None)
    assert (reading.title, reading.author) == ("Lease (old) \\ Aldervik", "Ines Okafor")
    assert reading.modified_at == datetime(2023, 2, 3, 4, 5, 6, tzinfo=UTC)
    first, second = reading.blocks
    assert first.text == "Lease (old) \\ Aldervik\nRent\n871 euros."
    assert second.text == "Keys\nTwo keys – “new” ones."
    assert first.headings == ("Rent",)
    assert second.headings == ("Keys",)
    assert second.mark is not None
    assert (second.mark.kind, second.mark.label, second.anchor) == ("page", "2", "page=2")


def test_a_bookmark_low_on_a_page_counts_for_the_next() -> None:
    pages = [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] >>"] * 3
    data = pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
            b"<< /Type /Pages /Count 3 /Kids [3 0 R 4 0 R 5 0 R] >>",
            *pages,
            b"<< /Type /Outlines /First 7 0 R /Last 8 0 R >>",
            b"<< /Title (One) /Parent 6 0 R /Next 8 0 R /Dest [3 0 R /XYZ 0 290 0] >>",
            b"<< /Title (Two) /Parent 6 0 R /Prev 7 0 R /Dest [4 0 R /XYZ 0 40 0] >>",
        ]
    )
    assert [block.headings for block in read_pdf(data, ocr=None).blocks] == [("One",), ("One",), ("Two",)]


def test_a_hyphen_at_a_line_end_is_a_soft_hyphen() -> None:
    data = page(b"BT /F1 12 Tf 14 TL 20 200 Td (This is an exam-) Tj T* (ple of a line end.) Tj ET")
    assert texts(read_pdf(data, ocr=None)) == [("prose", "This is an exam\u00adple of a line end.")]


def test_forms_and_notes_stand_beside_the_text() -> None:
    data = page(
        b"BT /F1 12 Tf 20 200 Td (Application form) Tj ET",
        b"<< /Type /Annot /Subtype /FreeText /Rect [0 0 100 20] /Contents (Typed on by hand) /DA (/F1 10 Tf) >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (iban) /V (XY00 1234) /TU (Account number) /Rect [0 30 9 50] >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /Ff 8192 /T (pin) /V (9876) /Rect [0 60 100 80] >>",
        b"<< /Type /Annot /Subtype /Text /Contents (Ask Mara) /Rect [0 90 20 110] >>",
        b"<< /Type /Annot /Subtype /Text /Contents (Application form) /Rect [0 90 20 110] >>",
        extra=b"/Annots [6 0 R 7 0 R 8 0 R 9 0 R 10 0 R]",
        top=b"/AcroForm << /Fields [7 0 R 8 0 R] /DR << /Font << /F1 4 0 R >> >> /DA (/F1 10 Tf) >>",
    )
    assert texts(read_pdf(data, ocr=None)) == [
        ("prose", "Application form"),
        ("form", "Typed on by hand\nAccount number: XY00 1234\nAsk Mara"),
    ]


def test_boxes_and_choices_of_a_form_say_what_is_ticked() -> None:
    widget = b"<< /Type /Annot /Subtype /Widget /Rect [0 %d 20 %d] %s >>"
    states = b"/AP << /N << /Yes 6 0 R /Off 6 0 R >> >>"
    fields = (
        b"/FT /Btn /T (smoker) /TU (Smoker) /V /Yes /AS /Yes " + states,
        b"/FT /Btn /T (pets) /TU (Pets) /V /Off /AS /Off " + states,
        b"/FT /Ch /Ff 131072 /T (town) /Opt [(Aldervik) (Dunmarsh)] /V (Dunmarsh)",
        b"/FT /Tx /T (empty) /V ()",
    )
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length 0 >>\nstream\n\nendstream"
    data = page(
        b"BT /F1 12 Tf 20 200 Td (Questions) Tj ET",
        form,
        *[widget % (30 * n, 30 * n + 20, field) for n, field in enumerate(fields)],
        extra=b"/Annots [7 0 R 8 0 R 9 0 R 10 0 R]",
        top=b"/AcroForm << /Fields [7 0 R 8 0 R 9 0 R 10 0 R] /DR << /Font << /F1 4 0 R >> >> /DA (/F1 10 Tf) >>",
    )
    assert texts(read_pdf(data, ocr=None)) == [("prose", "Questions"), ("form", "Smoker: Yes\ntown: Dunmarsh")]


def test_a_pictured_page_without_an_engine_is_one_loss() -> None:
    reading = read_pdf(picture(), ocr=None)
    (loss,) = reading.losses
    assert (loss.outcome, loss.count) == ("needs_ocr", 1)
    assert "1 of its 1 pages" in loss.why
    assert not any(block.text for block in reading.blocks)


def test_a_pictured_page_is_recognised_from_a_grey_picture() -> None:
    engine = Engine("Scanned words")
    reading = read_pdf(picture(), ocr=engine)
    assert texts(reading) == [("ocr", "Scanned words")]
    assert reading.losses == ()
    (seen,) = engine.seen
    width, height = map(int, seen.split()[1:3])
    assert seen.startswith(b"P5 ")
    assert len(seen.split(b" 255\n", 1)[1]) == width * height
    assert width == height == 834  # 300 points at 200 dots an inch, rounded up


def test_an_engine_that_fails_costs_its_page_only() -> None:
    (loss,) = read_pdf(picture(), ocr=Engine("")).losses
    assert loss.outcome == "needs_ocr"


def test_a_text_layer_of_private_characters_is_not_taken_for_text() -> None:
    cmap = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange " + (
        b"1 beginbfrange <41> <5A> <E041> endbfrange endcmap"
    )
    data = pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] "
            b"/Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
            b"<< /Length 53 >>\nstream\nBT /F1 12 Tf 20 200 Td (ABCDEFGHIJKLMNOPQRST) Tj ET\nendstream",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap),
        ]
    )
    reading = read_pdf(data, ocr=None)
    assert [loss.outcome for loss in reading.losses] == ["needs_ocr"]
    assert texts(reading) == [("prose", "")]
    assert texts(read_pdf(data, ocr=Engine("ABC"))) == [("ocr", "ABC")]


def test_a_blank_page_is_no_loss() -> None:
    assert read_pdf(page(b""), ocr=None).losses == ()


def test_a_password_is_said() -> None:
    encrypt = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s>" % (b"11" * 32, b"22" * 32)
    data = page(b"").replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << %s >> /ID [<00><00>]" % encrypt)
    with pytest.raises(Unreadable, match="password") as caught:
        read_pdf(data, ocr=None)
    assert caught.value.outcome == "encrypted"


def test_too_many_pages_are_refused() -> None:
    kids = b"3 0 R " * (MAX_PAGES + 1)
    data = pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count %d /Kids [%s] >>" % (MAX_PAGES + 1, kids),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        ]
    )
    with pytest.raises(Unreadable, match="pages"):
        read_pdf(data, ocr=None)
