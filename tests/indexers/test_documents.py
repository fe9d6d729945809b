"""The documents source: what it sees, what it leaves alone, and that it keeps the contract."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.documents import FORMS, Page, Paper, papers, render, write
from indexers.contract import check_source
from indexers.documents import Documents
from indexers.documents import source as source_module
from indexers.documents.load import load
from indexers.documents.place import id_of, path_of
from indexers.documents.walk import is_dataless
from indexers.readers.block import Unreadable
from indexers.record import Section, Skipped
from indexers.source import Item, Options, SourceUnavailable


def documents(folder: Path, **options: object) -> Documents:
    given: Options = options
    return Documents(name="papers", path=folder, options=given)


def scanned(folder: Path, **options: object) -> list[str]:
    """The paths of all items, relative to the folder."""
    return [
        os.path.relpath(path_of(entry.id), folder)
        for entry in documents(folder, **options).scan()
        if isinstance(entry, Item)
    ]


def read_one(folder: Path, name: str) -> list[object]:
    source = documents(folder)
    (item,) = [i for i in source.scan() if isinstance(i, Item) and path_of(i.id).endswith(name)]
    return list(source.read(item))


def only_skipped(folder: Path, name: str) -> Skipped:
    (found,) = read_one(folder, name)
    assert isinstance(found, Skipped)
    return found


def put(folder: Path, *names: str, text: str = "a few words of text") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


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


def test_noise_is_not_seen(tmp_path: Path) -> None:
    put(tmp_path, "note.txt", "a/letter.md", "build/house.txt")
    put(
        tmp_path,
        "node_modules/x.md",
        "a/__pycache__/y.txt",
        "a/.git/config",
        "App.app/Contents/i.txt",
        "P.photoslibrary/x.txt",
    )
    put(tmp_path, "~$note.docx", ".DS_Store", "film.crdownload", "half.part", ".~lock.a.odt#", "copy.txt~")
    put(tmp_path, ".hidden/secret.txt", ".profile.txt")
    put(tmp_path, "project/Cargo.toml", "project/target/out.txt", "project/build/out.txt", "project/src.rs")
    put(tmp_path, "cache/CACHEDIR.TAG", "cache/c.txt")
    assert scanned(tmp_path) == ["note.txt", "a/letter.md", "build/house.txt", "project/Cargo.toml", "project/src.rs"]
    assert ".hidden/secret.txt" in scanned(tmp_path, hidden=True)
    assert "a/.git/config" not in scanned(tmp_path, hidden=True)


def test_gitignore_is_honoured_innermost_first(tmp_path: Path) -> None:
    put(tmp_path, "keep.txt", "a.log", "sub/b.log", "sub/c.log", "skipped/d.txt", "sub/deep/e.txt")
    (tmp_path / ".gitignore").write_text("*.log\n/skipped/\n!\n")
    (tmp_path / "sub" / ".gitignore").write_text("!b.log\ndeep/*\n")
    assert scanned(tmp_path) == ["keep.txt", "sub/b.log"]


def test_include_and_exclude(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "b.md", "letters/c.md", "letters/old/d.md")
    assert scanned(tmp_path, include=["*.md"]) == ["b.md", "letters/c.md", "letters/old/d.md"]
    assert scanned(tmp_path, include=["*.md"], exclude=["old/"]) == ["b.md", "letters/c.md"]
    assert scanned(tmp_path, exclude=["/letters/"]) == ["a.txt", "b.md"]


@pytest.mark.parametrize(
    "options", [{"depth": 3}, {"hidden": "yes"}, {"include": "*.md"}, {"exclude": ["!"]}, {"include": [3]}]
)
def test_wrong_options_say_the_remedy(tmp_path: Path, options: Options) -> None:
    with pytest.raises(ValueError, match=r"documents know|hidden is|list of patterns|exclude:"):
        Documents(name="papers", path=tmp_path, options=options)


SECRETS = {
    "id_rsa": b"anything",
    "vault.kdbx": b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5",
    ".env": b"TOKEN=1",
    ".env.local": b"TOKEN=1",
    "notes.txt": b"Bag Attributes\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n",
    "armoured.txt": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n",
    "export.csv": b"name,url,username,password\nx,https://x,me,hunter2\n",
    "export2.csv": b'\xef\xbb\xbf"Group","Title","Username","Password","URL"\n',
    "vault.json": b'{"encrypted": false, "items": [{"login": {"username": "me", "password": "x"}}]}',
    "keepass.xml": b"<?xml version='1.0'?>\n<KeePassFile><Root/></KeePassFile>",
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_reported_and_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SECRETS[name])
    found = only_skipped(tmp_path, name)
    assert found.outcome == "secret"
    assert "hunter2" not in found.why


@pytest.mark.parametrize("name", [".env.example", "passwords-policy.csv", "rsa.md"])
def test_what_only_speaks_of_secrets_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"topic,rule\npassword,long\n\nssh-keygen writes BEGIN PRIVATE KEY lines")
    assert any(
        isinstance(record, Section)
        for source in [documents(tmp_path, hidden=True)]
        for item in source.scan()
        if isinstance(item, Item)
        for record in source.read(item)
    )


def test_links_pipes_and_sockets_are_not_followed_or_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "far.txt")
    folder = tmp_path / "inside"
    put(folder, "near.txt")
    (folder / "link.txt").symlink_to(outside / "far.txt")
    (folder / "links").symlink_to(outside)
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "sock.txt"))
        assert scanned(folder) == ["near.txt", "pipe.txt", "sock.txt"]
        for name in ("pipe.txt", "sock.txt"):
            assert only_skipped(folder, name).outcome == "unsupported"


def test_a_link_put_in_the_way_after_the_scan_leads_nowhere(tmp_path: Path) -> None:
    put(tmp_path / "outside", "a.txt", text="not ours")
    folder = tmp_path / "inside"
    put(folder, "sub/a.txt")
    source = documents(folder)
    (item,) = source.scan()
    assert isinstance(item, Item)
    (folder / "sub").rename(folder / "moved")
    (folder / "sub").symlink_to(tmp_path / "outside")
    (found,) = source.read(item)
    assert isinstance(found, Skipped)
    with pytest.raises(Unreadable, match="outside"):
        load(folder, str(tmp_path / "outside" / "a.txt"))


def test_a_rename_keeps_the_identity_and_an_edit_changes_the_fingerprint(tmp_path: Path) -> None:
    put(tmp_path, "one.txt")
    (before,) = documents(tmp_path).scan()
    (tmp_path / "one.txt").rename(tmp_path / "two.txt")
    (moved,) = documents(tmp_path).scan()
    assert isinstance(before, Item)
    assert isinstance(moved, Item)
    assert (moved.identity, moved.fingerprint) == (before.identity, before.fingerprint)
    assert moved.id != before.id
    put(tmp_path, "two.txt", text="something longer than before, at another time")
    (edited,) = documents(tmp_path).scan()
    assert isinstance(edited, Item)
    assert edited.fingerprint != moved.fingerprint
    assert edited.size == (tmp_path / "two.txt").stat().st_size


def test_a_missing_root_forgets_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="mount its volume"):
        list(documents(tmp_path / "gone").scan())


def test_an_empty_mount_point_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexers.documents.walk._MOUNT_PARENTS", (f"{tmp_path}/",))
    (tmp_path / "stick").mkdir()
    with pytest.raises(SourceUnavailable, match="mount"):
        list(documents(tmp_path / "stick").scan())
    put(tmp_path / "stick", "a.txt")
    assert scanned(tmp_path / "stick") == ["a.txt"]


def test_a_root_that_goes_away_during_the_walk_forgets_nothing(tmp_path: Path) -> None:
    put(tmp_path / "root", "a.txt", "b.txt")
    walk = documents(tmp_path / "root").scan()
    next(walk)
    (tmp_path / "root").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceUnavailable):
        list(walk)


def test_an_emptied_folder_is_empty_and_a_single_file_is_a_root(tmp_path: Path) -> None:
    assert scanned(tmp_path) == []
    put(tmp_path, "only.txt")
    (item,) = documents(tmp_path / "only.txt").scan()
    assert isinstance(item, Item)
    (section,) = documents(tmp_path / "only.txt").read(item)
    assert isinstance(section, Section)


def test_a_folder_without_permission_guards_what_is_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "locked/a.txt", "open.txt")
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)  # the suite may run as root, whom no mode stops
    found = list(documents(tmp_path).scan())
    (skipped,) = [entry for entry in found if isinstance(entry, Skipped)]
    assert skipped.where == f"{tmp_path}/locked/"
    assert skipped.outcome == "no_permission"
    assert [entry.id for entry in found if isinstance(entry, Item)] == [f"{tmp_path}/open.txt"]


def test_cloud_only_files_are_named_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "evicted.pdf", "here.txt")
    monkeypatch.setattr(
        "indexers.documents.walk.is_dataless",
        lambda status, *, platform: status.st_ino == (tmp_path / "evicted.pdf").stat().st_ino,
    )
    first, second = documents(tmp_path).scan()
    assert isinstance(first, Skipped)
    assert (first.outcome, first.where) == ("cloud_only", f"{tmp_path}/evicted.pdf")
    assert isinstance(second, Item)
    opened: list[str] = []
    monkeypatch.setattr("indexers.documents.load._open_below", lambda root, path: opened.append(path))
    monkeypatch.setattr("indexers.documents.walk.is_dataless", lambda status, *, platform: True)
    (found,) = documents(tmp_path).read(second)  # evicted between scan and read
    assert isinstance(found, Skipped)
    assert found.outcome == "cloud_only"
    assert opened == []


class Status:
    def __init__(self, *, flags: int, blocks: int, size: int) -> None:
        self.st_flags, self.st_blocks, self.st_size = flags, blocks, size


@pytest.mark.parametrize(
    ("flags", "blocks", "size", "platform", "expected"),
    [
        (0x40000000, 0, 10, "darwin", True),
        (0x40000000, 8, 10, "linux", True),
        (0, 0, 10, "darwin", True),
        (0x20, 0, 10, "darwin", False),
        (0, 0, 10, "linux", False),
        (0, 8, 10, "darwin", False),
        (0, 0, 0, "darwin", False),
    ],
)
def test_dataless_files_are_told_by_flag_or_by_blocks(
    flags: int, blocks: int, size: int, platform: str, *, expected: bool
) -> None:
    assert is_dataless(Status(flags=flags, blocks=blocks, size=size), platform=platform) is expected  # type: ignore[arg-type]


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
