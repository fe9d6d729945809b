"""The seam between one kind of foreign data and homebody: what exists, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from indexers.record import Record, Skipped

ENTRY_POINTS = "homebody.sources"
Options = Mapping[str, object]


class SourceUnavailable(Exception):
    """The source as a whole cannot be looked at now (missing, locked, no permission). The text names the remedy.

    Nothing of the source is forgotten while it is unavailable.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The unit of change: read again when `fingerprint` differs, forgotten (by a mirror) when it vanishes.

    `identity` is equal for the same content in another place (device, inode, size, time of a file): an item that
    vanished and one that appeared with the same identity are one item that moved. "" means it cannot be told.
    `size` is bytes or rows, for progress and previews only.
    """

    id: str
    fingerprint: str
    identity: str = ""
    size: int = 0


class Source(Protocol):
    """One configured place of one kind, in a locked, keyless process; opens only its own paths.

    Made anew for each pass, but for one that is Live, which is scanned and read again while its process is kept.
    `name` is the owner's name for it. `mirror`: True means what vanishes is forgotten; False (imports) means the file
    may go, and its items stay until `homebody forget`.
    """

    name: str
    mirror: bool

    def roots(self) -> Sequence[Path]:
        """The files and folders to watch for changes."""
        ...

    def scan(self) -> Iterator[Item | Skipped]:
        """Say cheaply what exists now, each id once.

        A Skipped means "could not look here": items whose id starts with its `where` are then not taken as vanished.
        Raises SourceUnavailable when nothing can be looked at.
        """
        ...

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """Read one item's contents. Called in scan order for the items that changed."""
        ...


@runtime_checkable
class Live(Protocol):
    """What a source of a database that another program writes at any time has besides: what is new shows in seconds."""

    def live(self) -> Sequence[Path]:
        """The SQLite databases to poll. They are compared by size, times and the count of commits, and not read."""
        ...


class SourceFactory(Protocol):
    """What an entry point of the group `homebody.sources` names: a class or function that makes a Source.

    `path` is the owner's path, already expanded. It may carry an attribute `default_path: str` ("~" allowed), used by
    `homebody add KIND` without a path. Raises ValueError on options it does not know, with the remedy.
    """

    def __call__(self, *, name: str, path: Path, options: Options) -> Source: ...


def kinds() -> tuple[str, ...]:
    """The kinds of source that are installed; only the owner's configuration turns one on."""
    return tuple(sorted({point.name for point in entry_points(group=ENTRY_POINTS)}))


def factory(kind: str) -> SourceFactory:
    """The maker of sources of one kind. Raises LookupError with the kinds that exist."""
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == kind:
            made: SourceFactory = point.load()
            return made
    raise LookupError(f"no source of kind {kind!r} is installed; there are: {', '.join(kinds())}")


def open_source(kind: str, *, name: str, path: Path, options: Options) -> Source:
    """Make the source that the owner configured. Raises LookupError, ValueError or SourceUnavailable."""
    return factory(kind)(name=name, path=path, options=options)
