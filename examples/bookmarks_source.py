"""A third-party source in one file: bookmarks that a browser exported as JSON lines become searchable.

Put it into a package of yours with this entry point, install that package beside homebody, and turn it on:

    [project.entry-points."homebody.sources"]
    bookmarks = "bookmarks_source:Bookmarks"

    $ homebody add bookmarks ~/bookmarks.jsonl
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from indexers.record import Record, Section, Skipped
from indexers.source import Item, Options, SourceUnavailable


class Bookmarks:
    """One bookmark a line: `{"url": …, "title": …, "note": …, "saved": ISO 8601}`. An item is one bookmark."""

    mirror = True
    default_path = "~/bookmarks.jsonl"

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if options:
            raise ValueError(f"bookmarks take no options, not {', '.join(options)}")
        self.name = name
        self._path = path

    def roots(self) -> Sequence[Path]:
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """Each line is an item by its address, changed when any of its bytes changed."""
        for number, line, bookmark in self._lines():
            if bookmark is None:
                yield Skipped(where=f"{self._path}#{number}", why="this line is not a bookmark with an address")
            else:
                yield Item(id=str(bookmark["url"]), fingerprint=hashlib.sha256(line).hexdigest(), size=len(line))

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        for _, _, bookmark in self._lines():
            if bookmark is not None and bookmark["url"] == item.id:
                yield Section(
                    id="bookmark",
                    document=item.id,
                    title=str(bookmark.get("title") or item.id),
                    text=str(bookmark.get("note") or bookmark.get("title") or item.id),
                    modified_at=_moment(bookmark.get("saved")),
                    locator=item.id,
                )
                return
        yield Skipped(where=item.id, why="it vanished while it was read", outcome="vanished")

    def _lines(self) -> Iterator[tuple[int, bytes, dict[str, object] | None]]:
        try:
            file = self._path.open("rb")
        except OSError as error:
            raise SourceUnavailable(f"{self._path} cannot be read ({error.strerror}); check its path") from None
        with file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line, _bookmark(line)


def _bookmark(line: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("url"), str) else None


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
