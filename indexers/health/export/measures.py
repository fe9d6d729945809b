"""The quantities of the table of health types by the words that people and programs name them with."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity of the table of health types: its identifier and the units it may be written in, usual ones first."""

    identifier: str
    units: tuple[str, ...]


@cache
def measures() -> Mapping[str, Measure]:
    """The quantities of types.csv by folded identifier, name and synonym; a word for two of them is a word for none."""
    known: dict[str, Measure] = {}
    words: dict[str, set[str]] = {}
    with (files("indexers.health") / "types.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "quantity":
                continue
            identifier = row["identifier"]
            units = dict.fromkeys([*row["export_units"].split(";"), row["canonical_unit"]])
            known[identifier.casefold()] = Measure(identifier, tuple(filter(None, units)))
            short = identifier.removeprefix("HKQuantityTypeIdentifier")
            for word in (identifier, short, row["display_name"], *row["synonyms"].split(";")):
                folded = word.strip().casefold()
                for spelled in (folded, folded.replace("heart rate", "hr")):
                    words.setdefault(spelled, set()).add(identifier)
    one = {word: next(iter(named)) for word, named in words.items() if word and len(named) == 1}
    return {word: known[identifier.casefold()] for word, identifier in one.items()}
