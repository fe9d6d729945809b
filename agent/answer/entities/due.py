"""By when something is to be done, in the words of a text: "by Friday", "before 15 July", "bis Ende August". Pure."""

from __future__ import annotations

import re

_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch)"
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?i?|july?i?|juli|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?)"
)
_DATE = (
    rf"(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?|"
    r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](?:\d{2,4})?|(?:the\s+)?\d{1,2}(?:st|nd|rd|th)"
)
_TIME = (
    rf"(?:(?:the\s+)?(?:end|beginning|middle)\s+of\s+(?:the\s+|this\s+|next\s+)?(?:day|week|month|quarter|year|{_MONTH})|"
    rf"(?:ende|anfang|mitte)\s+(?:der\s+woche|des\s+monats|{_MONTH})|eod|eow|cob|close\s+of\s+business|"
    rf"(?:(?:this|next|coming|kommenden|nächsten)\s+)?{_DAY}(?:,?\s+(?:{_DATE}))?(?:\s+(?:morning|noon|afternoon|evening|night))?|{_DATE}|"
    r"(?:this|next)\s+(?:week|month|weekend)|today|tonight|tomorrow(?:\s+(?:morning|noon|evening|night))?|noon|heute|morgen|"
    rf"{_MONTH})(?:\s+at\s+\d{{1,2}}(?::\d{{2}})?(?:\s?[ap]m)?)?"
)
DUE = re.compile(
    rf"\b(?:by|before|until|till|due(?:\s+(?:on|by))?|no\s+later\s+than|latest|bis(?:\s+zu[mr])?|spätestens|vor)\s+(?P<due>{_TIME})(?!\w)",
    re.I,
)
"""A time after a word that makes it the last one."""
WHEN = re.compile(rf"\b(?:(?:on|am)\s+)?(?P<due>{_TIME})(?!\w)\s*[).!]*$", re.IGNORECASE)
"""A time at the end of a sentence."""


def due(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The characters of a text between start and end that say by when, without the word before; None where none do."""
    found = DUE.search(text, start, end) or WHEN.search(text[:end], start)
    return found.span("due") if found else None
