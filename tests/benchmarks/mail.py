"""How fast mail is read, against the standard library's parser alone in the same run.

    python tests/benchmarks/mail.py [--mails 4000]

Prints CPU rates (mails a second) and their ratio for each kind of mail, the scan of an mbox in MB a second, and the
time of a second scan. The floor that the product promises is a ratio of 0.25.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable
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


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three runs.

    The parser compiles a pattern for each boundary, and no two mails share one: patterns kept from the last run would
    flatter both sides, the parser alone more.
    """
    best = float("inf")
    for _ in range(3):
        re.purge()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


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


def read_all(source: Mail) -> int:
    entries = [entry for entry in source.scan() if isinstance(entry, Item)]
    return sum(isinstance(record, Message) for entry in entries for record in source.read(entry))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=4_000)
    count = parser.parse_args().mails
    start = datetime(2020, 1, 1, tzinfo=UTC)
    written = list(letters(seed=7, count=count, owner=OWNER, others=OTHERS, start=start))
    page = (
        "<html><body>"
        + "".join(f"<div><p>Line {at} of <b>news</b></p><br></div>" for at in range(60))
        + "</body></html>"
    )
    newsletters = [
        Letter(id=f"{at}@x", sender=OTHERS[0], to=[OWNER], subject="News", sent_at=start, text="HTML", html=page)
        for at in range(count // 10)
    ]
    for name, some in (("conversations", written), ("60-block HTML only", newsletters)):
        mails = [rfc822(one) for one in some]
        alone, whole = seconds(lambda mails=mails: walk(mails)), seconds(lambda mails=mails: records(mails))  # type: ignore[misc]
        ratio = alone / whole
        print(
            f"{name}: compat32 walk {len(mails) / alone:,.0f}/s, records {len(mails) / whole:,.0f}/s, ratio {ratio:.2f}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.mbox"
        write_mbox(path, written)
        size = path.stat().st_size / 1e6
        source = Mail(name="benchmark", path=path, options={"owner": OWNER[1]})
        scan = seconds(lambda: list(source.scan()))
        print(f"mbox of {size:.0f} MB: scan {scan:.2f} s ({size / scan:,.0f} MB/s)")
        alone = seconds(lambda: walk([rfc822(one) for one in written])) - seconds(
            lambda: [rfc822(one) for one in written]
        )
        whole = seconds(lambda: read_all(source))
        ratio = alone / whole
        print(
            f"mbox, scan and records: {count / whole:,.0f}/s, ratio {ratio:.2f} "
            f"(floor {FLOOR}: {'kept' if ratio >= FLOOR else 'BROKEN'})"
        )


if __name__ == "__main__":
    main()
