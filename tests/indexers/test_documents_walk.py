"""What of a folder is seen: noise, secrets, links, clouds and vanished volumes, each as an owner would want it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexers.documents import Documents
from indexers.documents.load import load
from indexers.folder import is_dataless
from indexers.readers.block import Unreadable
from indexers.record import Section, Skipped
from indexers.source import Item, Options, SourceUnavailable
from tests.papers import documents, only_skipped, put, scanned


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
    "logins.json": b"{}",
    "tunnel.conf": b"client\n<cert>\n" + b"MIIB\n" * 2_000 + b"</cert>\n-----BEGIN PRIVATE KEY-----\nMIIB\n",
    "keepass.xml": b"<?xml version='1.0'?>\n<KeePassFile><Root/></KeePassFile>",
    "shop.env": b"TOKEN=1",
    "enpass.json": b'{"items": [{"fields": [{"type": "password", "value": "hunter2"}]}]}',
    "wide.txt": "-----BEGIN PRIVATE KEY-----\nMIIB\n".encode("utf-16"),
    "age.txt": b"# created: 2024\nAGE-SECRET-KEY-1" + b"Q" * 58 + b"\n",
    "credentials": b"[default]\naws_access_key_id = AK\naws_secret_access_key = " + b"x" * 40 + b"\n",
    "cluster.yaml": b"users:\n- user:\n    client-key-data: " + b"LS0t" * 40 + b"\n",
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


def test_a_stub_that_a_cloud_leaves_keeps_what_is_known_of_its_file(tmp_path: Path) -> None:
    put(tmp_path, ".letter.pdf.icloud", "sub/.~$a.docx.icloud", ".icloud", "notes.txt")
    stub, item = documents(tmp_path).scan()
    assert isinstance(stub, Skipped)
    assert (stub.where, stub.outcome) == (f"{tmp_path}/letter.pdf", "cloud_only")
    assert isinstance(item, Item)


def test_a_file_whose_status_cannot_be_had_is_not_taken_for_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.txt", "b.txt", "c.txt")
    real = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry, self.name, self.path = entry, entry.name, entry.path
            self.is_symlink, self.is_dir = entry.is_symlink, entry.is_dir

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            if self.name == "b.txt":
                raise OSError(5, "Input/output error")
            if self.name == "c.txt":
                raise FileNotFoundError(2, "No such file or directory")
            return self._entry.stat(follow_symlinks=follow_symlinks)

    @contextmanager
    def failing(path: str) -> Iterator[list[Entry]]:
        with real(path) as listing:
            yield [Entry(entry) for entry in listing]

    monkeypatch.setattr(os, "scandir", failing)
    first, second = documents(tmp_path).scan()
    assert isinstance(first, Item)
    assert isinstance(second, Skipped)
    assert second.where == f"{tmp_path}/b.txt"


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
