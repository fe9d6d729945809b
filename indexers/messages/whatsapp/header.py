"""The line that starts a WhatsApp message, in every locale: one format locked per file, one date order decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Characters that steer direction and show nothing."""

Order = Literal["DMY", "MDY", "YMD"]

FIRST_YEAR = 2009
"""WhatsApp's first year: no message is older."""
LAST_YEAR = 2100
BUDDHIST = 543
"""How far the years of the Thai calendar run ahead."""
PERSIAN = range(1387, 1430)
"""The years since 2008 of the Persian calendar; those of the Islamic one, which no rule converts, are greater."""

_AM = """am a ص صباحا فجرا قظ πμ de öö pd 오전 午前 上午 凌晨 清晨 早上 sa pg ก่อนเที่ยง पूर्वाह्न পূর্বাহ্ণ முற்பகல் मपू පෙව နံနက် проб дп
претпл преподне dop dopoldne fm fh vm vorm vormittags manhã damanhã לפנהצ ap priešpiet priekšp yb rn gh to тң үө ಪೂರ್ವಾಹ್ನ
ਪੂਦੁ asubuhi ጥዋት eparadites"""
_PM = """pm p م مساء ظهرا بظ μμ du ös md 오후 午後 下午 晚上 中午 ch ptg หลังเที่ยง अपराह्न অপরাহ্ণ பிற்பகல் मउ පව ညနေ слоб пп попл
поподне odp pop popoldne em eh nm nachm nachmittags tarde datarde אחהצ ip popiet pēcp yh in gd tk тк үх ಅಪರಾಹ್ನ ਬਾਦੁ
mchana ከሰዓት epasdites"""
"""What CLDR's locales call the halves of a day, letters only."""


def _letters(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum())


_AFTERNOON = {_letters(word): False for word in _AM.split()} | {_letters(word): True for word in _PM.split()}

_M = f"[{MARKS}]*"
_D = r"\d"  # every script's digits
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_YEAR_UNIT, _MONTH_UNIT, _DAY_UNIT = "年년", "月월", "日일"
_LOOSE = re.compile(
    rf"{_M}(?P<open>\[?){_M}"
    rf"(?P<a>{_D}{{1,4}}){_M}(?P<s1>[./\-{_YEAR_UNIT}] ?){_M}(?P<b>{_D}{{1,2}}){_M}(?P<s2>[./\-{_MONTH_UNIT}] ?){_M}"
    rf"(?P<c>{_D}{{1,4}})(?P<join>[^\d\n\[\]]{{1,24}}?)"
    rf"(?P<h>{_D}{{1,2}})(?P<t>[:.]|\sh\s)(?P<m>{_D}{{2}})(?:(?P<u>(?P=t)|\smin\s)(?P<s>{_D}{{2}}))?"
    rf"(?P<post>[^\d\n\[\]:–-]{{0,24}}?)(?P<close>\]|\s[–-]|:)\s"
)
"""Any header at all; `join` may hold a comma, a word ("klo", "à") and a day period before the time."""


_NEW_YEAR_1387 = date(2008, 3, 20)


class Stamp(NamedTuple):
    """A header as written: the date's three fields, the time of day, and what follows on the line.

    `time` is seconds since midnight; `hour` is as written; `word` is a day period that no table knows, or "".
    """

    fields: tuple[int, int, int]
    time: int
    hour: int
    rest: str
    word: str


@dataclass(frozen=True, slots=True)
class HeaderFormat:
    """The one way in which a file writes its headers, as a pattern that knows no other.

    `year_first` where the way itself says so: a year of four digits in front, or East Asian words about it.
    """

    pattern: re.Pattern[str]
    year_first: bool

    def read(self, line: str) -> Stamp | None:
        """The header that `line` (without its line end) starts with, or None where the message above goes on."""
        found = self.pattern.match(line)
        if found is None:
            return None
        a, b, c, before, hour, minute, second, after = found.groups()
        clock = _clock(hour, minute, second, before or after)
        return clock and Stamp(_fields(a, b, c), clock.time, clock.hour, line[found.end() :], clock.word)


def lock_format(lines: Iterable[str]) -> HeaderFormat | None:
    """The format that most headers among `lines` have (the first on a tie), or None where none is a header."""
    votes = Counter(shape for line in lines if (shape := _shape(line)) is not None)
    return votes.most_common(1)[0][0] if votes else None


