"""Keyed archives read by need, held against the standard library's property lists."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.attributed import link_preview
from indexers.messages.apple.reading.bodies import preview
from indexers.messages.apple.reading.keyed import Damaged, KeyedArchive

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)


@given(texts, texts, texts, st.integers(0, 400))
@settings(deadline=None)
def test_texts_are_what_the_property_list_holds(url: str, title: str, summary: str, more: int) -> None:
    archive = plistlib.loads(link_preview(url=url, title=title, summary=summary))
    archive["$objects"] += list(range(more))  # references of one byte and of two
    found = preview(plistlib.dumps(archive, fmt=plistlib.FMT_BINARY))
    assert found == tuple("" if text == "$null" else " ".join(text.split()) for text in (url, title, summary))


@pytest.mark.parametrize(
    "value", [["a"], {"a": 1}, {"$objects": [], "$top": 3}, {"$objects": {}, "$top": {}}, "text", 7]
)
def test_another_property_list_is_damaged(value: list[str] | dict[str, object] | str | int) -> None:
    with pytest.raises(Damaged):
        KeyedArchive(plistlib.dumps(value, fmt=plistlib.FMT_BINARY))


def test_a_root_that_names_no_object_is_damaged() -> None:
    data = plistlib.dumps({"$objects": ["$null"], "$top": {"root": plistlib.UID(9)}}, fmt=plistlib.FMT_BINARY)
    with pytest.raises(Damaged, match="outside itself"):
        KeyedArchive(data)


def test_a_preview_that_points_in_circles_ends() -> None:
    objects = ["$null", {"richLinkMetadata": plistlib.UID(1), "title": plistlib.UID(1), "URL": plistlib.UID(1)}]
    archive = {"$objects": objects, "$top": {"root": plistlib.UID(1)}}
    assert preview(plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)) == ("", "", "")


@given(st.data())
@settings(deadline=None)
def test_damage_is_an_error_of_our_own_or_harmless(data: st.DataObject) -> None:
    blob = bytearray(link_preview(url="https://example.org/a", title="A title", summary="and more"))
    for at in data.draw(st.lists(st.integers(0, len(blob) - 1), max_size=5)):
        blob[at] = data.draw(st.integers(0, 255))
    found = preview(bytes(blob[: data.draw(st.integers(0, len(blob)))]))
    assert all(isinstance(text, str) for text in found)


@given(st.binary(max_size=200))
def test_noise_is_nothing(noise: bytes) -> None:
    assert preview(b"bplist00" + noise) == ("", "", "")
