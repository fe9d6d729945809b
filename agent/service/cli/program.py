"""What all commands share: the program, its connection to the service, and how it prints and ends."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from agent.errors import HomebodyError, WrongUse
from agent.service.cli import show
from agent.service.cli.client import Client, own_version
from agent.service.fault import fault

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain text: rich's Markdown and syntax colours would double the start
    help="Your own data, asked on your own machine: encrypted, offline by the operating system, every answer cited.",
    epilog="Exit codes: 0 done, 1 error (the remedy is on stderr), 2 wrong use, 3 nothing found, 4 locked.",
)  # fmt: skip

_settings = {"use_daemon": True}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        show.out.print(own_version())
        raise typer.Exit


@app.callback()
def options(
    *,
    no_daemon: Annotated[bool, typer.Option("--no-daemon", help="Use a process of its own, not the daemon.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has acted
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    _settings["use_daemon"] = not no_daemon


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
        show.document(data)
    else:
        people(data)


def sure(question: str, *, yes: bool) -> None:
    """Ask on a terminal; without one nothing is ever asked, and the command itself counts as the answer."""
    if not yes and sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; every error is one line with its remedy, and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows ASCII only gets escapes, not an error
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_ended())


def _ended() -> int:
    try:
        status = int(app(standalone_mode=False) or 0)
        sys.stdout.flush()
        return status
    except HomebodyError as error:
        show.err.print(f"homebody: {show.inert(error, lines=True)}")
        return error.exit_code
    except typer.TyperException as error:  # wrong use; its kinds are private to typer
        text = error.format_message()
        show.err.print(
            text if text.startswith("Usage:") else f"homebody: {show.inert(text, lines=True)} See `homebody --help`."
        )
        return WrongUse.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        return show.nobody_reads()
    except OSError as error:
        where = f": {show.inert(str(error.filename))}" if error.filename else ""
        show.err.print(
            f"homebody: {error.strerror or type(error).__name__}{where}. Check the path and its permissions."
        )
        return HomebodyError.exit_code
    except Exception as error:
        show.err.print(f"homebody: {fault(error)}")
        return HomebodyError.exit_code
