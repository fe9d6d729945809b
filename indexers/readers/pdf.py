"""PDF through pdfium: the text of each page once, its forms and notes beside it, pictures of text through OCR."""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

from indexers.readers.block import MAX_TEXT, Block, Loss, Mark, Outline, Reading, Unreadable
from indexers.readers.engines.ocr import OcrEngine, Turn, ocr_block
from indexers.readers.engines.picture import MAX_PIXELS

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

MAX_PAGES = 2_000

_OCR_DPI = 200
_FEW_CHARACTERS = 10
_SAMPLE = 400
_SPARSE = 120
"""A page with fewer letters over a picture that covers half of it may be a scan with a stamp or a page number typed on."""
_DRAWN_TEXT = 20
"""So many outlines on a page without text are letters drawn as shapes rather than a rule or a frame."""
_MAX_ANNOTATIONS = 2_000
_MAX_OUTLINE = 5_000
_MAX_FIELD = 40_000

_PRIVATE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd]")
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([-+])(\d\d)'?(\d\d)?|Z)?")
_TITLE_OF_PRINTER = re.compile(r"^(Microsoft (Word|PowerPoint|Excel) - |untitled$|unbenannt$)", re.IGNORECASE)


def read_pdf(data: bytes, *, ocr: OcrEngine | None, after: int | None = None) -> Reading:
    """The pages of a PDF, each a span: first those with text, then those that are pictures of it. Soft hyphens at line
    ends are U+00AD, which a search copy should drop.

    Page text is built once and every offset refers to it; the same bytes give the same text, so that the box of a
    character can be found again. A long scan takes several turns: `after` is the page that those before came to, 0 at
    first, None if there is one turn only. Raises Unreadable: "encrypted", "malformed", "too_large", or "needs_ocr" when
    no page has text.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise Unreadable("encrypted", "is protected by a password") from error
        raise Unreadable("malformed", "is a damaged PDF") from error
    try:
        return _read(document, Turn(ocr, after=after))
    finally:
        document.close()


def _read(document: PdfDocument, turn: Turn) -> Reading:
    import pypdfium2

    with suppress(pypdfium2.PdfiumError):  # a broken form costs its values, not the pages
        document.init_forms()  # before anything else is asked, as pdfium wants it
    if len(document) > MAX_PAGES:
        raise Unreadable("too_large", f"has more than {MAX_PAGES:,} pages")
    headings = _headings(document)
    typed: list[Block] = []
    scanned: list[Block] = []
    unread: list[int] = []
    broken = size = 0
    for number in range((turn.after or 0) + 1, len(document) + 1):
        try:
            said = _say(document, number, turn)
        except pypdfium2.PdfiumError:
            broken += 1
            continue
        if said is None or (turn.after and not said.pictured):  # the first turn told all that is typed
            continue
        path, mark, place = headings(number), Mark(kind="page", label=str(number)), f"page={number}"
        if not said.pictured:
            told, part = typed, ""
            told.append(Block(text=said.text, headings=path, mark=mark, anchor=place, glue="\n"))
        else:
            told, part = scanned, place
            if said.recognised:
                told.append(ocr_block(said.text, number, path))
            else:
                if said.lost:
                    unread.append(number)
                told.append(Block(text=said.text, headings=path, mark=mark, anchor=place, part=part))
        if said.notes:
            told.append(Block(text=said.notes, kind="form", headings=path, mark=mark, anchor=place, part=part))
        size += len(said.text) + len(said.notes)
        if size > MAX_TEXT:
            raise Unreadable("too_large", f"holds more than {MAX_TEXT // 1_000_000} million characters of text")
    if broken == len(document):
        raise Unreadable("malformed", "has no page that can be opened")
    losses = list(turn.losses(len(document), unread))
    if broken and not turn.after:
        why = f"{broken} of its {len(document)} pages are damaged"
        losses.append(Loss(outcome="malformed", why=why, count=broken))
    known = document.get_metadata_dict(skip_empty=True)
    return Reading(
        blocks=[*typed, *scanned],
        title=_TITLE_OF_PRINTER.sub("", known.get("Title", "").strip()),
        author=known.get("Author", "").strip(),
        modified_at=_moment(known.get("ModDate", "")) or _moment(known.get("CreationDate", "")),
        losses=tuple(losses),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What one page says; `pictured` where its text layer may tell less than it shows, `recognised` if an engine read it,
    `lost` if it has to say more and none did.
    """

    text: str
    notes: str
    pictured: bool = False
    recognised: bool = False
    lost: bool = False


