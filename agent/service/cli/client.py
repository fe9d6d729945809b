"""The thin end: asks a running daemon, or a short-lived process of its own, over HTTP on a UNIX socket.

Standard library only, so that the command line starts in a blink.
"""

from __future__ import annotations

import fcntl
import getpass
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from agent import config
from agent.config import SOCKET_PATH_LIMIT, Places
from agent.errors import HomebodyError, Locked, WrongUse

Json = dict[str, object]
_T = TypeVar("_T")

_BUSY = 75
_DOCTOR = "`homebody doctor` looks for the reason."
_PATIENCE = 60.0
"""Seconds to wait for a process that has the home open but does not answer yet."""
_PASSED_ON = (
    "HOME", "HOMEBODY_HOME", "HOMEBODY_MODELS", "HOMEBODY_PASSPHRASE_FILE", "TZ", "XDG_RUNTIME_DIR", "XDG_DATA_HOME",
    "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS",
)  # fmt: skip


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket that is connected already."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("homebody")
        self.sock = connected

    def connect(self) -> None:
        raise ConnectionError("the homebody process ended")


class Client:
    """One command's conversation with the owner of the home. `environment` is read once, here at the top."""

    def __init__(self, environment: Mapping[str, str], *, use_daemon: bool = True) -> None:
        self.places: Places = config.places(environment)
        self._environment = environment
        self._use_daemon = use_daemon
        self._connection: _Connection | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._redialled = False
        self.server_version = ""

    def request(self, method: str, path: str, body: Json | None = None) -> Json:
        """One question, one JSON answer. Unlocks by passphrase file or prompt when the home is locked."""
        return self._unlocking(lambda: self._request(method, path, body))

    def stream(self, path: str, body: Json) -> Iterator[tuple[str, Json]]:
        """Server-sent events of one POST, the last of them "result". Raises HomebodyError for an "error" event."""
        response = self._unlocking(lambda: self._send("POST", path, body))
        name = ""
        for raw in response:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data: Json = json.loads(line.removeprefix("data: "))
                if name == "error":
                    raise _error(data)
                yield name, data
        if name != "result":
            raise HomebodyError("homebody ended before it was done.", remedy="See `homebody status`, then try again.")

    def close(self) -> None:
        """Hang up; a process of our own then seals what it did and ends."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._child is not None:
            self._ended()

    def daemon_pid(self) -> int | None:
        """The process that answers on the socket, or None."""
        self.close()
        try:
            self._connection = self._dial()
            return int(str(self._request("GET", "/status")["pid"]))
        except (OSError, _Gone):
            return None

    def wait_until_gone(self) -> None:
        """Wait until a stopping daemon has sealed its index and let go of the home. Raises HomebodyError if it does not."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not self.places.socket.exists() and _is_free(self.places.home / "lock"):
                return
            time.sleep(0.05)
        raise HomebodyError("The daemon does not end.", remedy="Look for it with `ps`, and end it with `kill`.")

    def _unlocking(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except Locked as locked:
            passphrase = None if isinstance(locked, _Shut) else self.passphrase(confirm=False)
            if passphrase is None:
                raise
            self._request("POST", "/unlock", {"passphrase": passphrase})
            return ask()

    def passphrase(self, *, confirm: bool) -> str | None:
        """From HOMEBODY_PASSPHRASE_FILE, else asked for on a terminal, else None."""
        reference = self._environment.get("HOMEBODY_PASSPHRASE_FILE")
        if reference:
            from agent.store.keys import passphrase_from_file

            found = passphrase_from_file(reference)
            if not found:
                raise WrongUse(f"{reference} holds no passphrase.", remedy="Write one line into it.")
            return found
        if not sys.stdin.isatty():
            return None
        first = getpass.getpass("Passphrase: ")
        if confirm and getpass.getpass("Once more: ") != first:
            raise HomebodyError("The two passphrases differ.", remedy="Try again.")
        return first

    def _request(self, method: str, path: str, body: Json | None = None) -> Json:
        return _document(self._send(method, path, body).read())

    def _send(self, method: str, path: str, body: Json | None) -> http.client.HTTPResponse:
        """Send and return the response, its headers read. Raises the error that the service answers."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection = self._connect()
                connection.request(method, path, json.dumps(body or {}), self._headers())
                response = connection.getresponse()
                break
            except (http.client.HTTPException, OSError) as error:
                self._hung_up(error)
                if time.monotonic() > deadline:
                    raise HomebodyError(
                        "Another homebody process has this data folder open, and does not answer.",
                        remedy="Wait for it to end, or end it; `homebody doctor` looks for the reason.",
                    ) from None
                time.sleep(0.1)
        self.server_version = response.headers.get("x-homebody-version", "")
        if response.status >= 400:
            raise _error(_document(response.read()))
        return response

    def _hung_up(self, error: Exception) -> None:
        """Forget a dead connection; returns when it makes sense to ask again. Raises HomebodyError, or _Gone.

        It does when another process has the home, and once after a process that was about to end took our call.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._child is None:
            if self._redialled:
                raise _Gone(f"The homebody process does not answer ({type(error).__name__}).", remedy=_DOCTOR) from None
            self._redialled = True
            return
        status, said = self._ended()
        if status == _BUSY and (self._use_daemon or not self._somebody_listens()):
            return
        problem = HomebodyError(
            said or f"The homebody process ended (status {status}).", remedy="" if said else _DOCTOR
        )
        problem.exit_code = status if said and status in (1, 2, 4) else 1
        raise problem from None

    def _somebody_listens(self) -> bool:
        try:
            self._dial().close()
        except OSError:
            return False
        return True

    def _ended(self) -> tuple[int, str]:
        """Wait for our own process; returns its status and what it said before it could serve."""
        assert self._child is not None
        child, self._child = self._child, None
        assert child.stderr is not None
        with child.stderr:
            said = child.stderr.read().decode(errors="replace").strip().rpartition("homebody: ")
        return child.wait(), said[2] if said[1] else ""

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if self._environment.get("TZ"):  # overrides the zone that the home was made with
            headers["x-homebody-zone"] = config.system_zone(self._environment)
        if self._environment.get("HOMEBODY_NOW"):
            headers["x-homebody-now"] = self._environment["HOMEBODY_NOW"]
        return headers

    def _connect(self) -> _Connection:
        if self._connection is None:
            try:
                if not self._use_daemon:
                    raise ConnectionRefusedError
                self._connection = self._dial()
            except (FileNotFoundError, ConnectionRefusedError):
                self._connection = self._spawn()
        return self._connection

    def _dial(self) -> _Connection:
        if len(os.fsencode(self.places.socket)) > SOCKET_PATH_LIMIT:
            raise FileNotFoundError(self.places.socket)  # no daemon can listen there, and it says so when it starts
        dialled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            dialled.connect(str(self.places.socket))
        except OSError:
            dialled.close()
            raise
        return _Connection(dialled)

    def _spawn(self) -> _Connection:
        """A process for this one command: it serves the other end of a private socket pair, and ends with it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._child = subprocess.Popen(
                service_command("once", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env=service_environment(self._environment),
            )  # fmt: skip
        return _Connection(ours)


def service_command(*arguments: str) -> list[str]:
    """How a service process is started: isolated from the caller's Python settings and folder."""
    return [sys.executable, "-I", "-m", "agent.service", *arguments]


def service_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a service process may know of the caller's environment; it works in another folder, so paths are made whole.

    A passphrase in a descriptor stays with us, who send it: the service has other descriptors.
    """
    passed = {name: environment[name] for name in _PASSED_ON if name in environment}
    for name in ("HOMEBODY_HOME", "HOMEBODY_MODELS", "HOMEBODY_PASSPHRASE_FILE"):
        if passed.get(name):
            passed[name] = str(Path(passed[name]).expanduser().absolute())
    if passed.get("HOMEBODY_PASSPHRASE_FILE", "").startswith(("/dev/", "/proc/")):
        del passed["HOMEBODY_PASSPHRASE_FILE"]
    return passed


def start_daemon(places: Places, environment: Mapping[str, str]) -> int:
    """Start the daemon and wait until it answers; returns its pid. Raises HomebodyError when it does not."""
    deadline = time.monotonic() + _PATIENCE
    status, said = None, ""
    while time.monotonic() < deadline:
        process = subprocess.Popen(
            service_command("daemon"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=service_environment(environment), start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        with process.stderr:
            said = process.stderr.read().decode(errors="replace").strip()  # until it serves, or ends
        client = Client(environment)
        pid = client.daemon_pid()
        client.close()
        if pid == process.pid:
            return pid
        status = process.wait()
        if status != _BUSY:
            break
        time.sleep(0.2)  # a command of its own has the home: it ends soon
    raise HomebodyError(
        f"The daemon did not start: {said.removeprefix('homebody: ') or f'status {status}.'}",
        remedy=f"Its log is in {places.home / 'log'}.",
    )


def _is_free(lock: Path) -> bool:
    """Whether no process has the home open."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def own_version() -> str:
    return version("homebody")


class _Gone(HomebodyError):
    """Nobody answers where somebody did."""


class _Shut(Locked):
    """The owner locked the home: only `unlock` opens it."""


def _document(answer: bytes) -> Json:
    """The JSON that the service said. Raises HomebodyError for anything else, such as "Service Unavailable"."""
    try:
        data = json.loads(answer)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise HomebodyError(
            "The homebody process gave no answer that this version understands.",
            remedy="It may have too much to do, or be another version: try again, or `homebody daemon stop`.",
        )
    return data


def _error(data: Json) -> HomebodyError:
    kind = Locked if data.get("exit_code") == Locked.exit_code else HomebodyError
    error = (_Shut if data.get("until_unlock") else kind)(
        str(data.get("error", "unknown error")), remedy=str(data.get("remedy", ""))
    )
    error.exit_code = int(str(data.get("exit_code", 1)))
    return error
