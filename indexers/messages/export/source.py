"""The source that all kinds of export are: which days there are, and what was said on one."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from indexers.messages.export.archive import UNREADABLE, Malformed, Member, Shelf, members
from indexers.messages.export.conversation import CROWD, Chat, Day
from indexers.messages.export.overlap import (
    ELSEWHERE,
    Account,
    Held,
    Part,
    Silent,
    key_of,
    lost,
    most,
    told_once,
    without,
)
from indexers.record import Message, Record, Skipped
from indexers.source import Item, Options

_LATER = re.compile(r"(?P<day>.+/\d{4}-\d\d-\d\d)\+\d+", re.DOTALL)


class _Told(NamedTuple):
    """A day of a chat as one export tells it, and the days on which the export begins and ends."""

    chat: Chat
    day: Day
    first: date
    last: date

    @property
    def begins(self) -> bool:
        return self.day.date == self.first

    @property
    def ends(self) -> bool:
        return self.day.date == self.last


class ExportSource(ABC):
    """Exports of one program: a file, a zip, or a folder of them. An item is one day of one conversation.

    Options: `owner`, the owner's name as the export shows it, so that `Party.me` is set. The item's id is made of the
    conversation and the day, never of a file's name; its fingerprint says which exports tell the day, and covers all
    else that its records are made from. A day in several exports is all that they tell, each message once, in the
    newest one's words. Where an export went of which `known` says that it held more, its items stay as they were, and
    what the others have besides is an item of its own ("Ann/2023-01-13+1").
    """

    mirror = False
    kind = ""
    merges = False
    """True where messages carry ids of their own, so that these tell which of two exports are the same."""
    known: Mapping[str, str] | Sequence[str] = ()
    """The items read in earlier passes and their fingerprints, where whoever scans can tell."""

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"owner"})
        owner = options.get("owner", "")
        if unknown or not isinstance(owner, str):
            problem = f"does not know the option {unknown[0]!r}" if unknown else "needs text as its option 'owner'"
            raise ValueError(f'a {self.kind} source {problem}; its one option is owner = "your name in the export"')
        self.name = name
        self.path = path.absolute()
        self.shelf = Shelf()
        self.owner = _folded(owner)
        self._found: dict[str, list[_Told]] = {}

    @abstractmethod
    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """The conversations that these files hold, without their texts."""

    @abstractmethod
    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Silent | Skipped]:
        """What was said in a conversation on a day, in order."""

    def roots(self) -> Sequence[Path]:
        """The export, or the folder of exports."""
        return (self.path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """Each day of each conversation, once. Raises SourceUnavailable when the path is missing or closed to us."""
        self.shelf.close()
        self._found, idle = {}, True
        listed: list[Member] = []
        for member in members(self.path, self.shelf):
            if isinstance(member, Member):
                listed.append(member)
            else:
                idle = False
                yield member
        for entry in self.survey(listed):
            idle = False
            if isinstance(entry, Skipped):
                yield entry
                continue
            dates = [day.date for day in entry.days]
            first, last = min(dates, default=date.min), max(dates, default=date.min)
            for day in entry.days:
                self._found.setdefault(f"{entry.id}/{day.date}", []).append(_Told(entry, day, first, last))
        if idle:
            yield Skipped(where=str(self.path), why=f"no {self.kind} export was found here", outcome="empty")
        order = {member: at for at, member in enumerate(listed)}
        for id_, told in self._found.items():
            # Of equal days one is enough, the newest.
            distinct = {one.day.digest: one for one in sorted(told, key=self._age)}
            self._found[id_] = sorted(distinct.values(), key=self._age)
        later = _later_items(self.known)
        for id_, told in sorted(
            self._found.items(), key=lambda at: (order[at[1][-1].day.member], at[1][-1].day.extents)
        ):
            size = sum(extent.end - extent.start for one in told for extent in one.day.extents)
            for item, fingerprint in self._items(id_, told, later.get(id_, ())):
                yield Item(id=item, fingerprint=fingerprint, size=size)
        yield from (Item(id=item, fingerprint=ELSEWHERE) for item in self._retold())

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The messages of one day; what cannot be read any more is a Skipped beside them."""
        id_ = _day_of(item.id)
        if id_ not in self._found:
            for _ in self.scan():
                pass
        told = self._found.get(id_, [])
        if item.fingerprint == ELSEWHERE:
            return
        if not told:
            yield Skipped(where=item.id, why="the export does not hold this day any more", outcome="vanished")
        ordered = list[Message]()
        for record in self._told(told):
            if isinstance(record, Skipped):
                yield record
            else:
                ordered.append(record)
        if minus := Held.read(item.fingerprint).minus:
            ordered = list(without(ordered, minus, by_id=self.merges))
        if any(len(one.chat.people) > CROWD for one in told):
            present = tuple(dict.fromkeys(message.sender for message in ordered))
            ordered = [replace(message, people=present) for message in ordered]
        yield from ordered

    def _told(self, told: Sequence[_Told]) -> Iterator[Message | Skipped]:
        """A day as all these exports tell it, the newest last."""
        accounts: list[Account] = []
        compared = len(told) > 1 and not self.merges
        for one in told:
            senders = one.chat.handles(self.kind) if compared else frozenset[str]()
            account = Account(begins=one.begins, ends=one.ends, senders=senders)
            accounts.append(account)
            try:
                for record in self.messages(one.chat, one.day):
                    match record:
                        case Message():
                            account.messages.append(record)
                        case Silent():
                            account.silent.append(record)
                        case Skipped():
                            yield record
            except (Malformed, *UNREADABLE) as error:
                yield one.day.member.skipped(error)
        if self.merges:
            said = dict[str, Message]()
            for one, account in zip(told, accounts, strict=True):
                for message in account.messages:
                    # Where an export has her words only, it has the words only.
                    if not (one.chat.own and (before := said.get(message.id)) and before.text == message.text):
                        said[message.id] = message
            if len(accounts) > 1:
                yield from sorted(said.values(), key=lambda message: (message.sent_at, message.id))
            else:
                yield from said.values()
        elif accounts:
            yield from told_once(accounts) if compared else accounts[0].messages

    def _items(self, id_: str, told: Sequence[_Told], later: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The items of one day and their fingerprints: one, unless something of it can no longer be read."""
        known = self.known if isinstance(self.known, Mapping) else None
        named = _named(one.chat for one in told)
        if known is None:
            yield id_, str(Held(named=named, parts=tuple(Part(digest=one.day.digest) for one in told)))
            return
        before = {item: Held.read(known[item]) for item in (id_, *later) if known.get(item)}
        remembered = {part.digest: part for held in before.values() for part in held.parts}
        parts = tuple(remembered.get(one.day.digest) or self._part(one) for one in told)
        kept = {item: held for item, held in before.items() if lost(held, parts)}
        yield from ((item, known[item]) for item in kept)
        free = [item for item in (id_, *later) if item not in kept]
        minus = self._kept(kept.values(), told)
        if minus is not None and (
            not kept or any(part.whole for part in parts) or most(part.keys for part in parts) - minus
        ):
            item = free.pop(0) if free else f"{id_}+{len(later) + 1}"
            yield item, str(Held(named=named, parts=parts, minus=tuple(sorted(minus.elements()))))
        yield from ((item, ELSEWHERE) for item in free if item in before)

    def _retold(self) -> Iterator[str]:
        """The items of days that are now told as others: a longer export may show that 3/4 is in March."""
        if not isinstance(self.known, Mapping):
            return
        told = defaultdict[str, set[str]](set)
        for id_, ones in self._found.items():
            told[_chat_of(id_)].update(one.day.digest for one in ones)
        for item, fingerprint in self.known.items():
            id_ = _day_of(item)
            if id_ in self._found or (chat := _chat_of(id_)) not in told:
                continue
            others = self._found.get(_swapped(id_), ())
            parts = Held.read(fingerprint).parts
            if parts and all(
                part.digest in told[chat]
                or (others and not part.whole and Counter(part.keys) <= most(self._keys([one]) for one in others))
                for part in parts
            ):
                yield item

    def _kept(self, kept: Iterable[Held], told: Sequence[_Told]) -> Counter[str] | None:
        """The keys of what these items hold; None where that is the whole day."""
        keys = Counter[str]()
        for held in kept:
            if any(part.whole and not part.own for part in held.parts):
                return None
            if any(part.whole for part in held.parts):
                keys |= Counter(self._keys(told, mine=True))
            keys += most(part.keys for part in held.parts) - Counter(held.minus)
        return keys

    def _part(self, one: _Told) -> Part:
        keys = tuple(self._keys([one])) if one.begins or one.ends else ()
        return Part(digest=one.day.digest, begins=one.begins, ends=one.ends, own=one.chat.own, keys=keys)

    def _keys(self, told: Sequence[_Told], *, mine: bool = False) -> Iterator[str]:
        """What tells a day's messages apart, in order of time; `mine` leaves out what others wrote."""
        said = [entry for entry in self._told(told) if isinstance(entry, Message) and (entry.sender.me or not mine)]
        said.sort(key=lambda message: message.sent_at)
        return (key_of(message, by_id=self.merges) for message in said)

    def _age(self, one: _Told) -> tuple[date, int, str]:
        """What puts exports in order. The one that goes on for longest is the newest; where ids count, the youngest file."""
        member = one.day.member
        return date.min if self.merges else one.last, member.modified, str(member.place)

    def is_owner(self, *names: str) -> bool:
        """Whether one of these names is the owner's, as the option says."""
        return bool(self.owner) and self.owner in map(_folded, names)

    def opened(self, member: Member) -> bool:
        """Whether the owner named this very file, so that it is read whatever its name is."""
        return member.path == self.path and not member.entry


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _day_of(item: str) -> str:
    """The id of the day that an item is of, without what tells a later item of it from the first."""
    found = _LATER.fullmatch(item)
    return found["day"] if found else item


def _chat_of(day: str) -> str:
    return day.rpartition("/")[0]


def _swapped(day: str) -> str:
    """The id of the day that this one would be were its month its day of the month."""
    chat, _, written = day.rpartition("/")
    year, month, number = written.split("-")
    return f"{chat}/{year}-{number}-{month}"


def _later_items(known: Iterable[str]) -> dict[str, list[str]]:
    """The later items of each day, by the day's id."""
    later = defaultdict[str, list[str]](list)
    for item in known:
        if (day := _day_of(item)) != item:
            later[day].append(item)
    return later


def _named(chats: Iterable[Chat]) -> str:
    made_of = {json.dumps((chat.title, _people(chat))) for chat in chats}
    return blake2b("".join(sorted(made_of)).encode(), digest_size=8).hexdigest()


def _people(chat: Chat) -> list[tuple[str, str, bool]]:
    # In a crowd a newcomer changes no other day.
    return [] if len(chat.people) > CROWD else [(person.handle, person.name, person.me) for person in chat.people]
