"""What the command line prints for people: plain words, foreign text made inert."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, cast

from rich.console import Console
from rich.text import Text

Json = dict[str, object]

out = Console(markup=False, highlight=False, soft_wrap=True)
err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def inert(text: str) -> str:
    """Foreign text without power over the terminal: every control, format and private character becomes visible.

    Kept are newline, tab, and the two joiners that build emoji families.
    """
    return "".join(
        letter if letter in "\n\t\u200d\ufe0f" or unicodedata.category(letter)[0] != "C" else f"\\u{ord(letter):04x}"
        for letter in text
    )


def answer(data: Json) -> None:
    """The closing lines of an answer: how it was read, and what it rests on."""
    for citation in cast("list[dict[str, Any]]", data["citations"]):
        if citation["kind"] == "samples":
            out.print(Text(f"[{citation['n']}] {inert(citation['source'])}: samples", style="dim"))
            continue
        head = ", ".join(filter(None, (citation["source"], inert(citation["title"]), day(citation["when"]))))
        out.print(Text(f"[{citation['n']}] {head}: “{_short(citation['quote'])}”", style="dim"))
        if citation["locator"]:
            out.print(Text(f"    {inert(citation['locator'])}", style="dim"))


def hits(data: Json) -> None:
    for n, hit in enumerate(cast("list[dict[str, Any]]", data["hits"]), start=1):
        head = ", ".join(filter(None, (hit["source"], inert(hit["title"]), hit["sender"], day(hit["when"]))))
        out.print(Text(f"{n}. {head}", style="bold"))
        out.print(Text(f"   {_short(hit['text'])}"))
        out.print(Text(f"   {inert(hit['locator'])}  (id {hit['id']})", style="dim"))


def preview(kind: str, path: str, data: Json) -> None:
    skipped = cast("list[dict[str, Any]]", data["skipped"])
    err.print(f"{kind} would read {data['items']} items ({size(cast('int', data['bytes']))}) from {inert(path)}.")
    skips(skipped)


def skips(skipped: list[dict[str, Any]], *, most: int = 5) -> None:
    for skip in skipped[:most]:
        times = f" ({skip['count']} times)" if skip["count"] > 1 else ""
        err.print(Text(f"  skipped {inert(skip['where'])}: {inert(skip['why'])}{times}", style="yellow"))
    if len(skipped) > most:
        err.print(Text(f"  … and {len(skipped) - most} more; `homebody status` lists them", style="yellow"))


def reports(data: Json) -> None:
    for report in cast("list[dict[str, Any]]", data["sources"]):
        extra = "".join(
            f", {report[key]} {word}" for key, word in (("forgotten", "forgotten"), ("moved", "moved")) if report[key]
        )
        err.print(
            f"{report['name']}: {report['items']} items read ({report['records']} records) in {report['seconds']:.1f} s,"
            f" {report['unchanged']} unchanged{extra}"
        )
        skips(report["skipped"])


def status(data: Json) -> None:
    out.print(f"homebody {data['version']}, data in {inert(str(data['home']))}, offline by {data['offline']}")
    if not data["set_up"]:
        out.print("not set up yet: run `homebody init`")
    elif data["locked"]:
        out.print(Text(f"locked. {data['problem']}", style="yellow"))
    for progress in cast("list[dict[str, Any]]", data["indexing"]):
        total = f" of {progress['total']}" if progress["total"] else ""
        out.print(f"indexing {progress['source']}: {progress['phase']} {progress['done']}{total}")
    sources = cast("list[dict[str, Any]]", data["sources"])
    if not sources:
        return
    from rich.table import Table  # only here, for a quick start elsewhere

    table = Table(box=None)
    for column in ("source", "kind", "records", "samples", "vectors", "skipped", "last pass"):
        table.add_column(column)
    for held in sources:
        waiting = held["waiting_for_vectors"]
        table.add_row(
            held["name"], held["kind"], f"{held['records']:,}", f"{held['samples']:,}",
            f"{waiting:,} wait" if waiting else "all", str(sum(skip["count"] for skip in held["skipped"])),
            day(held["finished"]) or "never",
        )  # fmt: skip
    out.print(table)
    for held in sources:
        if held["problem"]:
            err.print(Text(f"{held['name']}: {inert(held['problem'])}", style="yellow"))
        skips(held["skipped"], most=20)


def receipt(data: Json) -> None:
    left = cast("dict[str, int]", data["left"])
    out.print(
        f"Forgot {data['forgot']}: {data['items']} items, {data['chunks']} texts, {data['vectors']} vectors,"
        f" {data['samples']} samples."
    )
    if any(left.values()):
        err.print(Text(f"Still there: {left}. Run `homebody doctor`.", style="red"))
    else:
        out.print(f"Looked again: nothing left in {', '.join(left)}; freed pages returned, index made anew.")


class Bars:
    """Progress of a pass, with rate and ETA, on a terminal; silent elsewhere."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), console=err, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, data: Json) -> None:
        name = f"{data['source']} {data['phase']}".strip()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=None, rate="")
        total, done = cast("int", data["total"]), cast("int", data["done"])
        task = next(task for task in self._bars.tasks if task.id == self._tasks[name])
        rate = f"{task.speed:,.0f}/s" if task.speed else ""
        self._bars.update(self._tasks[name], completed=done, total=total or None, rate=rate)


def day(moment: object) -> str:
    """An ISO time as a person reads it."""
    return str(moment)[:16].replace("T", " ") if moment else ""


def size(count: int) -> str:
    number = float(count)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def _short(text: str, letters: int = 240) -> str:
    line = " ".join(inert(text).split())
    return line if len(line) <= letters else line[: letters - 1] + "…"


def lines(texts: Iterable[str]) -> None:
    for text in texts:
        out.print(inert(text))
