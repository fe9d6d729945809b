"""Cutting XML into pieces: independent of where blocks end, and patient with what Apple writes wrongly."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from indexers.health.apple.markup import Broken, Other, Records, Root, pieces, record_tags, text, tree

XML = (
    b'<?xml version="1.0"?>\n<!DOCTYPE HealthData [\n<!ELEMENT Record EMPTY>\n<!ATTLIST Broken\n]>\n'
    b'<HealthData locale="de">\n <ExportDate value="x"/>\n <Record type="A" note="a &gt; b > c"/>\n'
    b' <Record type="B">\n  <MetadataEntry key="k" value="v"/>\n </Record>\n <!-- <Workout> -->\n'
    b' <Workout a="1">\n  <Record type="inside"/>\n </Workout>\n'
    b' <Record type="C">\n  <HeartRateVariabilityMetadataList>\n   <InstantaneousBeatsPerMinute bpm="1" time="2"/>\n'
    b"  </HeartRateVariabilityMetadataList>\n </Record>\n <Record type='D' />\n <Strange/>\n"
    b"</HealthData>\n<Record after/>"
)


def cut(xml: bytes, size: int) -> tuple[list[str], list[Other | Broken | Root]]:
    """The types of the Records, and all other pieces, of an XML that comes in blocks of a size."""
    found = list(pieces(xml[at : at + size] for at in range(0, len(xml), size)))
    tags = [tag for piece in found if isinstance(piece, Records) for tag in record_tags(piece.data)]
    return [tag["type"] if tag else "broken" for tag in tags], [
        piece for piece in found if not isinstance(piece, Records)
    ]


def test_pieces_in_order() -> None:
    types, others = cut(XML, len(XML))
    assert types == ["A", "B", "C", "D"]
    assert [piece.name if isinstance(piece, Other) else piece for piece in others] == [
        Root(opened=True),
        "ExportDate",
        "Workout",
        "Strange",
        Root(opened=False),
    ]


@given(size=st.integers(1, len(XML)))
def test_blocks_may_end_anywhere(size: int) -> None:
    assert cut(XML, size) == cut(XML, len(XML))


def test_no_root_no_pieces() -> None:
    assert list(pieces([b"<!DOCTYPE HealthData [", b"<!ELEMENT HealthData EMPTY>"])) == []
    assert list(pieces([])) == []


def test_an_element_that_never_ends_is_broken_once_and_the_rest_goes_on() -> None:
    types, others = cut(b'<HealthData><Workout a="1"><Record type="A"/></HealthData>', 7)
    assert types == ["A"]
    assert others == [Root(opened=True), Broken(name="Workout"), Root(opened=False)]


def test_many_unclosed_elements_end_the_reading() -> None:
    xml = b"<HealthData>" + b"".join(b"<N%d>" % number for number in range(5_000)) + b"</HealthData>"
    assert sum(isinstance(piece, Broken) for piece in pieces([xml])) == 1_001


def test_memory_does_not_grow_with_the_stream() -> None:
    block = b' <Record type="A" sourceName="S" unit="u" value="1"/>\n' * 5_000

    def stream(blocks: int) -> Iterator[bytes]:
        yield b"<HealthData>"
        for _ in range(blocks):
            yield block + b"<Workout>"[: len(block) % 3]

    def peak(blocks: int) -> int:
        tracemalloc.start()
        for _ in pieces(stream(blocks)):
            continue
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(80) < peak(8) * 1.2


def test_repair_of_what_apple_wrote() -> None:
    """iOS 16: two startDates in one tag; vertical tabs in text; a bare ampersand."""
    element = tree(b'<A startDate="1" startDate="2" note="x\x0by &#11; R&D &amp; &lt;"/>')
    assert element is not None
    assert element.attrib == {"startDate": "1", "endDate": "2", "note": "xy  R&D & <"}


def test_what_cannot_be_repaired_is_none() -> None:
    assert tree(b"<A><B></A>") is None
    assert tree(b"<A>" + b"<B/>" * 70_000 + b"</A>") is None


def test_attributes_in_any_order_and_quoting() -> None:
    (tag,) = record_tags(b"<Record value='1'\n type = \"T\" startDate='a' startDate='b'/>")
    assert tag == {"value": "1", "type": "T", "startDate": "a", "endDate": "b"}


def test_text_folds_spaces_and_resolves_entities() -> None:
    assert text("Robin’s\N{NO-BREAK SPACE}&lt;Watch&gt;&#10; &amp;\x00 Co\x0b".encode()) == "Robin’s <Watch> & Co"
    assert text(b"\xff") == "\N{REPLACEMENT CHARACTER}"
