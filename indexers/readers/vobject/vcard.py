"""vCards (2.1, 3.0 and 4.0: versit, RFC 2426, RFC 6350) become contacts, with one value in memory at a time.

Pictures, sounds and keys are passed over without being held, so a card may carry any amount of them.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import BinaryIO

from indexers.readers.charset import decode
from indexers.record import Contact, Skipped

CHUNK_BYTES = 65_536
VALUE_BYTES = 1_000_000
"""The most bytes of one value that are held; a note may be long, nothing else is."""
_UTF16_BYTES = 32_000_000

_BULKY = re.compile(rb"(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY|X-MS-CARDPICTURE|X-IMAGE)[;:]", re.IGNORECASE)
_PRINTABLE = re.compile(rb'[^:"]*QUOTED-PRINTABLE', re.IGNORECASE)
_HEAD = re.compile(rb'((?:[^:"]|"[^"]*")*):')
_PARAMETER = re.compile(r'(?:^|;)(?:([\w-]+)=)?("[^"]*"|[^;]*)')
_FIELDS = re.compile(r"(?<!\\);")
_LIST = re.compile(r"(?<!\\),")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?")
_DAY_OF_YEAR = re.compile(r"--(\d{2})-?(\d{2})(?:T.*)?")
_SCHEME = re.compile(r"(?:tel|mailto):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Property:
    """One line of a card: `group` joins "item1.TEL" to "item1.X-ABLabel"; parameters by upper-case name."""

    name: str
    group: str
    parameters: dict[str, str]
    value: str

    def fields(self) -> list[str]:
        """The components of a structured value, unescaped."""
        return [_plain(field) for field in _FIELDS.split(self.value)]


def contacts(stream: BinaryIO, *, where: str, region: str = "", locator: str = "") -> Iterator[Contact | Skipped]:
    """Read every card of a .vcf file.

    `region` (ISO 3166, "" when not known) is where numbers without a country code are from. Groups of cards give nothing; a file without
    a card, a card that does not end and the cards without any name give a Skipped each.
    """
    card: list[_Property] | None = None
    ids: Counter[str] = Counter()
    found, nameless = False, 0
    for line in _lines(_utf8(stream)):
        prop = _property(line)
        if prop is None:
            continue
        mark = prop.value.strip().upper() == "VCARD" and prop.name
        if mark == "BEGIN":
            found, card = True, []
        elif mark == "END" and card is not None:
            contact, group = _contact(card, region, locator), _is_group(card)
            card = None
            if contact is None or group:
                nameless += not group
                continue
            ids[contact.id] += 1
            times = ids[contact.id]
            yield contact if times == 1 else replace(contact, id=f"{contact.id}#{times}")
        elif card is not None:
            card.append(prop)
    if not found:
        yield Skipped(where=where, why="this is no contacts file: it has no BEGIN:VCARD")
    if card is not None:
        yield Skipped(where=where, why="the file ends in the middle of a card; that card was not read")
    if nameless:
        why = "cards without a name, a number or an address"
        yield Skipped(where=where, why=why, outcome="empty", count=nameless)


def phones_with_e164(written: Iterable[str], region: str) -> tuple[str, ...]:
    """Numbers as written, each followed by its E.164 form where it is a possible number, dialled in `region`.

    Without a region only numbers with a country code have one: a guess would give a person somebody else's number.
    """
    import phonenumbers

    out: dict[str, None] = {}
    for number in filter(None, (" ".join(number.split()) for number in written)):
        out[number] = None
        try:
            parsed = phonenumbers.parse(number[:100], region or None)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(parsed):
            out[str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))] = None
    return tuple(out)


def _utf8(stream: BinaryIO) -> BinaryIO:
    """The stream in an ASCII superset: old address books export UTF-16."""
    start = stream.read(2)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return io.BytesIO(decode(start + stream.read(_UTF16_BYTES)).encode())
    stream.seek(-len(start), io.SEEK_CUR)
    return stream


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Unfolded lines, each cut to VALUE_BYTES; bulky properties keep their name only."""
    line, held, printable, whole = bytearray(), True, False, True
    for chunk in iter(lambda: stream.readline(CHUNK_BYTES), b""):
        content = chunk.rstrip(b"\r\n") if chunk.endswith(b"\n") else chunk
        if not whole:
            part = content
        elif content[:1] in (b" ", b"\t") and line:
            part = content[1:]
        elif printable and line.endswith(b"="):
            del line[-1]
            part = content
        else:
            if line:
                yield bytes(line)
            line.clear()
            part = content.removeprefix(codecs.BOM_UTF8)
            held = _BULKY.match(part) is None
            printable = _PRINTABLE.match(part) is not None
        if held and len(line) < VALUE_BYTES:
            line += part
        whole = chunk.endswith(b"\n")
    if line:
        yield bytes(line)


