"""Documents as passages: each fits the embedder's window by its own tokenizer, and an edit moves few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from agent.demo.documents import FORMS, Page, Paper, papers, write
from agent.errors import ModelError
from agent.ingest.chunk import Cut, cut
from agent.models.library import Library, default_folder
from agent.models.resident import Resident
from indexers.documents import Documents
from indexers.record import Section, Span
from indexers.source import Item

WINDOW = 240
Count = Callable[[str], int]
EMBEDDER = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> Count:
    """The tokens of the embedder that the product uses."""
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    try:
        return Resident(Library(default_folder()), folder).embedder().count_tokens
    except ModelError as error:
        pytest.skip(f"{error.problem}: run homebody-models install")


def chunked(sections: Sequence[Section], count: Count) -> Cut:
    return cut(sections, item="/papers/x", path="/papers/x", zone=UTC, count=count)


def check(sections: Sequence[Section], count: Count) -> Cut:
    """Hold the passages of some sections against the rules; returns them."""
    made = chunked(sections, count)
    assert len({chunk.place for chunk in made.chunks}) == len(made.chunks)
    for block in made.blocks:
        assert count(block.text) <= WINDOW, f"{count(block.text)} tokens"
    chunks = iter(made.chunks)
    for section in sections:
        left, at = section.text, 0
        while left.strip():
            chunk = next(chunks)
            start = section.text.index(chunk.text, at)
            assert not section.text[at:start].strip(), "no word is lost between two passages"
            at, left = start + len(chunk.text), section.text[start + len(chunk.text) :]
            for kind, label, first, last in chunk.spans:
                assert 0 <= first < last <= len(chunk.text)
                assert Span(kind=kind, label=label, start=0, end=0) in [  # type: ignore[arg-type] # as the section has it
                    replace(span, start=0, end=0)
                    for span in section.spans
                    if span.start <= start + first and span.end >= start + last
                ]
            if section.spans and all(section.text[a.end : b.start].strip() == "" for a, b in pairs(section.spans)):
                assert chunk.spans, "a passage of a paged document knows its page"
    assert next(chunks, None) is None
    return made


def pairs(spans: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    yield from pairwise(spans)


@pytest.mark.models
@pytest.mark.parametrize("form", FORMS)
def test_passages_of_every_form_fit_the_window_with_exact_offsets(tmp_path: Path, form: str, count: Count) -> None:
    made = []
    for paper in papers(21, 4):
        page = paper.pages[0]
        table = (*page.table, *(row for n in range(60) for row in [(f"lamp no. {n}. Used", str(n), f"{n}.50")]))
        long = replace(page, paragraphs=page.paragraphs * 12, table=table)
        made.append(replace(paper, pages=(long, *paper.pages[1:])))
    write(tmp_path, [(paper, form) for paper in made])
    source = Documents(name="papers", path=tmp_path, options={})
    for item in source.scan():
        assert isinstance(item, Item)
        sections = [record for record in source.read(item) if isinstance(record, Section)]
        assert check(sections, count).chunks


LONG = "Die Donaudampfschifffahrtsgesellschaft meldet einen Gewinn von 1.234.567,89 Euro. "
HARD = {
    "no space": "x" * 9_000,
    "no sense": "".join(chr(0x4E00 + n % 5_000) for n in range(6_000)),
    "signs": "!?" * 4_000,
    "emoji": "👨‍👩‍👧‍👦" * 900,
    "one line": LONG * 90,
    "short lines": "\n".join(f"{n}." for n in range(2_000)),
    "paragraphs": "\n\n".join(LONG * (1 + n % 7) for n in range(60)),
    "blank": "a" + "\n \n\t\n" * 900 + "b",
    "combining": "e\u0301\u0323" * 3_000,
}


@pytest.mark.models
@pytest.mark.parametrize("kind", ["prose", "table", "code"])
@pytest.mark.parametrize("name", HARD)
def test_passages_of_hard_text_fit_the_window(name: str, kind: str, count: Count) -> None:
    text = HARD[name].strip()
    middle = len(text) // 2
    spans = (
        Span(kind="page", label="1", start=0, end=middle),
        Span(kind="page", label="2", start=middle, end=len(text)),
    )
    section = Section(id="a", document="", title="T", text=text, spans=spans, kind=kind)  # type: ignore[arg-type] # a literal
    check([section], count)


@pytest.mark.models
def test_long_titles_headings_and_table_heads_leave_room_for_text(count: Count) -> None:
    deep = tuple(f"{n}. {LONG}" for n in range(9))
    head = " | ".join(f"column number {n} of the list" for n in range(90))
    rows = "\n".join(" | ".join(f"{n}-{m}" for m in range(90)) for n in range(12))
    check(
        [
            Section(id="a", document="", title=LONG * 3, headings=deep, text=LONG * 40),
            Section(id="b", document="", title="List", text=f"{head}\n{rows}", kind="table"),
        ],
        count,
    )


@pytest.mark.models
def test_tables_are_cut_between_rows_with_the_header_before_each_passage(count: Count) -> None:
    head = "Item | Remark | Price"
    rows = [f"lamp no. {n} | Bought in May. Broken. See p. {n} | {n}.50 EUR" for n in range(90)]
    section = Section(id="a", document="", title="Inventory", text="\n".join([head, *rows]), kind="table")
    made = check([section], count)
    assert len(made.chunks) > 5
    for chunk, block in zip(made.chunks, made.blocks, strict=True):
        assert block.text.count(head) == 1
        assert all(line in rows or line == head for line in chunk.text.split("\n"))


@pytest.mark.models
def test_a_paragraph_inserted_into_two_hundred_changes_three_blocks_at_most(count: Count) -> None:
    chance = Random(8)
    told = [paragraph for paper in papers(30, 80) for page in paper.pages for paragraph in page.paragraphs]
    most = 0
    for _ in range(20):
        paragraphs = [" ".join(chance.sample(told, chance.randint(1, 3))) for _ in range(200)]
        at = chance.randrange(201)
        edited = [*paragraphs[:at], "A paragraph that was not there before, about the harvest.", *paragraphs[at:]]
        before, after = (
            chunked([Section(id="a", document="", title="Diary", text="\n\n".join(text))], count)
            for text in (paragraphs, edited)
        )
        fresh = {block.text for block in after.blocks} - {block.text for block in before.blocks}
        moved = {chunk.place for chunk in after.chunks} - {chunk.place for chunk in before.chunks}
        most = max(most, len(fresh), len(moved))
    assert most <= 3


@pytest.mark.models
def test_passages_are_filled_well(count: Count) -> None:
    paragraphs = [paragraph for paper in papers(31, 80) for page in paper.pages for paragraph in page.paragraphs]
    made = chunked([Section(id="a", document="", title="Diary", text="\n\n".join(paragraphs))], count)
    mean = sum(count(block.text) for block in made.blocks) / len(made.blocks)
    assert mean >= 0.55 * WINDOW


def test_a_page_and_a_sheet_keep_their_names(tmp_path: Path) -> None:
    page = Page(heading="Rent", paragraphs=("The rent is 871 euros.",), table=(("Item", "Price"), ("lamp", "19.5")))
    write(tmp_path, [(Paper(name="p", title="P", pages=(page,)), form) for form in ("pdf", "xlsx")])
    source = Documents(name="papers", path=tmp_path, options={})
    labels = set()
    for item in source.scan():
        assert isinstance(item, Item)
        sections = [record for record in source.read(item) if isinstance(record, Section)]
        labels |= {span[:2] for chunk in chunked(sections, len).chunks for span in chunk.spans}
    assert {kind for kind, _ in labels} == {"page", "cells"}


def test_a_word_that_a_line_end_breaks_is_found_whole_and_quoted_as_it_stands() -> None:
    text = "Der Vertrag regelt die Miet\u00ad\nzahlung und die Neben\u00adkosten."
    (chunk,) = chunked([Section(id="a", document="", title="T", text=text)], len).chunks
    assert chunk.text == text
    assert chunk.about.endswith("Mietzahlung Nebenkosten")


def test_a_passage_opens_where_it_begins_and_not_where_its_section_does() -> None:
    pages = [f"This is what page {n} of the diary says about the harvest." for n in range(1, 40)]
    at, spans = 0, []
    for number, text in enumerate(pages, 1):
        spans.append(Span(kind="page", label=str(number), start=at, end=at + len(text)))
        at += len(text) + 2
    section = Section(
        id="a", document="", title="Diary", text="\n\n".join(pages), spans=tuple(spans), locator="#page=1"
    )
    made = chunked([section], len)
    assert len(made.chunks) > 10
    for chunk in made.chunks:
        first = chunk.spans[0][1]
        assert chunk.locator == f"#page={first}"
        assert f"page {first} of the diary" in chunk.text
        assert f"page {first}" in chunk.about


@pytest.mark.parametrize(
    ("kind", "label", "locator", "expected"),
    [
        ("cells", "'House rules'!A1:C5", "#sheet='House rules'!A1:C900", "#sheet='House rules'!A1:C5"),
        ("line", "12-30", "#line=1", "#line=12"),
        ("chapter", "The lamp", "#chapter=2", "#chapter=2"),
        ("page", "3", "", ""),
        ("page", "3", "file:///a.pdf", "file:///a.pdf"),
    ],
)
def test_fragments_of_passages(kind: str, label: str, locator: str, expected: str) -> None:
    span = Span(kind=kind, label=label, start=0, end=5)  # type: ignore[arg-type] # one of its literals
    (chunk,) = chunked(
        [Section(id="a", document="", title="T", text="Words", spans=(span,), locator=locator)], len
    ).chunks
    assert chunk.locator == expected
