"""Apple Health: an item is one export (a zip, or an unpacked export.xml); its id is the absolute path."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from indexers.health.apple import elements
from indexers.health.apple.archive import Export, Unreadable, find_xml, opened
from indexers.health.apple.clinical import LARGEST, NoResource, UnknownResource, clinical
from indexers.health.apple.ecg import ecg
from indexers.health.apple.markup import Broken, Other, Piece, Records, Root, pieces, tree
from indexers.health.apple.moments import DAY, MINUTE, instant, midnight
from indexers.health.apple.samples import KEPT, Sampler
from indexers.record import Outcome, Record, SampleBatch, Skipped
from indexers.source import Item, Options, SourceUnavailable

_REMEDY = "In the Health app, tap your picture, choose Export All Health Data, and put the zip there."
_ECG_HEAD = 8 << 10
_MOST_NAMES = 100
_MOST_STUBS = 100_000
_LONGEST_NAME = 300


class AppleHealth:
    """Exports of the Health app at `path`: a zip, an unpacked export.xml, or a folder that holds such.

    An import: a deleted zip takes nothing with it. Each export holds everything, so a newer one repeats an older one.
    Records inside a Correlation are not read, for Apple repeats them at top level. Left out: single heartbeats,
    voltages of ECGs, workout routes, attachments, metadata other than HKTimeZone. Raises ValueError on any option.
    """

    mirror = False

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if options:
            raise ValueError(f"apple-health takes no options; remove {', '.join(sorted(options))}")
        self.name = name
        self._path = path.absolute()

    def roots(self) -> Sequence[Path]:
        """The export, or the folder of exports."""
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """The exports that exist. In a folder, zips and XML files that are no health export are passed over."""
        try:
            found = _exports(self._path)
        except FileNotFoundError:
            raise SourceUnavailable(f"{self._path} does not exist. {_REMEDY}") from None
        except PermissionError:
            raise SourceUnavailable(f"{self._path} may not be read; give homebody access to it.") from None
        except NotADirectoryError:
            raise SourceUnavailable(f"{self._path} is neither a zip nor a folder. {_REMEDY}") from None
        if not found:
            raise SourceUnavailable(f"{self._path} holds no Apple Health export. {_REMEDY}")
        for path, state in found:
            mark = f"{state.st_size}:{state.st_mtime_ns}:{state.st_ino}"
            yield Item(id=str(path), fingerprint=mark, identity=f"{state.st_dev}:{mark}", size=state.st_size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """Samples and workouts first, in the order of the export, then papers, then what was left out and why."""
        try:
            with opened(Path(item.id)) as export:
                yield from _Reading(item.id, export).records()
        except Unreadable as error:
            yield Skipped(where=item.id, why=error.why, outcome=error.outcome)
        except FileNotFoundError:
            yield Skipped(where=item.id, why="the export is gone; what was read before stays", outcome="vanished")
        except PermissionError:
            why = "the export may not be read; give homebody access"
            yield Skipped(where=item.id, why=why, outcome="no_permission")


class _Reading:
    """One pass over one export."""

    def __init__(self, where: str, export: Export) -> None:
        self._where, self._export = where, export
        self._sampler = Sampler()
        self._offset = 0
        self._settled = -1
        self._ids: Counter[str] = Counter()
        self._left_out: Counter[tuple[Outcome, str, str]] = Counter()
        self._providers: dict[str, str] = {}
        self._kinds: dict[str, Callable[[Element], Iterator[Record]]] = {
            "ExportDate": self._export_date,
            "Me": lambda element: iter((elements.profile(element),)),
            "Workout": self._workout,
            "ActivitySummary": self._rings,
            "ClinicalRecord": self._stub,
            "Audiogram": lambda element: iter((elements.audiogram(element),)),
            "VisionPrescription": lambda element: iter((elements.prescription(element),)),
            "StateOfMind": lambda element: iter((elements.attributes_in_words(element),)),
            "Medication": lambda element: iter((elements.attributes_in_words(element),)),
            "MedicationDoseEvent": lambda element: iter((elements.attributes_in_words(element),)),
        }

    def records(self) -> Iterator[Record | Skipped]:
        """Everything of the export, and at the end one Skipped for each reason that something was not kept."""
        try:
            xml = find_xml(self._export)
        except Unreadable:
            if self._export.damage:
                yield from map(self._named, self._papers(""))
                yield from self._skipped()
            raise
        blocks = self._export.blocks(xml)
        opened_root = closed_root = False
        for piece in pieces(blocks):
            if isinstance(piece, Root):
                opened_root, closed_root = True, not piece.opened
            else:
                yield from map(self._named, self._piece(piece))
        yield from self._sampler.finish()
        if not opened_root:
            raise Unreadable("the XML holds no health data; export again in the Health app")
        yield from map(self._named, self._papers(xml))
        damage = blocks.damage or self._export.damage
        if not closed_root or damage:
            lost = "some files are missing" if closed_root else f"ended early after {self._sampler.records} records"
            cause = f" ({damage})" if damage else ""
            why = f"{lost}{cause}; what came is kept; export again in the Health app"
            yield Skipped(where=self._where, why=why)
        yield from self._skipped()

    def _piece(self, piece: Piece) -> Iterator[Record]:
        match piece:
            case Records():
                yield from self._sampler.read(piece.data)
            case Broken():
                why = "an element is cut off, never ends, or is far too long"
                self._leave_out("malformed", piece.name or "markup", why)
            case Other(name="Correlation"):
                pass
            case Other() if piece.name in self._kinds:
                yield from self._element(piece)
            case Other():
                self._leave_out("unsupported", piece.name, "elements of this kind cannot be read yet")

    def _element(self, piece: Other) -> Iterator[Record]:
        element = tree(piece.data)
        if element is None:
            self._leave_out("malformed", piece.name, "the element is not XML, even after repair")
            return
        try:
            yield from self._kinds[piece.name](element)
        except (ValueError, OverflowError):
            self._leave_out("malformed", piece.name, "a date or another needed value is missing or impossible")

    def _export_date(self, element: Element) -> Iterator[Record]:
        exported, self._offset = instant(element.get("value", ""))
        self._sampler.latest = exported + DAY
        return iter(())

    def _workout(self, element: Element) -> Iterator[Record]:
        workout = elements.workout(element)
        yield workout.event(workout.key)
        for measure, unit, value in workout.samples():
            key = (measure, unit, workout.source, workout.device)
            span = {"start": workout.start, "end": workout.end, "offset": workout.offset}
            yield from self._sampler.add(key, **span, value=value, label=workout.activity)

    def _rings(self, element: Element) -> Iterator[Record]:
        day, samples = elements.rings(element)
        if self._settled != self._sampler.records:
            # A day without an offset is placed by the samples around it, so those must be known first.
            self._settled = self._sampler.records
            yield from self._sampler.finish()
        east, next_east = (self._sampler.history.at(of, default=self._offset) for of in (day, day + timedelta(days=1)))
        start, end = midnight(day) - east * MINUTE, midnight(day) + DAY - next_east * MINUTE
        for measure, unit, value in samples:
            key = (measure, unit, "Activity rings", "")
            yield from self._sampler.add(key, start=start, end=end, offset=east, value=value)

    def _stub(self, element: Element) -> Iterator[Record]:
        path = element.get("resourceFilePath", "")
        if path and len(self._providers) < _MOST_STUBS:
            self._providers[PurePosixPath(path).name] = element.get("sourceName", "")
        return iter(())

    def _papers(self, xml: str) -> Iterator[Record]:
        for name in sorted(self._export.members):
            path = PurePosixPath(name)
            if name == xml or path.suffix.lower() == ".xml" or path.name.startswith(".") or "__MACOSX" in path.parts:
                continue
            match path.suffix.lower():
                case ".json":
                    yield from self._clinical(name, path.name)
                case ".csv":
                    yield from self._ecg(name)
                case ".gpx":
                    self._leave_out("excluded", "workout routes", "routes tell where you were and are left out")
                case _:
                    self._leave_out("excluded", "attachments", "attached files are not part of the health data")
        for _ in self._providers:
            why = "the export names a clinical record whose file it does not hold"
            self._leave_out("vanished", "ClinicalRecord", why)

    def _clinical(self, name: str, base: str) -> Iterator[Record]:
        provider = self._providers.pop(base, "")
        body = self._head(name, LARGEST + 1)
        if len(body) > LARGEST:
            self._leave_out("too_large", name, f"a clinical record is larger than {LARGEST >> 20} MB")
            return
        try:
            yield clinical(name, body, provider=provider)
        except UnknownResource as error:
            self._leave_out("unsupported", error.kind, "clinical records of this kind cannot be read yet")
        except NoResource:
            self._leave_out("malformed", name, "the file is no clinical record (FHIR)")

    def _ecg(self, name: str) -> Iterator[Record]:
        section = ecg(name, self._head(name, _ECG_HEAD))
        if section is None:
            self._leave_out("malformed", name, "the file is no electrocardiogram as the Health app writes them")
        else:
            yield section

    def _head(self, name: str, size: int) -> bytes:
        body = b""
        for block in self._export.blocks(name):
            body += block
            if len(body) >= size:
                break
        return body[:size]

    def _named(self, record: Record) -> Record:
        """The record, its id made unique: an export may hold one workout twice."""
        if isinstance(record, SampleBatch):
            return record
        self._ids[record.id] += 1
        times = self._ids[record.id]
        return record if times == 1 else replace(record, id=f"{record.id}-{times}")

    def _leave_out(self, outcome: Outcome, what: str, why: str) -> None:
        key = outcome, what[:_LONGEST_NAME], why
        if key not in self._left_out and len(self._left_out) >= _MOST_NAMES:
            key = outcome, "others", why
        self._left_out[key] += 1

    def _skipped(self) -> Iterator[Skipped]:
        for why, count in self._sampler.trouble.items():
            outcome: Outcome = "ambiguous" if why in KEPT else "malformed"
            yield Skipped(where=f"{self._where}#Record", why=why, outcome=outcome, count=count)
        if self._sampler.beats:
            why = "single heartbeats inside heart rate variability are counted, not kept"
            yield Skipped(where=f"{self._where}#beats", why=why, outcome="excluded", count=self._sampler.beats)
        for (outcome, what, why), count in self._left_out.items():
            yield Skipped(where=f"{self._where}#{what}", why=why, outcome=outcome, count=count)


def _exports(path: Path) -> list[tuple[Path, os.stat_result]]:
    """The exports at a path with their state, oldest first. Raises OSError."""
    if not path.is_dir():
        return [(path, path.stat())]
    files = [file for pattern in ("*.zip", "*.xml", "*/*.xml") for file in path.glob(pattern)]
    found = [(file, file.stat()) for file in files if _looks_right(file)]
    return sorted(found, key=lambda pair: (pair[1].st_mtime_ns, str(pair[0])))


def _looks_right(path: Path) -> bool:
    """False for what is certainly no health export; what is damaged stays, so that reading can say how."""
    if not path.is_file():
        return False
    try:
        if path.suffix.lower() == ".xml" or zipfile.is_zipfile(path):
            with opened(path) as export:
                find_xml(export)
    except Unreadable as error:
        return error.outcome != "unsupported" and path.suffix.lower() != ".xml"
    except OSError:
        return True
    return True
