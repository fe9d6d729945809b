"""Where the command line begins: the offline lock before any import outside the standard library."""

from __future__ import annotations

from agent import offline
from agent.errors import OfflineError


def command_line() -> None:
    """The program `homebody`."""
    try:
        offline.lock()
    except OfflineError as error:
        raise SystemExit(f"homebody: {error}") from None
    from agent.service.cli import main

    main()
