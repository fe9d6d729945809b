"""A sound source passes; each rule that one breaks is named."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexers.contract import BrokenRule, check_source
from indexers.record import Contact, Event, Message, Party, Record, SampleBatch, Section, Skipped, Span
from indexers.source import Item

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ANN = Party(handle="ann@example.org")
MESSAGE = Message(id="m", conversation="c", sender=ANN, people=(ANN,), sent_at=NOON, text="hello")
SECTION = Section(id="s", document="d", title="t", text="words", spans=(Span(kind="page", label="1", start=0, end=5),))
EVENT = Event(id="e", title="t", start=NOON, end=NOON)
CONTACT = Contact(id="k", names=("Ann",))
BATCH = SampleBatch(
    measure="steps",
    unit="count",
    source="watch",
    start=array("q", [1, 2]),
    end=array("q", [2, 2]),
    offset=array("h", [0, 0]),
    value=array("d", [1.0, 2.0]),
    labels=("a", "b"),
    label=array("H", [0, 1]),
)
SKIPPED = Skipped(where="/x", why="it is damaged")


class Given:
    """A source that says what it is given."""

    def __init__(
        self,
        *,
        name: str = "given",
        mirror: bool = True,
        roots: Sequence[Path] = (Path("/life"),),
        items: Sequence[Item | Skipped] = (Item(id="/a", fingerprint="1"),),
        records: Sequence[Record | Skipped] = (MESSAGE, SECTION, EVENT, CONTACT, BATCH, SKIPPED),
    ) -> None:
        self.name = name
        self.mirror = mirror
        self._roots = roots
        self._items = items
        self._records = records

    def roots(self) -> Sequence[Path]:
        return self._roots

    def scan(self) -> Iterator[Item | Skipped]:
        return iter(self._items)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        return iter(self._records)


def test_a_sound_source_passes_and_its_records_come_back() -> None:
    unseen = Skipped(where="/locked/", why="no permission", outcome="no_permission")
    found = check_source(Given(items=[unseen, Item(id="/a", fingerprint="1"), Item(id="/b", fingerprint="1")]))
    assert found[0] == unseen
    assert found[1:7] == found[7:] == [MESSAGE, SECTION, EVENT, CONTACT, BATCH, SKIPPED]


def batch(**changes: object) -> SampleBatch:
    return replace(BATCH, **changes)  # type: ignore[arg-type]  # fields


BROKEN: dict[str, Given] = {
    "a source has a name": Given(name=""),
    "mirror is True or False": Given(mirror=None),  # type: ignore[arg-type]  # what is tested
    "roots are absolute": Given(roots=[Path("life")]),
    "item ids are unique": Given(items=[Item(id="/a", fingerprint="1"), Item(id="/a", fingerprint="2")]),
    "item id and fingerprint are not empty: ''": Given(items=[Item(id="", fingerprint="1")]),
    "item id and fingerprint are not empty: '/a'": Given(items=[Item(id="/a", fingerprint="")]),
    "a record has an id": Given(records=[replace(MESSAGE, id="")]),
    "record id 'm' occurs twice": Given(records=[MESSAGE, MESSAGE]),
    "a message has a conversation": Given(records=[replace(MESSAGE, conversation="")]),
    "the sender is one of the people": Given(records=[replace(MESSAGE, people=())]),
    "a message has a time after 1970": Given(records=[replace(MESSAGE, sent_at=datetime(1970, 1, 1, tzinfo=UTC))]),
    "a section has text": Given(records=[replace(SECTION, text=" \n")]),
    "span 1 lies in the text": Given(records=[replace(SECTION, text="word")]),
    "start and end are both aware or both floating": Given(records=[replace(EVENT, end=NOON.replace(tzinfo=None))]),
    "an event does not end before it starts": Given(records=[replace(EVENT, end=NOON - timedelta(hours=1))]),
    "a contact has a name": Given(records=[replace(CONTACT, names=())]),
    "a batch of steps has 1 to 4096 rows": Given(
        records=[batch(start=array("q"), end=array("q"), offset=array("h"), value=array("d"), label=array("H"))]
    ),
    "the columns of steps are equally long": Given(records=[batch(value=array("d", [1.0]))]),
    "labels of steps are for all rows or none": Given(records=[batch(label=array("H", [1]))]),
    "each label has a name": Given(records=[batch(label=array("H", [0, 2]))]),
    "no sample ends before it starts": Given(records=[batch(end=array("q", [0, 2]))]),
    "a Skipped says where and why": Given(records=[replace(SKIPPED, why="")]),
    "a Skipped stands for at least one thing": Given(records=[replace(SKIPPED, count=0)]),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_rule_is_named(rule: str) -> None:
    with pytest.raises(BrokenRule) as caught:
        check_source(BROKEN[rule])
    assert rule in str(caught.value)


class Restless(Given):
    """Says something else each time."""

    def __init__(self, *, scans: Callable[[int], Sequence[Item]], reads: Callable[[int], Sequence[Record]]) -> None:
        super().__init__()
        self._scans, self._reads = scans, reads
        self._times = 0

    def scan(self) -> Iterator[Item | Skipped]:
        self._times += 1
        return iter(self._scans(self._times))

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        self._times += 1
        return iter(self._reads(self._times))


def test_two_scans_and_two_readings_have_to_agree() -> None:
    item = Item(id="/a", fingerprint="1")
    with pytest.raises(BrokenRule, match="two scans"):
        check_source(Restless(scans=lambda n: [replace(item, fingerprint=str(n))], reads=lambda _: []))
    with pytest.raises(BrokenRule, match="two readings of /a"):
        check_source(Restless(scans=lambda _: [item], reads=lambda n: [replace(MESSAGE, text=str(n))]))


def test_the_place_of_a_fault_is_told() -> None:
    with pytest.raises(BrokenRule, match=r"^/a/s: "):
        check_source(Given(records=[replace(SECTION, text=" ")]))
