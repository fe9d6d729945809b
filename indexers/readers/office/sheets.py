"""Sheets: XLSX and XLS through calamine, ODS by its own XML, CSV and TSV by the standard library."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from io import BytesIO, StringIO

from indexers.readers.block import Block, Loss, Mark, Reading, Unreadable, table
from indexers.readers.containers.archive import Archive
from indexers.readers.office.opendocument import OFFICE, TABLE, cell_text, count_of, refuse_encrypted, with_properties
from indexers.readers.office.package import R, links, main_part, part, reading
from indexers.readers.text import decode, read_text

MAX_CELLS = 5_000_000
"""The most cells of one sheet, empty ones between the first and the last included: calamine holds them all."""

_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]{0,200}?\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["'][^>]{0,200}(?<!/)>""")
_ROW = re.compile(rb"""<(?:\w+:)?row\s[^>]{0,400}?\br\s*=\s*["']([0-9]{1,7})["']""")
_UNPLACED_CELL = re.compile(rb"<(?:\w+:)?c(?:>|\s+(?!r\b)[a-z]+\s*=[^>]{0,200}>)")
_SHEET_DATA = b"sheetData"
_MAX_DELIMITED = 20_000_000
_DELIMITERS = ",;\t|"
_THREAD_AGAIN = "[Threaded comment]"  # what older programs are shown in place of a thread, which is told itself
_EXACT_DIGITS = 15  # as many as Excel shows and stores

_Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read_xlsx(data: bytes, archive: Archive) -> Reading:
    """A workbook, sheet by sheet; spans are ranges of cells."""
    archive.check()
    for name in archive.names:
        inside = archive.read(name)
        if _SHEET_DATA in inside and _extent(inside) > MAX_CELLS:
            # calamine would ask for the memory of all of them and end the process where it is not there.
            raise Unreadable("too_large", f"has a sheet that spans more than {MAX_CELLS // 1_000_000} million cells")
    blocks, losses = _workbook(data)
    blocks += _comments(archive)
    known = reading(archive, blocks)
    return Reading(blocks=blocks, title=known.title, author=known.author, modified_at=known.modified_at, losses=losses)


def read_xls(data: bytes) -> Reading:
    """A workbook of Excel 97 to 2003, whose sheets are at most 65,536 by 256 cells."""
    blocks, losses = _workbook(data)
    return Reading(blocks=blocks, losses=losses)


def read_ods(archive: Archive) -> Reading:
    """An OpenDocument sheet as it shows its values, repeated rows and cells written once each up to MAX_CELLS."""
    refuse_encrypted(archive)
    blocks: list[Block] = []
    body = archive.xml("content.xml").find(f"{OFFICE}body/{OFFICE}spreadsheet")
    for sheet in body.iter(TABLE + "table") if body is not None else ():
        rows: list[list[str]] = []
        numbers: list[int] = []
        at, left = 0, MAX_CELLS
        for row in sheet.iter(TABLE + "table-row"):
            cells: list[str] = []
            for cell in row.iterchildren(TABLE + "table-cell", TABLE + "covered-table-cell"):
                text = cell_text(cell)
                repeated = count_of(cell.get(TABLE + "number-columns-repeated"))
                if len(cells) + repeated > left:
                    repeated = 0 if not text else left + 1
                left -= repeated if text else 0
                if left < 0:
                    raise Unreadable("too_large", f"has a sheet of more than {MAX_CELLS // 1_000_000} million cells")
                cells += [text] * (repeated if text else min(repeated, 16_384))
            while cells and not cells[-1]:
                cells.pop()
            times = count_of(row.get(TABLE + "number-rows-repeated"))
            if cells and times * len(cells) > left:
                raise Unreadable("too_large", f"has a sheet of more than {MAX_CELLS // 1_000_000} million cells")
            left -= times * len(cells)
            if cells:
                rows += [cells] * times
                numbers += range(at, at + times)
            at += times
        blocks += _sheet(sheet.get(TABLE + "name", ""), rows, (0, 0), numbers)
    return with_properties(archive, blocks)


def read_delimited(data: bytes) -> Reading:
    """CSV or TSV with any usual delimiter; spans are lines. What csv cannot parse or is very large stays plain text."""
    if len(data) > _MAX_DELIMITED:
        return read_text(data)
    text = decode(data)
    delimiter = _delimiter(text)
    rows: list[list[str]] = []
    ends: list[int] = []
    try:
        parser = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        for row in parser:
            rows.append(row)
            ends.append(parser.line_num)
    except csv.Error:
        return read_text(data)

    def mark(first: int, last: int) -> Mark:
        start = (ends[first - 1] if first else 0) + 1
        return Mark(kind="line", label=f"{start}-{ends[last]}" if ends[last] > start else str(start))

    return Reading(blocks=list(table(rows, mark=mark)))


