"""Hostile files from seeds: each has its outcome, none costs another, and nothing of them is repeated in a reason."""

from __future__ import annotations

import os
import socket
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from agent.config import SourceConfig
from agent.demo.documents import FORMS, papers, render, write
from agent.demo.documents.office import zipped
from agent.demo.documents.pdf import pdf_file
from agent.ingest.run import Workshop, run
from agent.store.store import Store
from indexers.documents import Documents
from indexers.documents import source as source_module
from indexers.readers.containers.archive import MAX_MEMBERS
from indexers.record import Outcome, Section, Skipped
from indexers.source import Item

CANARY = "zyxcanary"
SEEDS_SMALL = 25
SEEDS_LARGE = 829


def damaged(form: str, seed: int) -> bytes:
    """One file of a form, truncated, with flipped bits, overwritten in the middle, doubled or random."""
    chance = Random(f"{form} {seed}")
    data = bytearray(render(next(papers(seed, 1)), form))
    match seed % 5:
        case 0:
            return bytes(data[: chance.randrange(1, len(data))])
        case 1:
            for _ in range(chance.randint(1, 60)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 2:
            start = chance.randrange(len(data))
            data[start : start + chance.randrange(1, 400)] = chance.randbytes(chance.randrange(1, 400))
        case 3:
            at = chance.randrange(len(data))
            data[at:at] = data[chance.randrange(len(data)) :]
        case _:
            return bytes(data[:8]) + chance.randbytes(chance.randrange(1, 3000))
    return bytes(data)


def nested_xml(tag: str, depth: int) -> str:
    return f"<{tag}>" * depth + CANARY + f"</{tag}>" * depth


def word(body: str, before: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return zipped({"word/document.xml": f'{before}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'})


def laughs(body: str = "&h;") -> str:
    entities = "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(7))
    return f'<!DOCTYPE x [<!ENTITY a "{CANARY}">{entities}]>'


def sheet(cells: str) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    link = f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
    return zipped(
        {
            "xl/workbook.xml": f'<workbook xmlns="{space}" xmlns:r="{office}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{link}</Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{space}"><sheetData>{cells}</sheetData></worksheet>',
        }
    )


def ods(rows: str) -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    sheet = f'<office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet>'
    body = f"<office:body>{sheet}</office:body>"
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content {spaces}>{body}</office:document-content>",
        }
    )


def pdf_with(*objects: bytes) -> bytes:
    return pdf_file([b"<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>", *objects])


