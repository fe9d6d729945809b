"""Times the Apple Messages source on a database of mixed bodies; by hand: `python tests/benchmarks/apple_messages.py`.

Run it with an interpreter that has `pytypedstream` and `imessage-chatdb` installed (Python 3.12 or newer, a virtual
environment of its own) to get the ratios to both in the same run; without them only our own figures are printed.
Rounds of ours and of theirs alternate, and the medians of CPU time are told, for a machine's speed changes by the
minute. Ours is told with and without the scan; theirs need none, and leave bubbles, tapbacks and edits for later.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from agent.demo.chat_db import ME, Chat, ChatDatabase, File, Line, Piece, Preview, Tapback
from indexers.messages.apple import AppleMessages
from indexers.record import Message

_WORDS = (
    "the train is late again so we meet at seven in front of the old bakery and then walk down to the river "
    "Grüße aus Köln 🎉 could you bring charger tickets bread milk tomorrow maybe Tuesday dentist called about invoice"
).split()
_START = datetime(2019, 1, 1, 8, tzinfo=UTC)


def chats(messages: int, *, seed: int = 7) -> list[Chat]:
    """About `messages` rows over 60 conversations: plain text 4 of 5, the rest runs, links, files, edits, tapbacks."""
    draw = random.Random(seed)
    groups = [[f"+1555{100 * chat + member:07d}" for member in range(4)] for chat in range(10)]
    pairs = [[f"+1444{chat:07d}"] for chat in range(50)]
    lines: list[list[Line]] = [[] for _ in range(60)]
    moment = _START
    for number in range(int(messages / 1.07)):
        moment += timedelta(seconds=draw.randrange(30, 1500))
        chat = draw.randrange(60)
        people = (groups + pairs)[chat]
        by = ME if draw.random() < 0.45 else draw.choice(people)
        lines[chat].append(_line(draw, number, by=by, at=moment, earlier=lines[chat]))
    made = [Chat(people=p, identifier=f"chat{n}00", title=f"Group {n}", lines=lines[n]) for n, p in enumerate(groups)]
    return made + [Chat(people=p, lines=lines[10 + n]) for n, p in enumerate(pairs)]


def _line(draw: random.Random, number: int, *, by: str, at: datetime, earlier: list[Line]) -> Line:
    text = " ".join(draw.choices(_WORDS, k=min(60, 1 + int(draw.expovariate(0.12)))))
    guid = f"{number:08X}-0000-4000-8000-{number:012X}"
    reply = earlier[-1].guid if earlier and draw.random() < 0.03 else ""
    taps = [Tapback(by=ME, at=at + timedelta(seconds=20), kind="love")] if draw.random() < 0.07 else []
    kind = draw.random()
    body: str | list[Piece] = text
    preview: Preview | None = None
    wordings: list[str] = []
    if kind < 0.04:
        url = f"https://example.org/{number}"
        body = [Piece(text=text + " "), Piece(text=url, link=url)]
    elif kind < 0.06:
        url = f"https://example.org/{number}"
        body = [Piece(text=url, link=url)]
        preview = Preview(url=url, title="A page about " + text[:30], summary=text[:80])
    elif kind < 0.11:
        body = [Piece(file=File(name=f"IMG_{number}.heic")), Piece(text=text, part=1)]
    elif kind < 0.13:
        body = [Piece(text="@Ann", mention="+15550000001"), Piece(text=" " + text)]
    elif kind < 0.15:
        wordings = [text[:20]]
    elif kind < 0.16:
        body = [Piece(text="Your code is "), Piece(text=str(100000 + number % 899999), code=True)]
    elif kind < 0.17:
        body = [Piece(text=text + " "), Piece(text="tomorrow 7pm", detected=bytes(300))]
    elif kind < 0.175:
        body = [Piece(transcript=text)]
    return Line(
        by=by,
        at=at,
        text=body,
        guid=guid,
        reply_to=reply,
        tapbacks=taps,
        preview=preview,
        earlier=wordings,
        plain=isinstance(body, str) and not wordings and draw.random() < 0.08,
        mutable=draw.random() < 0.1,
    )


def cpu(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--peer-share", type=int, default=10, help="peers time one of so many rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", type=Path, help="reuse (or keep) this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.database or Path(folder)
        path = place / "chat.db"
        if not path.exists():
            with ChatDatabase(path) as database:
                database.add(*chats(arguments.messages))
        print(json.dumps(_measured(place, share=arguments.peer_share, rounds=arguments.rounds), indent=2))


def _measured(place: Path, *, share: int, rounds: int) -> dict[str, float]:
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # as in a worker's child; it helps the peers too
    before = _memory()
    ((rows,),) = sqlite3.connect(place / "chat.db").execute("SELECT count(*) FROM message")
    turns = [
        _ours(place) | {"memory_peak_mb": _memory()} | _again(place) | _peers(place / "chat.db", share=share)
        for _ in range(rounds)
    ]
    found = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    for peer in [name for name in found if name.endswith("_us_per_row")]:
        of = peer.removesuffix("_us_per_row")
        found[f"times_{of}"] = found[peer] / found["read_us"]
        found[f"times_{of}_with_the_scan"] = found[peer] / (found["read_us"] + found["scan_us"])
    return {
        "rows": rows,
        **{name: round(value, 2) for name, value in found.items()},
        "memory_before_mb": before,
        "memory_peak_mb": turns[0]["memory_peak_mb"],  # before anything else was held
    }


def _ours(place: Path) -> dict[str, float]:
    """Microseconds for each message of a scan and of a reading of all items, milliseconds of a poll without news."""
    source = AppleMessages(name="bench", path=place, options={})
    scan, items = cpu(lambda: list(source.scan()))
    assert isinstance(items, list)
    read, spoken = cpu(lambda: sum(isinstance(record, Message) for item in items for record in source.read(item)))
    assert isinstance(spoken, int)
    poll, _ = cpu(lambda: sum(1 for _ in source.scan()))
    return {
        "items": len(items),
        "messages": spoken,
        "scan_us": scan / spoken * 1e6,
        "read_us": read / spoken * 1e6,
        "poll_of_an_unchanged_database_ms": poll * 1000,
    }


def _again(place: Path) -> dict[str, float]:
    """Milliseconds of a second scan by the same object after one new message, one edit, and a mark of reading."""
    found: dict[str, float] = {}
    with ChatDatabase(place / "chat.db") as database:
        source = AppleMessages(name="bench", path=place, options={})
        seen = {item.id: item for item in source.scan()}  # type: ignore[union-attr]  # no Skipped here
        ((guid, edited),) = database.sql.execute("SELECT guid, date_edited FROM message WHERE ROWID = 9")
        line = Line(by=ME, at=_START, text="new", guid="NEW")
        for name, change, items in (
            ("a_message", lambda: database.line(line, chat_id=1), 1),
            ("an_edit", lambda: _edited(database, guid, (edited or 0) + 1), 1),
            ("a_mark_of_reading", lambda: database.sql.execute("UPDATE message SET is_read = 1 - is_read"), 0),
        ):
            change()
            seconds, scanned = cpu(lambda: list(source.scan()))
            assert isinstance(scanned, list)
            now = {item.id: item for item in scanned}
            assert len(now.items() - seen.items()) == items
            found[f"scan_after_{name}_ms"], seen = seconds * 1000, now
        database.delete("NEW")
        _edited(database, guid, edited)
    return found


def _edited(database: ChatDatabase, guid: str, moment: int | None) -> None:
    database.sql.execute("UPDATE message SET date_edited = ? WHERE guid = ?", (moment, guid))


def _peers(path: Path, *, share: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, work in (("typedstream", _pytypedstream), ("imessage_chatdb", _chatdb)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # not installed here: no ratio
        seconds, count = cpu(lambda work=work: sum(1 for _ in work(path, share)))  # type: ignore[misc]  # bound now
        assert isinstance(count, int)
        found[f"{name}_us_per_row"] = seconds / count * 1e6
    return found


def _pytypedstream(path: Path, share: int) -> Iterator[object]:
    typedstream = importlib.import_module("typedstream")
    rows = sqlite3.connect(path).execute(
        "SELECT attributedBody FROM message WHERE attributedBody IS NOT NULL AND ROWID % ? = 0", (share,)
    )
    for (blob,) in rows:
        yield typedstream.unarchive_from_data(blob)


def _chatdb(path: Path, share: int) -> Iterator[object]:
    chatdb = importlib.import_module("imessage_chatdb")
    ((last,),) = sqlite3.connect(path).execute("SELECT max(ROWID) FROM message")
    return iter(chatdb.open(path).messages_after(last - last // share))


def _memory() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


if __name__ == "__main__":
    main()
