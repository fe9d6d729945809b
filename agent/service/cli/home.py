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
        if recovery_file is not None and recovery_file.exists():
            raise WrongUse(f"{recovery_file} exists already.", remedy="Name a new file.")
        secret = client.passphrase(confirm=True) if os.environ.get("HOMEBODY_PASSPHRASE_FILE") else None
        body: show.Json = {"zone": config.system_zone(os.environ), "passphrase": secret}
        try:
            made = client.request("POST", "/init", body)
        except HomebodyError as error:
            if yes or "keychain" not in error.problem or not sys.stdin.isatty():
                raise
            made = client.request("POST", "/init", {**body, "passphrase": client.passphrase(confirm=True)})
        _hand_over(made, recovery_file, as_json=as_json)


def _hand_over(made: show.Json, recovery_file: Path | None, *, as_json: bool) -> None:
    """Show the recovery code once, or put it where the owner said."""
    code = str(made["recovery_code"])
    if recovery_file is not None:
        write_private(recovery_file.absolute(), (code + "\n").encode())
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
        client.request("POST", "/lock")
    show.out.print("Locked.")


@app.command()
def unlock() -> None:
    """Open the home in the running daemon."""
    with connected() as client:
        client.request("POST", "/unlock", {"passphrase": client.passphrase(confirm=False)})
    show.out.print("Unlocked.")


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
