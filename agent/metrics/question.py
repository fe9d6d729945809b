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
from agent.when import Period, find

_DAY_NAMES = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_NUMBER = r"(?P<n>\d[\d,]*(?:\.\d+)?)\s*(?P<k>k\b)?"
_OPS: dict[str, Literal[">", ">=", "<", "<="]] = {
    "more than": ">", "greater than": ">", "higher than": ">", "longer than": ">", "over": ">", "above": ">",
    "exceed": ">", "exceeded": ">", "at least": ">=", "reach": ">=", "reached": ">=", "hit": ">=", "minimum of": ">=",
    "less than": "<", "fewer than": "<", "lower than": "<", "shorter than": "<", "under": "<", "below": "<",
    "at most": "<=", "no more than": "<=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "or more": ">=",
    "or less": "<=", "or fewer": "<=", "before": "<", "earlier than": "<", "by": "<=", "after": ">", "later than": ">",
}  # fmt: skip
_UNIT = "|".join(sorted((re.escape(word) for word in UNIT_WORDS), key=len, reverse=True))
_LIMITS = (
    re.compile(
        r"\b(?P<op>(?:no more|more|greater|higher|longer|less|fewer|lower|shorter) than|over|above|exceeded|exceed"
        rf"|at least|reached|reach|hit|under|below|at most)\s+{_NUMBER}(?:\s*(?P<unit>{_UNIT})\b(?:\s+of\b)?|\s*%)?"
    ),
    re.compile(rf"(?P<op>>=|<=|>|<)\s*{_NUMBER}(?:\s*(?P<unit>{_UNIT})\b)?"),
    re.compile(rf"\b{_NUMBER}(?:\s*(?P<unit>{_UNIT}))?(?:\s+(?P<kept>[a-z]+))?\s+(?P<op>or (?:more|less|fewer))\b"),
)
_CLOCK = re.compile(
    r"\b(?P<op>before|after|earlier than|later than|by)\s+"
    r"(?:(?P<h>\d{1,2})(?::(?P<m>\d\d))?\s*(?P<half>[ap]\.?m\.?)?|(?P<name>midnight|noon))(?!\w)"
)
_WEEKDAYS = re.compile(
    r"\b(?:(?:on|at|during|over|every|each|for)\s+)?(?:the\s+)?(?:(?P<work>weekdays?|workdays?|working days)"
    rf"|(?P<free>weekends?|week-ends?)|(?P<days>(?:{_DAY_NAMES})s(?:\s+and\s+(?:{_DAY_NAMES})s)?))\b"
)
_GROUPS = re.compile(
    r"\b(?:(?:by|for each|broken down by|split by|grouped by|per|each|every)\s+(?P<g>weekday|day of (?:the )?week"
    r"|source|device|activity|kind|day|week|month|quarter|year)|(?P<h>day|week|month) by (?:day|week|month)"
    r"|(?P<ly>daily|weekly|monthly|yearly)|(?P<w>(?:which|what|on which|on what|in which)\s+"
    r"(?:weekday|day of (?:the )?week|week|month|year)))\b"
)
_RATE = re.compile(
    r"\b(?:(?:per|a|every)\s+|each\s+(?=day|night))(?P<u>day|night|week|month)\b|\b(?P<ly>daily|nightly|weekly|monthly)\b"
)

