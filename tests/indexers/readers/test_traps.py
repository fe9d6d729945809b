"""What documents of real programs hold besides plain text: each thing said once, in its place, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from agent.demo.documents.office import zipped
from indexers.readers.block import Block, Reading, Unreadable
from indexers.readers.containers.archive import Archive
from indexers.readers.encoding import likeliest
from indexers.readers.formats import read_document
from indexers.readers.office.opendocument import read_opendocument
from indexers.readers.office.sheets import read_delimited, read_ods
from indexers.readers.text import decode, read_rtf
from indexers.readers.web import read_html

ML = "http://schemas.openxmlformats.org"
SPACES = (
    f'xmlns:w="{ML}/wordprocessingml/2006/main" xmlns:mc="{ML}/markup-compatibility/2006" '
    f'xmlns:a="{ML}/drawingml/2006/main" xmlns:p="{ML}/presentationml/2006/main" '
    f'xmlns:r="{ML}/officeDocument/2006/relationships"'
)


def links(**targets: str) -> str:
    rows = "".join(
        f'<Relationship Id="{n}" Type="{ML}/officeDocument/2006/relationships/{kind}" Target="{to}"/>'
        for n, (kind, to) in enumerate(targets.items())
    )
    return f'<Relationships xmlns="{ML}/package/2006/relationships">{rows}</Relationships>'


def texts(reading: Reading) -> list[str]:
    return [f"{block.head}\n{block.text}".strip() for block in reading.blocks]


def word(body: str, parts: dict[str, str] | None = None, **targets: str) -> list[str]:
    members = {
        "word/document.xml": f"<w:document {SPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": links(**targets),
        **(parts or {}),
    }
    return texts(read_document(zipped(members), name="a.docx", ocr=None))


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def paragraph(text: str) -> str:
    return f"<w:p>{run(text)}</w:p>"


BOX = f"<w:txbxContent>{paragraph('in the box')}</w:txbxContent>"
BOX_TWICE = f"<mc:AlternateContent><mc:Choice>{BOX}</mc:Choice><mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent>"


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def cell(inner: str) -> str:
    return f"<w:tc>{inner}</w:tc>"


def test_a_text_box_in_a_cell_is_told_once() -> None:
    anchored = f"<w:p><w:r>{BOX_TWICE}<w:t>cell</w:t></w:r></w:p>"
    assert word(table(cell(anchored) + cell(paragraph("other")))) == ["cell | other", "in the box"]


def test_rows_that_were_deleted_are_not_told() -> None:
    deleted = f"<w:trPr><w:del w:id='1'/></w:trPr>{cell(paragraph('gone'))}{cell(paragraph('gone'))}"
    kept = cell(paragraph("a")) + cell(paragraph("b"))
    assert word(table(deleted, kept)) == ["a | b"]


def test_hidden_is_what_is_switched_on() -> None:
    body = run("hidden", "<w:vanish/>") + run("hidden", '<w:vanish w:val="1"/>') + run("seen", '<w:vanish w:val="0"/>')
    assert word(f"<w:p>{body}</w:p>") == ["seen"]


def test_a_note_keeps_its_tabs_and_loses_what_was_deleted() -> None:
    note = (
        f'<w:footnotes {SPACES}><w:footnote w:id="2"><w:p><w:r><w:t>see</w:t><w:tab/><w:t>there</w:t></w:r>'
        f"<w:moveFrom>{run('moved away')}</w:moveFrom></w:p></w:footnote></w:footnotes>"
    )
    body = f'<w:p>{run("Text")}<w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    assert word(body, {"word/f.xml": note}, footnotes="f.xml") == ["Text[2]", "[2] see\tthere"]


def test_a_reading_aid_above_a_word_is_no_part_of_it() -> None:
    ruby = f"<w:r><w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby></w:r>"
    assert word(f"<w:p>{ruby}</w:p>") == ["東京"]


def test_the_words_of_a_diagram_are_told() -> None:
    diagram = f"<d {SPACES}><a:p><a:r><a:t>Plan</a:t></a:r></a:p><a:p><a:r><a:t>Build</a:t></a:r></a:p></d>"
    assert word(paragraph("x"), {"word/d.xml": diagram}, diagramData="d.xml") == ["x", "Plan\nBuild"]
    broken = f"<d {SPACES}><a:p><a:r><a:t>Plan</a:t></a:r><a:br/><a:r><a:t>Build</a:t></a:r></a:p></d>"
    assert word(paragraph("x"), {"word/d.xml": broken}, diagramData="d.xml") == ["x", "Plan\nBuild"]


@pytest.mark.parametrize("kind", ["docx", "pptx"])
def test_the_package_says_where_its_document_is(kind: str) -> None:
    if kind == "docx":
        main, inner = "word/document2.xml", f"<w:document {SPACES}><w:body>{paragraph('here')}</w:body></w:document>"
        members = {main: inner}
    else:
        main = "ppt/show.xml"
        members = {
            main: f'<p:presentation {SPACES}><p:sldIdLst><p:sldId r:id="0"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/show.xml.rels": links(slide="s.xml"),
            "ppt/s.xml": slide("<p:sp><p:nvSpPr/><a:p><a:r><a:t>here</a:t></a:r></a:p></p:sp>"),
        }
    data = zipped({"_rels/.rels": links(officeDocument=f"/{main}"), **members})
    assert texts(read_document(data, name=f"a.{kind}", ocr=None)) == ["here"]


def test_a_package_with_backslashes_is_read() -> None:
    data = zipped({"word\\document.xml": f"<w:document {SPACES}><w:body>{paragraph('here')}</w:body></w:document>"})
    assert texts(read_document(data, name="a.docx", ocr=None)) == ["here"]


def slide(shapes: str) -> str:
    return f"<p:sld {SPACES}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"


def test_alternatives_inside_a_line_are_told_once_and_comments_are_told() -> None:
    either = "".join(f"<mc:{kind}><a:r><a:t>E=mc2</a:t></a:r></mc:{kind}>" for kind in ("Choice", "Fallback"))
    shape = f"<p:sp><p:nvSpPr/><a:p><mc:AlternateContent>{either}</mc:AlternateContent></a:p></p:sp>"
    data = zipped(
        {
            "ppt/presentation.xml": f'<p:presentation {SPACES}><p:sldIdLst><p:sldId r:id="0"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": links(slide="s.xml"),
            "ppt/s.xml": slide(shape),
            "ppt/_rels/s.xml.rels": links(comments="c.xml"),
            "ppt/c.xml": f"<p:cmLst {SPACES}><p:cm><p:text>too small</p:text></p:cm></p:cmLst>",
        }
    )
    assert texts(read_document(data, name="a.pptx", ocr=None)) == ["E=mc2", "[comment] too small"]


OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
ODF = " ".join(
    f'xmlns:{short}="{OASIS}{name}:1.0"'
    for short, name in (
        ("office", "office"), ("table", "table"), ("text", "text"), ("draw", "drawing"), ("style", "style"),
        ("presentation", "presentation"),
    )
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def odf(kind: Literal["text", "presentation", "spreadsheet"], body: str, **parts: str) -> Archive:
    body = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    content = f"<office:document-content {ODF}>{body}</office:document-content>"
    return Archive(zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content, **parts}))


def ods_cell(inner: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{inner}</table:table-cell>"


def ods(*rows: str) -> list[Block]:
    return list(read_ods(odf("spreadsheet", f'<table:table table:name="S">{"".join(rows)}</table:table>')).blocks)


def ods_row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def test_a_row_below_a_long_gap_has_its_number() -> None:
    named, empty = ods_cell("<text:p>Name</text:p>"), 'table:number-rows-repeated="5000"'
    (block,) = ods(
        ods_row(named, named),
        ods_row(ods_cell(""), attributes=empty),
        ods_row(ods_cell("<text:p>low</text:p>"), ods_cell("<text:p>9</text:p>")),
        ods_row(ods_cell("", 'table:number-columns-repeated="16384"'), attributes=empty),
    )
    assert block.mark is not None
    assert (block.mark.label, block.anchor, block.text) == ("S!A1:B5002", "sheet=S!A1:B5002", "low | 9")


def test_a_cell_keeps_its_spaces_its_comment_and_a_value_without_text() -> None:
    spaced = ods_cell('<text:p>a<text:s text:c="2"/>b<text:tab/>c<text:line-break/>d</text:p>')
    noted = ods_cell(
        "<office:annotation><dc:creator>Ann</dc:creator><text:p>check</text:p></office:annotation><text:p>x</text:p>"
    )
    valued = ods_cell("", 'office:value-type="float" office:value="5"')
    (block,) = ods(ods_row(spaced, noted, valued))
    assert block.text == "a b c d | x [comment by Ann] check | 5"


def test_headers_notes_and_ruby_of_a_text() -> None:
    styles = f"<s {ODF}><style:header><text:p>Letterhead</text:p></style:header><style:footer><text:p>3</text:p></style:footer></s>"
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>see<text:s/>there</text:p>"
        "</text:note-body></text:note>"
    )
    ruby = "<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text></text:ruby>"
    reading = read_opendocument(odf("text", f"<text:p>Text{note} {ruby}</text:p>", **{"styles.xml": styles}))
    assert texts(reading) == ["Letterhead", "Text[1] 東京", "[1] see there"]


def test_a_table_on_a_slide_is_cited_with_the_slide() -> None:
    grid = f"<table:table>{ods_row(ods_cell('<text:p>a</text:p>'), ods_cell('<text:p>b</text:p>'))}</table:table>"
    (block,) = read_opendocument(odf("presentation", f"<draw:page>{grid}</draw:page>")).blocks
    assert block.mark is not None
    assert (block.mark.kind, block.mark.label) == ("slide", "1")


def book(encrypted: str = "") -> bytes:
    chapter = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x.js"/></head>'
        '<body><a id="top"/><h1>One</h1><p class="x"/><p>Once upon a time.</p></body></html>'
    )
    package = '<package><manifest><item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>'
    protection = f'<encryption><d><CipherReference URI="{encrypted}"/></d></encryption>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="O/b.opf"/></container>',
        "O/b.opf": package,
        "O/a.xhtml": chapter,
        **({"META-INF/encryption.xml": protection} if encrypted else {}),
    }
    return zipped(members)


def test_what_xml_closes_at_once_swallows_no_chapter() -> None:
    assert texts(read_document(book(), name="a.epub", ocr=None)) == ["One", "Once upon a time."]


def test_scrambled_fonts_protect_no_book_and_scrambled_chapters_do() -> None:
    assert texts(read_document(book("O/font.otf"), name="a.epub", ocr=None))
    with pytest.raises(Unreadable, match="protected"):
        read_document(book("O/a.xhtml"), name="a.epub", ocr=None)


@pytest.mark.parametrize(
    "page",
    [
        '<meta charset="iso-8859-1"><p>Größe'.encode(),
        '<!-- <meta charset="koi8-r"> --><meta charset="utf-8"><p>Größe'.encode(),
        f"<!-- {'x' * 3000} --><meta charset=iso-8859-15><p>Größe".encode("iso-8859-15"),
    ],
    ids=["declares Latin and is UTF-8", "declares in a comment", "declares late"],
)
def test_declarations_that_mislead(page: bytes) -> None:
    assert texts(read_html(page)) == ["Größe"]


RTF = rb"""{\rtf1\ansi\ansicpg1251{\info{\title \'cf\'f0\'e8}{\creatim\yr2024\mo3\dy5\hr10\min7}}{\header Head\par}
Seen{\v hidden}{\deleted gone} \uc0\u55357 \u56832  end{\footnote below}{\*\annotation said}\par}"""


def test_rtf_tells_what_is_seen_with_its_notes_and_properties() -> None:
    reading = read_rtf(RTF)
    said = " ".join(" ".join(texts(reading)).split())
    assert said == "Head Seen 😀 end below said"
    assert (reading.title, reading.modified_at) == ("При", datetime(2024, 3, 5, 10, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Name;Preis\nBrot;3,50\nKäse;4,20\n", "cp1252"),
        ("Name;Preis\nKäse;4,20\nBrötchen;1,00\nGemüse;3,00\n", "mac_roman"),
        ("Name;Preis\nKäse;4,20\nBrötchen;1,00\nGemüse;3,00\n", "cp850"),
        ("Reçu;Montant\nCafé crème;3,50 €\nPâté;4\n", "cp1252"),
        ("Hej då; vi åker på måndag, kött och ägg\n", "cp1252"),
        ("¿Qué tal? Mañana iré a la oficina.", "cp1252"),
        ("Það er góður dagur í þessari borg.", "cp1252"),
        ("Invoice – total due “now”, it’s 5 €\n", "cp1252"),
        ("Temp 20 °C, 5 µg, x², §5", "cp1252"),
        ("Müller", "cp1252"),
        ("Café", "cp1252"),
        ("é", "cp1252"),
        ("Nazwa;Cena\nMasło;3,00\nZażółć gęślą jaźń\n", "cp1250"),
        ("Nazwa;Cena\nMasło;3,00\nZażółć gęślą jaźń\n", "iso8859_2"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("Árvíztűrő tükörfúrógép", "cp1250"),
        ("Şirketimizin kuruluş yıldönümünü kutlamak için güzel bir gündü.", "cp1254"),
        ("Привет, как дела? Это обычный текст на русском языке.", "koi8_r"),
        ("Привет, как дела? Это обычный текст на русском языке.", "cp1251"),
        ("Invoice 5 for Romashka (аренда квартиры в Москве), to be paid by the end.", "cp1251"),
        ("Invoice 5 for Tanaka Inc (田中商店), to be paid by the end of the month.", "shift_jis"),
        ("Καλημέρα σας, πώς είστε σήμερα;", "cp1253"),
        ("这是一个中文文本文件，用来测试编码检测。", "gbk"),
        ("안녕하세요, 이것은 한국어 텍스트 파일입니다.", "euc_kr"),
    ],
)
def test_texts_of_many_languages_without_a_declaration(text: str, codec: str) -> None:
    data = text.encode(codec)
    assert data.decode(likeliest(data), "replace") == text
    assert decode(data) == text


def test_a_sheet_of_commas_from_an_old_program_keeps_its_umlauts() -> None:
    assert texts(read_delimited("Name;Preis\nBrot;3,50\nKäse;4,20\n".encode("cp1252"))) == [
        "Name | Preis\nBrot | 3,50\nKäse | 4,20"
    ]


def test_what_is_noted_on_a_cell_of_a_workbook_is_told_with_its_place() -> None:
    """A thread is told itself; the line that stands in for it in older programs is not."""
    sheet = f'<worksheet xmlns="{ML}/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><v>5</v></c></row></sheetData></worksheet>'
    notes = (
        '<comments><commentList><comment ref="A1"><text><r><t>ask </t></r><r><t>Ann</t></r></text></comment>'
        '<comment ref="B2"><text><t>[Threaded comment] Your version of Excel</t></text></comment></commentList></comments>'
    )
    sheets = '<sheets><sheet name="May 5" sheetId="1" r:id="0"/></sheets>'
    book = f'<workbook xmlns="{ML}/spreadsheetml/2006/main" {SPACES}>{sheets}</workbook>'
    thread = '<ThreadedComments><threadedComment ref="B2"><text>paid?</text></threadedComment></ThreadedComments>'
    data = zipped(
        {
            "_rels/.rels": links(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": links(worksheet="worksheets/s.xml"),
            "xl/worksheets/s.xml": sheet,
            "xl/worksheets/_rels/s.xml.rels": links(comments="../comments1.xml", threadedComment="../t.xml"),
            "xl/comments1.xml": notes,
            "xl/t.xml": thread,
        }
    )
    blocks = read_document(data, name="a.xlsx", ocr=None).blocks
    assert [(block.text, block.mark.label if block.mark else "") for block in blocks] == [
        ("5", "'May 5'!A1:A1"),
        ("[comment on A1] ask Ann", "'May 5'!A1"),
        ("[comment on B2] paid?", "'May 5'!B2"),
    ]


def test_a_cell_over_several_rows_moves_no_other_into_its_column() -> None:
    page = (
        b"<table><tr><th>Who<th>What<th>Cost<tr><td rowspan=3>Ann<td>Rent<td>5<tr><td>Gas<td>6"
        b"<tr><td colspan=2 rowspan=2>both<tr><td>Bob<tr><td>Eve<td>Tax<td>7</table>"
    )
    (block,) = read_html(page).blocks
    assert (block.head, block.text.split("\n")) == (
        "Who | What | Cost",
        ["Ann | Rent | 5", " | Gas | 6", " | both", "Bob", "Eve | Tax | 7"],
    )
