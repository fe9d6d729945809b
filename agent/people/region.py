"""The country that numbers without a country code are dialled in."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_LOCALE = re.compile(r"[A-Za-z]{2,3}[_-](?:[A-Za-z]{4}[_-])?([A-Za-z]{2})\b")


def region_of(*, zone: str = "", locale: str = "") -> str:
    """The ISO 3166 code of a locale ("de_AT.UTF-8") or, without one, of an IANA time zone ("Europe/Vienna"); "" if none.

    A zone that several countries share ("Europe/Berlin" is one of Germany alone) stands for the one it is named after.
    """
    found = _LOCALE.match(locale)
    return found[1].upper() if found else _zones().get(zone, "")


@cache
def _zones() -> dict[str, str]:
    """Zone -> country, from the table that comes with the time zones (tz database, public domain)."""
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
