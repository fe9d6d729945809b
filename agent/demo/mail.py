"""Mail, calendars and address books of a synthetic life, written byte for byte as programs write them."""

from __future__ import annotations

import base64
import quopri
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from hashlib import blake2b
from pathlib import Path

Person = tuple[str, str]
"""A display name and a mail address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """An attached file."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail. `answers` are the ids of the mails before it in its thread, the first one first.

    `html` makes it multipart/alternative; `invitation` is the text of an .ics; `delivered_to` the owner's address.
    `charset` is what the text is written and declared in.
    """

    id: str
    sender: Person
    to: Sequence[Person]
    subject: str
    sent_at: datetime
    text: str
    html: str = ""
    answers: Sequence[str] = ()
    enclosures: Sequence[Enclosure] = ()
    invitation: str = ""
    delivered_to: str = ""
    charset: str = "utf-8"


def rfc822(letter: Letter, *, stubs: bool = False) -> bytes:
    """The bytes of a letter with bare line feeds (RFC 5322, 2045-2047).

    With `stubs`, enclosures have no content but X-Apple-Content-Length, as Apple Mail leaves them in partial files.
    """
    head = [
        *([f"Delivered-To: {letter.delivered_to}"] if letter.delivered_to else ()),
        f"From: {_mailbox(letter.sender)}",
        f"To: {', '.join(_mailbox(person) for person in letter.to)}",
        f"Subject: {_words(letter.subject)}",
        f"Date: {format_datetime(letter.sent_at)}",
        f"Message-ID: <{letter.id}>",
        *([f"In-Reply-To: <{letter.answers[-1]}>"] if letter.answers else ()),
        *([f"References: {' '.join(f'<{one}>' for one in letter.answers)}"] if letter.answers else ()),
        "MIME-Version: 1.0",
    ]
    parts = [_text(letter.text, "plain", letter.charset)]
    if letter.html:
        parts = [_multipart("alternative", [*parts, _text(letter.html, "html", letter.charset)], letter.id + "a")]
    if letter.invitation:
        content = base64.encodebytes(letter.invitation.encode())
        kind = b'Content-Type: text/calendar; charset="utf-8"; method=REQUEST\nContent-Transfer-Encoding: base64\n\n'
        parts.append(kind + content)
    parts += [_enclosed(enclosure, stub=stubs) for enclosure in letter.enclosures]
    body = parts[0] if len(parts) == 1 else _multipart("mixed", parts, letter.id)
    return "\n".join(head).encode("ascii") + b"\n" + body


def _mailbox(person: Person) -> str:
    name, address = person
    if not name:
        return address
    return f'"{name}" <{address}>' if name.isascii() else f"{_words(name)} <{address}>"


def _words(text: str) -> str:
    """RFC 2047 words of at most 30 characters each."""
    if text.isascii():
        return text
    pieces = [text[at : at + 30] for at in range(0, len(text), 30)]
    return "\n ".join(f"=?utf-8?B?{base64.b64encode(piece.encode()).decode()}?=" for piece in pieces)


def _text(text: str, kind: str, charset: str) -> bytes:
    raw = text.encode(charset, "xmlcharrefreplace")
    if not raw.endswith(b"\n"):
        raw += b"\n"
    encoding = "7bit" if text.isascii() and max(map(len, raw.split(b"\n"))) < 900 else "quoted-printable"
    content = raw if encoding == "7bit" else quopri.encodestring(raw)
    head = f'Content-Type: text/{kind}; charset="{charset}"\nContent-Transfer-Encoding: {encoding}\n\n'
    return head.encode() + content


def _enclosed(enclosure: Enclosure, *, stub: bool) -> bytes:
    content = base64.encodebytes(enclosure.content)
    head = f'Content-Type: {enclosure.mime}; name="{enclosure.name}"\nContent-Transfer-Encoding: base64\n'
    head += f'Content-Disposition: attachment; filename="{enclosure.name}"\n'
    if stub:
        return f"{head}X-Apple-Content-Length: {len(content)}\n\n".encode()
    return head.encode() + b"\n" + content


def _multipart(kind: str, parts: Iterable[bytes], seed: str) -> bytes:
    boundary = f"=_{blake2b(seed.encode(), digest_size=9).hexdigest()}".encode()
    head = f'Content-Type: multipart/{kind};\n boundary="{boundary.decode()}"\n\n'.encode()
    return head + b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts) + b"--" + boundary + b"--\n"


def write_mbox(path: Path, letters: Iterable[Letter]) -> None:
    """An mbox file of the mboxrd kind."""
    with path.open("wb") as file:
        for letter in letters:
            file.write(mbox_entry(rfc822(letter), letter.sender[1], letter.sent_at))


def mbox_entry(mail: bytes, sender: str, sent_at: datetime) -> bytes:
    """One mail as it stands in an mbox: its "From " line, its "From " lines quoted, an empty line behind."""
    quoted = re.sub(rb"(?m)^(>*From )", rb">\1", mail)
    return f"From {sender} {sent_at.astimezone(UTC):%a %b %d %H:%M:%S %Y}\n".encode() + quoted + b"\n"


def write_maildir(folder: Path, letters: Iterable[Letter]) -> None:
    """A Maildir: read mails with flags in cur/, every fourth one unread in new/."""
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for at, letter in enumerate(letters):
        key = f"{int(letter.sent_at.timestamp())}.M{at}P1.home"
        target = folder / "new" / key if at % 4 == 3 else folder / "cur" / f"{key}:2,S"
        target.write_bytes(rfc822(letter))


def write_eml(folder: Path, letters: Iterable[Letter]) -> None:
    """A folder of .eml files with CRLF line ends, one for each letter."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, letter in enumerate(letters):
        (folder / f"{at:05}.eml").write_bytes(rfc822(letter).replace(b"\n", b"\r\n"))


