"""Commands about what is read: sources turned on, listed, paused, changed, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from agent.errors import WrongUse
from agent.service.cli import show
from agent.service.cli.program import AsJson, Yes, app, connected, sure, tell

sources_app = typer.Typer(invoke_without_command=True, help="List, pause, resume, change or remove sources.")
app.add_typer(sources_app, name="sources")


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
    with connected() as client:
        if not yes:
            show.preview(kind, path or "its usual place", client.request("POST", "/sources/preview", body))
            sure("Turn it on?", yes=yes)
        added = client.request("POST", "/sources", body)
        tell(added, as_json=as_json, people=lambda d: show.out.print(f"{d['name']} is on: run `homebody index`."))


def _quoted(name: str) -> str:
    return quote(name, safe="")


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
        with connected() as client:
            tell(client.request("GET", "/sources"), as_json=as_json, people=_list_sources)


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
    with connected() as client:
        client.request("PATCH", f"/sources/{_quoted(name)}", {"paused": True})


@sources_app.command()
def resume(name: str) -> None:
    """Read a paused source again."""
    with connected() as client:
        client.request("PATCH", f"/sources/{_quoted(name)}", {"paused": False})


@sources_app.command()
def change(
    name: str,
    path: Annotated[str | None, typer.Argument(help="The new place.")] = None,
    *,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, replaces all options.")] = None,
) -> None:
    """Give a source another path or other options."""
    changed: show.Json = {}
    if path:
        changed["path"] = str(Path(path).expanduser().absolute())
    if option is not None:
        changed["options"] = _options(option)
    if not changed:
        raise WrongUse("Say what to change: a path, or --option KEY=VALUE.")
    with connected() as client:
        client.request("PATCH", f"/sources/{_quoted(name)}", changed)


@sources_app.command()
def remove(name: str, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Turn a source off and forget all that came from it."""
    sure(f"Forget everything from {name}?", yes=yes)
    with connected() as client:
        tell(client.request("DELETE", f"/sources/{_quoted(name)}"), as_json=as_json, people=show.receipt)
