"""Entities of a known form: numbers, addresses of the net, amounts and days, found by rule and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import phonenumbers

from agent.answer.claims import sentence_spans
from agent.answer.entities.duties import duties
from agent.vocabulary import Entity, Passage
from agent.when import find

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'“”]+", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_CURRENCIES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "dollar": "USD",
    "dollars": "USD", "us$": "USD", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "chf": "CHF", "franken": "CHF",
    "¥": "JPY", "jpy": "JPY", "yen": "JPY", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "pln": "PLN", "inr": "INR", "₹": "INR",
}  # fmt: skip
_SCALES = {"thousand": 3, "k": 3, "million": 6, "millions": 6, "mio": 6, "m": 6, "billion": 9, "bn": 9}
_UNIT = "|".join(sorted(map(re.escape, _CURRENCIES), key=len, reverse=True))
_NUMBER = r"\d+(?:[.,'’ \u00a0]\d{3})*(?:[.,]\d{1,2})?(?!\d)"
_SCALE = r"(?:\s?(?:thousand|millions?|mio|billion|bn|[km])\b\.?)?"
_MONEY = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_UNIT})\s?(?P<a>{_NUMBER})(?P<s>{_SCALE})"
    rf"|(?P<b>{_NUMBER})(?P<t>{_SCALE})\s?(?P<after>{_UNIT}))(?!\w)",
    re.IGNORECASE,
)
_NAME = r"[A-ZÀ-Ý][\w.'’-]*"
_WORD = r"[A-ZÀ-Ý][a-zà-ÿ][\w.'’-]*"
_TOWN = rf"(?:,?\ (?:[A-Z]{{1,2}}-)?\d{{4,5}}\ {_NAME}(?:[ -]{_NAME})*)?"
_STREETS = re.compile(
    rf"""
    \b(?:  # Lindenstrasse 14, 10969 Berlin; Am Alten Markt 3a
        {_NAME}(?:stra(?:ss|ß)e|str\.|weg|allee|platz|gasse|ring|ufer|damm|markt|graben|hof|steig)
        | (?:Am|An|Auf|Im|In|Unter|Zum|Zur|Alter?|Neuer?)(?:\ (?:de[mnr]|{_NAME}))+
        | {_NAME}(?:\ {_NAME})*\ (?:Stra(?:ss|ß)e|Allee|Platz|Weg|Ring)
    )\ \d{{1,4}}\ ?[a-zA-Z]?\b(?:-\d+)?{_TOWN}
    | \b\d{{1,5}}[A-Za-z]?\ (?:{_NAME}\ ){{1,4}}  # 221B Baker Street, London NW1 6XE
        (?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Square|Sq|Terrace|Close)\b\.?
        (?:,\ {_WORD}(?:\ {_WORD})*(?:,?\ [A-Z]{{2}}\ \d{{5}}(?:-\d{{4}})?|\ [A-Z]{{1,2}}\d[A-Z\d]?\ ?\d[A-Z]{{2}})?)?
    | \b\d{{1,4}}(?:\ (?:bis|ter))?,?\ (?:rue|avenue|boulevard|place|quai|via|viale|piazza|calle)  # 5 rue des Fleurs
        (?:\ (?:d[eu]s?|de\ la|del|della|{_NAME}))+{_TOWN}
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Characters start..end of a text, and what they mean in one spelling."""

    start: int
    end: int
    normalized: str


def _phones(text: str, region: str, _: date) -> Iterator[_Mark]:
    for found in phonenumbers.PhoneNumberMatcher(text, region or None, phonenumbers.Leniency.STRICT_GROUPING):
        number = phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
        yield _Mark(found.start, found.end, number)


def _mails(text: str, _: str, __: date) -> Iterator[_Mark]:
    for found in _MAIL.finditer(text):
        yield _Mark(*found.span(), found[0].lower())


def _urls(text: str, _: str, __: date) -> Iterator[_Mark]:
    for found in _URL.finditer(text):
        whole = found[0].rstrip(".,;:!?)]}")
        yield _Mark(found.start(), found.start() + len(whole), whole)


def _streets(text: str, _: str, __: date) -> Iterator[_Mark]:
    """Postal addresses as German, English, French, Italian and Spanish write them; others are left to a model."""
    for found in _STREETS.finditer(text):
        yield _Mark(*found.span(), " ".join(found[0].split()))


def _ibans(text: str, _: str, __: date) -> Iterator[_Mark]:
    """ISO 13616: the remainder of the rearranged number by 97 is 1."""
    for found in _IBAN.finditer(text):
        plain = found[0].replace(" ", "")
        if int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1:
            yield _Mark(*found.span(), plain)


def _amounts(text: str, _: str, __: date) -> Iterator[_Mark]:
    for found in _MONEY.finditer(text):
        number, scale = (found["a"], found["s"]) if found["a"] else (found["b"], found["t"])
        value = _value(number) * 10 ** _SCALES.get(scale.strip(" .\u00a0").lower(), 0)
        currency = _CURRENCIES[(found["before"] or found["after"]).lower()]
        yield _Mark(*found.span(), f"{currency} {value:.2f}")


def _value(number: str) -> float:
    """1,240.50 and 1.240,50 and 1 240: the last mark with one or two digits behind it is the decimal one."""
    decimal = re.search(r"[.,](\d{1,2})$", number)
    whole = number[: decimal.start()] if decimal else number
    return float(f"{re.sub(r'[^0-9]', '', whole)}.{decimal[1] if decimal else 0}")


def _days(text: str, _: str, written: date) -> Iterator[_Mark]:
    """Days and stretches of days, those relative to when the text was written included (ISO 8601, end included)."""
    for period in find(text, today=written):
        if period.start is None or period.end is None:
            continue
        last = period.end - timedelta(days=1)
        days = period.start.isoformat() if last == period.start else f"{period.start.isoformat()}/{last.isoformat()}"
        yield _Mark(*period.at, days)


FORMS: Mapping[str, Callable[[str, str, date], Iterator[_Mark]]] = {
    "phone": _phones,
    "email": _mails,
    "url": _urls,
    "iban": _ibans,
    "money": _amounts,
    "date": _days,
    "address": _streets,
}
"""Type -> who finds it in (text, the region of local phone numbers, the day the text is from)."""
RULED = frozenset({*FORMS, "action-item"})
"""The types that are found by rule, and need no model."""


def by_form(kind: str, passage: Passage, *, region: str, today: date) -> Iterator[Entity]:
    """Every entity of a type of RULED in a passage, each with the sentence that holds it."""
    if kind == "action-item":
        for duty in duties(passage):
            said = ": ".join(filter(None, (duty.person, duty.said(duty.what))))
            yield entity(kind, passage, *duty.what, normalized=said)
        return
    written = passage.when.date() if passage.when else today
    for mark in FORMS[kind](passage.text, region, written):
        yield entity(kind, passage, mark.start, mark.end, normalized=mark.normalized)


def entity(kind: str, passage: Passage, start: int, end: int, *, normalized: str) -> Entity:
    """Characters start..end of a passage as an entity; its offsets are those in the sentence that is quoted."""
    low, high = start, end
    for a, b in sentence_spans(passage.text):
        if a < end and start < b:
            low, high = min(low, a), max(high, b)
    return Entity(
        type=kind, value=passage.text[start:end], normalized=normalized, quote=passage.text[low:high],
        start=start - low, end=end - low, source=passage.source, locator=passage.locator, when=passage.when,
        passage=passage.id,
    )  # fmt: skip
