"""The lock that keeps every process of the product off the network, made before anything else is imported.

Linux: a seccomp filter for all threads (TSYNC) and every child. macOS: a Seatbelt profile (unverified on macOS).
A worker's lock is tighter: no socket of any kind and, through Landlock, no file that can be written.
Standard library only, by purpose: nothing may run before the lock.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from dataclasses import dataclass

from agent.errors import OfflineError

_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.31 would look up mobile.events.data.microsoft.com
    "TOKENIZERS_PARALLELISM": "false",
}

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_AF_UNIX = 1
_X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class _Machine:
    """The system call numbers of one architecture (linux/arch/*/syscall tables)."""

    audit: int
    seccomp: int
    socket: int
    socketpair: int
    ptrace: int
    vm_readv: int
    vm_writev: int
    io_uring_setup: int = 425
    pidfd_getfd: int = 438


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 317, 41, 53, 101, 310, 311),
    "aarch64": _Machine(0xC00000B7, 277, 198, 199, 117, 270, 271),
}

_held: str | None = None


def lock(*, worker: bool = False) -> str:
    """Cut this process, its threads and its children off the network; say by what means.

    Must come before any import outside the standard library. With `worker`, sockets of every family and writing to
    any file are refused too. Idempotent. Raises OfflineError when the lock cannot be made or does not hold.
    """
    global _held
    if _held is not None:
        return _held
    for name in [name for name in os.environ if name.startswith("CHROMA_")]:
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    sys.addaudithook(_tripwire)
    if sys.platform == "linux":
        means = "seccomp"
        _no_core_dumps()
        if worker:
            means += "+landlock" if _read_only_files() else ""
        _seccomp(families=() if worker else (_AF_UNIX,))
    elif sys.platform == "darwin":
        means = "seatbelt"
        _seatbelt(worker=worker)
    else:
        raise OfflineError(f"homebody cannot lock the network on {sys.platform}.", remedy="Run it on macOS or Linux.")
    _self_test()
    _held = means
    return means


def held() -> str | None:
    """By what means this process is locked; None when it is not."""
    return _held


def require() -> None:
    """Refuse to go on in a process that is not locked. Raises OfflineError."""
    if _held is None:
        raise OfflineError("This process is not locked off the network.", remedy="Start it through `homebody`.")


def _self_test() -> None:
    """An internet socket must be refused by the system itself, not only by the audit hook."""
    libc = ctypes.CDLL(None, use_errno=True)
    for family in (socket.AF_INET, socket.AF_INET6):
        descriptor = libc.socket(int(family), int(socket.SOCK_DGRAM), 0)
        if descriptor < 0:
            continue
        refused = False
        if sys.platform == "darwin":  # Seatbelt lets a socket be made, but neither bound nor connected
            address = struct.pack("!BBHI8x", 16, int(socket.AF_INET), 9, 0x7F000001)
            refused = family != socket.AF_INET or libc.connect(descriptor, address, 16) < 0
        os.close(descriptor)
        if not refused:
            raise OfflineError(
                "The network lock does not hold: a socket could be made.",
                remedy="Do not use homebody on this system; `homebody doctor` shows details.",
            )


def _tripwire(event: str, args: tuple[object, ...]) -> None:
    """Say loudly when our own code tries; the system's lock is what stops it."""
    if event == "socket.__new__" and len(args) > 1 and args[1] not in (_AF_UNIX, -1):
        raise OSError(errno.EAFNOSUPPORT, "homebody is offline: no network socket may be made")
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        raise OSError(errno.EAFNOSUPPORT, "homebody is offline: no name may be looked up")


def _no_core_dumps() -> None:
    """Keep keys and texts out of core files and out of other processes' reach (PR_SET_DUMPABLE 0)."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0)


def _seccomp(families: tuple[int, ...]) -> None:
    """Install the filter: sockets of `families` only; no io_uring (sockets around the filter), no peeking.

    Nor may the socket of another process be taken over (pidfd_getfd).
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OfflineError(f"No network lock is known for {platform.machine()}.", remedy="Use x86_64 or aarch64.")
    program = _filter(machine, families)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OfflineError("The system refused PR_SET_NO_NEW_PRIVS.", remedy="Run outside of this container.")
    done = libc.syscall(machine.seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, header)
    if done != 0:
        raise OfflineError(
            f"The system refused the network lock (seccomp: {os.strerror(ctypes.get_errno())}).",
            remedy="Use a kernel with seccomp filters, or allow the call in the container's profile.",
        )


def _filter(machine: _Machine, families: tuple[int, ...]) -> bytes:
    """Classic BPF over struct seccomp_data: nr at 0, arch at 4, low half of the first argument at 16."""

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    def refuse(error: int) -> bytes:
        return step(_RETURN, _ERRNO | error)

    program = step(_LOAD, 4) + step(_JUMP_EQUAL, machine.audit, 1, 0) + step(_RETURN, _KILL) + step(_LOAD, 0)
    if machine.audit == _MACHINES["x86_64"].audit:
        program += step(_JUMP_AT_LEAST, _X32, 0, 1) + step(_RETURN, _KILL)
    for number in (machine.io_uring_setup, machine.ptrace, machine.vm_readv, machine.vm_writev, machine.pidfd_getfd):
        program += step(_JUMP_EQUAL, number, 0, 1) + refuse(errno.EPERM)
    for number in (machine.socket, machine.socketpair):
        checks = b"".join(step(_JUMP_EQUAL, family, 0, 1) + step(_RETURN, _ALLOW) for family in families)
        body = step(_LOAD, 16) + checks + refuse(errno.EAFNOSUPPORT)
        program += step(_JUMP_EQUAL, number, 0, len(body) // 8) + body
    return program + step(_RETURN, _ALLOW)


def _read_only_files() -> bool:
    """Refuse this process every way to write to a file (Landlock); False where the kernel has none.

    Source: linux/Documentation/userspace-api/landlock.rst. Without rules, each handled right is refused everywhere.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    create, restrict = 444, 446
    version = libc.syscall(create, 0, 0, 1)
    if version < 1:
        return False
    rights = 1 << 1  # WRITE_FILE
    rights |= sum(1 << bit for bit in range(4, 13))  # REMOVE_*, MAKE_*
    rights |= (1 << 13) if version >= 2 else 0  # REFER
    rights |= (1 << 14) if version >= 3 else 0  # TRUNCATE
    rules = libc.syscall(create, struct.pack("Q", rights), 8, 0)
    if rules < 0:
        return False
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done: int = libc.syscall(restrict, rules, 0)
    os.close(rules)
    return done == 0


def _seatbelt(*, worker: bool) -> None:
    """Apply a sandbox profile to this very process. Unverified on macOS: written from `sandbox.h` and public profiles.

    UNIX sockets stay allowed below the runtime folder only; the resolver's socket is outside and so refused.
    """
    profile = '(version 1)(allow default)(deny network*)(deny mach-lookup (global-name "com.apple.nsurlsessiond"))'
    if worker:
        profile += '(deny file-write*)(allow file-write* (literal "/dev/null"))'
    else:
        profile += (
            "(allow system-socket (socket-domain AF_UNIX))"
            '(allow network* (local unix-socket (path-regex #"/homebody-[^/]*/")))'
            '(allow network* (remote unix-socket (path-regex #"/homebody-[^/]*/")))'
        )
    libc = ctypes.CDLL("/usr/lib/libSystem.dylib", use_errno=True)
    problem = ctypes.c_char_p()
    if libc.sandbox_init(profile.encode(), ctypes.c_uint64(0), ctypes.byref(problem)) != 0:
        raise OfflineError("macOS refused the network lock.", remedy="Report this with your macOS version.")
