"""Which of the events that mails invite to are still so: a newer mail may have moved or cancelled them (RFC 5546)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from hashlib import blake2b
from itertools import chain

from indexers.readers.charset import decode
from indexers.readers.vobject import ics
from indexers.record import Event

SIGN = b"text/calendar"
"""What the bytes of a mail hold that invites."""
MOST = 100
"""So many events of one mail are compared with those of others."""

_FOLD = re.compile(r"\n[ \t]")
_FIELD = re.compile(
    r"^(METHOD|BEGIN|END|UID|SEQUENCE|DTSTAMP|STATUS|ORGANIZER|RECURRENCE-ID)\b[^\n:]*:([^\n]*)$", re.M | re.I
)
_CLOSED = re.compile(r"^(?:METHOD|STATUS)\b[^\n]*\n", re.M | re.I)
_INVITES = frozenset({"", "REQUEST", "PUBLISH", "ADD", "CANCEL"})
_DIGITS = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Call:
    """One version of an event: `series` tells events of one organizer apart, `event` and `occurrence` are names of ids.

    `occurrence` is "" for all of the event. `version` grows with each change, and is greatest where it was cancelled.
    """

    series: str
    event: str
    occurrence: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return ".".join((self.series, self.event, self.occurrence, *map(str, self.version)))

    @classmethod
    def read(cls, written: str) -> Call:
        """The call that `str` wrote."""
        series, event, occurrence, *version = written.split(".")
        sequence, stamp, cancelled = map(int, version)
        return cls(series, event, occurrence, (sequence, stamp, cancelled))


def name(id_: str) -> str:
    return blake2b(id_.encode("utf-8", "replace"), digest_size=6).hexdigest()


def calls(mail: bytes) -> tuple[Call, ...]:
    """The events that a mail invites to, moves or cancels, as far as its bytes go."""
    try:
        parts = list(message_from_bytes(mail).walk())
    except RecursionError:
        return ()  # such a mail gives no event either
    found: dict[Call, None] = {}
    for part in parts:
        if part.get_content_type() in ("text/calendar", "application/ics"):
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                found |= dict.fromkeys(_calls(_FOLD.sub("", decode(payload).replace("\r\n", "\n"))))
    return tuple(found)[:MOST]


def _calls(text: str) -> Iterator[Call]:
    method, inside = "", False
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(text):
        field, value = found[1].upper(), found[2].strip()
        if field == "METHOD":
            method = value.upper()
        elif field == "BEGIN":
            # What an alarm says inside is not the event's.
            inside = value.upper() == "VEVENT"
            fields = {} if inside else fields
        elif field == "END" and value.upper() == "VEVENT":
            if method in _INVITES and fields.get("UID"):
                yield _call(
                    text, fields, cancelled=method == "CANCEL" or fields.get("STATUS", "").upper() == "CANCELLED"
                )
        elif inside:
            fields.setdefault(field, value)


def _call(text: str, fields: dict[str, str], *, cancelled: bool) -> Call:
    uid, occurrence = fields["UID"], ""
    if "RECURRENCE-ID" in fields:
        # The name of an occurrence is its start in UTC, which takes the zones of the file to tell.
        open_text = _CLOSED.sub("", text).encode()
        ids = [event.id for event in ics.events(open_text, where="") if isinstance(event, Event)]
        occurrence = next((name(id_) for id_ in ids if id_.startswith(f"{uid}#")), "")
    sequence, stamp = (int(_DIGITS.sub("", fields.get(field, ""))[:14] or 0) for field in ("SEQUENCE", "DTSTAMP"))
    organizer = fields.get("ORGANIZER", "").lower()
    return Call(name(f"{uid}\n{organizer}"), name(uid), occurrence, (sequence, stamp, int(cancelled)))


def is_over(event: str, over: Iterable[str]) -> bool:
    """Whether an event (by its id) is among those `over`, itself or as one of a series."""
    return bool(over) and not {name(event), name(event.rpartition("#")[0])}.isdisjoint(over)


class Invitations:
    """All calls of a source, mail by mail in the order in which mails are read."""

    def __init__(self, mails: Iterable[Sequence[Call]]) -> None:
        self._versions: dict[str, list[tuple[Call, tuple[int, ...]]]] = defaultdict(list)
        for at, call in chain.from_iterable(((at, call) for call in mail) for at, mail in enumerate(mails)):
            # Of equal versions the first mail's counts.
            self._versions[call.series].append((call, (*call.version, -at)))

    def over(self, at: int, mail: Sequence[Call]) -> tuple[str, ...]:
        """The names of what others of the mails tell more newly than this one, the mail at `at`."""
        out: set[str] = set()
        for call in mail:
            version = (*call.version, -at)
            for other, newer in self._versions[call.series]:
                if newer <= version:
                    continue
                if not other.occurrence:
                    out.add(call.occurrence or call.event)
                elif call.occurrence in ("", other.occurrence):
                    out.add(other.occurrence)
        return tuple(sorted(out))
