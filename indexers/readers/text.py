"""Text of any encoding: plain, source code, Markdown, JSON, RTF."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from indexers.readers.block import MAX_TEXT, Block, Kind, Mark, Outline, Reading, Unreadable, moment, table
from indexers.readers.encoding import likeliest

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 16_384
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1b"))
_RUN = 1_500
"""A block of lines ends at the first blank line after this many characters, or at twice as many."""

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_DELIMITER_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FIELD = re.compile(r"([A-Za-z][\w -]*):[ \t]*(.*)$")

_RTF_HEAD = re.compile(rb"\{\\rtf1?(?:[^{}]*)")
_RTF_TITLE = re.compile(rb"\{\\title ([^{}]*)\}")
_RTF_AUTHOR = re.compile(rb"\{\\author ([^{}]*)\}")
_RTF_TIME = rb"\\yr(\d{1,4})\\mo(\d{1,2})\\dy(\d{1,2})(?:\\hr(\d{1,2}))?(?:\\min(\d{1,2}))?"
_RTF_REVISED = re.compile(rb"\{\\revtim" + _RTF_TIME)
_RTF_CREATED = re.compile(rb"\{\\creatim" + _RTF_TIME)
# A group of hidden or deleted text; and the words that set notes and headers aside, which the parser would leave out.
_RTF_UNSAID = re.compile(rb"\{(?=[^{}]*+\})[^{}]*?\\(?:v|deleted)(?![a-z0-9])[^{}]*+\}")
_RTF_ASIDE = re.compile(rb"(?:\\\*\s*)?\\(?:footnote|annotation|header[lrf]?|footer[lrf]?)(?![a-z0-9]) ?")

_MAX_JSON = 20_000_000


def looks_like_text(data: bytes) -> bool:
    """Whether bytes are text: a byte order mark, UTF-16 by its zeros, or almost no control characters."""
    sample = data[:_SAMPLE]
    if sample.startswith(tuple(bom for bom, _ in _BOMS)) or _utf16(sample):
        return True
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls * 200 <= len(sample)


def decode(data: bytes) -> str:
    """Text of bytes in an unknown encoding: byte order mark, UTF-16 by its zeros, UTF-8, else the likeliest."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if encoding := _utf16(data[:_SAMPLE]):
        return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        # One bad byte far in, or a cut last character.
        if not before.isascii() and (error.start > _SAMPLE or error.end >= len(data)):
            return data.decode("utf-8", "replace")
        start = max(error.start - 2 * _SAMPLE, 0)
    return data.decode(likeliest(data[start : start + 4 * _SAMPLE]), "replace")


def read_text(data: bytes) -> Reading:
    """Plain text, its lines as they are; spans name lines."""
    return Reading(blocks=tuple(_lines(_text_of(data))))


def read_code(data: bytes) -> Reading:
    """Source code, its lines as they are; spans name lines."""
    return Reading(blocks=tuple(_lines(_text_of(data), kind="code")))


def read_markdown(data: bytes) -> Reading:
    """Markdown as it was written, cut at headings, pipe tables as rows, front matter as a form (CommonMark, GFM)."""
    lines = _text_of(data).splitlines(keepends=True)
    blocks: list[Block] = []
    fields: dict[str, str] = {}
    start = 0
    if lines and lines[0].rstrip() == "---":
        end = next((at for at, line in enumerate(lines[1:200], 1) if line.rstrip() in ("---", "...")), 0)
        fields = {
            match[1].lower(): match[2].strip(" \t\"'")
            for line in lines[1:end]
            if (match := _FIELD.match(line.rstrip()))
        }
        if fields:
            start = end + 1
            blocks.append(Block(text="".join(lines[1:end]), kind="form", mark=_line_mark(2, end), anchor="line=2"))
    blocks += _markdown_blocks(lines, start)
    first = next((block.headings[0] for block in blocks if block.headings), "")
    return Reading(
        blocks=blocks,
        title=fields.get("title") or first,
        author=fields.get("author", ""),
        modified_at=next((at for key in ("updated", "modified", "date") if (at := moment(fields.get(key, "")))), None),
    )


def read_json(data: bytes) -> Reading:
    """JSON as lines of "path: value", record after record of a top-level list; what does not parse stays text."""
    text = _text_of(data)
    if len(text) > _MAX_JSON:
        return Reading(blocks=tuple(_lines(text, kind="code")))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Reading(blocks=tuple(_lines(text, kind="code")))
    records = document if isinstance(document, list) else [document]
    return Reading(blocks=[Block(text="\n".join(_flat(record)), kind="form") for record in records])


def read_json_lines(data: bytes) -> Reading:
    """One JSON record a line, each as lines of "path: value"; a line that does not parse stays as it is."""
    blocks: list[Block] = []
    for number, line in enumerate(_text_of(data).splitlines(), 1):
        try:
            text = "\n".join(_flat(json.loads(line))) if line.strip() else ""
        except (ValueError, RecursionError):
            text = line
        blocks.append(Block(text=text, kind="form", mark=_line_mark(number, number), anchor=f"line={number}"))
    return Reading(blocks=blocks)


