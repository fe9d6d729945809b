"""Which handles are one person's: by evidence that can be told, and above it by what the owner has decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.people.address import address, is_number
from agent.people.name import FullName, full, may_be_one, words
from agent.vocabulary import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """An address as the store knows it: `names` are all that sources call it, the latest first; `me` the owner's own."""

    number: int
    text: str
    names: tuple[str, ...] = ()
    me: bool = False
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card of an address book: its name and the numbers of the handles on it."""

    source: str
    name: str
    handles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the owner decided: `one` and `other` (numbers of handles) are one person, or `one` is nobody else (None)."""

    one: int
    other: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Why two handles are one person's, in the owner's words."""

    one: str
    other: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A person, why their handles belong together, and the names of the sources they occur in."""

    person: Person
    ties: tuple[Tie, ...] = ()
    sources: tuple[str, ...] = ()


def group(
    handles: Sequence[Handle], cards: Sequence[Card], decisions: Sequence[Decision] = (), *, region: str = ""
) -> tuple[Known, ...]:
    """Put handles together into people, in the order of their first handle.

    Handles that are one address are one; so are addresses on one contact card, the owner's own, and two of one full
    name in two sources, if the name stands for one person in each. An address on cards of different people (a shared
    landline) joins nobody, and neither does one that bears several people's names (a mailing list). The owner's
    decisions, in their order, win over all of this: an address that was split off is joined by later merges only.
    """
    return tuple(_Grouping(handles, cards, decisions, region).people())


