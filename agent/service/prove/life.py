"""A small synthetic life with one planted word in every source: where that word turns up is evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from agent.demo import exports, mail
from agent.demo.chat_db import Chat, Line, write_chat_db
from agent.demo.documents import Page, Paper, papers
from agent.demo.documents import write as write_papers
from agent.demo.health_zip import STEPS, Layout, Wearer, write_export

NOW = "2026-03-16T09:00:00+01:00"
DAY = date(2026, 3, 14)
STEPS_THEN = 9_876
_AT = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
_ROBIN, _IDA = ("Robin Winter", "robin@example.org"), ("Ida Kern", "ida@example.org")


def plant(folder: Path, word: str) -> Mapping[str, Path]:
    """Write the life; returns where each kind of source lies. `word` is in the text of each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    return {kind: write(folder, word) for kind, write in _KINDS.items()}


def _messages(folder: Path, word: str) -> Path:
    path = folder / "Messages" / "chat.db"
    path.parent.mkdir()
    texts = (
        "did you get home safely?",
        f"The password of the cabin is {word}, keep it to yourself.",
        "I will bring the blue tent on Sunday.",
        "The dentist moved to Amselweg 3, second floor.",
    )
    lines = [
        Line(by="me" if n % 2 else "+4915112345678", at=_AT + timedelta(minutes=n), text=text)
        for n, text in enumerate(texts)
    ]
    write_chat_db(path, [Chat(people=["+4915112345678"], lines=lines)])
    return path


def _documents(folder: Path, word: str) -> Path:
    page = Page(
        heading="Lease",
        paragraphs=(
            f"The lease is kept under the reference {word} at the office.",
            "The monthly rent is EUR 1,240, due on the third working day.",
        ),
    )
    lease = [(Paper(name=f"lease-{form}", title="Lease", pages=(page,)), form) for form in ("pdf", "html", "txt", "md")]
    write_papers(folder / "Documents", [*lease, *((paper, "txt") for paper in papers(3, 2))])
    return folder / "Documents"


def _health(folder: Path, word: str) -> Path:
    path = folder / "export.zip"
    write_export(
        path,
        wearer=Wearer(name=f"Robin {word}"),  # the devices are called after their owner
        seed=3,
        first=DAY - timedelta(days=3),
        last=DAY,
        planted={DAY: {STEPS: float(STEPS_THEN)}},
        layout=Layout(heart_rates=5),
    )
    return path


def _contacts(folder: Path, word: str) -> Path:
    path = folder / "contacts.vcf"
    card = mail.Card(given="Anna", family="Berger", phones=("+49 151 12345678",), note=f"Her cat is called {word}.")
    path.write_bytes(mail.vcf([card]))
    return path


def _mail(folder: Path, word: str) -> Path:
    path = folder / "mail.mbox"
    letter = mail.Letter(
        id="one@example.org",
        sender=_IDA,
        to=[_ROBIN],
        subject="The offer",
        sent_at=_AT,
        text=f"Dear Robin,\n\nour offer has the number {word} and holds until May.\n\nIda",
    )
    mail.write_mbox(path, [letter])
    return path


def _calendar(folder: Path, word: str) -> Path:
    path = folder / "calendar.ics"
    event = mail.Appointment(
        uid="1@example.org", title="Meeting", start="20260314T100000Z", end="20260314T110000Z", notes=f"Bring {word}."
    )
    path.write_bytes(mail.ics([event]).encode())
    return path


def _talk(word: str) -> exports.Talk:
    at = _AT.replace(tzinfo=None)
    said = (("Robin Vale", "Where is the spare key?"), ("Mara Lindqvist", f"In the box marked {word}, second shelf."))
    lines = tuple(
        exports.Line(at=at + timedelta(minutes=n), sender=who, text=text) for n, (who, text) in enumerate(said)
    )
    return exports.Talk(
        title="Mara Lindqvist", owner="Robin Vale", people=("Robin Vale", "Mara Lindqvist"), lines=lines
    )


def _telegram(folder: Path, word: str) -> Path:
    path = folder / "result.json"
    path.write_bytes(exports.telegram(_talk(word)))
    return path


_KINDS: Mapping[str, Callable[[Path, str], Path]] = {
    "apple-messages": _messages,
    "documents": _documents,
    "apple-health": _health,
    "contacts": _contacts,
    "mail": _mail,
    "calendar": _calendar,
    "telegram": _telegram,
}
