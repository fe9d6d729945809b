"""The documents source: what it sees, what it leaves alone, and that it keeps the contract."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.documents import FORMS, Page, Paper, papers, render, write
from indexers.contract import check_source
from indexers.documents import source as source_module
from indexers.documents.place import id_of, path_of
from indexers.record import Section, Skipped
from indexers.source import Item
from tests.papers import documents, only_skipped, put, read_one


def test_every_format_keeps_the_contract_and_says_its_facts(tmp_path: Path) -> None:
    paper = Paper(
        name="lease",
        title="Lease Aldervik",
        pages=(
            Page(
                heading="Rent",
                paragraphs=("The rent is 871 euros.",),
                table=(("Item", "Price"), ("lamp", "19.5")),
                note="Paid by Ines.",
            ),
            Page(
                heading="Keys",
                paragraphs=("Two keys were given to Jonas Weidel.",),
                table=(("Key", "Door"), ("A1", "front")),
            ),
        ),
    )
    write(tmp_path, [(paper, form) for form in FORMS])
    records = check_source(documents(tmp_path))
    assert not [record for record in records if isinstance(record, Skipped)]
    source = documents(tmp_path)
    for item in source.scan():
        assert isinstance(item, Item)
        sections = [record for record in source.read(item) if isinstance(record, Section)]
        text = "\n".join(section.text for section in sections)
        form = item.id.rpartition(".")[2]
        if form in ("csv", "xlsx"):  # sheets have no room for prose
            assert "lamp | 19.5" in text
            continue
        assert "The rent is 871 euros." in text, form
        assert "Jonas Weidel" in text, form
        assert "lamp" in text, form
        assert "Paid by Ines." in text, form
        assert {section.title for section in sections} <= {"Lease Aldervik", "lease.txt"}, form


def test_places_are_named_as_a_reader_would_name_them(tmp_path: Path) -> None:
    paper = next(papers(11, 1))
    assert len(paper.pages) > 1
    write(tmp_path, [(paper, form) for form in ("pdf", "pptx", "xlsx", "epub")])
    expected = {
        "pdf": "#page=2",
        "pptx": "#slide=2",
        "epub": "#chapter=2",
        "xlsx": f"#sheet={paper.pages[1].heading}!A1:C5",
    }
    for form, locator in expected.items():
        sections = [record for record in read_one(tmp_path, form) if isinstance(record, Section)]
        assert locator.replace("House rules", "'House rules'") in {section.locator for section in sections}
        for section in sections:
            assert section.spans, form
            assert all(span.label for span in section.spans)


def test_seeded_papers_are_the_same_bytes_twice() -> None:
    first, second = next(papers(5, 1)), next(papers(5, 1))
    assert first == second != next(papers(6, 1))
    for form in FORMS:
        assert render(first, form) == render(second, form)


def test_a_file_that_vanishes_or_is_empty_or_huge_has_its_outcome(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "b.txt")
    (tmp_path / "empty.txt").touch()
    with (tmp_path / "sparse.bin").open("wb") as sparse:
        sparse.truncate(4 * 2**30)
    source = documents(tmp_path)
    items = [item for item in source.scan() if isinstance(item, Item)]
    (tmp_path / "a.txt").unlink()
    outcomes = {
        Path(item.id).name: [r.outcome if isinstance(r, Skipped) else "ok" for r in source.read(item)] for item in items
    }
    assert outcomes == {"a.txt": ["vanished"], "b.txt": ["ok"], "empty.txt": ["empty"], "sparse.bin": ["too_large"]}


def test_a_file_that_changes_while_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "log.txt")
    real = os.fstat
    left = 0

    def changing(handle: int) -> os.stat_result:
        """The status of a file, which somebody appends to right afterwards."""
        nonlocal left
        status = real(handle)
        if left:
            left -= 1
            with (tmp_path / "log.txt").open("a") as log:
                log.write(" more")
        return status

    monkeypatch.setattr(os, "fstat", changing)
    left = 1
    (section,) = read_one(tmp_path, "log.txt")
    assert isinstance(section, Section)
    assert section.text == "a few words of text more"
    left = 100
    assert only_skipped(tmp_path, "log.txt").outcome == "timed_out"


def test_names_of_any_bytes_are_ids_that_survive_json(tmp_path: Path) -> None:
    raw = [b"line\nbreak.txt", b"back\\slash.txt", b"latin-\xe9.txt", b"esc\x1b[31m.txt", "zürich\u202f1.txt".encode()]
    for name in raw:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_text("some words")
    source = documents(tmp_path)
    items = [item for item in source.scan() if isinstance(item, Item)]
    assert len(items) == len(raw)
    for item in items:
        back = json.loads(json.dumps(item.id)).encode().decode()
        assert back == item.id
        assert "\n" not in item.id
        assert "\x1b" not in item.id
        (section,) = source.read(item)
        assert isinstance(section, Section)
        section.title.encode()
    assert sorted(os.fsencode(path_of(item.id)).rpartition(b"/")[2] for item in items) == sorted(raw)
    check_source(source)


@given(st.binary(max_size=40).map(os.fsdecode), st.binary(max_size=10).map(os.fsdecode))
def test_ids_are_reversible_printable_and_keep_prefixes(path: str, rest: str) -> None:
    item_id = id_of(path)
    assert path_of(item_id) == path
    item_id.encode()
    assert not any(ord(sign) < 32 for sign in item_id)
    joined = os.fsdecode(os.fsencode(path) + b"/" + os.fsencode(rest))
    assert id_of(joined).startswith(id_of(path) + "/")


def test_the_time_is_the_documents_own_or_the_files(tmp_path: Path) -> None:
    put(tmp_path, "plain.txt")
    (tmp_path / "own.md").write_text("---\ndate: 2021-06-07\n---\n# Day\n\nwords\n")
    for name in ("plain.txt", "own.md"):
        os.utime(tmp_path / name, (1_600_000_000, 1_600_000_000))
    times = {
        name: {r.modified_at for r in read_one(tmp_path, name) if isinstance(r, Section)}
        for name in ("plain.txt", "own.md")
    }
    assert times == {
        "plain.txt": {datetime.fromtimestamp(1_600_000_000, UTC)},
        "own.md": {datetime(2021, 6, 7, tzinfo=UTC)},
    }


def test_a_reader_that_fails_unexpectedly_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.txt", text="the owner's words")

    def broken(*_: object, **__: object) -> object:
        raise IndexError("the owner's words")

    monkeypatch.setattr(source_module, "read_document", broken)
    found = only_skipped(tmp_path, "a.txt")
    assert found.outcome == "malformed"
    assert "owner" not in found.why
