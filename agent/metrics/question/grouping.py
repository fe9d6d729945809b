"""By what days are told apart: weekdays, groups, and the length of time that a rate is for."""

from __future__ import annotations

import re
from typing import Literal

from agent.metrics.query import Group
from agent.metrics.question.words import DAY_NAMES


def weekdays_of(match: re.Match[str]) -> frozenset[int]:
    if match["work"]:
        return frozenset(range(5))
    if match["free"]:
        return frozenset((5, 6))
    return frozenset(n for n, name in enumerate(DAY_NAMES.split("|")) if name in match["days"])


def group_of(match: re.Match[str]) -> Group:
    word = match["g"] or match["h"] or match["ly"] or match["w"]
    if "weekday" in word or "day of" in word:
        return "weekday"
    if word in ("source", "device", "app"):
        return "source"
    if word.split()[-1] in ("activity", "kind", "type", "sport"):
        return "activity"
    units: dict[str, Group] = {"dai": "day", "day": "day", "wee": "week", "mon": "month", "qua": "quarter"}
    return units.get(word.split()[-1][:3], "year")


def per(match: re.Match[str]) -> Literal["day", "week", "month"]:
    word = match["u"] or match["ly"]
    return "week" if word.startswith("week") else "month" if word.startswith("month") else "day"
