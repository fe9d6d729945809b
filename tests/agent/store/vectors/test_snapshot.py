"""A sealed folder comes back exactly, or not at all."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.vectors import snapshot
from agent.store.vectors.snapshot import Unsealable

KEY = bytes(range(32))
HEADER = {"model": "m", "seq": 7}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    (folder / "chroma.sqlite3").write_bytes(b"canary vector " * 1000)
    (folder / "deep").mkdir()
    (folder / "deep" / "data_level0.bin").write_bytes(bytes(range(256)) * 10_000)  # more than two chunks
    (folder / "deep" / "empty").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def sealed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sealed") / "index.sealed"
    assert snapshot.seal(folder, target, KEY, HEADER) == target.stat().st_size
    return target


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_it_comes_back_byte_for_byte(folder: Path, sealed: Path, tmp_path: Path) -> None:
    assert snapshot.unseal(sealed, tmp_path, KEY) == HEADER
    assert contents(tmp_path) == contents(folder)
    assert snapshot.read_header(sealed) == HEADER
    assert sealed.stat().st_mode & 0o077 == 0
    assert b"canary" not in sealed.read_bytes()


def test_two_seals_of_one_folder_share_no_byte_run(folder: Path, sealed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    snapshot.seal(folder, other, KEY, HEADER)
    skip = len(sealed.read_bytes()) // 2
    assert sealed.read_bytes()[skip : skip + 64] != other.read_bytes()[skip : skip + 64]


def refused(data: bytes, tmp_path: Path, key: bytes = KEY) -> None:
    file = tmp_path / "changed"
    file.write_bytes(data)
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    with pytest.raises(Unsealable):
        snapshot.unseal(file, out, key)


def test_another_key_opens_nothing(sealed: Path, tmp_path: Path) -> None:
    refused(sealed.read_bytes(), tmp_path, bytes(32))
    assert not any((tmp_path / "out").iterdir())


@settings(deadline=None, max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(
    place: float, bit: int, sealed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(sealed.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    refused(bytes(data), tmp_path_factory.mktemp("flip"))


@pytest.mark.parametrize("at", range(60))
def test_any_flipped_bit_of_the_head_is_refused(at: int, sealed: Path, tmp_path: Path) -> None:
    data = bytearray(sealed.read_bytes())
    data[at] ^= 1
    refused(bytes(data), tmp_path)


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_refused(share: float, sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = sealed.read_bytes()
    refused(data[: int(share * len(data))], tmp_path_factory.mktemp("cut"))


def parts(data: bytes) -> tuple[bytes, list[bytes]]:
    """The head with its prefix, and the chunks with their lengths."""
    (length,) = struct.unpack_from("<I", data, 4)
    at = 8 + length + 7
    head, chunks = data[:at], []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        chunks.append(data[at : at + 4 + size])
        at += 4 + size
    return head, chunks


def test_whole_chunks_cannot_be_dropped_swapped_or_appended(sealed: Path, tmp_path: Path) -> None:
    head, chunks = parts(sealed.read_bytes())
    assert len(chunks) >= 3
    refused(head + b"".join(chunks[:-1]), tmp_path)
    refused(head + b"".join(chunks[1:]), tmp_path)
    refused(head + b"".join([chunks[1], chunks[0], *chunks[2:]]), tmp_path)
    refused(head + b"".join([*chunks, chunks[-1]]), tmp_path)
    refused(head, tmp_path)


def test_a_header_cannot_be_exchanged(folder: Path, sealed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    snapshot.seal(folder, other, KEY, {"model": "m", "seq": 8})
    mine, theirs = parts(sealed.read_bytes()), parts(other.read_bytes())
    refused(theirs[0] + b"".join(mine[1]), tmp_path)


def test_a_seal_that_fails_leaves_the_old_one_and_no_rest(folder: Path, sealed: Path, tmp_path: Path) -> None:
    target = tmp_path / "index.sealed"
    target.write_bytes(b"the old one")
    (tmp_path / "gone").mkdir()
    with pytest.raises(OSError):
        snapshot.seal(tmp_path / "missing", target, KEY, HEADER)
    assert target.read_bytes() == b"the old one"
    assert not (tmp_path / "index.sealed.new").exists()


@pytest.mark.parametrize("data", [b"", b"HB", b"HBS1", b"HBS1\xff\xff\xff\xff", b"HBS1\x02\x00\x00\x00[]" + bytes(40)])
def test_what_is_no_snapshot_is_refused(data: bytes, tmp_path: Path) -> None:
    refused(data, tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_what_we_never_seal_is_never_unpacked(name: str, tmp_path: Path) -> None:
    """Though nobody without the key can make such a file."""
    member = tarfile.TarInfo(str(tmp_path / "outside") if name == "/outside" else name)
    if name == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member, io.BytesIO())
    packed.seek(0)
    folder = tmp_path / "in"
    folder.mkdir()
    with tarfile.open(fileobj=packed) as archive, pytest.raises(tarfile.TarError):
        snapshot._unpack(archive, member, folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]
