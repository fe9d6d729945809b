"""What the words around a phrase do to it: narrow it, join it to the next one, open one of its sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from agent.when.atoms import COUNTS, YEAR, Atom, apart, counted, night_of, week_of, weeks_in
from agent.when.period import Form, Period, Unit, shifted, unit_of

_SAME = re.compile(
    r"\b(?:the\s+)?same\s+(?P<u>day|week|month|quarter|season|period|time|weeks|months|days)\s+"
    r"(?:(?P<last>(?:of\s+)?(?:last|the\s+previous)\s+year)|(?:(?:a|one)\s+year\s+(?:before|earlier|ago))|in\s+"
    rf"{YEAR})(?!\w)|\bthe\s+(?P<before>day|week|month|quarter|year)\s+(?:before|earlier|prior)(?:\s+that)?(?!\s+\w)",
    re.IGNORECASE,
)


def related(text: str, atoms: list[Atom], today: date) -> list[Atom]:
    """Add what is named by its distance from another period: "the same month last year", "the week before"."""
    added: list[Atom] = []
    for match in _SAME.finditer(text):
        earlier = [atom for atom in atoms if atom.at[1] <= match.start()]
        unit = (match["before"] or match["u"]).lower()
        named: Unit = unit if unit in ("week", "month", "quarter", "year") else "day"  # type: ignore[assignment]
        if earlier:
            anchor = earlier[-1]
        elif match["before"]:
            continue
        else:
            start, end = unit_of(today, named)
            anchor = Atom(start=start, end=end, form=named)
        try:
            added.append(replace(_moved_back(anchor, match, named), at=match.span(), since=None, loose=None))
        except (ValueError, OverflowError):
            continue
    if not added:
        return atoms
    taken = [atom.at for atom in added]
    rest = [atom for atom in atoms if all(atom.at[1] <= start or atom.at[0] >= end for start, end in taken)]
    return apart(sorted([*rest, *added], key=lambda atom: atom.at))


def _moved_back(anchor: Atom, match: re.Match[str], named: Unit) -> Atom:
    if match["before"]:
        start = shifted(anchor.start, named, -1)
        return replace(anchor, start=start, end=anchor.start)
    years = anchor.start.year - int(match["y"]) if match["y"] else 1
    if anchor.form == "week":
        calendar = anchor.start.isocalendar()
        week = min(calendar.week, weeks_in(calendar.year - years))
        return week_of(date.fromisocalendar(calendar.year - years, week, 1))
    return replace(anchor, start=shifted(anchor.start, "year", -years), end=shifted(anchor.end, "year", -years))


_PART = re.compile(
    r"\b(?:(?:the\s+)?(?:(?P<half>first|second|last|1st|2nd)\s+half|(?P<week>week)|(?P<weekend>weekend)|(?P<night>night)"
    r"|(?P<edge>first|last)\s+(?:(?P<n>\d{1,3}|[a-z]+)\s+)?(?P<u>day|week|month)s?"
    r"|(?P<third>beginning|start|middle|end))\s+of|(?P<early>early|mid|late))(?:\s+in)?[\s-]+(?:the\s+)?$",
    re.IGNORECASE,
)
_NIGHT_TAIL = re.compile(r"\s+night(?!\w)", re.IGNORECASE)
_THIRDS = {"beginning": 0, "start": 0, "early": 0, "middle": 1, "mid": 1, "end": 2, "late": 2}


def narrowed(text: str, atoms: Sequence[Atom]) -> list[Atom]:
    """Apply what stands directly before a period: "first half of", "the week of", "early", "the night of"."""
    out: list[Atom] = []
    for atom in atoms:
        before = text[out[-1].at[1] if out else 0 : atom.at[0]]
        match = _PART.search(before)
        part = _part_of(atom, match) if match else None
        if match and part:
            out.append(replace(part, at=(atom.at[0] - len(before) + match.start(), atom.at[1]), loose=atom.loose))
        elif atom.form == "day" and (tail := _NIGHT_TAIL.match(text, atom.at[1])):
            out.append(replace(night_of(atom.start), at=(atom.at[0], tail.end()), loose=atom.loose))
        else:
            out.append(atom)
    return out


def _part_of(atom: Atom, match: re.Match[str]) -> Atom | None:
    start, end = atom.start, atom.end
    if match["night"]:
        return night_of(start) if atom.form == "day" else None
    if match["week"]:
        return week_of(start)
    if match["weekend"]:
        saturday = unit_of(start, "week")[0] + timedelta(days=5)
        return Atom(start=saturday, end=saturday + timedelta(days=2), form="range")
    if match["half"]:
        months = (end.year - start.year) * 12 + end.month - start.month
        whole = start.day == end.day == 1 and months % 2 == 0
        middle = shifted(start, "month", months // 2) if whole else start + (end - start) / 2
        first = match["half"].lower() in ("first", "1st")
        return Atom(start=start if first else middle, end=middle if first else end, form="range")
    if match["edge"]:
        word = (match["n"] or "one").lower()
        if not word.isdigit() and word not in COUNTS:
            return None
        unit: Unit = match["u"].lower()  # type: ignore[assignment]  # the pattern allows only units
        if match["edge"].lower() == "first":
            return Atom(start=start, end=min(end, shifted(start, unit, counted(word))), form="range")
        return Atom(start=max(start, shifted(end, unit, -counted(word))), end=end, form="range")
    third = _THIRDS[(match["third"] or match["early"]).lower()]
    if atom.form == "year":
        cuts = [shifted(start, "month", n) for n in (0, 4, 8, 12)]
    elif atom.form == "month":
        cuts = [start, start.replace(day=11), start.replace(day=21), end]
    else:
        cuts = [start, start + (end - start) / 3, end - (end - start) / 3, end]
    return Atom(start=cuts[third], end=cuts[third + 1], form="range") if cuts[third] < cuts[third + 1] else None


_BETWEEN = re.compile(r"\b(?P<opening>between|from)\s+(?:the\s+)?$", re.IGNORECASE)
# As far back as "between the" can start; looking further would cost time on long texts.
_LEAD = 24
_JOINT = re.compile(r"\s*(?:[-–—]|\b(?P<word>and|to|until|till|through|up\s+to))\s*(?:the\s+)?", re.IGNORECASE)


def ranges(text: str, atoms: Sequence[Atom]) -> list[Atom]:
    """Join "between A and B", "from A to B" and "A – B" into one period."""
    out: list[Atom] = []
    for atom in atoms:
        first = out[-1] if out else None
        joint = _JOINT.fullmatch(text, first.at[1], atom.at[0]) if first else None
        lead = max(0, first.at[0] - _LEAD) if first else 0
        opening = _BETWEEN.search(text[lead : first.at[0]]) if first else None
        if not first or not joint or ((joint["word"] or "").lower() == "and" and not _opens(opening, "between")):
            out.append(atom)
            continue
        try:
            start, end = _ordered(first, atom)
        except (ValueError, OverflowError):
            out.append(atom)
            continue
        if start < end:
            at = (lead + opening.start() if opening else first.at[0], atom.at[1])
            out[-1] = Atom(start=start, end=end, form="range", at=at)
        else:
            out.append(atom)
    return out


def _opens(opening: re.Match[str] | None, word: str) -> bool:
    return opening is not None and opening["opening"].lower() == word


def _ordered(first: Atom, last: Atom) -> tuple[date, date]:
    """The days of a range; an end that did not say its year (week) moves to the nearest that fits the other."""
    start, end = first.start, last.end
    if first.loose:
        while shifted(start, first.loose, 1) <= last.start:
            start = shifted(start, first.loose, 1)
        while start > last.start:
            start = shifted(start, first.loose, -1)
    elif last.loose:
        while last.end and end <= start:
            end = shifted(end, last.loose, 1)
        while shifted(end, last.loose, -1) > first.end:
            end = shifted(end, last.loose, -1)
    return start, end


_OPENING = re.compile(
    r"\b(?P<word>(?:ever\s+)?since|starting(?:\s+(?:in|on|from))?|before|prior\s+to|after|until|till|up\s+to)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
_ONWARDS = re.compile(r"\s+(?:onwards?|and\s+later)\b|\s+on\b(?=\s*(?:$|[?.,;!]))", re.IGNORECASE)


def opened(text: str, atoms: Sequence[Atom]) -> Iterator[Period]:
    """Open the side that "since", "before", "after", "until" and "onwards" leave open."""
    floor = 0
    for atom in atoms:
        match = _OPENING.search(text[floor : atom.at[0]])
        onwards = _ONWARDS.match(text, atom.at[1])
        begin = floor + match.start() if match else atom.at[0]
        end = onwards.end() if onwards else atom.at[1]
        word = match["word"].lower().split()[-1] if match else ""
        bounds: tuple[date | None, date | None, Form] = (atom.start, atom.end, atom.form)
        if onwards or word in ("since", "starting", "in", "on", "from"):
            bounds = (atom.since or atom.start, None, "since")
        elif word == "after":
            bounds = (atom.end, None, "after")
        elif word in ("until", "till") or (match and match["word"].lower().startswith("up")):
            bounds = (None, atom.end, "before")
        elif match:
            bounds = (None, atom.start, "before")
        at = (begin, end)
        yield Period(start=bounds[0], end=bounds[1], words=text[at[0] : at[1]], at=at, form=bounds[2])
        floor = end
