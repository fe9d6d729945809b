"""One pass over one export: every element goes to the reader that understands it, and what remains is kept and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from indexers.health.apple import elements
from indexers.health.apple.archive import find_xml
from indexers.health.apple.markup import Broken, Other, Piece, Records, Root, pieces, tree
from indexers.health.apple.names import device_words
from indexers.health.apple.numbers.beats import MEASURE, UNIT, beats
from indexers.health.apple.numbers.samples import KEPT, Sampler
from indexers.health.apple.papers import LARGEST, NoResource, Route, UnknownResource, clinical, ecg, route
from indexers.health.apple.remainder import Remainder
from indexers.health.apple.wishes import Wishes
from indexers.health.export.archive import Export, Unreadable
from indexers.health.export.moments import DAY, MINUTE, instant, midnight
from indexers.record import Outcome, Record, SampleBatch, Section, Skipped

_ECG_HEAD = 8 << 10
_MOST_STUBS = 100_000


class Reading:
    """`records` once. `where` names the export in every Skipped; `path` is the file that locators open."""

    def __init__(self, where: str, path: Path, export: Export, wishes: Wishes) -> None:
        self._where, self._path, self._export, self._wishes = where, path, export, wishes
        self._sampler = Sampler()
        self._remainder = Remainder(where)
        self._leave_out = self._remainder.leave_out
        self._offset = 0
        self._settled = -1
        self._ids: Counter[tuple[type, str]] = Counter()
        self._providers: dict[str, str] = {}
        self._routes_read: set[str] = set()
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
        yield from map(self._named, self._remains())
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
                if self._wishes.beats:
                    yield from self._beats(piece.data)
            case Broken():
                why = "an element is cut off, never ends, or is far too long"
                self._leave_out("malformed", piece.name or "markup", why)
            case Other(name="Correlation"):
                # Apple repeats its Records at top level.
                if b'key="HKFoodType"' in piece.data:
                    self._leave_out("excluded", "Correlation", "the names of meals; their numbers are kept")
            case Other() if piece.name in self._kinds:
                yield from self._element(piece)
            case Other():
                self._remainder.keep(piece.name, None if self._remainder.full else tree(piece.data))

    def _element(self, piece: Other) -> Iterator[Record]:
        element = tree(piece.data)
        if element is None:
            self._leave_out("malformed", piece.name, "the element is not XML, even after repair")
            return
        try:
            yield from self._kinds[piece.name](element)
        except (ValueError, OverflowError):
            row = "; ".join(elements.attribute_lines(element))
            kept = bool(row) and self._remainder.keep_row(piece.name, row)
            why = "a date or another needed value is missing or impossible"
            self._leave_out("malformed", piece.name, f"{why}{'; its words are kept' if kept else ''}")

    def _export_date(self, element: Element) -> Iterator[Record]:
        exported, self._offset = instant(element.get("value", ""))
        self._sampler.latest = exported + DAY
        return iter(())

    def _workout(self, element: Element) -> Iterator[Record]:
        workout = elements.workout(element)
        led = self._route(workout.routes) if self._wishes.routes else None
        place, kilometres = (led.place, led.kilometres) if led else ("", 0.0)
        yield workout.event(workout.key, place=place, kilometres=kilometres)
        for measure, unit, value in workout.samples():
            key = (measure, unit, workout.source, workout.device)
            span = {"start": workout.start, "end": workout.end, "offset": workout.offset}
            yield from self._sampler.add(key, **span, value=value, label=workout.activity)

    def _route(self, references: tuple[str, ...]) -> Route | None:
        """The first route that the workout names and the export holds; its path begins at the export's top."""
        for reference in references:
            wanted = PurePosixPath(reference.lstrip("/"))
            for name in self._export.members:
                if name.lower().endswith(".gpx") and PurePosixPath(name).parts[-len(wanted.parts) :] == wanted.parts:
                    self._routes_read.add(name)
                    return route(self._export.blocks(name))
        return None

    def _beats(self, data: bytes) -> Iterator[Record]:
        for held in beats(data):
            key = (MEASURE, UNIT, held.source, device_words(held.device))
            for at, rate in held.beats:
                yield from self._sampler.add(key, start=at, end=at, offset=held.offset, value=rate)
            self._sampler.beats -= len(held.beats)

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
                    if name not in self._routes_read:
                        why = "routes tell where you were and are left out; the option routes = true reads them"
                        self._leave_out("excluded", "workout routes", why)
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
            yield replace(clinical(name, body, provider=provider), id=_paper_id(name), document=_paper_id(name))
        except UnknownResource as error:
            self._leave_out("unsupported", error.kind, "clinical records of this kind cannot be read yet")
        except NoResource:
            self._leave_out("malformed", name, "the file is no clinical record (FHIR)")

    def _ecg(self, name: str) -> Iterator[Record]:
        section = ecg(name, self._head(name, _ECG_HEAD))
        if section is None:
            self._leave_out("malformed", name, "the file is no electrocardiogram as the Health app writes them")
        else:
            yield replace(section, id=_paper_id(name), document=_paper_id(name))

    def _head(self, name: str, size: int) -> bytes:
        body = b""
        for block in self._export.blocks(name):
            body += block
            if len(body) >= size:
                break
        return body[:size]

    def _remains(self) -> Iterator[Section]:
        for row in self._sampler.odd:
            self._remainder.keep_row("Records that are no samples", row)
        yield from self._remainder.sections()

    def _named(self, record: Record) -> Record:
        """The record with an id that is unique (an export may hold one workout twice) and a link to its export."""
        if isinstance(record, SampleBatch):
            return record
        key = type(record), record.id
        self._ids[key] += 1
        times = self._ids[key]
        named = record.id if times == 1 else f"{record.id}-{times}"
        return replace(record, id=named, locator=f"{self._path.as_uri()}{record.locator}")

    def _skipped(self) -> Iterator[Skipped]:
        for why, count in self._sampler.trouble.items():
            outcome: Outcome = "ambiguous" if why in KEPT else "malformed"
            yield Skipped(where=f"{self._where}#Record", why=why, outcome=outcome, count=count)
        if self._sampler.beats > 0:
            why = "single heartbeats are counted, not kept; the option beats = true keeps them"
            yield Skipped(where=f"{self._where}#beats", why=why, outcome="excluded", count=self._sampler.beats)
        if self._sampler.metadata:
            why = "notes on records (metadata) other than their time zone are counted, not kept"
            yield Skipped(where=f"{self._where}#metadata", why=why, outcome="excluded", count=self._sampler.metadata)
        yield from self._remainder.skipped()


def _paper_id(name: str) -> str:
    """The same in every export, whatever its top folder is called in the phone's language."""
    return "/".join(PurePosixPath(name).parts[-2:])
