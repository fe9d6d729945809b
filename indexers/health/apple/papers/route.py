"""A workout's route (GPX): how far it led, and where it began. Read only when the owner asks for routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, isfinite, radians, sin, sqrt

_EARTH_KM = 6371.0088
_POINT = re.compile(rb"<trkpt\s([^>]*)>")
_PLACE = re.compile(rb"""\b(lat|lon)\s*=\s*["'](-?\d{1,3}(?:\.\d{1,20})?)["']""")
_LONGEST_TAG = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The line through a route's points: kilometres, and the first point as (latitude, longitude) in degrees."""

    kilometres: float
    begins: tuple[float, float]

    @property
    def place(self) -> str:
        """Where it began, to about a hundred metres."""
        latitude, longitude = self.begins
        north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
        return f"{abs(latitude):.3f}° {north}, {abs(longitude):.3f}° {east}"


def route(blocks: Iterable[bytes]) -> Route | None:
    """The route in a GPX file that comes in blocks; None when it has no point that can be on Earth."""
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None
    kilometres = 0.0
    rest = b""
    for block in blocks:
        data = rest + block
        used = 0
        for tag in _POINT.finditer(data):
            used = tag.end()
            point = _point(tag[1])
            if point is None:
                continue
            if last is not None:
                kilometres += _distance(last, point)
            first, last = first or point, point
        rest = data[max(used, data.rfind(b"<")) :][:_LONGEST_TAG]
    return None if first is None else Route(kilometres=kilometres, begins=first)


def _point(attributes: bytes) -> tuple[float, float] | None:
    found = dict(_PLACE.findall(attributes))
    if len(found) < 2:
        return None
    latitude, longitude = float(found[b"lat"]), float(found[b"lon"])
    inside = isfinite(latitude) and abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude) if inside else None


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres on the great circle (haversine)."""
    north, south = radians(one[0]), radians(other[0])
    half = sin((south - north) / 2) ** 2
    half += cos(north) * cos(south) * sin(radians(other[1] - one[1]) / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))
