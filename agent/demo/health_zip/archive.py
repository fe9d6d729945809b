"""The archive around a synthetic export.xml: members named as Apple names them, written as a stream."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Literal
from zoneinfo import ZoneInfo

from agent.demo.health_zip.dtd import BROKEN_DTD, DTD
from agent.demo.health_zip.papers import clinical_papers, ecg_papers, route
from agent.demo.health_zip.records import Pen
from agent.demo.health_zip.truth import Planted, Wearer, days

_CDA = '<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"></ClinicalDocument>\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the archive is made: its names (Apple localises them), its DTD, its density and how hard it is packed.

    `heart_rates` is the number of heart rate samples a day; `papers` adds ECGs, clinical records and a route.
    """

    top: str = "apple_health_export/"
    xml: str = "export.xml"
    dtd: Literal["whole", "broken", "none"] = "whole"
    heart_rates: int = 80
    papers: bool = True
    level: int = 6


def write_export(
    path: Path,
    *,
    wearer: Wearer,
    seed: int,
    first: date,
    last: date,
    planted: Planted | None = None,
    layout: Layout | None = None,
) -> Counter[str]:
    """Write one export.zip of the days first to last and count its top-level elements by name.

    The same arguments give the same bytes. Memory is bounded by the number of days, not of records.
    """
    shape = layout or Layout()
    truth = list(days(seed=seed, first=first, last=last, planted=planted))
    pen = Pen(wearer, seed, truth, heart_rates=shape.heart_rates)
    exported = datetime.combine(last + timedelta(days=1), time(9), ZoneInfo(wearer.zone))
    stubs = clinical_papers(seed, first) if shape.papers else []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=shape.level) as archive:
        if shape.papers:
            papers = [(stub.path, stub.body) for stub in stubs]
            papers += ecg_papers(seed, wearer.name, wearer.born, first)
            papers += [route(first), ("export_cda.xml", _CDA)]
            for name, body in papers:
                archive.writestr(_member(shape.top + name), body, compresslevel=shape.level)
        with archive.open(shape.top + shape.xml, "w", force_zip64=True) as stream:
            dtd = {"whole": DTD, "broken": BROKEN_DTD, "none": ""}[shape.dtd]
            stream.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{dtd}<HealthData locale="en_DE">\n'.encode())
            parts = [pen.head(exported), pen.records(), pen.correlations(), pen.workouts(), pen.summaries()]
            for part in parts:
                _pour(stream, part)
            pen.counts["ClinicalRecord"] += len(stubs)
            _pour(stream, (stub.element for stub in stubs))
            stream.write(b"</HealthData>\n")
    return pen.counts


def _member(name: str) -> zipfile.ZipInfo:
    # Made by hand, for writestr would stamp the time of writing on it.
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _pour(stream: IO[bytes], lines: Iterable[str]) -> None:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == 2_000:
            stream.write("".join(held).encode())
            held.clear()
    stream.write("".join(held).encode())
