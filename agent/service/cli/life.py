"""Commands about a life rather than one question: who, when, how much, and where a passage lies."""

from __future__ import annotations

import shutil
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from agent.config import write_private
from agent.errors import WrongUse
from agent.service.cli import show
from agent.service.cli.program import AsJson, app, connected, tell


@app.command()
def extract(
    types: Annotated[
        list[str],
        typer.Argument(
            help="phone, email, url, address, iban, money, date, action-item by rule; person, organization, place, … by the model."
        ),
    ],
    *,
    about: Annotated[str, typer.Option(help="Only in what is about this.")] = "",
    most: Annotated[int, typer.Option("-n", min=1, max=10_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List entities of some types, each as it stands in its source."""
    with connected() as client:
        data = client.request("POST", "/extract", {"types": types, "about": about, "limit": most})
    tell(data, as_json=as_json, people=_entities)
    if not data["entities"]:
        show.err.print("Nothing found.")
        raise typer.Exit(3)


def _entities(data: show.Json) -> None:
    for found in cast("list[dict[str, Any]]", data["entities"]):
        same = "" if found["normalized"] == found["value"] else f" ({found['normalized']})"
        show.out.print(f"{show.inert(found['type'])}: {show.short(found['value'])}{show.inert(same)}", style="bold")
        show.out.print(f"    {show.short(found['quote'])}")
        show.out.print(show.inert(f"    {found['source']}, {show.day(found['when'])} {found['locator']}"), style="dim")


people_app = typer.Typer(invoke_without_command=True, help="Who is who over all sources, and why; merge or split.")
app.add_typer(people_app, name="people")


@people_app.callback()
def people(
    context: typer.Context,
    *,
    named: Annotated[str, typer.Option("--named", help="Only those whom a name or an address stands for.")] = "",
    as_json: AsJson = False,
) -> None:
    """List everybody known, with their addresses and why these belong together."""
    if context.invoked_subcommand is None:
        with connected() as client:
            tell(client.request("POST", "/people", {"text": named}), as_json=as_json, people=_list_people)


@people_app.command()
def merge(one: str, other: str, *, as_json: AsJson = False) -> None:
    """Say that two (each by name or address) are one person."""
    with connected() as client:
        tell(client.request("POST", "/people/merge", {"one": one, "other": other}), as_json=as_json, people=_person)


@people_app.command()
def split(handle: str, *, as_json: AsJson = False) -> None:
    """Say that an address is nobody else's."""
    with connected() as client:
        tell(client.request("POST", "/people/split", {"handle": handle}), as_json=as_json, people=_person)


def _list_people(data: show.Json) -> None:
    for one in cast("list[show.Json]", data["people"]):
        _person(one)


def _person(one: show.Json) -> None:
    handles, sources = cast("list[str]", one["handles"]), cast("list[str]", one["sources"])
    show.out.print(show.inert(f"{one['name']}{' (you)' if one['me'] else ''}: {', '.join(handles)}"))
    if sources:
        show.out.print(show.inert(f"    in {', '.join(sources)}"), style="dim")
    for tie in cast("list[dict[str, str]]", one["because"]):
        show.out.print(show.inert(f"    {tie['one']} = {tie['other']}: {tie['why']}"), style="dim")


@app.command()
def timeline(
    *,
    person: Annotated[str, typer.Option(help="A name or an address.")] = "",
    day: Annotated[str, typer.Option(help="A day or stretch of days, such as yesterday or March 2026.")] = "",
    most: Annotated[int, typer.Option("-n", min=1, max=1000, help="The newest so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """One person or one day over all sources, in order of time."""
    with connected() as client:
        data = client.request("POST", "/timeline", {"person": person, "day": day, "limit": most})
    tell(data, as_json=as_json, people=_timeline)
    if not data["entries"]:
        show.err.print("Nothing found.")
        raise typer.Exit(3)


def _timeline(data: show.Json) -> None:
    for entry in cast("list[dict[str, Any]]", data["entries"]):
        who = " ".join(filter(None, (entry["source"], entry["title"], entry["sender"])))
        show.out.print(show.inert(f"{show.day(entry['when'])}  {who}"), style="bold")
        show.out.print(f"    {show.short(entry['text'])}")
        if entry["locator"]:
            show.out.print(show.inert(f"    {entry['locator']}"), style="dim")
    if data["earlier"]:
        show.err.print("There is more before that: say -n, or a day.")


@app.command()
def plot(
    text: Annotated[str, typer.Argument(help='What to draw, such as "resting heart rate since March".')],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new .png or .svg file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw numbers: here in the terminal, or into a picture file."""
    form = "text"
    if output is not None:
        form = output.suffix.lower().removeprefix(".")
        if form not in ("png", "svg"):
            raise WrongUse(f"{output} is neither a .png nor a .svg file.", remedy="Name the file so.")
        if output.exists():
            raise WrongUse(f"{output} exists already.", remedy="Name a new file.")
    body: show.Json = {"text": text, "form": form, "width": max(20, min(shutil.get_terminal_size().columns, 400))}
    with connected() as client:
        data = client.request("POST", "/plot", body)
    if output is not None:
        write_private(output.absolute(), b64decode(str(data.pop("picture"))))
        data["file"] = str(output.absolute())
    tell(data, as_json=as_json, people=_plot)


def _plot(data: show.Json) -> None:
    show.out.print(str(data.get("picture") or f"The picture is in {data['file']}."))
    show.out.print(show.inert(data["says"], lines=True))


@app.command()
def triage(text: str, *, as_json: AsJson = False) -> None:
    """Look for words of an emergency and say where to get help. Never an all-clear, never a diagnosis."""
    with connected() as client:
        tell(
            client.request("POST", "/triage", {"text": text}),
            as_json=as_json,
            people=lambda data: show.out.print(show.inert(data["advice"], lines=True)),
        )


@app.command("open")
def open_passage(
    ref: Annotated[str, typer.Argument(help="A citation's number of the last answer, or the id of a hit.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print where a passage lies and how to open it (a locked process starts no viewers)."""
    with connected() as client:
        data = client.request("POST", "/open", {"ref": ref})
    tell(data, as_json=as_json, people=lambda found: show.lines(cast("list[str]", found["lines"])))
