"""Pictures of text through the real engine in the real worker: its lock lets the engine run, and nothing else through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from agent.answer.citations import cite
from agent.answer.whereabouts import whereabouts
from agent.config import SourceConfig
from agent.ingest.run import Workshop, run
from agent.ingest.workers.worker import Worker
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from indexers.documents import Documents
from indexers.readers.block import Reading, Unreadable
from indexers.readers.engines.ocr import OcrEngine, Tesseract, find_engine, mark_of
from indexers.readers.engines.picture import count_pages, grey
from indexers.readers.formats import read_document
from indexers.readers.pdf import read_pdf
from indexers.readers.sections import sections
from indexers.record import Section, Skipped
from indexers.source import Item
from tests.scans import SCANNED, engine, half_scanned, picture, png


def through_the_worker(folder: Path) -> Iterator[tuple[str, Section | Skipped]]:
    with Worker(SourceConfig(name="scans", kind="documents", path=folder)) as worker:
        items = [item for item in worker.scan() if isinstance(item, Item)]
        for item, sent in worker.read(items):
            if isinstance(sent, Section | Skipped):
                yield item.id.rpartition("/")[2], sent


@engine
def test_a_picture_and_a_scanned_page_are_read_in_the_locked_worker(tmp_path: Path) -> None:
    seen = picture(SCANNED)
    (tmp_path / "photo.png").write_bytes(png(*seen))
    (tmp_path / "scan.pdf").write_bytes(half_scanned(*seen))
    found = list(through_the_worker(tmp_path))
    assert not [sent for _, sent in found if isinstance(sent, Skipped)]
    photo, letter, scan = [sent for _, sent in found if isinstance(sent, Section)]
    assert photo.kind == scan.kind == "ocr"
    assert "premium comes to 418 euros" in photo.text
    assert "premium comes to 418 euros" in scan.text
    assert letter.kind == "prose"
    assert letter.text == "The covering letter is typed."
    assert [(span.kind, span.label) for span in scan.spans] == [("page", "2")]
    assert scan.locator == "#page=2"


@engine
def test_a_citation_says_what_was_read_off_a_picture(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(half_scanned(*picture(SCANNED)))
    store = Store.in_memory()
    shop = Workshop(store=store, model="toy", count=lambda text: len(text.split()), zone=UTC)
    run(SourceConfig(name="scans", kind="documents", path=tmp_path), shop, progress=lambda _: None)
    lookup = Lookup(store)
    cited = [
        cite(1, lookup.passages([int(lookup.matches(word).chunk[0])], {}, zone=UTC)[0], word)
        for word in ("typed", "premium")
    ]
    assert [citation.read_by for citation in cited] == ["", "ocr"]
    assert whereabouts(cited[0], platform="linux")[0].endswith(", page 1")
    assert whereabouts(cited[1], platform="linux")[0].endswith(", page 2, read by OCR")
    store.close()


@engine
def test_a_picture_that_no_engine_can_read_has_its_outcome(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(png(*picture(SCANNED))[:500])
    (tmp_path / "blank.png").write_bytes(png(80, 80, b"\xff" * 6_400))
    (tmp_path / "phone.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(900))
    found = dict(through_the_worker(tmp_path))
    outcomes = {name: sent.outcome for name, sent in found.items() if isinstance(sent, Skipped)}
    assert outcomes == {"broken.png": "malformed", "blank.png": "empty", "phone.heic": "needs_ocr"}


def test_without_an_engine_each_picture_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexers.readers.engines.ocr.find_spec", lambda _: None)
    monkeypatch.setattr("indexers.readers.engines.ocr.shutil.which", lambda *_, **__: None)
    (tmp_path / "photo.png").write_bytes(png(*picture(SCANNED)))
    (tmp_path / "scan.pdf").write_bytes(half_scanned(*picture(SCANNED)))
    source = Documents(name="scans", path=tmp_path, options={})
    found = [sent for item in source.scan() if isinstance(item, Item) for sent in source.read(item)]
    photo, letter, scan = found
    assert isinstance(photo, Skipped)
    assert isinstance(letter, Section)
    assert isinstance(scan, Skipped)
    assert (photo.outcome, scan.outcome) == ("needs_ocr", "needs_ocr")
    assert "install tesseract" in photo.why
    assert "1 of its 2 pages (2)" in scan.why


@engine
def test_recognition_of_a_long_scan_ends_in_time_and_says_which_pages_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexers.readers.engines.ocr.ONLY_SECONDS", 0.01)
    reading = read_pdf(half_scanned(*picture(SCANNED), scans=3), ocr=find_engine())
    assert [block.kind for block in reading.blocks] == ["prose", "ocr", "prose", "prose"]
    (loss,) = reading.losses
    assert (loss.outcome, loss.count) == ("needs_ocr", 2)
    assert "(3, 4)" in loss.why


@engine
def test_a_scan_with_a_stamp_typed_on_it_is_read_and_keeps_its_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the scanners in telephones make them: a text layer of a few words over each page's picture."""
    scan = half_scanned(*picture(SCANNED))
    assert b"/I Do Q" in scan
    drawn, stamp = b"q 595 0 0 842 0 0 cm /I Do Q", b" BT /F 9 Tf 60 20 Td (Scanned by ZzCam) Tj ET"
    stream = b"<< /Length %d >>\nstream\n%s"
    stamped = scan.replace(stream % (len(drawn), drawn), stream % (len(drawn + stamp), drawn + stamp))
    stamped = stamped.replace(b"/XObject << /I 6 0 R >>", b"/XObject << /I 6 0 R >> /Font << /F 5 0 R >>")
    reading = read_pdf(stamped, ocr=find_engine(), after=0)
    typed, scanned = [block for block in reading.blocks if block.kind != "form"]
    assert (typed.kind, scanned.kind, reading.losses) == ("prose", "ocr", ())
    assert "premium comes to 418 euros" in scanned.text
    assert "Scanned by ZzCam" in " ".join(block.text for block in reading.blocks)
    without = read_pdf(stamped, ocr=None)
    assert [block.text for block in without.blocks] == ["The covering letter is typed.", "Scanned by ZzCam"]
    assert without.losses == ()
    monkeypatch.setattr("indexers.readers.engines.ocr.Tesseract.recognise", lambda *_: "")
    assert read_pdf(stamped, ocr=find_engine(), after=0).losses == ()


