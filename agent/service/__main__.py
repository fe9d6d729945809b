"""The service process: locked first, then the daemon (`daemon`) or one command for one connection (`once FD`)."""

from __future__ import annotations

import sys

from agent import offline

if __name__ == "__main__":
    offline.lock()

import os
import socket
import threading

from agent import config
from agent.errors import HomebodyError, StoreError

BUSY = 75
"""Exit status of a process that found the home open elsewhere (EX_TEMPFAIL): the command line then asks there."""


def main(arguments: list[str]) -> int:
    """Run one role; returns the exit status."""
    from agent.service.api.server import serve
    from agent.service.daemon import Daemon, log_to

    os.umask(0o077)
    places = config.places(os.environ)
    os.chdir("/")
    once = socket.socket(fileno=int(arguments[1])) if arguments[0] == "once" else None
    daemon = Daemon(places)
    try:
        daemon.claim()
    except HomebodyError as error:
        print(f"homebody: {error}", file=sys.stderr)  # noqa: T201 - whoever started us reads it, and there is no log yet
        return BUSY if isinstance(error, StoreError) else error.exit_code
    try:
        log_to(places.home / "log")
        if once is None:
            threading.Thread(target=daemon.background.run, name="background", daemon=True).start()
        serve(daemon, once=once, ready=_foreground if "foreground" in arguments else _hush)
    except HomebodyError as error:
        print(f"homebody: {error}", file=sys.stderr)  # noqa: T201 - as above
        return error.exit_code
    finally:
        daemon.stop()
    return 0


def _foreground() -> None:
    """The owner's own terminal stays connected."""


def _hush() -> None:
    """We serve: let go of the pipe on which a failed start would have been told."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