def _property(line: bytes) -> _Property | None:
    head = _HEAD.match(line)
    if head is None:
        return None
    name, _, rest = decode(head[1]).partition(";")
    group, _, name = name.rpartition(".")
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(rest) if rest else ():
        # vCard 2.1 leaves parameter names out (";CELL;QUOTED-PRINTABLE").
        key = (found[1] or ("ENCODING" if found[2].upper() in ("QUOTED-PRINTABLE", "BASE64") else "TYPE")).upper()
        parameters[key] = f"{parameters[key]},{found[2]}" if key in parameters else found[2].strip('"')
    value = line[head.end() :]
    encoding = parameters.get("ENCODING", "").upper()
    if encoding == "QUOTED-PRINTABLE":
        value = binascii.a2b_qp(value)
    elif encoding in ("B", "BASE64"):
        try:
            value = binascii.a2b_base64(value)
        except binascii.Error:
            return None
    text = decode(value, parameters.get("CHARSET", "")).replace("\r\n", "\n")
    return _Property(name.upper(), group.upper(), parameters, text)


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


def _is_group(card: Sequence[_Property]) -> bool:
    kinds = (prop.value.strip().lower() for prop in card if prop.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND"))
    return "group" in kinds


def _contact(card: Sequence[_Property], region: str, locator: str) -> Contact | None:
    named: dict[str, list[_Property]] = {}
    for prop in card:
        named.setdefault(prop.name, []).append(prop)

    def texts(*names: str) -> list[str]:
        return [text for name in names for prop in named.get(name, ()) if (text := _plain(prop.value))]

    organizations = [", ".join(filter(None, prop.fields())) for prop in named.get("ORG", ())]
    written = [_SCHEME.sub("", text).partition(";")[0] for text in texts("TEL")]
    written += [f"+{prop.parameters['WAID']}" for prop in named.get("TEL", ()) if "WAID" in prop.parameters]
    mails = tuple(dict.fromkeys(_SCHEME.sub("", text).lower() for text in texts("EMAIL")))
    names = _names(named, texts)
    names = tuple(filter(None, names or (*organizations[:1], *mails[:1], *written[:1])[:1]))
    if not names:
        return None
    birthday, yearless = _birthday(named.get("BDAY", ()))
    addresses = (
        ", ".join(" ".join(field.split()) for field in prop.fields() if field) for prop in named.get("ADR", ())
    )
    identity = next(iter(texts("UID")), "")
    if not identity:
        content = "\n".join((*names, *written, *mails))
        identity = hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return Contact(
        id=identity,
        names=names,
        phones=phones_with_e164(written, region),
        mails=mails,
        addresses=tuple(dict.fromkeys(filter(None, addresses))),
        birthday=birthday,
        organization="; ".join(dict.fromkeys(filter(None, organizations))),
        note="\n".join((*texts("TITLE", "ROLE"), *yearless, *_labelled(card, named), *texts("NOTE"))),
        locator=locator,
    )


def _names(named: dict[str, list[_Property]], texts: Callable[..., list[str]]) -> tuple[str, ...]:
    """Every name of the card: as displayed, given and family name, nicknames, the name before a marriage."""
    out = texts("FN")
    for prop in named.get("N", ()):
        family, given, middle, *_ = (*prop.fields(), "", "", "")
        out.append(" ".join(filter(None, (given, middle, family))))
    out += [_plain(name) for prop in named.get("NICKNAME", ()) for name in _LIST.split(prop.value)]
    for maiden in texts("X-MAIDENNAME", "X-MAIDEN-NAME"):
        out += (maiden, *(f"{given} {maiden}" for prop in named.get("N", ())[:1] if (given := _given(prop))))
    phonetic = texts("X-PHONETIC-FIRST-NAME", "X-PHONETIC-LAST-NAME")
    out.append(" ".join(phonetic))
    return tuple(dict.fromkeys(name for name in (" ".join(name.split()) for name in out) if name))


def _given(prop: _Property) -> str:
    return (*prop.fields(), "", "")[1]


def _birthday(props: Sequence[_Property]) -> tuple[date | None, tuple[str, ...]]:
    """The birthday, and a line for the note where only day and month are known."""
    for prop in props:
        value = prop.value.strip()
        if found := _DAY.fullmatch(value):
            year, month, day = (int(part) for part in found.groups())
            if str(year) != prop.parameters.get("X-APPLE-OMIT-YEAR"):
                try:
                    return date(year, month, day), ()
                except ValueError:
                    continue
        elif found := _DAY_OF_YEAR.fullmatch(value):
            month, day = int(found[1]), int(found[2])
        else:
            continue
        if 1 <= month <= 12 and 1 <= day <= 31:
            return None, (f"birthday --{month:02}-{day:02} (year unknown)",)
    return None, ()


def _labelled(card: Sequence[_Property], named: dict[str, list[_Property]]) -> Iterator[str]:
    """Related people and further dates, each with the label the owner gave it: "spouse: Ann"."""
    labels = {prop.group: _plain(prop.value) for prop in named.get("X-ABLABEL", ())}
    for prop in card:
        if prop.name in ("X-ABRELATEDNAMES", "RELATED", "X-SPOUSE", "X-ABDATE", "ANNIVERSARY", "X-ANNIVERSARY"):
            label = labels.get(prop.group, "") if prop.group else prop.parameters.get("TYPE", "").lower()
            label = _APPLE_LABEL.sub(r"\1", label) or prop.name.removeprefix("X-").removeprefix("AB").lower()
            if (text := _plain(prop.value)) and not text.startswith("urn:"):
                yield f"{label.lower()}: {text}"
