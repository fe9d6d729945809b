"""How records travel from a worker to the daemon: length-prefixed frames, checked field by field on arrival."""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import IO, TYPE_CHECKING

from indexers.record import BATCH_ROWS, Contact, Event, Message, Record, SampleBatch, Section, Skipped
from indexers.source import Item

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FRAME_LIMIT = 64 << 20
"""The most bytes one frame may have; a larger one is a broken or hostile worker."""


class BrokenFrame(Exception):
    """The worker sent something that is no frame of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An operation ended. `item` is the id of the item that was read, "" for a scan. `cut`: not all of it was sent."""

    item: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The source cannot be looked at now, or failed as a whole; `why` is for the owner and holds no text of theirs."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The source was made: whether it is a mirror, where its kind usually lies ("~" unexpanded, "" for nowhere), and
    whether its scan asks for the ids of the items that were read before.
    """

    mirror: bool
    usual: str = ""
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The paths to watch, and the databases to poll because others write them at any time."""

    paths: tuple[str, ...]
    live: tuple[str, ...] = ()


Sent = Record | Skipped | Item | Done | Refused | Opened | Roots


_TYPES: Mapping[bytes, type] = {
    b"M": Message,
    b"S": Section,
    b"E": Event,
    b"C": Contact,
    b"X": Skipped,
    b"I": Item,
    b"O": Opened,
}
_TAG_OF = {made: tag for tag, made in _TYPES.items()}
_COLUMNS = (("start", "q"), ("end", "q"), ("offset", "h"), ("value", "d"), ("label", "H"))


def encode(sent: Sent) -> bytes:
    """One frame: u32 length | tag | body."""
    tag, body = _body(sent)
    return struct.pack("<I", len(body) + 1) + tag + body


def _body(sent: Sent) -> tuple[bytes, bytes]:
    match sent:
        case SampleBatch():
            return b"B", _encode_batch(sent)
        case Done():
            return b"D", bytes([sent.cut]) + sent.item.encode("utf-8", "surrogatepass")
        case Refused():
            return b"R", sent.why.encode("utf-8", "replace")
        case Roots():
            return b"P", json.dumps([sent.paths, sent.live]).encode()
        case _:
            tag = _TAG_OF[type(sent)]
            if next(_ENCODED) < _FEW:
                return tag, _JSON.encode(sent).encode()
            return tag, _adapter(tag).dump_json(sent)


def _plain(value: object) -> object:
    """What JSON has no word for: a record by its fields, a moment as text."""
    if isinstance(value, datetime):
        odd = (value.utcoffset() or timedelta()) % timedelta(minutes=1)  # local mean times, which ISO 8601 has not
        return (value.astimezone(UTC) if odd else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined] # all are slotted


_ENCODED = count()
_FEW = 2_000
"""So many records a process encodes before it imports pydantic, which is ten times faster at it: most passes are short."""
_JSON = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_plain)


def _encode_batch(batch: SampleBatch) -> bytes:
    head = json.dumps(
        {
            "measure": batch.measure,
            "unit": batch.unit,
            "source": batch.source,
            "device": batch.device,
            "labels": batch.labels,
        },
        ensure_ascii=False,  # so that a lone surrogate is noticed here
    ).encode()
    columns = b"".join(getattr(batch, name).tobytes() for name, _ in _COLUMNS)
    return struct.pack("<IH?", len(head), len(batch.start), bool(batch.label)) + head + columns


def _decode_batch(body: bytes) -> SampleBatch:
    length, rows, labelled = struct.unpack_from("<IH?", body)
    if not 0 < rows <= BATCH_ROWS:
        raise BrokenFrame("rows")
    at = struct.calcsize("<IH?") + length
    columns: dict[str, array[int] | array[float]] = {}
    for name, code in _COLUMNS:
        column: array[int] | array[float] = array(code)
        size = column.itemsize * rows if name != "label" or labelled else 0
        column.frombytes(body[at : at + size])
        if len(column) * column.itemsize != size:
            raise BrokenFrame("columns")
        columns[name] = column
        at += size
    head = _head_adapter().validate_json(body[struct.calcsize("<IH?") : struct.calcsize("<IH?") + length])
    labels = tuple(str(label) for label in head.pop("labels", ()))
    if labelled and max(columns["label"]) >= len(labels):
        raise BrokenFrame("labels")
    return SampleBatch(**{name: str(value) for name, value in head.items()}, labels=labels, **columns)  # type: ignore[arg-type]


_FLAG = {b"\0": False, b"\1": True}


@cache
def _adapter(tag: bytes) -> TypeAdapter[object]:
    """What checks a frame on arrival, and makes it where there are many."""
    from pydantic import TypeAdapter

    return TypeAdapter(_TYPES[tag])


@cache
def _head_adapter() -> TypeAdapter[dict[str, str | list[str]]]:
    from pydantic import TypeAdapter

    return TypeAdapter(dict[str, str | list[str]])


def decode(tag: bytes, body: bytes) -> Sent:
    """The value of one frame. Raises BrokenFrame for anything that does not fit its type exactly."""
    try:
        match tag:
            case b"B":
                return _decode_batch(body)
            case b"D":
                return Done(item=body[1:].decode("utf-8", "surrogatepass"), cut=_FLAG[body[:1]])
            case b"R":
                return Refused(why=body.decode())
            case b"P":
                paths, live = json.loads(body)
                return Roots(paths=tuple(map(str, paths)), live=tuple(map(str, live)))
            case _ if tag in _TYPES:
                return _adapter(tag).validate_json(body)  # type: ignore[return-value]  # the adapter of that very tag
    except (struct.error, LookupError, ValueError, TypeError) as error:
        raise BrokenFrame(type(error).__name__) from None
    raise BrokenFrame("tag")


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
