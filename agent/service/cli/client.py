"""The thin end: asks a running daemon, or a short-lived process of its own, over HTTP on a UNIX socket.

Standard library only, so that the command line starts in a blink.
"""

from __future__ import annotations

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
from typing import TypeVar

from agent import config
from agent.config import Places
from agent.errors import HomebodyError, Locked

Json = dict[str, object]
_T = TypeVar("_T")

_BUSY = 75
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
            self._child.wait()
            self._child = None

    def daemon_pid(self) -> int | None:
        """The process that answers on the socket, or None."""
        try:
            self._connection = self._dial()
        except OSError:
            return None
        return int(str(self._request("GET", "/status")["pid"]))

    def wait_until_gone(self, pid: int) -> None:
        """Wait until a stopping daemon has sealed its index and ended. Raises HomebodyError when it does not."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not self.places.socket.exists() and not _alive(pid):
                return
            time.sleep(0.05)
        raise HomebodyError(f"The daemon (pid {pid}) does not end.", remedy=f"End it with `kill {pid}`.")

    def _unlocking(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except Locked:
            passphrase = self.passphrase(confirm=False)
            if passphrase is None:
                raise
            self._request("POST", "/unlock", {"passphrase": passphrase})
            return ask()

    def passphrase(self, *, confirm: bool) -> str | None:
        """From HOMEBODY_PASSPHRASE_FILE, else asked for on a terminal, else None."""
        reference = self._environment.get("HOMEBODY_PASSPHRASE_FILE")
        if reference:
            from agent.store.keys import passphrase_from_file

            return passphrase_from_file(reference)
        if not sys.stdin.isatty():
            return None
        first = getpass.getpass("Passphrase: ")
        if confirm and getpass.getpass("Once more: ") != first:
            raise HomebodyError("The two passphrases differ.", remedy="Try again.")
        return first

    def _request(self, method: str, path: str, body: Json | None = None) -> Json:
        data: Json = json.loads(self._send(method, path, body).read())
        return data

    def _send(self, method: str, path: str, body: Json | None) -> http.client.HTTPResponse:
        """Send and return the response, its headers read. Raises the error that the service answers."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection = self._connect()
                connection.request(method, path, json.dumps(body or {}), self._headers())
                response = connection.getresponse()
                break
            except (ConnectionError, http.client.HTTPException, OSError) as error:
                if not self._hung_up() or time.monotonic() > deadline:
                    raise HomebodyError(
                        f"The homebody process does not answer ({type(error).__name__}).",
                        remedy="`homebody doctor` looks for the reason.",
                    ) from None
                time.sleep(0.1)
        self.server_version = response.headers.get("x-homebody-version", "")
        if response.status >= 400:
            raise _error(json.loads(response.read()))
        return response

    def _hung_up(self) -> bool:
        """Forget a dead connection; True when another process has the home, so that asking it again makes sense."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._child is None:
            return False
        child, self._child = self._child, None
        return child.wait() == _BUSY

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
                stderr=subprocess.DEVNULL, env=service_environment(self._environment),
            )  # fmt: skip
        return _Connection(ours)


def service_command(*arguments: str) -> list[str]:
    """How a service process is started: isolated from the caller's Python settings and folder."""
    return [sys.executable, "-I", "-m", "agent.service", *arguments]


def service_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a service process may know of the caller's environment."""
    return {name: environment[name] for name in _PASSED_ON if name in environment}


def start_daemon(places: Places, environment: Mapping[str, str]) -> int:
    """Start the daemon and wait until it answers; returns its pid. Raises HomebodyError when it does not."""
    process = subprocess.Popen(
        service_command("daemon"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=service_environment(environment), start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        pid = Client(environment).daemon_pid()
        if pid == process.pid:
            return pid
        time.sleep(0.05)
    raise HomebodyError(
        f"The daemon did not start (status {process.poll()}).",
        remedy=f"Run `homebody daemon run` to see why; its log is in {places.home / 'log'}.",
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def own_version() -> str:
    return version("homebody")


def _error(data: Json) -> HomebodyError:
    kind = Locked if data.get("exit_code") == Locked.exit_code else HomebodyError
    error = kind(str(data.get("error", "unknown error")), remedy=str(data.get("remedy", "")))
    error.exit_code = int(str(data.get("exit_code", 1)))
    return error
