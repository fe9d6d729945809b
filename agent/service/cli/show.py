"""What the command line prints for people: plain words, foreign text made inert."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

Json = dict[str, object]
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Printer:
    """Lines for people: in colour on a terminal, plain and whole anywhere else, where rich need not be loaded."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._to_stderr = to_stderr

    @property
    def stream(self) -> TextIO:
        return sys.stderr if self._to_stderr else sys.stdout

    def print(self, text: str = "", *, style: str = "") -> None:
        """One line, or several; style is one of rich's."""
        try:
            if style and self.stream.isatty():
                from rich.text import Text

                self.console().print(Text(text, style=style))
            else:
                self.stream.write(f"{text}\n")
                self.stream.flush()
        except BrokenPipeError:
            raise SystemExit(nobody_reads()) from None

    def console(self) -> Console:
        from rich.console import Console

        return Console(file=self.stream, markup=False, highlight=False, soft_wrap=True)


out = Printer(to_stderr=False)
err = Printer(to_stderr=True)


def inert(text: object, *, lines: bool = False) -> str:
    """Foreign text without power over the terminal: every control, format and private character becomes visible.

    Kept are the two joiners that build emoji families; with `lines`, for what we wrote ourselves, also the ends of lines:
    no name of a file or a person begins a line that looks like ours.
    """
    kept = "\u200d\ufe0f\n\t" if lines else "\u200d\ufe0f"
    return "".join(
        letter if letter in kept or unicodedata.category(letter) not in _STEERING else _visible(letter)
        for letter in str(text)
    )