def _say(document: PdfDocument, number: int, turn: Turn) -> _Said | None:
    """Read one page; None if it waits for another turn. Raises PdfiumError where it is damaged."""
    page = document[number - 1]
    try:
        text = _page_text(page)
        notes = "\n".join(line for line in _notes(document, page) if line not in text)
        wanted = _wants_ocr(page, text)
        if not wanted and (turn.engine is None or not _is_over_a_picture(page, text)):
            return _Said(text, notes)
        recognised = turn.recognise(number, lambda: _picture(page))
        if recognised is None:
            return None
        typed = "" if _is_garbage(text) else text
        if recognised:
            notes = "\n".join(filter(None, (*_unsaid(typed, recognised), notes)))
            return _Said(recognised, notes, pictured=True, recognised=True)
        return _Said(typed, notes, pictured=True, lost=wanted)
    finally:
        page.close()


def _page_text(page: PdfPage) -> str:
    """The characters of a page in pdfium's order: in bulk where that is one for one, else one by one."""
    from pypdfium2.raw import FPDFText_GetUnicode

    layer: PdfTextPage = page.get_textpage()
    try:
        count = layer.count_chars()
        text = str(layer.get_text_range()) if count > 0 else ""
        if len(text) != count:
            units = [FPDFText_GetUnicode(layer, at) for at in range(count)]
            # Characters beyond the first plane come as two surrogate units or as one number, by platform.
            text = "".join(map(chr, units)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    finally:
        layer.close()
    # U+0002 and U+FFFE are hyphens that only break a line. Replacing is many times faster than translating.
    return text.replace("\r", "").replace("\x02", "\u00ad").replace("\ufffe", "\u00ad").replace("\x00", "")


def _wants_ocr(page: PdfPage, text: str) -> bool:
    """Whether a page shows more than its text layer says: nearly no text over a picture, or letters without meaning."""
    from pypdfium2 import raw

    if _is_garbage(text):
        return True
    visible = "".join(text[:_SAMPLE].split()) or text.strip()
    if len(visible) >= _FEW_CHARACTERS:
        return False
    count = raw.FPDFPage_CountObjects(page)
    kinds = [raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, at)) for at in range(min(count, 200))]
    if raw.FPDF_PAGEOBJ_IMAGE in kinds:
        return True
    return not visible and (raw.FPDF_PAGEOBJ_FORM in kinds or kinds.count(raw.FPDF_PAGEOBJ_PATH) >= _DRAWN_TEXT)


def _is_over_a_picture(page: PdfPage, text: str) -> bool:
    """Whether a page is a picture with a few words typed on it."""
    from pypdfium2 import raw

    if len("".join(text[: 4 * _SPARSE].split())) >= _SPARSE:
        return False
    width, height = page.get_size()
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for at in range(min(raw.FPDFPage_CountObjects(page), 200)):
        shown = raw.FPDFPage_GetObject(page, at)
        if raw.FPDFPageObj_GetType(shown) == raw.FPDF_PAGEOBJ_IMAGE and raw.FPDFPageObj_GetBounds(
            shown, left, bottom, right, top
        ):
            area = (right.value - left.value) * (top.value - bottom.value)
            if area >= width * height / 2:
                return True
    return False


def _unsaid(typed: str, recognised: str) -> Iterator[str]:
    """The typed lines that recognition did not find as they are."""
    found = "".join(recognised.split()).casefold()
    for line in typed.splitlines():
        words = "".join(line.split()).casefold()
        if words and words not in found:
            yield line.strip()


def _is_garbage(text: str) -> bool:
    """Whether most letters of a text layer have no meaning outside their font."""
    if text.isascii():
        return False
    visible = "".join(text.split())
    return 2 * len(_PRIVATE.findall(visible)) > len(visible)