def _shape(line: str) -> HeaderFormat | None:
    """The format of all headers that are written like the one `line` starts with."""
    found = _LOOSE.match(line)
    if found is None:
        return None
    a, c, join, post = found["a"], found["c"], found["join"], found["post"]
    year_first = len(a) > 2 or bool(_EAST_ASIAN.search(line, 0, found.end()))
    before, after = _day_period(join)[0] is not None, bool(_letters(post))
    first = rf"{_D}{{4}}" if len(a) > 2 else rf"{_D}{{1,2}}"
    last = rf"{_D}{{1,2}}" if year_first or len(c) < 3 else rf"{_D}{{4}}"
    between = r"([^\d\n\[\]]{1,24}?)" if before else "()" + _spaced(join)
    second = rf"{_spaced(found['u'])}({_D}{{2}})" if found["s"] else "()"
    behind = r"([^\d\n\[\]:–-]{1,24}?)" if after else "()" + _spaced(post)
    pattern = (
        rf"{_M}{re.escape(found['open'])}{_M}({first}){_M}{_spaced(found['s1'])}{_M}({_D}{{1,2}}){_M}{_spaced(found['s2'])}"
        rf"{_M}({last}){between}({_D}{{1,2}}){_spaced(found['t'])}({_D}{{2}}){second}{behind}{_spaced(found['close'])}\s"
    )
    return HeaderFormat(re.compile(pattern), year_first)


def _spaced(literal: str) -> str:
    return "".join(r"\s" if character.isspace() else re.escape(character) for character in literal)


@lru_cache(maxsize=256)
def _day_period(text: str) -> tuple[bool | None, str]:
    """Whether a day period in `text` means the afternoon (None: there is none known), and the word if it is unknown."""
    whole = _letters(text)
    last = _letters(text.strip(MARKS + " ").rpartition(" ")[2])
    for letters in (whole, last, last.lstrip(_DAY_UNIT)):
        if letters in _AFTERNOON:
            return _AFTERNOON[letters], ""
    return None, whole


class _Clock(NamedTuple):
    time: int
    hour: int
    word: str


@lru_cache(maxsize=100_000)  # a day has 86,400 seconds
def _clock(hour: str, minute: str, second: str, period: str) -> _Clock | None:
    afternoon, word = _day_period(period)
    written = hours = int(hour)
    if afternoon is not None and hours <= 12:
        hours = hours % 12 + 12 * afternoon
    minutes, seconds = int(minute), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return _Clock(hours * 3600 + minutes * 60 + seconds, written, word)


@lru_cache(maxsize=8192)
def _fields(a: str, b: str, c: str) -> tuple[int, int, int]:
    return int(a), int(b), int(c)


class Reading(NamedTuple):
    """How a file's dates are read, and whether its own evidence decided that."""

    order: Order
    certain: bool


def decide_order(dates: Sequence[tuple[int, int, int]], *, year_first: bool = False) -> Reading:
    """The order of day, month and year that fits the whole file.

    `dates` are its headers' fields, in file order. Unless the format puts the year first, this counts under which order
    fewest are no date at all (a first field above 12 is a day, a second above 12 makes the first a month); then under
    which time runs backwards least; else it is day first, uncertain.
    """
    orders: tuple[Order, ...] = ("YMD",) if year_first else ("DMY", "MDY", "YMD")
    scores = {order: _misfit(dates, order) for order in orders}
    best = min(orders, key=scores.__getitem__)
    ties = [order for order in orders if scores[order] == scores[best]]
    # A two-digit year in front is rare: it must win outright, and does not make the usual orders doubtful.
    return Reading(best, len([order for order in ties if order != "YMD"]) < 2)


@lru_cache(maxsize=8192)
def day_of(fields: tuple[int, int, int], order: Order) -> date | None:
    """The date that a header's three fields mean, or None where they mean none. Thai and Persian ones become common."""
    first, second, third = fields
    year, month, day = {"DMY": (third, second, first), "MDY": (third, first, second), "YMD": fields}[order]
    if year < 100:
        year += 2000 if year < 52 else 2500 - BUDDHIST
    elif year > 2400:
        year -= BUDDHIST
    elif year in PERSIAN:
        return _persian(year, month, day)
    if not FIRST_YEAR <= year < LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _persian(year: int, month: int, day: int) -> date | None:
    """A Persian date: six months of 31 days, five of 30, and a last one of 29, or 30 in 8 years of 33."""
    leap = year * 8 + 29
    longest = 31 if month < 7 else 30 if month < 12 or leap % 33 < 8 else 29
    if not (1 <= month <= 12 and 1 <= day <= longest):
        return None
    first = _NEW_YEAR_1387 + timedelta(days=365 * (year - 1387) + (leap - 8) // 33 - (1386 * 8 + 29) // 33)
    return first + timedelta(days=31 * (month - 1) - max(month - 7, 0) + day - 1)


def _misfit(dates: Sequence[tuple[int, int, int]], order: Order) -> tuple[int, int]:
    """How many are no date under an order, and how often time runs backwards."""
    days = [day_of(fields, order) for fields in dates]
    real = [day for day in days if day is not None]
    return len(days) - len(real), sum(later < earlier for earlier, later in pairwise(real))