class _Grouping:
    """Addresses as the unit of grouping: all spellings of one number go together, whatever is decided."""

    def __init__(
        self, handles: Sequence[Handle], cards: Sequence[Card], decisions: Sequence[Decision], region: str
    ) -> None:
        self._unit_of = {handle.number: address(handle.text, region) for handle in handles}
        self._handles: dict[str, list[Handle]] = defaultdict(list)
        for handle in sorted(handles, key=lambda handle: handle.number):
            self._handles[self._unit_of[handle.number]].append(handle)
        self._all_cards = cards
        self._cards: dict[str, list[Card]] = defaultdict(list)
        for card in cards:
            for unit in self._units(card.handles):
                self._cards[unit].append(card)
        self._owners = {unit for unit, same in self._handles.items() if any(handle.me for handle in same)}
        self._alone, self._merged = self._decided(decisions)
        self._sets = _Sets(self._handles)
        self._ties: list[tuple[str, Tie]] = []

    def people(self) -> Iterator[Known]:
        for unit, same in self._handles.items():
            why = f"same {'number' if is_number(unit) else 'address'}"
            self._ties += [(unit, Tie(one=same[0].text, other=other.text, why=why)) for other in same[1:]]
        self._tie_all((unit for unit in self._handles if unit in self._owners), "yours, as the source says")
        for card in self._all_cards:
            own = [unit for unit in self._units(card.handles) if not self._is_shared(unit)]
            self._tie_all(own, f"same card: {card.name}")
        for name, roots in self._same_names():
            self._tie_all(roots, f"same full name in two sources: {name}")
        for one, other in self._merged:
            if self._sets.root(one) != self._sets.root(other):
                self._tie(one, other, "merged by you")
        members: dict[str, list[str]] = defaultdict(list)
        for unit in self._handles:
            members[self._sets.root(unit)].append(unit)
        ties: dict[str, list[Tie]] = defaultdict(list)
        for unit, tie in self._ties:
            ties[self._sets.root(unit)].append(tie)
        known = [self._known(units, ties[root]) for root, units in members.items()]
        yield from sorted(known, key=lambda one: one.person.id)

    def _units(self, numbers: Iterable[int]) -> list[str]:
        return list(dict.fromkeys(self._unit_of[number] for number in numbers if number in self._unit_of))

    def _decided(self, decisions: Iterable[Decision]) -> tuple[set[str], list[tuple[str, str]]]:
        alone: set[str] = set()
        merged: list[tuple[str, str]] = []
        for decision in decisions:
            if decision.one not in self._unit_of:
                continue
            one = self._unit_of[decision.one]
            if decision.other is None:
                alone.add(one)
                merged = [pair for pair in merged if one not in pair]
            elif decision.other in self._unit_of:
                merged.append((one, self._unit_of[decision.other]))
        return alone, merged

    def _tie_all(self, units: Iterable[str], why: str) -> None:
        joined = [unit for unit in units if unit not in self._alone]
        for unit in joined[1:]:
            self._tie(joined[0], unit, why)

    def _tie(self, one: str, other: str, why: str) -> None:
        if one == other:
            return
        self._sets.join(one, other)
        self._ties.append((one, Tie(one=self._handles[one][0].text, other=self._handles[other][0].text, why=why)))

    def _is_shared(self, unit: str) -> bool:
        """Whether cards of people who cannot be one bear this address."""
        named = [card.name for card in self._cards[unit]] if unit in self._cards else []
        return any(not may_be_one(one, other) for i, one in enumerate(named) for other in named[:i])

    def _card_names(self, unit: str) -> list[str]:
        if unit in self._alone or unit not in self._cards:
            return []
        return [card.name for card in self._cards[unit]]

    def _display_names(self, unit: str) -> list[str]:
        """What sources call an address, the latest first; nothing for one under which several people write."""
        names = list(dict.fromkeys(name for handle in self._handles[unit] for name in handle.names if name))
        several = any(not may_be_one(one, other) for i, one in enumerate(names) for other in names[:i])
        return [] if several and "@" in unit else names

    def _same_names(self) -> Iterator[tuple[str, list[str]]]:
        """Full names that stand for several groups so far, and for one in each source that has them."""
        bearers: dict[FullName, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        shown: dict[FullName, str] = {}
        for unit in self._handles:
            if unit in self._alone or self._is_shared(unit):
                continue
            named = [(card.name, card.source) for card in self._cards.get(unit, ())]
            sources = {source for handle in self._handles[unit] for source in handle.sources}
            named += [(name, source) for name in self._display_names(unit) for source in sources]
            for name, source in named:
                if folded := full(name):
                    bearers[folded][source].add(self._sets.root(unit))
                    shown.setdefault(folded, name)
        for folded, by_source in bearers.items():
            roots = sorted({root for found in by_source.values() for root in found})
            if len(roots) > 1 and all(len(found) == 1 for found in by_source.values()):
                yield shown[folded], roots

    def _known(self, units: Sequence[str], ties: Sequence[Tie]) -> Known:
        handles = sorted((h for unit in units for h in self._handles[unit]), key=lambda handle: handle.number)
        cards = {card.source for unit in units if unit not in self._alone for card in self._cards.get(unit, ())}
        person = Person(
            id=handles[0].number,
            name=self._name(units) or handles[0].text,
            handles=tuple(handle.text for handle in handles),
            me=self._is_owner(units),
        )
        found = {source for handle in handles for source in handle.sources} | cards
        return Known(person=person, ties=tuple(dict.fromkeys(ties)), sources=tuple(sorted(found)))

    def _is_owner(self, units: Sequence[str]) -> bool:
        """What the owner split off from themselves is not the owner, unless nothing else is."""
        own = self._owners.intersection(units)
        return bool(own - self._alone) or (bool(own) and self._owners <= self._alone)

    def _name(self, units: Sequence[str]) -> str:
        """The fullest name on a card, else the fullest that a source gives; all names of a shared address."""
        if len(units) == 1 and self._is_shared(units[0]) and units[0] not in self._alone:
            return " & ".join(dict.fromkeys(self._card_names(units[0])))
        for names in (self._card_names, self._display_names):
            found = [name for unit in units for name in names(unit)]
            if found:
                return max(found, key=lambda name: min(len(words(name)), 2))
        return ""


class _Sets:
    """Disjoint sets (union-find)."""

    def __init__(self, members: Mapping[str, object]) -> None:
        self._parent = {member: member for member in members}

    def root(self, member: str) -> str:
        while (parent := self._parent[member]) != member:
            self._parent[member] = member = self._parent[parent]
        return member

    def join(self, one: str, other: str) -> None:
        self._parent[self.root(other)] = self.root(one)
