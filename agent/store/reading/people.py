"""Who is who in the store: handles and cards put together into people, and what the owner decided about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from agent.errors import NothingFound, WrongUse
from agent.people import NOBODY, Card, Decision, Handle, Known, address, find, group
from agent.store.store import Store
from agent.vocabulary import Person


class People:
    """Everybody known at the last `load`. `region` (ISO 3166) is where numbers without a country code are dialled."""

    def __init__(self, store: Store, *, region: str = "") -> None:
        self._store = store
        self._region = region
        self.known: tuple[Known, ...] = ()
        self.person_of: dict[int, Person] = {}
        self.names: dict[int, str] = {}
        self._evidence: tuple[Sequence[Handle], Sequence[Card], Sequence[Decision]] | None = None

    def load(self) -> None:
        """Group anew what the store holds now, if it is not what it was: most commits bring nobody new."""
        handles = self._handles()
        number_of = {handle.text: handle.number for handle in handles}
        evidence = handles, self._cards(number_of), self._decisions(number_of)
        if evidence == self._evidence:
            return
        self._evidence = evidence
        everybody = group(*evidence, region=self._region)
        self.known = tuple(one for one in everybody if one.person.handles != (NOBODY,))
        self.person_of = {number_of[handle]: one.person for one in everybody for handle in one.person.handles}
        self.names = {n: "me" if p.me and p.name == p.handles[0] else p.name for n, p in self.person_of.items()}

    def find(self, text: str) -> tuple[Known, ...]:
        """Everybody whom an address or a name (or words of it) stands for."""
        return find(self.known, text, region=self._region)

    def merge(self, one: str, other: str) -> Known:
        """Decide that two are one person, each given by an address or a name. Raises NothingFound or WrongUse."""
        first, second = self._only(one), self._only(other)
        if first.person.id == second.person.id:
            raise WrongUse("These are one person already.", remedy="See why: homebody people.")
        ours, theirs = first.person.handles, second.person.handles
        # each address is tied to the other side, so that one that is split off later takes no other along
        self._decide(
            list(dict.fromkeys([*((ours[0], their) for their in theirs), *((our, theirs[0]) for our in ours)]))
        )
        return self._only(first.person.handles[0])

    def split(self, handle: str) -> Known:
        """Decide that an address is nobody else's; returns the person it now is. Raises NothingFound or WrongUse."""
        wanted = address(handle, self._region)
        text = next((h for h in self._only(handle).person.handles if address(h, self._region) == wanted), "")
        if not text:
            raise WrongUse("Only an address can be split off, not a name.", remedy="See them: homebody people.")
        self._decide([(text, None)])
        return self._only(text)

    def _only(self, text: str) -> Known:
        found = self.find(text)
        if not found:
            raise NothingFound("There is nobody of that name or address.")
        if len(found) > 1:
            raise WrongUse(f"{len(found)} people bear that name.", remedy="Give an address: homebody people.")
        return found[0]

    def _decide(self, pairs: Sequence[tuple[str, str | None]]) -> None:
        with self._store.writing():
            self._store.database.run_many(
                "INSERT INTO decision(one, other) VALUES(?, ?)",
                [(self._key(one), None if other is None else self._key(other)) for one, other in pairs],
            )
        self.load()

    def _key(self, handle: str) -> bytes:
        return self._store.fingerprint("handle", handle)

    def _handles(self) -> list[Handle]:
        names: dict[int, list[str]] = defaultdict(list)
        for number, name in self._store.database.rows("SELECT handle, name FROM handle_name"):
            names[number].append(name)
        sources = self._sources()
        return [
            Handle(
                number=number,
                text=text,
                names=tuple(dict.fromkeys(filter(None, (name, *names[number])))),
                me=bool(me),
                sources=frozenset(sources[number]),
            )
            for number, text, name, me in self._store.database.rows("SELECT id, handle, name, me FROM handle")
        ]

    def _sources(self) -> dict[int, set[str]]:
        """The sources in which each handle takes part; one look-up for each set of people that wrote together."""
        found: dict[int, set[str]] = defaultdict(set)
        for handles, source in self._store.database.rows(
            "SELECT company.handles, source.name FROM company JOIN source ON source.id = (SELECT item.source FROM chunk"
            " JOIN item ON item.id = chunk.item WHERE chunk.company = company.id AND live = 1 LIMIT 1)"
        ):
            for number in handles.split():
                found[int(number)].add(source)
        return found

    def _cards(self, number_of: dict[str, int]) -> list[Card]:
        cards: dict[tuple[str, int, str, str], list[int]] = defaultdict(list)
        for source, item, card, name, handle in self._store.database.rows(
            "SELECT source.name, item, card, card.name, handle FROM card JOIN item ON item.id = card.item"
            " JOIN source ON source.id = item.source WHERE live = 1 ORDER BY card.rowid"
        ):
            if handle in number_of:
                cards[source, item, card, name].append(number_of[handle])
        return [Card(source=source, name=name, handles=tuple(on)) for (source, _, _, name), on in cards.items()]

    def _decisions(self, number_of: dict[str, int]) -> Sequence[Decision]:
        rows = self._store.database.rows("SELECT one, other FROM decision ORDER BY id")
        if not rows:
            return ()
        number = {self._key(handle): n for handle, n in number_of.items()}
        return [
            Decision(one=number[bytes(one)], other=None if other is None else number[bytes(other)])
            for one, other in rows
            if bytes(one) in number and (other is None or bytes(other) in number)
        ]
