"""What all commands share: the program, its connection to the service, and how it prints and ends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import click
import typer

from agent.errors import HomebodyError
from agent.service.cli import show
from agent.service.cli.client import Client, own_version

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain text: rich's Markdown and syntax colours would double the start
    help="Your own data, asked on your own machine: encrypted, offline by the operating system, every answer cited.",
    epilog="Exit codes: 0 done, 1 error (the remedy is on stderr), 2 wrong use, 3 nothing found, 4 locked.",
)  # fmt: skip

_settings = {"use_daemon": True}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.callback()
def options(
    *,
    no_daemon: Annotated[bool, typer.Option("--no-daemon", help="Use a process of its own, not the daemon.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    _settings["use_daemon"] = not no_daemon
    if version:
        show.out.print(own_version())
        raise typer.Exit


@contextmanager
def connected() -> Iterator[Client]:
    """A conversation with the owner of the home, hung up at the end."""
    client = Client(os.environ, use_daemon=_settings["use_daemon"])
    try:
        yield client
    finally:
        client.close()
        if client.server_version and client.server_version != own_version():
            show.err.print(
                f"The daemon is homebody {client.server_version}, this is {own_version()}: restart it with"
                " `homebody daemon stop` and `homebody daemon start`."
            )


def tell(data: show.Json, *, as_json: bool, people: Callable[[show.Json], None]) -> None:
    """Print for a program or for people."""
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    else:
        people(data)


def sure(question: str, *, yes: bool) -> None:
    """Ask on a terminal; a script is never asked, and must have said --yes where it matters."""
    if not yes and sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; every error is one line with its remedy, and an exit code."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except HomebodyError as error:
        show.err.print(f"homebody: {show.inert(str(error))}")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read our output has enough of it
        sys.exit(0)
