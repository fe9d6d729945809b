"""Tries to reach the network in every way we know, from inside a process; prints what became of each try as JSON.

Run as `python -I -m agent.service.prove.probes locked|open`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

from agent import offline

_go, _tried = threading.Event(), threading.Event()
_early: list[str] = []

_IO_URING_SETUP = 425
_SOCKET = {"x86_64": 41, "aarch64": 198}
_LINUX = sys.platform == "linux"
NAME = "name look-up by the C library"
"""Never tried without the lock: it would send a question to a name server."""
_CHILD = "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()"


def _raw(family: int, kind: int) -> Callable[[], str]:
    """A socket made by the C library, past every check in Python. "" means that it could be made."""

    def attempt() -> str:
        libc = ctypes.CDLL(None, use_errno=True)
        made: int = libc.socket(family, kind, 0)
        if made < 0:
            return errno.errorcode.get(ctypes.get_errno(), "?")
        os.close(made)
        return ""

    return attempt


def _system_call(number: int, *arguments: object) -> Callable[[], str]:
    def attempt() -> str:
        libc = ctypes.CDLL(None, use_errno=True)
        made: int = libc.syscall(number, *arguments)
        if made < 0:
            return errno.errorcode.get(ctypes.get_errno(), "?")
        os.close(made)
        return ""

    return attempt


def _python(kind: int) -> Callable[[], str]:
    def attempt() -> str:
        try:
            socket.socket(socket.AF_INET, kind).close()
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, "?")
        return ""

    return attempt


def _pair() -> str:
    try:
        for end in socket.socketpair(socket.AF_INET):
            end.close()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return ""


def _name() -> str:
    """The C library's own resolver."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = ctypes.c_void_p()
    failed: int = libc.getaddrinfo(b"homebody-prove.invalid", b"53", None, ctypes.byref(found))
    return f"EAI {failed}" if failed else ""


def _child() -> str:
    """A fresh interpreter, which knows nothing of us."""
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", _CHILD], capture_output=True, check=False)
    return ended.stderr.decode().strip().rpartition("\n")[2][:80] if ended.returncode else ""


def _wait_and_try() -> None:
    _go.wait(30)
    _early.append(_raw(2, 1)())
    _tried.set()


def _thread() -> str:
    _go.set()
    _tried.wait(30)
    return _early[0] if _early else "?"


PROBES: dict[str, Callable[[], str]] = {
    "TCP socket": _python(socket.SOCK_STREAM),
    "UDP socket": _python(socket.SOCK_DGRAM),
    "TCP socket by the C library": _raw(2, 1),
    "UDP socket by the C library": _raw(2, 2),
    "IPv6 socket by the C library": _raw(int(socket.AF_INET6), 1),
    "pair of internet sockets": _pair,
    NAME: _name,
    "a program started by it": _child,
    "a thread older than the lock": _thread,
    **(
        {
            "netlink socket": _raw(16, 3),
            "packet socket": _raw(17, 3),
            "socket by system call": _system_call(_SOCKET.get(platform.machine(), -1), 2, 1, 0),
            "io_uring (sockets around the filter)": _system_call(_IO_URING_SETUP, 2, ctypes.create_string_buffer(120)),
        }
        if _LINUX
        else {}
    ),
}
"""What is tried; each returns "" when it could be done, else how it was refused."""

if __name__ == "__main__":
    threading.Thread(target=_wait_and_try, daemon=True).start()  # before the lock, which must hold for it too
    asked = PROBES
    if sys.argv[1] == "locked":
        offline.lock()
    else:
        asked = {name: PROBES[name] for name in PROBES if name != NAME}
    json.dump({name: attempt() for name, attempt in asked.items()}, sys.stdout)
