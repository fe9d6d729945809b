"""A third-party source that does what its files say, installed for the workers of one test, and a place to index into."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.ingest.run import PassReport, Workshop, run
from agent.store.store import Store

WILD = '''
import os, signal, socket, subprocess, sys, time
from hashlib import blake2b
from pathlib import Path
from indexers.record import Section, Skipped
from indexers.source import Item, SourceUnavailable


class Wild:
    """Each *.txt file is an item; each of its lines is something to do."""

    default_path = "~/wild"

    def __init__(self, *, name, path, options):
        if "wrong" in options:
            raise ValueError("wild does not know wrong")
        if (path / "opens-not").exists():
            raise RuntimeError("the owner's secret")
        self.name, self._path = name, path
        self.mirror = options.get("mirror", True)
        if "asks" in options:
            self.known = ()
        if "live" in options:
            self.live = lambda: (path / "live.db",)

    def roots(self):
        return (self._path,)

    def scan(self):
        if not self._path.exists():
            raise SourceUnavailable(f"there is nothing at {self._path}")
        if hasattr(self, "known"):
            yield Skipped(where="known", why=" ".join(sorted(self.known)) or "nothing", outcome="excluded")
        for count, file in enumerate(sorted(self._path.rglob("*.txt"))):
            if file.stem == "unseen":
                yield Skipped(where=str(file.parent), why="no permission", outcome="no_permission")
                continue
            if file.stem == "scan-breaks":
                raise RuntimeError("the owner's secret")
            state, data = file.stat(), file.read_bytes()
            yield Item(id=str(file), fingerprint=blake2b(data, digest_size=8).hexdigest(),
                       identity=f"{state.st_dev}:{state.st_ino}:{state.st_mtime_ns}", size=len(data))

    def read(self, item):
        for number, line in enumerate(Path(item.id).read_text().splitlines()):
            verb, _, rest = line.partition(" ")
            yield from getattr(self, verb)(item, number, rest)

    def _section(self, item, number, text):
        return Section(id=str(number), document=item.id, title=Path(item.id).stem, text=text)

    def say(self, item, number, text):
        yield self._section(item, number, text)

    def many(self, item, number, rest):
        for index in range(int(rest)):
            yield self._section(item, index, f"sentence {index} of many")

    def big(self, item, number, rest):
        for index in range(int(rest)):
            yield self._section(item, index, "word " * 20_000)

    def skip(self, item, number, rest):
        where, outcome = (item.id, rest) if "/" not in rest else rest.split(" ")
        yield Skipped(where=where, why="it is so", outcome=outcome)

    def crash(self, item, number, rest):
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
        yield

    def crash_once(self, item, number, rest):
        """Crash in the process that has read something before, as a leak would."""
        if getattr(Wild, "used", False):
            os._exit(3)
        yield self._section(item, number, rest)

    def use(self, item, number, rest):
        Wild.used = True
        yield self._section(item, number, rest)

    def hang(self, item, number, rest):
        time.sleep(600)
        yield

    def bomb(self, item, number, rest):
        held = []
        while True:
            held.append(bytearray(64 << 20))
        yield

    def grow(self, item, number, rest):
        held = bytearray(int(rest) << 20)
        time.sleep(30)
        yield self._section(item, number, str(len(held)))

    def fail(self, item, number, rest):
        raise {"vanished": FileNotFoundError, "denied": PermissionError, "deep": RecursionError,
               "other": RuntimeError, "unavailable": SourceUnavailable}[rest]("the owner's secret")
        yield

    def write(self, item, number, rest):
        done = []
        target = Path(rest)
        for name, attempt in {
            "write": lambda: (target / "new").write_text("x"),
            "append": lambda: (target / "old").open("a").close(),
            "truncate": lambda: os.truncate(target / "old", 0),
            "remove": lambda: (target / "old").unlink(),
            "rename": lambda: (target / "old").rename(target / "moved"),
            "folder": lambda: (target / "folder").mkdir(),
            "link": lambda: (target / "link").symlink_to("old"),
        }.items():
            try:
                attempt()
                done.append(name)
            except OSError:
                pass
        yield self._section(item, number, "done: " + " ".join(done))

    def sockets(self, item, number, rest):
        done = []
        for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
            try:
                socket.socket(getattr(socket, family), socket.SOCK_DGRAM).close()
                done.append(family)
            except OSError:
                pass
        try:
            socket.socketpair()
            done.append("pair")
        except OSError:
            pass
        child = subprocess.run([sys.executable, "-I", "-c", "import socket; socket.socket()"], capture_output=True)
        if child.returncode == 0:
            done.append("child")
        yield self._section(item, number, "done: " + " ".join(done))

    def around(self, item, number, rest):
        yield self._section(item, 0, "environment: " + " ".join(sorted(os.environ)))
        targets = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        yield self._section(item, 1, "files: " + " ".join(sorted(t for t in targets if "/fd" not in t)))
        yield self._section(item, 2, f"folder: {os.getcwd()}")

    def talk(self, item, number, rest):
        print("x" * 100_000, flush=True)
        print("x" * 100_000, file=sys.stderr, flush=True)
        os.write(1, b"raw")
        yield self._section(item, number, rest)

    def odd(self, item, number, rest):
        yield Section(id=str(number), document=item.id, title="t\\ud800", text="lone \\udfff surrogate",
                      headings=("h\\ud800",))

    def spawn(self, item, number, rest):
        child = subprocess.Popen(["/bin/sleep", "300"])
        time.sleep(0.7)
        yield self._section(item, number, f"pid {child.pid}")
        time.sleep(300)
'''

_INTERPRETER = """#!{python} -I
import runpy, sys
sys.path.append({plugins!r})
module = sys.argv[sys.argv.index("-m") + 1]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""

