"""What exports share: JSON walked in a window, zips opened within bounds, folders listed, addresses told."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexers.messages.export import DayBook, Extent, JsonDocument, Malformed, Member, address, document, links
from indexers.messages.export import archive as archives
from indexers.messages.export import conversation as conversations
from indexers.messages.export.archive import Shelf, members
from indexers.record import Skipped

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=8), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_elements_are_what_json_says_at_the_offsets_told(
    values: list[object], window: int, indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(
        {"head": 12345, "skipped": values, "list": values}, indent=indent, ensure_ascii=ascii_only
    ).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_WINDOW", window)
        read = JsonDocument(io.BytesIO(raw))
        got: list[object] = []
        for key in read.fields():
            if key == "head":
                assert read.word() == "12345"
            elif key == "skipped":
                read.skip()
            else:
                for _ in read.elements():
                    start, content, _ = read.take()
                    assert raw[start : start + len(content)] == content
                    got.append(json.loads(content))
    assert got == values


def test_a_value_larger_than_any_message_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_VALUE", 1 << 20)
    endless = io.BytesIO(b'["' + b"x" * (8 << 20))
    with pytest.raises(Malformed, match="larger"):
        JsonDocument(endless).skip()
    assert endless.tell() < 4 << 20


def test_a_byte_order_mark_is_no_part_of_the_document() -> None:
    assert JsonDocument(io.BytesIO('\ufeff"ä"'.encode())).word() == "ä"


def listed(root: Path) -> tuple[list[Member], list[Skipped]]:
    found = list(members(root, Shelf()))
    return [m for m in found if isinstance(m, Member)], [s for s in found if isinstance(s, Skipped)]


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_days_of_an_entry_are_read_in_any_order_and_after_another(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", x=bytes(range(256)) * 4096, y=b"other")
    (x, y), _ = listed(tmp_path / "a.zip")
    shelf = Shelf()
    for member, start, size in ((x, 700_000, 3), (x, 5, 3), (y, 0, 5), (x, 700_000, 3)):
        expected = b"other" if member == y else bytes((start + n) % 256 for n in range(size))
        assert shelf.read(member, Extent(start, start + size)) == expected
    shelf.close()


def test_an_entry_that_cannot_be_opened_leaves_the_next_readable(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", good=b"fine", bomb=b"\0" * (40 << 20))
    (good, bomb), _ = listed(path)
    shelf = Shelf()
    assert shelf.read(good, Extent(0, 4)) == b"fine"
    with pytest.raises(Malformed, match="unpacks"):
        shelf.read(bomb, Extent(0, 4))
    assert shelf.read(good, Extent(1, 4)) == b"ine"
    shelf.close()


def test_a_locked_entry_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", x=b"secret")
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    (member,), _ = listed(path)
    with pytest.raises(Malformed, match="password") as caught, Shelf().open(member):
        pass
    assert member.skipped(caught.value).outcome == "encrypted"


def test_links_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "far.txt").write_text("x")
    home = tmp_path / "in"
    home.mkdir()
    (home / "near.txt").write_text("x")
    (home / ".hidden.txt").write_text("x")
    (home / "link.txt").symlink_to(tmp_path / "out" / "far.txt")
    (home / "linked").symlink_to(tmp_path / "out")
    assert [member.path.name for member in listed(home)[0]] == ["near.txt"]


def test_too_many_files_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x")
    zipped(tmp_path / "z.zip", **{str(number): b"" for number in range(4)})
    found, skipped = listed(tmp_path)
    assert (len(found), [entry.count for entry in skipped]) == (3, [3])
    assert [entry.outcome for entry in listed(tmp_path / "z.zip")[1]] == ["too_large"]


def test_a_locator_names_file_entry_and_place(tmp_path: Path) -> None:
    member = Member(path=tmp_path / "a b.zip", entry="c&d/_chat.txt", size=1, modified=1)
    assert member.locator("line=3") == f"{tmp_path.as_uri()}/a%20b.zip#entry=c%26d/_chat.txt&line=3"


def test_neighbours_of_a_day_are_one_extent() -> None:
    book = DayBook(Member(path=Path("/x"), size=1, modified=1))
    first, second = date(2023, 1, 13), date(2023, 1, 14)
    for at, day in enumerate((first, first, second, first)):
        book.add(day, b"x", Extent(at * 10, at * 10 + 9, at))
    assert [(day.date, day.extents) for day in book.days()] == [
        (first, (Extent(0, 19, 0), Extent(30, 39, 3))),
        (second, (Extent(20, 29, 2),)),
    ]


def test_a_long_day_is_read_in_pieces_that_start_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_EXTENT", 20)
    book = DayBook(Member(path=Path("/x"), size=1, modified=1))
    for at, starts in enumerate((True, False, False, True, False, True)):
        book.add(date(2023, 1, 13), b"x", Extent(at * 10, at * 10 + 10, at), starts=starts)
    (day,) = book.days()
    assert day.extents == (Extent(0, 30, 0), Extent(30, 50, 3), Extent(50, 60, 5))


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("+49 151 234-5678", "+491512345678"),
        ("+1 (555) 010‑0199", "+15550100199"),
        ("0151 2345678", "01512345678"),
        ("2023", "2023"),
        ("Ann 5", "Ann 5"),
        ("-------- ", "-------- "),
    ],
)
def test_phone_numbers_become_digits(name: str, handle: str) -> None:
    assert address(name) == handle


def test_links_end_before_punctuation_and_come_once() -> None:
    assert links("(see https://a.example/x?y=1), https://a.example/x?y=1 <http://b.example>!") == (
        "https://a.example/x?y=1",
        "http://b.example",
    )
