"""A language model fills the typed query where the rules could not: it chooses among words of the question, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast, get_args

from agent.metrics.catalogue import DIASTOLIC, SYSTOLIC, Catalogue, Measure
from agent.metrics.query import MetricQuery, Stat, Threshold
from agent.metrics.question import spans
from agent.metrics.question.limits import clock_limit, limit_of
from agent.metrics.question.text import marked, prepared
from agent.metrics.question.words import (
    CLOCK,
    COMPARE,
    FIRST,
    GLUE,
    GROUPS,
    JUDGED,
    LIMITS,
    MORE,
    NOT,
    RELATED,
    STATS,
    TOLD,
    WEAK,
    WEEKDAYS,
)
from agent.models.protocols import LanguageModel, Prompt, Schema
from agent.when import Period, find

_MOST_TOKENS = 160
_ANY_DAY = date(2050, 1, 1)  # to see that words name a time, not which
_SINGLE = ("sum", "mean", "min", "max", "latest", "trend")
_SLEPT = re.compile(r"\bi (?:been )?(?:sle(?:ep|pt)|sleeping)\b|\bmy (?:own )?sleep\b")
_JOINED = re.compile(
    rf"{RELATED.pattern}|\b(?:ties?|tied|together|connect\w*|depend\w*|go with|hand in hand)\b", re.IGNORECASE
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")

SYSTEM = (
    "You sort questions about the asker's own health numbers. Choose the statistic that is asked for.\n"
    "sum: a total. mean: a usual, typical or average value. min: the lowest. max: the highest. latest: the newest value. "
    "days: how many days pass a limit. trend: how something went, changed or developed over time. compare: two times "
    "side by side. correlate: whether two measures move together. none: a reason, an opinion, a plan or advice.\n"
    "my total distance, all of it, in June => sum\nthe usual pulse of mine in June => mean\n"
    "where my pulse stood at its very lowest => min\nthe very highest my pulse went in June => max\n"
    "how my pulse went over the year => trend\nmy pulse, in June as opposed to July => compare\n"
    "my pulse and my weight, any tie => correlate\nhow come my pulse is like that => none"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The measures that a question is clearly about: the words that name them, in their order, and what they name."""

    words: tuple[str, ...]
    measures: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A question about a known measure that could not be read: what to say, and the nearest ones that can be."""

    text: str
    measures: tuple[str, ...]
    nearest: tuple[str, ...]


def about(text: str, *, catalogue: Catalogue, available: Collection[str]) -> About | None:
    """What a question is about when it is clearly about the owner's own numbers, else None.

    In the first person, with a phrase that names an available measure, and neither about other people nor about what
    somebody said or wrote.
    """
    times = find(text, today=_ANY_DAY)
    # A comma ends what a measure can be part of; marking keeps its place.
    plain = marked(re.sub(r"[,;:](?=\s)", "|", text), times).replace("|", " | ")
    if len(text) > 400 or not FIRST.search(plain) or TOLD.search(plain) or _NAME.search(_without(text, times)):
        return None
    words = plain.split()
    taken = [False] * len(words)
    found: dict[int, tuple[str, tuple[str, ...]]] = {}
    for size in range(min(catalogue.longest, len(words)), 0, -1):
        for at in range(len(words) - size + 1):
            phrase = " ".join(words[at : at + size]).strip(",.")
            known = tuple(m for m in catalogue.called(phrase) if m in available)
            if any(taken[at : at + size]) or not known or (WEAK.fullmatch(phrase) and not _SLEPT.search(plain)):
                continue
            if not _stands_alone(words[at + size :]):
                return None
            taken[at : at + size] = [True] * size
            found[at] = (phrase, known if {SYSTOLIC, DIASTOLIC} <= set(known) else known[:1])
    ordered = [found[at] for at in sorted(found)]
    return About(words=tuple(w for w, _ in ordered), measures=tuple(m for _, m in ordered)) if ordered else None


def _stands_alone(after: Sequence[str]) -> bool:
    """Whether a measure is meant and not a thing that is named after it ("blood pressure diary", "heart rate belt")."""
    if not after:
        return True
    rest = " ".join(after)
    patterns = (*(pattern for _, pattern in STATS), *LIMITS, CLOCK, COMPARE, MORE, JUDGED, WEEKDAYS, GROUPS, NOT)
    return (
        after[0] in GLUE or after[0] == "|" or after[0][0].isdigit() or any(pattern.match(rest) for pattern in patterns)
    )


def _without(text: str, times: Sequence[Period]) -> str:
    """The text without its times: names of months and weekdays begin with a capital letter too."""
    for period in reversed(times):
        text = text[: period.at[0]] + text[period.at[1] :]
    return text


def fill(
    text: str,
    model: LanguageModel,
    *,
    today: date,
    catalogue: Catalogue,
    available: Collection[str],
    units: Mapping[str, str] | None = None,
) -> MetricQuery | None:
    """The query that the model filled in, checked: every phrase stands in the question and is read again by rules.

    None when the model declines, when a phrase is not of the question, or when a time, a limit or a negation of the
    question would go unheard. Raises ModelError when the engine fails.
    """
    known = about(text, catalogue=catalogue, available=available)
    plain = marked(text, ())
    if known is None or NOT.search(plain) or JUDGED.search(plain):
        return None
    if len(known.words) > 1 and not _JOINED.search(plain):
        return None  # two questions in one, not one about both
    text = prepared(text)
    periods = find(text, today=today)
    limits = _limits(marked(text, periods))
    schema = _schema(known.words, [period.words for period in periods], limits)
    answer = "".join(model.generate(_prompt(text, known, periods, limits), max_tokens=_MOST_TOKENS, schema=schema))
    try:
        said = json.loads(answer)
    except ValueError:
        return None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    return _checked(cast("dict[str, str]", said), text, periods, limits, known, catalogue, today, units or {})


def _limits(plain: str) -> list[str]:
    found = [match[0].strip() for pattern in (*LIMITS, CLOCK) if (match := pattern.search(plain))]
    return found[:1]


def _schema(words: Sequence[str], times: Sequence[str], limits: Sequence[str]) -> Schema:
    """Only what the question leaves open is open: one measure or time is a constant, none an empty text."""

    def one_of(choices: Sequence[str]) -> dict[str, object]:
        return {"type": "string", "enum": list(dict.fromkeys(choices)) or [""]}

    fields: dict[str, object] = {
        "statistic": one_of((*_statistics(words, times, limits), "none")),
        "measure": one_of(words),
        "second": one_of(words if len(words) > 1 else ()),
        "when": one_of(times),
        "against": one_of(times if len(times) > 1 else ()),
        "limit": one_of(limits),
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _statistics(words: Sequence[str], times: Sequence[str], limits: Sequence[str]) -> tuple[str, ...]:
    if limits:
        return ("days",)
    if len(times) > 1:
        return ("compare",)
    return ("correlate",) if len(words) > 1 else _SINGLE


def _prompt(text: str, known: About, periods: Sequence[Period], limits: Sequence[str]) -> Prompt:
    lines = [f"Measures: {'; '.join(known.words)}", f"Times: {'; '.join(period.words for period in periods) or 'none'}"]
    lines += [f"Limits: {'; '.join(limits) or 'none'}", f"Question: {' '.join(text.split())}"]
    return Prompt(system=SYSTEM, user="\n".join(lines))


def _checked(
    said: Mapping[str, str],
    text: str,
    periods: Sequence[Period],
    limits: Sequence[str],
    known: About,
    catalogue: Catalogue,
    today: date,
    units: Mapping[str, str],
) -> MetricQuery | None:
    measures = _measures(said, known)
    times = [said.get(name, "") for name in ("when", "against")]
    heard = [word for word in times if word]
    copied = all(word in text for word in heard) and sorted(heard) == sorted(period.words for period in periods)
    statistic = said.get("statistic", "none")
    if not measures or not copied or statistic not in (*_SINGLE, "days", "compare", "correlate"):
        return None
    first = catalogue[measures[0]]
    if limits and first.kind == "events":
        return None  # of days, or of each workout by itself?
    threshold = _threshold(said.get("limit", ""), limits, first, units)
    if said.get("limit", "") not in ("", *limits):
        return None
    if (bool(limits) != (threshold is not None)) or (statistic == "days") != (threshold is not None):
        return None
    compared = len(heard) == 2
    if (statistic == "compare") != compared or (statistic == "correlate") != (
        len(measures) == 2 and bool(said.get("second"))
    ):
        return None
    stat = _stat(statistic, first)
    sides = [spans.of(period, first.kind, today) for word in heard for period in periods if period.words == word]
    if any(side is None for side in sides):
        return None
    found = [side for side in sides if side is not None] or [spans.ever(first.kind, stat, today)]
    return MetricQuery(
        measures=measures, stat=stat, span=found[0], against=found[1] if compared else None, threshold=threshold,
        units=dict(units),
    )  # fmt: skip


def _measures(said: Mapping[str, str], known: About) -> tuple[str, ...]:
    """What the copied words name, read again; empty where they are no words of the question or go unheard."""
    named = dict(zip(known.words, known.measures, strict=True))
    first, second = said.get("measure", ""), said.get("second", "")
    if second == first:
        second = ""
    chosen = [word for word in (first, second) if word]
    if not all(word in named for word in chosen) or set(chosen) != set(known.words):
        return ()
    return tuple(dict.fromkeys(measure for word in chosen for measure in named[word]))


def _threshold(words: str, limits: Sequence[str], measure: Measure, units: Mapping[str, str]) -> Threshold | None:
    if not words or words not in limits:
        return None
    if measure.kind == "clock":
        match = CLOCK.search(words)
        return clock_limit(match) if match else None
    match = next((match for pattern in LIMITS if (match := pattern.search(words))), None)
    found = limit_of(match, measure, units) if match else None
    return None if found and found.op == "between" and measure.kind == "level" else found


def _stat(said: str, measure: Measure) -> Stat:
    if said == "compare":
        return "sum" if measure.kind == "total" else "count" if measure.kind == "events" else "mean"
    if said == "sum" and measure.kind in ("level", "state", "night", "clock"):
        return "mean"
    return cast("Stat", said) if said in get_args(Stat) else "mean"


_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "total": ("my {0} last week", "average {0} per day last month", "my {0} this month compared to last month"),
    "level": ("my {0} yesterday", "average {0} last month", "how has my {0} changed since January"),
    "state": ("my latest {0}", "average {0} last month", "how has my {0} changed since January"),
    "night": ("my {0} last night", "average {0} last month", "how has my {0} changed since January"),
    "clock": ("my usual {0}", "my {0} on weekends vs weekdays", "how has my {0} changed since January"),
    "events": ("how often {0} last month", "number of my {0} this year"),
}


def unread(known: About, *, catalogue: Catalogue) -> Unread:
    """What to say to a question that could not be read, with questions about the same measures that can be."""
    measures = tuple(dict.fromkeys(measure for found in known.measures for measure in found))
    first = catalogue[measures[0]]
    nearest = tuple(template.format(known.words[0]) for template in _TEMPLATES[first.kind])
    names = " and ".join(dict.fromkeys(known.words))
    examples = ", ".join(f"“{question}”" for question in nearest)
    text = f"This seems to be about your {names}, but I cannot tell which number is asked for. I can answer {examples}."
    return Unread(text=text, measures=measures, nearest=nearest)
