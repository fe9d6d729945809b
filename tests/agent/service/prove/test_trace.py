"""The proof can fail: traces of processes that misbehave are found out."""

from __future__ import annotations

import socket
from pathlib import Path

from agent.service.prove import search, trace

LOCK = "1 seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=25, filter=0x7f}) = 0"
REFUSED = "= -1 EAFNOSUPPORT (Address family not supported by protocol)"
SELF_TEST = [
    f"1 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) {REFUSED}",
    f"1 socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP) {REFUSED}",
]
START = "1 execve(0x7f, [...], 0x7f /* 38 vars */) = 0"
GOOD = [START, LOCK, *SELF_TEST, "1 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3", "1 clone(child_stack=NULL) = 2"]


def test_a_process_that_behaves_is_not_accused() -> None:
    seen = trace.read(GOOD)
    assert (seen.processes, seen.locks, seen.self_tests, seen.unix_sockets) == (1, 1, 2, 1)
    assert seen.attempts == []
    assert seen.early == []


def test_a_try_counts_even_when_it_was_refused() -> None:
    """This is what onnxruntime 1.31 did of its own accord, half a second after it had been loaded."""
    look_up = f"7 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) {REFUSED}"
    assert trace.read([*GOOD, look_up]).attempts == [look_up]
    for family in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"):
        assert trace.read([*GOOD, f"1 socket({family}, SOCK_STREAM, 0) = 4"]).attempts


def test_a_third_socket_is_no_self_test() -> None:
    assert len(trace.read([START, LOCK, *SELF_TEST, *SELF_TEST]).attempts) == 2
    assert trace.read([START, LOCK, "1 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3"]).attempts


def test_what_comes_before_the_lock_came_too_early() -> None:
    assert trace.read([START, "1 socket(AF_UNIX, SOCK_STREAM, 0) = 3", LOCK]).early
    assert trace.read([START, "1 vfork() = 9", LOCK]).early
    assert not trace.read([START, "1 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 9", LOCK]).early
    refused = LOCK.replace("= 0", "= -1 EPERM (Operation not permitted)")
    assert trace.read([START, refused, "1 vfork() = 9"]).early


def test_calls_that_strace_cuts_in_two_are_read_whole() -> None:
    seen = trace.read([*GOOD, "5 socket(AF_INET, SOCK_STREAM, 0 <unfinished ...>", "5 <... socket resumed>) = 4"])
    assert len(seen.attempts) == 1


def test_the_planted_word_is_found_in_whatever_form(tmp_path: Path) -> None:
    for name, content in {
        "plain": b"xx quokka99 xx",
        "shouted": b"QUOKKA99",
        "wide": "quokka99".encode("utf-16-le"),
        "wide-the-other-way": "Quokka99".encode("utf-16-be"),
        "innocent": b"quokka",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s"))
        found = {Path(file).name for file in search.files_with("quokka99", [tmp_path])}
    assert found == {"plain", "shouted", "wide", "wide-the-other-way"}
