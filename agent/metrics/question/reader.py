"""Words become a MetricQuery, or None: cautious, because what is not a question about numbers belongs to retrieval.

Periods, thresholds, units, filters, measures and statistics are taken out of the question one after the other; only
when nothing but small words is left was it understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Literal

from agent.metrics.catalogue import ACTIVE, ASLEEP, CORE, DEEP, EFFICIENCY, IN_BED, NIGHT, REM, WORKOUT, Catalogue, Kind
from agent.metrics.query import Group, MetricQuery, Span, Stat, Threshold
from agent.metrics.question import naming, spans, words
from agent.metrics.question.grouping import group_of, per, weekdays_of
from agent.metrics.question.limits import clock_limit, during, event_limit, fits, limit_of, on_days
from agent.metrics.question.text import lagged, marked, prepared
from agent.metrics.units import WORDS as UNIT_WORDS
from agent.metrics.units import conversion
from agent.when import Period, find

_ALL_DAYS = frozenset(range(7))
_LONGEST_QUESTION = 400
_NIGHTLY = ("mean", "min", "max", "latest")


def read(
    text: str,
    *,
    today: date,
    catalogue: Catalogue,
    available: Collection[str],
    units: Mapping[str, str] | None = None,
) -> MetricQuery | None:
    """The question as a MetricQuery, or None when it is not (wholly) one about numbers that exist.

    `available` are the measures that have rollups; a word that names only others is not understood. `units` are those
    the owner prefers to canonical ones.
    """
    if len(text) > _LONGEST_QUESTION:
        return None
    text, lag = lagged(prepared(text))
    periods = find(text, today=today)
    if words.ADVICE.search(text.lower()) or words.COUNTED_UNITS.search(text.lower()):
        return None
    if not periods:
        text, periods = spans.last_month_name(text, today)
    return _Reader(marked(text, periods), periods, catalogue, available, lag, units or {}).query(today)


class _Reader:
    """The part of the question that is not understood yet, and what has been taken out of it."""

    def __init__(
        self,
        text: str,
        periods: Sequence[Period],
        catalogue: Catalogue,
        available: Collection[str],
        lag: int,
        units: Mapping[str, str],
    ) -> None:
        self._whole = text
        self._first_person = bool(words.FIRST.search(text))
        text, self._on = on_days(text, catalogue=catalogue, available=available, units=units)
        text, self._during = during(text, catalogue=catalogue, available=available)
        self._text = text
        self._catalogue = catalogue
        self._available = available
        self._periods = periods
        self._lag = lag
        self._units = units
        self._form = periods[0].form if periods else ""
        self._quantity = bool(words.QUANTITY.search(text))
        self._long = "how long" in text
        self._how = bool(re.search(r"\bhow (?:did|do|have|was|is|well|active|loud) (?:i|my|did i|was i|am i)\b", text))
        self._yes = bool(re.search(r"^ ?(?:did|have|had|do|am|was|were|is|are|has) (?:i|my)\b", text))
        self._show = bool(words.SHOW.search(text))
        # The order matters: "more than 7 hours" before "hours", measures before the words of statistics.
        self._usual = self._take(words.USUAL)
        self._than = words.THAN.search(text) if len(periods) == 1 else None
        self._clock = self._take(words.CLOCK) if re.search(r"\b(?:bed|wake|woke|up|asleep|sleep)\b", text) else None
        self._limit = next((match for pattern in words.LIMITS if (match := self._take(pattern))), None)
        if self._limit and (kept := self._limit.groupdict().get("kept")):
            self._text += f" {kept}"
        if not self._limit and not self._clock and words.BARE_CUE.search(text):
            self._limit = self._take(words.BARE_LIMIT)
        self._length = bool(words.LENGTH.search(self._text))
        self._not = self._take(words.NOT)
        if self._not and self._not[0] == "rest":
            self._text += " workouts"
        self._kinds = self._take(words.KINDS)
        if self._kinds:
            self._text += f" {self._kinds['what'] or 'workout'}s"
        closed = self._take(words.CLOSED)
        self._unit = self._take(words.ASKED_UNIT)
        found = naming.named(self._text, unit=self._unit_name(), catalogue=catalogue, available=available)
        self._measures, self._weak, self._text = found.measures, found.weak, found.rest
        self._unpaired = found.apart and not words.PAIRED.search(text)
        timed = self._limit is not None and UNIT_WORDS.get(self._limit["unit"] or "") in ("hr", "min")
        if not found.measures and ASLEEP in available and timed and words.NIGHTS.search(text):
            self._measures = (ASLEEP,)  # "nights under 7 hours"
        self._goal = closed is not None
        if closed:
            self._measures, self._weak = naming.rings(closed, available) if not found.measures else (), False
        self._quantile: float | None = None
        self._current = bool(re.search(r"\bcurrent\b", text))
        workouts = bool(self._measures) and self._measures[0].partition("/")[0] == WORKOUT
        if workouts:
            self._take(words.LASTING)
        self._said = self._statistics()
        if workouts and self._limit and "ratio" in self._said:
            self._said = self._said - {"ratio"} | {"share"}
        adds = bool(self._measures) and catalogue[self._measures[0]].kind in ("total", "events")
        self._rate = self._take(words.RATE) if adds and (self._quantity or "mean" in self._said) else None
        self._group = None if self._rate else self._take(words.GROUPS)
        self._weekdays = [weekdays_of(match) for match in self._take_all(words.WEEKDAYS)]
        one_side = len(self._weekdays) == 1 and "correlate" not in self._said
        self._against_rest = self._take(words.MORE) if one_side else None
        if self._form in ("since", "after") and self._take(words.MORE):
            self._said.add("trend")
        if self._two() or self._than or self._usual or "correlate" in self._said:
            self._better = bool(re.search(r"\b(?:better|worse)\b", self._text))
            self._take_all(words.COMPARE)
        else:
            if len(self._measures) == 2:
                self._take_all(words.AND)
            self._better = self._against_rest is not None and self._against_rest[0] in ("better", "worse")

    def query(self, today: date) -> MetricQuery | None:
        """What was read, where every part fits the others and no word is left over."""
        if (
            not self._measures
            or not self._asks()
            or self._left()
            or (self._unpaired and not self._said & {"correlate", "ratio"})
        ):
            return None
        kind = self._catalogue[self._measures[0]].kind
        only, only_unit = self._only()
        narrow = only or self._during or self._on
        threshold = None if only else self._threshold()
        unit = self._asked_unit()
        group = self._grouped()
        absent = bool(self._not) and not self._limit and kind == "events" and "days" in self._said
        stat = self._stat(kind, limited=threshold is not None, group=group)
        measures = self._measures_of(stat)
        sides = self._sides(kind, stat, today)
        if (
            measures is None
            or sides is None
            or (narrow and (self._usual or self._goal))
            or (narrow and not fits(measures, stat, self._during, self._on, self._catalogue))
            or (stat == "share" and (self._two() or group or not (threshold or only or self._shared())))
            or ((self._limit or self._clock or (self._not and not absent)) and threshold is None and only is None)
            or (self._unit and unit is None)
            or (stat == "days" and kind == "events" and threshold and not self._said & {"days", "count"})
            or (stat == "streak" and threshold is None and kind != "events" and not self._goal)
            or (any(side.asleep for side in sides) and (stat not in _NIGHTLY or len(sides) > 1 or group is not None))
            or (stat == "sum" and kind in ("level", "state", "clock"))
            or (group is not None and stat in ("streak", "ratio", "correlate", "latest"))
            or (self._goal and stat not in ("days", "streak", "share"))
        ):
            return None
        weekdays = self._weekdays[0] if self._weekdays else _ALL_DAYS
        against_weekdays = self._weekdays[1] if len(self._weekdays) == 2 else None
        return MetricQuery(
            measures=measures,
            stat=stat,
            span=sides[0],
            against=sides[1] if len(sides) == 2 else None,
            weekdays=weekdays,
            against_weekdays=_ALL_DAYS - weekdays if self._against_rest else against_weekdays,
            threshold=threshold,
            group_by=group or ("day" if stat == "list" else None),
            pick=("min" if "min" in self._said else "max") if self._picks() else None,
            per=per(self._rate) if self._rate else None,
            unit=unit,
            units=dict(self._units),
            quantile=self._quantile,
            lag=self._lag,
            current=self._current and stat == "streak",
            absent=absent,
            goal=self._goal,
            only=only,
            only_unit=only_unit,
            during=self._during,
            on=self._on,
        )

    def _only(self) -> tuple[Threshold | None, Literal["min", "km"]]:
        """The limit that each workout must pass, where workouts and not their days are asked about."""
        days = self._said & {"days", "streak"} or words.SHARE_OF_DAYS.search(self._whole)
        workouts = self._measures[0].partition("/")[0] == WORKOUT
        return event_limit(self._limit) if self._limit and workouts and not days and not self._not else (None, "min")

    def _shared(self) -> bool:
        """Whether a share needs no limit: of days with any workout, or with their rings closed."""
        events = self._catalogue[self._measures[0]].kind == "events"
        return (events or self._goal) and bool(words.SHARE_OF_DAYS.search(self._whole))

    def _sides(self, kind: Kind, stat: Stat, today: date) -> tuple[Span, ...] | None:
        """The days that are asked for, and those they are set against."""
        found = [spans.of(period, kind, today) for period in self._periods]
        if any(span is None for span in found):
            return None
        sides = tuple(span for span in found if span is not None)
        if self._than:
            running = spans.running(self._periods[0], kind, today)
            return (running, sides[0]) if running else None
        if self._usual:
            first = sides[0] if sides else spans.last_week(kind, today)
            before = spans.before(first)
            return (first, before) if before and len(sides) < 2 else None
        if not sides and self._against_rest:
            return (spans.ever(kind, "mean", today),)
        return sides or (spans.ever(kind, stat, today),)

    def _asks(self) -> bool:
        """Whether it has the shape of a question for a number; ordinary words need a clearer one than "steps"."""
        known = self._catalogue[self._measures[0]]
        if self._long and "streak" not in self._said and known.unit != "min" and known.kind not in ("events", "clock"):
            return False  # "how long was the flight" does not ask for flights climbed
        if self._goal and not (self._quantity or self._yes or self._said & {"days", "count", "streak", "share"}):
            return False
        if len(self._periods) > 2 or len(self._weekdays) > 2 or (self._lag and "correlate" not in self._said):
            return False
        said = bool(self._said - {"latest", "list"})
        asked = said or self._two() or bool(self._limit or self._clock or self._group or self._rate or self._kinds)
        asked = asked or bool(self._unit or self._against_rest or self._than or self._usual or self._not)
        if self._weak:
            return (
                self._quantity
                or asked
                or self._how
                or (self._first_person and (bool(self._said & {"latest", "list"}) or self._when()))
            )
        alone = not self._text.strip() and known.kind in ("level", "state", "night", "clock")
        return self._first_person or bool(self._periods) or asked or alone

    def _when(self) -> bool:
        kind = self._catalogue[self._measures[0]].kind
        return bool(re.search(r"\bwhen\b", self._text)) and kind in ("clock", "events")

    def _two(self) -> bool:
        return len(self._periods) == 2 or len(self._weekdays) == 2

    def _left(self) -> bool:
        """Whether any word is not explained."""
        return any(word.strip(".,'-") not in words.GLUE and word != "-" for word in self._text.split())

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.search(self._text)
        if match:
            self._text = re.sub(" +", " ", f"{self._text[: match.start()]} {self._text[match.end() :]}")
        return match

    def _take_all(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        found = []
        while match := self._take(pattern):
            found.append(match)
        return found

    def _statistics(self) -> set[Stat]:
        found: set[Stat] = set()
        for stat, pattern in words.STATS:
            for match in self._take_all(pattern):
                # Of clock times the latest is an extreme, not the newest.
                late = (
                    match[0] == "latest"
                    and self._measures
                    and self._catalogue[self._measures[0]].kind
                    in (
                        "clock",
                        "events",
                    )
                )
                found.add("max" if late else stat)
                if stat == "percentile":
                    self._quantile = int(match["q"]) / 100 if match["q"] else 0.5
        return found

    def _grouped(self) -> Group | None:
        """What to group by; "daily" over all the years means a mean day."""
        if self._kinds:
            return "activity"
        group = group_of(self._group) if self._group else None
        if group == "day" and self._said & {"percentile", "streak", "days"}:
            return None  # they are about days anyway
        if group == "day" and not self._periods and self._group and self._group["ly"]:
            self._said.add("mean")
            return None
        return group

    def _picks(self) -> bool:
        return bool((self._group and self._group["w"]) or self._kinds)

    def _stat(self, kind: Kind, *, limited: bool, group: Group | None) -> Stat:
        """The statistic that was asked for, else what the kind of measure means by itself."""
        said = self._said
        for stat in ("correlate", "streak", "percentile", "share", "ratio"):
            if stat in said:
                return stat
        if "trend" in said and (group or self._two() or self._than):
            said = said - {"trend"}  # groups and two sides show the change themselves
        if self._goal and not said & {"max", "min", "trend", "mean"}:
            return "days"
        if limited and words.WHICH_DAYS.search(self._whole):
            return "list"
        if limited:
            return "latest" if "latest" in said and "days" not in said and not self._current else "days"
        if said & {"days", "count"}:
            return "count" if kind == "events" and "count" in said else "days"
        if self._kinds or (kind == "events" and self._picks() and words.MOST_EVENTS.search(self._whole)):
            return "count"
        if self._rate and kind == "total" and not said & {"trend", "max", "min"}:
            return "mean"
        for stat in ("trend", "max", "min", "mean", "sum", "list", "latest"):
            if stat in said:
                listed = self._form or kind == "events"
                return _turned("mean" if stat == "list" and not listed else stat, self._measures[0])
        if kind == "events" and self._catalogue[self._measures[0]].rollup == "count" and "when" in self._text.split():
            return "list"
        if kind == "events":
            return "sum" if self._length and self._catalogue[self._measures[0]].rollup != "count" else "count"
        if kind in ("level", "state") and not group and not self._two() and self._moves():
            return "trend"
        if (self._on or self._during) and not self._two():
            return "mean"  # of some days or times, for a sum over them would tell little
        if self._form or group or self._two() or self._against_rest or self._usual:
            return "sum" if kind == "total" and (self._form or group) else "mean"
        return "sum" if kind == "total" and self._quantity else "mean" if kind in ("night", "clock") else "latest"

    def _moves(self) -> bool:
        """Whether a level over these days is a matter of how it went."""
        if self._form in ("since", "after"):
            return True
        period = self._periods[0] if self._periods else None
        return self._show and bool(period and period.start and period.end and (period.end - period.start).days >= 28)

    def _measures_of(self, stat: Stat) -> tuple[str, ...] | None:
        """The measures as the statistic needs them: two for a correlation, part and whole for a share."""
        measures = self._measures
        if stat in ("correlate", "ratio"):
            if measures in ((REM,), (DEEP,), (CORE,)):
                measures = (measures[0], ASLEEP)
            if stat == "ratio" and measures[0] in (ASLEEP, IN_BED):
                measures = measures[::-1]
            return measures if len(measures) == 2 else None
        if measures == (ASLEEP,) and self._better and EFFICIENCY in self._available:
            # "Better" is longer or less broken: both are shown.
            return ASLEEP, EFFICIENCY
        if measures == (ASLEEP,) and self._how and not (self._said or self._quantity or self._two() or self._usual):
            return tuple(measure for measure in NIGHT if measure in self._available)
        if (
            len(measures) > 1
            and not self._goal
            and not set(measures) <= set(ACTIVE)
            and stat in ("days", "streak", "count")
        ):
            return None
        return measures

    def _threshold(self) -> Threshold | None:
        known = self._catalogue[self._measures[0]]
        if self._clock and known.kind == "clock":
            return clock_limit(self._clock)
        limit = self._limit
        if not limit or known.kind == "clock":
            return None
        found = limit_of(limit, known, self._units)
        counted = self._said & {"days", "count", "share", "list"} or words.BARE_CUE.search(self._whole)
        if found and found.op == "between" and (self._not or known.kind == "level" or not counted):
            return None  # of many values a day some lie between, others not; and 8 to 10 may be hours
        if found and self._not:
            return Threshold(op=words.OPPOSITE[found.op], value=found.value, words=f"not {found.words}")
        return found

    def _unit_name(self) -> str | None:
        return UNIT_WORDS[self._unit["unit"]] if self._unit else None

    def _asked_unit(self) -> str | None:
        """The unit that was asked for, where one of the measures can be told in it."""
        unit = self._unit_name()
        fits = any(conversion(self._catalogue[name].unit, unit or "", measure=name) for name in self._measures)
        return unit if unit and fits else None


def _turned(stat: Stat, measure: str) -> Stat:
    """The fastest pace is the smallest one."""
    if "pace" in measure and stat in ("max", "min"):
        return "min" if stat == "max" else "max"
    return stat