@engine
@pytest.mark.parametrize("form", ["pdf", "tif"])
def test_turns_read_each_page_once_and_together_what_one_long_turn_reads(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = half_scanned(*picture(SCANNED), scans=3) if form == "pdf" else tiff(*picture(SCANNED), pages=4)
    found = find_engine()
    assert found is not None
    counted = Counted(found)

    def read(after: int | None) -> Reading:
        return read_document(data, name=f"scan.{form}", ocr=counted, after=after)

    def told(reading: Reading) -> list[tuple[str, str]]:
        return [(one.id, one.text) for one in sections(reading, name="scan", modified_at=None)]

    whole = told(read(0))
    pages = counted.pictures
    monkeypatch.setattr("indexers.readers.engines.ocr.TURN_SECONDS", 0.01)
    counted.pictures = 0
    pieces, reached = [], [0]
    while len(reached) < 9:
        reading = read(reached[-1])
        pieces += told(reading)
        left = [loss for loss in reading.losses if loss.outcome == "unfinished"]
        if not left:
            break
        assert f"up to page {left[0].reached} of 4" in left[0].why
        reached.append(int(left[0].reached))
    assert pieces == whole
    assert counted.pictures == pages
    assert reached == ([0, 2, 3] if form == "pdf" else [0, 1, 2, 3])


class Counted:
    """An engine that counts what it is shown."""

    def __init__(self, engine: OcrEngine) -> None:
        self._engine = engine
        self.pictures = 0

    def recognise(self, picture: bytes) -> str:
        self.pictures += 1
        return self._engine.recognise(picture)


def tiff(width: int, height: int, grey: bytes, *, pages: int) -> bytes:
    page = Image.frombytes("L", (width, height), grey)
    out = BytesIO()
    page.save(out, "TIFF", save_all=True, append_images=[page] * (pages - 1), compression="tiff_deflate")
    return out.getvalue()


@engine
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_as_its_camera_was_held(orientation: int) -> None:
    """EXIF (CIPA DC-008), tag 0x0112: the picture is stored turned or mirrored, and shown upright."""
    upright = Image.frombytes("L", picture(SCANNED)[:2], picture(SCANNED)[2]).crop((0, 0, 1240, 500))
    stored = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    for turn in stored.get(orientation, []):
        upright = upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = BytesIO()
    upright.save(out, "JPEG", exif=exif)
    reading = read_document(out.getvalue(), name="photo.jpg", ocr=find_engine())
    assert "premium comes to 418 euros" in reading.blocks[0].text


@engine
@pytest.mark.parametrize("kind", ["transparent", "deep", "webp", "gif", "bmp", "avif", "huge"])
def test_pictures_of_every_kind(kind: str) -> None:
    page = Image.frombytes("L", picture(SCANNED)[:2], picture(SCANNED)[2]).crop((0, 0, 1240, 500))
    out = BytesIO()
    match kind:
        case "transparent":  # black letters on nothing
            ink = Image.new("RGBA", page.size, (0, 0, 0, 0))
            ink.putalpha(page.point(lambda level: 255 - level))
            ink.save(out, "PNG")
        case "deep":
            Image.fromarray(np.asarray(page).astype(np.uint16) * 257).save(out, "PNG")
        case "huge":
            page.resize((6_200, 2_500)).save(out, "JPEG")
        case _:
            page.save(out, kind)
    reading = read_document(out.getvalue(), name=f"photo.{kind}", ocr=find_engine())
    assert "premium comes to 418 euros" in reading.blocks[0].text


def test_a_picture_is_made_no_larger_than_can_be_read_in_time() -> None:
    out = BytesIO()
    Image.new("L", (8_000, 4_000), 255).save(out, "PNG")
    width, height = map(int, grey(out.getvalue())[:20].split()[1:3])
    assert width == 2 * height
    assert 10_000_000 < width * height <= 12_000_000
    out = BytesIO()
    Image.new("1", (12_000, 11_000), 1).save(out, "PNG")
    with pytest.raises(Unreadable, match="120 million points") as raised:
        grey(out.getvalue())
    assert raised.value.outcome == "too_large"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "AVIF"])
