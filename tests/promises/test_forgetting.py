"""Forgetting is real: what was deleted, or forgotten by hand, is gone from every place that could keep it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys

import pytest

from tests.owner import WORD, Owner

pytestmark = pytest.mark.models

LOOK = """
import json, os, sys
from agent import offline
offline.lock()
from agent import config
from agent.door import Home
from agent.homebody import Homebody
from agent.store import keys
places = config.places(os.environ)
home = Home(places)
home.claim()
opened = Homebody(home, home.unlock(passphrase=keys.passphrase_from_file(os.environ["HOMEBODY_PASSPHRASE_FILE"])))
word = sys.argv[1].encode()
image = bytes(opened.store.database.connection().serialize("main"))
index = opened.index_of_vectors()
print(json.dumps({
    "bytes": sum(image.lower().count(form) for form in (word, word.decode().encode("utf-16-le"))),
    "chunks": opened.store.database.value("SELECT count(*) FROM chunk WHERE text LIKE ?", (f"%{sys.argv[1]}%",)),
    "vectors": opened.store.embeddings.count(), "indexed": index.count(),
}))
opened.close()
"""


def inside(owner: Owner, word: str) -> dict[str, int]:
    """What the opened store itself still holds of a word, page by page, free pages included; and the vectors."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, word], capture_output=True, text=True, check=False, env=owner.environment
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {name: int(count) for name, count in found.items()}


def _triggers(chats: sqlite3.Connection) -> str:
    return " ".join(sql for (sql,) in chats.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'"))


def test_what_is_there_is_seen(resident: Owner) -> None:
    held = inside(resident, WORD)
    assert held["bytes"] > 0
    assert held["chunks"] > 0
    assert held["vectors"] == held["indexed"] > 0


def test_a_deleted_file_and_message_are_gone_after_the_next_pass(resident: Owner) -> None:
    unique = "okapi77"
    note = resident.life / "Documents" / "note.txt"
    note.write_text(f"The {unique} sleeps in the attic.\n")
    resident.run("index")
    before = inside(resident, unique)
    assert before["bytes"] > 0
    note.unlink()
    with sqlite3.connect(resident.life / "Messages" / "chat.db") as chats:
        for name in re.findall(r"\b(?:before|after|delete)_\w+(?=\s*\()", _triggers(chats)):
            chats.create_function(name, -1, lambda *_: None)  # Messages' own, called by its triggers
        chats.execute("DELETE FROM message WHERE ROWID = (SELECT max(ROWID) FROM message)")
    chats.close()
    report = resident.json("index", "--json")["sources"]
    assert isinstance(report, list)
    assert {one["name"]: one["forgotten"] for one in report if one["forgotten"]} == {"documents": 1}
    after = inside(resident, unique)
    assert (after["bytes"], after["chunks"]) == (0, 0)
    assert after["vectors"] == after["indexed"] < before["vectors"]
    assert inside(resident, "dentist moved")["chunks"] == 0
    assert unique not in resident.run("search", "--json", unique, code=None).out.partition('"hits"')[2]


def test_forgetting_a_source_leaves_a_receipt_and_nothing_else(resident: Owner) -> None:
    receipt = resident.json("forget", "telegram", "--yes", "--json")
    assert receipt["forgot"] == "telegram"
    assert receipt["items"] == 1
    assert receipt["chunks"] == 2
    left = receipt["left"]
    assert isinstance(left, dict)
    assert left
    assert not any(left.values())
    held = inside(resident, "spare key")
    assert (held["bytes"], held["chunks"]) == (0, 0)
    assert held["vectors"] == held["indexed"]
    resident.run("index")  # it is paused: nothing comes back
    assert inside(resident, "spare key")["bytes"] == 0
    assert resident.run("forget", "telegram", "--yes", code=3).err


def test_one_hit_is_forgotten_for_good_though_its_source_has_it_still(resident: Owner) -> None:
    hits = resident.json("search", "--json", "blue tent on Sunday")["hits"]
    assert isinstance(hits, list)
    assert "blue tent" in hits[0]["text"]
    receipt = resident.json("forget", "--id", hits[0]["id"], "--yes", "--json")
    assert not any(receipt["left"].values())  # type: ignore[attr-defined]
    resident.run("index")
    held = inside(resident, "blue tent")
    assert (held["bytes"], held["chunks"]) == (0, 0)


def test_removing_a_source_forgets_it_too(resident: Owner) -> None:
    resident.run("sources", "remove", "mail", "--yes")
    assert inside(resident, "our offer has")["bytes"] == 0
    assert "mail" not in json.dumps(resident.json("sources", "--json")["sources"])
