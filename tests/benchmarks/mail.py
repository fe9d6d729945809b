"""How fast mail is read, against the standard library's parser alone in the same run.

    python tests/benchmarks/mail.py [--mails 4000]

Prints CPU rates (mails a second) and their ratio for each kind of mail, the scan of an mbox in MB a second, and the
time of a second scan. The floor that the product promises is a ratio of 0.25.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from agent.demo.mail import Letter, letters, rfc822, write_mbox
from indexers.messages.mail import Mail
from indexers.messages.mail.letter import Envelope, letter
from indexers.record import Message
from indexers.source import Item

OWNER, OTHERS = (
    ("Ann Example", "ann@mail.example"),
    [("Bob", "bob@mail.example"), ("Jörg Müller", "joerg@mail.example")],
)
FLOOR = 0.25
PIECE, MAILBOX = 25, 200


def against(alone: Sequence[Callable[[], object]], whole: Sequence[Callable[[], object]]) -> tuple[float, float, float]:
    """CPU seconds of the parser alone, of the whole way, and the median of their ratios.

    Short pieces of the same mails take turns, as the machine has other work. The parser compiles a pattern for each
    boundary, and no two mails share one: patterns kept from the last turn would flatter both sides, the parser alone more.
    """
    times: list[tuple[float, float]] = []
    for pair in zip(alone, whole, strict=True):
        turn: list[float] = []
        for work in pair:
            re.purge()
            started = time.process_time()
            work()
            turn.append(time.process_time() - started)
        times.append((turn[0], turn[1]))
    return sum(a for a, _ in times), sum(b for _, b in times), statistics.median(a / b for a, b in times)


def pieces(mails: list[bytes]) -> list[list[bytes]]:
    return [mails[at : at + PIECE] for at in range(0, len(mails), PIECE)]


def walk(mails: list[bytes]) -> int:
    """The standard library alone: parse, walk, decode every part."""
    size = 0
    for raw in mails:
        for part in message_from_bytes(raw).walk():
            if not part.is_multipart():
                payload = part.get_payload(decode=True)
                size += len(payload) if isinstance(payload, bytes) else 0
    return size


def records(mails: list[bytes]) -> int:
    envelope = Envelope(where="benchmark", uri="file:///benchmark")
    return sum(1 for raw in mails for _ in letter(raw, envelope))


def pages(html: str, count: int, start: datetime) -> list[Letter]:
    """Mails that only say in plain words that they are HTML."""
    return [
        Letter(id=f"{at}@x", sender=OTHERS[0], to=[OWNER], subject="News", sent_at=start, text="HTML", html=html)
        for at in range(count)
    ]


def read_all(source: Mail) -> int:
    entries = [entry for entry in source.scan() if isinstance(entry, Item)]
    return sum(isinstance(record, Message) for entry in entries for record in source.read(entry))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=4_000)
    count = parser.parse_args().mails
    start = datetime(2020, 1, 1, tzinfo=UTC)
    written = list(letters(seed=7, count=count, owner=OWNER, others=OTHERS, start=start))
    plain = "".join(f"<div><p>Line {at} of <b>news</b></p><br></div>" for at in range(60))
    rows = "".join(
        f"<tr><td style='font-size:14px'>Item {at}</td><td><a href='https://shop.example/{at}'>see &amp; buy</a></td></tr>"
        for at in range(25)
    )
    adorned = (
        "<head><style>p{color:red}</style></head><div style='display:none'>preview</div>"
        f"<table width=600>{rows}</table><img src='x' width=1 height=1 alt=''>"
        "<div class='gmail_quote'>On Tue, Bob wrote:<blockquote type=cite><p>old</p></blockquote></div>"
    )
    kinds = {
        "conversations": written,
        "60-block HTML only": pages(f"<html><body>{plain}</body></html>", count // 10, start),
        "adorned HTML only": pages(f"<html>{adorned}</html>", count // 10, start),
    }
    for kind, some in kinds.items():
        parts = pieces([rfc822(one) for one in some])
        alone, whole, ratio = against(
            [lambda part=part: walk(part) for part in parts],  # type: ignore[misc]
            [lambda part=part: records(part) for part in parts],  # type: ignore[misc]
        )
        print(
            f"{kind}: compat32 walk {len(some) / alone:,.0f}/s, records {len(some) / whole:,.0f}/s, ratio {ratio:.2f}"
        )
    with tempfile.TemporaryDirectory() as folder:
        sources: list[Mail] = []
        for at, start_at in enumerate(range(0, count, MAILBOX)):
            path = Path(folder) / f"{at}.mbox"
            write_mbox(path, written[start_at : start_at + MAILBOX])
            sources.append(Mail(name="benchmark", path=path, options={"owner": OWNER[1]}))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        started = time.process_time()
        for source in sources:
            list(source.scan())
        scan = time.process_time() - started
        print(f"mboxes of {size:.0f} MB: scan {scan:.2f} s ({size / scan:,.0f} MB/s)")
        boxes = [[rfc822(one) for one in written[at : at + MAILBOX]] for at in range(0, count, MAILBOX)]
        _, whole, ratio = against(
            [lambda box=box: walk(box) for box in boxes],  # type: ignore[misc]
            [lambda source=source: read_all(source) for source in sources],  # type: ignore[misc]
        )
        print(
            f"mbox, scan and records: {count / whole:,.0f}/s, ratio {ratio:.2f} "
            f"(floor {FLOOR}: {'kept' if ratio >= FLOOR else 'BROKEN'})"
        )


if __name__ == "__main__":
    main()
