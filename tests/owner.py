"""An owner at the keyboard: a home of their own, the real programs as processes, the real socket."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from agent import config
from agent.config import Places
from agent.service.prove import life

PROGRAM = Path(sys.executable).with_name("homebody")
WORD = "quokka7f3a91"
"""Stands in the text of every source of the life."""

Document = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that is done."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Document:
        """The one JSON document on stdout, and nothing beside it."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(slots=True)
class Owner:
    """`folder` holds the home, the life and the passphrase; the models are this machine's."""

    folder: Path
    now: str = life.NOW
    zone: str = "Europe/Berlin"
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text("correct horse\n")
        for name in ("owner", "temporary"):
            (self.folder / name).mkdir(exist_ok=True)

    @property
    def passphrase(self) -> Path:
        return self.folder / "passphrase"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def life(self) -> Path:
        return self.folder / "life"

    @property
    def recovery_code(self) -> str:
        return (self.folder / "recovery").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "owner"),
            "TMPDIR": str(self.folder / "temporary"),
            "HOMEBODY_HOME": str(self.home),
            "HOMEBODY_MODELS": str(config.places(os.environ).models),
            "HOMEBODY_PASSPHRASE_FILE": str(self.passphrase),
            "HOMEBODY_NOW": self.now,
            "TZ": self.zone,
            **self.extra,
        }

    @property
    def places(self) -> Places:
        return config.places(self.environment)

    def run(self, *arguments: str, code: int | None = 0, given: str = "", **environment: str | None) -> Ended:
        """Run `homebody` to its end without a terminal; an environment value of None unsets the name."""
        passed = {**self.environment, **environment}
        done = subprocess.run(
            [PROGRAM, *arguments], input=given.encode(), capture_output=True, check=False, timeout=300,
            cwd=self.folder, env={name: value for name, value in passed.items() if value is not None},
        )  # fmt: skip
        ended = Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
        assert code is None or ended.code == code, (arguments, ended)
        assert "Traceback" not in ended.err, ended.err
        return ended

    def json(self, *arguments: str, code: int = 0) -> Document:
        return self.run(*arguments, code=code).json

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment, cwd=self.folder,
        )  # fmt: skip

    def init(self) -> None:
        self.run("init", "--yes", "--recovery-file", str(self.folder / "recovery"))

    @contextmanager
    def daemon(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon as a child of ours, answering; ended at the end if it has not been."""
        process = subprocess.Popen(
            command or (PROGRAM, "daemon", "run"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self.environment, cwd=self.folder,
        )  # fmt: skip
        try:
            wait_for(self._answers, process)
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def _answers(self) -> bool:
        try:
            return self.api("GET", "/status")[0] == 200
        except OSError:
            return False

    def dial(self) -> socket.socket:
        """A connection to the API."""
        dialled = socket.socket(socket.AF_UNIX)
        dialled.settimeout(60)
        try:
            dialled.connect(str(self.places.socket))
        except OSError:
            dialled.close()
            raise
        return dialled

    def api(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Document]:
        """One request by hand, as another program makes it; the status and the JSON that came back."""
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        head = {"host": "localhost", "content-length": str(len(content)), "connection": "close", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        with self.dial() as dialled:
            dialled.sendall("\r\n".join([*lines, "", ""]).encode() + content)
            with dialled.makefile("rb") as answer:
                whole = answer.read()
        top, _, rest = whole.partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(rest)

    def finds(self, text: str, word: str) -> bool:
        """Whether a search that goes to the daemon's socket finds a text with that word."""
        hits = self.api("POST", "/search", {"text": text})[1].get("hits", [])
        assert isinstance(hits, list)
        return any(word in hit["text"] for hit in hits)

    def log(self) -> str:
        return "".join(file.read_text() for file in sorted((self.home / "log").glob("*")))


def altered(*lines: str) -> tuple[str, ...]:
    """The command of a daemon in which these lines run before it serves; `service` is its module. The lock comes first."""
    before = (
        "from agent import offline",
        "offline.lock()",
        "import sys",
        "from agent.service import __main__ as service",
    )
    return sys.executable, "-c", "\n".join((*before, *lines, 'sys.exit(service.main(["daemon", "foreground"]))'))


def wait_for(is_so: object, process: subprocess.Popen[bytes] | None = None, *, seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail when it does not in time, or when the process ends before."""
    assert callable(is_so)
    deadline = time.monotonic() + seconds
    while not is_so():
        assert process is None or process.poll() is None, f"the process ended with {process and process.returncode}"
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


@cache
def _indexed() -> Path:
    """A whole small life, indexed once for all tests of this run."""
    owner = Owner(Path(mkdtemp(prefix="homebody-tests-")))
    atexit.register(shutil.rmtree, owner.folder, ignore_errors=True)
    sources = life.plant(owner.life, WORD)
    owner.init()
    with owner.daemon():
        for kind, path in sources.items():
            owner.run("add", kind, str(path), "--yes")
        owner.run("index")
    return owner.folder


def settled(folder: Path, *, own_life: bool = False) -> Owner:
    """An owner whose life is indexed already: a copy for one test alone.

    The sources lie where all tests share them; with `own_life` they are this owner's, and may be changed.
    """
    template = _indexed()
    shutil.copytree(template, folder, dirs_exist_ok=True)
    owner = Owner(folder)
    if own_life:
        written = owner.places.config.read_text()
        owner.places.config.write_text(written.replace(str(template), str(folder)))
    return owner


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)
