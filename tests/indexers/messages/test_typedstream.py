"""The decoder of attributed strings: golden bytes, every length form, foreign damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.attributed import LINK, MENTION, PART, Attribute, Stretch, Url, attributed_string
from indexers.messages.typedstream import AttributedText, Plain, TypedStreamError, decode
from indexers.messages.typedstream.archive import MAX_DEPTH

GOLDEN = (
    b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85\x92"
    b"\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x05Hello\x86\x84\x02iI\x01\x05\x92\x84\x84\x84\x0cNSDictionary\x00\x94"
    b"\x84\x01i\x01\x92\x84\x96\x96\x1d__kIMMessagePartAttributeName\x86\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07"
    b"NSValue\x00\x94\x84\x01*\x84\x99\x99\x00\x86\x86\x86"
)
"""What Messages writes for "Hello": the well-known form of a one-bubble body."""
HEAD = GOLDEN[: GOLDEN.index(b"\x05Hello")]
UP_TO_TYPE = GOLDEN[: GOLDEN.index(b"\x84\x01@")]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
attributes: st.SearchStrategy[dict[str, Attribute]] = st.dictionaries(
    st.sampled_from([MENTION, LINK, "a", "b", "c"]),
    st.one_of(
        texts,
        st.integers(-(2**31), 2**31 - 1),
        st.floats(allow_nan=False).map(float),
        st.binary(max_size=300),
        texts.map(Url),
    ),
    max_size=4,
)


def body(text: str) -> bytes:
    return attributed_string([Stretch(text=text, attributes={PART: 0})])


def pairs(read: AttributedText) -> list[tuple[str, dict[str, object]]]:
    return [(read.text[run.start : run.end], dict(run.attributes)) for run in read.runs]


def test_golden_body() -> None:
    assert pairs(decode(GOLDEN)) == [("Hello", {PART: 0})]


def test_our_writer_writes_the_golden_bytes() -> None:
    assert body("Hello") == GOLDEN


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 129, 255, 256, 32767, 32768, 65534, 65535, 65536, 70000])
def test_every_form_of_a_length(length: int) -> None:
    # one length byte after 0x81 (msgvault) or three after 0x82 (imessage-max) lose or add characters here
    text = "".join(chr(97 + place % 26) for place in range(length))
    assert decode(body(text)).text == text
    assert decode(body(text + "ü")).text == text + "ü"


@given(st.lists(st.tuples(texts, attributes), min_size=1, max_size=6), st.booleans())
def test_what_is_written_is_read(stretches: list[tuple[str, dict[str, Attribute]]], mutable: bool) -> None:
    blob = attributed_string([Stretch(text=text, attributes=given) for text, given in stretches], mutable=mutable)
    plain = [
        (text, {key: value.text if isinstance(value, Url) else value for key, value in given.items()})
        for text, given in stretches
    ]
    assert pairs(decode(blob)) == plain


@given(st.binary(max_size=400))
def test_noise_is_an_error_of_our_own(noise: bytes) -> None:
    for blob in (noise, UP_TO_TYPE + noise, HEAD + noise):
        try:
            decode(blob)
        except TypedStreamError as error:
            assert str(error).isascii()


@given(st.data())
def test_damage_is_an_error_of_our_own_or_harmless(data: st.DataObject) -> None:
    rich = attributed_string(
        [
            Stretch(text="Grüße 🎉 ", attributes={PART: 0}),
            Stretch(text="@Ann", attributes={PART: 0, MENTION: "+15550001"}),
            Stretch(text="x" * 300, attributes={PART: 1, LINK: Url("https://example.org"), "d": b"\0" * 200, "w": 1.5}),
        ]
    )
    blob = bytearray(data.draw(st.sampled_from([GOLDEN, rich])))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(blob)))
    try:
        read = decode(bytes(blob[:cut]))
    except TypedStreamError:
        return
    assert all(0 <= run.start <= run.end <= len(read.text) for run in read.runs)


@pytest.mark.parametrize("cut", range(len(GOLDEN)))
def test_every_truncation_is_an_error(cut: int) -> None:
    with pytest.raises(TypedStreamError):
        decode(GOLDEN[:cut])


def test_nesting_without_end_is_an_error() -> None:
    nested = UP_TO_TYPE + b"\x84\x01@" + b"\x84\x84\x84\x07NSArray\x00\x85" + b"\x92\x84\x93" * 5000
    with pytest.raises(TypedStreamError, match="nests too deeply"):
        decode(nested)
    with pytest.raises(TypedStreamError, match="nests too deeply"):
        decode(UP_TO_TYPE + b"\x84\x01@\x84" + b"\x84\x84\x01A\x00" * (MAX_DEPTH + 1) + b"\x85")


@pytest.mark.parametrize(
    "tail",
    [
        b"\x82\xff\xff\xff\x7fabc",  # a text of 2 GB
        b"\x82\xff\xff\xff\xffabc",  # a length with its sign bit set
        b"\x81\xff\xffabc",
        b"\x83\x00\x00\x80\x3fabc",  # a length that is a float
        b"\x05Hello\x86\x84\x0b[999999999c]abc",
        b"\x05Hello\x86\x84\x0b[999999999i]\x01\x02",
        b"\x05Hello\x86\x84\x10[99999[99999{=}]]",
        b"\x05Hello\x86\x84\x7e" + b"[1" * 42 + b"{a=" * 14,
        b"\x05Hello\x86\x84\x81\xf0\x01" + b"[1" * 165 + b"c" + b"]" * 165,
        b"\x05Hello\x86\x84\x81\xff\x7f" + b"[1" * 0x7FFF,
        b"\x05Hello\x86\xa7",  # a type that was never given
        b"\x05Hello\x86\x84\x01@\xa7",  # an object that was never given
        b"\x05Hello\x86\x84\x01@\x92",  # the archive itself, not whole yet
        b"\x05Hello\x86\x84\x01?\x00",
        b"\x02\xff\xfe\x86\x86",  # not UTF-8
    ],
)
def test_hostile_claims_are_errors(tail: bytes) -> None:
    with pytest.raises(TypedStreamError):
        decode(HEAD + tail)


def test_another_root_is_an_error() -> None:
    with pytest.raises(TypedStreamError, match="no attributed string"):
        decode(UP_TO_TYPE + b"\x84\x01@\x84\x84\x84\x08NSString\x01\x84\x84\x08NSObject\x00\x85\x84\x01+\x05Hello\x86")


def test_unknown_classes_are_read_over() -> None:
    at = GOLDEN.index(b"\x92\x84\x84\x84\x08NSNumber")
    strange = GOLDEN[:at] + b"\x92\x84\x84\x84\x07Strange\x00\x94\x84\x03ifd\x07\x83\x00\x00\x80\x3f\x02\x86\x86\x86"
    assert pairs(decode(strange)) == [("Hello", {PART: [7, 1.0, 2.0]})]


def test_runs_count_utf16_units() -> None:
    read = decode(
        attributed_string([Stretch(text="🎉🎉", attributes={"a": 1}), Stretch(text="b", attributes={"a": 2})])
    )
    assert [(run.start, run.end) for run in read.runs] == [(0, 2), (2, 3)]


@given(st.lists(texts, min_size=1, max_size=8), st.booleans())
def test_plain_bodies_are_known_again_and_equal_to_decoding(written: list[str], mutable: bool) -> None:
    plain = Plain(frozenset({MENTION}))
    first = attributed_string([Stretch(text="first", attributes={PART: 0})], mutable=mutable)
    assert plain.text(first) is None
    plain.learn(first, decode(first))
    for text in written:
        blob = attributed_string([Stretch(text=text, attributes={PART: 0})], mutable=mutable)
        assert plain.text(blob) == decode(blob).text == text


@given(texts, texts)
def test_the_end_of_one_text_is_not_taken_for_that_of_another(one: str, other: str) -> None:
    plain = Plain(frozenset({MENTION}))
    blob = attributed_string([Stretch(text=one, attributes={PART: 0})])
    plain.learn(blob, decode(blob))
    assert plain.text(blob) == one == plain.text(blob), "the second time by its end"
    wrong = attributed_string([Stretch(text=other, attributes={PART: 0})])
    end = blob.index(b"iI\x01") - 3
    start = wrong.index(b"iI\x01") - 3
    mixed = wrong[:start] + blob[end:]
    run, whole = (len(text.encode("utf-16-le")) // 2 for text in (one, other))
    assert plain.text(mixed) == (other if run in (whole, len(other.encode())) else None)


def test_special_attributes_are_never_taken_for_plain() -> None:
    plain = Plain(frozenset({MENTION}))
    special = attributed_string([Stretch(text="@Ann", attributes={PART: 0, MENTION: "+1"})])
    two_runs = attributed_string(
        [Stretch(text="ab", attributes={PART: 0}), Stretch(text="c", attributes={MENTION: "+1"})]
    )
    for blob in (GOLDEN, special, two_runs):
        plain.learn(blob, decode(blob))
    assert plain.text(special) is None
    assert plain.text(two_runs) is None
    assert plain.text(GOLDEN) == "Hello"
    # a run that covers less than the text: what follows has attributes of its own
    assert plain.text(GOLDEN.replace(b"iI\x01\x05", b"iI\x01\x04")) is None