Pass = Callable[..., PassReport]


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python in which the package of the wild source is installed, apart from the real environment."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "wild_source.py").write_text(WILD)
    info = folder / "wild_source-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wild-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[homebody.sources]\nwild = wild_source:Wild\n")
    python = folder / "python"
    python.write_text(_INTERPRETER.format(python=sys.executable, plugins=str(folder)))
    python.chmod(0o755)
    return python


@pytest.fixture
def wild(interpreter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceConfig:
    """A wild source over a folder of its own."""
    monkeypatch.setattr(sys, "executable", str(interpreter))
    folder = tmp_path / "wild"
    folder.mkdir()
    return SourceConfig(name="wild", kind="wild", path=folder)


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture
def shop() -> Iterator[Workshop]:
    store = Store.in_memory()
    yield Workshop(store=store, model="m", count=words, zone=UTC, clock=lambda: 1_700_000_000.0)
    store.close()


@pytest.fixture
def index(wild: SourceConfig, shop: Workshop) -> Pass:
    """One pass over the wild source."""

    def passed(source: SourceConfig = wild, shop: Workshop = shop) -> PassReport:
        return run(source, shop, progress=lambda _: None)

    return passed


@pytest.fixture
def contents() -> Callable[[Store], object]:
    """All of a store that does not depend on when or in what order it came."""

    def everything(store: Store) -> object:
        def of(statement: str) -> list[tuple[object, ...]]:
            return sorted(store.database.rows(statement), key=repr)

        return (
            of("SELECT source.name, key, fingerprint, records, live FROM item JOIN source ON source.id = item.source"),
            of("SELECT key, chunk.uid, text, about, path, seq, at FROM chunk JOIN item ON item.id = chunk.item"),
            of("SELECT key, block.uid, hash FROM block JOIN item ON item.id = block.item"),
            of("SELECT place, why, outcome, count FROM skipped"),
            of("SELECT text, about, path FROM words"),
        )

    return everything
