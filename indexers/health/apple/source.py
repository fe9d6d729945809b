"""Apple Health: an item is one export (a zip, or an unpacked export.xml), told apart by path, export date and owner.

A newer export at the same path is thus another item: what the older one held beyond it stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload
from urllib.parse import quote

from indexers.health.apple.archive import find_xml, opened
from indexers.health.apple.elements import profile
from indexers.health.apple.markup import Other, Records, pieces, tree
from indexers.health.apple.wishes import Wishes
from indexers.health.export.archive import Unreadable
from indexers.health.export.workout import digest
from indexers.record import Record, Skipped
from indexers.source import Item, Options, SourceUnavailable

_REMEDY = "In the Health app, tap your picture, choose Export All Health Data, and put the zip there."
_ANYONE = "any"
_OWNER = "&owner="
_HEAD_PIECES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An export that exists: when it was made ("" where it does not say), a code for birth date and sex, and whether it
    is known to be cut off: what then comes must not replace what came whole.
    """

    path: Path
    state: os.stat_result
    exported: str
    owner: str
    cut: bool

    @property
    def item(self) -> str:
        if not self.exported and not self.owner:
            return str(self.path)
        cut = "&cut" if self.cut else ""
        return f"{self.path}#exported={quote(self.exported, safe=':+')}{cut}{_OWNER}{self.owner}"


class AppleHealth:
    """Exports of the Health app at `path`: a zip, an unpacked export.xml, or a folder that holds such.

    An import: a deleted zip takes nothing with it. Each export holds everything, so a newer one repeats an older one.
    Records inside a Correlation are not read, for Apple repeats them at top level. Left out: voltages of ECGs,
    attachments, metadata other than HKTimeZone; workout routes and single heartbeats unless asked for.

    Options: `routes` (true reads distance and beginning of workout routes), `beats` (true keeps single heartbeats),
    `owner` (the code of the person whose exports are read, "any" for everyone's). Without `owner`, exports of another
    birth date or sex than those read before (else than the oldest one's) are not read, and a Skipped says what to do.
    Raises ValueError on others.
    """

    mirror = False
    known: Sequence[str] = ()
    """Ids of the items read in earlier passes, where whoever scans can tell: whose exports those were stands in them."""

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"routes", "beats", "owner"})
        if unknown:
            raise ValueError(f"apple-health does not know {', '.join(unknown)}; it knows routes, beats and owner")
        self.name = name
        self._path = path.absolute()
        self._wishes = Wishes(routes=_flag(options, "routes"), beats=_flag(options, "beats"))
        self._owner = str(options.get("owner", ""))

    def roots(self) -> Sequence[Path]:
        """The export, or the folder of exports."""
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """The exports that exist. In a folder, zips and XML files that are no health export are passed over."""
        try:
            found = _exports(self._path)
        except FileNotFoundError:
            raise SourceUnavailable(f"{self._path} does not exist; what was read before stays. {_REMEDY}") from None
        except PermissionError:
            raise SourceUnavailable(f"{self._path} may not be read; give homebody access to it.") from None
        except NotADirectoryError:
            raise SourceUnavailable(f"{self._path} is neither a zip nor a folder. {_REMEDY}") from None
        if not found:
            raise SourceUnavailable(f"{self._path} holds no Apple Health export. {_REMEDY}")
        first = next((export.owner for export in sorted(found, key=_age) if export.owner), "")
        before = next((owner for item in self.known if (owner := item.rpartition(_OWNER)[2]) and _OWNER in item), "")
        wanted = self._owner or before or first
        for export in found:
            if wanted != _ANYONE and export.owner not in ("", wanted):
                yield self._of_another(export)
                continue
            state = export.state
            mark = f"{state.st_size}:{state.st_mtime_ns}:{state.st_ino}:{self._wishes.routes:d}{self._wishes.beats:d}"
            yield Item(id=export.item, fingerprint=mark, identity=f"{state.st_dev}:{mark}", size=state.st_size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """Samples and workouts first, in the order of the export, then papers, then what was left out and why."""
        # It needs numpy, whose import a mere scan would pay for with a tenth of a second.
        from indexers.health.apple.reading import Reading

        path = Path(item.id.rpartition("#exported=")[0] or item.id)
        try:
            with opened(path) as export:
                yield from Reading(str(path), path, export, self._wishes).records()
        except Unreadable as error:
            yield Skipped(where=item.id, why=error.why, outcome=error.outcome)
        except FileNotFoundError:
            yield Skipped(where=item.id, why="the export is gone; what was read before stays", outcome="vanished")
        except PermissionError:
            why = "the export may not be read; give homebody access"
            yield Skipped(where=item.id, why=why, outcome="no_permission")

    def _of_another(self, export: _Found) -> Skipped:
        why = (
            "its birth date or sex is not that of the exports read so far, so it is not mixed in; to read it all the same:"
            f" homebody sources change {self.name} --option owner=any; to read this person's exports only:"
            f" homebody sources change {self.name} --option owner={export.owner}"
        )
        return Skipped(where=export.item, why=why, outcome="ambiguous")


def _flag(options: Options, key: str) -> bool:
    value = options.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is true or false")
    return value


def _age(export: _Found) -> tuple[str, int]:
    return export.exported or "9", export.state.st_mtime_ns


def _exports(path: Path) -> list[_Found]:
    """The exports at a path, oldest first. Raises OSError."""
    if not path.is_dir():
        return [_found(path, path.stat())]
    files = sorted(file for pattern in ("*.zip", "*.xml", "*/*.xml") for file in path.glob(pattern) if file.is_file())
    found = filter(None, (_found(file, file.stat(), among_others=True) for file in files))
    return sorted(found, key=lambda export: (export.state.st_mtime_ns, str(export.path)))


@overload
def _found(path: Path, state: os.stat_result) -> _Found: ...
@overload
def _found(path: Path, state: os.stat_result, *, among_others: bool) -> _Found | None: ...
def _found(path: Path, state: os.stat_result, *, among_others: bool = False) -> _Found | None:
    """What a file says of itself. Among others, None for what is certainly no health export; what is damaged stays, so
    that reading can say how.
    """
    exported, owner, cut = "", "", False
    try:
        with opened(path) as export:
            cut = bool(export.damage)
            exported, owner = _head(pieces(export.blocks(find_xml(export))))
    except Unreadable as error:
        if among_others and (error.outcome == "unsupported" or path.suffix.lower() == ".xml"):
            return None
    except OSError:
        pass  # reading it says so
    return _Found(path=path, state=state, exported=exported, owner=owner, cut=cut)


def _head(found: Iterator[object]) -> tuple[str, str]:
    """The export's date, and a code that stands for the owner's birth date and sex ("" where neither is set)."""
    exported = ""
    for _ in range(_HEAD_PIECES):
        piece = next(found, None)
        if piece is None or (isinstance(piece, Records) and b"<Record " in piece.data):
            break
        element = tree(piece.data) if isinstance(piece, Other) and piece.name in ("ExportDate", "Me") else None
        if element is None:
            continue
        if element.tag == "ExportDate":
            exported = " ".join(element.get("value", "").split())[:40]
        else:
            words = profile(element).text
            # A letter in front, so that no configuration file takes the code for a number.
            return exported, "" if words.count("not set") == 2 else f"p{digest(words)[:10]}"
    return exported, ""