_STATS: tuple[tuple[Stat, re.Pattern[str]], ...] = tuple(
    (stat, re.compile(rf"\b(?:{pattern})\b"))  # type: ignore[misc]  # the literals below are members
    for stat, pattern in (
        ("correlate", r"correlat\w*(?: (?:between|with|to))?|relat(?:ed|ionship|ion)(?: (?:between|to|with))?"
         r"|associat\w*(?: (?:between|with))?|depends? on|affects?|influences?|linked (?:to|with)|connection between"),
        ("streak", r"(?:longest |best |current |my )*streaks?(?: of)?(?: days?| nights?)?"
         r"|(?:days? |nights? )?in a row|consecutive(?: days| nights)?"),
        ("percentile", r"(?P<q>\d{1,2})(?:st|nd|rd|th)? percentile(?: of)?|median"),
        ("ratio", r"(?:share|proportion|percentage|percent|fraction|ratio)(?: of)?"),
        ("days", r"(?:how many|number of) (?:days|nights|mornings|evenings)"),
        ("count", r"(?:how many|number of) times|how (?:often|frequently)"),
        ("trend", r"trend(?:s|ing)?|chang(?:e|ed|es|ing)|develop(?:ed|ing|ment)?|evolv\w+|(?:go|going|gone) (?:up|down)"
         r"|improv\w+|increas\w+|decreas\w+|ris(?:en|ing|e)|drop(?:ped|ping)?|over time"
         r"|los[et]|losing|gain(?:ed|ing)?"),
        ("max", r"max(?:imum)?|highest|most|best|longest|peak|record|biggest|largest|fastest|greatest|hardest"),
        ("min", r"min(?:imum)?|lowest|least|fewest|worst|shortest|smallest|slowest|earliest"),
        ("mean", r"on average|averages?|averaged|mean|avg|typical(?:ly)?|usual(?:ly)?|normally|generally"),
        ("sum", r"in total|total|altogether|sum(?: of)?|overall|combined|in all"),
        ("latest", r"latest|most recent(?:ly)?|current(?:ly)?|newest|right now|now|last"),
        ("list", r"list|each day|every day|day by day|by day|daily values"),
    )
)  # fmt: skip
_COMPARE = re.compile(
    r"\b(?:compare[ds]?|comparing|comparison|compared|(?:compared )?(?:to|with)|vs\.?|versus|difference|differ\w*|than"
    r"|against|between|and)\b|\b(?:more|less|fewer|higher|lower|better|worse|longer|shorter|faster|slower|earlier"
    r"|later)\b"
)
_MORE = re.compile(r"\b(?:more|less|better|worse|higher|lower|longer|shorter|earlier|later)\b")
_QUANTITY = re.compile(r"\bhow (?:many|much|far|long|high|low|fast|often|frequently|heavy|tall)\b|\bwhat time\b")
_LENGTH = re.compile(r"\bhow (?:long|much time|many (?:minutes|hours))\b|\b(?:minutes|hours|time)\b")
# "How many calories" names a measure, not a unit.
_ASKED_UNIT = re.compile(rf"\b(?:in|how many(?! k?cal)|how much)\s+(?P<unit>{_UNIT})\b(?:\s+of\b)?")
_WAYS = (
    ("derived:run_distance", re.compile(r"\b(?:run|ran|running|jog|jogged)\b")),
    (
        "HKQuantityTypeIdentifierDistanceCycling",
        re.compile(r"\b(?:cycled?|cycling|rides?|rode|riding|biked?|biking)\b"),
    ),
    ("HKQuantityTypeIdentifierDistanceSwimming", re.compile(r"\b(?:swim|swam|swimming)\b")),
    ("HKQuantityTypeIdentifierDistanceWalkingRunning", re.compile(r"\b(?:walk|walked|walking)\b")),
)
_LAG = re.compile(
    r"\b(?:the )?(?:next|following)[ -](?:day|night|morning)\b|\b(?:the )?(?:day|night) after(?:wards)?\b"
)
_GLUE = frozenset(
    """@ a an the my mine me i i'm i've do did does done is was were are am be been have has had what what's whats how
    many much long far fast high low often which when of in on at for to during over from by with per and or please
    show give tell get got getting take took taken taking make made do doing go went gone going run ran running burn
    burned burnt walk walked walking sleep slept spend spent use used reach reached climb climbed weigh record recorded
    measure measured measurement measurements log logged reading readings value values number amount level levels rate
    count day days date night nights week weeks month months time times it its all ever so there this that per up
    down between about? eat ate eaten drink drank drunk consume consumed have been had as day's can you could know
    want see calculate compute find throughout within through across my? stats data health apple watch
    hour hours minute minutes was? cover covered complete completed travel travelled traveled each every only just
    under since until before after entire whole well""".replace("?", "").split()
) - {"about"}  # fmt: skip
_FIRST = re.compile(r"\b(?:i|my|mine|me|i'm|i've)\b")
# Ordinary words that also name a measure: they need a question for an amount, not only a time.
_WEAK = re.compile(
    r"(?:walk(?:ing|ed)?|sleep|slept|coffee|water|fat|salt|sugar|iron|drinks?|drinking|alcohol|beers?|wine|temperature"
    r"|fever|mood|tired|cough|distance|depth|effort|intensity|balance|limp|noise|loudness|food|meal|glasses|contacts"
    r"|labs|medications|conditions|allergies|period|cycle|in bed|awake|restless|get up|got up|gym|runs?|rides?|trained"
    r"|calories|exercised?|pace|height|stairs|floors?|flights?|deep|rem|wake|to bed|falls|sunlight|oxygen|protein"
    r"|fib(?:er|re)|carbs|puffs|insulin|nap|napped|workouts?|hr|kg|pounds|depth|uv|rings?|balance|stride|variability)"
)
_ACTIVITIES = {
    "Running": r"runs?|ran|running|jogs?|jogging|jogged", "Walking": r"walks", "Cycling": r"(?:bike )?rides?|cycling|"
    r"cycled|biked|bike rides", "Swimming": r"swims?|swimming|swam", "Hiking": r"hikes?|hiking|hiked",
    "Yoga": r"yoga(?: sessions?)?", "Traditional strength training": r"strength training|lifted weights",
}  # fmt: skip
_EVENT_SHAPE = re.compile(r"\bhow (?:often|many)\b|\bnumber of\b|\bhow (?:long|much time) did i spend\b")