CRAFTED: dict[str, Callable[[], bytes]] = {
    "bomb.docx": lambda: zipped({"word/document.xml": b" " * 60_000_000}),
    "bomb-below-the-ratio.docx": lambda: zipped({"word/document.xml": os.urandom(300_000) + b" " * 49_000_000}),
    "bomb.xlsx": lambda: zipped({"xl/workbook.xml": b"<x/>", "xl/media.bin": b"\0" * 40_000_000}),
    "members.docx": lambda: zipped({"word/document.xml": "<x/>", **{f"{n}": b"" for n in range(MAX_MEMBERS)}}),
    "zip-in-zip.docx": lambda: zipped({"word/document.xml": zipped({"word/document.xml": "<x/>"})}),
    "laughs.docx": lambda: word("&h;", laughs()),
    "one-entity.docx": lambda: word("&a;", f'<!DOCTYPE x [<!ENTITY a "{CANARY}">]>'),
    "external.docx": lambda: word("&a;", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'),
    "deep.docx": lambda: word(nested_xml("w:p", 5_000)),
    "tables.docx": lambda: word(nested_xml("w:tbl", 80).replace("w:tbl>", "w:tbl><w:tr><w:tc>", 1)),
    "laughs.odt": lambda: zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": laughs() + "<x>&h;</x>"}
    ),
    "corner.xlsx": lambda: sheet(
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    ),
    "unplaced.xlsx": lambda: sheet(
        '<row r="1">' + "<c><v>1</v></c>" * 9_000 + '</row><row r="1048576"><c><v>1</v></c></row>'
    ),
    "prefixed.xlsx": lambda: sheet('<row r="1"><c r = \'A1\'><v>1</v></c><c s="1" r="XFD900000"><v>1</v></c></row>'),
    "repeated.ods": lambda: ods(
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384">'
        f"<text:p>{CANARY}</text:p></table:table-cell></table:table-row>"
    ),
    "wide.ods": lambda: ods(
        '<table:table-row><table:table-cell table:number-columns-repeated="99999999"/><table:table-cell '
        'table:number-columns-repeated="99999999"><text:p>x</text:p></table:table-cell></table:table-row>' * 3
    ),
    "deep.html": lambda: b"<div>" * 200_000 + CANARY.encode(),
    "tables.html": lambda: b"<table><tr><td>" * 3_000 + CANARY.encode(),
    "unclosed.html": lambda: b"<html><!--" + b"x" * 100_000,
    "attributes.html": lambda: b"<p " + b"a=1 " * 100_000 + b">x",
    "deep.json": lambda: b"[" * 200_000,
    "long-number.json": lambda: b"[" + b"9" * 100_000 + b"]",
    "deep.md": lambda: b"> " * 100_000 + b"\n" + b"#" * 100_000 + b"\n" + b"|" * 50_000 + b"\n|-|-|\n" + b"`" * 100_000,
    "line.txt": lambda: b"word " * 400_000,
    "blank.txt": lambda: b" \n" * 1_000,
    "nul.txt": lambda: b"a\0" * 5_000 + b"\0\0\0",
    "quotes.csv": lambda: b'"' + b"x" * 300_000,
    "columns.csv": lambda: b"a,b\n" + b"," * 300_000 + b"\n",
    "groups.rtf": lambda: b"{\\rtf1 " + b"{" * 50_000,
    "unicode.rtf": lambda: b"{\\rtf1 \\u999999999? \\'zz \\bin99999999 x}",
    "headers.eml": lambda: (
        b"From: =?utf-7?b?" + b"A" * 1_000 + b"?=\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 2_000
    ),
    "charset.eml": lambda: b"From: a\nContent-Type: text/plain; charset=idna\n\n" + b"\xff" * 50_000,
    "nested.eml": lambda: b"".join(b"From: a\nContent-Type: message/rfc822\n\n" for _ in range(500)),
    "kids.pdf": lambda: pdf_with(b"<< /Type /Pages /Count 1 /Kids [2 0 R 2 0 R] >>"),
    "count.pdf": lambda: pdf_with(
        b"<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>", b"<< /Type /Page /Parent 2 0 R >>"
    ),
    "outlines.pdf": lambda: pdf_with(
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length 4 >>\nstream\nBT 1\nendstream",
        b"<< /Type /Outlines /First 6 0 R /Last 6 0 R >>",
        b"<< /Title (a) /Parent 5 0 R /Next 6 0 R /First 6 0 R /Dest [3 0 R /Fit] >>",
    ),
    "spine.epub": lambda: zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="../../../etc/passwd"/></container>',
        }
    ),
    "empty.zip": lambda: b"PK\x05\x06" + bytes(18),
    "encrypted.docx": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le"),
    "old.doc": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    "half.xls": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "Workbook".encode("utf-16-le"),
}
REFUSED = {
    "bomb.docx": "too_large",
    "bomb.xlsx": "too_large",
    "members.docx": "too_large",
    "zip-in-zip.docx": "malformed",
    "laughs.docx": "malformed",
    "one-entity.docx": "malformed",
    "external.docx": "malformed",
    "deep.docx": "malformed",
    "laughs.odt": "malformed",
    "corner.xlsx": "too_large",
    "unplaced.xlsx": "too_large",
    "prefixed.xlsx": "too_large",
    "repeated.ods": "too_large",
    "wide.ods": "too_large",
    "deep.html": "malformed",
    "blank.txt": "empty",
    "kids.pdf": "malformed",
    "spine.epub": "malformed",
    "encrypted.docx": "encrypted",
    "old.doc": "unsupported",
    "half.xls": "malformed",
}


def hostile_names() -> Iterator[bytes]:
    yield from (
        b"new\nline.txt",
        b"\x1b[2J.md",
        b"\xff\xfe.pdf",
        b"-rf.csv",
        b"%s%n.html",
        b"..\\..\\x.docx",
        b"a" * 251 + b".txt",
    )


def outcomes(folder: Path) -> dict[str, list[str]]:
    """Read all of a folder; the outcomes of each file by its name."""
    source = Documents(name="hostile", path=folder, options={"hidden": True})
    found: dict[str, list[str]] = {}
    for item in source.scan():
        assert isinstance(item, Item)
        records = list(source.read(item))
        assert records, f"{item.id} has no outcome"
        for record in records:
            if isinstance(record, Skipped):
                assert record.where == item.id
                assert CANARY not in record.why
                assert record.why.isprintable()
            else:
                assert isinstance(record, Section)
                record.text.encode()
                assert "\x00" not in record.text
                assert all(0 <= span.start <= span.end <= len(record.text) for span in record.spans)
        found[item.id.rpartition("/")[2]] = [r.outcome if isinstance(r, Skipped) else "ok" for r in records]
    return found


