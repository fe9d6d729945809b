"""The command line: parses, asks the service, prints. No model, no database, no library that talks to a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import click
import typer

from agent import config
from agent.config import write_private
from agent.errors import HomebodyError, WrongUse
from agent.service import show
from agent.service.client import Client, own_version, service_command, service_environment, start_daemon

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Your own data, asked on your own machine: encrypted, offline by the operating system, every answer cited.",
    epilog="Exit codes: 0 done, 1 error (the remedy is on stderr), 2 wrong use, 3 nothing found, 4 locked.",
)  # fmt: skip
daemon_app = typer.Typer(no_args_is_help=True, help="The background process that keeps everything current and warm.")
sources_app = typer.Typer(invoke_without_command=True, help="List, pause, resume, change or remove sources.")
app.add_typer(daemon_app, name="daemon")
app.add_typer(sources_app, name="sources")

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
def _client() -> Iterator[Client]:
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


def _print(data: show.Json, *, as_json: bool, people: Callable[[show.Json], None]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    else:
        people(data)


def _sure(question: str, *, yes: bool) -> None:
    """Ask on a terminal; a script is never asked, and must have said --yes where it matters."""
    if not yes and sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise typer.Exit(1)


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
    with _client() as client:
        show.err.print(f"Your data will live, encrypted, in {client.places.home}.")
        _sure("Make it?", yes=yes)
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
        _print(made, as_json=True, people=lambda _: None)
    elif recovery_file is None:
        show.out.print(f"\nRecovery code: {code}\n")
        show.out.print(
            "Write it down: it opens your data when the keychain or the passphrase is lost. It is shown once."
        )


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="The kind of source, such as documents; `homebody sources` lists them.")],
    path: Annotated[str | None, typer.Argument(help="Where it is; some kinds know.")] = None,
    *,
    name: Annotated[str | None, typer.Option(help="What to call it (default: its kind).")] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for this kind of source (TOML value).")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Turn a source on. Shows first what it would read; reads nothing before `homebody index`."""
    body: show.Json = {
        "kind": kind,
        "path": str(Path(path).expanduser().absolute()) if path else None,
        "name": name,
        "options": _options(option or []),
    }
    with _client() as client:
        if not yes:
            show.preview(kind, path or "its usual place", client.request("POST", "/sources/preview", body))
            _sure("Turn it on?", yes=yes)
        added = client.request("POST", "/sources", body)
        _print(added, as_json=as_json, people=lambda d: show.out.print(f"{d['name']} is on: run `homebody index`."))


def _options(pairs: list[str]) -> show.Json:
    import tomllib

    options: show.Json = {}
    for pair in pairs:
        key, mark, value = pair.partition("=")
        if not mark:
            raise WrongUse(f"{pair!r} is not KEY=VALUE.")
        try:
            options[key] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            options[key] = value
    return options


