"""A document before it has a format, and a generator of invented ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, slide, chapter or heading; `table` has its header first, `note` is a footnote or speaker's note."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    table: tuple[Row, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document before it has a format. `name` is its file name without an extension; `written_at` is aware."""

    name: str
    title: str
    pages: tuple[Page, ...]
    author: str = "Robin Winter"
    written_at: datetime = datetime(2024, 3, 5, 9, 30, tzinfo=UTC)


def papers(seed: int, count: int) -> Iterator[Paper]:
    """Invented household papers, the same for the same seed."""
    chance = Random(seed)
    for number in range(count):
        topic, things = chance.choice(_TOPICS)
        town, person = chance.choice(_TOWNS), chance.choice(_PEOPLE)
        day = datetime(2022, 1, 1, 8, tzinfo=UTC) + timedelta(
            days=chance.randrange(1200), minutes=chance.randrange(600)
        )
        pages = []
        for thing in chance.sample(things, k=min(len(things), chance.randint(1, 3))):
            rows = tuple(
                (item, str(chance.randint(1, 9)), f"{chance.randint(200, 90_000) / 100:.2f}")
                for item in chance.sample(_ITEMS, k=4)
            )
            paragraphs = tuple(
                chance.choice(_SENTENCES).format(
                    thing=thing.lower(), town=town, person=person, day=f"{day:%d %B %Y}", n=chance.randint(11, 989)
                )
                for _ in range(chance.randint(2, 5))
            )
            note = f"Checked by {person}." if chance.random() < 0.5 else ""
            pages.append(
                Page(heading=thing, paragraphs=paragraphs, table=(("Item", "Count", "Price"), *rows), note=note)
            )
        yield Paper(
            name=f"{topic.lower()}-{town.lower()}-{number}",
            title=f"{topic} {town}",
            pages=tuple(pages),
            author=person,
            written_at=day,
        )


_TOPICS: Sequence[tuple[str, Sequence[str]]] = (
    ("Lease", ("Rent", "Deposit", "Heating", "House rules")),
    ("Insurance", ("Premium", "Excess", "Claims")),
    ("Trip", ("Flights", "Hotel", "Packing", "Budget")),
    ("School", ("Timetable", "Excursion", "Lunch")),
    ("Garden", ("Planting", "Watering", "Tools")),
)
_TOWNS = ("Aldervik", "Brannholm", "Castrello", "Dunmarsh", "Eberfeld", "Fontaigne")
_PEOPLE = ("Mara Lindqvist", "Tomás Ferreira", "Ines Okafor", "Jonas Weidel", "Priya Raman")
_ITEMS = ("lamp", "kettle", "ladder", "blanket", "notebook", "bicycle", "rain barrel", "curtain")
_SENTENCES = (
    "{person} wrote on {day} that the {thing} in {town} is settled.",
    "The {thing} comes to {n} euros and is due within 14 days.",
    "Reference number {n} belongs to the {thing}; please quote it in every letter.",
    "In {town} the office for the {thing} opens on weekdays from nine to noon.",
    "If the {thing} changes, {person} is told {n} hours before.",
)
