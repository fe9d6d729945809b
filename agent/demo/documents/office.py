"""Invented documents as DOCX, PPTX, XLSX, ODT and EPUB: zips of XML written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from html import escape
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from agent.demo.documents.paper import Page, Paper
from agent.demo.documents.plain import html_body


def zipped(members: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    """A zip of members in order, with fixed times so that the same members give the same bytes."""
    out = BytesIO()
    with ZipFile(out, "w") as archive:
        for name, body in members.items():
            archive.writestr(ZipInfo(name), body, ZIP_STORED if name in stored else ZIP_DEFLATED)
    return out.getvalue()


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument"
_ML = "http://schemas.openxmlformats.org"
_RELS = "application/vnd.openxmlformats-package.relationships+xml"


def _links(*links: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for n, (kind, to) in enumerate(links, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


def _office_package(paper: Paper, kinds: Mapping[str, str], members: Mapping[str, str]) -> bytes:
    """An Office Open XML package with core properties; `kinds` types its parts, the main one first."""
    stamp = f"{paper.written_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    main = next(iter(kinds))
    typed = "".join(f'<Override PartName="/{name}" ContentType="{_TYPES}.{kind}+xml"/>' for name, kind in kinds.items())
    return zipped(
        {
            "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="rels" ContentType="{_RELS}"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{typed}</Types>',
            "_rels/.rels": _links(("officeDocument", main)),
            "docProps/core.xml": f'{_XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
            f"<dc:title>{escape(paper.title)}</dc:title><dc:creator>{escape(paper.author)}</dc:creator>"
            f"<dcterms:modified>{stamp}</dcterms:modified></cp:coreProperties>",
            **members,
        }
    )


def docx(paper: Paper) -> bytes:
    """A text document: the title, then each page as a heading with paragraphs, a table and a footnote."""
    notes = [page.note for page in paper.pages if page.note]
    body = _styled("Title", paper.title)
    called = 0
    for page in paper.pages:
        body += _styled("Heading1", page.heading)
        for paragraph in page.paragraphs:
            body += f"<w:p>{_run(paragraph)}</w:p>"
        if page.table:
            rows = ("".join(f"<w:tc><w:p>{_run(cell)}</w:p></w:tc>" for cell in row) for row in page.table)
            body += "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in rows) + "</w:tbl>"
        if page.note:
            called += 1
            body += f'<w:p>{_run("See the note.")}<w:r><w:footnoteReference w:id="{called}"/></w:r></w:p>'
    word = f'xmlns:w="{_ML}/wordprocessingml/2006/main"'
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (("Title", "Title"), ("Heading1", "heading 1"))
    )
    footnotes = "".join(
        f'<w:footnote w:id="{n}"><w:p>{_run(note)}</w:p></w:footnote>' for n, note in enumerate(notes, 1)
    )
    return _office_package(
        paper,
        {
            "word/document.xml": "wordprocessingml.document.main",
            "word/styles.xml": "wordprocessingml.styles",
            "word/footnotes.xml": "wordprocessingml.footnotes",
        },
        {
            "word/_rels/document.xml.rels": _links(("styles", "styles.xml"), ("footnotes", "footnotes.xml")),
            "word/document.xml": f"{_XML}<w:document {word}><w:body>{body}<w:sectPr/></w:body></w:document>",
            "word/styles.xml": f"{_XML}<w:styles {word}>{styles}</w:styles>",
            "word/footnotes.xml": f"{_XML}<w:footnotes {word}>{footnotes}</w:footnotes>",
        },
    )


def _run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _styled(style: str, text: str) -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{_run(text)}</w:p>'


def pptx(paper: Paper) -> bytes:
    """A presentation of one slide for each page; notes are the speaker's."""
    spaces = f'xmlns:a="{_ML}/drawingml/2006/main" xmlns:p="{_ML}/presentationml/2006/main" xmlns:r="{_OFFICE}"'
    members: dict[str, str] = {}
    kinds = {"ppt/presentation.xml": "presentationml.presentation.main"}
    for number, page in enumerate(paper.pages, 1):
        shapes = _shape(2, "title", [page.heading]) + _shape(3, "body", page.paragraphs)
        if page.table:
            rows = (
                "".join(f"<a:tc><a:txBody><a:bodyPr/>{_lines([cell])}</a:txBody></a:tc>" for cell in row)
                for row in page.table
            )
            columns = '<a:gridCol w="1800000"/>' * len(page.table[0])
            grid = f"<a:tblGrid>{columns}</a:tblGrid>" + "".join(f'<a:tr h="360000">{row}</a:tr>' for row in rows)
            data = f'<a:graphicData uri="{_ML}/drawingml/2006/table"><a:tbl>{grid}</a:tbl></a:graphicData>'
            named = (
                '<p:nvGraphicFramePr><p:cNvPr id="4" name="table"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr>'
            )
            shapes += f"<p:graphicFrame>{named}{_placed('p', 4)}<a:graphic>{data}</a:graphic></p:graphicFrame>"
        name = f"ppt/slides/slide{number}.xml"
        kinds[name] = "presentationml.slide"
        members[name] = _slide("sld", spaces, shapes)
        if page.note:
            notes = f"notesSlides/notesSlide{number}.xml"
            kinds[f"ppt/{notes}"] = "presentationml.notesSlide"
            members[f"ppt/slides/_rels/slide{number}.xml.rels"] = _links(("notesSlide", f"../{notes}"))
            members[f"ppt/{notes}"] = _slide("notes", spaces, _shape(2, "body", [page.note]))
    numbers = range(1, len(paper.pages) + 1)
    slides = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in numbers)
    members["ppt/_rels/presentation.xml.rels"] = _links(*(("slide", f"slides/slide{n}.xml") for n in numbers))
    members["ppt/presentation.xml"] = (
        f'{_XML}<p:presentation {spaces}><p:sldIdLst>{slides}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>'
    )
    return _office_package(paper, kinds, members)


