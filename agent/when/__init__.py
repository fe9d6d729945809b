"""Words that name a time become local days. Deterministic; knows no clock: today is an argument.

The grammar is small and cautious: atoms ("May 2023", "last 30 days") are found first, then the words around them
widen or narrow them ("first half of", "between … and", "since"). What is not clearly a time is left alone.

Conventions: weeks are Monday-first ISO weeks; "last week" is the previous one, "the past week" and "last 30 days" are
whole days that end yesterday; a bare month, quarter or season is the most recent complete past one; a date without a
year is the most recent one up to today; a night covers its evening and its morning, so its wake date is the last day.
"""

from __future__ import annotations

from datetime import date

from agent.when.atoms import atoms_in
from agent.when.compose import narrowed, opened, ranges, related
from agent.when.period import Form, Period, Unit, shifted, unit_of

__all__ = ["Form", "Period", "Unit", "find", "shifted", "unit_of"]


def find(text: str, *, today: date) -> tuple[Period, ...]:
    """Every period that a text names, in order, longest match first, not overlapping."""
    atoms = ranges(text, narrowed(text, related(text, atoms_in(text, today), today)))
    return tuple(opened(text, atoms))
