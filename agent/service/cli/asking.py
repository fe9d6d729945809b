"""Commands about what is known: index, search, ask, forget."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.service.cli import show
from agent.service.cli.program import AsJson, Yes, app, connected, sure, tell


@app.command()
def index(
    names: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None, *, as_json: AsJson = False
) -> None:
    """Read what is new or changed, forget what vanished, and make it searchable."""
    with connected() as client, show.Bars() as bars:
        result: show.Json = {}
        for event, data in client.stream("/index", {"sources": names or []}):
            if event == "progress":
                bars.show(data)
            else:
                result = data
    tell(result, as_json=as_json, people=show.reports)


@app.command()
def search(
    text: str,
    *,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many hits.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Find passages by words and meaning."""
    with connected() as client:
        data = client.request("POST", "/search", {"text": text, "k": k})
    tell(data, as_json=as_json, people=show.hits)
    if not data["hits"]:
        show.err.print("Nothing found.")
        raise typer.Exit(3)


@app.command()
def ask(
    text: str,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Also the rows that a number rests on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question from your own data, with citations."""
    with connected() as client:
        result: show.Json = {}
        for event, data in client.stream("/ask", {"text": text}):
            if event == "text":
                if not as_json and data["text"]:
                    show.out.print(show.inert(data["text"], lines=True))
            else:
                result = data
        if explain and result["route"] == "metric":
            result["evidence"] = client.request("POST", "/explain", {"text": text})
    tell(result, as_json=as_json, people=show.answer)
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
    sure(f"Forget {source or hit} for good?", yes=yes)
    with connected() as client:
        tell(client.request("POST", "/forget", {"source": source, "id": hit}), as_json=as_json, people=show.receipt)
