"""The source of Apple Messages: scans conversation-days, reads those that changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from indexers.messages.apple.conversations import load
from indexers.messages.apple.database import MessagesDatabase, locate
from indexers.messages.apple.index import Index, build
from indexers.messages.apple.pages import Pages
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
        self._found: tuple[MessagesDatabase, Index, Pages] | None = None
        self._before: tuple[object, ...] = ()
        self._items: tuple[Item, ...] = ()
        self._next = 0

    def roots(self) -> Sequence[Path]:
        """The folder: a watch on the files themselves would not survive their replacement when Messages restarts."""
        return (locate(self._path).absolute().parent,)

    def live(self) -> Sequence[Path]:
        """The database, which Messages writes at any time."""
        return (locate(self._path).absolute(),)

    def scan(self) -> Iterator[Item | Skipped]:
        """One pass over the state of all messages, in pages; none when nobody has written since the last.

        Raises SourceUnavailable.
        """
        if not (self._found and self._found[0].version() == self._before):
            self._look()
            self._items = ()
        assert self._found
        index = self._found[1]
        if not self._items and len(index.days.rows) <= MOST_KEPT:
            self._items = tuple(index.items())
        yield from self._items or index.items()

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The messages of one conversation-day, in order of time. Raises SourceUnavailable."""
        _, index, pages = self._found or self._look()
        items, place = self._items, self._next
        if not (place < len(items) and items[place].id == item.id):  # not read in the order of the scan
            found = index.find(item.id)
            if found is None:
                return iter(())
            place = found
        self._next = place + 1
        return pages.messages(place)

    def _look(self) -> tuple[MessagesDatabase, Index, Pages]:
        if self._found:
            self._found[0].close()
            self._found = None
        database = MessagesDatabase(locate(self._path).absolute())
        self._before = database.version()  # what is written during the look differs from it
        index = build(database, load(database, spam=self._spam))
        self._found = (database, index, Pages(database, index))
        return self._found
