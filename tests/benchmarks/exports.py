"""How fast chat exports are read: `python -m tests.benchmarks.exports [--lines N]`.

Rates are per CPU second of this process, on a synthetic conversation. "survey" finds the days of a file (every header,
sender and body is parsed); "records" reads every day to messages. The plain figures beside them, from the same run, are
what the same bytes cost at least: a regular expression on each line, `json.load` of the whole.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

from agent.demo import exports
from indexers.messages.discord import Discord
from indexers.messages.export import ExportSource
from indexers.messages.signal import Signal
from indexers.messages.slack import Slack
from indexers.messages.telegram import Telegram
from indexers.messages.whatsapp import WhatsApp
from indexers.messages.whatsapp.body import read_body
from indexers.messages.whatsapp.header import lock_format
from indexers.record import Message
from indexers.source import Item

FLOOR = 100_000
"""WhatsApp lines per CPU second, parse only."""

PLAIN = re.compile(r"\[?(\d+)\D(\d+)\D(\d+)\W+(\d+)\W(\d+)(?:\W(\d+))?.*?(?:\]| -) ([^:]*): (.*)")
"""A header's pattern as one would write it at once; it decides nothing."""


def timed(work: Callable[[], int], *, rounds: int = 2) -> float:
    """What `work` counts, per CPU second; the best of some rounds, as other programs share the machine."""
    best = 0.0
    for _ in range(rounds):
        started = process_time()
        count = work()
        best = max(best, count / (process_time() - started))
    return best


def rates(make: type[ExportSource], path: Path, lines: int) -> tuple[float, float]:
    """Lines per CPU second of a survey, and of reading every day after it."""
    source = make(name="b", path=path, options={})
    items = [item for item in source.scan() if isinstance(item, Item)]

    def survey() -> int:
        return lines if sum(1 for _ in source.scan()) else 0

    def records() -> int:
        return lines if sum(isinstance(record, Message) for item in items for record in source.read(item)) else 0

    return timed(survey), timed(records)


def parse(text: str) -> int:
    """Header, sender and body of each line, nothing made of them."""
    lines = text.split("\n")
    header = lock_format(lines[:500])
    if header is None:
        raise ValueError("the benchmark's own chat has no header")
    for line in lines:
        stamp = header.read(line)
        if stamp:
            read_body(stamp.rest.partition(": ")[2])
    return len(lines)


def whatsapp(talk: exports.Talk, name: str, folder: Path) -> bool:
    """Print the rates of one locale, and say whether the floor is met."""
    path = folder / f"WhatsApp Chat with {name}.txt"
    text = exports.whatsapp(talk, exports.WHATSAPP[name])
    path.write_bytes(text.encode())
    lines = text.count("\n")
    parsed = timed(lambda: parse(text))
    least = timed(lambda: sum(1 for line in text.split("\n") if PLAIN.match(line) or line))
    survey, records = rates(WhatsApp, path, lines)
    print(f"whatsapp {name:12} lines/s: parse {parsed:9,.0f}  survey {survey:9,.0f}  records {records:9,.0f}", end="")
    print(f"  (plain pattern {least:9,.0f})")
    return parsed >= FLOOR


def other(make: type[ExportSource], file: str, content: bytes, count: int, folder: Path) -> None:
    """Print the rates of another program's export."""
    home = folder / make.kind
    home.mkdir()
    (home / file).write_bytes(content)
    survey, records = rates(make, home, count)
    print(f"{make.kind:21} messages/s:        survey {survey:16,.0f}  records {records:9,.0f}", end="")
    least = timed(lambda: len(json.loads(content)) and count) if file.endswith("json") else 0.0
    print(f"  (json.load {least:9,.0f})" if least else "", f"{len(content) / 1e6:.1f} MB")


def main() -> int:
    """Print all rates; exit 1 when WhatsApp's floor is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=20_000)
    count: int = options.parse_args().lines
    talk = exports.conversation(count=count, days=max(30, count // 60))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        met = [whatsapp(talk, locale, folder) for locale in ("ios-en-us", "ios-ar", "android-de", "android-ko")]
        other(Telegram, "result.json", exports.telegram(talk), count, folder)
        other(Discord, "dm.json", exports.discord_exporter(talk), count, folder)
        other(Signal, "chat.md", exports.signal(talk).encode(), count, folder)
        other(Slack, "slack.zip", exports.slack(talk), count, folder)
    unit = 1 << (20 if sys.platform == "darwin" else 10)
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f} MB, the synthetic chat included"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