def emlx(mail: bytes, received: datetime) -> bytes:
    """The bytes of an .emlx file: the padded length, the mail, a property list."""
    plist = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
        f'<plist version="1.0">\n<dict>\n\t<key>date-received</key>\n\t<integer>{int(received.timestamp())}</integer>\n'
        "\t<key>flags</key>\n\t<integer>8590195713</integer>\n</dict>\n</plist>\n"
    )
    return f"{len(mail):<10}\n".encode() + mail + plist.encode()


def write_apple_mail(root: Path, mailboxes: Mapping[str, Sequence[Letter]], *, partial: bool = True) -> None:
    """A tree such as ~/Library/Mail: V10/<account>/<mailbox>.mbox/<id>/Data/Messages/<n>.emlx.

    With `partial`, letters with enclosures are .partial.emlx files with their enclosures beside them.
    """
    account = root / "V10" / "6C1A6C59-0000-4000-8000-000000000001"
    number = 1
    for mailbox, letters in mailboxes.items():
        data = account / f"{mailbox}.mbox" / "A0B1C2D3-0000-4000-8000-000000000002" / "Data"
        (data / "Messages").mkdir(parents=True, exist_ok=True)
        for letter in letters:
            apart = partial and bool(letter.enclosures)
            name = f"{number}.partial.emlx" if apart else f"{number}.emlx"
            (data / "Messages" / name).write_bytes(emlx(rfc822(letter, stubs=apart), letter.sent_at))
            for at, enclosure in enumerate(letter.enclosures if apart else (), start=2):
                place = data / "Attachments" / str(number) / str(at)
                place.mkdir(parents=True, exist_ok=True)
                (place / enclosure.name).write_bytes(enclosure.content)
            number += 1


_TOPICS = (
    ("Lunch on Thursday", "Shall we meet at the little place by the river at noon?"),
    ("Train tickets", "I booked two seats by the window; the train leaves at 8:12 from platform 4."),
    ("Grüße aus Köln", "Das Wetter ist schön, und der Dom steht noch. Bis nächste Woche!"),
    ("Your invoice", "Please find the invoice for the new bicycle attached. It is due in two weeks."),
    ("Piano lesson", "The lesson moves to Tuesday because of the concert. Bring the Bach, please."),
    ("Déménagement", "Le camion arrive à neuf heures. Pourrais-tu apporter les cartons ?"),
    ("Weekend hike", "From the station it is two hours to the hut.\n\nFrom there we see the whole valley."),
)


