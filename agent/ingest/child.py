"""The worker's own program: one source's whole life in a locked process without keys, network or write access."""

from __future__ import annotations

import sys

from agent import offline

if __name__ == "__main__":
    offline.lock(worker=True)

import contextlib
import ctypes
import json
import os
import resource
import signal
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import BinaryIO

from agent.ingest.frame import Done, Opened, Refused, Roots, Sent, encode
from indexers.record import SampleBatch, Skipped
from indexers.source import Item, Source, SourceUnavailable, factory

MEMORY_LIMIT = 2 << 30
CPU_SECONDS = 120
"""For one item; a large one gets a second more for each 256 KiB."""


def main() -> None:
    """Serve one source over standard input and output until the daemon closes them."""
    _limit()
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 1)  # a parser that prints must not break the frames
    try:
        opening = json.loads(sys.stdin.buffer.readline())
        make = factory(opening["kind"])
        usual = str(getattr(make, "default_path", ""))
        if not opening["path"]:
            _send(out, Opened(mirror=False, usual=usual))
            out.flush()
            return
        source = make(name=opening["name"], path=Path(opening["path"]), options=opening["options"])
        _send(out, Opened(mirror=source.mirror, usual=usual))
    except (LookupError, ValueError, SourceUnavailable) as error:
        _send(out, Refused(why=str(error)))
        out.flush()
        return
    for line in sys.stdin.buffer:
        _serve(source, json.loads(line), out)
        out.flush()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on address space; the daemon watches RSS
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: no worker outlives its daemon
        if os.getppid() == 1:
            sys.exit(1)


def _serve(source: Source, command: dict[str, object], out: BinaryIO) -> None:
    match command["op"]:
        case "roots":
            _send(out, Roots(paths=tuple(str(root) for root in source.roots())))
        case "scan":
            for found in _guarded(source.scan(), where=source.name):
                _send(out, found)
            _send(out, Done())
        case "read":
            for fields_ in command["items"]:  # type: ignore[attr-defined]  # our own daemon wrote it
                item = Item(**fields_)
                _allow_cpu(item.size)
                for record in _guarded(source.read(item), where=item.id):
                    _send(out, record)
                _send(out, Done(item=item.id))


def _allow_cpu(size: int) -> None:
    """Let the system end this process when one item takes too long."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + size // (256 << 10)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _guarded(stream: Iterator[Sent], *, where: str) -> Iterator[Sent]:
    """A fault of a source ends its item, not its process: the name of the error is told, never its text."""
    try:
        yield from stream
    except SourceUnavailable as error:
        yield Refused(why=str(error))
    except MemoryError:
        yield Skipped(where=where, why="it needs more memory than a reader may have", outcome="too_large")
    except RecursionError:
        yield Skipped(where=where, why="it is nested too deeply", outcome="malformed")
    except FileNotFoundError:
        yield Skipped(where=where, why="it vanished while it was read", outcome="vanished")
    except PermissionError:
        yield Skipped(where=where, why="no permission to read it", outcome="no_permission")
    except Exception as error:
        yield Skipped(where=where, why=f"its reader failed ({type(error).__name__})", outcome="malformed")


def _send(out: BinaryIO, sent: Sent) -> None:
    try:
        frame = encode(sent)
    except (UnicodeEncodeError, ValueError):
        frame = encode(_printable(sent))
    out.write(frame)
    if not isinstance(sent, SampleBatch | Item) and len(frame) > 1 << 16:
        out.flush()


def _printable(sent: Sent) -> Sent:
    """Lone surrogates cannot travel as UTF-8: they become U+FFFD."""
    changed: dict[str, object] = {}
    for field in fields(sent):
        value = getattr(sent, field.name)
        if isinstance(value, str):
            changed[field.name] = unicodedata.normalize("NFC", value.encode("utf-8", "replace").decode())
        elif isinstance(value, tuple):
            changed[field.name] = tuple(
                v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in value
            )
    return replace(sent, **changed)  # type: ignore[arg-type]  # the same fields, the same types


if __name__ == "__main__":
    main()
