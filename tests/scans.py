"""Pictures of text, and PDFs whose pages are such pictures, as a scanner makes them."""

from __future__ import annotations

import struct
import zlib

import pypdfium2
import pytest

from agent.demo.documents import Page, Paper, render
from agent.demo.documents.pdf import pdf_file
from indexers.readers.engines.ocr import find_engine

engine = pytest.mark.skipif(find_engine() is None, reason="no engine for text recognition here: install tesseract")

SCANNED = Paper(
    name="scan",
    title="Insurance Eberfeld",
    pages=(Page(heading="Premium", paragraphs=("The premium comes to 418 euros and is due in March.",)),),
)


def picture(paper: Paper) -> tuple[int, int, bytes]:
    """The first page of a paper as grey pixels: width, height, rows."""
    with pypdfium2.PdfDocument(render(paper, "pdf")) as document:
        bitmap = document[0].render(scale=150 / 72, grayscale=True)
        grey = bytes(bitmap.buffer)
        rows = (grey[at * bitmap.stride : at * bitmap.stride + bitmap.width] for at in range(bitmap.height))
        return bitmap.width, bitmap.height, b"".join(rows)


def png(width: int, height: int, grey: bytes) -> bytes:
    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + grey[at * width : (at + 1) * width] for at in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def half_scanned(width: int, height: int, grey: bytes, *, scans: int = 1) -> bytes:
    """A PDF with a page of text and then pages that are pictures of text, as a scanner makes them."""
    packed = zlib.compress(grey)
    shown, drawn = b"q 595 0 0 842 0 0 cm /I Do Q", b"BT /F 12 Tf 60 700 Td (The covering letter is typed.) Tj ET"
    kids = b" ".join(b"%d 0 R" % (8 + n) for n in range(scans))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %d 0 R >>"
    image = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(packed), packed)
    )
    return pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count %d /Kids [3 0 R %s] >>" % (scans + 1, kids),
            page % (b"/Font << /F 5 0 R >>", 4),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            image,
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
            *[page % (b"/XObject << /I 6 0 R >>", 7)] * scans,
        ]
    )
