"""Nothing in clear: a word from every source is in no byte that is left behind, after use, after kill -9, and after both."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.service.prove import search
from tests.owner import WORD, Owner, kill

pytestmark = pytest.mark.models

PRIVATE = (WORD, "Amselweg", "Lindqvist", "Anna Berger", "ida@example.org", "4915112345678", "lease-pdf")
"""A word of each text, a street, names, an address, a number, and the name of a file."""


def left_behind(owner: Owner) -> dict[str, list[str]]:
    places = (owner.home / "life", owner.home / "log", owner.home / "keys.json", owner.home / "lock")
    kept = [place for place in places if place.is_dir()]
    kept += [owner.places.runtime, owner.folder / "owner", owner.folder / "temporary"]
    found = {word: search.files_with(word, kept) for word in PRIVATE}
    return {word: files for word, files in found.items() if files}


def vectors(owner: Owner) -> list[bytes]:
    """Vectors of the owner's texts as the models give them, as float32 and float16: 16 bytes from the middle."""
    program = (
        "import sys, numpy as np\n"
        "from agent import config\n"
        "from agent.models.embedder import open_embedder\n"
        "from agent.models.library import Library\n"
        "import os\n"
        "found = open_embedder(Library(config.places(os.environ).models), bulk=False).embed(sys.argv[1:], role='passage')\n"
        "print(*(part.tobytes().hex() for v in found for part in (v[100:104], v.astype(np.float16)[100:108])))"
    )
    texts = [f"Meeting\nBring {WORD}.", "The offer"]
    done = subprocess.run(
        [sys.executable, "-c", program, *texts], capture_output=True, text=True, check=True, env=owner.environment
    )
    return [bytes.fromhex(word) for word in done.stdout.split()]


def test_after_index_and_questions_and_a_kill_nothing_is_readable(resident: Owner) -> None:
    with resident.daemon() as process:
        resident.run("search", WORD)
        resident.run("ask", f"What is the password of the cabin {WORD}?", code=None)
        resident.run("ask", "How many steps on 14 March 2026?")
        (resident.life / "Documents" / "late.txt").write_text(f"And a late {WORD}.\n")
        resident.run("index")
        kill(process)
    assert left_behind(resident) == {}  # the index in RAM holds ids and vectors, no word
    resident.run("search", WORD)
    assert not resident.places.runtime.exists()
    assert left_behind(resident) == {}


def test_no_vector_is_readable_on_disk(resident: Owner) -> None:
    resident.run("search", WORD)
    known = vectors(resident)
    assert len(known) == 4
    for file in (resident.home / "life").rglob("*"):
        content = file.read_bytes()
        assert not any(vector in content for vector in known), file


def test_the_search_finds_what_lies_open(resident: Owner) -> None:
    """Proves that the tests above can fail: the same search in the owner's own files finds every word."""
    found = {word for word in PRIVATE if search.files_with(word, [resident.life])}
    assert {WORD, "Amselweg", "ida@example.org", "lease-pdf"} <= found


def test_a_stolen_copy_opens_neither_without_the_secret_nor_with_a_flipped_bit(resident: Owner, tmp_path: Path) -> None:
    (tmp_path / "stolen").mkdir()
    stolen = Owner(tmp_path / "stolen")
    shutil.copytree(resident.home, stolen.home)
    stolen.passphrase.write_text("guess\n")
    assert stolen.run("search", WORD, code=4).out == ""
    store = resident.home / "life" / "store.db"
    content = bytearray(store.read_bytes())
    content[len(content) // 2] ^= 1
    store.write_bytes(content)
    ended = resident.run("search", WORD, code=None)
    if ended.code != 0:  # the flipped page was needed: one clear line, and nothing made up
        assert ended.code == 1
        assert ended.err.count("\n") == 1
    assert "Restore" in resident.run("doctor", code=1).out
