"""Conversations of an export: who takes part, and the days into which they are cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from hashlib import blake2b

from indexers.messages.export.archive import Extent, Member
from indexers.record import Party

CROWD = 64
"""Chats with more people than this name those who spoke on the day, not all who ever did."""

MAX_EXTENT = 4 << 20
"""The bytes of a day that are read at once, about."""

_PHONE = re.compile(r"\+?[\d\s().\-‐-―/]{7,25}")
_PHONE_DIGITS = range(7, 16)
"""No telephone has more (E.164), and the ids of programs that are numbers do."""
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of a conversation in one member: what has the content `digest`, in these extents."""

    member: Member
    date: date
    extents: tuple[Extent, ...]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation of an export: who takes part, by what the export calls them, and its days in file order."""

    id: str
    title: str
    senders: Mapping[str, Party]
    days: tuple[Day, ...]
    own: bool = False
    """Whether the export has only what the owner wrote."""

    @property
    def people(self) -> tuple[Party, ...]:
        """All who take part, each once."""
        return tuple(dict.fromkeys(self.senders.values()))

    def handles(self, kind: str) -> frozenset[str]:
        """The handles of all who speak, as `introduce` tells them."""
        return frozenset(_known_in(kind, party).handle for party in self.senders.values())

    def introduce(self, kind: str) -> Callable[[str], tuple[Party, tuple[Party, ...]]]:
        """Names the sender and the people of a message by what the export calls its sender.

        The people are the chat's; of a crowd, the sender alone (`ExportSource.read` then adds who spoke that day).
        A handle that means something inside this `kind` of program alone says so ("whatsapp:Ann"): the Ann of another
        program may be somebody else.
        """
        senders = {sender: _known_in(kind, party) for sender, party in self.senders.items()}
        people = tuple(dict.fromkeys(senders.values()))

        @cache
        def introduced(sender: str) -> tuple[Party, tuple[Party, ...]]:
            party = senders.get(sender) or _known_in(kind, Party(handle=sender, name=sender))
            if len(people) > CROWD:
                return party, (party,)
            return party, people if party in people else (*people, party)

        return introduced


@dataclass(slots=True)
class _Tally:
    extents: list[Extent] = field(default_factory=list)
    digest: blake2b = field(default_factory=lambda: blake2b(digest_size=16))


class DayBook:
    """Collects a member's messages into days: runs of neighbours become one extent, up to MAX_EXTENT."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._days: dict[date, _Tally] = {}
        self._last: date | None = None

    def add(self, day: date, content: bytes, extent: Extent, *, starts: bool = True) -> None:
        """Book what `starts` a message of one day, or goes on with the last one; `content` is what the fingerprint covers."""
        tally = self._days.setdefault(day, _Tally())
        if self._last == day and not (starts and extent.end - tally.extents[-1].start > MAX_EXTENT):
            tally.extents[-1] = tally.extents[-1]._replace(end=extent.end)
        else:
            tally.extents.append(extent)
            self._last = day
        tally.digest.update(content)

    def days(self) -> tuple[Day, ...]:
        """The days so far, in the order of their first message in the file."""
        return tuple(
            Day(member=self._member, date=day, extents=tuple(tally.extents), digest=tally.digest.hexdigest())
            for day, tally in self._days.items()
        )


def _known_in(kind: str, party: Party) -> Party:
    handle = party.handle
    number = address(handle).removeprefix("+")
    if _MAIL.fullmatch(handle) or (number.isdecimal() and len(number) in _PHONE_DIGITS):
        return party
    return replace(party, handle=f"{kind}:{handle}")


def address(name: str) -> str:
    """The handle of a person named `name`: a phone number as + and digits where it is one, else the name itself."""
    if _PHONE.fullmatch(name):
        digits = "".join(character for character in name if character.isdecimal())
        if len(digits) > 6:
            return f"+{digits}" if name.startswith("+") else digits
    return name
