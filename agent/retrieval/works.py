"""Which whole thing an owner's words name: a document, a thread of mail, a conversation."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from urllib.parse import unquote, urlsplit

import numpy as np

from agent import when
from agent.retrieval.fusion import BoolArray
from agent.retrieval.query import STOP_WORDS, WORD, any_of, fold, name_words
from agent.retrieval.retriever import Retriever
from agent.store.reading.lookup import Lookup, Order
from agent.vocabulary import Passage, Query, Window

MOST = 400
"""Passages of one work that are read at most: some two hundred pages, or half a year of a busy conversation."""
_HEAD = 300
"""Letters of a work's first passage in which its name may stand: plain text has no other title."""
_NAMED = 0.5
"""The share of a request's words, each as it is rare, that a work must hold to be the one that is meant."""
_ALIKE = 0.6
"""What a word counts that a name holds by another word for the same kind of paper."""
_HELD = 0.4
"""The share of a request's words that the whole text of a document must hold where its name holds too few."""
_MARGIN = 0.15
"""A work that is named as well as the best but for this is another that may be meant."""
_NEAR = 0.45
"""From which cosine on a work is about what was said, whatever its words."""
_BESIDE = 0.25
"""The cosine that a work needs besides, where only its text holds the words."""
_THREAD = 60
"""Messages that a thread about one matter has at most: of a longer conversation one near message tells nothing."""
_LIKELY = 60
"""Threads whose head is read: a common word stands in thousands."""
_NEAREST = 40
"""Passages that are looked at for their nearness."""
_DAYS = 7
"""A time of at most so many days is looked for as a date in names and heads of documents."""
_GENRES = tuple(
    frozenset(words.split())
    for words in (
        "meeting minutes standup transcript call retro notes agenda protocol protokoll sitzung besprechung",
        "contract agreement vertrag",
        "invoice bill rechnung",
        "report review bericht",
    )
)
"""Words for one kind of paper: minutes are asked for as "the meeting" as often as not."""
_CONTAINERS = frozenset(
    "document documents file files pdf pdfs doc docs paper papers dokument mail mails email emails e thread threads chat chats "
    "conversation conversations message messages text texts inbox last latest newest recent history all whole entire "
    "about regarding concerning said say says wrote written write told sent den dem das die der des von vom und".split()
)
"""Words that say where something is, and not which it is."""
_GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
_APART = re.compile(r"(?<=[^\W\d])[-_](?=\d)|_")
"""Where a date begins in the name of a file: minutes-2026-06-22."""
_ANSWERS = re.compile(r"^(?:(?:re|aw|fwd?|wg)\s*:\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thread of the store as its owner knows it. `path` is a file's, "" else; `points` say how well a request names it."""

    thread: int
    kind: str
    source: str
    title: str
    path: str
    people: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    passages: int
    points: float = 0.0

    @property
    def name(self) -> str:
        """The name of its file; "" where it is none."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for: the request as a query, the sources that it may lie in, the kinds of passage ((): any)."""

    query: Query
    sources: tuple[int, ...]
    kinds: tuple[str, ...] = ()


@dataclass(slots=True)
class _Signs:
    """What speaks for one thread: words of the request in its names and in its text, its nearest passage, its days."""

    named: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    cosine: float = 0.0
    dated: bool = False

    def promise(self, rarity: Mapping[str, float]) -> float:
        """How likely the thread is meant, before its own head was read."""
        whole = sum(rarity.values()) or 1.0
        by_name, by_text = (sum(rarity[word] for word in words) / whole for words in (self.named, self.held))
        return by_name + 0.25 * by_text + 0.5 * self.cosine + 0.5 * self.dated


def works(wanted: Wanted, lookup: Lookup, retriever: Retriever, *, zone: tzinfo) -> list[Work]:
    """The works that may be meant, best first: those that are named about as well as the best one."""
    order = lookup.order()
    asked = subject(wanted.query)
    if not len(order.chunk) or not (asked or wanted.query.windows):
        return []
    signs = _signs(wanted, asked, lookup, order, retriever)
    rarity = _rarity(asked, signs.values(), total=len(np.unique(order.thread)))
    likely = heapq.nlargest(_LIKELY, signs, key=lambda thread: signs[thread].promise(rarity))
    found = []
    for thread in likely:
        work, head = _work(thread, lookup, order, zone)
        points = _points(signs[thread], work, head, rarity, wanted.query)
        if points > 0.0:
            found.append(replace(work, points=points))
    best = max((work.points for work in found), default=0.0)
    return sorted((work for work in found if work.points >= best - _MARGIN), key=lambda work: -work.points)


def subject(query: Query) -> tuple[str, ...]:
    """The words of a request that tell which thing is meant: no names of people, no times, no words for places."""
    text = query.text
    for window in query.windows:
        text = text.replace(window.words, " ")
    names = {fold(word) for word in name_words(query, query.people)}
    words = dict.fromkeys(fold(word) for word in WORD.findall(text) if len(word) > 1)
    return tuple(word for word in words if not (word in STOP_WORDS or word in _CONTAINERS or word in names))


def read(thread: int, lookup: Lookup, *, zone: tzinfo, newest: bool = False) -> tuple[list[Passage], int]:
    """The passages of a thread in order, at most MOST, and how many there are; `newest`: the last rather than the first."""
    order = lookup.order()
    chunks = order.chunk[order.thread == thread]
    kept = chunks[-MOST:] if newest else chunks[:MOST]
    return lookup.passages(kept.tolist(), {}, zone=zone), len(chunks)


def stretch(
    query: Query, lookup: Lookup, *, zone: tzinfo, sources: Sequence[int]
) -> tuple[list[Passage], bool]:  # fmt: skip
    """What was said by, to or with the people and in the times of a query, in order: the newest MOST; whether that is all."""
    order = lookup.order()
    allowed = order.within(sources) & _of_kinds(order, ("message",))
    start = min((window.start for window in query.windows), default=float("-inf"))
    end = max((window.end for window in query.windows), default=float("inf"))
    people = [person for person in query.people if not person.me] or query.people
    with lookup.snapshot():
        moments = lookup.moments(start=start, end=end, people=people, before=None, limit=4 * MOST)
        places = order.places(np.array([moment.chunk for moment in reversed(moments)], np.int64))
        heads = [place for place in places.tolist() if place >= 0 and allowed[place]]
        kept = list(dict.fromkeys(part for place in heads for part in _parts(place, order)))
        passages = lookup.passages(order.chunk[kept[-MOST:]].tolist(), {}, zone=zone)
    return passages, len(kept) <= MOST and len(moments) < 4 * MOST


def _parts(head: int, order: Order) -> Iterator[int]:
    """The places of a message and of what it goes on in: a long one is several chunks of one moment."""
    yield head
    said = (order.thread[head], order.moment[head], order.sender[head])
    for place in range(head + 1, len(order.chunk)):
        if (order.thread[place], order.moment[place], order.sender[place]) != said:
            return
        yield place


def _of_kinds(order: Order, kinds: Sequence[str]) -> BoolArray:
    of_kind: BoolArray = np.isin(order.kind, [number for number, kind in enumerate(order.kinds) if kind in kinds])
    return of_kind


def _signs(
    wanted: Wanted, asked: Sequence[str], lookup: Lookup, order: Order, retriever: Retriever
) -> dict[int, _Signs]:
    allowed = order.within(wanted.sources) & _of_kinds(order, wanted.kinds or ("section", "message"))
    found: dict[int, _Signs] = defaultdict(_Signs)

    def threads(expression: str) -> list[int]:
        places = order.places(lookup.matches(expression).chunk)
        places = places[places >= 0]
        return [int(thread) for thread in np.unique(order.thread[places[allowed[places]]])]

    for word in asked:
        either = any_of(sorted(_alike(word)))
        for thread in threads(f"{{about path}} : ({either})"):
            found[thread].named.add(word)
        for thread in threads(either):
            found[thread].held.add(word)
    for window in wanted.query.windows:
        within = allowed & (order.moment >= window.start) & (order.moment < window.end)
        said = set(np.unique(order.thread[within & _of_kinds(order, ("message",))]).tolist())
        for thread in said & found.keys() if asked else said:
            found[thread].dated = True
        for thread in threads(any_of([*_dates(window), window.words])):
            found[thread].dated = True
    if asked:
        cosines = np.where(allowed, np.nan_to_num(retriever.cosines(order, wanted.query, wanted.sources)), 0.0)
        for place in [at for at in np.argsort(-cosines)[:_NEAREST].tolist() if cosines[at] > 0.0]:
            signs = found[int(order.thread[place])]
            signs.cosine = max(signs.cosine, float(cosines[place]))
    return dict(found)


def _alike(word: str) -> frozenset[str]:
    return next((genre for genre in _GENRES if word in genre), frozenset([word]))


def _dates(window: Window) -> list[str]:
    """The days of a short window as people and programs write them."""
    return [form for day in _days_of(window) for form in _written(day)]


def _days_of(window: Window) -> list[datetime]:
    """The days of a short window, none of a long one."""
    if not window.end - window.start <= _DAYS * 86_400.0 + 3_600.0:
        return []
    # At noon UTC it is the same day in nearly all zones; the window's own ends are midnights of the owner's.
    return [
        datetime.fromtimestamp(window.start + 43_200.0 + n * 86_400.0, UTC)
        for n in range(round((window.end - window.start) / 86_400.0))
    ]


def _written(day: datetime) -> tuple[str, ...]:
    return (f"{day.day} {day:%B}", f"{day:%B} {day.day}", f"{day:%Y %m %d}", f"{day.day} {_GERMAN[day.month - 1]}")


def _rarity(asked: Sequence[str], signs: Iterable[_Signs], *, total: int) -> dict[str, float]:
    counts = Counter(word for of_it in signs for word in of_it.held)
    return {word: math.log1p((total + 0.5) / (counts[word] + 0.5)) for word in asked}


def _points(signs: _Signs, work: Work, head: str, rarity: Mapping[str, float], query: Query) -> float:
    """How well a request names a work; 0 where it does not. Words in its name count most, the rest of its text little."""
    present = {fold(word) for word in WORD.findall(head)}
    named = signs.named | {word for word in rarity if not _alike(word).isdisjoint(present)}
    whole = sum(rarity.values()) or 1.0
    by_name = sum(rarity[word] * (1.0 if word in present else _ALIKE) for word in named) / whole
    by_text = sum(rarity[word] for word in signs.held | named) / whole
    dated = signs.dated and (work.kind == "message" or _dates_in(head, work, query.windows))
    others = [person for person in query.people if not person.me]
    theirs = all(any(fold(part) in present for part in WORD.findall(person.name)) for person in others)
    if query.windows and not dated and (work.kind == "message" or any(len(_alike(word)) > 1 for word in rarity)):
        return 0.0  # another day's minutes are not these
    if others and not theirs and work.kind == "message":
        return 0.0
    by_text = by_text if work.kind == "section" else 0.0  # some message of a long conversation holds any word
    cosine = signs.cosine if work.kind == "section" or work.passages <= _THREAD else 0.0
    near = cosine >= _NEAR or (by_text >= _HELD and cosine >= _BESIDE)
    if by_name >= _NAMED or near or (dated and (named or not rarity)):
        exact = bool(work.name) and bool(
            re.search(rf"(?<![\w-]){re.escape(work.name)}(?!\w)", query.text, re.IGNORECASE)
        )
        return exact + by_name + 0.25 * by_text + 0.5 * cosine + 0.5 * dated + 0.5 * (theirs and bool(others))
    return 0.0


def _dates_in(head: str, work: Work, windows: Sequence[Window]) -> bool:
    """Whether the name or the first lines of a document hold a day of some windows, or it was last changed on one."""
    if not windows or work.last is None:
        return False
    plain = " ".join(WORD.findall(_APART.sub(" ", head.casefold())))
    for window in windows:
        if window.words.casefold() in head.casefold():
            return True
        for day in _days_of(window):
            if any(re.search(rf"\b{form.lower()}\b(?! (?!{day.year})\d{{4}}\b)", plain) for form in _written(day)):
                return True
    zone = work.last.tzinfo or UTC
    days = [period.window(zone) for period in when.find(_APART.sub(" ", head), today=work.last.date())]
    days = [(start, end) for start, end in days if end - start <= _DAYS * 86_400.0] or [
        (work.last.timestamp(), work.last.timestamp() + 1.0)
    ]
    return any(start < window.end and window.start < end for start, end in days for window in windows)


def _work(thread: int, lookup: Lookup, order: Order, zone: tzinfo) -> tuple[Work, str]:
    """A thread as its owner knows it, and the words in which its name may stand."""
    chunks = order.chunk[order.thread == thread].tolist()
    opening = lookup.passages(chunks[:8] + chunks[8:][-2:], {}, zone=zone)
    first, last = opening[0], opening[-1]
    title = _ANSWERS.sub("", first.title)
    place = urlsplit(first.locator)
    path = unquote(place.path) if place.scheme == "file" and first.kind == "section" else ""
    people = tuple(dict.fromkeys(person for passage in opening for person in passage.people))
    work = Work(
        thread=thread, kind=first.kind, source=first.source, title=title, path=path, people=people,
        first=first.when, last=last.when, passages=len(chunks),
    )  # fmt: skip
    return work, " ".join(
        (title, work.name, first.about, *people, first.text[:_HEAD] if first.kind == "section" else "")
    )
