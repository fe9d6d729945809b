"""Commands about the home itself: made, looked at, locked, recovered, examined."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent import config
from agent.config import write_private
from agent.errors import HomebodyError, WrongUse
from agent.service.cli import show
from agent.service.cli.program import AsJson, Yes, app, connected, sure, tell


@app.command()
def init(
    *,
    yes: Yes = False,
    recovery_file: Annotated[
        Path | None, typer.Option(help="Write the recovery code into this new file (0600) instead of showing it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the encrypted home, its key and its recovery code."""
    with connected() as client:
        show.err.print(f"Your data will live, encrypted, in {client.places.home}.")
        sure("Make it?", yes=yes)
        _must_be_new(recovery_file)
        secret = client.passphrase(confirm=True) if os.environ.get("HOMEBODY_PASSPHRASE_FILE") else None
        body: show.Json = {"zone": config.system_zone(os.environ), "passphrase": secret}
        try:
            made = client.request("POST", "/init", body)
        except HomebodyError as error:
            if yes or "keychain" not in error.problem or not sys.stdin.isatty():
                raise
            made = client.request("POST", "/init", {**body, "passphrase": client.passphrase(confirm=True)})
        _hand_over(made, recovery_file, as_json=as_json)


def _must_be_new(file: Path | None) -> None:
    """A code that could not be written down would be lost: look before it is made."""
    if file is None:
        return
    if file.exists():
        raise WrongUse(f"{file} exists already.", remedy="Name a new file.")
    if not os.access(file.absolute().parent, os.W_OK | os.X_OK):
        raise WrongUse(f"Nothing can be written into {file.absolute().parent}.", remedy="Name another folder.")


def _hand_over(made: show.Json, recovery_file: Path | None, *, as_json: bool) -> None:
    """Show the recovery code once, or put it where the owner said."""
    code = str(made["recovery_code"])
    if recovery_file is not None:
        try:
            write_private(recovery_file.absolute(), (code + "\n").encode())
        except OSError as error:
            show.err.print(f"Recovery code: {code}")
            raise HomebodyError(
                f"It could not be written to {recovery_file} ({error.strerror}).", remedy="Write it down now."
            ) from None
        show.err.print(f"The recovery code is in {recovery_file}. Keep it away from this machine.")
        made = {**made, "recovery_code": None, "recovery_file": str(recovery_file)}
    if as_json:
        tell(made, as_json=True, people=lambda _: None)
    elif recovery_file is None:
        show.out.print(f"\nRecovery code: {code}\n")
        show.out.print(
            "Write it down: it opens your data when the keychain or the passphrase is lost. It is shown once."
        )


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """What is stored, what was skipped and why, what is going on."""
    with connected() as client:
        tell(client.request("GET", "/status"), as_json=as_json, people=show.status)


@app.command()
def lock() -> None:
    """Drop the keys from the daemon's memory until `unlock`."""
    with connected() as client:
        if client.daemon_pid() is None:
            show.out.print("No daemon is running: nothing is unlocked.")
            return
        client.request("POST", "/lock")
    show.out.print("Locked.")


@app.command()
def unlock() -> None:
    """Open the home in the running daemon."""
    with connected() as client:
        running = client.daemon_pid() is not None
        client.request("POST", "/unlock", {"passphrase": client.passphrase(confirm=False)})
    show.out.print("Unlocked." if running else "That opens it. `homebody daemon start` keeps it open.")


@app.command()
def recover(
    code: Annotated[str | None, typer.Argument(help="Leave it out to be asked: arguments are seen by others.")] = None,
    *,
    code_file: Annotated[Path | None, typer.Option(help="Read the code from this file.")] = None,
    recovery_file: Annotated[Path | None, typer.Option(help="Write the new code into this new file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open your data with the recovery code alone, and set a new way in."""
    given = code or (code_file.read_text().strip() if code_file else None)
    _must_be_new(recovery_file)
    given = given or (typer.prompt("Recovery code", err=True) if sys.stdin.isatty() else sys.stdin.readline().strip())
    with connected() as client:
        secret = client.passphrase(confirm=True)
        made = client.request("POST", "/recover", {"code": given, "passphrase": secret})
    _hand_over(made, recovery_file, as_json=as_json)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Look for what is wrong, and say what to do about it."""
    from agent.service.cli.doctor import examine, print_findings

    with connected() as client:
        findings = examine(client)
    tell({"checks": findings}, as_json=as_json, people=lambda _: print_findings(findings))
    if any(not finding["ok"] for finding in findings):
        raise typer.Exit(1)


@app.command()
def demo(folder: Annotated[Path, typer.Argument(help="A new folder for it.")]) -> None:
    """Write a synthetic life (messages, documents, health) to try homebody on; nothing of yours is touched."""
    from agent.demo.life import write_life

    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty.", remedy="Name a new folder.")
    show.lines(f"{kind}: {path}" for kind, path in write_life(folder.absolute()).items())
