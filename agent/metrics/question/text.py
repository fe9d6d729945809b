"""A question as text to be read: politeness gone, amounts in digits, lags taken out, its periods marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.metrics.question.words import LAG, POLITE, RELATED
from agent.when import Period

_HABIT = re.compile(
    r"\b(?:(?:do|am) i|usual(?:ly)?|on average|averages?|typical\w*|normally|generally)\b", re.IGNORECASE
)
_THE_WEEKEND = re.compile(r"\b(?:on|at|over) the weekend\b", re.IGNORECASE)
_SET_SIDE_BY_SIDE = re.compile(r"\b(?:compare|comparison|difference)\b", re.IGNORECASE)
_TO_DATE = re.compile(r"\b(?P<unit>year|month|week) to date\b", re.IGNORECASE)
_HOW_LATE = re.compile(r"\bhow (?:late|early)\b(?= did| do)", re.IGNORECASE)
_IN_DIGITS = tuple(
    (re.compile(rf"\b{words}\b", re.IGNORECASE), digits)
    for words, digits in (
        (r"half an hour", "30 minutes"),
        (r"(?:an|one) hour and a half|(?:one|1) and a half hours", "90 minutes"),
        (r"(\d+) and a half hours", r"\1.5 hours"),
        (r"(than|over|under|above|below|least|most) (?:an|one) hour", r"\1 1 hour"),
    )
)
_LAGS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}


def prepared(text: str) -> str:
    """The question with what reads differently beside numbers spelled out: habits, hours, "compare between A and B"."""
    text = POLITE.sub(lambda match: " show " if "show" in match[0].lower() else " ", text.replace("’", "'"))
    text = _TO_DATE.sub(r"this \g<unit>", _HOW_LATE.sub("when", text))
    text = text.replace("walking + running distance", "walking distance")
    for words, digits in _IN_DIGITS:
        text = words.sub(digits, text)
    if _HABIT.search(text):
        text = _THE_WEEKEND.sub("on weekends", text)
    if _SET_SIDE_BY_SIDE.search(text):
        text = re.sub(r"\bbetween\b", "in", text, flags=re.IGNORECASE)
    return text


def lagged(text: str) -> tuple[str, int]:
    """A lag between two measures, taken out first: "the day before" alone would be a period."""
    match = LAG.search(text) if RELATED.search(text) else None
    if not match:
        return text, 0
    lag = 1 if match["next"] else -1 if match["before"] else _LAGS.get(match["n"].lower()) or int(match["n"])
    return f"{text[: match.start()]} {text[match.end() :]}", lag


def marked(text: str, periods: Sequence[Period]) -> str:
    """The question in lower case with "@" in the place of every period."""
    parts, at = [], 0
    for period in periods:
        parts += [text[at : period.at[0]], " @ "]
        at = period.at[1]
    plain = "".join([*parts, text[at:]]).lower().replace("?", " ").replace("!", " ")
    plain = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", plain)
    return re.sub(r"\s+", " ", re.sub(r"[;:\"“”()]+(?=\s|$)|(?<=\s)[\"“”(]+|[.,](?=\s|$)|'s\b", " ", f" {plain} "))
