"""HTML as its reader sees it, EPUB, saved e-mail."""

from __future__ import annotations

import pytest

from agent.demo.documents.office import zipped
from indexers.readers.block import Block, Unreadable
from indexers.readers.containers.archive import Archive
from indexers.readers.mail import read_mail
from indexers.readers.web import read_epub, read_html


def told(html: str) -> list[tuple[str, tuple[str, ...], str]]:
    return [(block.kind, block.headings, block.text) for block in read_html(html.encode()).blocks]


def test_html_golden() -> None:
    html = """<!DOCTYPE html><html><head><title> The
      house </title><meta name=author content="Mara">
      <meta property="article:modified_time" content="2024-01-02T03:04:05Z">
      <style>p{}</style></head><body><nav>Menu</nav><h1 id=top>House</h1><p>First&nbsp;<b>bold</b>
      words<br>second line</p><ul><li>one<li><p>two</p></ul><h2>Costs</h2>
      <table><caption>2024</caption><tr><th>Item<th>Price</tr><tr><td>Rent<td>871</tr></table>
      <pre>a  b
  c</pre><p hidden>no</p><p style="display: none">no</p><script>no()</script><p>last</p>tail</body></html>"""
    reading = read_html(html.encode())
    assert (reading.title, reading.author, str(reading.modified_at)) == (
        "The house",
        "Mara",
        "2024-01-02 03:04:05+00:00",
    )
    assert told(html) == [
        ("heading", ("House",), "House"),
        ("prose", ("House",), "First\u00a0bold words\nsecond line"),
        ("prose", ("House",), "- one"),
        ("prose", ("House",), "- two"),
        ("heading", ("House", "Costs"), "Costs"),
        ("prose", ("House", "Costs"), "2024"),
        ("table", ("House", "Costs"), "Rent | 871"),
        ("code", ("House", "Costs"), "a  b\n  c"),
        ("prose", ("House", "Costs"), "last"),
        ("prose", ("House", "Costs"), "tail"),
    ]
    assert reading.blocks[0].anchor == "top"


def test_wide_cells_keep_their_columns() -> None:
    html = "<table><tr><th>A<th colspan=2>B<th>C</tr><tr><td>1<td>2<td>3<td>4</tr></table>"
    (block,) = read_html(html.encode()).blocks
    assert (block.head, block.text) == ("A | B |  | C", "1 | 2 | 3 | 4")


def test_tables_that_lay_out_a_page_are_paragraphs() -> None:
    inner = "<table><tr><td>inner a</td><td>inner b</td></tr></table>"
    html = f"<table><tr><td>left</td><td>{inner}{'long ' * 100}</td></tr></table>"
    assert told(html)[0] == ("prose", (), "left")
    ((_, _, text),) = told(html)[1:]
    assert text.startswith("inner a\ninner b\nlong long")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'<meta charset="windows-1252"><p>Z\xfcrich', "Zürich"),
        ('<meta http-equiv=content-type content="text/html; charset=koi8-r"><p>Дом'.encode("koi8-r"), "Дом"),
        ("<p>Zürich".encode(), "Zürich"),
        ("<p>Zürich".encode("utf-16"), "Zürich"),
        (b'<meta charset="nonsense"><p>plain', "plain"),
    ],
)
def test_the_declared_encoding_counts(data: bytes, expected: str) -> None:
    assert [block.text for block in read_html(data).blocks] == [expected]


def book(**more: str | bytes) -> Archive:
    container = '<container><rootfiles><rootfile full-path="O/b.opf"/></rootfiles></container>'
    package = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Tales</dc:title>'
        "<dc:creator>A. Author</dc:creator><dc:date>2020</dc:date>"
        '<manifest><item id="a" href="a%20b.xhtml"/><item id="c" href="gone.xhtml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="c"/></spine></package>'
    )
    return Archive(zipped({"META-INF/container.xml": container, "O/b.opf": package, **more}))


def test_a_book_is_read_by_its_spine_and_tells_what_is_missing() -> None:
    reading = read_epub(
        book(**{"O/a b.xhtml": "<html><head><title>One</title></head><body><p>Once.</p></body></html>"})
    )
    (block,) = reading.blocks
    assert block.mark is not None
    assert (block.text, block.mark.label, block.anchor, block.headings) == ("Once.", "One", "chapter=1", ("One",))
    assert (reading.title, reading.author) == ("Tales", "A. Author")
    assert [(loss.outcome, loss.count) for loss in reading.losses] == [("malformed", 1)]


def test_a_protected_book_is_said() -> None:
    with pytest.raises(Unreadable, match="protected"):
        read_epub(book(**{"META-INF/encryption.xml": "<x/>", "META-INF/rights.xml": "<x/>"}))


def mail_texts(data: bytes) -> list[Block]:
    return list(read_mail(data).blocks)


def test_mail_golden() -> None:
    data = (
        b"From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nTo: m@example.org\r\nSubject: =?iso-8859-1?q?Schl=FCssel?=\r\n"
        b"Date: Mon, 4 Mar 2024 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html; charset=windows-1252\r\n\r\n<h1>Keys</h1><p>Z\xfcrich</p>\r\n"
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\nx\r\n--b--\r\n"
    )
    reading = read_mail(data)
    assert (reading.title, reading.author) == ("Schlüssel", "Jörg <j@example.org>")
    assert str(reading.modified_at) == "2024-03-04 09:00:00+00:00"
    head, *body = reading.blocks
    assert head.text.splitlines()[-1] == "Attachments: plan.pdf"
    assert [(block.kind, block.text) for block in body] == [("heading", "Keys"), ("prose", "Zürich")]


def test_no_headers_are_no_mail() -> None:
    with pytest.raises(Unreadable, match="headers"):
        read_mail(b"\n\njust words\n")
