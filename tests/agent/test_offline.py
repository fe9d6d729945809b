"""Nothing gets out of a locked process, by no way that a program can take; local sockets still work."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from agent import offline
from agent.errors import OfflineError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own means; Seatbelt is unverified")
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="an x86 way in")

_HEAD = """
import ctypes, errno, json, os, socket, struct, subprocess, sys, threading
started = threading.Event()
go = threading.Event()
early = {}
def earlier():
    started.set(); go.wait()
    libc = ctypes.CDLL(None, use_errno=True)
    early["made"] = libc.socket(2, 1, 0) >= 0
thread = threading.Thread(target=earlier); thread.start(); started.wait()
from agent import offline
means = offline.lock(worker=WORKER)
libc = ctypes.CDLL(None, use_errno=True)
tried = {}
def attempt(name, work):
    try:
        tried[name] = work()
    except BaseException as error:
        tried[name] = f"{type(error).__name__} {getattr(error, 'errno', '')}"
def call(*arguments):
    made = libc.syscall(*arguments)
    return "made" if made >= 0 else errno.errorcode[ctypes.get_errno()]
def raw(family, kind=1):
    made = libc.socket(family, kind, 0)
    return "made" if made >= 0 else errno.errorcode[ctypes.get_errno()]
"""

_TAIL = """
go.set(); thread.join()
tried["earlier thread"] = early["made"]
print(json.dumps({"means": means, **tried}))
"""


def locked(body: str, *, worker: bool = False, status: int = 0) -> dict[str, object]:
    """What a locked child could do."""
    program = _HEAD.replace("WORKER", str(worker)) + body + _TAIL
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout else {}


def test_no_way_out_of_a_locked_process() -> None:
    tried = locked(
        """