def read_rtf(data: bytes) -> Reading:
    """Rich text without its styles, and without what is hidden or deleted; notes and headers stand where they are set."""
    told = _RTF_ASIDE.sub(b" ", _RTF_UNSAID.sub(b"", data))
    text = _rtf_text(told)
    head = found[0] if (found := _RTF_HEAD.match(data)) else b"{\\rtf1 "  # it names the set of characters
    title, author = (
        _rtf_text(head + b" " + match[1] + b"}").strip() if match else ""
        for match in (_RTF_TITLE.search(data), _RTF_AUTHOR.search(data))
    )
    return Reading(blocks=tuple(_lines(text, marked=False)), title=title, author=author, modified_at=_rtf_moment(data))


def _rtf_text(data: bytes) -> str:
    from striprtf.striprtf import rtf_to_text

    try:
        text = str(rtf_to_text(data.decode("latin-1"), errors="replace"))
    except (ValueError, LookupError, IndexError, TypeError) as error:
        raise Unreadable("malformed", "is damaged RTF") from error
    # Characters beyond the first plane are written as two surrogates.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _rtf_moment(data: bytes) -> datetime | None:
    """When it was last revised, else made; by the clock of its writer, as RTF knows no zone."""
    match = _RTF_REVISED.search(data) or _RTF_CREATED.search(data)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in match.groups())
    return moment(f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}")


def _text_of(data: bytes) -> str:
    if len(data) > 4 * MAX_TEXT:
        raise Unreadable("too_large", f"holds more than {MAX_TEXT // 1_000_000} million characters of text")
    return re.sub("\r\n?", "\n", decode(data))


def _utf16(sample: bytes) -> str:
    """The UTF-16 encoding that text without a byte order mark is in, told by where its zero bytes stand; "" if none."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half >= 2 and odd > 0.4 * half and even <= 0.02 * half:
        return "utf-16-le"
    return "utf-16-be" if half >= 2 and even > 0.4 * half and odd <= 0.02 * half else ""


def _line_mark(first: int, last: int) -> Mark:
    return Mark(kind="line", label=str(first) if first == last else f"{first}-{last}")


def _lines(text: str, *, kind: Kind = "prose", marked: bool = True) -> Iterator[Block]:
    yield from _line_blocks(text.splitlines(keepends=True), 0, kind=kind, marked=marked)


def _line_blocks(
    lines: Sequence[str], offset: int, *, kind: Kind = "prose", marked: bool = True, headings: tuple[str, ...] = ()
) -> Iterator[Block]:
    """Lines with their ends, in blocks of a screenful that end at a blank line where one is near."""
    first, size = 0, 0
    for at, line in enumerate(lines):
        size += len(line)
        full = size > 2 * _RUN or (size > _RUN and not line.strip())
        if full or at + 1 == len(lines):
            mark = _line_mark(offset + first + 1, offset + at + 1) if marked else None
            anchor = f"line={offset + first + 1}" if marked else ""
            text = "".join(lines[first : at + 1])
            yield Block(text=text, kind=kind, mark=mark, anchor=anchor, headings=headings, glue="")
            first, size = at + 1, 0


def _markdown_blocks(lines: Sequence[str], start: int) -> Iterator[Block]:
    outline = Outline()
    fence = ""
    held = at = start

    def prose(upto: int) -> Iterator[Block]:
        return _line_blocks(lines[held:upto], held, headings=outline.path)

    while at < len(lines):
        line = lines[at].rstrip("\n")
        if mark := _FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        if fence or mark:
            at += 1
            continue
        if heading := _heading_at(lines, at):
            yield from prose(at)
            level, words, height = heading
            path = outline.enter(level, words)
            text = "".join(lines[at : at + height])
            anchor = f"line={at + 1}"
            yield Block(
                text=text, kind="heading", headings=path, mark=_line_mark(at + 1, at + height), anchor=anchor, glue=""
            )
            held = at = at + height
        elif (
            "|" in line
            and at + 1 < len(lines)
            and "|" in lines[at + 1]
            and _DELIMITER_ROW.match(lines[at + 1].rstrip("\n"))
        ):
            yield from prose(at)
            end = next((n for n in range(at + 2, len(lines)) if "|" not in lines[n]), len(lines))
            rows = [_cells(lines[n]) for n in (at, *range(at + 2, end))]
            yield from table(
                rows,
                headings=outline.path,
                anchor=f"line={at + 1}",
                mark=lambda first, last, top=at: _line_mark(top + (first and first + 1) + 1, top + last + 2),  # type: ignore[misc]
            )
            held = at = end
        else:
            at += 1
    yield from prose(len(lines))


def _heading_at(lines: Sequence[str], at: int) -> tuple[int, str, int] | None:
    """Level, words and height in lines of the heading that begins at a line, underlined ones included."""
    line = lines[at].rstrip("\n")
    if match := _HEADING.match(line):
        return (len(match[1]), match[2], 1) if match[2] else None
    if line.strip() and at + 1 < len(lines) and (under := _UNDERLINE.match(lines[at + 1].rstrip("\n"))):
        alone = at == 0 or not lines[at - 1].strip()
        if alone and not line.startswith(("    ", "\t", "-", "*", ">", "|")):
            return 1 if under[1][0] == "=" else 2, line.strip(), 2
    return None


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _flat(record: object) -> Iterator[str]:
    """The leaves of a JSON value as "path: value" lines, in order, without recursion."""
    pending: list[tuple[str, object]] = [("", record)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            pending += reversed([(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()])
        elif isinstance(value, list):
            pending += reversed([(f"{path}[{n}]", inner) for n, inner in enumerate(value)])
        elif value is not None and value != "":
            said = value if isinstance(value, str) else json.dumps(value)
            yield f"{path}: {said}" if path else said