def test_damaged_pictures_are_malformed_whatever_their_decoder_says(kind: str) -> None:
    rng = Random(kind)
    out = BytesIO()
    Image.frombytes("L", picture(SCANNED)[:2], picture(SCANNED)[2]).resize((120, 160)).save(out, kind)
    for _ in range(60):
        damaged = bytearray(out.getvalue())
        if rng.random() < 0.3:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            for at in rng.choices(range(min(len(damaged), 400)), k=6):
                damaged[at] = rng.randrange(256)
        for page in range(count_pages(bytes(damaged))):
            try:
                assert grey(bytes(damaged), page).startswith(b"P5 ")
            except Unreadable as error:
                assert error.outcome in ("malformed", "too_large")


def test_pictures_are_read_again_once_an_engine_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("photo.png", "scan.PDF", "notes.txt"):
        (tmp_path / name).write_bytes(b"anything")
    seen: list[dict[str, tuple[str, str]]] = []
    for found in (None, object()):
        monkeypatch.setattr("indexers.documents.source.find_engine", lambda found=found: found)
        source = Documents(name="scans", path=tmp_path, options={})
        items = [item for item in source.scan() if isinstance(item, Item)]
        seen.append({item.id.rpartition("/")[2]: (item.fingerprint, item.identity) for item in items})
    before, after = seen
    assert {name for name in before if before[name][0] != after[name][0]} == {"photo.png", "scan.PDF"}
    assert all(before[name][1] == after[name][1] for name in before)


@pytest.mark.parametrize(
    ("installed", "used"),
    [
        ("eng osd", "eng"),
        ("deu eng equ osd", "eng+deu"),
        ("deu fra script/Latin", "deu+fra+script/Latin"),
        (" ".join(f"l{n:02d}" for n in range(160)), ""),
        ("", ""),
    ],
)
def test_the_few_languages_that_are_installed_are_read(installed: str, used: str, tmp_path: Path) -> None:
    program = tmp_path / "tesseract"
    listed = "\n".join(["List of available languages:", *installed.split()])
    program.write_text(
        f"#!/bin/sh\nif [ $1 = --list-langs ]; then echo '{listed}'; else echo said $*; cat > /dev/null; fi\n"
    )
    program.chmod(0o755)
    engine = Tesseract(str(program))
    assert engine.languages == used
    assert engine.recognise(b"picture") == "said stdin stdout --psm 3" + (f" -l {used}" if used else "")
    assert mark_of(engine) == (":ocr" if used in ("", "eng") else f":ocr:{used}")
    assert mark_of(None) == ""
