"""What a request is to be made of: the work that its words name, or what was said by some people in some time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agent.answer.citations import plain
from agent.answer.tasks.material import Material, Unclear
from agent.answer.tasks.request import Medium, Request
from agent.retrieval import works
from agent.retrieval.retriever import Retriever
from agent.retrieval.works import Wanted, Work
from agent.store.reading.inventory import Inventory
from agent.store.reading.lookup import Lookup
from agent.vocabulary import Passage, Query, Window

RECENT = timedelta(days=14)
"""What "my action items" are looked for in, where the owner names neither a text nor a time."""
_SHOWN = 6
"""Works that are named where several may be meant."""
_BESIDE = timedelta(hours=1)
"""What was said around a message that is about the matter belongs to it."""
_ABOUT = 0.5
"""The support from which on messages are about a matter (see `agent.retrieval.support`)."""
_ANSWERED = 8
"""Messages of a conversation that an answer to it rests on."""


class Materials:
    """Finds and reads what requests are about, in one store."""

    def __init__(
        self, lookup: Lookup, inventory: Inventory, retriever: Callable[[], Retriever], *, zone: ZoneInfo
    ) -> None:  # fmt: skip
        self._lookup = lookup
        self._inventory = inventory
        self._retriever = retriever
        self._zone = zone

    def of(self, asked: Request, query: Query, *, numbers: dict[str, int], now: datetime) -> Material | Unclear | None:
        """What a request is about, in order; several works where it may mean any of them; None where there is none.

        `query` is its subject as a question is read; `numbers` are the sources by name.
        """
        if asked.task == "draft":
            return self._answered(asked, query, numbers, now=now)
        sources = self._sources(asked.media, numbers)
        if asked.task == "actions" and not asked.about:
            start = (now - RECENT).timestamp()
            recent = Window(start=start, end=now.timestamp(), words=f"the last {RECENT.days} days")
            query = replace(query, text="", terms=(), windows=(recent,))
        if not works.subject(query) and (query.people or query.windows) and "document" not in asked.media:
            found = self._said(query, sources, what="mails" if asked.media == ("mail",) else "messages", now=now)
            if found is not None or not query.windows:
                return found
        kinds = tuple("section" if one == "document" else "message" for one in asked.media)
        named = self._works(query, sources, kinds, now=now)
        if len(named) > 1:
            shown = tuple(_named(work, full=True) for work in named[:_SHOWN])
            return Unclear(candidates=shown, more=len(named) - len(shown))
        if named:
            return self._whole(named[0], now=now)
        return self._around(query, sources, now=now) if "document" not in asked.media and query.people else None

    def _answered(self, asked: Request, query: Query, numbers: dict[str, int], *, now: datetime) -> Material | None:
        """What a draft rests on: the last of what the other one wrote about the matter, else a document about it."""
        sources = self._sources(asked.media if asked.reply else (), numbers)
        if query.people and not works.subject(query):
            return self._said(query, sources, what="messages", newest=_ANSWERED, now=now)
        if query.people:
            if named := self._works(query, sources, ("message",), now=now):
                # It is answered where it was written: with as few others as may be, and last.
                work = min(named, key=lambda one: (len(one.people), -(one.last or now).timestamp()))
                return self._whole(work, newest=_ANSWERED, now=now)
            if found := self._around(query, sources, now=now):
                return found
        named = [] if asked.reply else self._works(query, sources, ("section",), now=now)
        return self._whole(named[0], now=now) if named else None

    def _works(self, query: Query, sources: Sequence[int], kinds: tuple[str, ...], *, now: datetime) -> list[Work]:
        wanted = Wanted(query=query, sources=tuple(sources), kinds=kinds)
        return works.works(wanted, self._lookup, self._retriever(), zone=now.tzinfo or self._zone)

    def _whole(self, work: Work, *, newest: int = 0, now: datetime) -> Material:
        """A work in order, or the newest messages of it."""
        said = work.kind == "message"
        passages, total = works.read(work.thread, self._lookup, zone=now.tzinfo or self._zone, newest=said)
        kept = passages[-newest:]
        return Material(name=_named(work), passages=tuple(kept), total=len(kept) if newest else total)

    def _sources(self, media: Sequence[Medium], numbers: dict[str, int]) -> list[int]:
        """The sources that the named kinds of thing lie in: mail is not chat, though both are messages."""
        if not media or "document" in media:
            return list(numbers.values())
        mail = {state.name for state in self._inventory.states() if state.kind == "mail"}
        return [
            number for name, number in numbers.items()
            if ("mail" in media and name in mail) or ("chat" in media and name not in mail)
        ]  # fmt: skip

    def _said(
        self, query: Query, sources: Sequence[int], *, what: str, newest: int = 0, now: datetime
    ) -> Material | None:  # fmt: skip
        """What people wrote in some time, or only the newest of it."""
        zone = now.tzinfo or self._zone
        passages, whole = works.stretch(query, self._lookup, zone=zone, sources=sources)
        if not passages:
            return None
        kept = passages[-newest:]
        people = _others(query)
        times = ", ".join(window.words for window in query.windows)
        name = plain(f"the {what}{people and f' with {people}'}{times and f' of {times}'}")
        return Material(name=name, passages=tuple(kept), total=len(kept) + (not whole and not newest))

    def _around(self, query: Query, sources: Sequence[int], *, now: datetime) -> Material | None:
        """What people wrote about a matter: the messages that are about it, with those around them."""
        zone = now.tzinfo or self._zone
        if not (about := works.subject(query)):
            return None
        found = self._retriever().find(replace(query, kinds=("message",)), limit=_ANSWERED, zone=zone, sources=sources)
        best = [one for one in found.telling if one.when is not None and _speaks_of(about, one)] or found.telling[:1]
        if found.support < _ABOUT or not best:
            return None
        windows = [
            Window(start=(when - _BESIDE).timestamp(), end=(when + _BESIDE).timestamp(), words="")
            for when in sorted(one.when for one in best if one.when is not None)
        ]
        passages: dict[str, Passage] = {}
        for window in windows:
            near, _ = works.stretch(replace(query, windows=(window,)), self._lookup, zone=zone, sources=sources)
            passages.update((one.id, one) for one in near)
        return Material(
            name=plain(f"the messages with {_others(query)} about “{' '.join(about)}”"),
            passages=tuple(passages.values()),
            total=len(passages),
        )


def _others(query: Query) -> str:
    """The people of a question, its owner left out."""
    return " and ".join(person.name for person in query.people if not person.me)


def _speaks_of(about: Sequence[str], passage: Passage) -> bool:
    said = passage.text.casefold()
    return any(word[:5] in said for word in about)


def _named(work: Work, *, full: bool = False) -> str:
    """A work in words: its title and file, or its people; its day where it has one."""
    title = f"“{work.title}”" if work.title else "a conversation"
    named = f"{title} ({work.name})" if work.name and work.name != work.title else title
    return plain(", ".join([named, *_more(work, full=full)]))


def _more(work: Work, *, full: bool) -> Iterator[str]:
    if work.kind == "message":
        if people := [person for person in work.people if person not in (work.title, "me")][:4]:
            yield f"with {' and '.join(people)}" if len(people) < 3 else f"with {', '.join(people)}"
        if work.first is not None and work.last is not None:
            yield _span(work.first, work.last)
    elif work.last is not None:
        yield f"last changed on {_day(work.last)}"
    if full:
        yield f"in {work.path.rpartition('/')[0] or work.source}"


def _span(first: datetime, last: datetime) -> str:
    return _day(last) if first.date() == last.date() else f"{_day(first)} to {_day(last)}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
