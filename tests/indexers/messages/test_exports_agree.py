"""One conversation, rendered to every export format, comes back equal from every reader."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from agent.demo import exports
from indexers.contract import check_source
from indexers.messages.discord import Discord
from indexers.messages.export import ExportSource
from indexers.messages.signal import Signal
from indexers.messages.slack import Slack
from indexers.messages.telegram import Telegram
from indexers.messages.whatsapp import WhatsApp
from indexers.record import Message, Record, Skipped

TALKS = {
    "two": exports.conversation(),
    "group": exports.conversation(11, people=(exports.OWNER, "Dr. Ana - Berlin", "+49 151 2345678", "Zoë:Z")),
}

Render = Callable[[exports.Talk], bytes]
FORMATS: dict[str, tuple[type[ExportSource], str, Render]] = {
    **{
        f"whatsapp-{name}": (
            WhatsApp,
            "_chat.txt" if locale.ios else "WhatsApp Chat with Trip.txt",
            lambda talk, locale=locale: exports.whatsapp(talk, locale).encode(),  # type: ignore[misc]  # binds the locale
        )
        for name, locale in exports.WHATSAPP.items()
    },
    "whatsapp-zip": (WhatsApp, "a.zip", lambda talk: exports.whatsapp_zip(talk, exports.WHATSAPP["ios-de"])),
    "telegram": (Telegram, "result.json", exports.telegram),
    "telegram-full": (Telegram, "result.json", lambda talk: exports.telegram_full([talk])),
    "signal": (Signal, "chat.md", lambda talk: exports.signal(talk).encode()),
    "signal-old": (Signal, "index.md", lambda talk: exports.signal(talk, seconds=False).encode()),
    "discord-exporter": (Discord, "trip.json", exports.discord_exporter),
    "discord-package": (Discord, "package.zip", exports.discord_package),
    "discord-package-csv": (Discord, "package.zip", lambda talk: exports.discord_package(talk, table=True)),
    "slack": (Slack, "slack.zip", exports.slack),
}


def said(records: list[Record | Skipped]) -> list[tuple[bool, str, datetime, str]]:
    """Who (for the owner, that it is she), when to the minute, and what."""
    messages = [record for record in records if isinstance(record, Message)]
    return sorted(
        (
            m.sender.me,
            "" if m.sender.me else m.sender.name or m.sender.handle,
            m.sent_at.replace(second=0, microsecond=0, tzinfo=None),
            m.text,
        )
        for m in messages
    )


@pytest.mark.parametrize("kind", TALKS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_conversation(tmp_path: Path, form: str, kind: str) -> None:
    make, name, render = FORMATS[form]
    talk = TALKS[kind]
    path = tmp_path / name
    path.write_bytes(render(talk))
    source = make(name="chats", path=path, options={"owner": exports.OWNER.lower()})
    records = check_source(source)
    expected = [
        (line.sender == talk.owner, line.sender, line.at.replace(second=0), line.text)
        for line in talk.lines
        if line.sender == talk.owner or not form.startswith("discord-package")
    ]
    if form.startswith("whatsapp"):
        expected = [(me, who.replace("+49 151 2345678", "+491512345678"), at, text) for me, who, at, text in expected]
    assert [record for record in records if isinstance(record, Skipped)] == []
    assert said(records) == sorted((me, "" if me else who, at, text) for me, who, at, text in expected)


@pytest.mark.parametrize("form", FORMATS)
def test_one_seed_is_one_export(form: str) -> None:
    render = FORMATS[form][2]
    assert render(exports.conversation(5)) == render(exports.conversation(5))
    assert render(exports.conversation(5)) != render(exports.conversation(6))


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_bytes_never_break_a_reader(tmp_path: Path, form: str) -> None:
    make, name, render = FORMATS[form]
    whole = render(exports.conversation(count=30))
    dice = random.Random(form)
    path = tmp_path / name
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(damaged))
            damaged[at : at + dice.randrange(4)] = dice.choice(
                (b"", b"\xff", b"\x00", b'"', b"{", b"\n", b"9", "ö".encode())
            )
        path.write_bytes(damaged)
        check_source(make(name="chats", path=path, options={}))
