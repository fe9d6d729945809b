"""Limits in a question ("over 10,000", "less than 7 hours", "after midnight") in the unit of their measure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.metrics.catalogue import Measure
from agent.metrics.query import Threshold
from agent.metrics.question.words import OPS
from agent.metrics.units import WORDS as UNIT_WORDS
from agent.metrics.units import conversion


def limit_of(match: re.Match[str], measure: Measure, units: Mapping[str, str]) -> Threshold | None:
    """The limit of a match in the measure's unit; a bare number is in the unit the owner prefers. None: no such unit."""
    value = float(match["n"].replace(",", "")) * (1000 if match["k"] else 1)
    said = UNIT_WORDS.get(match["unit"] or "", "%" if match[0].endswith("%") else "")
    scale = conversion(said or units.get(measure.unit, measure.unit), measure.unit, measure=measure.id)
    if scale is None:
        return None
    op = match.groupdict().get("op")
    value = value / 100 if measure.unit == "%" else value * scale[0] + scale[1]
    words = match[0].strip()
    return Threshold(op=OPS[op or "at least"], value=value, words=words if op else f"at least {words}")


def clock_limit(match: re.Match[str]) -> Threshold | None:
    hour = {"midnight": 0, "noon": 12}.get(match["name"] or "", int(match["h"] or 0))
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].startswith("p") else 0)
    minutes = hour * 60 + int(match["m"] or 0)
    return Threshold(op=OPS[match["op"]], value=minutes, words=match[0].strip()) if hour < 24 else None
