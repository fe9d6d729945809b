"""The fields of a mail's head, decoded when asked for: words, addresses, ids and dates."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message as Mime
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache

from indexers.readers.charset import decode
from indexers.record import Party

VALUE_CHARS = 64_000
"""The most characters of one field that are looked at; what follows is no address list anyone wrote."""
MAX_PEOPLE = 500
UNKNOWN = "unknown"
"""The handle of a sender that the mail does not name."""

_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]*)\?=")
_SIMPLE = re.compile(r'\s*(?:"([^"\\]*)"|([^"<>,;:@()\\\[\]]*?))\s*<([^<>\s,;:"()]+@[^<>\s,;:"()]+)>\s*')
_BARE = re.compile(r"\s*([^<>\s,;:\"()]+@[^<>\s,;:\"()]+)\s*")
_ID = re.compile(r"<([^<>]+)>")
_DATE = re.compile(
    r"(?:[A-Za-z]{3},)? *(\d{1,2}) +([A-Z][a-z]{2}) +(\d{4}) +(\d\d):(\d\d):(\d\d) +([+-])(\d\d)(\d\d)(?: \([A-Za-z ]+\))?"
)
_MONTHS = {month: at for at, month in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)}
_YEARS = range(1971, 2200)


class Head:
    """The head of one parsed mail: raw fields by lower-case name, each decoded only when asked for."""

    def __init__(self, mime: Mime) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in mime.raw_items():
            self._fields.setdefault(name.lower(), []).append(str(value))

    def all(self, name: str) -> Sequence[str]:
        """Every raw value of a field, in order, cut to VALUE_CHARS."""
        return [value[:VALUE_CHARS] for value in self._fields.get(name, ())]

    def first(self, name: str) -> str:
        values = self._fields.get(name)
        return values[0][:VALUE_CHARS] if values else ""

    def text(self, name: str) -> str:
        """The first value of a field as one line of decoded text."""
        return words(self.first(name))

    def ids(self, name: str) -> Sequence[str]:
        """Message ids in a field, without their angle brackets (RFC 5322 3.6.4; some writers leave them out)."""
        value = raw_text(self.first(name))
        # Programs that fold lines put white space into ids.
        found = ("".join(id_.split()) for id_ in _ID.findall(value))
        return list(filter(None, found)) or [word for word in value.split() if "@" in word]

    def parties(self, *names: str, owners: frozenset[str] = frozenset()) -> tuple[Party, ...]:
        """Everyone named in these fields, each address once, at most MAX_PEOPLE."""
        return parties((value for name in names for value in self.all(name)), owners=owners)

    def sent_at(self) -> datetime | None:
        """The Date field with its own offset, else the oldest hop that can be read; None when the head has no time."""
        hops = (value.rpartition(";")[2] for value in reversed(self.all("received")))
        for value in (*self.all("date"), *self.all("resent-date"), *hops):
            if (moment := instant(value)) is not None:
                return moment
        return None


def raw_text(value: str) -> str:
    """A field's value with undeclared 8-bit bytes (surrogates, as the parser leaves them) decoded."""
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))


def words(value: str) -> str:
    """One line of text with RFC 2047 encoded words decoded.

    Neighbouring words of one charset are joined as bytes first: many writers cut a character in two.
    """
    value = raw_text(value)
    if "=?" not in value:
        return " ".join(value.split())
    out: list[str] = []
    pending, charset, end = b"", "", 0
    for match in _WORD.finditer(value):
        gap = value[end : match.start()]
        if gap.strip() or (gap and not end):
            out += (decode(pending, charset), gap)
            pending = b""
        name = match[1].partition("*")[0].lower()
        if name != charset:
            out.append(decode(pending, charset))
            pending, charset = b"", name
        pending += _word_bytes(match[2], match[3])
        end = match.end()
    out += (decode(pending, charset), value[end:])
    return " ".join("".join(out).split())


def _word_bytes(encoding: str, data: str) -> bytes:
    raw = data.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return raw


def parties(values: Iterable[str], *, owners: frozenset[str] = frozenset()) -> tuple[Party, ...]:
    """People of address lists (RFC 5322 3.4), each lower-case address once, the first display name that is one."""
    found: dict[str, str] = {}
    for value in values:
        for name, address in _addresses(value):
            handle = address.strip("<>'\" ").lower()
            if "@" not in handle or len(handle) > 320:
                continue
            display = words(name).strip("'\" ")
            display = "" if display.lower() == handle else display
            if handle not in found and len(found) == MAX_PEOPLE:
                return _as_parties(found, owners)
            found[handle] = found.get(handle) or display
    return _as_parties(found, owners)


def _as_parties(found: dict[str, str], owners: frozenset[str]) -> tuple[Party, ...]:
    return tuple(Party(handle=handle, name=name, me=handle in owners) for handle, name in found.items())


def _addresses(value: str) -> Sequence[tuple[str, str]]:
    """(display name, address) pairs; the two forms that nearly all mails use are read without the full grammar."""
    text = raw_text(value)
    if match := _SIMPLE.fullmatch(text):
        return [(match[1] or match[2] or "", match[3])]
    if match := _BARE.fullmatch(text):
        return [("", match[1])]
    try:
        pairs = getaddresses([text])
        if not any("@" in address for _, address in pairs) and "=?" in text:
            # The whole mailbox, brackets and all, in one encoded word: wrong, and common.
            pairs = getaddresses([words(text)])
    except (RecursionError, IndexError, ValueError):
        # Comments nested without end; the standard parser recurses into them.
        return []
    return pairs


def instant(value: str) -> datetime | None:
    """An RFC 5322 date as an aware time; None when it is none, or lies outside the years a mail can have.

    "-0000" says that the zone is not known: the time is UTC then (RFC 5322 3.3).
    """
    try:
        written = value.strip()[:200]
        moment = _usual(written) or parsedate_to_datetime(written)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.year not in _YEARS:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    # Offsets with seconds or beyond a day's reach come from broken clocks; the instant is still right.
    offset = moment.utcoffset() or timedelta(0)
    return moment if abs(offset) <= timedelta(hours=15) else moment.astimezone(UTC)


def _usual(value: str) -> datetime | None:
    """A date in the form that nearly all mails use, read without the full grammar; ValueError where no day is so called."""
    found = _DATE.fullmatch(value)
    if found is None or (month := _MONTHS.get(found[2])) is None:
        return None
    day, year, hour, minute, second, zone_hours, zone_minutes = map(int, found.group(1, 3, 4, 5, 6, 8, 9))
    return datetime(year, month, day, hour, minute, second, tzinfo=_zone(found[7], zone_hours, zone_minutes))


@lru_cache(maxsize=256)
def _zone(sign: str, hours: int, minutes: int) -> timezone:
    east = timedelta(hours=hours, minutes=minutes)
    return timezone(-east if sign == "-" else east)
