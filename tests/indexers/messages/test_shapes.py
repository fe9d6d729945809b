"""Shapes say of a body what decoding says, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.attributed import LINK, MENTION, PART, Attribute, Stretch, Url, attributed_string
from indexers.messages.typedstream import AttributedText, Run, Shapes, TypedStreamError, decode, placed
from indexers.messages.typedstream import shapes as module

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
attributes: st.SearchStrategy[dict[str, Attribute]] = st.dictionaries(
    st.sampled_from([PART, MENTION, LINK, "a", "b"]),
    st.one_of(texts, st.integers(-300, 300), st.binary(min_size=2, max_size=4), texts.map(Url)),
    max_size=3,
)
bodies = st.lists(st.tuples(texts, attributes), min_size=1, max_size=4)


def link(before: str, url: str, *, part: int = 0) -> bytes:
    return attributed_string(
        [Stretch(text=before, attributes={PART: part}), Stretch(text=url, attributes={PART: part, LINK: Url(url)})]
    )


def read(shapes: Shapes, blob: bytes) -> AttributedText | None:
    """What `decode` would say of a body of a known shape."""
    found = shapes.filled(blob)
    if found is None:
        return None
    text, lengths, values, shape = found
    attributes = [{**run.attributes, **{key: values[number] for key, number in run.varying}} for run in shape.runs]
    return AttributedText(text, tuple(map(Run, *placed(text, lengths), attributes)))


@given(st.lists(bodies, min_size=2, max_size=8), st.booleans())
@settings(deadline=None)
def test_what_is_known_is_read_as_decoding_reads_it(
    written: list[list[tuple[str, dict[str, Attribute]]]], mutable: bool
) -> None:
    shapes = Shapes()
    for stretches in (*written, *written):
        blob = attributed_string([Stretch(text=text, attributes=said) for text, said in stretches], mutable=mutable)
        assert read(shapes, blob) in (None, decode(blob))
        shapes.learn(blob)
        assert read(shapes, blob) in (None, decode(blob))


@pytest.mark.parametrize("length", [0, 1, 5, 126, 127, 128, 129, 255, 256, 40_000])
def test_one_link_teaches_links_of_every_length(length: int) -> None:
    shapes = Shapes()
    shapes.learn(link("see ", "https://example.org/1"))
    for blob in (link("ü" * length, "https://example.org/other"), link("🎉 see ", "https://" + "x" * (length + 2))):
        found = read(shapes, blob)
        assert found is not None
        assert found == decode(blob)


def test_another_number_of_a_part_is_another_shape() -> None:
    shapes = Shapes()
    shapes.learn(link("see ", "https://example.org/1"))
    other = link("see ", "https://example.org/1", part=1)
    assert read(shapes, other) is None
    shapes.learn(other)
    assert read(shapes, other) == decode(other)


def test_one_text_behind_two_attributes_stays_behind_both() -> None:
    shapes = Shapes()

    def blob(said: str) -> bytes:
        return attributed_string([Stretch(text="x", attributes={"a": said, "b": said})])

    shapes.learn(blob("first"))
    assert read(shapes, blob("second")) in (None, decode(blob("second")))


@given(st.data())
@settings(deadline=None)
def test_damage_is_never_read_otherwise_than_by_decoding(data: st.DataObject) -> None:
    shapes = Shapes()
    whole = link("see the bakery ", "https://example.org/bread")
    shapes.learn(whole)
    blob = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(blob) - 1), max_size=3)):
        blob[at] = data.draw(st.integers(0, 255))
    damaged = bytes(blob[: data.draw(st.integers(0, len(blob)))])
    found = read(shapes, damaged)
    if found is not None:
        try:
            assert found == decode(damaged)
        except TypedStreamError:
            pytest.fail("read what decoding refuses")


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHAPES", 3)
    shapes = Shapes()
    for part in range(5):
        shapes.learn(link("see ", "https://example.org/1", part=part))
    known = [read(shapes, link("go ", "https://example.org/2", part=part)) is not None for part in range(5)]
    assert known == [True, True, True, False, False]
    long = attributed_string([Stretch(text="y" * 9000, attributes={"zz": 1})])
    Shapes().learn(long)
