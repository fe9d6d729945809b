"""The head of an electrocardiogram's CSV: when it was taken and what the device said, as written. Never a diagnosis.

Keys and verdicts are in the language of the phone, so rows are told apart by their place and the shape of their
values. The wearer's name and birth date stand first and are dropped; the voltages are not read.
"""

from __future__ import annotations

import csv
import re
from datetime import datetime

from indexers.health.export.moments import instant, local_time
from indexers.record import Section

_RECORDED = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d ?[+-]\d\d:?\d\d")
_RATE = re.compile(r"\d{2,5}(?:[.,]\d+)?\s*[^\d\s.,][^\d.,]*")
_VERSION = re.compile(r"\d+(?:\.\d+)*")


def ecg(name: str, head: bytes) -> Section | None:
    """The Section of one ECG from the first kilobytes of its file; None when they are no ECG's."""
    rows = list(csv.reader(head.decode("utf-8-sig", "replace").replace("\0", "").splitlines()[:40]))
    # A comma may be a decimal mark, so what follows the key is one value.
    values = [" ".join(",".join(row[1:]).split()) for row in rows if row and row[0]]
    place = next((index for index, value in enumerate(values) if _RECORDED.fullmatch(value)), None)
    if place is None or place + 1 >= len(values):
        return None
    verdict, *rest = values[place + 1 :]
    rate = next((value for value in rest if _RATE.fullmatch(value)), "")
    if not verdict or not rate:
        return None
    taken = _moment(values[place])
    symptoms = rest[0] if not _VERSION.fullmatch(rest[0]) and rest[0] != rate else ""
    lines = [f"Recorded: {values[place]}", f"Classification by the device, as written: {verdict}"]
    lines += [f"Symptoms noted: {symptoms}"] if symptoms else []
    lines += [f"Sample rate: {rate}"]
    return Section(
        id=name,
        document=name,
        title="Electrocardiogram (ECG)",
        text="\n".join(lines),
        kind="form",
        modified_at=taken,
        locator=f"#{name}",
    )


def _moment(written: str) -> datetime | None:
    try:
        return local_time(*instant(written))
    except ValueError:
        return None