@pytest.fixture(autouse=True)
def no_surprises(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine for pictures, so that outcomes are the same on every machine."""
    monkeypatch.setattr(source_module, "find_engine", lambda: None)


@pytest.mark.parametrize("form", FORMS)
def test_damaged_files_have_their_outcome(tmp_path: Path, form: str) -> None:
    for seed in range(SEEDS_SMALL):
        (tmp_path / f"{seed}.{form}").write_bytes(damaged(form, seed))
    (tmp_path / f"good.{form}").write_bytes(render(next(papers(1, 1)), form))
    found = outcomes(tmp_path)
    assert len(found) == SEEDS_SMALL + 1
    assert set(found[f"good.{form}"]) == {"ok"}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_have_their_outcome(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CRAFTED[name]())
    found = outcomes(tmp_path)[name]
    if name in REFUSED:
        assert found == [REFUSED[name]]


@pytest.mark.parametrize("form", FORMS)
def test_random_bytes_by_any_name_give_exactly_one_skipped(tmp_path: Path, form: str) -> None:
    (tmp_path / f"noise.{form}").write_bytes(Random(form).randbytes(5_000))
    assert outcomes(tmp_path)[f"noise.{form}"] == ["malformed"]


def test_hostile_names_cost_nothing(tmp_path: Path) -> None:
    for name in hostile_names():
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"plain words of a file")
    found = outcomes(tmp_path)
    assert len(found) == len(list(hostile_names()))
    assert sum(result == ["ok"] for result in found.values()) == 5  # the others say they are what text is not


def special_files(folder: Path) -> Iterator[Path]:
    """What is no regular file, or is one of a size that nobody reads: pipe, socket, devices, 4 GB of holes, nothing."""
    pipe, socket_file, sparse, empty = (folder / name for name in ("pipe.pdf", "sock.docx", "sparse.csv", "empty.odt"))
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_file))
    with sparse.open("wb") as file:
        file.truncate(4 << 30)
    empty.touch()
    yield from (pipe, socket_file, sparse, empty)
    for name, numbers in (("zero.txt", (1, 5)), ("random.html", (1, 9)), ("tty.md", (5, 0))):
        with suppress(PermissionError):  # only root makes devices
            os.mknod(folder / name, 0o644 | stat.S_IFCHR, os.makedev(*numbers))
            yield folder / name


def hostile_folder(folder: Path, seeds: int) -> int:
    """Every kind of hostile file that this module knows, below one folder; returns how many there are."""
    for form in FORMS:
        for seed in range(seeds):
            place = folder / form / f"{seed // 200}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{seed}.{form}").write_bytes(damaged(form, seed))
    (folder / "crafted").mkdir()
    for name, make in CRAFTED.items():
        (folder / "crafted" / name).write_bytes(make())
    for odd in hostile_names():
        Path(os.fsdecode(os.fsencode(folder) + b"/" + odd)).write_bytes(b"plain words of a file")
    return len(FORMS) * seeds + len(CRAFTED) + len(list(hostile_names())) + len(list(special_files(folder)))


def memory() -> int:
    """Bytes that this process holds in memory now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to see this process's memory")
@pytest.mark.parametrize(
    "seeds",
    [pytest.param(SEEDS_SMALL // 5, id="small"), pytest.param(SEEDS_LARGE, id="large", marks=pytest.mark.large)],
)
@pytest.mark.timeout(3_600)
def test_a_hostile_folder_passes_through_the_worker_and_leaves_the_daemon_as_it_was(tmp_path: Path, seeds: int) -> None:
    good = tmp_path / "0-good"
    write(good, [(next(papers(77, 1)), form) for form in FORMS])
    files = hostile_folder(tmp_path / "1-hostile", seeds)
    (tmp_path / "2-last.md").write_text("The last file is read, whatever came before it.")
    store = Store.in_memory()
    shop = Workshop(store=store, model="toy", count=lambda text: len(text.split()), zone=UTC)
    run(SourceConfig(name="good", kind="documents", path=good), shop, progress=lambda _: None)
    before = memory()
    source = SourceConfig(name="hostile", kind="documents", path=tmp_path, options={"hidden": True})
    report = run(source, shop, progress=lambda _: None)
    grown = memory() - before - len(store.database.connection().serialize("main"))
    assert report.problem == ""
    assert report.items == files + len(FORMS) + 1, "every file has an item"
    number = store.source_ids()["hostile"]
    told = store.database.rows(
        "SELECT count(*), sum(holder IS NOT NULL OR EXISTS(SELECT 1 FROM chunk WHERE chunk.item = item.id)"
        " OR EXISTS(SELECT 1 FROM skipped WHERE skipped.item = item.id))"
        " FROM item WHERE source = ? AND live = 1",
        (number,),
    )
    assert told == [(report.items, report.items)], "every item has text or says why not"
    assert grown < 150 << 20, f"the daemon's process grew by {grown >> 20} MB"
    assert all(skip.why.isprintable() and CANARY not in skip.why for skip in report.skipped)
    outcomes = Counter(skip.outcome for skip in report.skipped)
    assert set(outcomes) <= set(get_args(Outcome))
    crashed = [skip.where for skip in report.skipped if "crashed" in skip.why]
    assert not crashed, "no reader crashed its worker"
    assert store.database.value("SELECT count(*) FROM chunk WHERE text LIKE 'The last file is read%'") == 1
    again = run(source, shop, progress=lambda _: None)
    assert (again.items, again.unchanged) == (0, report.items), "a bad file is not tried again until it changes"
    store.close()