def _slide(kind: str, spaces: str, shapes: str) -> str:
    group = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    return f"{_XML}<p:{kind} {spaces}><p:cSld><p:spTree>{group}{shapes}</p:spTree></p:cSld></p:{kind}>"


def _shape(number: int, role: str, paragraphs: Sequence[str]) -> str:
    place = f'<p:cNvPr id="{number}" name="{role}"/><p:cNvSpPr/><p:nvPr><p:ph type="{role}"/></p:nvPr>'
    body = f"<p:txBody><a:bodyPr/>{_lines(paragraphs)}</p:txBody>"
    return f"<p:sp><p:nvSpPr>{place}</p:nvSpPr><p:spPr>{_placed('a', number)}</p:spPr>{body}</p:sp>"


def _placed(prefix: str, row: int) -> str:
    """Where a shape stands on its slide, one below the other."""
    offset = f'<a:off x="450000" y="{row * 1_000_000}"/><a:ext cx="8000000" cy="900000"/>'
    return f"<{prefix}:xfrm>{offset}</{prefix}:xfrm>"


def _lines(paragraphs: Sequence[str]) -> str:
    return "".join(f"<a:p><a:r><a:t>{escape(paragraph)}</a:t></a:r></a:p>" for paragraph in paragraphs)


def xlsx(paper: Paper) -> bytes:
    """A workbook of one sheet for each page that has a table; cells that read as numbers are numbers."""
    space = f'xmlns="{_ML}/spreadsheetml/2006/main"'
    sheets = [page for page in paper.pages if page.table]
    listed = "".join(
        f'<sheet name="{escape(page.heading)}" sheetId="{n}" r:id="rId{n}"/>' for n, page in enumerate(sheets, 1)
    )
    members = {
        "xl/_rels/workbook.xml.rels": _links(
            *(("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1))
        ),
        "xl/workbook.xml": f'{_XML}<workbook {space} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
    }
    kinds = {"xl/workbook.xml": "spreadsheetml.sheet.main"}
    for number, page in enumerate(sheets, 1):
        rows = (
            f'<row r="{r}">' + "".join(_cell(f"{chr(ord('A') + c)}{r}", cell) for c, cell in enumerate(row)) + "</row>"
            for r, row in enumerate(page.table, 1)
        )
        name = f"xl/worksheets/sheet{number}.xml"
        kinds[name] = "spreadsheetml.worksheet"
        members[name] = f"{_XML}<worksheet {space}><sheetData>{''.join(rows)}</sheetData></worksheet>"
    return _office_package(paper, kinds, members)


def _cell(place: str, text: str) -> str:
    try:
        return f'<c r="{place}"><v>{float(text)}</v></c>'
    except ValueError:
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def odt(paper: Paper) -> bytes:
    """An OpenDocument text: headings, paragraphs, tables and footnotes."""
    names = ("office", "text", "table", "meta")
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    body = ""
    for page in paper.pages:
        body += f'<text:h text:outline-level="1">{escape(page.heading)}</text:h>'
        body += "".join(f"<text:p>{escape(paragraph)}</text:p>" for paragraph in page.paragraphs)
        if page.table:
            rows = (
                "".join(f"<table:table-cell><text:p>{escape(cell)}</text:p></table:table-cell>" for cell in row)
                for row in page.table
            )
            body += (
                "<table:table>"
                + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
                + "</table:table>"
            )
        if page.note:
            note = f"<text:note-body><text:p>{escape(page.note)}</text:p></text:note-body>"
            note = f"<text:note-citation>*</text:note-citation>{note}"
            body += f"<text:p>See the note.<text:note>{note}</text:note></text:p>"
    kind = "application/vnd.oasis.opendocument.text"
    known = f"<dc:title>{escape(paper.title)}</dc:title><dc:creator>{escape(paper.author)}</dc:creator>"
    known += f"<dc:date>{paper.written_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}</dc:date>"
    return zipped(
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'{_XML}<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<m:file-entry m:full-path="/" m:media-type="{kind}"/></m:manifest>',
            "meta.xml": f'{_XML}<office:document-meta {spaces} xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<office:meta>{known}</office:meta></office:document-meta>",
            "content.xml": f"{_XML}<office:document-content {spaces}><office:body><office:text>{body}"
            "</office:text></office:body></office:document-content>",
        },
        stored=["mimetype"],
    )


def epub(paper: Paper) -> bytes:
    """A book of one chapter for each page."""
    chapters = {f"OEBPS/chapter{n}.xhtml": _chapter(page) for n, page in enumerate(paper.pages, 1)}
    numbers = range(1, len(paper.pages) + 1)
    items = "".join(f'<item id="c{n}" href="chapter{n}.xhtml" media-type="application/xhtml+xml"/>' for n in numbers)
    spine = "".join(f'<itemref idref="c{n}"/>' for n in numbers)
    known = f"<dc:title>{escape(paper.title)}</dc:title><dc:creator>{escape(paper.author)}</dc:creator>"
    known += f'<meta property="dcterms:modified">{paper.written_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</meta>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f'{_XML}<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
            'version="1.0"><rootfiles><rootfile full-path="OEBPS/book.opf" '
            'media-type="application/oebps-package+xml"/></rootfiles></container>',
            "OEBPS/book.opf": f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{known}</metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
            **chapters,
        },
        stored=["mimetype"],
    )


def _chapter(page: Page) -> str:
    head = f"<head><title>{escape(page.heading)}</title></head>"
    return f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml">{head}<body>{html_body([page], level=1)}</body></html>'
