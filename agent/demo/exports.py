"""One synthetic conversation, written as the chat programs export it: WhatsApp, Telegram, Signal, Discord, Slack."""

from __future__ import annotations

import html
import io
import json
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

OWNER, PARTNER = "Robin Vale", "Mara Lindqvist"

_OPENINGS = (
    "Did you see",
    "I forgot",
    "Can you bring",
    "We should book",
    "Tomorrow I pick up",
    "Who has",
    "Thanks for",
)
_THINGS = (
    "the train tickets",
    "the blue tent",
    "Ida's birthday cake",
    "the invoice 4711",
    "a new kettle",
    "the dentist",
)
_ENDINGS = ("?", "!", ", ok? 😀", " — see you at 18:30.", " (or not)", " ❤️", ": it was 50% off & < 20 €")
_ODD = (
    "Two lines:\nthe second one: with a colon",
    "A list\n\n- eggs\n- milk - not the blue one: the red",
    "Look: https://example.org/trip?day=2&x=1 nice",
    "مرحبا كيف حالك",
    "היום ב 18:00",
    "明日は早い: 6時",
    "15/3 at noon works\n3.4. does not",
    "the code is <b>not</b> [brackets] {braces}",
    "naïve café, Ærø, straße 👩‍👩‍👧",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one person says at a time, in UTC without saying so, as on a wall clock there."""

    at: datetime
    sender: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation between the owner and others."""

    title: str
    owner: str
    people: tuple[str, ...]
    lines: tuple[Line, ...]


def conversation(seed: int = 7, *, count: int = 120, days: int = 150, people: Sequence[str] = (OWNER, PARTNER)) -> Talk:
    """A conversation of `count` lines over about `days` days, in order, in bursts; `people[0]` owns it."""
    dice = random.Random(seed)
    at = datetime(2023, 1, 28, 9, 12, 5)  # noqa: DTZ001  # a wall clock
    pause = days * 86_400 / count
    lines: list[Line] = []
    for number in range(count):
        at += timedelta(seconds=61 + int(pause * dice.choice((0.01, 0.1, 0.2, 0.5, 1, 4.2))))
        text = f"{dice.choice(_OPENINGS)} {dice.choice(_THINGS)}{dice.choice(_ENDINGS)}"
        if number % 7 == 3:
            text = _ODD[number // 7 % len(_ODD)]
        sender = people[number] if number < len(people) else dice.choice(people)
        lines.append(Line(at=at, sender=sender, text=text))
    return Talk(
        title=people[1] if len(people) == 2 else "Trip", owner=people[0], people=tuple(people), lines=tuple(lines)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """How WhatsApp writes a header in one language and system.

    `form` is filled with d m (plain), dd mm (two digits), yy yyyy thai (years), H HH (of 24 hours), h (of 12), M, S and
    p, the day period.
    """

    form: str
    am: str = ""
    pm: str = ""
    ios: bool = False
    digits: str = ""
    encrypted: str = "Messages and calls are end-to-end encrypted."

    def header(self, at: datetime) -> str:
        """The header's date and time, brackets and dash included."""
        written = self.form.format(
            d=at.day, m=at.month, dd=f"{at.day:02}", mm=f"{at.month:02}", yy=f"{at.year % 100:02}", yyyy=at.year,
            thai=at.year + 543, H=at.hour, HH=f"{at.hour:02}", h=(at.hour - 1) % 12 + 1, M=f"{at.minute:02}",
            S=f"{at.second:02}", p=self.am if at.hour < 12 else self.pm,
        )  # fmt: skip
        return written.translate(str.maketrans("0123456789", self.digits)) if self.digits else written


_ARABIC = "٠١٢٣٤٥٦٧٨٩"
_ARABIC_DATE = "{d}\u200f/{m}\u200f/{yyyy}"

WHATSAPP: Mapping[str, Locale] = {
    "ios-en-us": Locale(form="[{m}/{d}/{yy}, {h}:{M}:{S}\u202f{p}] ", am="AM", pm="PM", ios=True),
    "ios-en-gb": Locale(form="[{dd}/{mm}/{yyyy}, {HH}:{M}:{S}] ", ios=True),
    "ios-de": Locale(form="[{dd}.{mm}.{yy}, {HH}:{M}:{S}] ", ios=True),
    "ios-fi": Locale(form="[{d}.{m}.{yyyy} klo {H}.{M}.{S}] ", ios=True),
    "ios-da": Locale(form="[{dd}.{mm}.{yyyy} {HH}.{M}.{S}] ", ios=True),
    "ios-nl": Locale(form="[{dd}-{mm}-{yyyy} {HH}:{M}:{S}] ", ios=True),
    "ios-ko": Locale(form="[{yyyy}. {m}. {d}. {p} {h}:{M}:{S}] ", am="오전", pm="오후", ios=True),
    "ios-zh": Locale(form="[{yyyy}/{m}/{d} {p}{h}:{M}:{S}] ", am="上午", pm="下午", ios=True),
    "ios-ar": Locale(form=f"[{_ARABIC_DATE}، {{h}}:{{M}}:{{S}} {{p}}] ", am="ص", pm="م", digits=_ARABIC, ios=True),
    "ios-old": Locale(form="{dd}/{mm}/{yy}, {HH}:{M}:{S}: ", ios=True),
    "android-en-us": Locale(form="{m}/{d}/{yy}, {h}:{M}\u202f{p} - ", am="AM", pm="PM"),
    "android-en-gb": Locale(form="{dd}/{mm}/{yyyy}, {HH}:{M} - "),
    "android-en-in": Locale(form="{dd}/{mm}/{yy}, {h}:{M} {p} - ", am="am", pm="pm"),
    "android-de": Locale(form="{dd}.{mm}.{yy}, {HH}:{M} - "),
    "android-fr": Locale(form="{dd}/{mm}/{yyyy} à {HH}:{M} - "),
    "android-es-co": Locale(form="{d}/{m}/{yyyy}, {h}:{M} {p} - ", am="a.\u00a0m.", pm="p.\u00a0m."),
    "android-pt-br": Locale(form="{dd}/{mm}/{yyyy} {HH}:{M} - "),
    "android-sv": Locale(form="{yyyy}-{mm}-{dd} {HH}:{M} - "),
    "android-hu": Locale(form="{yyyy}. {mm}. {dd}. {HH}:{M} - "),
    "android-ko": Locale(form="{yyyy}년 {m}월 {d}일 {p} {h}:{M} - ", am="오전", pm="오후"),
    "android-ja": Locale(form="{yyyy}/{mm}/{dd} {HH}:{M} - "),
    "android-th": Locale(form="{d}/{m}/{thai} {HH}:{M} - "),
    "android-el": Locale(form="{d}/{m}/{yy}, {h}:{M} {p} - ", am="π.μ.", pm="μ.μ."),
    "android-ar": Locale(form=f"{_ARABIC_DATE}، {{h}}:{{M}} {{p}} - ", am="ص", pm="م", digits=_ARABIC),
}
"""Headers by name; the older ones of them rest on hand-made samples, not on exports of today."""


def whatsapp(talk: Talk, locale: Locale) -> str:
    """The text of an exported chat. iOS ends a message with CRLF and a line within it with LF; Android has LF only."""
    end = "\r\n" if locale.ios else "\n"
    first = talk.lines[0].at
    notice = f"{talk.title}: \u200e{locale.encrypted}" if locale.ios else locale.encrypted
    said = (f"{locale.header(line.at)}{line.sender}: {line.text}{end}" for line in talk.lines)
    return f"{locale.header(first)}{notice}{end}" + "".join(said)


def whatsapp_zip(talk: Talk, locale: Locale) -> bytes:
    """The zip that the phone shares: the text alone."""
    name = "_chat.txt" if locale.ios else f"WhatsApp Chat with {talk.title}.txt"
    return _zip({name: whatsapp(talk, locale).encode()})


def telegram(talk: Talk) -> bytes:
    """One chat as Telegram Desktop's `result.json`."""
    return json.dumps(_telegram_chat(talk), ensure_ascii=False, indent=1).encode()


def telegram_full(talks: Sequence[Talk]) -> bytes:
    """A whole account as Telegram Desktop's `result.json`."""
    first, _, last = talks[0].owner.partition(" ")
    about = {"user_id": 1, "first_name": first, "last_name": last, "phone_number": "+49 151 000001"}
    chats = [_telegram_chat(talk) | {"id": 2 + number} for number, talk in enumerate(talks)]
    whole = {"about": "x", "personal_information": about, "contacts": {"list": []}, "chats": {"list": chats}}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _telegram_chat(talk: Talk) -> dict[str, object]:
    ids = {name: number for number, name in enumerate(talk.people, 1)}
    group = len(talk.people) > 2
    said = [
        {
            "id": number,
            "type": "message",
            "date": line.at.isoformat(),
            "date_unixtime": str(_unix(line.at)),
            "from": line.sender,
            "from_id": f"user{ids[line.sender]}",
            "text": _telegram_text(line.text),
        }
        for number, line in enumerate(talk.lines, 100)
    ]
    kind = "private_group" if group else "personal_chat"
    service = {"id": 99, "type": "service", "date": talk.lines[0].at.isoformat(), "action": "create_group", "text": ""}
    service["date_unixtime"] = str(_unix(talk.lines[0].at))
    return {"name": talk.title, "type": kind, "id": 900 if group else 2, "messages": [service, *said]}


def _telegram_text(text: str) -> object:
    words = text.split(" ")
    at = next((at for at, word in enumerate(words) if word.startswith("https://")), None)
    if at is None:
        return text
    before, after = "".join(f"{word} " for word in words[:at]), "".join(f" {word}" for word in words[at + 1 :])
    return [before, {"type": "link", "text": words[at]}, after]


def signal(talk: Talk, *, seconds: bool = True) -> str:
    """A chat as signal-export's `chat.md`; without seconds as its versions before 2022 wrote it."""
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d, %H:%M"
    end = "  \n\n" if seconds else "  \n"
    said = (
        f"[{line.at.strftime(form)}] {'Me' if line.sender == talk.owner else line.sender}: {line.text}{end}"
        for line in talk.lines
    )
    return "".join(said)


def discord_exporter(talk: Talk) -> bytes:
    """A channel as DiscordChatExporter writes it as JSON."""
    ids = _discord_users(talk)
    said: list[dict[str, object]] = [
        {
            "id": _snowflake(line.at, number),
            "type": "Default",
            "timestamp": line.at.replace(tzinfo=UTC).isoformat(),
            "timestampEdited": None,
            "content": line.text,
            "author": {"id": ids[line.sender], "name": line.sender.split()[0].lower(), "nickname": line.sender},
            "attachments": [],
            "reactions": [],
            "mentions": [],
        }
        for number, line in enumerate(talk.lines)
    ]
    channel = {"id": "555000", "type": "DirectTextChat", "category": "Private", "name": talk.title}
    whole = {"guild": {"id": "0", "name": "Direct Messages"}, "channel": channel, "messages": said}
    return json.dumps(whole, ensure_ascii=False, indent=2).encode()


def discord_package(talk: Talk, *, table: bool = False) -> bytes:
    """Discord's own data package: the owner's messages only; `table` as CSV, as it was before 2024."""
    mine = [(number, line) for number, line in enumerate(talk.lines) if line.sender == talk.owner]
    rows = [
        {"ID": int(_snowflake(line.at, number)), "Timestamp": f"{line.at:%Y-%m-%d %H:%M:%S}", "Contents": line.text}
        for number, line in mine
    ]
    quoted = ('"' + row["Contents"].replace('"', '""') + '"' for row in rows if isinstance(row["Contents"], str))
    lines = (f"{row['ID']},{row['Timestamp']}+00:00,{text},\r\n" for row, text in zip(rows, quoted, strict=True))
    name, body = ("messages.csv", "ID,Timestamp,Contents,Attachments\r\n" + "".join(lines)) if table else (
        "messages.json",
        json.dumps([row | {"Attachments": ""} for row in rows], ensure_ascii=False),
    )  # fmt: skip
    users = _discord_users(talk)
    channel = {"id": "555000", "type": "DM", "recipients": list(users.values())}
    about = {"id": users[talk.owner], "username": talk.owner.split()[0].lower(), "global_name": talk.owner}
    return _zip(
        {
            "account/user.json": json.dumps(about).encode(),
            "messages/index.json": json.dumps({"555000": f"Direct Message with {talk.title}"}).encode(),
            "messages/c555000/channel.json": json.dumps(channel).encode(),
            f"messages/c555000/{name}": body.encode(),
        }
    )


def slack(talk: Talk) -> bytes:
    """A workspace's export: one channel, a file for each day."""
    ids = {name: f"U{number:08}" for number, name in enumerate(talk.people, 1)}
    users = [
        {"id": ids[name], "name": name.split()[0].lower(), "profile": {"real_name": name, "display_name": ""}}
        for name in talk.people
    ]
    channel = {"id": "C0001", "name": "trip", "members": list(ids.values())}
    days: dict[str, list[dict[str, object]]] = {}
    for number, line in enumerate(talk.lines):
        said: dict[str, object] = {"type": "message", "user": ids[line.sender], "ts": f"{_unix(line.at)}.{number:06}"}
        days.setdefault(f"{line.at:%Y-%m-%d}", []).append(said | {"text": _slack_text(line.text)})
    files = {"users.json": json.dumps(users).encode(), "channels.json": json.dumps([channel]).encode()}
    return _zip(files | {f"trip/{day}.json": json.dumps(said).encode() for day, said in days.items()})


def _slack_text(text: str) -> str:
    words = (f"<{word}>" if word.startswith("https://") else word for word in html.escape(text, quote=False).split(" "))
    return " ".join(words)


def _discord_users(talk: Talk) -> dict[str, str]:
    return {name: str(7000 + number) for number, name in enumerate(talk.people)}


def _snowflake(at: datetime, number: int) -> str:
    return str(((_unix(at) * 1000 - 1_420_070_400_000) << 22) + number)


def _unix(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