def letters(*, seed: int, count: int, owner: Person, others: Sequence[Person], start: datetime) -> Iterator[Letter]:
    """A stream of letters between the owner and others: new threads and answers with quotations, plain and HTML."""
    chance = random.Random(seed)
    sent_at, thread = start, list[Letter]()
    for at in range(count):
        sent_at += timedelta(minutes=chance.randrange(7, 900))
        zone = timezone(timedelta(hours=chance.choice((-5, 0, 1, 2))))
        other = chance.choice(others)
        answers = bool(thread) and chance.random() < 0.55
        sender, to = (owner, other) if chance.random() < 0.4 else (other, owner)
        subject, text = chance.choice(_TOPICS)
        text = f"{text}\n\nNumber {at} of {count}."
        if answers:
            last = thread[-1]
            subject = last.subject if last.subject.startswith("Re: ") else f"Re: {last.subject}"
            quoted = "\n".join(f"> {line}".rstrip() for line in last.text.splitlines())
            text = f"{text}\n\nOn {last.sent_at:%a, %b %d, %Y at %H:%M}, {last.sender[0]} wrote:\n\n{quoted}\n"
        enclosed = not answers and chance.random() < 0.2
        letter = Letter(
            id=f"{seed}.{at}.{chance.getrandbits(48):012x}@mail.example",
            sender=sender,
            to=[to],
            subject=subject,
            sent_at=sent_at.astimezone(zone),
            text=text,
            html=f"<p>{text.replace(chr(10), '<br>')}</p>" if chance.random() < 0.5 and not answers else "",
            answers=[one.id for one in thread] if answers else (),
            enclosures=[Enclosure(name=f"page-{at}.pdf", mime="application/pdf", content=chance.randbytes(3_000))]
            if enclosed
            else (),
            delivered_to="" if sender == owner else owner[1],
        )
        thread = [*thread[:1], *thread[1:][-5:], letter] if answers else [letter]
        yield letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An event of a calendar. Times are "20260105T100000" (local in `zone`, UTC with "Z", a day without "T").

    `rule` is an RRULE, `excluded` are starts without an occurrence, `moved` maps an occurrence's start to its new one.
    """

    uid: str
    title: str
    start: str
    end: str
    zone: str = ""
    place: str = ""
    notes: str = ""
    people: Sequence[Person] = ()
    rule: str = ""
    excluded: Sequence[str] = ()
    moved: Mapping[str, str] | None = None
    cancelled: bool = False


def ics(appointments: Iterable[Appointment], *, method: str = "", written: str = "20260101T000000Z") -> str:
    """An iCalendar file (RFC 5545) with folded lines and CRLF, without time zone definitions."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//synthetic life//EN",
        *([f"METHOD:{method}"] if method else ()),
    ]
    for one in appointments:
        common = [f"UID:{one.uid}", f"DTSTAMP:{written}", f"SUMMARY:{_escaped(one.title)}"]
        common += [f"LOCATION:{_escaped(one.place)}"] if one.place else []
        common += [f"DESCRIPTION:{_escaped(one.notes)}"] if one.notes else []
        common += [f"ATTENDEE;CN={name}:mailto:{address}" for name, address in one.people]
        common += ["STATUS:CANCELLED"] if one.cancelled else []
        series = [f"RRULE:{one.rule}"] if one.rule else []
        series += [_timed("EXDATE", moment, one.zone) for moment in one.excluded]
        span = [_timed("DTSTART", one.start, one.zone), _timed("DTEND", one.end, one.zone)]
        alarm = ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Ring", "TRIGGER:-PT15M", "END:VALARM"]
        lines += ["BEGIN:VEVENT", *common, *span, *series, *alarm, "END:VEVENT"]
        for original, start in (one.moved or {}).items():
            instead = [_timed("RECURRENCE-ID", original, one.zone), _timed("DTSTART", start, one.zone)]
            lines += ["BEGIN:VEVENT", *common, *instead, "DURATION:PT1H", "END:VEVENT"]
    return "".join(f"{_folded(line)}\r\n" for line in (*lines, "END:VCALENDAR"))


def _timed(name: str, moment: str, zone: str) -> str:
    if "T" not in moment:
        return f"{name};VALUE=DATE:{moment}"
    return f"{name};TZID={zone}:{moment}" if zone and not moment.endswith("Z") else f"{name}:{moment}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    """Lines of at most 75 bytes (RFC 5545 3.1), never cut inside a character."""
    out, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > 75:
            out, size = f"{out}\r\n ", 1
        out, size = out + character, size + width
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One person of an address book. `birthday` is "1980-02-29", or "--02-29" without a year."""

    given: str
    family: str
    nickname: str = ""
    maiden: str = ""
    phones: Sequence[str] = ()
    mails: Sequence[str] = ()
    street: str = ""
    city: str = ""
    birthday: str = ""
    organization: str = ""
    spouse: str = ""
    note: str = ""
    photo: bytes = b""


