"""The list of red flags and of the numbers to call, as the data file beside it holds them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kind of emergency: how it is put in words, and what is said first. `always`: no context takes it back."""

    id: str
    name: str
    say: str
    pattern: re.Pattern[str]
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything that redflags.toml holds. `reviewed` is whether a clinician has looked at it."""

    entries: tuple[Entry, ...]
    idioms: re.Pattern[str]
    emergency: Mapping[str, str]
    crisis: Mapping[str, str]
    sources: tuple[str, ...]
    reviewed: bool


@cache
def table() -> Table:
    """Read the data file, once."""
    data = tomllib.loads(files("agent.triage").joinpath("redflags.toml").read_text("utf-8"))
    return Table(
        entries=tuple(
            Entry(
                id=flag["id"],
                name=flag["name"],
                say=flag["say"],
                pattern=_any(flag["patterns"]),
                always=flag.get("always", False),
            )
            for flag in data["flag"]
        ),
        idioms=_any(data["idioms"]["patterns"]),
        emergency=data["emergency"],
        crisis=data["crisis"],
        sources=tuple(data["about"]["sources"]),
        reviewed=data["about"]["reviewed_by_a_clinician"],
    )


_PERSON = (
    r"(?:he|she|they|somebody|someone|(?:(?:my|our|the|a) )?(?:\w+ )?(?:mother|mom|mum|father|dad|wife|husband|partner|son|daughter"
    r"|baby|child|kid|sister|brother|grand(?:ma|pa|mother|father)|friend|colleague|boss|neighbou?r|man|woman|boy|girl|uncle|aunt))"
)
"""What a pattern may say as {person}: a shelf collapses too."""


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    whole = "|".join(patterns).replace("{person}", _PERSON)
    return re.compile(rf"(?<!\w)(?:{whole})(?!\w)")
