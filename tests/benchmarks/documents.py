"""Speed of documents: readers against their peers, the walk, a renamed folder, and what the worker's isolation costs.

python tests/benchmarks/documents.py                     our readers, and pdfium alone
python tests/benchmarks/documents.py --peers PYTHON      also pypdf and markitdown, as PYTHON (an interpreter that has
                                                         them) runs them on the same files
python tests/benchmarks/documents.py --readers           the readers only
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from textwrap import wrap

import numpy as np
import pypdfium2

from agent.config import SourceConfig
from agent.demo.documents import FORMS, Paper, papers, write
from agent.demo.documents.pdf import pdf_file
from agent.ingest.run import Workshop, run
from agent.ingest.workers.frame import Done
from agent.ingest.workers.worker import Worker
from agent.store.store import Store
from indexers.documents import Documents
from indexers.readers.formats import read_document
from indexers.source import Item

PEERS = """
import io, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from markitdown import MarkItDown
import pypdf
folder, markitdown = Path(sys.argv[1]), MarkItDown()
def pypdf_text(path):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(path.read_bytes())).pages]
def markdown(path):
    return markitdown.convert(str(path))
read = {"pdf": pypdf_text, "docx": markdown, "pptx": markdown}
for form in read:
    read[form](next(folder.glob("*." + form)))
print("ready", flush=True)
for form in map(str.strip, sys.stdin):
    files = sorted(folder.glob("*." + form))
    start = time.process_time()
    for path in files:
        read[form](path)
    print((time.process_time() - start) / len(files), flush=True)
"""
PEER_OF = {"pdf": "pypdf", "docx": "markitdown", "pptx": "markitdown"}


def long_papers(count: int, *, slides: bool = False) -> list[Paper]:
    """Papers of some twenty pages each, full ones, or with as few words as slides have."""
    made = []
    for paper in papers(7, count):
        told = [paragraph for page in paper.pages for paragraph in page.paragraphs]
        full = tuple(" ".join(told[at % len(told) :] + told) for at in range(8))
        pages = tuple(
            replace(page, heading=f"{page.heading} {n}", paragraphs=page.paragraphs if slides else full)
            for n in range(20 // len(paper.pages))
            for page in paper.pages
        )
        made.append(replace(paper, pages=pages))
    return made


def typeset(paper: Paper, chance: Random) -> bytes:
    """A PDF as typesetters write it: compressed, each line in fragments of a few letters with kerning between them."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(paper.pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(paper.pages), kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(paper.pages):
        drawn = b"BT /F1 9.96 Tf 60 800 Td "
        for line in wrap("\n".join(page.paragraphs), 100):
            letters, pieces = line.encode("cp1252", "replace").translate(None, b"()\\"), b""
            while letters:
                cut = chance.randint(1, 4)
                pieces += b"(%s)%d" % (letters[:cut], chance.randint(-40, 40))
                letters = letters[cut:]
            drawn += b"[%s]TJ 0 -11.955 Td\n" % pieces
        packed = zlib.compress(drawn + b"ET")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed))
    return pdf_file(objects)


def per_file(paths: Sequence[Path], read: Callable[[bytes, str], object], *, seconds: float = 0.0) -> float:
    """Mean CPU seconds of reading one file; all of them once, and again until so much time is spent."""
    start, rounds = time.process_time(), 0
    while not rounds or time.process_time() - start < seconds:
        for path in paths:
            read(path.read_bytes(), path.name)
        rounds += 1
    return (time.process_time() - start) / rounds / len(paths)


def best_of_three(paths: Sequence[Path], read: Callable[[bytes, str], object]) -> float:
    read(paths[0].read_bytes(), paths[0].name)
    return min(per_file(paths, read) for _ in range(3))


def in_turns(mine: Callable[[], float], theirs: Callable[[], float], *, turns: int = 3) -> tuple[float, float, float]:
    """Medians of our figure, of theirs, and of how often ours goes into theirs: by turns, for the machine is not alone."""
    mine()
    rounds = [(mine(), theirs(), mine()) for _ in range(turns)]
    ours_, others = [(a + c) / 2 for a, _, c in rounds], [b for _, b, _ in rounds]
    return median(ours_), median(others), median(b / a for a, b in zip(ours_, others, strict=True))


