"""The worker's own program: one source's whole life in a locked process without keys, network or write access."""

from __future__ import annotations

import sys

from agent import offline

if __name__ == "__main__":
    offline.lock(worker=True)

import contextlib
import ctypes
import gc
import os
import resource
import signal
import time
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec

from agent.ingest.workers.frame import Done, Opened, Refused, Roots, Sent, encode
from agent.ingest.workers.listing import Listing
from indexers.record import Skipped
from indexers.source import Item, Live, Source, SourceUnavailable, factory

_T = TypeVar("_T")

MEMORY_LIMIT = 1 << 30
CPU_SECONDS = 120
"""For one item; a large one gets a second more for each 256 KiB."""
_SILENCE = 0.5
"""Seconds for which frames may wait to be sent together."""

_flushed = 0.0


def main() -> None:
    """Serve one source over standard input and output until the daemon closes them."""
    _limit()
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)  # a parser that prints must not break the frames; 2 leads nowhere
    try:
        opening = msgspec.json.decode(sys.stdin.buffer.readline())
        make = factory(opening["kind"])
        usual = str(getattr(make, "default_path", ""))
        if not opening["path"]:
            _send(out, Opened(mirror=False, usual=usual))
            out.flush()
            return
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)  # parsers make many objects and few cycles
        source = make(name=opening["name"], path=Path(opening["path"]), options=opening["options"])
        asks, live = hasattr(source, "known"), isinstance(source, Live)
        _send(out, Opened(mirror=source.mirror, usual=usual, asks=asks, live=live))
        out.flush()
    except (LookupError, ValueError, SourceUnavailable) as error:
        _send(out, Refused(why=str(error)))
        out.flush()
        return
    except Exception as error:  # somebody else's code: its texts may hold what it read
        _send(out, Refused(why=f"it could not be opened ({type(error).__name__})"))
        out.flush()
        return
    listing = Listing()
    for line in sys.stdin.buffer:
        _serve(source, listing, msgspec.json.decode(line), out)
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


def _serve(source: Source, listing: Listing, command: dict[str, object], out: BinaryIO) -> None:
    match command["op"]:
        case "roots":
            try:
                live = source.live() if isinstance(source, Live) else ()
                _send(out, Roots(paths=tuple(map(str, source.roots())), live=tuple(map(str, live))))
            except Exception as error:  # a source that cannot say where to look is looked at hourly all the same
                _send(out, Refused(why=f"it could not say where to look ({type(error).__name__})"))
        case "scan":
            try:
                _allow_cpu(None)
                if hasattr(source, "known"):
                    source.known = command["known"]
                for found in listing.tell(source.scan(), differences=bool(command.get("differences"))):
                    _send(out, found)
            except SourceUnavailable as error:
                _send(out, Refused(why=str(error)))
            except Exception as error:  # half a scan would look as if the rest had been deleted
                _send(out, Refused(why=f"looking at it failed ({type(error).__name__}); it is tried again later"))
        case "read":
            for fields_ in command["items"]:  # type: ignore[attr-defined]  # our own daemon wrote it
                item = Item(**fields_)
                _allow_cpu(item.size)
                _send(out, Done(item=item.id, cut=_read(source, item, out)))
                out.flush()  # what is whole must not be lost when the next item crashes


def _allow_cpu(size: int | None) -> None:
    """Let the system end this process when one item takes too long; None: a scan, which the daemon's patience bounds."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if size is None:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + size // (256 << 10)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


def _read(source: Source, item: Item, out: BinaryIO) -> bool:
    """Send one item's records; True when its source failed on the way.

    That ends the item, not this process. The name of the error is told, never its text.
    """
    try:
        for record in source.read(item):
            _send(out, record)
        return False
    except SourceUnavailable as error:
        _send(out, Refused(why=str(error)))
    except MemoryError:
        _send(out, Skipped(where=item.id, why="it needs more memory than a reader may have", outcome="too_large"))
    except RecursionError:
        _send(out, Skipped(where=item.id, why="it is nested too deeply", outcome="malformed"))
    except FileNotFoundError:
        _send(out, Skipped(where=item.id, why="it vanished while it was read", outcome="vanished"))
    except PermissionError:
        _send(out, Skipped(where=item.id, why="no permission to read it", outcome="no_permission"))
    except Exception as error:
        _send(out, Skipped(where=item.id, why=f"its reader failed ({type(error).__name__})", outcome="malformed"))
    return True


def _send(out: BinaryIO, sent: Sent) -> None:
    global _flushed
    try:
        frame = encode(sent)
    except (UnicodeEncodeError, ValueError):
        frame = encode(_printable(sent))
    out.write(frame)
    if time.monotonic() - _flushed > _SILENCE:  # the daemon must see that a slow reader gets on
        out.flush()
        _flushed = time.monotonic()


def _printable(value: _T) -> _T:
    """The same without lone surrogates, which cannot travel as UTF-8: they become U+FFFD."""
    made: object = value
    if isinstance(value, str):
        made = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    elif isinstance(value, tuple):
        made = tuple(map(_printable, value))
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: _printable(getattr(value, field.name)) for field in fields(value)})
    return cast("_T", made)


if __name__ == "__main__":
    main()
