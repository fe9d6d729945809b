"""Everything that a worker may send comes back as it was; anything else is a broken frame."""

from __future__ import annotations

import io
import struct
from array import array
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ingest.workers.frame import (
    FRAME_LIMIT,
    BrokenFrame,
    Done,
    Opened,
    Refused,
    Roots,
    Sent,
    decode,
    encode,
    frames,
)
from indexers.record import (
    BATCH_ROWS,
    Attachment,
    Contact,
    Event,
    Message,
    Party,
    SampleBatch,
    Section,
    Skipped,
    Span,
)
from indexers.source import Item

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TIMES = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])),
)
PARTIES = st.builds(Party, handle=TEXT, name=TEXT, me=st.booleans())
MESSAGES = st.builds(
    Message,
    id=TEXT,
    conversation=TEXT,
    sender=PARTIES,
    people=st.tuples(PARTIES, PARTIES),
    sent_at=TIMES,
    text=TEXT,
    title=TEXT,
    attachments=st.tuples(st.builds(Attachment, name=TEXT, mime=TEXT, path=TEXT)),
    links=st.tuples(TEXT),
    reactions=st.tuples(TEXT, TEXT),
)
SECTIONS = st.builds(
    Section,
    id=TEXT,
    document=TEXT,
    title=TEXT,
    text=TEXT,
    headings=st.tuples(TEXT, TEXT),
    spans=st.tuples(
        st.builds(Span, kind=st.sampled_from(["page", "cells"]), label=TEXT, start=st.just(0), end=st.just(9))
    ),
    kind=st.sampled_from(["prose", "table", "ocr"]),
    modified_at=st.none() | TIMES,
)
EVENTS = st.builds(Event, id=TEXT, title=TEXT, start=TIMES, end=TIMES, all_day=st.booleans(), people=st.tuples(PARTIES))
CONTACTS = st.builds(
    Contact,
    id=TEXT,
    names=st.tuples(TEXT),
    phones=st.tuples(TEXT),
    birthday=st.none() | st.dates(min_value=date(1, 1, 1)),
)
OTHERS = st.one_of(
    st.builds(Skipped, where=TEXT, why=TEXT, outcome=st.sampled_from(["empty", "secret"]), count=st.integers(1, 9)),
    st.builds(Item, id=TEXT, fingerprint=TEXT, identity=TEXT, size=st.integers(0, 1 << 62)),
    st.builds(Opened, mirror=st.booleans(), usual=TEXT),
    st.builds(Done, item=TEXT, cut=st.booleans()),
    st.builds(Refused, why=TEXT),
    st.builds(Roots, paths=st.tuples(TEXT, TEXT), live=st.tuples(TEXT) | st.just(())),
)


@st.composite
def batches(draw: st.DrawFn) -> SampleBatch:
    rows = draw(st.integers(1, 50))
    numbers = st.integers(-(1 << 62), 1 << 62)
    labels = draw(st.lists(TEXT, max_size=3, unique=True))
    codes = draw(st.lists(st.integers(0, len(labels) - 1), min_size=rows, max_size=rows)) if labels else []
    return SampleBatch(
        measure=draw(TEXT),
        unit=draw(TEXT),
        source=draw(TEXT),
        device=draw(TEXT),
        start=array("q", draw(st.lists(numbers, min_size=rows, max_size=rows))),
        end=array("q", draw(st.lists(numbers, min_size=rows, max_size=rows))),
        offset=array("h", draw(st.lists(st.integers(-900, 900), min_size=rows, max_size=rows))),
        value=array("d", draw(st.lists(st.floats(allow_nan=False), min_size=rows, max_size=rows))),
        labels=tuple(labels),
        label=array("H", codes),
    )


SENT = st.one_of(MESSAGES, SECTIONS, EVENTS, CONTACTS, OTHERS, batches())


@settings(deadline=None, max_examples=150)
@given(st.lists(SENT, max_size=6))
def test_everything_comes_back_as_it_was(sent: list[Sent]) -> None:
    stream = io.BytesIO(b"".join(map(encode, sent)))
    assert list(frames(stream)) == sent


@settings(deadline=None, max_examples=100)
@given(SENT, st.floats(0, 1, exclude_max=True))
def test_a_cut_stream_is_broken(sent: Sent, share: float) -> None:
    whole = encode(sent)
    cut = whole[: max(1, int(share * len(whole)))]
    with pytest.raises(BrokenFrame):
        list(frames(io.BytesIO(cut)))


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=1, max_size=200))
def test_noise_is_broken_or_well_typed_and_never_another_error(noise: bytes) -> None:
    try:
        decode(noise[:1], noise[1:])
    except BrokenFrame:
        return


@settings(deadline=None, max_examples=100)
@given(SENT, st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_gives_a_value_or_a_broken_frame(sent: Sent, share: float, mask: int) -> None:
    whole = bytearray(encode(sent))
    whole[4 + int(share * (len(whole) - 4))] ^= mask
    try:
        list(frames(io.BytesIO(bytes(whole))))
    except BrokenFrame:
        return


def test_lengths_beyond_the_limit_are_refused_before_they_are_read() -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size: int = -1) -> bytes:
            self.asked += size
            return struct.pack("<I", FRAME_LIMIT + 1) if size == 4 else b"x" * size

    stream = Endless()
    with pytest.raises(BrokenFrame, match="length"):
        next(frames(stream))  # type: ignore[arg-type]  # all that is read of it
    assert stream.asked == 4
    with pytest.raises(BrokenFrame, match="length"):
        next(frames(io.BytesIO(struct.pack("<I", 0))))


def test_wrong_types_and_counts_are_refused() -> None:
    batch = SampleBatch(
        measure="m", unit="u", source="s", start=array("q", [1]), end=array("q", [2]), offset=array("h", [0]),
        value=array("d", [1.0]),
    )  # fmt: skip
    good = encode(batch)[5:]
    for body in (good[:-1], good[:4] + struct.pack("<H", 0) + good[6:], good[:4] + struct.pack("<H", 2) + good[6:]):
        with pytest.raises(BrokenFrame):
            decode(b"B", body)
    with pytest.raises(BrokenFrame):
        decode(b"B", struct.pack("<IH?", 2, BATCH_ROWS + 1, False) + b"{}")
    with pytest.raises(BrokenFrame):
        decode(b"M", b'{"id": 3}')
    with pytest.raises(BrokenFrame):
        decode(b"I", b'{"id": "a", "fingerprint": "b", "size": "many"}')
    with pytest.raises(BrokenFrame):
        decode(b"Z", b"")
    with pytest.raises(BrokenFrame):
        decode(b"D", b"\7name")


def test_a_lone_surrogate_is_refused_by_the_encoder() -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - an export that names no zone
    party = Party(handle="a")
    for sent in (
        Section(id="1", document="d", title="t", text="\ud800"),
        Message(id="1", conversation="c", sender=party, people=(party,), sent_at=naive, text="\udfff"),
        SampleBatch(measure="m", unit="u", source="\ud800", start=array("q", [1])),
    ):
        with pytest.raises(ValueError):
            encode(sent)