def against_peers(python: Path, folder: Path) -> Iterator[str]:
    """How readers of others do on the same files, as another interpreter runs them."""
    with subprocess.Popen(
        [python, "-c", PEERS, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peers:
        assert peers.stdin is not None
        assert peers.stdout is not None
        assert peers.stdout.readline() == "ready\n"

        def theirs(form: str) -> float:
            print(form, file=peers.stdin, flush=True)
            return float(peers.stdout.readline())  # type: ignore[union-attr]  # seen above

        for form, name in PEER_OF.items():
            paths = sorted(folder.glob(f"*.{form}"))
            mine, other, ratio = in_turns(partial(per_file, paths, ours, seconds=1.0), partial(theirs, form))
            yield f"{name + ' ' + form:20} {1000 * other:9.2f} ms CPU a file, ours {1000 * mine:.2f}: {ratio:.1f} x as fast"
        peers.stdin.close()


def pdfium_alone(data: bytes, _name: str) -> list[str]:
    with pypdfium2.PdfDocument(data) as document:
        return [page.get_textpage().get_text_range() for page in document]


def ours(data: bytes, name: str) -> object:
    return read_document(data, name=name, ocr=None)


def walk_seconds(folder: Path, files: int) -> float:
    """Seconds of a walk of so many unchanged files, none of which is opened."""
    for number in range(files // 100):
        (folder / f"{number // 100}" / f"{number}").mkdir(parents=True)
        for n in range(100):
            (folder / f"{number // 100}" / f"{number}" / f"{n}.txt").write_bytes(b"x")
    (folder / ".gitignore").write_text("*.log\n/tmp/\n!keep.log\n")
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    start = time.perf_counter()
    found = sum(isinstance(entry, Item) for entry in Documents(name="walk", path=folder, options={}).scan())
    seconds = time.perf_counter() - start
    assert found == files
    assert not [path for path in opened if path.endswith(".txt")]
    return seconds


def rename_seconds(folder: Path, files: int) -> tuple[float, float, float, int]:
    """Seconds of the first pass over so many files, of one that finds nothing new, and of one after their folder was
    renamed; and how many texts that one would embed."""
    for number in range(files):
        place = folder / "before" / f"{number // 100}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_text(f"Note {number}\n\nThe lamp of room {number * 7} was mended in May.\n")
    store = Store.in_memory()
    shop = Workshop(store=store, model="benchmark", count=lambda text: len(text.split()), zone=UTC)
    source = SourceConfig(name="notes", kind="documents", path=folder)
    seconds = []
    for moved in (0, 0, files):
        if moved:
            (folder / "before").rename(folder / "after")
        start = time.perf_counter()
        report = run(source, shop, progress=lambda _: None)
        seconds.append(time.perf_counter() - start)
        assert report.moved == moved
        while waiting := store.embeddings.pending(limit=1_000):
            assert not moved, "a rename embeds nothing"
            store.embeddings.add("benchmark", [(block, np.ones(8, np.float32)) for block in waiting])
    waits = store.embeddings.waiting()
    store.close()
    return seconds[0], seconds[1], seconds[2], waits


HERE = """
import sys
from pathlib import Path
from indexers.documents import Documents
from indexers.source import Item
source = Documents(name="papers", path=Path(sys.argv[1]), options={})
print(sum(1 for item in source.scan() if isinstance(item, Item) for _ in source.read(item)))
"""


def isolation(folder: Path) -> tuple[float, float]:
    """CPU seconds, of all processes, of reading a folder in a fresh process of its own without lock or pipe, and through
    a fresh locked worker; the best of seven rounds each, in turn."""

    def spent() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def here() -> int:
        done = subprocess.run([sys.executable, "-I", "-c", HERE, folder], capture_output=True, check=True, text=True)
        return int(done.stdout)

    def there() -> int:
        with Worker(SourceConfig(name="papers", kind="documents", path=folder)) as worker:
            items = [item for item in worker.scan() if isinstance(item, Item)]
            return sum(not isinstance(sent, Done) for _, sent in worker.read(items))

    taken: dict[Callable[[], int], list[float]] = {here: [], there: []}
    for _ in range(7):
        for read, rounds in taken.items():
            start = spent()
            assert read() > 1_000
            rounds.append(spent() - start)
    return min(taken[here]), min(taken[there])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peers", type=Path, help="a Python that has pypdf and markitdown[docx,pptx]")
    arguments.add_argument("--readers", action="store_true", help="the readers only")
    arguments.add_argument("--files", type=int, default=100_000, help="files in the walked folder")
    arguments.add_argument("--pdfs", type=Path, help="a folder of PDFs of your own to measure as well")
    given = arguments.parse_args()
    forms = ("pdf", "docx", "pptx", "xlsx", "odt", "epub", "html", "md", "rtf", "eml", "csv", "txt")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = long_papers(8)
        write(folder / "papers", [(paper, form) for paper in made for form in forms if form not in ("pdf", "pptx")])
        write(folder / "papers", [(paper, "pptx") for paper in long_papers(8, slides=True)])
        for paper in made:
            (folder / "papers" / f"{paper.name}.pdf").write_bytes(typeset(paper, Random(paper.name)))
        for own in sorted(given.pdfs.glob("*.pdf")) if given.pdfs else ():
            (folder / "papers" / f"own-{own.name}").write_bytes(own.read_bytes())
        paths = {form: sorted((folder / "papers").glob(f"*.{form}")) for form in forms}
        for form in forms:
            print(f"{form:20} {1000 * best_of_three(paths[form], ours):9.2f} ms CPU a file")
        pdfs = paths["pdf"]
        mine, alone, ratio = in_turns(partial(per_file, pdfs, ours), partial(per_file, pdfs, pdfium_alone), turns=9)
        print(f"{'pdfium alone':20} {1000 * alone:9.2f} ms CPU a file, ours {1000 * mine:.2f}: {ratio:.2f} x as fast")
        for line in against_peers(given.peers, folder / "papers") if given.peers else ():
            print(line)
        if given.readers:
            return
        print(
            f"walk of {given.files:,} unchanged files: {walk_seconds(folder / 'tree', given.files):.2f} s, none opened"
        )
        first, again, renamed, waits = rename_seconds(folder / "notes", given.files // 10)
        print(
            f"{given.files // 10:,} files: first pass {first:.1f} s, nothing new {again:.1f} s, "
            f"their folder renamed {renamed:.1f} s, {waits} texts to embed"
        )
        full = [
            replace(paper, pages=tuple(replace(page, paragraphs=page.paragraphs * 3) for page in paper.pages * 2))
            for paper in papers(9, 84)
        ]
        write(folder / "thousand", [(paper, form) for paper in full for form in FORMS])
        inside, through = isolation(folder / "thousand")
        print(
            f"1,008 files in-process {inside:.2f} s CPU, through the worker {through:.2f} s CPU ({through / inside - 1:+.0%})"
        )


if __name__ == "__main__":
    main()
