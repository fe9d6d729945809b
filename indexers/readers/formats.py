"""What kind of document some bytes are, by content first and name second, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath

from indexers.readers.block import Block, Loss, Reading, Unreadable
from indexers.readers.containers.archive import Archive
from indexers.readers.engines.ocr import NO_ENGINE, OcrEngine, read_image
from indexers.readers.mail import read_mail
from indexers.readers.office.opendocument import read_opendocument
from indexers.readers.office.package import main_part
from indexers.readers.office.sheets import read_delimited, read_ods, read_xls, read_xlsx
from indexers.readers.office.slides import read_pptx
from indexers.readers.office.word import read_docx
from indexers.readers.pdf import read_pdf
from indexers.readers.text import (
    looks_like_text,
    read_code,
    read_json,
    read_json_lines,
    read_markdown,
    read_rtf,
    read_text,
)
from indexers.readers.web import read_epub, read_html

Reader = Callable[[bytes], Reading]

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
_IMAGE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
_PDF_WITHIN = 1024

_TEXTS: Mapping[str, Reader] = {
    ".txt": read_text,
    ".text": read_text,
    ".log": read_text,
    ".rst": read_text,
    ".org": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".mdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".tab": read_delimited,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".eml": read_mail,
}
_CODE = frozenset(
    ".applescript .asm .awk .bas .bash .bat .bib .c .cc .cfg .cl .clj .cmake .cmd .conf .cpp .cs .css "
    ".cxx .d .dart .el .erl .ex .exs .f90 .fish .fs .go .gradle .graphql .groovy .h .hh .hpp .hs .ini "
    ".ipynb .java .jl .js .jsx .kt .kts .less .lisp .lua .m .mm .ml .nim .nix .pas .php .pl .plist .pm "
    ".proto .ps1 .py .pyi .r .rb .rs .sass .scala .scm .scss .sh .sql .sty .swift .tcl .tex .toml .ts "
    ".tsx .vb .vim .vue .xml .xsl .yaml .yml .zig .zsh".split()
)
_BINARY = frozenset(
    ".pdf .docx .docm .pptx .pptm .xlsx .xlsm .xls .ods .odt .odp .epub .rtf .pages .key .numbers .png "
    ".jpg .jpeg .gif .tif .tiff .bmp .webp .heic .avif".split()
)
_OLD_OFFICE: Mapping[str, str] = {".doc": ".docx", ".ppt": ".pptx", ".msg": ".eml", ".pps": ".pptx", ".dot": ".docx"}


def read_document(data: bytes, *, name: str, ocr: OcrEngine | None, after: int | None = None) -> Reading:
    """Read the bytes of one file. `name` decides only where the bytes do not; `ocr` is the engine for pictures, if any.

    A long scan takes several turns: `after` is the page that those before came to, 0 at first; None lets what one turn
    cannot read be lost.

    Raises Unreadable, with "unsupported" for kinds that are not read and "malformed" for files that are not what their
    name says.
    """
    suffix = PurePath(name).suffix.lower()
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return read_pdf(data, ocr=ocr, after=after)
    if data.startswith(_ZIP):
        return _read_zip(data, suffix, ocr, after)
    if data.startswith(_OLE):
        return _read_ole(data, suffix)
    if data.startswith(b"{\\rtf"):
        return read_rtf(data)
    if _is_image(data):
        return read_image(data, ocr=ocr, after=after)
    if looks_like_text(data):
        return _read_text(data, suffix)
    if suffix in _BINARY or suffix in _TEXTS or suffix in _CODE:
        raise Unreadable("malformed", f"is damaged, or not what its name says ({suffix})")
    shown = suffix if suffix[1:].isalnum() and len(suffix) <= 12 else "by its content"
    raise Unreadable("unsupported", f"is of a kind that is not read ({shown})")


def _read_text(data: bytes, suffix: str) -> Reading:
    reader = _TEXTS.get(suffix)
    if reader is None and suffix in _CODE:
        reader = read_code
    if reader is None or suffix == ".txt":
        start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith((b"<!doctype html", b"<html")):
            reader = read_html
    if reader is None and suffix == ".svg":
        raise Unreadable("unsupported", "is a drawing (.svg)")
    if reader is None and suffix in _BINARY:
        raise Unreadable("malformed", f"is damaged, or not what its name says ({suffix})")
    return (reader or read_text)(data)


def _read_zip(data: bytes, suffix: str, ocr: OcrEngine | None, after: int | None) -> Reading:
    archive = Archive(data)
    kind = archive.read("mimetype")[:100].strip().decode("ascii", "replace") if "mimetype" in archive else ""
    if kind == "application/epub+zip" or "META-INF/container.xml" in archive:
        return read_epub(archive)
    if kind.startswith("application/vnd.oasis.opendocument.spreadsheet"):
        return read_ods(archive)
    if kind.startswith("application/vnd.oasis.opendocument."):
        return read_opendocument(archive)
    main = main_part(archive, "word/document.xml", "ppt/presentation.xml", "xl/workbook.xml")
    if main.startswith("word/"):
        return read_docx(archive, main)
    if main.startswith("ppt/"):
        return read_pptx(archive, main)
    if main.startswith("xl/"):
        return read_xlsx(data, archive)
    if "Index/Document.iwa" in archive or "Index.zip" in archive or suffix in (".pages", ".key", ".numbers"):
        return _read_iwork(archive, ocr, after)
    if suffix in _BINARY:
        raise Unreadable("malformed", f"is damaged, or not what its name says ({suffix})")
    raise Unreadable("unsupported", "is an archive; unpack it to have its documents read")


def _read_ole(data: bytes, suffix: str) -> Reading:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Unreadable("encrypted", "is protected by a password")
    if suffix == ".xls" or "Workbook".encode("utf-16-le") in data:
        return read_xls(data)
    remedy = _OLD_OFFICE.get(suffix)
    raise Unreadable(
        "unsupported", f"is in an old Office format; save it as {remedy or 'a current one'} to have it read"
    )


def _read_iwork(archive: Archive, ocr: OcrEngine | None, after: int | None) -> Reading:
    """The preview that Pages, Keynote and Numbers put into a document; their own format is not read."""
    for name in ("QuickLook/Preview.pdf", "preview.pdf"):
        if name in archive:
            return read_pdf(archive.read(name), ocr=ocr, after=after)
    if "preview.jpg" in archive:
        if ocr is None:
            why = f"is a Pages, Keynote or Numbers document with a picture as preview; export it as PDF, or it {NO_ENGINE}"
            raise Unreadable("needs_ocr", why)
        try:
            first = read_image(archive.read("preview.jpg"), ocr=ocr)
        except Unreadable as error:
            why = "is a Pages, Keynote or Numbers document whose preview shows no text; export it as PDF"
            raise Unreadable("unsupported", why) from error
        loss = Loss(outcome="unsupported", why="only its first page could be read, from its preview; export it as PDF")
        return Reading(blocks=tuple[Block, ...](first.blocks), losses=(*first.losses, loss))
    raise Unreadable("unsupported", "is a Pages, Keynote or Numbers document without a PDF preview; export it as PDF")


def _is_image(data: bytes) -> bool:
    if data.startswith(_IMAGES[:-1]) or (data.startswith(b"BM") and data[6:10] == bytes(4)):
        return True
    return (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or (data[4:8] == b"ftyp" and data[8:12] in _IMAGE_BRANDS)