def _visible(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def document(data: Json) -> None:
    """One JSON document on stdout, in UTF-8 whatever the locale; what could steer a terminal is escaped, losslessly."""
    text = json.dumps(data, ensure_ascii=False)
    plain = "".join(letter if unicodedata.category(letter)[0] != "C" else json.dumps(letter)[1:-1] for letter in text)
    try:
        sys.stdout.buffer.write(plain.encode() + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(nobody_reads()) from None


def nobody_reads() -> int:
    """Whoever read our output has enough of it: that is no error. Returns the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return 0


def answer(data: Json) -> None:
    """The closing lines of an answer: how it was read, and what it rests on."""
    for citation in cast("list[dict[str, Any]]", data["citations"]):
        if citation["kind"] == "samples":
            out.print(f"[{citation['n']}] {inert(citation['source'])}: samples", style="dim")
            continue
        head = _head(citation["source"], citation["title"], day(citation["when"]))
        out.print(f"[{citation['n']}] {head}: “{short(citation['quote'])}”", style="dim")
        if citation["locator"]:
            out.print(f"    {inert(citation['locator'])}{_read_by(citation)}", style="dim")
    if "evidence" in data:
        evidence(cast("Json", data["evidence"]))


def evidence(data: Json) -> None:
    """The days and samples that a number rests on, and how they were merged."""
    for row in cast("list[dict[str, Any]]", data["days"]):
        shares = ", ".join(f"{s['source']} {s['said']:g} ({s['counted']:g} counted)" for s in row["shares"])
        line = f"{row['day']}  {row['value']:g} {row['unit']} from {row['samples']} samples: {shares or ', '.join(row['sources'])}"
        out.print(inert(line))
    for row in cast("list[dict[str, Any]]", data["rows"]):
        left_out = f"  left out: {row['left_out']}" if row["left_out"] else ""
        what = f"{row['value']:g} {row['unit']} {row['label']}".strip()
        out.print(inert(f"  {day(row['start'])}  {what}  {row['source']}{left_out}"), style="dim")
    for rule in cast("list[str]", data["rules"]):
        out.print(inert(rule))
    if not data["whole"]:
        err.print("There are more samples; --json and a shorter time show them.")


def hits(data: Json) -> None:
    for n, hit in enumerate(cast("list[dict[str, Any]]", data["hits"]), start=1):
        out.print(f"{n}. {_head(hit['source'], hit['title'], hit['sender'], day(hit['when']))}", style="bold")
        out.print(f"   {short(hit['text'])}")
        out.print(f"   {inert(hit['locator'])}{_read_by(hit)}  (id {hit['id']})", style="dim")


def _read_by(found: Json) -> str:
    """That a machine read or heard a text, and may have misread it."""
    words = {"ocr": "read by OCR", "speech": "heard by a machine"}.get(str(found.get("read_by", "")), "")
    return f", {words}" if words else ""


def _head(*parts: str) -> str:
    return ", ".join(" ".join(inert(part).split()) for part in parts if part)


def preview(kind: str, path: str, data: Json) -> None:
    skipped = cast("list[dict[str, Any]]", data["skipped"])
    size_ = size(cast("int", data["bytes"]))
    err.print(f"{inert(kind)} would read {data['items']} items ({size_}) from {inert(path)}.")
    skips(skipped)


def skips(skipped: list[dict[str, Any]], *, most: int = 5) -> None:
    for skip in skipped[:most]:
        times = f" ({skip['count']} times)" if skip["count"] > 1 else ""
        err.print(f"  skipped {inert(skip['where'])}: {inert(skip['why'])}{times}", style="yellow")
    if len(skipped) > most:
        err.print(f"  … and {len(skipped) - most} more; `homebody status` lists them", style="yellow")


def reports(data: Json) -> None:
    if not data["sources"]:
        err.print("No source is on: turn one on with `homebody add KIND PATH`.")
    for report in cast("list[dict[str, Any]]", data["sources"]):
        extra = "".join(
            f", {report[key]} {word}" for key, word in (("forgotten", "forgotten"), ("moved", "moved")) if report[key]
        )
        err.print(
            f"{inert(report['name'])}: {report['items']} items read ({report['records']} records) in {report['seconds']:.1f} s,"
            f" {report['unchanged']} unchanged{extra}"
        )
        skips(report["skipped"])


def status(data: Json) -> None:
    out.print(f"homebody {data['version']}, data in {inert(str(data['home']))}, offline by {data['offline']}")
    if not data["set_up"]:
        out.print("not set up yet: run `homebody init`")
    elif data["locked"]:
        out.print(f"locked. {inert(data['problem'])}", style="yellow")
    for progress in cast("list[dict[str, Any]]", data["indexing"]):
        total = f" of {progress['total']}" if progress["total"] else ""
        out.print(f"indexing {inert(progress['source'])}: {progress['phase']} {progress['done']}{total}")
    sources = cast("list[dict[str, Any]]", data["sources"])
    if not sources:
        return
    rows: list[tuple[str, ...]] = [("source", "kind", "records", "samples", "vectors", "skipped", "last pass")]
    for held in sources:
        waiting = held["waiting_for_vectors"]
        rows.append((
            inert(held["name"]), inert(held["kind"]), f"{held['records']:,}", f"{held['samples']:,}",
            f"{waiting:,} wait" if waiting else "all", f"{sum(skip['count'] for skip in held['skipped']):,}",
            day(held["finished"]) or "never",
        ))  # fmt: skip
    _columns(rows)
    for held in sources:
        if held["problem"]:
            err.print(f"{inert(held['name'])}: {inert(held['problem'])}", style="yellow")
        skips(held["skipped"], most=20)


def _columns(rows: list[tuple[str, ...]]) -> None:
    """Rows in columns that are never squeezed: a narrow terminal wraps the line, a pipe gets it whole."""
    from rich.cells import cell_len, set_cell_size

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        out.print("  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())


def receipt(data: Json) -> None:
    left = cast("dict[str, int]", data["left"])
    out.print(
        f"Forgot {inert(data['forgot'])}: {data['items']} items, {data['chunks']} texts, {data['vectors']} vectors,"
        f" {data['samples']} samples."
    )
    if any(left.values()):
        err.print(f"Still there: {left}. Run `homebody doctor`.", style="red")
    else:
        out.print(f"Looked again: nothing left in {', '.join(left)}; freed pages returned, index made anew.")


class Bars:
    """Progress of a pass, with rate and ETA, on a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if sys.stderr.isatty():
            from rich import progress

            self._bars = progress.Progress(
                progress.SpinnerColumn(), progress.TextColumn("{task.description}"), progress.BarColumn(),
                progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}"),
                progress.TimeRemainingColumn(), console=err.console(),
            )  # fmt: skip

    def __enter__(self) -> Bars:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, data: Json) -> None:
        if self._bars is None:
            return
        name = inert(f"{data['source']} {data['phase']}".strip())
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


def short(text: str, letters: int = 240) -> str:
    """Foreign text on one line, cut where it is long."""
    line = inert(" ".join(text.split()))
    return line if len(line) <= letters else line[: letters - 1] + "…"


def lines(texts: Iterable[str]) -> None:
    for text in texts:
        out.print(inert(text))
