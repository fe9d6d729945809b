"""Invented documents as PDF, byte by byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC

from agent.demo.documents.paper import Paper
from agent.demo.documents.plain import parts


def pdf(paper: Paper) -> bytes:
    """A PDF 1.4 of one page for each Page, in Helvetica, with a bookmark for each heading (ISO 32000-1)."""
    pages = len(paper.pages)
    first_page, first_mark = 5, 5 + 2 * pages
    date = f"D:{paper.written_at.astimezone(UTC):%Y%m%d%H%M%S}Z".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines %d 0 R >>" % (first_mark + pages),
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (pages, b" ".join(b"%d 0 R" % (first_page + 2 * n) for n in range(pages))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title %s /Author %s /ModDate (%s) >>" % (_pdf_string(paper.title), _pdf_string(paper.author), date),
    ]
    for number, page in enumerate(paper.pages):
        lines = [part for text in ([paper.title] if not number else []) + parts(page) for part in _wrapped(text)]
        drawn = b"BT /F1 10 Tf 14 TL 60 780 Td " + b"".join(b"%s Tj T* " % _pdf_string(line) for line in lines) + b"ET"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (first_page + 2 * number + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    outlines = first_mark + pages
    for number, page in enumerate(paper.pages):
        mark = first_mark + number
        around = (b" /Prev %d 0 R" % (mark - 1) if number else b"") + (
            b" /Next %d 0 R" % (mark + 1) if number < pages - 1 else b""
        )
        place = b" /Parent %d 0 R /Dest [%d 0 R /Fit]" % (outlines, first_page + 2 * number)
        objects.append(b"<< /Title %s%s%s >>" % (_pdf_string(page.heading), place, around))
    objects.append(
        b"<< /Type /Outlines /Count %d /First %d 0 R /Last %d 0 R >>" % (pages, first_mark, first_mark + pages - 1)
    )
    return pdf_file(objects, info=4)


def pdf_file(objects: Sequence[bytes], *, info: int = 0) -> bytes:
    """A PDF of numbered objects, the first of them its catalogue; `info` is the number of its properties, if any."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % place for place in places
    )
    known = b" /Info %d 0 R" % info if info else b""
    return bytes(
        out + b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, known, start)
    )


def _pdf_string(text: str) -> bytes:
    return b"(" + re.sub(rb"([\\()])", rb"\\\1", text.encode("cp1252", "replace")) + b")"


def _wrapped(text: str, width: int = 95) -> list[str]:
    lines: list[str] = []
    for line in text.replace("\t", "   ").split("\n"):
        row = ""
        for word in line.split(" "):
            if row and len(row) + len(word) >= width:
                lines.append(row)
                row = word
            else:
                row = f"{row} {word}" if row else word
        lines.append(row)
    return lines