def vcf(cards: Iterable[Card], *, version: str = "3.0") -> bytes:
    """A vCard file: "2.1" in quoted-printable as old telephones wrote it, "3.0" as Apple does, or "4.0"."""
    write = {"2.1": _card_21, "3.0": _card_3, "4.0": _card_4}[version]
    return b"".join(f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode() + write(card) + b"END:VCARD\r\n" for card in cards)


def _card_21(card: Card) -> bytes:
    lines = [_printable("N", f"{card.family};{card.given};;;"), _printable("FN", f"{card.given} {card.family}")]
    lines += [f"TEL;CELL;PREF:{phone}".encode() for phone in card.phones]
    lines += [f"EMAIL;INTERNET:{mail}".encode() for mail in card.mails]
    lines += [_printable("ADR;HOME", f";;{card.street};{card.city};;;")] if card.street else []
    lines += [_printable("NOTE", card.note)] if card.note else []
    lines += [f"BDAY:{card.birthday.replace('-', '')}".encode()] if card.birthday[:1].isdigit() else []
    if card.photo:
        lines += [b"PHOTO;ENCODING=BASE64;JPEG:" + base64.b64encode(card.photo), b""]
    return b"".join(line + b"\r\n" for line in lines)


def _printable(name: str, text: str) -> bytes:
    if text.isascii() and "\n" not in text:
        return f"{name}:{text}".encode()
    raw = text.replace("\n", "\r\n").encode()
    value = b"".join(b"=%02X" % byte if byte > 126 or byte < 32 or byte == 61 else bytes([byte]) for byte in raw)
    pieces, rest = [], value
    while len(rest) > 60:
        cut = 60 - (2 if rest[58:59] == b"=" else 1 if rest[59:60] == b"=" else 0)
        pieces.append(rest[:cut])
        rest = rest[cut:]
    return f"{name};CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:".encode() + b"=\r\n".join((*pieces, rest))


def _card_3(card: Card) -> bytes:
    lines = _card_common(card)
    if card.birthday:
        unknown = card.birthday.startswith("--")
        day = f"1604{card.birthday[1:]}" if unknown else card.birthday
        lines.append(f"BDAY{';X-APPLE-OMIT-YEAR=1604' if unknown else ''}:{day}")
    if card.maiden:
        lines.append(f"X-MAIDENNAME:{_escaped(card.maiden)}")
    if card.spouse:
        lines += [f"item1.X-ABRELATEDNAMES;type=pref:{_escaped(card.spouse)}", "item1.X-ABLabel:_$!<Spouse>!$_"]
    if card.photo:
        lines.append(f"PHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(card.photo).decode()}")
    return "".join(f"{_folded(line)}\r\n" for line in lines).encode()


def _card_4(card: Card) -> bytes:
    lines = _card_common(card)
    if card.birthday:
        yearless = "--" if card.birthday.startswith("--") else ""
        lines.append(f"BDAY:{yearless}{card.birthday.replace('-', '')}")
    if card.spouse:
        lines.append(f"RELATED;TYPE=spouse;VALUE=text:{_escaped(card.spouse)}")
    return "".join(f"{_folded(line)}\r\n" for line in lines).encode()


def _card_common(card: Card) -> list[str]:
    lines = [f"N:{_escaped(card.family)};{_escaped(card.given)};;;", f"FN:{_escaped(f'{card.given} {card.family}')}"]
    lines += [f"NICKNAME:{_escaped(card.nickname)}"] if card.nickname else []
    lines += [f"ORG:{_escaped(card.organization)};"] if card.organization else []
    lines += [f"TEL;type=CELL;type=VOICE:{phone}" for phone in card.phones]
    lines += [f"EMAIL;type=INTERNET;type=HOME:{mail}" for mail in card.mails]
    lines += [f"ADR;type=HOME:;;{_escaped(card.street)};{_escaped(card.city)};;;"] if card.street else []
    lines += [f"NOTE:{_escaped(card.note)}"] if card.note else []
    return lines
