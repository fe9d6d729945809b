"""Facts of a draft that nothing holds become blanks that its owner sees: "[time?]" for a time that nobody told. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.answer.claims import words

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
_FACTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(form))
    for name, form in (
        ("blank", r"\[[^\]\n]{1,40}\]"),
        ("address", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
        ("link", r"(?:https?://|www\.)[^\s<>\"]+"),
        ("time", r"\b\d{1,2}(?:[:.]\d{2}(?:\s?[ap]\.?m\b)?|\s?[ap]\.?m\b)(?![\d.]\d)"),
        ("amount", r"(?:[€$£]|\b(?:EUR|USD|GBP|CHF)\s)\s?\d[\d.,]*\d|[€$£]\d|"
                   r"\b\d[\d.,]*\s?(?:€|euros?\b|EUR\b|dollars?\b|pounds?\b|percent\b|%)"),
        ("day", rf"\b(?:{_DAY},?\s+)?(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:\s+\d{{4}})?|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?"
                rf"(?:,?\s+\d{{4}})?|\d{{4}}-\d{{2}}-\d{{2}})\b|\b{_DAY}s?\b|\b{_MONTH}(?:\s+\d{{4}})?\b"),
        ("number", r"\+?\d(?:[\d\s./,'-]*\d)?"),
        ("name", r"\b[A-ZÀ-Þ][\w’'-]*[a-zß-ÿ][\w’'-]*"),
    )
)  # fmt: skip
_NO_NAMES = frozenset("i i'm i'll i've i'd dear hi hello mr mrs ms dr".split())


def blanked(text: str, known: Sequence[str]) -> str:
    """A text in which each number, day, time, address and name stands that one of the `known` texts holds, else a blank.

    A word that begins a sentence may be any word; a name there is one where it is known as such, and then it is held.
    """
    held = [f" {' '.join(words(one))} " for one in known]
    out, at = "", 0
    while at < len(text):
        found = _next(text, at)
        if found is None:
            break
        kind, start, end = found
        fact = text[start:end]
        out += text[at:start]
        if kind == "blank" or _stands(fact, held) or (kind == "name" and _is_free(text, start, fact)):
            out += fact
        elif not out.rstrip().endswith(f"[{kind}?]"):
            out += f"[{kind}?]"
        else:
            out = out.rstrip()
        at = end
    return out + text[at:]


def _next(text: str, at: int) -> tuple[str, int, int] | None:
    """The first fact from a place on; of those that begin there the one whose kind is named first."""
    best: tuple[str, int, int] | None = None
    for kind, form in _FACTS:
        found = form.search(text, at)
        if found and (best is None or found.start() < best[1]):
            best = kind, *found.span()
    return best


def _stands(fact: str, held: Sequence[str]) -> bool:
    """Whether a text holds the words of a fact, in this order or, of a day, with day and month turned round."""
    said = [re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", word) for word in words(fact)]
    turned = [said, said[:-2] + said[-2:][::-1]] if len(said) > 1 else [said]
    return any(f" {' '.join(order)} " in text for order in turned for text in held)


def _is_free(text: str, start: int, word: str) -> bool:
    before = text[:start].rstrip()
    return not before or before[-1] in ".!?:\n,)" or "\n" in text[len(before) : start] or word.casefold() in _NO_NAMES
