"""A folder sealed into one authenticated file: tar, then AES-256-GCM in chunks (the STREAM construction).

File: magic | u32 header length | header (JSON: what the snapshot belongs to) | 7-byte prefix | chunks, each u32 length +
ciphertext and tag. Nonce = prefix | u32 counter | last flag. The header is authenticated with every chunk, so that an
old, truncated, reordered or foreign file is refused. Source: Hoang, Reyhanitabar, Rogaway, Vizár, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"HBS1"
_CHUNK = 1 << 20
_HEADER_LIMIT = 1 << 16

Header = Mapping[str, object]


class Unsealable(Exception):
    """The file is not an intact snapshot under this key; whatever it indexes must be rebuilt."""


def seal(folder: Path, target: Path, key: bytes, header: Header) -> int:
    """Write `folder` encrypted to `target` in one step (temporary file, fsync, rename); returns its size in bytes."""
    temporary = target.with_name(target.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = _Sealer(file, key, json.dumps(header, sort_keys=True).encode())
            with tarfile.open(fileobj=writer, mode="w|", bufsize=_CHUNK) as archive:
                archive.add(folder, arcname=".")
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return target.stat().st_size


def read_header(source: Path) -> Header:
    """What a snapshot says it is. Not authenticated before `unseal` has read it whole. Raises Unsealable."""
    with source.open("rb") as file:
        return _header(file)[1]


def unseal(source: Path, folder: Path, key: bytes) -> Header:
    """Unpack an intact snapshot into `folder`; returns its header. Raises Unsealable and may leave files behind."""
    with source.open("rb") as file:
        raw, header = _header(file)
        reader = _Opener(file, key, raw)
        try:
            with tarfile.open(fileobj=io.BufferedReader(reader, _CHUNK), mode="r|") as archive:
                for member in archive:
                    _unpack(archive, member, folder)
            reader.drain()
        except (InvalidTag, tarfile.TarError, EOFError, struct.error) as error:
            raise Unsealable(type(error).__name__) from None
    return header


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Make one folder or file for its owner only; there is nothing else in a snapshot of ours.

    `extractall` has the filter that refuses the rest only from Python 3.11.4 on.
    """
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError("a member lies outside")
    if member.isdir():
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        return
    packed = archive.extractfile(member) if member.isreg() else None
    if packed is None:
        raise tarfile.TarError("a member is no file")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(folder / name, flags, 0o600), "wb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)


def _header(file: BinaryIO) -> tuple[bytes, Header]:
    try:
        if file.read(4) != _MAGIC:
            raise Unsealable("not a snapshot")
        (length,) = struct.unpack("<I", file.read(4))
        if length > _HEADER_LIMIT:
            raise Unsealable("header too long")
        raw = file.read(length)
        header = json.loads(raw)
    except (struct.error, ValueError):
        raise Unsealable("header") from None
    if not isinstance(header, dict):
        raise Unsealable("header")
    return raw, header


def _nonce(prefix: bytes, counter: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", counter, last)


class _Sealer(io.RawIOBase):
    """A file that encrypts what is written to it, a chunk at a time."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._header = header
        self._prefix = secrets.token_bytes(7)
        self._counter = 0
        self._buffer = bytearray()
        file.write(_MAGIC + struct.pack("<I", len(header)) + header + self._prefix)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]  # any buffer, as RawIOBase.write promises
        self._buffer += view
        while len(self._buffer) > _CHUNK:
            self._emit(bytes(self._buffer[:_CHUNK]), last=False)
            del self._buffer[:_CHUNK]
        return view.nbytes

    def finish(self) -> None:
        self._emit(bytes(self._buffer), last=True)

    def _emit(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._counter, last=last), chunk, self._header)
        self._file.write(struct.pack("<I", len(sealed)) + sealed)
        self._counter += 1


class _Opener(io.RawIOBase):
    """A file that yields only what has been authenticated; raises InvalidTag at the first byte that was not."""

    def __init__(self, file: BinaryIO, key: bytes, header: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._header = header
        self._prefix = file.read(7)
        self._counter = 0
        self._ready = b""
        self._ahead = file.read(4)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # any buffer, as RawIOBase.readinto promises
        if not self._ready and self._ahead:
            self._ready = self._next()
        taken = self._ready[: view.nbytes]
        view[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def _next(self) -> bytes:
        (length,) = struct.unpack("<I", self._ahead)
        if length > _CHUNK + 16:
            raise InvalidTag
        sealed = self._file.read(length)
        self._ahead = self._file.read(4)
        nonce = _nonce(self._prefix, self._counter, last=not self._ahead)
        self._counter += 1
        return self._cipher.decrypt(nonce, sealed, self._header)

    def drain(self) -> None:
        """Read on to the end: tar stops at its own end mark, authentication must not."""
        if not self._counter and not self._ahead:
            raise InvalidTag
        while self._ahead:
            self._next()
