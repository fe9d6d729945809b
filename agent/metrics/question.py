"""Words become a MetricQuery, or None: cautious, because what is not a question about numbers belongs to retrieval.

Periods, thresholds, units, filters, measures and statistics are taken out of the question one after the other; only
when nothing but small words is left was it understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Literal

from agent.metrics.catalogue import (
    ASLEEP,
    CORE,
    DEEP,
    DIASTOLIC,
    IN_BED,
    NIGHT,
    REM,
    SYSTOLIC,
    WORKOUT,
    Catalogue,
    Kind,
    stem,
)  # fmt: skip
from agent.metrics.query import Group, MetricQuery, Span, Stat, Threshold
from agent.metrics.units import WORDS as UNIT_WORDS
from agent.metrics.units import conversion
from agent.metrics.words import (
    ACTIVITIES,
    ASKED_UNIT,
    CLOCK,
    COMPARE,
    DAY_NAMES,
    EVENT_SHAPE,
    FIRST,
    GLUE,
    GROUPS,
    LAG,
    LENGTH,
    LIMITS,
    MORE,
    OPS,
    QUANTITY,
    RATE,
    STATS,
    WAYS,
    WEAK,
    WEEKDAYS,
)
from agent.when import Period, find


def read(text: str, *, today: date, catalogue: Catalogue, available: Collection[str]) -> MetricQuery | None:
    """The question as a MetricQuery, or None when it is not (wholly) one about numbers that exist.

    `available` are the measures that have rollups; a word that names only others is not understood.
    """
    if len(text) > 400:
        return None
    periods = find(text, today=today)
    return _Reader(_marked(text, periods), periods, catalogue, available).query(today)


def _marked(text: str, periods: Sequence[Period]) -> str:
    """The question in lower case with "@" in the place of every period."""
    parts, at = [], 0
    for period in periods:
        parts += [text[at : period.at[0]], " @ "]
        at = period.at[1]
    plain = "".join([*parts, text[at:]]).lower().replace("’", "'").replace("?", " ").replace("!", " ")
    plain = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", plain)
    return re.sub(r"\s+", " ", re.sub(r"[;:\"“”()]+(?=\s|$)|(?<=\s)[\"“”(]+|[.,](?=\s|$)|'s\b", " ", f" {plain} "))


class _Reader:
    """The part of the question that is not understood yet, and what has been taken out of it."""

    def __init__(self, text: str, periods: Sequence[Period], catalogue: Catalogue, available: Collection[str]) -> None:
        self._text = text
        self._catalogue = catalogue
        self._available = available
        self._periods = periods
        self._form = periods[0].form if periods else ""
        self._quantity = bool(QUANTITY.search(text))
        self._length = bool(LENGTH.search(text))
        self._how = bool(re.search(r"\bhow (?:did|do|have|was|is|well) (?:i|my|did i)\b", text))
        self._first_person = bool(FIRST.search(text))
        # The order matters: "more than 7 hours" before "hours", measures before the words of statistics.
        self._clock = self._take(CLOCK) if re.search(r"\b(?:bed|wake|woke|up|asleep|sleep)\b", text) else None
        self._limit = next((match for pattern in LIMITS if (match := self._take(pattern))), None)
        if self._limit and (kept := self._limit.groupdict().get("kept")):
            self._text += f" {kept}"
        self._unit = self._take(ASKED_UNIT)
        self._lag = self._take(LAG)
        self._measures, self._weak = self._named()
        self._quantile: float | None = None
        self._said = self._statistics()
        self._rate = self._take(RATE) if self._quantity or "mean" in self._said else None
        self._group = None if self._rate else self._take(GROUPS)
        self._weekdays = [_weekdays_of(match) for match in self._take_all(WEEKDAYS)]
        if self._form in ("since", "after") and self._take(MORE):
            self._said.add("trend")
        if self._two() or len(self._measures) == 2:
            self._take_all(COMPARE)

    def query(self, today: date) -> MetricQuery | None:
        """What was read, where every part fits the others and no word is left over."""
        if not self._measures or not self._asks() or self._left():
            return None
        kind = self._catalogue[self._measures[0]].kind
        threshold = self._threshold()
        unit = self._asked_unit()
        stat = self._stat(kind, limited=threshold is not None)
        measures = self._measures_of(stat)
        spans = [_span(period, kind, today) for period in self._periods] or [_ever(kind, stat, today)]
        if (
            measures is None
            or None in spans
            or ((self._limit or self._clock) and threshold is None)
            or (self._unit and unit is None)
            or (stat == "streak" and threshold is None and kind != "events")
        ):
            return None
        return MetricQuery(
            measures=measures,
            stat=stat,
            span=spans[0],  # type: ignore[arg-type]  # None was sorted out above
            against=spans[1] if len(spans) == 2 else None,
            weekdays=self._weekdays[0] if self._weekdays else frozenset(range(7)),
            against_weekdays=self._weekdays[1] if len(self._weekdays) == 2 else None,
            threshold=threshold,
            group_by=_group_of(self._group) if self._group else "day" if stat == "list" else None,
            pick=("min" if "min" in self._said else "max") if self._group and self._group["w"] else None,
            per=_per(self._rate) if self._rate and kind in ("total", "events") else None,
            unit=unit,
            quantile=self._quantile,
            lag=1 if self._lag else 0,
        )

    def _asks(self) -> bool:
        """Whether it has the shape of a question for a number; ordinary words need a clearer one than "steps"."""
        if len(self._periods) > 2 or len(self._weekdays) > 2:
            return False
        said = bool(self._said - {"latest", "list"})
        asked = said or self._two() or bool(self._limit or self._clock or self._group or self._rate)
        if self._weak:
            return self._quantity or asked or self._how or (self._first_person and "latest" in self._said)
        return self._first_person or bool(self._periods) or asked

    def _two(self) -> bool:
        return len(self._periods) == 2 or len(self._weekdays) == 2

    def _left(self) -> bool:
        """Whether any word is not explained."""
        return any(word.strip(".,'-") not in GLUE and word != "-" for word in self._text.split())

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.search(self._text)
        if match:
            self._text = f"{self._text[: match.start()]} {self._text[match.end() :]}"
        return match

    def _take_all(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        found = []
        while match := self._take(pattern):
            found.append(match)
        return found

    def _named(self) -> tuple[tuple[str, ...], bool]:
        """The measures that are named, longest phrases first, and whether only ordinary words named them."""
        if way := self._way():
            return (way,), False
        found: dict[str, int] = {}
        weak = True
        words = self._text.split()
        taken = [False] * len(words)
        stems = [stem(word.strip(".,'")) for word in words]
        for size in range(min(self._catalogue.longest, len(words)), 0, -1):
            for at in range(len(words) - size + 1):
                if any(taken[at : at + size]):
                    continue
                known = [m for m in self._catalogue.named(tuple(stems[at : at + size])) if m in self._available]
                if not known:
                    continue
                taken[at : at + size] = [True] * size
                phrase = " ".join(words[at : at + size])
                pair = {SYSTOLIC, DIASTOLIC} <= set(known)
                found |= dict.fromkeys((SYSTOLIC, DIASTOLIC) if pair else known[:1], at)
                weak = weak and bool(WEAK.fullmatch(phrase))
        plain = " ".join("" if gone else word for word, gone in zip(words, taken, strict=True))
        activity = self._activity() if not found or set(found) <= {WORKOUT, "derived:run_pace"} or weak else None
        if activity:
            return (activity,), False
        self._text = plain
        return tuple(sorted(found, key=lambda measure: found[measure])), weak

    def _activity(self) -> str | None:
        """Workouts of one kind ("how many runs", "how often did I swim")."""
        if not EVENT_SHAPE.search(self._text) or re.search(r"\bdistance|\bpace\b|\bfar\b|\bkm\b|\bmiles\b", self._text):
            return None
        for name, pattern in ACTIVITIES.items():
            verbs = re.compile(rf"\b(?:{pattern})(?: (?:workouts?|sessions?))?\b")
            if f"{WORKOUT}/{name}" in self._available and self._take(verbs):
                self._take(re.compile(r"\b(?:workouts?|sessions?)\b"))
                return f"{WORKOUT}/{name}"
        return None

    def _way(self) -> str | None:
        """A way that was covered ("how far did I run", "how many km did I cycle")."""
        if self._unit_name() not in ("km", "mi") and not re.search(r"\bhow far\b", self._text):
            return None
        return next((measure for measure, verb in WAYS if measure in self._available and self._take(verb)), None)

    def _statistics(self) -> set[Stat]:
        found: set[Stat] = set()
        for stat, pattern in STATS:
            for match in self._take_all(pattern):
                found.add(stat)
                if stat == "percentile":
                    self._quantile = int(match["q"]) / 100 if match["q"] else 0.5
        return found

    def _stat(self, kind: Kind, *, limited: bool) -> Stat:
        """The statistic that was asked for, else what the kind of measure means by itself."""
        said = self._said
        for stat in ("correlate", "streak", "percentile", "ratio"):
            if stat in said:
                return stat
        if limited:
            return "days"
        if said & {"days", "count"}:
            return "count" if kind == "events" and "count" in said else "days"
        for stat in ("trend", "max", "min", "mean", "sum", "list", "latest"):
            if stat in said:
                return _turned("mean" if stat == "list" and not self._form else stat, self._measures[0])
        if kind == "events":
            return "sum" if self._length and self._catalogue[self._measures[0]].rollup != "count" else "count"
        if self._form in ("since", "after") and kind in ("level", "state"):
            return "trend"
        if self._form or self._group:
            return "sum" if kind == "total" else "mean"
        return "sum" if kind == "total" and self._quantity else "mean" if kind in ("night", "clock") else "latest"

    def _measures_of(self, stat: Stat) -> tuple[str, ...] | None:
        """The measures as the statistic needs them: two for a correlation, part and whole for a share."""
        measures = self._measures
        if stat in ("correlate", "ratio"):
            if measures in ((REM,), (DEEP,), (CORE,)):
                measures = (measures[0], ASLEEP)
            if stat == "ratio" and measures[0] in (ASLEEP, IN_BED):
                measures = measures[::-1]
            return measures if len(measures) == 2 else None
        if measures == (ASLEEP,) and self._how and not (self._said or self._quantity or self._two()):
            return tuple(measure for measure in NIGHT if measure in self._available)
        return measures

    def _threshold(self) -> Threshold | None:
        known = self._catalogue[self._measures[0]]
        if self._clock and known.kind == "clock":
            return _clock_limit(self._clock)
        limit = self._limit
        if not limit or known.kind == "clock":
            return None
        value = float(limit["n"].replace(",", "")) * (1000 if limit["k"] else 1)
        unit = UNIT_WORDS.get(limit["unit"] or "", "%" if limit[0].endswith("%") else known.unit)
        scale = conversion(unit, known.unit, measure=known.id)
        if scale is None:
            return None
        value = value / 100 if known.unit == "%" else value * scale[0] + scale[1]
        return Threshold(op=OPS[limit["op"]], value=value, words=limit[0].strip())

    def _unit_name(self) -> str | None:
        return UNIT_WORDS[self._unit["unit"]] if self._unit else None

    def _asked_unit(self) -> str | None:
        """The unit that was asked for, where the measure can be told in it."""
        unit, known = self._unit_name(), self._catalogue[self._measures[0]]
        return unit if unit and conversion(known.unit, unit, measure=known.id) else None


def _clock_limit(match: re.Match[str]) -> Threshold | None:
    hour = {"midnight": 0, "noon": 12}.get(match["name"] or "", int(match["h"] or 0))
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].startswith("p") else 0)
    minutes = hour * 60 + int(match["m"] or 0)
    return Threshold(op=OPS[match["op"]], value=minutes, words=match[0].strip()) if hour < 24 else None


def _turned(stat: Stat, measure: str) -> Stat:
    """The fastest pace is the smallest one."""
    if "pace" in measure and stat in ("max", "min"):
        return "min" if stat == "max" else "max"
    return stat


def _weekdays_of(match: re.Match[str]) -> frozenset[int]:
    if match["work"]:
        return frozenset(range(5))
    if match["free"]:
        return frozenset((5, 6))
    return frozenset(n for n, name in enumerate(DAY_NAMES.split("|")) if name in match["days"])


def _group_of(match: re.Match[str]) -> Group:
    word = match["g"] or match["h"] or match["ly"] or match["w"]
    if "weekday" in word or "day of" in word:
        return "weekday"
    if word in ("source", "device", "activity", "kind"):
        return "source" if word in ("source", "device") else "activity"
    units: dict[str, Group] = {"dai": "day", "day": "day", "wee": "week", "mon": "month", "qua": "quarter"}
    return units.get(word.split()[-1][:3], "year")


def _per(match: re.Match[str]) -> Literal["day", "week", "month"]:
    word = match["u"] or match["ly"]
    return "week" if word.startswith("week") else "month" if word.startswith("month") else "day"


def _span(period: Period, kind: Kind, today: date) -> Span | None:
    """The days of a period up to the last one that is over; None when it lies ahead or does not fit the measure."""
    start, end = period.start, period.end
    nightly = kind in ("night", "clock")
    if period.form == "night":
        if not nightly or end is None:
            return None
        start = end - timedelta(days=1)
    limit = today + timedelta(days=1) if nightly or kind == "state" or (start and start >= today) else today
    end = min(end or limit, limit)
    if start is not None and start >= end:
        return None
    return Span(start=start, end=end, words=period.words, partial=end > today and not nightly and kind != "state")


def _ever(kind: Kind, stat: Stat, today: date) -> Span:
    """All days that are over; what is latest, and nights and states of today, are complete as they stand."""
    whole = stat == "latest" or kind in ("night", "clock", "state")
    return Span(start=None, end=today + timedelta(days=whole), words="")
