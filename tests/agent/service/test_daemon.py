"""The daemon over its life: watching, locking, ending by signal or by force, and what it leaves behind."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from agent.demo.documents import papers
from agent.demo.documents import write as write_papers
from tests.owner import WORD, Owner, altered, kill, wait_for

pytestmark = pytest.mark.models


def test_a_file_that_is_dropped_is_found_within_seconds_and_one_that_goes_is_gone(resident: Owner) -> None:
    with resident.daemon():
        wait_for(lambda: "pass items" in resident.log())
        time.sleep(1)
        dropped = resident.life / "Documents" / "note.txt"
        dropped.write_text("The zebra crossing in Weimar is closed until Thursday.\n")
        wait_for(lambda: resident.finds("zebra crossing", "zebra"), seconds=30)
        dropped.unlink()
        wait_for(lambda: not resident.finds("zebra crossing", "zebra"), seconds=30)


def test_a_source_that_is_added_is_watched_at_once(resident: Owner) -> None:
    folder = resident.folder / "more"
    folder.mkdir()
    with resident.daemon():
        resident.run("add", "documents", str(folder), "--name", "more", "--yes")
        resident.run("index", "more")
        (folder / "note.md").write_text("# Boat\n\nThe okapi boat leaves at noon.\n")
        wait_for(lambda: resident.finds("okapi boat", "okapi"), seconds=30)


_ATTENTIVE = altered(
    "from datetime import timedelta",
    "from agent.service import background",
    "background._GROUND = timedelta(seconds=1)",
)


def test_a_volume_that_was_away_is_read_and_watched_once_it_is_there_again(resident: Owner) -> None:
    documents, away = resident.life / "Documents", resident.folder / "in a drawer" / "Documents"
    away.parent.mkdir()
    documents.rename(away)
    with resident.daemon(*_ATTENTIVE):
        wait_for(lambda: "pass items" in resident.log())
        time.sleep(3)
        (away / "note.txt").write_text("The tapir fountain in Weimar runs again.\n")
        away.rename(documents)
        wait_for(lambda: resident.finds("tapir fountain", "tapir"), seconds=30)
        time.sleep(1)
        (documents / "more.txt").write_text("The serval is asleep.\n")
        wait_for(lambda: resident.finds("serval", "serval"), seconds=30)
    hits = resident.json("search", "--json", "-k", "50", WORD)["hits"]
    assert isinstance(hits, list)
    assert "documents" in {hit["source"] for hit in hits}, "what was there before was forgotten meanwhile"


def test_killed_and_started_again_it_wipes_its_memory_and_has_lost_nothing(resident: Owner) -> None:
    before = resident.json("search", "--json", "-k", "50", WORD)
    with resident.daemon() as process:
        resident.run("search", WORD)
        remnant = resident.places.runtime / "index"
        assert remnant.is_dir()
        kill(process)
    (resident.places.runtime / "stray").write_text("left behind")
    assert resident.json("search", "--json", "-k", "50", WORD) == before
    assert not resident.places.runtime.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_seals_the_index_and_wipes_the_memory(resident: Owner, number: signal.Signals) -> None:
    sealed = resident.home / "life" / "index.sealed"
    with resident.daemon() as process:
        resident.run("search", WORD)
        sealed.unlink()
        (resident.life / "Documents" / "late.txt").write_text("A late heron.\n")
        wait_for(lambda: resident.finds("late heron", "heron"), seconds=30)
        process.send_signal(number)
        assert process.wait(60) == 0
    assert sealed.exists()
    assert not resident.places.runtime.exists()
    assert found_alone(resident, "late heron", "heron")


def found_alone(owner: Owner, text: str, word: str) -> bool:
    return word in owner.run("search", "--json", text).out


def test_a_pass_breaks_off_when_the_daemon_is_to_end_and_goes_on_later(resident: Owner) -> None:
    write_papers(resident.life / "Documents", ((paper, "txt") for paper in papers(11, 120)))
    with resident.daemon() as process:
        wait_for(lambda: resident.api("GET", "/status")[1]["indexing"], process)
        assert resident.json("status", "--json")["set_up"] is True  # asked while it indexes
        begun = time.monotonic()
        process.terminate()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 30
    assert not resident.places.runtime.exists()
    report = resident.json("index", "--json", "documents")["sources"]
    assert isinstance(report, list)
    assert report[0]["problem"] == ""
    status = resident.json("status", "--json")["sources"]
    assert isinstance(status, list)
    held = next(source for source in status if source["name"] == "documents")
    assert held["items"] >= 120
    assert held["waiting_for_vectors"] == 0


def test_locked_stays_locked_until_unlock_though_there_is_a_passphrase_file(resident: Owner) -> None:
    with resident.daemon():
        assert resident.run("search", "tent").out
        assert resident.run("lock").out == "Locked.\n"
        for arguments in (
            ["search", "tent"],
            ["ask", "tent?"],
            ["index"],
            ["sources"],
            ["forget", "documents", "--yes"],
        ):
            assert "homebody unlock" in resident.run(*arguments, code=4).err
        assert resident.json("status", "--json")["locked"] is True
        assert resident.run("unlock").out == "Unlocked.\n"
        assert resident.run("search", "tent").out


def test_a_daemon_that_started_locked_looks_around_once_it_is_unlocked(resident: Owner) -> None:
    (resident.life / "Documents" / "note.txt").write_text("A waiting flamingo.\n")
    resident.extra = {"HOMEBODY_PASSPHRASE_FILE": ""}
    with resident.daemon():
        assert resident.run("search", "tent", code=4).err
        resident.run("unlock", HOMEBODY_PASSPHRASE_FILE=str(resident.passphrase))
        wait_for(lambda: resident.finds("waiting flamingo", "flamingo"), seconds=60)


def test_start_and_stop_say_what_they_did(resident: Owner) -> None:
    assert resident.run("daemon", "stop").out == "No daemon is running.\n"
    assert "nothing is unlocked" in resident.run("lock").out
    first = resident.run("daemon", "start").out
    assert "The daemon runs" in first
    assert "running already" in resident.run("daemon", "start").out
    assert "Another homebody process" in resident.run("daemon", "run", code=75).err
    assert resident.json("search", "--json", "tent")["hits"]
    assert "Another homebody" in resident.run("--no-daemon", "search", "tent", code=1).err
    assert resident.run("daemon", "stop").out == "Stopped.\n"
    assert not resident.places.runtime.exists()


def test_the_log_holds_no_word_of_the_owners(resident: Owner) -> None:
    with resident.daemon() as process:
        resident.run("ask", f"Where is {WORD}?", code=None)
        resident.run("search", f"{WORD} Anna Berger")
        (resident.life / "Documents" / f"{WORD}.pdf").write_bytes(b"%PDF-1.4 broken " + WORD.encode())
        resident.run("index")
        resident.run("forget", "mail", "--yes")
        kill(process)
    resident.run("index")
    log = resident.log().casefold()
    assert "pass items" in log
    for private in (WORD, "anna", "berger", "lease", str(resident.folder), "documents", "mail"):
        assert private.casefold() not in log


def test_everything_written_is_the_owners_alone(resident: Owner) -> None:
    with resident.daemon():
        resident.run("search", "tent")
        made = [path for top in (resident.home, resident.places.runtime) for path in (top, *top.rglob("*"))]
        assert {path: oct(path.stat().st_mode) for path in made if path.stat().st_mode & 0o077} == {}
    assert list((resident.folder / "owner").rglob("*")) == []
    assert list((resident.folder / "temporary").rglob("*")) == []


def test_a_source_that_vanished_hides_nothing_else(resident: Owner) -> None:
    vanished = resident.folder / "life" / "mail.mbox"
    vanished.rename(resident.folder / "elsewhere")
    said = resident.json("index", "--json")["sources"]
    assert isinstance(said, list)
    by_name = {report["name"]: report for report in said}
    assert by_name["mail"]["skipped"]
    assert by_name["documents"]["problem"] == ""
    assert Path(resident.home / "life" / "store.db").exists()
