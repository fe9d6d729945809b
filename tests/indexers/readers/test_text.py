"""Text of any encoding, Markdown, JSON, RTF."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.readers.block import Block
from indexers.readers.text import (
    decode,
    looks_like_text,
    read_code,
    read_json,
    read_json_lines,
    read_markdown,
    read_rtf,
    read_text,
)

PROSE = "Für die Wohnung in Überlingen wurde die Kaution am 3. März überwiesen; die Schlüssel gab Herr Jäger."
RUSSIAN = "Договор аренды квартиры подписан третьего марта, ключи переданы вечером, оплата производится каждый месяц."
JAPANESE = "賃貸契約書は三月三日に署名されました。鍵は夕方に渡され、家賃は毎月支払われます。保証金は返還されます。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((PROSE, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "utf-16"),
        ("plain", "ascii"),
    ],
)
def test_any_encoding_is_told(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert looks_like_text(data)
    assert decode(data) == text


@given(st.binary(max_size=200))
def test_decoding_never_fails(data: bytes) -> None:
    assert isinstance(decode(data), str)


@given(st.text(alphabet="ab é字\n\t", max_size=4_000))
def test_plain_text_is_kept_whole_with_its_lines(text: str) -> None:
    blocks = read_text(text.encode()).blocks
    assert "".join(block.glue + block.text for block in blocks) == text
    lines = text.splitlines(keepends=True)
    for block in blocks:
        assert block.mark is not None
        first, _, last = block.mark.label.partition("-")
        assert "".join(lines[int(first) - 1 : int(last or first)]) == block.text


def test_code_is_code() -> None:
    (block,) = read_code(b"def rent() -> int:\n    return 871\n").blocks
    assert (block.kind, block.anchor) == ("code", "line=1")


def shape(blocks: list[Block]) -> list[tuple[str, tuple[str, ...], str, str]]:
    return [(b.kind, b.headings, b.mark.label if b.mark else "", b.text) for b in blocks]


def test_markdown_golden() -> None:
    text = (
        "---\ntitle: 'House book'\nauthor: Mara\ndate: 2024-05-06\n---\n"
        "intro\n\n# House\n\nwords # not a heading\n\n```\n# in code\n```\n\nRooms\n-----\n\n"
        "| Room | m² |\n|:-----|---:|\n| Bath | 7 |\n| Hall | 4 \\| 5 |\n\n### Walls ###\n\nwhite\n"
    )
    reading = read_markdown(text.encode())
    assert (reading.title, reading.author, str(reading.modified_at)) == (
        "House book",
        "Mara",
        "2024-05-06 00:00:00+00:00",
    )
    assert shape(list(reading.blocks)) == [
        ("form", (), "2-4", "title: 'House book'\nauthor: Mara\ndate: 2024-05-06\n"),
        ("prose", (), "6-7", "intro\n\n"),
        ("heading", ("House",), "8", "# House\n"),
        ("prose", ("House",), "9-15", "\nwords # not a heading\n\n```\n# in code\n```\n\n"),
        ("heading", ("House", "Rooms"), "16-17", "Rooms\n-----\n"),
        ("prose", ("House", "Rooms"), "18", "\n"),
        ("table", ("House", "Rooms"), "19-22", "Bath | 7\nHall | 4 | 5"),
        ("prose", ("House", "Rooms"), "23", "\n"),
        ("heading", ("House", "Rooms", "Walls"), "24", "### Walls ###\n"),
        ("prose", ("House", "Rooms", "Walls"), "25-26", "\nwhite\n"),
    ]


def test_a_rule_is_no_front_matter_and_no_heading() -> None:
    blocks = list(read_markdown(b"---\nno end of it\n\n- item\n---\n").blocks)
    assert [block.kind for block in blocks] == ["prose"]


def test_json_becomes_paths_and_values() -> None:
    data = json.dumps([{"name": "Ines", "tags": ["a", "b"], "of": {"year": 2024, "paid": True, "none": None}}, "loose"])
    first, second = read_json(data.encode()).blocks
    assert first.text == "name: Ines\ntags[0]: a\ntags[1]: b\nof.year: 2024\nof.paid: true"
    assert second.text == "loose"


@pytest.mark.parametrize("data", [b"{broken", b"[" * 100_000, b"[1" + b"0" * 5_000 + b"]"])
def test_json_that_does_not_parse_stays_text(data: bytes) -> None:
    blocks = read_json(data).blocks
    assert "".join(block.text for block in blocks).encode() == data


def test_json_lines_are_records_with_line_numbers() -> None:
    blocks = read_json_lines(b'{"a": 1}\n\nnot json\n').blocks
    assert [(block.text, block.anchor) for block in blocks if block.text] == [
        ("a: 1", "line=1"),
        ("not json", "line=3"),
    ]


def test_rtf_says_its_text_and_properties() -> None:
    data = rb"{\rtf1\ansi{\info{\title Lease}{\author Ines}}\b Rent\b0\par It is 871 \u8364?.\par}"
    reading = read_rtf(data)
    assert (reading.title, reading.author) == ("Lease", "Ines")
    assert "".join(block.text for block in reading.blocks).split("\n")[:2] == ["Rent", "It is 871 €."]