attempt("tcp", lambda: str(socket.socket(socket.AF_INET, socket.SOCK_STREAM)))
attempt("udp", lambda: str(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
attempt("tcp6", lambda: str(socket.socket(socket.AF_INET6)))
attempt("connection", lambda: str(socket.create_connection(("127.0.0.1", 9), 1)))
attempt("name", lambda: str(socket.getaddrinfo("localhost", 80)))
attempt("old name", lambda: socket.gethostbyname("localhost"))
for family in (2, 3, 10, 16, 17, 31, 38, 40, 44):
    attempt(f"family {family}", lambda: raw(family, 3 if family in (16, 17) else 1))
attempt("name by libc", lambda: libc.getaddrinfo(b"example.org", None, None, ctypes.byref(ctypes.c_void_p())))
attempt("pair", lambda: "made" if libc.socketpair(2, 1, 0, (ctypes.c_int * 2)()) == 0 else "refused")
attempt("io_uring", lambda: call(425, 4, ctypes.create_string_buffer(120)))
attempt("take over", lambda: call(438, os.pidfd_open(os.getpid()), 0, 0))
attempt("trace", lambda: call(NUMBER["ptrace"], 16, os.getppid(), 0, 0))
attempt("peek", lambda: call(NUMBER["vm_readv"], os.getppid(), 0, 0, 0, 0, 0))
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True, text=True)
tried["child"] = child.returncode
curl = subprocess.run(["/bin/sh", "-c", "exec 3<>/dev/tcp/127.0.0.1/9 || exit 1"], capture_output=True)
tried["shell"] = curl.returncode != 0
def thread_body(): attempt("later thread", lambda: raw(2))
later = threading.Thread(target=thread_body); later.start(); later.join()
""".replace(
            "NUMBER",
            repr(
                {"ptrace": 101, "vm_readv": 310} if platform.machine() == "x86_64" else {"ptrace": 117, "vm_readv": 270}
            ),
        )
    )
    assert tried.pop("means") == "seccomp"
    for name in ("tcp", "udp", "tcp6", "connection", "name", "old name"):
        assert "OSError 97" in str(tried[name]), name
    assert {tried[f"family {family}"] for family in (2, 3, 10, 16, 17, 31, 38, 40, 44)} == {"EAFNOSUPPORT"}
    assert tried["name by libc"] != 0
    assert tried["pair"] == "refused"
    assert {tried[name] for name in ("io_uring", "take over", "trace", "peek")} == {"EPERM"}
    assert tried["child"] != 0
    assert tried["shell"] is True
    assert tried["later thread"] == "EAFNOSUPPORT"
    assert tried["earlier thread"] is False


def test_local_sockets_and_event_loops_work() -> None:
    tried = locked(
        """
import asyncio, tempfile
def local():
    place = os.path.join(tempfile.mkdtemp(), "s")
    server = socket.socket(socket.AF_UNIX); server.bind(place); server.listen()
    client = socket.socket(socket.AF_UNIX); client.connect(place)
    there, _ = server.accept(); client.sendall(b"hello")
    return there.recv(9).decode()
attempt("local", local)
attempt("pair", lambda: len(socket.socketpair()))
async def nap(): await asyncio.sleep(0); return "slept"
attempt("loop", lambda: asyncio.run(nap()))
""",
    )
    assert (tried["local"], tried["pair"], tried["loop"]) == ("hello", 2, "slept")


@x86
def test_the_32_bit_door_kills() -> None:
    assert locked("libc.syscall(0x40000000 + 41, 2, 1, 0)\n", status=-31) == {}


@x86
def test_the_i386_door_kills() -> None:
    body = """
import mmap
code = bytes.fromhex("53" "b867010000" "bb02000000" "b901000000" "ba00000000" "cd80" "5b" "c3")  # socket(2, 1, 0)
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    assert locked(body, status=-31) == {}


def test_a_worker_has_no_socket_and_writes_no_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("precious")
    tried = locked(
        f"""
os.chdir({str(tmp_path)!r})
for family in (1, 2, 10, 16):
    attempt(f"family {{family}}", lambda: raw(family))
attempt("pair", lambda: len(socket.socketpair()))
attempt("write", lambda: open("new", "w"))
attempt("append", lambda: open("old", "a"))
attempt("truncate", lambda: os.truncate("old", 0))
attempt("remove", lambda: os.unlink("old"))
attempt("rename", lambda: os.rename("old", "moved"))
attempt("folder", lambda: os.mkdir("folder"))
attempt("link", lambda: os.symlink("old", "link"))
attempt("fifo", lambda: os.mkfifo("fifo"))
attempt("read", lambda: open("old").read())
def thread_body(): attempt("thread", lambda: open("new", "w"))
later = threading.Thread(target=thread_body); later.start(); later.join()
child = subprocess.run([sys.executable, "-c", "open('new', 'w')"], stdin=0, stdout=1, stderr=2)
tried["child"] = child.returncode
""",
        worker=True,
    )
    if "landlock" not in str(tried["means"]):
        pytest.skip("this kernel has no Landlock: RLIMIT_FSIZE alone holds the worker back")
    assert {tried[f"family {family}"] for family in (1, 2, 10, 16)} == {"EAFNOSUPPORT"}
    assert "OSError" in str(tried["pair"])
    for name in ("write", "append", "truncate", "remove", "rename", "folder", "link", "fifo", "thread"):
        assert "PermissionError" in str(tried[name]), name
    assert tried["read"] == "precious"
    assert tried["child"] != 0
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old", "precious")]


def test_a_worker_lock_holds_for_threads_that_were_there_before() -> None:
    tried = locked("", worker=True)
    assert tried["earlier thread"] is False


def test_the_environment_is_made_polite_and_core_files_are_off() -> None:
    program = """
import os, resource
os.environ["CHROMA_OTEL_COLLECTION_ENDPOINT"] = "http://example.org"
from agent import offline
assert offline.held() is None
offline.lock()
assert offline.lock() == offline.held() == "seccomp"
offline.require()
assert not [name for name in os.environ if name.startswith("CHROMA_")]
assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
print(open("/proc/self/status").read())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"


def test_the_lock_imports_nothing_but_the_standard_library() -> None:
    program = """
import sys
from agent import offline
outside = {name.partition(".")[0] for name, module in sys.modules.items()
           if "site-packages" in (getattr(module, "__file__", None) or "")}
print(sorted(outside - {"sitecustomize", "_distutils_hack"} - {name for name in outside if name.startswith("_virtualenv")}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unlocked_process_is_refused() -> None:
    if offline.held() is None:
        with pytest.raises(OfflineError, match="not locked") as caught:
            offline.require()
        assert caught.value.remedy


def test_a_lock_that_does_not_hold_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This very process is not locked, so the self-test has to fail here."""
    if offline.held() is None:
        with pytest.raises(OfflineError, match="does not hold"):
            offline._self_test()


@pytest.mark.parametrize("machine", ["riscv64", ""])
def test_an_unknown_machine_is_refused(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(OfflineError, match="No network lock is known"):
        offline._seccomp(())


def test_an_unknown_system_is_refused() -> None:
    program = """
import sys
sys.platform = "win32"
from agent import offline
from agent.errors import OfflineError
try:
    offline.lock()
except OfflineError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cannot lock the network on win32" in done.stdout


def test_a_refused_filter_is_an_error() -> None:
    """A filter under a filter that forbids filters: as in a container that does not allow seccomp."""
    program = """
import ctypes, struct
from agent import offline
from agent.errors import OfflineError
libc = ctypes.CDLL(None, use_errno=True)
machine = offline._MACHINES[__import__("platform").machine()]
def step(code, value, yes=0, no=0): return struct.pack("HBBI", code, yes, no, value)
program = step(0x20, 0) + step(0x15, machine.seccomp, 0, 1) + step(6, 0x00050000 | 1) + step(6, 0x7FFF0000)
buffer = ctypes.create_string_buffer(program, len(program))
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(machine.seccomp, 1, 0, struct.pack("HxxxxxxQ", 4, ctypes.addressof(buffer))) == 0
try:
    offline.lock()
except OfflineError as error:
    print(error, "|", error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "refused the network lock" in done.stdout
    assert "container" in done.stdout
