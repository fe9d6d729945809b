"""Columns of samples as bytes and back: how one block of them is packed. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.vocabulary import Series
from indexers.record import SampleBatch


def columns(batch: SampleBatch) -> Series:
    """A batch as numpy columns. Raises ValueError on columns of unequal length."""
    rows = Series(
        measure=batch.measure, unit=batch.unit, source=batch.source, device=batch.device,
        start=np.array(batch.start, np.int64), end=np.array(batch.end, np.int64),
        offset=np.array(batch.offset, np.int16), value=np.array(batch.value, np.float64),
        labels=batch.labels, label=np.array(batch.label, np.uint16),
    )  # fmt: skip
    if len({len(rows.start), len(rows.end), len(rows.offset), len(rows.value)}) != 1:
        raise ValueError("the columns of a batch are equally long")
    if batch.labels and len(rows.label) != len(rows.start):
        raise ValueError("labels are for all rows or none")
    return rows


def taken(rows: Series, at: NDArray[np.int64] | NDArray[np.bool_]) -> Series:
    """The rows at a mask or at indices."""
    return Series(
        measure=rows.measure, unit=rows.unit, source=rows.source, device=rows.device, start=rows.start[at],
        end=rows.end[at], offset=rows.offset[at], value=rows.value[at], labels=rows.labels,
        label=rows.label[at] if len(rows.label) else rows.label,
    )  # fmt: skip


def joined(parts: Sequence[Series]) -> Series:
    """One Series of several with the same key; label codes are renumbered, rows without labels get ""."""
    if len(parts) == 1:
        return parts[0]
    labels: dict[str, int] = {}
    codes: list[NDArray[np.uint16]] = []
    labelled = any(part.labels for part in parts)
    for part in parts if labelled else ():
        table = np.array([labels.setdefault(label, len(labels)) for label in part.labels or ("",)], np.uint16)
        codes.append(table[part.label if part.labels else np.zeros(len(part.start), np.uint16)])
    first = parts[0]
    return Series(
        measure=first.measure, unit=first.unit, source=first.source, device=first.device,
        start=np.concatenate([part.start for part in parts]), end=np.concatenate([part.end for part in parts]),
        offset=np.concatenate([part.offset for part in parts]), value=np.concatenate([part.value for part in parts]),
        labels=tuple(labels), label=np.concatenate(codes) if labelled else np.empty(0, np.uint16),
    )  # fmt: skip


def overlapping(parts: Sequence[Series], start_ms: int, end_ms: int) -> Iterator[Series]:
    """The rows of several parts with one key that overlap [start, end), as one Series or none."""
    if not parts:
        return
    rows = joined(parts)
    within = (rows.start < end_ms) & ((rows.end > start_ms) | (rows.start >= start_ms))
    if within.all():
        yield rows
    elif within.any():
        yield taken(rows, within)


def packed(rows: Series) -> bytes:
    """Columns as bytes: starts as differences, ends as lengths, bytes of equal weight side by side, deflated.

    Measured on step-like samples: 5.8 bytes a row against 26 plain, 0.2 s of CPU a million rows.
    """
    parts = (
        np.diff(rows.start, prepend=np.int64(0)).astype("<i8"),
        (rows.end - rows.start).astype("<i8"),
        rows.offset.astype("<i2"),
        rows.value.astype("<f8"),
        rows.label.astype("<u2"),
    )
    return zlib.compress(b"".join(_shuffled(column) for column in parts), 1)


def _shuffled(column: NDArray[np.int64] | NDArray[np.int16] | NDArray[np.float64] | NDArray[np.uint16]) -> bytes:
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()


def unpacked(measure: str, unit: str, source: str, device: str, n: int, labels: str, data: bytes) -> Series:
    """The `n` rows that `packed` made bytes of."""
    raw = np.frombuffer(zlib.decompress(data), np.uint8)

    def column(at: int, width: int) -> NDArray[np.uint8]:
        return np.ascontiguousarray(raw[at * n : (at + width) * n].reshape(width, n).T)

    start = np.cumsum(column(0, 8).view("<i8").ravel(), dtype=np.int64)
    names = tuple(json.loads(labels))
    return Series(
        measure=measure, unit=unit, source=source, device=device, start=start,
        end=start + column(8, 8).view("<i8").ravel(), offset=column(16, 2).view("<i2").ravel().astype(np.int16),
        value=column(18, 8).view("<f8").ravel().astype(np.float64), labels=names,
        label=column(26, 2).view("<u2").ravel().astype(np.uint16) if names else np.empty(0, np.uint16),
    )  # fmt: skip
