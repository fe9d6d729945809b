"""The local API as another program meets it: real sockets, other users, browsers, oversized and broken requests."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.owner import WORD, Owner, wait_for

pytestmark = pytest.mark.models

SLOW_MODEL = Path(__file__).with_name("slow_model.py")
NOBODY = 65534
DIAL = """
import socket, sys
dialled = socket.socket(socket.AF_UNIX)
try:
    dialled.connect(sys.argv[1])
    dialled.sendall(b"GET /status HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n")
    print("got", len(dialled.recv(100)))
except OSError as error:
    print(type(error).__name__)
"""


def test_the_socket_is_the_owners_alone(served: Owner) -> None:
    found = served.places.socket.stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert stat.S_IMODE(served.places.runtime.stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_user_is_hung_up_on_even_when_the_door_stands_open(resident: Owner) -> None:
    with resident.daemon():
        path = resident.places.socket
        assert _dial_as(NOBODY, path) == "PermissionError"
        path.parent.chmod(0o755)
        path.chmod(0o666)
        assert _dial_as(NOBODY, path) in ("got 0", "ConnectionResetError", "BrokenPipeError")
        assert _dial_as(0, path) == "got 100"
        assert resident.api("GET", "/status")[0] == 200


def _dial_as(user: int, path: Path) -> str:
    # the system's own Python: another user may not enter the folder of ours
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    done = subprocess.run([python, "-I", "-c", DIAL, str(path)], user=user, capture_output=True, text=True, check=False)
    if not done.stdout and "Permission denied" in done.stderr:
        pytest.skip("no Python here that another user may run")
    return done.stdout.strip()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.org"},
        {"sec-fetch-mode": "cors"},
        {"host": "example.org"},
        {"host": "evil.example:80"},
    ],
)
def test_browsers_and_other_hosts_are_refused(served: Owner, headers: dict[str, str]) -> None:
    status, said = served.api("POST", "/search", {"text": "tent"}, headers=headers)
    assert status == 400
    assert said["exit_code"] == 2


@pytest.mark.parametrize("host", ["localhost", "homebody", "127.0.0.1", "127.0.0.1:8080"])
def test_this_machine_may_ask(served: Owner, host: str) -> None:
    assert served.api("GET", "/status", headers={"host": host})[0] == 200


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"not json", "Invalid JSON"),
        (b'{"text": "tent", "nonsense": 1}', "nonsense"),
        (b'{"text": 5}', "text"),
        (b'{"k": 3}', "text"),
        (b'{"text": "tent", "k": 5000}', "k"),
        (b'{"text": "\xff"}', "Invalid JSON"),
    ],
)
def test_a_request_that_is_none_names_the_field(served: Owner, body: bytes, hint: str) -> None:
    status, said = served.api("POST", "/search", body)
    assert (status, said["exit_code"]) == (400, 2)
    assert hint in str(said["error"])
    assert "tent" not in json.dumps(said)


def test_more_than_a_megabyte_is_refused(served: Owner) -> None:
    status, said = served.api("POST", "/search", b'{"text": "' + b"x" * (1 << 20) + b'"}')
    assert status == 400
    assert "1 MB" in str(said["error"])
    assert served.api("GET", "/status")[0] == 200


def test_paths_that_are_not_there_are_told_in_json(served: Owner) -> None:
    assert served.api("GET", "/nowhere")[0] == 404
    status, said = served.api("GET", "/search")
    assert status == 405
    assert set(said) == {"error", "remedy", "exit_code", "until_unlock"}


def test_garbage_on_the_socket_harms_nobody(served: Owner) -> None:
    with served.dial() as dialled:
        dialled.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert b"400" in dialled.recv(100)
    with served.dial() as dialled:
        dialled.sendall(b"POST /search HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{")
    assert served.api("GET", "/status")[0] == 200


def test_an_answer_is_told_as_events(served: Owner) -> None:
    body = json.dumps({"text": "How many steps on 14 March 2026?"}).encode()
    with served.dial() as dialled:
        dialled.sendall(
            b"POST /ask HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        with dialled.makefile("rb") as answer:
            head, _, rest = answer.read().partition(b"\r\n\r\n")
    assert b"text/event-stream" in head
    assert b"x-homebody-version" in head
    names = [line for line in rest.decode().splitlines() if line.startswith("event: ")]
    assert names == ["event: text", "event: result"]


def test_a_client_that_goes_away_stops_the_model(resident: Owner) -> None:
    notes = resident.folder / "notes"
    with resident.daemon(sys.executable, "-I", str(SLOW_MODEL), str(notes)):
        body = json.dumps({"text": f"What is the password of the cabin {WORD}?"}).encode()
        dialled = resident.dial()
        dialled.sendall(b"POST /ask HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        wait_for(notes.exists)
        dialled.recv(200)
        dialled.close()
        wait_for(lambda: notes.read_text() == "stopped", seconds=10)
        assert resident.json("search", "--json", WORD)["hits"]  # others are served as before


def test_a_daemon_that_is_told_to_stop_stops_its_model(resident: Owner) -> None:
    notes = resident.folder / "notes"
    with resident.daemon(sys.executable, "-I", str(SLOW_MODEL), str(notes)) as process:
        asking = resident.start("ask", f"What is the password of the cabin {WORD}?")
        wait_for(notes.exists)
        process.terminate()
        assert process.wait(30) == 0
        assert notes.read_text() == "stopped"
        assert asking.wait(30) != 0
        assert asking.stderr is not None
        with asking.stderr, asking.stdout or asking.stderr:
            assert b"Traceback" not in asking.stderr.read()
        assert not resident.places.runtime.exists()


def test_a_stale_socket_is_in_nobodys_way(resident: Owner) -> None:
    resident.places.runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(resident.places.socket))
    assert resident.json("search", "--json", "tent")["hits"]
    with resident.daemon():
        assert resident.api("GET", "/status")[0] == 200


def test_a_path_too_long_for_a_socket_stops_the_daemon_only(resident: Owner) -> None:
    deep = resident.folder / ("deep" * 30)
    deep.mkdir()
    resident.extra = {"XDG_RUNTIME_DIR": str(deep)}
    assert resident.json("search", "--json", "tent")["hits"]
    ended = resident.run("daemon", "start", code=1)
    assert "too long" in ended.err
    assert "XDG_RUNTIME_DIR" in ended.err


def test_a_command_while_the_daemon_starts_waits_for_it(resident: Owner) -> None:
    starting = resident.start("daemon", "run")
    try:
        time.sleep(0.5)
        said = resident.json("status", "--json")
        wait_for(resident.places.socket.exists, starting)
        assert resident.api("GET", "/status")[1]["pid"] == starting.pid
        assert said["set_up"] is True
    finally:
        starting.terminate()
        starting.communicate(timeout=60)


def test_two_commands_at_once_share_one_process(resident: Owner) -> None:
    both = [resident.start("search", "--json", text) for text in ("tent", "dentist")]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert json.loads(out)["hits"]


def test_another_version_is_told(served: Owner) -> None:
    program = (
        "import sys; from agent.service.cli import client, program\n"
        "program.own_version = lambda: '9.9.9'\n"
        "sys.argv[:1] = ['homebody']; program.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import agent.service.cli\n" + program, "status"], env=served.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "this is 9.9.9: restart it" in done.stderr
    assert done.returncode == 0
