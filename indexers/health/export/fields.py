"""Fields of foreign JSON and CSV as the type they should have, or None: what is of another type is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from math import isfinite

_ISO_BASIC_OFFSET = re.compile(r"([+-]\d\d)(\d\d)$")
_FRACTION = re.compile(r"\.(\d+)")


def number(value: object) -> float | None:
    """A finite number, also one written as text; a decimal comma only where there is no point."""
    if type(value) is float:
        return value if isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        plain = value.strip()
        value = plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain.replace(",", "")
        if "_" in value:
            return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def words(value: object) -> str:
    """Text with single spaces, "" for anything else."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def inside(value: object) -> Mapping[str, object]:
    """An object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def each(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of an array, none where it is something else."""
    if isinstance(value, list):
        yield from (element for element in value if isinstance(element, dict))


def moment(value: object) -> datetime | None:
    """An ISO 8601 time, aware or not, with any number of decimals; or None."""
    text = words(value)
    text = _FRACTION.sub(lambda part: f".{part[1][:6].ljust(6, '0')}", _ISO_BASIC_OFFSET.sub(r"\1:\2", text))
    # "2024-01-01 08:00:00 +01:00" has a space too many for ISO.
    text = re.sub(r" ([+-]\d\d:\d\d)$", r"\1", text)
    if len(text) < 16:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def formatted(value: object, *forms: str) -> datetime | None:
    """A time in one of several forms of `strptime`, naive; or None."""
    text = words(value)
    for form in forms:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
        except ValueError:
            continue
    return None


def in_utc(found: datetime | None) -> datetime | None:
    """A time that its source gives in UTC without saying so."""
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def unix(value: object, *, per_second: float) -> datetime | None:
    """A count of seconds, milliseconds or the like since 1970 as a time in UTC; or None."""
    count = number(value)
    try:
        return None if count is None else datetime.fromtimestamp(count / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def day(value: object) -> date | None:
    """The day at the beginning of a text, or None."""
    try:
        return date.fromisoformat(words(value)[:10])
    except ValueError:
        return None
