"""The command line's contract with scripts: documents, exit codes, and never a question without a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from agent.demo.documents import papers
from agent.demo.documents import write as write_papers
from tests.owner import PROGRAM, WORD, Owner

pytestmark = pytest.mark.models

READ_AS = {"words", "people", "times", "kinds", "sources"}
HIT = {"id", "score", "source", "kind", "title", "people", "when", "locator", "text"}
CITATION = {"n", "source", "kind", "title", "people", "when", "locator", "quote", "id", "also", "read_by"}
ANSWER = {"question", "found", "answer", "route", "read_as", "values", "citations"}


def rows(document: dict[str, object], name: str) -> list[dict[str, object]]:
    found = document[name]
    assert isinstance(found, list)
    return found


def test_search_says_how_it_read_and_what_it_found(served: Owner) -> None:
    said = served.json("search", "--json", "-k", "3", f"password of the cabin {WORD}")
    assert set(said) == {"read_as", "hits"}
    assert set(said["read_as"]) >= READ_AS  # type: ignore[call-overload]
    hits = rows(said, "hits")
    assert len(hits) == 3
    assert all(set(hit) >= HIT for hit in hits)
    first = hits[0]
    assert first["source"] == "apple-messages"
    assert first["kind"] == "message"
    assert first["text"] == f"The password of the cabin is {WORD}, keep it to yourself."
    assert first["when"] == "2026-03-14T19:31:00+01:00"
    assert str(first["locator"]).startswith("sms://")
    assert isinstance(first["score"], float)
    assert isinstance(first["people"], list)


def test_a_number_comes_with_its_values(served: Owner) -> None:
    said = served.json("ask", "--json", "How many steps on 14 March 2026?")
    assert set(said) == ANSWER
    assert said["question"] == "How many steps on 14 March 2026?"
    assert said["found"] is True
    assert said["route"] == "metric"
    value = rows(said, "values")[0]
    assert set(value) == {"name", "value", "unit", "start", "end"}
    assert value["value"] == 9876
    assert (value["start"], value["end"]) == ("2026-03-14", "2026-03-15")
    assert all(set(citation) == CITATION for citation in rows(said, "citations"))
    assert rows(said, "citations")


def test_what_is_not_there_ends_with_3(served: Owner) -> None:
    said = served.json("ask", "--json", "Which frequency does the lighthouse of Ushant use?", code=3)
    assert set(said) == ANSWER
    assert (said["found"], said["route"], said["values"], said["citations"]) == (False, "none", [], [])
    assert str(said["answer"]).startswith("I could not find that")
    assert "records of apple-messages" in str(said["answer"])


def test_a_pass_reports_each_source(resident: Owner) -> None:
    said = resident.json("index", "--json")
    assert set(said) == {"sources"}
    for report in rows(said, "sources"):
        assert set(report) >= {"name", "items", "records", "skipped", "seconds"}
        assert all(set(skip) >= {"where", "why"} for skip in rows(report, "skipped"))
    assert {report["name"] for report in rows(said, "sources")} >= {"documents", "apple-messages", "mail"}


def test_status_tells_all_without_being_asked_twice(served: Owner) -> None:
    said = served.json("status", "--json")
    assert said["set_up"] is True
    assert said["locked"] is False
    assert said["offline"] == "seccomp"
    assert said["zone"] == "Europe/Berlin"
    held = {source["name"]: source for source in rows(said, "sources")}
    assert held["apple-messages"]["records"] == 4
    assert held["apple-health"]["samples"]
    assert all(source["waiting_for_vectors"] == 0 for source in held.values())


def test_a_document_is_all_there_is_on_stdout(served: Owner) -> None:
    for arguments in (
        ["status"],
        ["sources"],
        ["doctor"],
        ["search", "tent"],
        ["ask", "How many steps on 14 March 2026?"],
    ):
        ended = served.run(*arguments, "--json", code=None)
        assert ended.out.count("\n") == 1
        assert ended.json


def test_init_needs_a_keychain_or_a_passphrase(owner: Owner) -> None:
    ended = owner.run("init", "--yes", code=1, HOMEBODY_PASSPHRASE_FILE=None)
    assert "HOMEBODY_PASSPHRASE_FILE" in ended.err
    assert not ended.out
    assert not (owner.home / "keys.json").exists()


def test_init_hands_over_the_code_once_and_only_once(owner: Owner) -> None:
    ended = owner.run("init", "--yes", "--json")
    code = str(ended.json["recovery_code"])
    assert len(code.replace("-", "")) >= 26  # 128 bit in base 32
    again = owner.run("init", "--yes", code=1)
    assert "already set up" in again.err
    kept = [file for file in owner.folder.rglob("*") if file.is_file() and code.encode() in file.read_bytes()]
    assert kept == []


def test_a_recovery_file_that_cannot_be_written_is_refused_before_anything_is_made(owner: Owner) -> None:
    assert "Nothing can be written" in owner.run("init", "--yes", "--recovery-file", "/nowhere/code", code=2).err
    taken = owner.folder / "taken"
    taken.touch()
    assert "exists already" in owner.run("init", "--yes", "--recovery-file", str(taken), code=2).err
    assert not (owner.home / "keys.json").exists()
    owner.init()
    assert (owner.folder / "recovery").stat().st_mode & 0o777 == 0o600


def test_the_code_alone_opens_the_data(resident: Owner) -> None:
    resident.passphrase.write_text("another one\n")
    assert "remedy" not in resident.run("search", "tent", code=4).err
    code = resident.recovery_code
    (resident.folder / "recovery").unlink()
    resident.run("recover", "--recovery-file", str(resident.folder / "recovery"), given=code + "\n")
    assert resident.recovery_code != code
    assert WORD in resident.run("search", "--json", WORD).out  # by the new passphrase
    assert resident.run("recover", given=code + "\n", code=4).err  # the old code is void


def test_a_wrong_passphrase_ends_with_4(resident: Owner) -> None:
    resident.passphrase.write_text("wrong\n")
    for arguments in (["search", "tent"], ["ask", "tent?"], ["index"], ["unlock"], ["sources"]):
        ended = resident.run(*arguments, code=4)
        assert not ended.out
        assert ended.err.startswith("homebody: ")
        assert ended.err.count("\n") == 1
    said = resident.json("status", "--json")
    assert said["locked"] is True
    assert said["problem"]


def test_a_passphrase_file_that_others_can_read_is_refused(resident: Owner) -> None:
    resident.passphrase.chmod(0o644)
    assert "chmod 600" in resident.run("search", "tent", code=2).err


def test_an_empty_passphrase_is_none(owner: Owner) -> None:
    owner.passphrase.write_text("\n")
    assert "holds no passphrase" in owner.run("init", "--yes", code=2).err


def test_a_passphrase_may_come_through_a_descriptor(resident: Owner) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(b"correct horse\n")
    environment = {**resident.environment, "HOMEBODY_PASSPHRASE_FILE": f"/dev/fd/{reading}"}
    done = subprocess.run(
        [PROGRAM, "search", "--json", WORD], pass_fds=(reading,), stdin=subprocess.DEVNULL, capture_output=True,
        check=False, env=environment,
    )  # fmt: skip
    os.close(reading)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"]


def test_wrong_use_is_one_line_and_a_2(owner: Owner) -> None:
    owner.init()
    for arguments, hint in (
        (["bogus"], "No such command"),
        (["search"], "Missing argument"),
        (["search", "-k", "0", "tent"], "-k"),
        (["add", "bogus", str(owner.folder), "--yes"], "Kinds: "),
        (["add", "documents", "/nowhere", "--yes"], "nothing at /nowhere"),
        (["add", "documents", str(owner.folder), "--name", "a/b", "--yes"], "cannot be a name"),
        (["add", "documents", str(owner.folder), "--option", "x", "--yes"], "KEY=VALUE"),
        (["sources", "pause", "bogus"], "no source named"),
        (["index", "bogus"], "no source named"),
        (["forget"], "Say what to forget"),
    ):
        ended = owner.run(*arguments, code=2)
        assert hint in ended.err, (arguments, ended.err)
        assert not ended.out
        assert ended.err.count("\n") == 1
    assert owner.json("sources", "--json")["sources"] == []


def test_now_and_zone_travel_with_each_command(served: Owner) -> None:
    def asked(now: str, zone: str | None = "Europe/Berlin") -> str:
        question = ("ask", "--json", "How many steps yesterday?")
        ended = served.run(*question, code=None, HOMEBODY_NOW=now, TZ=zone)
        values = rows(ended.json, "values")
        return str(values[0]["start"]) if values else ""

    assert asked("2026-03-15T09:00:00+01:00") == "2026-03-14"
    # in Tokyo it is the 15th already; without TZ the zone of the home decides
    assert asked("2026-03-14T20:00:00+01:00", "Asia/Tokyo") == "2026-03-14"
    assert asked("2026-03-14T20:00:00+01:00", None) == "2026-03-13"
    assert "ISO 8601" in served.run("search", "tent", code=2, HOMEBODY_NOW="yesterday").err
    assert "time zone" in served.run("search", "tent", code=2, TZ="Mars/Olympus").err


def test_a_reader_that_has_enough_is_no_error(served: Owner) -> None:
    for arguments in (["search", "--json", "the"], ["search", "the"], ["status"]):
        process = served.start(*arguments)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        with process.stderr:
            said = process.stderr.read()
        assert process.wait(60) == 0, said
        assert b"Traceback" not in said
        assert b"Broken" not in said


def test_ctrl_c_ends_a_command_and_its_process_at_once(resident: Owner) -> None:
    write_papers(resident.life / "Documents", ((paper, "txt") for paper in papers(11, 60)))  # else it is done too soon
    process = subprocess.Popen(
        [PROGRAM, "--no-daemon", "index", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=resident.environment, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as on a terminal, wherever the tests run
    )  # fmt: skip
    while not resident.places.socket.exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    assert not resident.places.runtime.exists()
    assert resident.run("search", "tent").out


def test_a_relative_home_is_the_callers(owner: Owner) -> None:
    owner.extra = {"HOMEBODY_HOME": "home", "HOMEBODY_PASSPHRASE_FILE": "passphrase"}
    owner.run("init", "--yes", "--recovery-file", "recovery")
    assert (owner.folder / "home" / "keys.json").exists()
    assert owner.json("status", "--json")["home"] == str(owner.folder / "home")


def test_a_folder_that_is_not_ours_is_named(owner: Owner) -> None:
    owner.home.write_text("a file")
    ended = owner.run("status", code=1)
    assert str(owner.home) in ended.err
    assert "cannot be made or read" in ended.err


def test_sources_change_what_they_are_told_and_nothing_else(resident: Owner) -> None:
    with resident.daemon():
        resident.run("sources", "pause", "documents")
        other = resident.folder / "elsewhere"
        other.mkdir()
        resident.run("sources", "change", "documents", str(other))
        held = {source["name"]: source for source in rows(resident.json("sources", "--json"), "sources")}
        assert held["documents"] == {
            "name": "documents", "kind": "documents", "path": str(other), "paused": True, "options": {},
        }  # fmt: skip
        assert "already" in resident.run("add", "documents", str(resident.life), "--yes", code=2).err
        resident.run("add", "documents", str(other), "--yes")  # the same again changes nothing
        resident.run("sources", "resume", "documents")
        held = {source["name"]: source for source in rows(resident.json("sources", "--json"), "sources")}
        assert held["documents"]["paused"] is False


def test_a_source_that_was_never_read_can_be_removed(owner: Owner) -> None:
    owner.init()
    folder = owner.folder / "papers"
    folder.mkdir()
    owner.run("add", "documents", str(folder), "--yes")
    said = owner.json("sources", "remove", "documents", "--yes", "--json")
    assert said["items"] == 0
    assert owner.json("sources", "--json")["sources"] == []


def test_help_and_version_need_no_home(owner: Owner) -> None:
    shown = owner.run("--help").out
    assert "Exit codes" in shown
    assert owner.run("--version").out.count(".") == 2
    assert not owner.home.exists()


def test_demo_writes_a_life_where_it_is_told(owner: Owner) -> None:
    folder = owner.folder / "demo"
    assert "chat.db" in owner.run("demo", str(folder)).out
    assert "not empty" in owner.run("demo", str(folder), code=2).err


def test_narrow_terminals_squeeze_nothing(served: Owner) -> None:
    shown = served.run("status", COLUMNS="30").out
    assert re.search(r"^apple-messages +apple-messages +4 +0 +all ", shown, re.MULTILINE)
    assert "last pass" in shown


def test_the_passphrase_file_is_read_where_it_is(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    missing = str(tmp_path / "missing")
    assert missing in owner.run("init", "--yes", code=2, HOMEBODY_PASSPHRASE_FILE=missing).err
