"""Exports of one chat that overlap: each message once, whichever of them tells it, also when one of them has gone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from indexers.record import Message

ELSEWHERE = "elsewhere"
"""The fingerprint of an item whose messages another item holds again."""

_Key = TypeVar("_Key")
_PART = re.compile(r"(?P<digest>[0-9a-f]+)(?P<begins>\^?)(?P<ends>\$?)(?P<own>\*?)(?:~(?P<keys>[\w.,]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one export holds of a day, as a fingerprint remembers it.

    `begins` and `ends` say that the export does so on this day: then `keys` are what it holds of it, else it holds the
    whole day. `own` is true where an export has the owner's words only.
    """

    digest: str
    begins: bool = False
    ends: bool = False
    own: bool = False
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        marks = "^" * self.begins + "$" * self.ends + "*" * self.own
        return self.digest + marks + (f"~{','.join(self.keys)}" if self.keys else "")

    @property
    def whole(self) -> bool:
        """Whether it holds all of the day."""
        return not (self.begins or self.ends)

    def covers(self, other: Part) -> bool:
        """Whether it tells all of the time that `other` tells of."""
        if self.own and not other.own:
            return False
        if self.whole or other.whole or not (self.keys and other.keys):
            return self.whole
        (first, last), (first_other, last_other) = (_ends_of(part.keys) for part in (self, other))
        starts = not self.begins or (other.begins and (first == first_other or _minute(first) < _minute(first_other)))
        reaches = not self.ends or (other.ends and (last == last_other or _minute(last) > _minute(last_other)))
        return starts and reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an item holds: the day as these parts tell it, without the messages (by key) that other items keep.

    `named` is a hash of what its records are made from beside the parts. Its text is the item's fingerprint.
    """

    named: str
    parts: tuple[Part, ...]
    minus: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = "|".join(sorted(map(str, self.parts)))
        return f"{self.named}|{parts}" + (f"|-{','.join(self.minus)}" if self.minus else "")

    @classmethod
    def read(cls, fingerprint: str) -> Held:
        """What a fingerprint says; nothing where it is none of ours."""
        named, *written = fingerprint.split("|")
        minus: tuple[str, ...] = ()
        if written and written[-1].startswith("-"):
            minus = tuple(written.pop()[1:].split(","))
        found = [match for text in written if (match := _PART.fullmatch(text))]
        return cls(named=named, parts=tuple(map(_part, found)), minus=minus)


def _part(found: re.Match[str]) -> Part:
    return Part(
        digest=found["digest"],
        begins=bool(found["begins"]),
        ends=bool(found["ends"]),
        own=bool(found["own"]),
        keys=tuple(found["keys"].split(",")) if found["keys"] else (),
    )


def lost(held: Held, parts: Sequence[Part]) -> list[Part]:
    """The parts of what an item holds that cannot be read again from `parts`, all that is there now."""
    there = {part.digest for part in parts}
    gone = [part for part in held.parts if part.digest not in there]
    if len(held.parts) - len(gone) == len(there):
        return gone  # nothing is new, so there is no reason to read the rest again
    told = most(part.keys for part in parts)
    return [part for part in gone if not (any(now.covers(part) for now in parts) or _holds(told, part))]


def most(listed: Iterable[Iterable[_Key]]) -> Counter[_Key]:
    """How often each key stands in the list that has it most often."""
    union = Counter[_Key]()
    for keys in listed:
        union |= Counter(keys)
    return union


def _holds(told: Counter[str], part: Part) -> bool:
    return not part.whole and Counter(part.keys) <= told


def _ends_of(keys: Sequence[str]) -> tuple[str, str]:
    return keys[0], keys[-1]


def key_of(message: Message, *, by_id: bool) -> str:
    """What tells a message from the others of its day, shortly: its minute and what it is or says, not who says it."""
    what = message.id if by_id else f"{message.text}\0{len(message.attachments)}"
    digest = blake2b(what.encode("utf-8", "replace"), digest_size=5).hexdigest()
    return f"{_minute_of(message):x}.{digest}"


def without(messages: Iterable[Message], keys: Iterable[str], *, by_id: bool) -> Iterator[Message]:
    """The messages but for those that `keys` name, each key once."""
    left = Counter(keys)
    for message in messages:
        key = key_of(message, by_id=by_id)
        if left[key]:
            left[key] -= 1
        else:
            yield message


class Silent(NamedTuple):
    """A line without words: what its sender deleted, or a line of the program's own."""

    minute: int
    sender: str