def _picture(page: PdfPage) -> bytes:
    """A page as a grey picture (PGM, netpbm), at _OCR_DPI where that is not too many pixels."""
    width, height = page.get_size()
    scale = min(_OCR_DPI / 72, (MAX_PIXELS / max(width * height, 1)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        grey = bytes(bitmap.buffer)
        rows = (grey[at * bitmap.stride : at * bitmap.stride + bitmap.width] for at in range(bitmap.height))
        return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(rows)
    finally:
        bitmap.close()


def _notes(document: PdfDocument, page: PdfPage) -> Iterator[str]:
    """What a page says outside its text: values of form fields, typed-on text, sticky notes and comments."""
    from pypdfium2 import raw

    told = {
        raw.FPDF_ANNOT_FREETEXT,
        raw.FPDF_ANNOT_TEXT,
        raw.FPDF_ANNOT_HIGHLIGHT,
        raw.FPDF_ANNOT_UNDERLINE,
        raw.FPDF_ANNOT_SQUIGGLY,
        raw.FPDF_ANNOT_STRIKEOUT,
    }
    for at in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind in told:
                if said := _string(lambda *out, a=annotation: raw.FPDFAnnot_GetStringValue(a, b"Contents", *out)):
                    yield said
            elif kind == raw.FPDF_ANNOT_WIDGET and document.formenv is not None:
                yield from _field(document, annotation)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _field(document: PdfDocument, annotation: object) -> Iterator[str]:
    """A filled form field as "name: value"; boxes that are not ticked, buttons and passwords say nothing."""
    from pypdfium2 import raw

    form = document.formenv
    password = 1 << 13  # ISO 32000-2, table 231
    ticked = raw.FPDFAnnot_GetFormFieldType(form, annotation) in (
        raw.FPDF_FORMFIELD_CHECKBOX,
        raw.FPDF_FORMFIELD_RADIOBUTTON,
    )
    value = _string(lambda *out: raw.FPDFAnnot_GetFormFieldValue(form, annotation, *out))
    if not value or raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & password:
        return
    if ticked and not raw.FPDFAnnot_IsChecked(form, annotation):
        return
    label = _string(lambda *out: raw.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *out)) or _string(
        lambda *out: raw.FPDFAnnot_GetFormFieldName(form, annotation, *out)
    )
    yield f"{label}: {value}" if label else value


def _string(ask: Callable[..., int]) -> str:
    """A string that pdfium writes as UTF-16LE into a buffer, asked first for its size in bytes."""
    from pypdfium2.raw import FPDF_WCHAR

    size = ask(None, 0)
    if not 2 < size <= 2 * _MAX_FIELD:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").replace("\r\n", "\n").replace("\r", "\n").strip()


def _headings(document: PdfDocument) -> Callable[[int], tuple[str, ...]]:
    """The heading path of each page, from the bookmarks: one below a page's upper third counts for the next page."""
    import pypdfium2

    starts: list[int] = []
    paths: list[tuple[str, ...]] = []
    outline = Outline()
    try:
        for entry in islice(document.get_toc(max_depth=6), _MAX_OUTLINE):
            target = entry.get_dest()
            index = target.get_index() if target is not None else None
            title = entry.get_title().strip()
            if index is None or not title:
                continue
            path = outline.enter(entry.level + 1, title)
            page = index + 1 if _is_high(document, index, target.get_view()) else index + 2
            if starts and page < starts[-1]:
                continue
            starts.append(page)
            paths.append(path)
    except (pypdfium2.PdfiumError, ValueError, RecursionError):
        return lambda _: ()
    return lambda number: paths[at - 1] if (at := bisect_right(starts, number)) else ()


def _is_high(document: PdfDocument, index: int, view: tuple[int, list[float]]) -> bool:
    from pypdfium2 import raw

    kind, numbers = view
    height = document.get_page_size(index)[1]
    if kind == raw.PDFDEST_VIEW_XYZ and len(numbers) > 1:
        return bool(numbers[1] <= 0 or numbers[1] >= height * 2 / 3)
    return True


def _moment(text: str) -> datetime | None:
    """A PDF date (ISO 32000-2, 7.9.4) in UTC; None where it is none."""
    match = _DATE.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(part) if part else least for part, least in zip(match.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True)
    )
    east = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0)) * (-1 if match[7] == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone(east)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year > 1970 else None
