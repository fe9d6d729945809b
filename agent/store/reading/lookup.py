"""Reading the store: the order of all chunks, full-text hits, people behind handles, and what a hit says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from agent.store.database import Row
from agent.store.reading.people import People
from agent.store.store import Store, person_token
from agent.vocabulary import Passage, Person

_MATCHES = 2000
"""Full-text hits that are scored; smoothing over more changed nothing that could be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All visible chunks in (thread, time) order, by column; shapes (n,).

    `chunk`, `thread`, `block`, `source` and `sender` are row numbers (0: none); `moment` Unix seconds (NaN: unknown);
    `kind` indexes into `kinds`. `lent` names, by source, the chunks of documents that lie in that source too but are
    held by another.
    """

    chunk: NDArray[np.int64]
    thread: NDArray[np.int64]
    moment: NDArray[np.float64]
    block: NDArray[np.int64]
    source: NDArray[np.int64]
    sender: NDArray[np.int64]
    kind: NDArray[np.int64]
    kinds: tuple[str, ...]
    lent: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)
    _ranked: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ranked", np.argsort(self.chunk))  # once, for every question asks `places` thrice

    def within(self, sources: Sequence[int]) -> NDArray[np.bool_]:
        """Which chunks are in some of the sources, held there or by another for them; shape (n,)."""
        found: NDArray[np.bool_] = np.isin(self.source, np.array(sources, np.int64))
        for source in sources:
            if source in self.lent:
                found |= np.isin(self.chunk, self.lent[source])
        return found

    def holders(self, sources: Sequence[int]) -> list[int]:
        """The sources that hold all that is in some sources: those, and the ones that hold copies for them."""
        return sorted({*sources, *map(int, np.unique(self.source[self.within(sources)]))})

    def places(self, chunks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the order the given chunks stand; -1 for those that are not there (any more)."""
        if not len(self.chunk):
            return np.full(len(chunks), -1, np.int64)
        at = np.searchsorted(self.chunk, chunks, sorter=self._ranked)
        at = self._ranked[np.minimum(at, len(self._ranked) - 1)]
        return np.where(self.chunk[at] == chunks, at, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Chunks that full text found, with -bm25 (greater is better)."""

    chunk: NDArray[np.int64]
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A chunk in time: it began `at` and lasted `until` (Unix seconds; None where it takes no time)."""

    chunk: int
    at: float
    until: float | None


class Lookup:
    """What retrieval asks the store. Keeps the order and the people until the next commit.

    `region` (ISO 3166) is where phone numbers without a country code are dialled.
    """

    def __init__(self, store: Store, *, region: str = "") -> None:
        self._store = store
        self._order: tuple[tuple[int, ...], Order] | None = None
        self._people = People(store, region=region)
        self._grouped: tuple[int, ...] | None = None

    def _version(self) -> tuple[int, ...]:
        """Differs after every commit of this process, the one owner of the store, and after what another one adds."""
        rows = self._store.database.rows(
            "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'chunk'),"
            " (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'item')"
        )
        return (*map(int, rows[0]), self._store.changes)

    def order(self) -> Order:
        version = self._version()
        if self._order is None or self._order[0] != version:
            self._order = version, self._load_order()
        return self._order[1]

    def people(self) -> tuple[Person, ...]:
        """Everybody known, one person over all their handles."""
        return tuple(one.person for one in self.who().known)

    def who(self) -> People:
        """Who is who now, and why; also where the owner merges and splits."""
        version = self._version()
        if self._grouped != version:
            self._people.load()
            self._grouped = version
        return self._people

    def _load_order(self) -> Order:
        rows = self._store.database.rows(
            "SELECT chunk.id, thread, at, coalesce(block, 0), item.source, coalesce(sender, 0), kind"
            " FROM chunk JOIN item ON item.id = chunk.item WHERE live = 1 ORDER BY thread, at, seq, chunk.id"
        )
        columns = list(zip(*rows, strict=True)) if rows else [()] * 7
        kinds = tuple(sorted(set(columns[6])))
        lent: dict[int, list[int]] = defaultdict(list)
        for source, chunk in self._store.database.rows(
            "SELECT DISTINCT place.source, chunk.id FROM item AS place JOIN item ON item.id = place.holder"
            " JOIN chunk ON chunk.item = item.id WHERE place.live = 1 AND place.source != item.source"
        ):
            lent[source].append(chunk)
        code = {kind: number for number, kind in enumerate(kinds)}
        return Order(
            chunk=np.array(columns[0], np.int64),
            thread=np.array(columns[1], np.int64),
            moment=np.array([np.nan if at is None else at for at in columns[2]], np.float64),
            block=np.array(columns[3], np.int64),
            source=np.array(columns[4], np.int64),
            sender=np.array(columns[5], np.int64),
            kind=np.array([code[kind] for kind in columns[6]], np.int64),
            kinds=kinds,
            lent={source: np.array(chunks, np.int64) for source, chunks in lent.items()},
        )

    def handles_of(self, people: Iterable[Person]) -> dict[int, list[int]]:
        """Person id -> the numbers of their handles."""
        who = self.who()
        wanted = {person.id for person in people}
        found: dict[int, list[int]] = defaultdict(list)
        for number, person in who.person_of.items():
            if person.id in wanted:
                found[person.id].append(number)
        return dict(found)

    def tokens_of(self, people: Iterable[Person]) -> dict[int, tuple[str, ...]]:
        """Person id -> the words that stand for them in the full-text index."""
        return {
            person: tuple(person_token(number) for number in numbers)
            for person, numbers in self.handles_of(people).items()
        }

    def matches(self, expression: str, *, index: str = "words") -> Hits:
        """Full-text hits of an FTS5 expression, best first; none for an empty one."""
        if not expression:
            return Hits(chunk=np.empty(0, np.int64), score=np.empty(0))
        assert index in ("words", "grams")
        rows = self._store.database.rows(
            f"SELECT rowid, -rank FROM {index} WHERE {index} MATCH ? ORDER BY rank LIMIT ?",  # noqa: S608 - checked above
            (expression, _MATCHES),
        )
        return Hits(
            chunk=np.array([row for row, _ in rows], np.int64), score=np.array([score for _, score in rows], np.float64)
        )

    def frequencies(self, terms: Sequence[str]) -> tuple[dict[str, int], int]:
        """In how many chunks each term occurs (by its stem), and how many chunks there are."""
        return (
            {
                term: int(
                    self._store.database.value(
                        "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT 5000)",
                        ('"' + term.replace('"', '""') + '"',),
                    )
                )
                for term in terms
            },
            len(self.order().chunk),
        )

    def blocks(self, uids: Sequence[bytes]) -> dict[bytes, int]:
        """Uid -> live block, for those that still exist."""
        found: dict[bytes, int] = {}
        for start in range(0, len(uids), 500):
            part = uids[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._store.database.rows(
                f"SELECT uid, block.id FROM block JOIN item ON item.id = block.item WHERE live = 1 AND uid IN ({marks})",  # noqa: S608 - marks only
                part,
            )
            found.update((bytes(uid), int(number)) for uid, number in rows)
        return found

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read inside belongs to one commit."""
        return self._store.database.reading()

    def moments(
        self, *, start: float, end: float, people: Sequence[Person], before: tuple[float, int] | None, limit: int
    ) -> list[Moment]:
        """The newest `limit` things that began in [start, end) (Unix seconds), newest first, then what reaches into it.

        One for each message, event and dated document; weeks in sentences are none. With `people`: what they said,
        what the owner said to them or where they were, and events with them. `before` continues below a moment (its
        `at` and `chunk`).
        """
        own, with_them, me = self._circle(people)
        found: list[Moment] = []
        below = before or (end, 0)
        while len(found) < limit:
            ranges = [
                self._store.database.rows(
                    f"SELECT at, id FROM chunk WHERE {whose} kind != 'narrative' AND at >= ?1 AND (at, id) < (?2, ?3)"  # noqa: S608 - ours
                    " ORDER BY at DESC, id DESC LIMIT ?4",
                    (start, *below, 4 * limit, *more),
                )
                for whose, more in (
                    (
                        ("sender IN (SELECT value FROM json_each(?5)) AND", (own,)),
                        (
                            "company IN (SELECT value FROM json_each(?5)) AND (sender IS NULL OR sender IN"
                            " (SELECT value FROM json_each(?6))) AND",
                            (with_them, me),
                        ),
                    )
                    if people
                    else (("", ()),)
                )
            ]
            full = [rows[-1] for rows in ranges if len(rows) == 4 * limit]
            rows = sorted({row for rows in ranges for row in rows}, reverse=True)
            if full:  # below the least complete range something may be missing
                rows = [row for row in rows if row >= max(full)]
            found += self._heads(number for _, number in rows)
            if not full:
                break
            below = rows[-1]
        if len(found) < limit and before is None:
            found += self._reaching(start, with_them if people else None)
        return found[:limit]

    def _circle(self, people: Sequence[Person]) -> tuple[str, str, str]:
        """As JSON: the numbers of people's handles, of the companies that they are in, and of the owner's handles."""
        person_of = self.who().person_of
        wanted = {person.id for person in people}
        own = {number for number, person in person_of.items() if person.id in wanted}
        companies = [
            number
            for number, handles in (self._store.database.rows("SELECT id, handles FROM company") if own else ())
            if not own.isdisjoint(map(int, handles.split()))
        ]
        me = [number for number, person in person_of.items() if person.me]
        return json.dumps(sorted(own)), json.dumps(companies), json.dumps(me)

    def _heads(self, chunks: Iterable[int]) -> list[Moment]:
        """Those that are visible and the first passage of their message or document, newest first."""
        return [
            Moment(chunk=chunk, at=at, until=until)
            for chunk, at, until in self._store.database.rows(
                "SELECT chunk.id, at, until FROM chunk JOIN item ON item.id = chunk.item"
                " WHERE chunk.id IN (SELECT value FROM json_each(?)) AND live = 1 AND NOT EXISTS("
                " SELECT 1 FROM chunk AS other WHERE other.thread = chunk.thread AND other.at = chunk.at"
                " AND other.item = chunk.item AND other.seq < chunk.seq AND (chunk.kind = 'section' OR"
                " (chunk.kind = 'message' AND other.seq = chunk.seq - 1 AND other.locator = chunk.locator"
                " AND chunk.locator != '' AND other.sender IS chunk.sender))) ORDER BY at DESC, chunk.id DESC",
                (json.dumps(list(chunks)),),
            )
        ]

    def _reaching(self, start: float, companies: str | None) -> list[Moment]:
        """Events that began before `start` and had not ended by then."""
        if start == float("-inf"):
            return []
        if companies is not None:
            rows = self._store.database.rows(
                "SELECT id FROM chunk WHERE company IN (SELECT value FROM json_each(?)) AND sender IS NULL AND at < ?"
                " AND until > ?",
                (companies, start, start),
            )
        else:
            rows = [
                row
                for statement in (  # apart: joined by UNION the first would scan all chunks
                    "SELECT id FROM chunk WHERE kind = 'event' AND until - at > 86400.0 AND until > ?1 AND at < ?1",
                    "SELECT id FROM chunk WHERE kind = 'event' AND until - at <= 86400.0 AND at >= ?1 - 86400.0"
                    " AND at < ?1 AND until > ?1",
                )
                for row in self._store.database.rows(statement, (start,))
            ]
        return self._heads(number for (number,) in rows)

    def passages(self, chunks: Sequence[int], scores: Mapping[int, float], *, zone: tzinfo) -> list[Passage]:
        """What the given chunks say, in the given order; times are in `zone`, handles are names."""
        self.who()
        marks = ",".join("?" * len(chunks))
        rows = {
            row[0]: row
            for row in self._store.database.rows(
                "SELECT chunk.id, uid, source.name, chunk.kind, title, text, sender, handles, at, locator, context, spans,"  # noqa: S608 - marks only
                " item.key, about, item.id, read_by FROM chunk JOIN item ON item.id = chunk.item JOIN source ON source.id = item.source"
                f" LEFT JOIN company ON company.id = chunk.company WHERE chunk.id IN ({marks})",
                chunks,
            )
        }
        return [self._passage(rows[chunk], scores.get(chunk, 0.0), zone) for chunk in chunks if chunk in rows]

    def _passage(self, row: Row, score: float, zone: tzinfo) -> Passage:
        _, uid, source, kind, title, text, sender, handles, at, locator, context, spans, key, about, item, read_by = row
        numbers = [int(number) for number in str(handles or "").split()]
        people = dict.fromkeys(self._people.names.get(number, "?") for number in numbers)
        others = [
            self._people.names[n] for n in numbers if n in self._people.names and not self._people.person_of[n].me
        ]
        return Passage(
            id=bytes(uid).hex(),
            score=round(score, 6),
            source=str(source),
            kind=kind,
            title=str(title) or ", ".join(dict.fromkeys(others)),
            text=str(text),
            people=tuple(people),
            sender=self._people.names.get(int(sender), "") if isinstance(sender, int) else "",
            when=datetime.fromtimestamp(at, UTC).astimezone(zone) if isinstance(at, float) else None,
            locator=place(str(key), str(locator)),
            context=str(context),
            spans=tuple((str(k), str(label), int(a), int(b)) for k, label, a, b in json.loads(str(spans) or "[]")),
            about=str(about),
            read_by=read_by,
            also=tuple(
                place(str(further), str(locator))
                for (further,) in self._store.database.rows(
                    "SELECT key FROM item WHERE holder = ? AND live = 1 ORDER BY key", (item,)
                )
            ),
        )


def place(key: str, locator: str) -> str:
    """A link that opens the place: a fragment belongs to the file that the item is."""
    if locator and not locator.startswith("#"):
        return locator
    if key.startswith("/"):
        return PurePosixPath(key).as_uri() + locator
    return key + locator
