"""A source lives in a locked child: it may crash, hang, grow or try to get out, and nothing else suffers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.ingest.workers.frame import Done
from agent.ingest.workers.worker import Worker, resident
from indexers.record import Record, Section, Skipped
from indexers.source import Item, SourceUnavailable

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own means")


def write(source: SourceConfig, **files: str) -> None:
    for name, text in files.items():
        (source.path / f"{name}.txt").write_text(text)


def items(worker: Worker) -> list[Item]:
    return [entry for entry in worker.scan() if isinstance(entry, Item)]


def read(worker: Worker, wanted: Sequence[Item]) -> dict[str, list[Record | Skipped | Done]]:
    out: dict[str, list[Record | Skipped | Done]] = {}
    for item, sent in worker.read(wanted):
        out.setdefault(Path(item.id).stem, []).append(sent)
    return out


def everything(source: SourceConfig, **options: float) -> dict[str, list[Record | Skipped | Done]]:
    with Worker(source, **options) as worker:  # type: ignore[arg-type]  # patience and memory are numbers
        return read(worker, items(worker))


def said(sent: Sequence[Record | Skipped | Done]) -> list[str]:
    return [one.text for one in sent if isinstance(one, Section)]


def skips(sent: Sequence[Record | Skipped | Done]) -> list[tuple[str, str]]:
    return [(one.outcome, one.why) for one in sent if isinstance(one, Skipped)]


def cut(sent: Sequence[Record | Skipped | Done]) -> bool:
    [done] = [one for one in sent if isinstance(one, Done)]
    assert done is sent[-1]
    return done.cut


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_source_says_what_there_is_and_what_it_holds(wild: SourceConfig) -> None:
    write(wild, a="say one\nsay two", b="say three")
    with Worker(wild) as worker:
        assert worker.roots().paths == (str(wild.path),)
        found = items(worker)
        assert [Path(item.id).name for item in found] == ["a.txt", "b.txt"]
        assert worker.mirror
        sent = read(worker, found)
        pid = worker.pid
        assert pid is not None
    assert said(sent["a"]) == ["one", "two"]
    assert not cut(sent["a"])
    assert gone(pid)


def test_mirror_is_known_once_it_answered(wild: SourceConfig) -> None:
    with Worker(replace(wild, options={"mirror": False})) as worker:
        list(worker.scan())
        assert not worker.mirror


def test_the_usual_place_of_a_kind(wild: SourceConfig) -> None:
    with Worker(replace(wild, path=Path())) as worker:
        assert worker.usual() == "~/wild"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "unheard-of"}, "no source of kind 'unheard-of' is installed"),
        ({"options": {"wrong": 1}}, "wild does not know wrong"),
        ({"path": Path("/nothing/here")}, "there is nothing at /nothing/here"),
    ],
)
def test_a_source_that_cannot_be_opened_says_why(change: dict[str, object], why: str, wild: SourceConfig) -> None:
    with Worker(replace(wild, **change)) as worker, pytest.raises(SourceUnavailable, match=why):  # type: ignore[arg-type]
        list(worker.scan())


def test_somebody_elses_error_is_named_and_not_told(wild: SourceConfig) -> None:
    (wild.path / "opens-not").touch()
    with Worker(wild) as worker, pytest.raises(SourceUnavailable) as caught:
        list(worker.scan())
    assert "RuntimeError" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_half_a_scan_is_no_scan(wild: SourceConfig) -> None:
    write(wild, a="say one", b="say two")
    (wild.path / "scan-breaks.txt").touch()
    with Worker(wild) as worker:
        stream = worker.scan()
        assert isinstance(next(stream), Item)
        with pytest.raises(SourceUnavailable, match="RuntimeError") as caught:
            list(stream)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("verb", "outcome"),
    [("vanished", "vanished"), ("denied", "no_permission"), ("deep", "malformed"), ("other", "malformed")],
)
def test_a_failing_reader_loses_its_item_only(verb: str, outcome: str, wild: SourceConfig) -> None:
    write(wild, a="say before", b=f"say first\nfail {verb}\nsay never", c="say after")
    sent = everything(wild)
    assert said(sent["b"]) == ["first"]
    assert cut(sent["b"])
    [(told, why)] = skips(sent["b"])
    assert told == outcome
    assert "secret" not in why
    assert (said(sent["a"]), said(sent["c"])) == (["before"], ["after"])


def test_a_source_that_becomes_unavailable_ends_the_reading(wild: SourceConfig) -> None:
    write(wild, a="say one", b="fail unavailable", c="say three")
    with Worker(wild) as worker:
        found = items(worker)
        with pytest.raises(SourceUnavailable):
            read(worker, found)


def test_a_crash_loses_its_item_only(wild: SourceConfig) -> None:
    write(wild, a="say before", b="say half\ncrash", c="crash", d="say after")
    sent = everything(wild)
    assert cut(sent["b"])
    assert skips(sent["b"]) == skips(sent["c"]) == [("malformed", "its reader crashed or used too much")]
    assert said(sent["a"]) == ["before"]
    assert said(sent["d"]) == ["after"]
    assert not cut(sent["d"])


def test_a_crash_that_another_item_caused_is_tried_once_more(wild: SourceConfig) -> None:
    write(wild, a="use one", b="crash_once two")
    sent = everything(wild)
    assert said(sent["b"]) == ["two"]
    assert not cut(sent["b"])


def test_one_that_hangs_is_ended(wild: SourceConfig) -> None:
    write(wild, a="say before", b="hang", c="say after")
    started = time.monotonic()
    sent = everything(wild, patience=4.0)
    assert time.monotonic() - started < 40
    assert skips(sent["b"]) == [("timed_out", "reading it took too long")]
    assert cut(sent["b"])
    assert said(sent["c"]) == ["after"]


def test_a_slow_daemon_is_no_hanging_worker(wild: SourceConfig) -> None:
    write(wild, a="many 400", b="say after")
    with Worker(wild, patience=3.0) as worker:
        out: list[object] = []
        for _, sent in worker.read(items(worker)):
            if not out:
                time.sleep(3.5)  # as if the store were busy
            out.append(sent)
    assert not [one for one in out if isinstance(one, Skipped)]


def test_a_memory_bomb_is_stopped(wild: SourceConfig) -> None:
    write(wild, a="bomb", b="say after")
    sent = everything(wild)
    [(outcome, why)] = skips(sent["a"])
    assert outcome in ("too_large", "malformed")
    assert "memory" in why or "too much" in why
    assert said(sent["b"]) == ["after"]


def test_one_that_grows_is_ended_where_the_system_has_no_limit(wild: SourceConfig) -> None:
    write(wild, a="grow 200", b="say after")
    started = time.monotonic()
    sent = everything(wild, patience=20.0, memory=150 << 20)
    assert time.monotonic() - started < 15
    assert skips(sent["a"])[-1] == ("malformed", "its reader crashed or used too much")
    assert said(sent["b"]) == ["after"]
    assert resident(os.getpid()) > 10 << 20
    assert resident(2**22 + 1) == 0


@linux
def test_it_can_write_nowhere(wild: SourceConfig, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("precious")
    write(wild, a=f"write {target}")
    assert said(everything(wild)["a"]) == ["done: "]
    assert [(file.name, file.read_text()) for file in target.iterdir()] == [("old", "precious")]


@linux
def test_it_has_no_socket_of_any_kind(wild: SourceConfig) -> None:
    write(wild, a="sockets")
    assert said(everything(wild)["a"]) == ["done: "]


@linux
def test_it_gets_no_environment_descriptor_or_folder_of_ours(
    wild: SourceConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMEBODY_HOME", "/secret/home")
    monkeypatch.setenv("HOMEBODY_PASSPHRASE_FILE", "/secret/file")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write(wild, a="around")
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        environment, files, folder = said(everything(wild)["a"])
    offered = set(environment.removeprefix("environment: ").split())
    assert not any(name.startswith("HOMEBODY") or name in ("HOME", "PYTHONPATH", "USER") for name in offered)
    opened = set(files.removeprefix("files: ").split())
    assert not any("ours" in name for name in opened)
    assert {name for name in opened if name.startswith("/") and not name.startswith(("/dev/null", "/proc"))} == set()
    assert folder == "folder: /"


def test_what_a_parser_prints_breaks_no_frame(wild: SourceConfig, capfd: pytest.CaptureFixture[str]) -> None:
    write(wild, a="talk after all that")
    sent = everything(wild)
    assert said(sent["a"]) == ["after all that"]
    assert skips(sent["a"]) == []
    assert capfd.readouterr() == ("", "")


def test_what_cannot_travel_is_replaced(wild: SourceConfig) -> None:
    write(wild, a="odd")
    [section, _] = everything(wild)["a"]
    assert isinstance(section, Section)
    assert (section.text, section.title, section.headings) == ("lone \ufffd surrogate", "t\ufffd", ("h\ufffd",))


@linux
def test_what_a_source_started_ends_with_it(wild: SourceConfig) -> None:
    write(wild, a="spawn")
    with Worker(wild) as worker:
        stream = worker.read(items(worker))
        _, section = next(stream)
        assert isinstance(section, Section)
        pid = int(section.text.split()[1])
        assert alive(pid)
    assert gone(pid)


_DAEMON = """
import sys, time
sys.executable = sys.argv[1]
from pathlib import Path
from agent.config import SourceConfig
from agent.ingest.workers.worker import Worker
worker = Worker(SourceConfig(name="wild", kind="wild", path=Path(sys.argv[2])))
found = list(worker.scan())
print(worker.pid, flush=True)
list(worker.read(found))
"""


@linux
def test_no_worker_outlives_its_daemon(wild: SourceConfig, interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the daemon is a real Python
    write(wild, a="hang")
    daemon = subprocess.Popen(
        [sys.executable, "-c", _DAEMON, interpreter, wild.path], stdout=subprocess.PIPE, text=True
    )
    assert daemon.stdout is not None
    pid = int(daemon.stdout.readline())
    assert alive(pid)
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    assert gone(pid)


def test_a_worker_is_replaced_after_many_items(wild: SourceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ingest.workers.worker.RECYCLE", 3)
    monkeypatch.setattr("agent.ingest.workers.worker.GROUP", 2)
    write(wild, **{f"n{number}": f"say {number}" for number in range(7)})
    with Worker(wild) as worker:
        found = items(worker)
        pids = set()
        out = []
        for _, sent in worker.read(found):
            pids.add(worker.pid)
            out.append(sent)
    assert said(out) == [str(number) for number in range(7)]
    assert len(pids - {None}) >= 2


def test_only_a_source_that_asks_is_told_what_is_known(wild: SourceConfig) -> None:
    def unwanted() -> dict[str, str]:
        raise AssertionError("nobody asked")

    write(wild, a="say one")
    with Worker(wild) as worker:
        assert len(list(worker.scan(known=unwanted))) == 1
    with Worker(replace(wild, options={"asks": True})) as worker:
        for known in ({"x": "1", "y": "2"}, {}, {"z": "3"}):  # also of one process, pass after pass
            first, item = worker.scan(known=lambda known=known: known)  # type: ignore[misc]
            assert isinstance(first, Skipped)
            assert first.why == (" ".join(known) or "nothing")
            assert isinstance(item, Item)
            assert said(read(worker, [item])["a"]) == ["one"]


def test_a_source_that_cannot_be_made_says_why_before_it_is_told_anything(wild: SourceConfig) -> None:
    with Worker(replace(wild, options={"wrong": 1})) as worker, pytest.raises(SourceUnavailable, match="know wrong"):
        next(worker.scan(known=lambda: {"x": "1"}))
