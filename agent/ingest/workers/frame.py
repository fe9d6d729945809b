"""How records travel from a worker to the daemon: length-prefixed frames, checked field by field on arrival."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import msgspec

from indexers.record import BATCH_ROWS, Contact, Event, Message, Record, SampleBatch, Section, Skipped
from indexers.source import Item

FRAME_LIMIT = 64 << 20
"""The most bytes one frame may have; a larger one is a broken or hostile worker."""


class BrokenFrame(Exception):
    """The worker sent something that is no frame of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An operation ended. `item` is the id of the item that was read, "" for a scan.

    `cut`: not all of it was sent; of a scan only what differs from the one before.
    """

    item: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An item of the scan before is not there any more."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The source cannot be looked at now, or failed as a whole; `why` is for the owner and holds no text of theirs."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The source was made: whether it is a mirror, where its kind usually lies ("~" unexpanded, "" for nowhere), whether
    its scan asks for the items that were read before, and whether others write it at any time.
    """

    mirror: bool
    usual: str = ""
    asks: bool = False
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The paths to watch, and the databases to poll because others write them at any time."""

    paths: tuple[str, ...]
    live: tuple[str, ...] = ()


Sent = Record | Skipped | Item | Gone | Done | Refused | Opened | Roots

_COLUMNS = (("start", "q"), ("end", "q"), ("offset", "h"), ("value", "d"), ("label", "H"))


class _Columns(msgspec.Struct, array_like=True):
    """A SampleBatch on its way: each column as the bytes of its array."""

    measure: str
    unit: str
    source: str
    device: str
    labels: tuple[str, ...]
    start: bytes
    end: bytes
    offset: bytes
    value: bytes
    label: bytes


_TYPES: Mapping[bytes, type] = {
    b"B": _Columns,
    b"C": Contact,
    b"D": Done,
    b"E": Event,
    b"G": Gone,
    b"I": Item,
    b"M": Message,
    b"O": Opened,
    b"P": Roots,
    b"R": Refused,
    b"S": Section,
    b"X": Skipped,
}
_TAG_OF = {made: tag for tag, made in _TYPES.items()} | {SampleBatch: b"B"}
_DECODERS: Mapping[bytes, msgspec.msgpack.Decoder[Sent | _Columns]] = {
    tag: msgspec.msgpack.Decoder(made) for tag, made in _TYPES.items()
}
_ENCODER = msgspec.msgpack.Encoder()  # aware moments travel as instants: what they were local to is not kept


def encode(sent: Sent) -> bytes:
    """One frame: u32 length | tag | MessagePack. Raises UnicodeEncodeError for a lone surrogate."""
    body = _ENCODER.encode(_columns(sent) if isinstance(sent, SampleBatch) else sent)
    return struct.pack("<I", len(body) + 1) + _TAG_OF[type(sent)] + body


def _columns(batch: SampleBatch) -> _Columns:
    columns = (getattr(batch, name).tobytes() for name, _ in _COLUMNS)
    return _Columns(batch.measure, batch.unit, batch.source, batch.device, batch.labels, *columns)


def _batch(sent: _Columns) -> SampleBatch:
    columns: dict[str, array[int] | array[float]] = {}
    for name, code in _COLUMNS:
        columns[name] = array(code)
        columns[name].frombytes(getattr(sent, name))
    rows = len(columns["start"])
    if not 0 < rows <= BATCH_ROWS or {len(columns[name]) for name, _ in _COLUMNS[:-1]} != {rows}:
        raise BrokenFrame("rows")
    label = columns["label"]
    if label and (len(label) != rows or max(label) >= len(sent.labels)):
        raise BrokenFrame("labels")
    return SampleBatch(
        measure=sent.measure,
        unit=sent.unit,
        source=sent.source,
        device=sent.device,
        labels=sent.labels,
        **columns,  # type: ignore[arg-type]  # each by its code
    )


def decode(tag: bytes, body: bytes) -> Sent:
    """The value of one frame. Raises BrokenFrame for anything that does not fit its type exactly."""
    try:
        sent = _DECODERS[tag].decode(body)
        return _batch(sent) if isinstance(sent, _Columns) else sent
    except (LookupError, ValueError) as error:
        raise BrokenFrame(type(error).__name__) from None


def frames(stream: IO[bytes]) -> Iterator[Sent]:
    """The frames of a stream until its end. Raises BrokenFrame, also when the stream ends inside a frame."""
    while True:
        head = stream.read(4)
        if not head:
            return
        if len(head) < 4:
            raise BrokenFrame("cut")
        (length,) = struct.unpack("<I", head)
        if not 1 <= length <= FRAME_LIMIT:
            raise BrokenFrame("length")
        data = stream.read(length)
        if len(data) < length:
            raise BrokenFrame("cut")
        yield decode(data[:1], data[1:])