def read(text: str, *, today: date, catalogue: Catalogue, available: Collection[str]) -> MetricQuery | None:
    """The question as a MetricQuery, or None when it is not (wholly) one about numbers that exist.

    `available` are the measures that have rollups; a word that names only others is not understood.
    """
    if len(text) > 400:
        return None
    periods = find(text, today=today)
    reader = _Reader(_marked(text, periods), catalogue, available)
    query = reader.query(periods, today)
    return query if query and not reader.left() else None


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

    def __init__(self, text: str, catalogue: Catalogue, available: Collection[str]) -> None:
        self._text = text
        self._catalogue = catalogue
        self._available = available
        self.quantity = bool(_QUANTITY.search(text))
        self.first_person = bool(_FIRST.search(text))
        self.length = bool(_LENGTH.search(text))
        self.how = bool(re.search(r"\bhow (?:did|do|have|was|is|well) (?:i|my|did i)\b", text))

    def left(self) -> list[str]:
        """The words that nothing has explained."""
        return [word for word in re.findall(r"[^\s]+", self._text) if word.strip(".,'-") not in _GLUE and word != "-"]

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

    def query(self, periods: Sequence[Period], today: date) -> MetricQuery | None:
        clock = self._take(_CLOCK) if re.search(r"\b(?:bed|wake|woke|up|asleep|sleep)\b", self._text) else None
        limit = next((match for pattern in _LIMITS if (match := self._take(pattern))), None)
        if limit and limit.groupdict().get("kept"):
            self._text += f" {limit['kept']}"
        unit = self._take(_ASKED_UNIT)
        lag = 1 if self._take(_LAG) else 0
        measures, weak = self._measures(unit["unit"] if unit else "")
        if not measures or len(periods) > 2:
            return None
        stats, quantile = self._stats()
        rate = self._take(_RATE) if stats & {"mean"} or self.quantity else None
        group = None if rate else self._take(_GROUPS)
        weekdays = [_weekdays_of(match) for match in self._take_all(_WEEKDAYS)]
        form = periods[0].form if periods else ""
        if form in ("since", "after") and self._take(_MORE):
            stats.add("trend")
        two = len(periods) == 2 or len(weekdays) == 2
        if two or len(measures) == 2:
            self._take_all(_COMPARE)
        asked = two or bool(stats - {"latest", "list"}) or bool(limit or clock or group or rate)
        if not (self.first_person or periods or asked):
            return None
        if weak and not (self.quantity or asked or self.how or (self.first_person and "latest" in stats)):
            return None
        kind = self._catalogue[measures[0]].kind
        spans = [_span(period, kind, today) for period in periods] or [_ever(kind, today)]
        if None in spans or len(weekdays) > 2:
            return None
        threshold = self._threshold(limit, clock, measures[0])
        if (limit or clock) and threshold is None:
            return None
        stat = self._stat(stats, measures, kind, form, limited=threshold is not None)
        if stat in ("correlate", "ratio") and len(measures) == 1 and measures[0] in (REM, DEEP, CORE):
            measures = (measures[0], ASLEEP)
        if stat in ("correlate", "ratio") and len(measures) != 2:
            return None
        if stat == "mean" and measures == (ASLEEP,) and self.how and not (stats or self.quantity):
            measures = tuple(measure for measure in NIGHT if measure in self._available)
        if stat == "streak" and threshold is None and kind != "events":
            return None
        if stat == "ratio" and measures[0] in (ASLEEP, IN_BED):
            measures = measures[::-1]
        if stat == "latest" and group:
            stat = "sum" if kind == "total" else "mean"
        if stat == "latest" and not periods:
            spans = [Span(start=None, end=today + timedelta(days=1), words="")]
        return MetricQuery(
            measures=measures,
            stat=stat,
            span=spans[0],  # type: ignore[arg-type]  # None was sorted out above
            against=spans[1] if len(spans) == 2 else None,
            weekdays=weekdays[0] if weekdays else frozenset(range(7)),
            against_weekdays=weekdays[1] if len(weekdays) == 2 else None,
            threshold=threshold,
            group_by=_group_of(group) if group else "day" if stat == "list" else None,
            pick=_pick(stats) if group and group["w"] else None,
            per=_per(rate) if rate and kind in ("total", "events") else None,
            unit=self._unit(unit["unit"], measures[0]) if unit else None,
            quantile=quantile,
            lag=lag,
        )

    def _measures(self, unit: str) -> tuple[tuple[str, ...], bool]:
        """The measures that are named, longest phrases first, and whether only ordinary words named them."""
        if way := self._way(unit):
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
                weak = weak and bool(_WEAK.fullmatch(phrase))
        plain = " ".join("" if gone else word for word, gone in zip(words, taken, strict=True))
        activity = self._activity() if not found or set(found) <= {WORKOUT, "derived:run_pace"} or weak else None
        if activity:
            return (activity,), False
        self._text = plain
        return tuple(sorted(found, key=lambda measure: found[measure])), weak

    def _activity(self) -> str | None:
        """Workouts of one kind ("how many runs", "how often did I swim")."""
        if not _EVENT_SHAPE.search(self._text) or re.search(
            r"\bdistance|\bpace\b|\bfar\b|\bkm\b|\bmiles\b", self._text
        ):
            return None
        for name, pattern in _ACTIVITIES.items():
            verbs = re.compile(rf"\b(?:{pattern})(?: (?:workouts?|sessions?))?\b")
            if f"{WORKOUT}/{name}" in self._available and self._take(verbs):
                self._take(re.compile(r"\b(?:workouts?|sessions?)\b"))
                return f"{WORKOUT}/{name}"
        return None

    def _way(self, unit: str) -> str | None:
        """A way that was covered ("how far did I run", "how many km did I cycle")."""
        if UNIT_WORDS.get(unit) not in ("km", "mi") and not re.search(r"\bhow far\b", self._text):
            return None
        return next((measure for measure, verb in _WAYS if measure in self._available and self._take(verb)), None)

    def _stats(self) -> tuple[set[Stat], float | None]:
        found: set[Stat] = set()
        quantile = None
        for stat, pattern in _STATS:
            for match in self._take_all(pattern):
                found.add(stat)
                if stat == "percentile":
                    quantile = int(match["q"]) / 100 if match["q"] else 0.5
        return found, quantile

    def _stat(self, said: set[Stat], measures: Sequence[str], kind: Kind, form: str, *, limited: bool) -> Stat:
        """The statistic that was asked for, else what the kind of measure means by itself."""
        for stat in ("correlate", "streak", "percentile", "ratio"):
            if stat in said:
                return stat
        if limited:
            return "days"
        if said & {"days", "count"}:
            return "count" if kind == "events" and "count" in said else "days"
        for stat in ("trend", "max", "min", "mean", "sum", "list", "latest"):
            if stat in said:
                return _turned("mean" if stat == "list" and not form else stat, measures[0])
        if kind == "events":
            return "sum" if self.length and self._catalogue[measures[0]].rollup != "count" else "count"
        if form in ("since", "after") and kind in ("level", "state"):
            return "trend"
        if not form:
            return "sum" if kind == "total" and self.quantity else "mean" if kind in ("night", "clock") else "latest"
        return "sum" if kind == "total" else "mean"

    def _threshold(self, limit: re.Match[str] | None, clock: re.Match[str] | None, measure: str) -> Threshold | None:
        known = self._catalogue[measure]
        if clock and known.kind == "clock":
            hour = {"midnight": 0, "noon": 12}.get(clock["name"] or "", int(clock["h"] or 0))
            if clock["half"]:
                hour = hour % 12 + (12 if clock["half"].startswith("p") else 0)
            minutes = hour * 60 + int(clock["m"] or 0)
            return Threshold(op=_OPS[clock["op"]], value=minutes, words=clock[0].strip()) if hour < 24 else None
        if not limit or known.kind == "clock":
            return None
        value = float(limit["n"].replace(",", "")) * (1000 if limit["k"] else 1)
        unit = UNIT_WORDS.get(limit["unit"] or "", "%" if limit[0].endswith("%") else known.unit)
        scale = conversion(unit, known.unit, measure=measure)
        if scale is None:
            return None
        if known.unit == "%":
            value /= 100
        return Threshold(op=_OPS[limit["op"]], value=value * scale[0] + scale[1], words=limit[0].strip())

    def _unit(self, word: str, measure: str) -> str | None:
        unit = UNIT_WORDS[word]
        return unit if conversion(self._catalogue[measure].unit, unit, measure=measure) else None


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
    return frozenset(n for n, name in enumerate(_DAY_NAMES.split("|")) if name in match["days"])


def _group_of(match: re.Match[str]) -> Group:
    word = match["g"] or match["h"] or match["ly"] or match["w"]
    if "weekday" in word or "day of" in word:
        return "weekday"
    if word in ("source", "device", "activity", "kind"):
        return "source" if word in ("source", "device") else "activity"
    units: dict[str, Group] = {"dai": "day", "day": "day", "wee": "week", "mon": "month", "qua": "quarter"}
    return units.get(word.split()[-1][:3], "year")


def _pick(stats: set[Stat]) -> Literal["min", "max"]:
    return "min" if "min" in stats else "max"


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


def _ever(kind: Kind, today: date) -> Span:
    """All days that are over; nights and states of today are complete as they stand."""
    return Span(start=None, end=today + timedelta(days=kind in ("night", "clock", "state")), words="")