@sources_app.callback()
def sources(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the sources that are on, and the kinds there are."""
    if context.invoked_subcommand is None:
        with _client() as client:
            _print(client.request("GET", "/sources"), as_json=as_json, people=_list_sources)


def _list_sources(data: show.Json) -> None:
    rows = data["sources"]
    assert isinstance(rows, list)
    show.lines(f"{s['name']} ({s['kind']}{', paused' if s['paused'] else ''}): {s['path']}" for s in rows)
    kinds = data["kinds"]
    assert isinstance(kinds, list)
    show.out.print(f"kinds: {', '.join(kinds)}")


@sources_app.command()
def pause(name: str) -> None:
    """Stop reading a source; what is stored stays."""
    with _client() as client:
        client.request("PATCH", f"/sources/{name}", {"paused": True})


@sources_app.command()
def resume(name: str) -> None:
    """Read a paused source again."""
    with _client() as client:
        client.request("PATCH", f"/sources/{name}", {"paused": False})


@sources_app.command()
def change(
    name: str,
    path: Annotated[str | None, typer.Argument(help="The new place.")] = None,
    *,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, replaces all options.")] = None,
) -> None:
    """Give a source another path or other options."""
    with _client() as client:
        rows = client.request("GET", "/sources")["sources"]
        assert isinstance(rows, list)
        old = next((row for row in rows if row["name"] == name), None)
        if old is None:
            raise WrongUse(f"There is no source named {name!r}.", remedy="`homebody sources` lists them.")
        changed = {"kind": old["kind"], "name": name, "path": old["path"], "options": old["options"]}
        if path:
            changed["path"] = str(Path(path).expanduser().absolute())
        if option is not None:
            changed["options"] = _options(option)
        client.request("POST", "/sources", changed)


@sources_app.command()
def remove(name: str, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Turn a source off and forget all that came from it."""
    _sure(f"Forget everything from {name}?", yes=yes)
    with _client() as client:
        _print(client.request("DELETE", f"/sources/{name}"), as_json=as_json, people=show.receipt)


@app.command()
def index(
    names: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None, *, as_json: AsJson = False
) -> None:
    """Read what is new or changed, forget what vanished, and make it searchable."""
    with _client() as client, show.Bars() as bars:
        result: show.Json = {}
        for event, data in client.stream("/index", {"sources": names or []}):
            if event == "progress":
                bars.show(data)
            else:
                result = data
    _print(result, as_json=as_json, people=show.reports)


@app.command()
def search(
    text: str,
    *,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many hits.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Find passages by words and meaning."""
    with _client() as client:
        data = client.request("POST", "/search", {"text": text, "k": k})
    _print(data, as_json=as_json, people=show.hits)
    if not data["hits"]:
        show.err.print("Nothing found.")
        raise typer.Exit(3)


@app.command()
def ask(text: str, *, as_json: AsJson = False) -> None:
    """Answer a question from your own data, with citations."""
    with _client() as client:
        result: show.Json = {}
        for event, data in client.stream("/ask", {"text": text}):
            if event == "text":
                if not as_json and data["text"]:
                    show.out.print(show.inert(str(data["text"])))
            else:
                result = data
    _print(result, as_json=as_json, people=show.answer)
    if not result["found"]:
        raise typer.Exit(3)


@app.command()
def forget(
    source: Annotated[str | None, typer.Argument(help="The source whose data is to go.")] = None,
    *,
    hit: Annotated[str | None, typer.Option("--id", help="One hit of a search, by its id.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget for real: text, words, vectors, samples and free pages; prints what was looked at again."""
    _sure(f"Forget {source or hit} for good?", yes=yes)
    with _client() as client:
        _print(client.request("POST", "/forget", {"source": source, "id": hit}), as_json=as_json, people=show.receipt)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """What is stored, what was skipped and why, what is going on."""
    with _client() as client:
        _print(client.request("GET", "/status"), as_json=as_json, people=show.status)


@app.command()
def lock() -> None:
    """Drop the keys from the daemon's memory until `unlock`."""
    with _client() as client:
        client.request("POST", "/lock")
    show.out.print("Locked.")


@app.command()
def unlock() -> None:
    """Open the home in the running daemon."""
    with _client() as client:
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
    with _client() as client:
        secret = client.passphrase(confirm=True)
        made = client.request("POST", "/recover", {"code": given, "passphrase": secret})
    _hand_over(made, recovery_file, as_json=as_json)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Look for what is wrong, and say what to do about it."""
    from agent.service.doctor import examine, print_findings

    with _client() as client:
        findings = examine(client)
    _print({"checks": findings}, as_json=as_json, people=lambda _: print_findings(findings))
    if any(not finding["ok"] for finding in findings):
        raise typer.Exit(1)


@app.command()
def demo(folder: Annotated[Path, typer.Argument(help="A new folder for it.")]) -> None:
    """Write a synthetic life (messages, documents, health) to try homebody on; nothing of yours is touched."""
    from agent.demo.life import write_life

    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty.", remedy="Name a new folder.")
    show.lines(f"{kind}: {path}" for kind, path in write_life(folder.absolute()).items())


@daemon_app.command("run")
def daemon_run() -> None:
    """Run the daemon here, in the foreground (for launchd and systemd)."""
    raise typer.Exit(
        subprocess.run(service_command("daemon"), env=service_environment(os.environ), check=False).returncode
    )


@daemon_app.command("start")
def daemon_start() -> None:
    """Start the daemon in the background, and unlock it."""
    client = Client(os.environ)
    running = client.daemon_pid()
    pid = running or start_daemon(client.places, os.environ)
    show.out.print(f"The daemon {'is running already' if running else 'runs'} (pid {pid}).")
    state = client.request("GET", "/status") if client.daemon_pid() else {}
    if state.get("set_up") and state.get("locked"):
        client.request("POST", "/unlock", {"passphrase": client.passphrase(confirm=False)})
    client.close()


@daemon_app.command("stop")
def daemon_stop() -> None:
    """Stop the daemon; it seals its index and wipes its RAM folder first."""
    client = Client(os.environ)
    pid = client.daemon_pid()
    if pid is None:
        show.out.print("No daemon is running.")
        return
    client.request("POST", "/stop")
    client.close()
    client.wait_until_gone(pid)
    show.out.print("Stopped.")


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
