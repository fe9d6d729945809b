"""Text documents, slides and sheets: structure, notes, what is said once, what is refused."""

from __future__ import annotations

import pytest

from agent.demo.documents import Page, Paper, render
from agent.demo.documents.office import zipped
from indexers.readers.block import Reading, Unreadable
from indexers.readers.containers.archive import MAX_MEMBER, Archive, beside, parse_xml
from indexers.readers.office.opendocument import read_opendocument
from indexers.readers.office.sheets import MAX_CELLS, read_delimited, read_ods, read_xlsx
from indexers.readers.office.slides import read_pptx
from indexers.readers.office.word import read_docx

ML = "http://schemas.openxmlformats.org"
OFFICE = f"{ML}/officeDocument/2006/relationships"
SPACES = (
    f'xmlns:w="{ML}/wordprocessingml/2006/main" xmlns:mc="{ML}/markup-compatibility/2006" '
    f'xmlns:a="{ML}/drawingml/2006/main" xmlns:p="{ML}/presentationml/2006/main" xmlns:r="{OFFICE}" xmlns:v="urn:v"'
)


def told(reading: Reading) -> list[tuple[str, tuple[str, ...], str]]:
    return [(block.kind, block.headings, block.text) for block in reading.blocks]


def links(**targets: str) -> str:
    rows = "".join(
        f'<Relationship Id="{n}" Type="{OFFICE}/{kind}" Target="{to}"/>' for n, (kind, to) in enumerate(targets.items())
    )
    return f'<Relationships xmlns="{ML}/package/2006/relationships">{rows}</Relationships>'


def word(body: str, parts: dict[str, str] | None = None, **targets: str) -> Reading:
    members = {
        "word/document.xml": f"<w:document {SPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": links(**targets),
        **(parts or {}),
    }
    return read_docx(Archive(zipped(members)))


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_headings_come_from_styles_and_outline_levels() -> None:
    styles = (
        f'<w:styles {SPACES}><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/></w:style>'
        '<w:style w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style></w:styles>'
    )
    body = (
        paragraph("Kosten", '<w:pStyle w:val="berschrift1"/>')
        + paragraph("text", '<w:pStyle w:val="Loop"/>')
        + paragraph("Strom", '<w:outlineLvl w:val="1"/>')
        + paragraph("item", '<w:numPr><w:ilvl w:val="0"/></w:numPr>')
        + paragraph("Ende", '<w:pStyle w:val="Mine"/>')
    )
    assert told(word(body, {"word/styles.xml": styles}, styles="styles.xml")) == [
        ("heading", ("Kosten",), "Kosten"),
        ("prose", ("Kosten",), "text"),
        ("heading", ("Kosten", "Strom"), "Strom"),
        ("prose", ("Kosten", "Strom"), "- item"),
        ("heading", ("Ende",), "Ende"),
    ]


