"""What sources over other makers' exports share: which files are one export, how they are opened, what is said of them."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import blake2s
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import ijson

from indexers.health.export.archive import Export, PlainFiles, TooDeep, Unreadable, shallow, stream
from indexers.health.export.moments import Span
from indexers.health.export.sheaf import Sheaf
from indexers.health.export.torn import opened_zip
from indexers.record import Record, Skipped
from indexers.source import Item, Options, SourceUnavailable

Json = Mapping[str, object]
_PART = re.compile(r"[-_ ]*(?:\d{1,3}|part\d+)(?:[-_]\d{1,3})?$")
_DATES = re.compile(r"[-_ ]*\(?\d[\d ()_.T:-]*")
_MOST_FILES = 200_000
_SUFFIXES = (".json", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Where times that name no zone belong. Without a zone, days are those of UTC, and `asked` notes that it matters."""

    zone: ZoneInfo | None
    asked: list[bool]

    def at(self, moment: datetime) -> tuple[int, int]:
        """(Unix ms, minutes east of UTC) of an aware time, or of the owner's own time of day."""
        if moment.tzinfo is None:
            self._ask()
            moment = moment.replace(tzinfo=self.zone or UTC)
        elif self.zone is not None and moment.utcoffset() == timedelta(0):
            moment = moment.astimezone(self.zone)
        elif moment.tzinfo is UTC:
            self._ask()
        offset = moment.utcoffset() or timedelta(0)
        return (moment - _EPOCH) // timedelta(milliseconds=1), round(offset.total_seconds() / 60)

    def span(self, start: datetime, end: datetime | None = None) -> Span:
        """From one time to another, or an instant."""
        begin, offset = self.at(start)
        return Span(start=begin, end=begin if end is None else self.at(end)[0], offset=offset)

    def day(self, day: date) -> Span:
        """A whole local day. A calendar day is right in every zone, so nothing needs to be asked."""
        zone: tzinfo = self.zone or UTC
        begin, following = (datetime.combine(of, datetime.min.time(), zone) for of in (day, day + timedelta(days=1)))
        offset = round((begin.utcoffset() or timedelta(0)).total_seconds() / 60)
        start, end = ((moment - _EPOCH) // timedelta(milliseconds=1) for moment in (begin, following))
        return Span(start=start, end=end, offset=offset)

    def _ask(self) -> None:
        if self.zone is None and not self.asked:
            self.asked.append(True)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an export: as JSON value by value, or as a table row by row, each from the beginning."""

    name: str
    export: Export
    damage: list[str] = field(default_factory=list)
    """What ails it, in words, as far as it has been read."""

    @contextmanager
    def open(self) -> Iterator[BufferedReader]:
        """Its bytes, read forward; damage ends them, or what is made of them, and is noted."""
        blocks = self.export.blocks(self.name)
        try:
            with stream(shallow(blocks)) as opened:
                yield opened
        except TooDeep:
            self.damage.append("it is nested far deeper than any export; the rest was not read")
        except (ijson.JSONError, csv.Error, UnicodeError, RecursionError):
            self.damage.append("the file is cut off or damaged; what came before is kept")
        if blocks.damage:
            self.damage.insert(0, f"{blocks.damage}; what came before is kept")

    def objects(self, prefix: str = "item") -> Iterator[Json]:
        """The objects at a place of the JSON document ("item": elements of the outermost array), one at a time."""
        with self.open() as opened:
            # Numbers come as floats: a Decimal each would cost more than all else.
            for value in ijson.items(opened, prefix, use_float=True):
                if isinstance(value, dict):
                    yield value

    def rows(self) -> Iterator[Mapping[str, str]]:
        """The rows of a CSV by their header."""
        with self.open() as opened:
            text = TextIOWrapper(opened, "utf-8-sig", "replace", newline="")
            for row in csv.DictReader(line.replace("\0", "") for line in text):
                yield {key.strip(): value.strip() for key, value in row.items() if key and isinstance(value, str)}


Reader = Callable[[Member, Sheaf, Calendar], Iterator[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    """The files that are one export: zips that are parts of each other, or what lies open in a folder."""

    id: str
    root: Path
    zips: tuple[Path, ...]
    files: tuple[Path, ...]


class ExportSource:
    """Exports at `path`: a zip, a file, or a folder of them. An item is one export: a zip with its further parts, or what
    lies unpacked in the folder, whole.

    An import. A zip's id holds the date of its newest member, so that a newer export under the same name replaces nothing;
    a folder's the name of its first file, so that clearing out the oldest ones forgets nothing.
    Option `zone` (such as "Europe/Berlin") says where times belong that the export gives in UTC or without a zone.
    Raises ValueError on options it does not know.
    """

    mirror = False
    kind: ClassVar[str]
    maker: ClassVar[str]
    remedy: ClassVar[str]
    forms: ClassVar[Sequence[tuple[re.Pattern[str], Reader]]]
    """Patterns of file names, and who reads such a file."""

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"zone"})
        if unknown:
            raise ValueError(f"{self.kind} does not know {', '.join(unknown)}; it knows zone")
        zone = options.get("zone")
        try:
            self._zone = None if zone is None else ZoneInfo(str(zone))
        except (LookupError, ValueError, OSError):
            raise ValueError('zone is the name of a time zone, such as "Europe/Berlin"') from None
        self.name = name
        self._path = path.absolute()

    def reader(self, name: str, names: Sequence[str]) -> Reader | None:  # noqa: ARG002 - some look at the others
        """Who reads the file of this name, given all names of the export; None when it holds nothing for us."""
        return next((reader for form, reader in self.forms if form.search(name)), None)

    def roots(self) -> Sequence[Path]:
        """The export, or the folder of exports."""
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """The exports that exist now, by name."""
        try:
            bundles = list(_bundles(self._path))
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise SourceUnavailable(f"{self._path}: {reason}; what was read before stays. {self.remedy}") from None
        for bundle in bundles:
            mark, size = blake2s(str(self._zone).encode(), digest_size=12), 0
            for file in (*bundle.zips, *bundle.files):
                state = file.stat()
                size += state.st_size
                mark.update(
                    f"{file.name}:{state.st_size}:{state.st_mtime_ns}:{state.st_ino}\n".encode("utf-8", "replace")
                )
            yield Item(id=bundle.id, fingerprint=mark.hexdigest(), identity=mark.hexdigest(), size=size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The records of each file in order of its name, then the samples that wait, then what was left out and why."""
        try:
            bundle = next(bundle for bundle in _bundles(self._path) if bundle.id == item.id)
        except (StopIteration, FileNotFoundError):
            yield Skipped(where=item.id, why="the export is gone; what was read before stays", outcome="vanished")
            return
        except OSError:
            yield Skipped(
                where=item.id, why="the export may not be read; give homebody access", outcome="no_permission"
            )
            return
        where = str(bundle.root)
        sheaf = Sheaf(where)
        calendar = Calendar(zone=self._zone, asked=[])
        with ExitStack() as held:
            known = list(_opened(bundle, held, sheaf))
            names = [name for export in known for name in export.members]
            found = 0
            for export in known:
                for name in sorted(export.members):
                    reader = self.reader(name, names)
                    if reader is None:
                        what = _DATES.sub("", Path(name).stem) or Path(name).suffix
                        sheaf.count("unsupported", what, "files of this kind are not read")
                        continue
                    found += 1
                    yield from self._member(reader, Member(name=name, export=export), sheaf, calendar)
        yield from sheaf.finish()
        if not found:
            why = f"there is nothing of an export of {self.maker} here. {self.remedy}"
            yield Skipped(where=where, why=why, outcome="unsupported")
        if calendar.asked:
            why = (
                "some times name no zone, so their days are cut as if in UTC; say where you lived:"
                f" homebody sources change {self.name} --option zone=Europe/Berlin"
            )
            yield Skipped(where=f"{where}#zone", why=why, outcome="ambiguous")
        yield from sheaf.skipped()

    def _member(self, reader: Reader, member: Member, sheaf: Sheaf, calendar: Calendar) -> Iterator[Record]:
        before = sheaf.seen
        for record in reader(member, sheaf, calendar):
            sheaf.seen += 1
            yield record
            yield from sheaf.full()
        if member.damage:
            sheaf.count("malformed", member.name, member.damage[0])
        if sheaf.seen == before:
            sheaf.count("empty", member.name, f"nothing that {self.maker} exports is in this file")
        yield from sheaf.full()


def _bundles(path: Path) -> Iterator[_Bundle]:
    """The exports at a path. Raises OSError."""
    if not path.is_dir():
        path.stat()
        zips = (path,) if path.suffix.lower() == ".zip" else ()
        yield _Bundle(id=_id(path, zips), root=path, zips=zips, files=() if zips else (path,))
        return
    groups: dict[str, list[Path]] = {}
    for file in sorted(path.glob("*.zip")):
        if file.is_file():
            groups.setdefault(_PART.sub("", file.stem) or file.stem, []).append(file)
    for parts in groups.values():
        yield _Bundle(id=_id(parts[0], parts), root=parts[0], zips=tuple(parts), files=())
    files = tuple(
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in _SUFFIXES and not file.is_symlink() and file.is_file()
    )
    if files:
        first = quote(files[0].relative_to(path).as_posix())
        yield _Bundle(id=f"{path}#from={first}", root=path, zips=(), files=files[:_MOST_FILES])


def _id(path: Path, zips: Sequence[Path]) -> str:
    newest = ""
    for file in zips:
        try:
            with zipfile.ZipFile(file) as archive:
                dates = [info.date_time for info in archive.infolist()[:_MOST_FILES]]
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
            continue
        year, month, day, hour, minute, second = max(dates, default=(0, 0, 0, 0, 0, 0))
        newest = max(newest, f"{year:04}-{month:02}-{day:02}T{hour:02}{minute:02}{second:02}")
    return f"{path}#made={newest}" if newest else str(path)


def _opened(bundle: _Bundle, held: ExitStack, sheaf: Sheaf) -> Iterator[Export]:
    for path in bundle.zips:
        try:
            file = held.enter_context(path.open("rb"))
            export = held.enter_context(opened_zip(file, again="download it again"))
        except Unreadable as error:
            sheaf.count(error.outcome, path.name, error.why)
        except OSError as error:
            reason = (error.strerror or "input/output error").lower()
            sheaf.count("no_permission", path.name, f"the file cannot be read: {reason}")
        else:
            if export.damage:
                sheaf.count("malformed", path.name, f"{export.damage}; what came is kept; download it again")
            yield export
    if bundle.files:
        root = bundle.root if bundle.root.is_dir() else bundle.root.parent
        yield PlainFiles({file.relative_to(root).as_posix(): file for file in bundle.files})