def _workbook(data: bytes) -> tuple[list[Block], tuple[Loss, ...]]:
    import python_calamine as calamine

    blocks: list[Block] = []
    damaged = 0
    try:
        with calamine.load_workbook(BytesIO(data)) as book:
            count = len(book.sheet_names)
            for at in range(count):
                try:
                    sheet = book.get_sheet_by_index(at)
                except calamine.CalamineError:
                    damaged += book.sheets_metadata[at].typ == calamine.SheetTypeEnum.WorkSheet
                    continue
                if sheet.height * sheet.width > MAX_CELLS:
                    raise Unreadable("too_large", f"has a sheet of more than {MAX_CELLS // 1_000_000} million cells")
                rows = [[_shown(value) for value in row] for row in sheet.iter_rows()]
                # Rows are counted from the sheet's first, columns from the first that is used.
                top, left = sheet.start or (0, 0)
                blocks += _sheet(sheet.name, rows[top:] if len(rows) > sheet.height else rows, (top, left))
    except calamine.PasswordError as error:
        raise Unreadable("encrypted", "is protected by a password") from error
    except calamine.CalamineError as error:
        raise Unreadable("malformed", "is a damaged workbook") from error
    if damaged and damaged == count:
        raise Unreadable("malformed", "has no sheet that can be read")
    return blocks, (
        Loss(outcome="malformed", why=f"{damaged} of its {count} sheets are damaged", count=damaged),
    ) if damaged else ()


def _comments(archive: Archive) -> Iterator[Block]:
    """What is noted on the cells of a workbook, sheet by sheet; calamine does not tell it."""
    if not any("omment" in name for name in archive.names):
        return
    main = main_part(archive, "xl/workbook.xml")
    targets = links(archive, main)
    for sheet in part(archive, main).iter("{*}sheet"):
        name, quoted = sheet.get("name", ""), _quoted(sheet.get("name", ""))
        _, place = targets.get(sheet.get(R + "id", ""), ("", ""))
        for kind, target in links(archive, place).values() if place else ():
            if kind not in ("comments", "threadedComment") or target not in archive:
                continue
            for comment in part(archive, target).iter("{*}comment", "{*}threadedComment"):
                said = "".join(run.text or "" for run in comment.iter("{*}t", "{*}text")).strip()
                if said and not said.startswith(_THREAD_AGAIN):
                    cell = f"{quoted}!{comment.get('ref', '')}"
                    yield Block(
                        text=f"[comment on {comment.get('ref', '')}] {said}",
                        headings=(name,) if name else (),
                        mark=Mark(kind="cells", label=cell),
                        anchor=f"sheet={cell}",
                        part=f"sheet {name}",
                    )


def _quoted(sheet: str) -> str:
    """The name of a sheet as formulas write it."""
    return sheet if sheet.isidentifier() else "'" + sheet.replace("'", "''") + "'"


def _sheet(
    name: str, rows: Sequence[Sequence[str]], origin: tuple[int, int], numbers: Sequence[int] = ()
) -> Iterator[Block]:
    """The table of one sheet whose first row and column stand at `origin` (counted from 0).

    `numbers` are those of the rows where empty ones between them were left out.
    """
    top, left = origin
    width = max(map(len, rows), default=0)
    quoted = _quoted(name)

    def cells(first: int, last: int) -> str:
        low, high = (numbers[first], numbers[last]) if numbers else (first, last)
        return f"{quoted}!{_column(left)}{top + low + 1}:{_column(left + max(width, 1) - 1)}{top + high + 1}"

    return table(
        rows,
        headings=(name,) if name else (),
        part=f"sheet {name}",
        anchor=f"sheet={cells(0, max(len(rows), 1) - 1)}",
        mark=lambda first, last: Mark(kind="cells", label=cells(first, last)),
    )


def _shown(value: _Value) -> str:
    """A value about as its sheet shows it, without its number format."""
    match value:
        case str():
            return value
        case bool():
            return str(value).upper()
        case float():
            return (
                str(int(value))
                if value.is_integer() and abs(value) < 10**_EXACT_DIGITS
                else f"{value:.{_EXACT_DIGITS}g}"
            )
        case dt.datetime():
            return (
                value.date().isoformat()
                if value.time() == dt.time.min
                else value.isoformat(sep=" ", timespec="minutes")
            )
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return str(value)


def _column(index: int) -> str:
    """The letters of a column counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _extent(sheet: bytes) -> int:
    """How many cells the corners of a sheet's XML span, by the references of its cells that hold something."""
    if sheet.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("malformed", "holds a sheet in an encoding that no program writes")
    rows = columns = 1
    for letters, number in _CELL.findall(sheet):
        rows = max(rows, int(number))
        column = 0
        for letter in letters.upper():
            column = 26 * column + letter - ord("A") + 1
        columns = max(columns, column)
    if _UNPLACED_CELL.search(sheet):  # cells without a reference count on from the one before
        rows = max(rows, max((int(number) for number in _ROW.findall(sheet)), default=1))
        columns += max(row.count(b"<c") for row in sheet.split(b"<row"))
    return rows * columns


def _delimiter(text: str) -> str:
    """The sign that parts the most cells alike in the first lines."""
    lines = [line for line in text[:20_000].splitlines()[:30] if line.strip()][:20]

    def evenness(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines]
        usual = max(set(counts), key=counts.count) if counts else 0
        return (counts.count(usual) if usual else 0, usual)

    return max(_DELIMITERS, key=evenness)