def test_a_text_box_is_read_once_and_deleted_or_hidden_text_is_not() -> None:
    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    body = (
        "<w:p><w:r><w:t>before</w:t><mc:AlternateContent>"
        f"<mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r><w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del>"
        "<w:ins><w:r><w:tab/><w:t>new</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    )
    assert [text for _, _, text in told(word(body))] == ["before\tnew", "boxed"]


def test_notes_and_comments_follow_their_heading_and_headers_are_said_once() -> None:
    parts = {
        "word/footnotes.xml": f"<w:footnotes {SPACES}>"
        f'<w:footnote w:id="0" w:type="separator">{paragraph("x")}</w:footnote>'
        f'<w:footnote w:id="2">{paragraph("a note")}</w:footnote></w:footnotes>',
        "word/comments.xml": f"<w:comments {SPACES}>"
        f'<w:comment w:id="0" w:author="Mara">{paragraph("why?")}</w:comment></w:comments>',
        "word/header1.xml": f"<w:hdr {SPACES}>{paragraph('Letterhead') * 2}{paragraph('7')}</w:hdr>",
        "word/footer1.xml": f"<w:ftr {SPACES}>{paragraph('Bank details')}</w:ftr>",
    }
    body = (
        '<w:p><w:r><w:t>claim</w:t><w:footnoteReference w:id="2"/><w:commentReference w:id="0"/></w:r></w:p>'
        + paragraph("more")
        + paragraph("Next", '<w:outlineLvl w:val="0"/>')
    )
    targets = {"footnotes": "footnotes.xml", "comments": "comments.xml", "header": "header1.xml"}
    reading = word(body, parts, **targets, footer="footer1.xml")
    assert [text for _, _, text in told(reading)] == [
        "Letterhead",
        "claim[2]",
        "more",
        "[2] a note",
        "[comment by Mara] why?",
        "Next",
        "Bank details",
    ]


def test_tables_are_rows_with_nested_tables_inside_their_cell() -> None:
    def cell(inner: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"

    wide = '<w:gridSpan w:val="2"/>'
    inner = f"<w:tbl><w:tr>{cell(paragraph('in'))}{cell(paragraph('ner'))}</w:tr></w:tbl>"
    rows = (
        f"<w:tr>{cell(paragraph('Item'))}{cell(paragraph('Price'))}{cell(paragraph('Note'))}</w:tr>"
        f"<w:tr>{cell(paragraph('Rent') + paragraph('cold'))}{cell(paragraph('871'))}{cell(inner)}</w:tr>"
        f"<w:tr>{cell(paragraph('Total'), wide)}{cell(paragraph('x'))}</w:tr>"
    )
    (block,) = word(f"<w:tbl>{rows}</w:tbl>").blocks
    assert (block.head, block.text) == ("Item | Price | Note", "Rent cold | 871 | in ner\nTotal |  | x")


def test_strict_documents_are_read_as_others() -> None:
    data = f"<w:document {SPACES}><w:body>{paragraph('strict')}</w:body></w:document>".replace(
        f"{ML}/wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main"
    )
    assert [text for _, _, text in told(read_docx(Archive(zipped({"word/document.xml": data}))))] == ["strict"]


def deck(**more: str) -> Reading:
    paper = Paper(
        name="d",
        title="Deck",
        pages=(
            Page(heading="One", paragraphs=("first", "second"), table=(("A", "B"), ("x", "1")), note="say hello"),
            Page(heading="Two", paragraphs=("third",)),
        ),
    )
    archive = Archive(render(paper, "pptx"))
    members = {name: archive.read(name) for name in archive.names}
    return read_pptx(Archive(zipped({**members, **more})))


def test_slides_in_order_with_tables_and_notes() -> None:
    reading = deck()
    assert told(reading) == [
        ("heading", ("One",), "One"),
        ("prose", ("One",), "first\nsecond"),
        ("table", ("One",), "x | 1"),
        ("prose", ("One",), "Notes: say hello"),
        ("heading", ("Two",), "Two"),
        ("prose", ("Two",), "third"),
    ]
    assert [block.mark.label for block in reading.blocks if block.mark] == ["1", "1", "1", "1", "2", "2"]
    assert reading.title == "Deck"


def test_groups_alternatives_and_furniture() -> None:
    def shape(text: str, role: str = "") -> str:
        place = f'<p:nvSpPr><p:nvPr><p:ph type="{role}"/></p:nvPr></p:nvSpPr>' if role else ""
        return f"<p:sp>{place}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r><a:br/><a:r><a:t>!</a:t></a:r></a:p></p:txBody></p:sp>"

    tree = (
        f"<p:grpSp>{shape('in group')}<p:grpSp>{shape('deeper')}</p:grpSp></p:grpSp>{shape('9', 'sldNum')}"
        f"<mc:AlternateContent><mc:Choice>{shape('chosen')}</mc:Choice>"
        f"<mc:Fallback>{shape('other')}</mc:Fallback></mc:AlternateContent>"
    )
    slide = f"<p:sld {SPACES}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>"
    reading = deck(**{"ppt/slides/slide2.xml": slide})
    assert [text for _, headings, text in told(reading) if not headings] == ["in group\n!", "deeper\n!", "chosen\n!"]


def test_a_damaged_slide_costs_itself() -> None:
    reading = deck(**{"ppt/slides/slide1.xml": "<broken"})
    assert [text for _, _, text in told(reading)] == ["Two", "third"]
    assert [(loss.outcome, loss.count) for loss in reading.losses] == [("malformed", 1)]
    with pytest.raises(Unreadable, match="no slide"):
        deck(**{"ppt/slides/slide1.xml": "<broken", "ppt/slides/slide2.xml": ""})


def odf(kind: str, body: str) -> Archive:
    names = ("office", "text", "table", "drawing", "presentation")
    spaces = " ".join(f'xmlns:{name[:4]}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    content = f"<offi:document-content {spaces}><offi:body>{body}</offi:body></offi:document-content>"
    return Archive(zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content}))


def test_opendocument_text() -> None:
    note = "<text:note-citation>1</text:note-citation><text:note-body><text:p>a note</text:p></text:note-body>"
    body = (
        (
            "<offi:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
            '<text:h text:outline-level="1">Costs</text:h>'
            f'<text:p>two<text:s text:c="3"/>gaps<text:tab/>and <text:span>a span</text:span><text:note>{note}</text:note> end'
            "<offi:annotation><dc:creator>Mara</dc:creator><text:p>why?</text:p></offi:annotation>"
            "<draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame></text:p>"
            "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
            "<table:table><table:table-row><table:table-cell><text:p>A</text:p></table:table-cell><table:table-cell><text:p>B</text:p>"
            "</table:table-cell></table:table-row><table:table-row><table:table-cell table:number-columns-repeated='2'><text:p>7</text:p>"
            "</table:table-cell></table:table-row></table:table></offi:text>"
        )
        .replace("table:", "tabl:")
        .replace("<draw:", "<draw:")
    )
    assert [text for _, _, text in told(read_opendocument(odf("text", body)))] == [
        "Costs",
        "two   gaps\tand a span[1] end",
        "boxed",
        "- item",
        "7 | 7",
        "[1] a note",
        "[comment by Mara] why?",
    ]


def test_opendocument_slides() -> None:
    body = (
        '<offi:presentation><draw:page><draw:frame pres:class="title"><draw:text-box><text:p>One</text:p>'
        "</draw:text-box></draw:frame>"
        "<draw:frame><draw:text-box><text:p>words</text:p></draw:text-box></draw:frame>"
        "<pres:notes><draw:frame><draw:text-box><text:p>say it</text:p></draw:text-box></draw:frame></pres:notes></draw:page>"
        "<draw:page><draw:frame><draw:text-box><text:p>next</text:p></draw:text-box></draw:frame></draw:page>"
        "</offi:presentation>"
    )
    reading = read_opendocument(odf("presentation", body))
    assert told(reading) == [
        ("prose", ("One",), "One"),
        ("prose", ("One",), "words"),
        ("prose", ("One",), "Notes: say it"),
        ("prose", (), "next"),
    ]
    assert [block.anchor for block in reading.blocks] == ["slide=1"] * 3 + ["slide=2"]


def test_an_encrypted_opendocument_is_said() -> None:
    manifest = '<m:x xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:encryption-data/></m:x>'
    with pytest.raises(Unreadable, match="password"):
        read_opendocument(Archive(zipped({"META-INF/manifest.xml": manifest, "content.xml": b"noise"})))


def workbook(cells: str) -> Reading:
    space = f'xmlns="{ML}/spreadsheetml/2006/main"'
    sheet = f"<worksheet {space}><sheetData>{cells}</sheetData></worksheet>"
    paper = Paper(name="w", title="W", pages=(Page(heading="My budget", table=(("A", "B"), ("x", "1"))),))
    archive = Archive(render(paper, "xlsx"))
    data = zipped({**{name: archive.read(name) for name in archive.names}, "xl/worksheets/sheet1.xml": sheet})
    return read_xlsx(data, Archive(data))


def test_a_sheet_says_its_cells_from_the_first_used_one() -> None:
    def text(place: str, said: str) -> str:
        return f'<c r="{place}" t="inlineStr"><is><t>{said}</t></is></c>'

    reading = workbook(
        f'<row r="3">{text("B3", "Household")}</row>'
        f'<row r="5">{text("B5", "Item")}{text("C5", "Paid")}{text("D5", "Ok")}</row>'
        f'<row r="6">{text("B6", "Rent")}<c r="C6"><v>871</v></c><c r="D6" t="b"><v>1</v></c></row>'
        f'<row r="7">{text("B7", "Tax")}<c r="C7"><v>0.30000000000000004</v></c><c r="D7" t="b"><v>0</v></c></row>'
    )
    above, rows = reading.blocks
    assert above.mark is not None
    assert rows.mark is not None
    assert (above.kind, above.text, above.mark.label) == ("prose", "Household", "'My budget'!B3:D4")
    assert (rows.kind, rows.head, rows.mark.label) == ("table", "Item | Paid | Ok", "'My budget'!B5:D7")
    assert rows.text == "Rent | 871 | TRUE\nTax | 0.3 | FALSE"
    assert rows.anchor == "sheet='My budget'!B3:D7"
    assert rows.headings == ("My budget",)


def test_a_sheet_as_large_as_allowed_is_read_and_a_larger_one_refused() -> None:
    rows = MAX_CELLS // 10
    corner = '<row r="1"><c r="A1"><v>1</v></c></row><row r="{0}"><c r="J{0}"><v>2</v></c></row>'
    assert workbook(corner.format(rows)).blocks[-1].text.endswith(" | 2")
    with pytest.raises(Unreadable, match="million cells"):
        workbook(corner.format(rows + 1))


def test_ods_shows_what_its_cells_show() -> None:
    body = (
        '<offi:spreadsheet><tabl:table tabl:name="S"><tabl:table-row>'
        "<tabl:table-cell><text:p>Item</text:p></tabl:table-cell>"
        "<tabl:table-cell><text:p>Price</text:p></tabl:table-cell></tabl:table-row>"
        '<tabl:table-row tabl:number-rows-repeated="2"><tabl:table-cell><text:p>lamp</text:p></tabl:table-cell>'
        "<tabl:table-cell><text:p>19,50 €</text:p></tabl:table-cell></tabl:table-row>"
        '<tabl:table-row tabl:number-rows-repeated="1048570">'
        '<tabl:table-cell tabl:number-columns-repeated="16384"/></tabl:table-row>'
        "</tabl:table></offi:spreadsheet>"
    )
    (block,) = read_ods(odf("spreadsheet", body)).blocks
    assert (block.head, block.text) == ("Item | Price", "lamp | 19,50 €\nlamp | 19,50 €")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_delimited_files_by_any_sign(sign: str) -> None:
    data = f'Name{sign}City\r\n"Okafor, Ines"{sign}Aldervik\r\n"two\nlines"{sign}x\r\n'
    (block,) = read_delimited(data.encode()).blocks
    assert block.mark is not None
    assert (block.kind, block.head, block.mark.label) == ("table", "Name | City", "1-4")
    assert block.text == "Okafor, Ines | Aldervik\ntwo lines | x"


def test_numbers_alone_have_no_header() -> None:
    (block,) = read_delimited(b"1,2\n3,4\n").blocks
    assert (block.kind, block.head, block.text) == ("prose", "", "1 | 2\n3 | 4")


def test_archives_are_bounded_before_they_are_read() -> None:
    bomb = Archive(zipped({"a.xml": b" " * (MAX_MEMBER + 1), "b.xml": b"<x/>"}))
    with pytest.raises(Unreadable) as caught:
        bomb.read("a.xml")
    assert caught.value.outcome == "too_large"
    assert bomb.read("b.xml") == b"<x/>"
    with pytest.raises(Unreadable, match="lacks"):
        bomb.read("c.xml")


def test_a_size_that_lies_is_malformed() -> None:
    data = bytearray(zipped({"a.xml": b"x" * 5_000}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(Unreadable) as caught:
        Archive(bytes(data)).read("a.xml")
    assert caught.value.outcome == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'.encode("utf-16"),
        b"",
        b"<x",
    ],
)
def test_xml_with_entities_or_damage_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_xml(data)


def test_a_plain_doctype_is_allowed() -> None:
    assert (
        parse_xml(b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://example.org/x.dtd"><html/>').tag == "html"
    )


@pytest.mark.parametrize(
    ("part", "target", "expected"),
    [
        ("ppt/slides/slide1.xml", "../notesSlides/n1.xml", "ppt/notesSlides/n1.xml"),
        ("word/document.xml", "styles.xml", "word/styles.xml"),
        ("word/document.xml", "/word/styles.xml", "word/styles.xml"),
        ("OEBPS/book.opf", "text/a%20b.xhtml#top", "OEBPS/text/a b.xhtml"),
        ("a.xml", "../../../etc/passwd", "etc/passwd"),
    ],
)
def test_links_inside_a_container(part: str, target: str, expected: str) -> None:
    assert beside(part, target) == expected
