"""The source of Apple Messages: scans conversation-days, reads those that changed."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexers.messages.apple.conversations import load
from indexers.messages.apple.database import MessagesDatabase, locate
from indexers.messages.apple.reading.bodies import Bodies
from indexers.messages.apple.reading.pages import Pages
from indexers.messages.apple.scan.index import Index
from indexers.messages.apple.scan.look import Look
from indexers.record import Record, Skipped
from indexers.source import Item, Options

MOST_KEPT = 100_000
"""Items that are kept from one scan for the next (30 MB); those of a larger database are made anew from its index."""


class AppleMessages:
    """The conversations of `chat.db`, in place and read-only, while Messages writes it.

    An item is one conversation (over SMS, iMessage and RCS) on one UTC day, "<conversation>/<YYYY-MM-DD>"; messages
    without a date are in "<conversation>/undated". Its fingerprint changes with every message, edit, unsend, tapback,
    transcript, preview, attachment, deletion and quoted original of that day, and with the conversation's title and
    people. Options: `spam` (false) also reads the chats that Messages files as spam, in a category of SMS filters, or
    blocked.
    """

    default_path = "~/Library/Messages/chat.db"

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"spam"})
        if unknown:
            raise ValueError(f"apple-messages has no option {unknown[0]!r}; it has: spam = true | false.")
        spam = options.get("spam", False)
        if not isinstance(spam, bool):
            raise ValueError("The option spam of apple-messages is true or false.")
        self.name = name
        self.mirror = True
        self._path = path
        self._spam = spam
        self._bodies = Bodies()
        self._found: tuple[MessagesDatabase, Look, Pages] | None = None
        self._before: tuple[object, ...] = ()
        self._items: dict[int, Item] = {}
        self._order = array("i")
        self._turn = 0

    def roots(self) -> Sequence[Path]:
        """The folder: a watch on the files themselves would not survive their replacement when Messages restarts."""
        return (locate(self._path).absolute().parent,)

    def live(self) -> Sequence[Path]:
        """The database, which Messages writes at any time."""
        return (locate(self._path).absolute(),)

    def scan(self) -> Iterator[Item | Skipped]:
        """One pass over the state of all messages, or over what differs from the last; none when nobody has written.

        Raises SourceUnavailable.
        """
        if not (self._found and self._found[0].version() == self._before):
            self._look()
        assert self._found
        index = self._found[1].index
        self._turn = 0
        if len(index.days.place) > MOST_KEPT:
            yield from index.items(index.days.place.values())
            return
        if not self._items:
            places = tuple(index.days.place.values())
            self._items = dict(zip(places, index.items(places), strict=True))
        self._order = array("i", self._items)
        yield from self._items.values()

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The messages of one conversation-day, in order of time. Raises SourceUnavailable."""
        _, look, pages = self._found or self._look()
        order, turn = self._order, self._turn
        if turn < len(order) and self._items[order[turn]].id == item.id:
            self._turn = turn + 1  # in the order of the scan no id need be taken apart
            return pages.messages(order[turn])
        place = look.index.find(item.id)
        if place is None:
            return iter(())
        if place < len(order) and order[place] == place:
            self._turn = place + 1
        return pages.messages(place)

    def _look(self) -> tuple[MessagesDatabase, Look, Pages]:
        kept, self._found = self._found, None  # should this fail, the next look is one at everything
        items, self._items, self._order = self._items, {}, array("i")
        if kept:
            kept[0].close()
        database = MessagesDatabase(locate(self._path).absolute())
        self._before = database.version()  # what is written during the look differs from it
        conversations = load(database, spam=self._spam)
        changed = kept[1].refresh(database, conversations) if kept else None
        if kept and changed is not None:
            look = kept[1]
            self._items = _updated(items, look.index, changed) if items else items
        else:
            del kept, items  # no two at once
            look = Look(database, conversations)
        self._found = (database, look, Pages(database, look.index, self._bodies))
        return self._found


def _updated(items: dict[int, Item], index: Index, places: Iterable[int]) -> dict[int, Item]:
    there = [place for place in places if index.days.rows[place]]
    for place in places:
        items.pop(place, None)
    items.update(zip(there, index.items(there), strict=True))
    return items
