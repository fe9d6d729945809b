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
    os.chdir("/")
    places = config.places(os.environ)
    once = socket.socket(fileno=int(arguments[1])) if arguments[0] == "once" else None
    daemon = Daemon(places)
    try:
        daemon.claim()
    except StoreError as error:
        print(f"homebody: {error}", file=sys.stderr)  # noqa: T201 - the daemon's own terminal, before it has a log
        return BUSY
    except HomebodyError as error:
        print(f"homebody: {error}", file=sys.stderr)  # noqa: T201 - as above
        return error.exit_code
    log_to(places.home / "log")
    try:
        if once is None:
            threading.Thread(target=daemon.watch, name="background", daemon=True).start()
        serve(daemon, once=once)
    finally:
        daemon.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
