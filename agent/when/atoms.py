"""The smallest phrases that name a time on their own: one rule each, leftmost and longest wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from agent.when.period import Form, Unit, shifted, unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """A closed period with what its neighbours may still change.

    `since` is the day that "since" starts from where that is not `start`; `loose` is the unit by which the period may
    move to fit the other end of a range, because the words did not say which one ("March", "Monday").
    """

    start: date
    end: date
    form: Form
    at: tuple[int, int] = (0, 0)
    since: date | None = None
    loose: Literal["week", "year"] | None = None


_Maker = Callable[[re.Match[str], date], Atom | None]

_FEASTS = {
    r"new\s+year['’]?s\s+eve": (12, 31), r"new\s+year['’]?s": (1, 1), r"christmas\s+eve": (12, 24),
    r"christmas": (12, 25), r"boxing\s+day": (12, 26), r"hallowe['’]?en": (10, 31), r"valentine['’]?s": (2, 14),
}  # fmt: skip
_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
COUNTS = {word: n for n, word in enumerate(_NUMBERS.split("|"), start=1)} | {"a": 1, "an": 1}
_FULL = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTHS = _FULL.split("|")
_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}

_N = rf"(?P<n>\d{{1,4}}|couple\s+of|{'|'.join(COUNTS)})"
_U = r"(?P<u>day|night|week|month|quarter|year)s?"
_ABBREVIATED = "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
_M = rf"(?P<m>{_FULL}|(?:{_ABBREVIATED})\b\.?)"
YEAR = r"(?P<y>(?:19|20)\d\d)(?![\d.,]\d|\d)"
_DAY = r"(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_LAST_DAY = r"(?P<e>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_DASH = r"(?:\s*[-–—]\s*|\s+(?:to|until|till|through)\s+(?:the\s+)?)"
_WD = rf"(?P<w>{_WEEKDAY})"
_WD_LEAD = rf"(?:(?:{_WEEKDAY}),?\s+(?:the\s+)?)?"
# What may stand before a bare month that is also a word or a name: "in May", but neither "I may" nor "June said".
_CUE = r"(?:in|since|during|until|till|before|after|of|throughout|last|this|next|between|early|mid|late|entire|whole)"
_STRONG = r"(?:\s+(?:vs\.?|versus|than|to|through|until|compared\s+(?:to|with))\s+(?:in\s+)?|\s*[-–—]\s*)"


def counted(word: str) -> int:
    return int(word) if word.isdigit() else COUNTS.get(word.lower(), 2)


def _month_number(word: str) -> int:
    return next(n for n, name in enumerate(_MONTHS, start=1) if name.startswith(word.lower().rstrip(".")[:3]))


def _near(match: re.Match[str], today: date) -> Atom | None:
    word = re.sub(r"\s+", " ", match[0].lower())
    days = {"tomorrow": 1, "yesterday": -1, "day before yesterday": -2, "day after tomorrow": 2}
    offset = next((n for start, n in reversed(days.items()) if word.startswith(start)), 0)
    return _day(today + timedelta(days=offset))


def _night(match: re.Match[str], today: date) -> Atom:
    evening = {"tonight": 0, "last": 1, "yesterday": 1}.get(match[0].lower().split()[0], 2)
    return night_of(today - timedelta(days=evening))


def night_of(day: date) -> Atom:
    return Atom(start=day, end=day + timedelta(days=2), form="night")


def _day(day: date, loose: Literal["week", "year"] | None = None) -> Atom:
    return Atom(start=day, end=day + timedelta(days=1), form="day", loose=loose)


def _unit(match: re.Match[str], today: date) -> Atom:
    unit: Unit = match["u"].lower()  # type: ignore[assignment]  # the pattern allows only units
    steps = {"this": 0, "current": 0, "next": 1}.get(match["which"].lower(), -1)
    if match["which"].lower() == "the":
        steps = -2
    start, end = unit_of(shifted(unit_of(today, unit)[0], unit, steps), unit)
    return Atom(start=start, end=end, form=unit)


def _rolling(match: re.Match[str], today: date) -> Atom | None:
    groups = match.groupdict()
    count = counted(groups.get("n") or "one")
    word = match["u"].lower()
    unit: Unit = "day" if word == "night" else word  # type: ignore[assignment]  # as above
    if count == 0:
        return None
    if (groups.get("which") or "").lower() == "next":
        return Atom(start=today, end=shifted(today, unit, count), form="span")
    # The last N nights are the N that ended by this morning, so today's wake date belongs to them.
    end = today + timedelta(days=1) if word == "night" else today
    return Atom(start=shifted(end, unit, -count), end=end, form="span")


def _ago(match: re.Match[str], today: date) -> Atom:
    word = match["u"].lower()
    unit: Unit = "day" if word == "night" else word  # type: ignore[assignment]  # as above
    day = shifted(today, unit, -counted(match["n"]))
    if word == "night":
        return night_of(day - timedelta(days=1))
    start, end = unit_of(day, unit)
    return Atom(start=start, end=end, form=unit, since=day)


def _weekday(match: re.Match[str], today: date) -> Atom:
    name = match["w"].lower()
    number = next(n for n, full in enumerate(_WEEKDAY.split("|")) if full.startswith(name[:3]))
    which = (match["which"] or "").lower()
    monday = unit_of(today, "week")[0]
    if which == "this":
        return _day(monday + timedelta(days=number))
    if which == "next":
        return _day(today + timedelta(days=(number - today.weekday() - 1) % 7 + 1))
    return _day(today - timedelta(days=(today.weekday() - number - 1) % 7 + 1), loose="week")


def _iso(match: re.Match[str], today: date) -> Atom:
    del today
    year, month, day = int(match["y"]), int(match["mm"]), match["dd"]
    return _day(date(year, month, int(day))) if day else _month(year, month)


def _dotted(match: re.Match[str], today: date) -> Atom:
    del today
    return _day(date(int(match["y"]), int(match["mm"]), int(match["dd"])))


def _iso_week(match: re.Match[str], today: date) -> Atom:
    week = int(match["n"])
    if match["y"]:
        return week_of(date.fromisocalendar(int(match["y"]), week, 1))
    years = (today.year + 1 - back for back in range(8))
    mondays = (date.fromisocalendar(year, week, 1) for year in years if week < 53 or weeks_in(year) == 53)
    return week_of(next(monday for monday in mondays if monday + timedelta(days=7) <= today))


def weeks_in(year: int) -> int:
    return date(year, 12, 28).isocalendar().week


def week_of(day: date) -> Atom:
    start, end = unit_of(day, "week")
    return Atom(start=start, end=end, form="week")


def _month(year: int, month: int) -> Atom:
    start, end = unit_of(date(year, month, 1), "month")
    return Atom(start=start, end=end, form="month")


def _year_said(match: re.Match[str], today: date) -> int | None:
    groups = match.groupdict()
    if groups.get("y"):
        return int(groups["y"])
    return {"last": today.year - 1, "this": today.year, "next": today.year + 1}.get((groups.get("ly") or "").lower())


def _dated(match: re.Match[str], today: date) -> Atom:
    """A day, or days of one month ("May 1-10"), with or without a year."""
    year, month = _year_said(match, today), _month_number(match["m"])
    start = _date_in(year, month, int(match["d"]), today)
    last = match.groupdict().get("e")
    loose: Literal["year"] | None = None if year else "year"
    if last is None:
        return _day(start, loose)
    end = start.replace(day=int(last)) + timedelta(days=1)
    if end <= start:
        raise ValueError("a range that ends before it starts")
    return Atom(start=start, end=end, form="range", loose=loose)


def _date_in(year: int | None, month: int, day: int, today: date) -> date:
    if year:
        return date(year, month, day)
    # Eight years back hold a 29 February even around 1900.
    for candidate in range(today.year, today.year - 9, -1):
        try:
            found = date(candidate, month, day)
        except ValueError:
            continue
        if found <= today:
            return found
    raise ValueError("no such day")


def _of_month(match: re.Match[str], today: date) -> Atom:
    """A day of the month ("the 15th"): the most recent one up to today."""
    for back in range(12):
        first = shifted(today.replace(day=1), "month", -back)
        try:
            found = first.replace(day=int(match["d"]))
        except ValueError:
            continue
        if found <= today:
            return _day(found)
    raise ValueError("no such day")


def _named_month(match: re.Match[str], today: date) -> Atom:
    month, year = _month_number(match["m"]), _year_said(match, today)
    return _recent(lambda y: _month(y, month), year, today, (match.groupdict().get("which") or "").lower())


def _quarter(match: re.Match[str], today: date) -> Atom:
    number = int(match["q"]) if match["q"].isdigit() else _ORDINALS[match["q"].lower()]

    def made(year: int) -> Atom:
        start, end = unit_of(date(year, number * 3, 1), "quarter")
        return Atom(start=start, end=end, form="quarter")

    return _recent(made, _year_said(match, today), today, "")


def _season(match: re.Match[str], today: date) -> Atom:
    month = _SEASONS[match["s"].lower()]

    def made(year: int) -> Atom:
        start = date(year, month, 1)
        return Atom(start=start, end=shifted(start, "month", 3), form="season")

    which = (match.groupdict().get("which") or "").lower()
    if which == "this" and month == 12 and today.month < 3:
        return made(today.year - 1)
    return _recent(made, _year_said(match, today), today, which)


def _recent(made: Callable[[int], Atom], year: int | None, today: date, which: str) -> Atom:
    """The one of a stated year, else what `which` says, else the most recent that is over ("since": that has begun)."""
    if year is not None:
        return made(year)
    if which == "this":
        return made(today.year)
    if which == "next":
        return next(atom for atom in map(made, (today.year, today.year + 1)) if atom.start > today)
    past = [made(today.year - back) for back in range(3)]
    begun = next(atom.start for atom in past if atom.start <= today)
    return replace(next(atom for atom in past if atom.end <= today), since=begun, loose="year")


def _whole_year(match: re.Match[str], today: date) -> Atom | None:
    year = int(match["y"])
    start, end = unit_of(date(year, 1, 1), "year")
    return Atom(start=start, end=end, form="year") if year <= today.year + 20 else None


def _weekend(match: re.Match[str], today: date) -> Atom:
    saturday = unit_of(today, "week")[0] + timedelta(days=5)
    which = (match["which"] or "last").lower()
    back = {"this": 0, "next": -7}.get(which, 0 if saturday + timedelta(days=2) <= today else 7)
    start = saturday - timedelta(days=back)
    return Atom(start=start, end=start + timedelta(days=2), form="range")


def _feast(match: re.Match[str], today: date) -> Atom:
    """A day that is known by name: the one of a stated year, else the most recent up to today."""
    month, day = next(at for name, at in _FEASTS.items() if re.fullmatch(name, match["f"], re.IGNORECASE))
    year = _year_said(match, today)
    return _day(_date_in(year, month, day, today), None if year else "year")


def _rule(pattern: str, maker: _Maker) -> tuple[re.Pattern[str], _Maker]:
    return re.compile(rf"(?<![\w-])(?:{pattern})(?!\w)", re.IGNORECASE), maker


_LY = r"(?:of\s+)?(?P<ly>last|this|next)\s+year"
_Y_TAIL = rf"(?:,?\s+(?:of\s+)?{YEAR}|\s+{_LY})"
_NOT_A_COUNT = (
    r"(?!\s*(?:%|steps?|k?cal|calories|k?m\b|met|min|hours?|times|days|words|dollars|euros|people|ml\b|kg\b))"
)

_RULES: tuple[tuple[re.Pattern[str], _Maker], ...] = (
    _rule(r"today|this\s+(?:morning|afternoon|evening)|(?<=\band )now|(?<=\bto )now|(?<=\buntil )now", _near),
    _rule(r"(?:day\s+before\s+)?yesterday(?:\s+(?:morning|afternoon|evening))?|tomorrow|day\s+after\s+tomorrow", _near),
    _rule(r"tonight|last\s+night|yesterday\s+night|night\s+before\s+last", _night),
    _rule(r"(?P<which>this|current|last|previous|next)\s+(?P<u>week|month|quarter|year)(?!\s+of)", _unit),
    _rule(r"(?P<which>the)\s+(?P<u>week|month|quarter|year)\s+before\s+last", _unit),
    _rule(r"(?:in|over|during|for|within)\s+(?P<at>the\s+last\s+(?P<u>week|month|quarter|year))(?!\s+of)", _rolling),
    _rule(r"past\s+(?P<u>week|month|quarter|year)", _rolling),
    _rule(rf"(?P<which>this|last|past|previous|next)\s+(?:a\s+)?{_N}\s+{_U}", _rolling),
    _rule(rf"{_N}\s+{_U}\s+ago", _ago),
    _rule(rf"(?:(?P<which>last|this|next|previous|past)\s+)?(?<!black )(?<!good )(?<!every )(?<!each ){_WD}", _weekday),
    _rule(r"(?:on|(?P<which>last|this|next))\s+(?P<at>(?-i:(?P<w>Mon|Tue|Wed|Thu|Fri|Sat|Sun)))\b\.?", _weekday),
    _rule(r"(?P<y>(?:19|20)\d\d)-(?P<mm>0[1-9]|1[0-2])(?:-(?P<dd>[0-3]\d))?(?!-)", _iso),
    _rule(r"(?P<dd>\d{1,2})\.\s?(?P<mm>\d{1,2})\.\s?(?P<y>(?:19|20)\d\d)", _dotted),
    _rule(rf"(?:calendar\s+|iso\s+)?week\s+(?P<n>\d{{1,2}})(?:,?\s+(?:of\s+)?{YEAR})?", _iso_week),
    _rule(r"(?P<y>(?:19|20)\d\d)-W(?P<n>\d{2})", _iso_week),
    _rule(rf"{_WD_LEAD}{_DAY}\s+(?:of\s+)?{_M}{_Y_TAIL}?", _dated),
    _rule(rf"{_WD_LEAD}{_M}\s+(?:the\s+)?{_DAY}(?!\d|:\d|[.,]\d){_Y_TAIL}?{_NOT_A_COUNT}", _dated),
    _rule(rf"{_DAY}{_DASH}{_LAST_DAY}\s+(?:of\s+)?{_M}{_Y_TAIL}?", _dated),
    _rule(rf"between\s+(?:the\s+)?(?P<at>{_DAY}\s+and\s+(?:the\s+)?{_LAST_DAY}\s+(?:of\s+)?{_M}{_Y_TAIL}?)", _dated),
    _rule(rf"{_M}\s+{_DAY}{_DASH}{_LAST_DAY}(?!\d){_Y_TAIL}?{_NOT_A_COUNT}", _dated),
    _rule(
        rf"(?:on|since|until|till|before|after|night\s+of|week\s+of|to)\s+(?P<at>the\s+{_DAY[:-1]})"
        r"(?=\s*(?:$|[?.,;!)]|and\b|to\b|until\b|did\b|was\b|were\b|vs\b))",
        _of_month,
    ),
    _rule(rf"{_M}{_Y_TAIL}", _named_month),
    _rule(r"(?P<m>january|february|july|september|october|november|december)", _named_month),
    _rule(rf"(?:(?P<which>last|this|next)|{_CUE})\s+(?P<at>(?P<m>{_FULL}|(?-i:{_ABBREVIATED.title()})))", _named_month),
    _rule(rf"from\s+(?P<at>(?P<m>{_FULL}))(?=\s+(?:to|until|till|through|on|onwards?)\b|\s*[-–—])", _named_month),
    _rule(rf"(?:19|20)\d\d(?:{_DASH}|\s+and\s+)(?P<at>(?P<m>{_FULL}))", _named_month),
    _rule(rf"compared?\s+(?:to|with)\s+(?P<at>(?P<m>{_FULL}))", _named_month),
    _rule(rf"(?:{_FULL}){_STRONG}(?P<at>(?P<m>{_FULL}))", _named_month),
    _rule(rf"(?P<at>(?P<m>{_FULL}))(?={_STRONG}(?:{_FULL})\b)", _named_month),
    _rule(rf"{_CUE}\s+(?:{_FULL})\s+(?:and|or)\s+(?:in\s+)?(?P<at>(?P<m>{_FULL}))", _named_month),
    _rule(rf"Q(?P<q>[1-4]){_Y_TAIL}?", _quarter),
    _rule(rf"(?P<q>{'|'.join(_ORDINALS)})\s+quarter(?:\s+(?:of\s+)?(?:{YEAR}|{_LY}))?", _quarter),
    _rule(rf"(?P<s>{'|'.join(_SEASONS)}){_Y_TAIL}", _season),
    _rule(rf"(?P<which>last|this|next)\s+(?P<s>{'|'.join(_SEASONS)})", _season),
    _rule(rf"(?:in|during|since|of|over|before|after)\s+(?:the\s+)?(?P<at>(?P<s>{'|'.join(_SEASONS)}))", _season),
    _rule(
        r"(?:in|during|of|since|before|after|until|till|from|throughout|year|through|for|between|to|and|vs\.?|versus)"
        rf"\s+(?:all\s+of\s+)?(?P<at>{YEAR}){_NOT_A_COUNT}",
        _whole_year,
    ),
    _rule(rf"than\s+(?:in\s+)?(?P<at>{YEAR})(?=\s*(?:$|[?.!]))", _whole_year),
    _rule(rf"(?P<at>{YEAR})(?=\s+(?:vs\.?|versus|compared\s+(?:to|with))\s+(?:19|20)\d\d)", _whole_year),
    _rule(r"(?P<which>last|this|next|past|previous)\s+weekend|(?:on|over)\s+the\s+weekend(?!\s+of)", _weekend),
    # Only as a time ("on Christmas", "since Halloween"): the Christmas party is on another day.
    _rule(
        rf"(?:on|since|until|till|before|after|by|from|to|than)\s+(?P<at>(?P<f>{'|'.join(_FEASTS)})(?:\s+day)?{_Y_TAIL}?)"
        r"(?=\s*(?:$|[?.,;!)]|(?:and|to|until|did|was|were|compared|than|vs)\b))",
        _feast,
    ),
)


def atoms_in(text: str, today: date) -> list[Atom]:
    """Leftmost, then longest, of everything that a rule makes a period of."""
    found: list[Atom] = []
    for pattern, maker in _RULES:
        for match in pattern.finditer(text):
            try:
                atom = maker(match, today)
            except (ValueError, OverflowError, StopIteration):
                continue  # 31 February, week 60, ten thousand years: not a time after all
            if atom is not None:
                found.append(replace(atom, at=match.span("at" if "at" in pattern.groupindex else 0)))
    found.sort(key=lambda atom: (atom.at[0], -atom.at[1]))
    return apart(found)


def apart(atoms: Sequence[Atom]) -> list[Atom]:
    kept: list[Atom] = []
    for atom in atoms:
        if not kept or atom.at[0] >= kept[-1].at[1]:
            kept.append(atom)
    return kept
