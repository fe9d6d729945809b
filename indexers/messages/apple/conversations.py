"""Who talks with whom: handles become people, and the chats that are one conversation become one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from indexers.messages.apple.database import MessagesDatabase
from indexers.record import Party

ME = Party(handle="me", me=True)
UNKNOWN = Party(handle="unknown")

_PERSON, _GROUP, _UNFILED = "person ", "group ", "unfiled"
_GROUP_STYLE, _PERSON_STYLE = 43, 45
_LAST_SHOWN_FILTER = 1
_FILTER_SUFFIX = re.compile(r"\(sms\w*\)$")
_PHONE = re.compile(r"\+?[\d\s().\-/\u00a0\u202f]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation over all its chats. `partner` is the other one of a one-to-one conversation."""

    id: str
    title: str
    people: tuple[Party, ...]
    partner: Party | None

    @property
    def state(self) -> str:
        """What a record repeats of the conversation, as one string."""
        return "\0".join((self.title, *(party.handle for party in self.people)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """All conversations; `numbers` (by id), `of_chat`, `of_handle` (by ROWID) and `unfiled` are indexes into `all`.

    `hidden` are chats that Messages itself shows in no ordinary list: spam, the categories of SMS filters, blocked.
    """

    all: tuple[Conversation, ...]
    numbers: Mapping[str, int]
    of_chat: Mapping[int, int]
    of_handle: Mapping[int, int]
    unfiled: int
    hidden: frozenset[int]
    parties: Mapping[int, Party]

    def numbered_as(self, other: Conversations) -> bool:
        """Whether every chat and handle is of the conversation of the same number; titles and people may differ."""
        return replace(other, all=self.all, parties=self.parties) == self


def normalised(address: str) -> str:
    """A phone number without its punctuation, a mail address in lower case, anything else as it is."""
    plain = address.strip().removeprefix("tel:").removeprefix("mailto:")
    if _PHONE.fullmatch(plain):
        digits = re.sub(r"[^\d+]", "", plain)
        return "+" + digits[2:] if digits.startswith("00") else digits
    return plain.lower() if "@" in plain else plain


def load(database: MessagesDatabase, *, spam: bool) -> Conversations:
    """Read handles and chats, and merge.

    Chats are one conversation when they are one-to-one with one person (over services, and over the addresses that
    `person_centric_id` joins), when they are groups of one chat identifier, or when `chat_lookup` joins them.
    """
    parties, persons = _handles(database)
    members = _members(database)
    sets = _Sets()
    sets.add(_UNFILED)
    who: dict[str, set[str]] = {}
    titles: dict[str, str] = {}
    of_chat: dict[int, str] = {}
    hidden: set[int] = set()
    for handle, person in persons.items():
        sets.add(_PERSON + person)
        who.setdefault(_PERSON + person, set()).add(parties[handle].handle)
    texts = (database.column("chat", name, "TEXT") for name in ("chat_identifier", "guid", "display_name"))
    codes = (database.column("chat", name, "INTEGER") for name in ("style", "is_filtered", "is_blackholed"))
    chats = database.rows(f"SELECT ROWID, {', '.join((*texts, *codes))} FROM chat ORDER BY ROWID")  # noqa: S608  # ours
    for rowid, identifier, guid, title, style, filtered, blocked in chats:
        if not spam and ((filtered or 0) > _LAST_SHOWN_FILTER or blocked):
            hidden.add(rowid)
        name = _FILTER_SUFFIX.sub("", identifier or str(guid or rowid).rpartition(";")[2])
        handles = [handle for handle in members.get(rowid, ()) if handle in parties]
        if _is_group(style, name, len(handles)):
            key = _GROUP + name
            who.setdefault(key, set()).update(parties[handle].handle for handle in handles)
        elif handles:
            key = _PERSON + persons[handles[0]]
        else:
            key = _PERSON + normalised(name)
            who.setdefault(key, {normalised(name)})
        sets.add(key)
        of_chat[rowid] = key
        if title:
            titles[key] = title
    for linked in _linked(database, of_chat):
        sets.join(linked)
    found: list[Conversation] = []
    number: dict[str, int] = {}
    for name, keys in sorted(sets.components().items()):
        number |= dict.fromkeys(keys, len(found))
        found.append(_conversation(name, sorted(keys), who=who, titles=titles))
    return Conversations(
        all=tuple(found),
        numbers={conversation.id: place for place, conversation in enumerate(found)},
        of_chat={chat: number[key] for chat, key in of_chat.items()},
        of_handle={handle: number[_PERSON + person] for handle, person in persons.items()},
        unfiled=number[_UNFILED],
        hidden=frozenset(hidden),
        parties=parties,
    )


def _conversation(
    name: str, keys: Sequence[str], *, who: Mapping[str, set[str]], titles: Mapping[str, str]
) -> Conversation:
    people = tuple(Party(handle=handle) for handle in sorted({one for key in keys for one in who.get(key, ())}))
    group = any(key.startswith(_GROUP) for key in keys)
    kind = "group" if group else "with" if people else "unfiled"
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Conversation(
        id=f"{kind}-{digest}",
        title=next((titles[key] for key in keys if key in titles), "") if group else "",
        people=(*people, ME),
        partner=people[0] if people and not group else None,
    )


def _is_group(style: object, name: str, members: int) -> bool:
    if style in (_GROUP_STYLE, _PERSON_STYLE):
        return bool(style == _GROUP_STYLE)
    return members > 1 or re.fullmatch(r"chat\d+", name) is not None


def _handles(database: MessagesDatabase) -> tuple[dict[int, Party], dict[int, str]]:
    """Each handle's Party, and the one name of the person behind it: the smallest of the person's addresses."""
    address, person = (database.column("handle", name, "TEXT") for name in ("id", "person_centric_id"))
    found = database.rows(f"SELECT ROWID, {address}, {person} FROM handle ORDER BY ROWID")  # noqa: S608  # our names
    addresses = {rowid: normalised(address) for rowid, address, _ in found if address and address.strip()}
    sets = _Sets()
    for address in addresses.values():
        sets.add(address)
    by_person: dict[str, list[str]] = {}
    for rowid, _, person_id in found:
        if person_id and rowid in addresses:
            by_person.setdefault(person_id, []).append(addresses[rowid])
    for same in by_person.values():
        sets.join(same)
    parties = {rowid: Party(handle=address) for rowid, address in addresses.items()}
    return parties, {rowid: sets.name(address) for rowid, address in addresses.items()}


def _members(database: MessagesDatabase) -> dict[int, tuple[int, ...]]:
    if not database.has("chat_handle_join"):
        return {}
    members: dict[int, tuple[int, ...]] = {}
    for chat, handle in database.rows("SELECT chat_id, handle_id FROM chat_handle_join ORDER BY chat_id, handle_id"):
        members[chat] = (*members.get(chat, ()), handle)
    return members


def _linked(database: MessagesDatabase, key_of: Mapping[int, str]) -> Iterable[list[str]]:
    """The chats that newer systems say are one, split over services."""
    if not (database.has("chat_lookup", "identifier") and database.has("chat_lookup", "chat")):
        return ()
    linked: dict[str, list[str]] = {}
    for identifier, chat in database.rows("SELECT CAST(identifier AS TEXT), CAST(chat AS INTEGER) FROM chat_lookup"):
        if identifier and chat in key_of:
            linked.setdefault(identifier, []).append(key_of[chat])
    return linked.values()


class _Sets:
    """Disjoint sets of names; each set is called by its smallest member, so that its name is stable."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, name: str) -> None:
        self._parent.setdefault(name, name)

    def name(self, name: str) -> str:
        while (parent := self._parent[name]) != name:
            self._parent[name] = self._parent[parent]
            name = parent
        return name

    def join(self, names: Iterable[str]) -> None:
        roots = sorted({self.name(name) for name in names})
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def components(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._parent:
            found.setdefault(self.name(name), []).append(name)
        return found