@dataclass(slots=True, kw_only=True)
class Account:
    """A day as one export tells it: its messages in order, and the lines that stand there without words.

    `senders` are the handles of all who speak in the export, where there are others to compare it with.
    """

    begins: bool
    ends: bool
    senders: frozenset[str]
    messages: list[Message] = field(default_factory=list)
    silent: list[Silent] = field(default_factory=list)

    def minutes(self) -> range:
        """The minutes of which it holds all: one that it begins or ends in may be there by half."""
        told = [*map(_minute_of, self.messages), *(line.minute for line in self.silent)]
        if not told:
            return range(0)
        return range(min(told) + 1 if self.begins else 0, max(told) if self.ends else 24 * 60)


def told_once(accounts: Sequence[Account]) -> list[Message]:
    """A day's messages by several accounts of it, the newest last, where messages have no ids of their own.

    A message is the same in two of them when minute and words are; the name of its sender may have changed. What an
    older one has besides is kept, unless the newer one has another text, or none any more, in its place.
    """
    *older, newest = accounts
    said, newer = list(newest.messages), [newest]
    for account in reversed(older):
        said = [*_only_in(account, said, newer), *said]
        newer.append(account)
    return sorted(said, key=lambda message: message.sent_at)


def _only_in(account: Account, said: list[Message], newer: Sequence[Account]) -> list[Message]:
    """The messages that only an older account has. Names of files that it alone knows are filled in in `said`."""
    places: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    for at, message in enumerate(said):
        places[_likeness(message)].append(at)
    matched: set[int] = set()
    names: dict[str, str] = {}
    present = frozenset[str]().union(*(one.senders for one in newer))

    def is_said(message: Message, *, renamed: bool) -> bool:
        handle = message.sender.handle
        for at in places.get(_likeness(message), ()):
            other = said[at].sender.handle
            if at in matched or renamed is (handle == other):
                continue
            if renamed and (handle in present or other in account.senders):
                continue  # both speak in one export: two people, not one under two names
            matched.add(at)
            names[handle] = other
            if not any(file.name for file in said[at].attachments):
                said[at] = replace(said[at], attachments=message.attachments)
            return True
        return False

    left = [message for message in account.messages if not is_said(message, renamed=False)]
    left = [message for message in left if not is_said(message, renamed=True)]
    if not left:
        return []
    changed = Counter(_place(message) for at, message in enumerate(said) if at not in matched)
    changed += most(one.silent for one in newer) - Counter(
        Silent(line.minute, names.get(line.sender, line.sender)) for line in account.silent
    )
    known = [one.minutes() for one in newer]
    kept: list[Message] = []
    for message in left:
        place = _place(message)
        place = place._replace(sender=names.get(place.sender, place.sender))
        if changed[place] and any(place.minute in minutes for minutes in known):
            changed[place] -= 1  # edited or deleted since
        else:
            kept.append(message)
    return kept


def _likeness(message: Message) -> tuple[int, str, int]:
    return _minute_of(message), message.text, len(message.attachments)


def _place(message: Message) -> Silent:
    return Silent(_minute_of(message), message.sender.handle)


def _minute_of(message: Message) -> int:
    return message.sent_at.hour * 60 + message.sent_at.minute


def _minute(key: str) -> int:
    return int(key.partition(".")[0], 16)
