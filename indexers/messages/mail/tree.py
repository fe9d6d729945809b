"""Folders of mail: .eml files, Maildirs, Apple Mail's .emlx trees and mbox files, found by walking, told by name."""

from __future__ import annotations

import os
import plistlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from indexers.messages.mail.letter import Envelope
from indexers.messages.mail.mbox import is_mbox
from indexers.record import Skipped

Kind = Literal["eml", "maildir", "emlx", "mbox"]

_MAX_DEPTH = 64
_PARTIAL = ".partial.emlx"
_MBOX_NAMES = frozenset({"", ".mbox", ".mbx", ".mboxrd"})
_FLAGS = re.compile(r"[:;!]2,.*$")
_COUNT = re.compile(rb"\s*(\d{1,12})\s*\n")
_NOT_MAIL = frozenset({"MailData", "tmp", "RSS"})
_APPLE_EPOCH = 978_307_200


@dataclass(frozen=True, slots=True)
class Found:
    """One file of mail. `id` outlives what its program does to the name; `mailbox` is the folder the owner sees."""

    id: str
    kind: Kind
    path: str
    mailbox: str
    stat: str
    size: int


def walk(root: Path) -> Iterator[Found | Skipped]:
    """Everything under `root` that is mail, by path. Links to folders are not followed.

    Raises OSError when `root` itself cannot be looked at.
    """
    if root.is_file():
        if not root.stat().st_size:
            return  # an mbox that was emptied
        if (found := _file(root.name, str(root), str(root), root.stat(), alone=True)) is not None:
            yield found
        else:
            yield Skipped(where=str(root), why="this file is no mbox, .eml or .emlx", outcome="unsupported")
        return
    with os.scandir(root):
        pass
    yield from _folder(str(root), 0)


def _folder(folder: str, deep: int) -> Iterator[Found | Skipped]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as problem:
        yield Skipped(where=f"{folder}/", why=_reason(problem), outcome="no_permission")
        return
    if deep > _MAX_DEPTH:
        yield Skipped(where=f"{folder}/", why=f"folders more than {_MAX_DEPTH} deep", outcome="too_large")
        return
    names = {entry.name for entry in entries}
    maildir = {"cur", "new"} <= names
    seen: set[str] = set()
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if maildir and entry.name in ("cur", "new"):
                yield from _maildir(folder, entry.path, seen)
            elif not (entry.name in _NOT_MAIL or (entry.name == "Attachments" and "Messages" in names)):
                yield from _folder(entry.path, deep + 1)
        elif entry.is_file() and not (
            entry.name.endswith(_PARTIAL) and f"{entry.name[: -len(_PARTIAL)]}.emlx" in names
        ):
            yield from _entry(entry, folder)


def _entry(entry: os.DirEntry[str], folder: str) -> Iterator[Found | Skipped]:
    try:
        found = _file(entry.name, entry.path, folder, entry.stat())
    except OSError as problem:
        yield Skipped(where=entry.path, why=_reason(problem), outcome="no_permission")
        return
    if found is not None:
        yield found


def _file(name: str, path: str, folder: str, stat: os.stat_result, *, alone: bool = False) -> Found | None:
    stamp = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    lower = name.lower()
    if lower.endswith(_PARTIAL):
        at = str(Path(path).with_name(f"{name[: -len(_PARTIAL)]}.emlx"))
        return Found(at, "emlx", path, folder, f"{stamp}:{_modified(_attachments(path))}", stat.st_size)
    if lower.endswith((".eml", ".emlx")):
        return Found(path, "eml" if lower.endswith(".eml") else "emlx", path, folder, stamp, stat.st_size)
    if alone or (stat.st_size and Path(lower).suffix in _MBOX_NAMES):
        with Path(path).open("rb") as file:
            if is_mbox(file.read(1_000)):
                return Found(path, "mbox", path, path, stamp, stat.st_size)
    return None


def _maildir(box: str, folder: str, seen: set[str]) -> Iterator[Found | Skipped]:
    """The mails of cur/ or new/: the key before the flags stays when a mail is moved or read."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as problem:
        yield Skipped(where=f"{box}/", why=_reason(problem), outcome="no_permission")
        return
    for entry in entries:
        key = _FLAGS.sub("", entry.name)
        if entry.name.startswith(".") or key in seen or not entry.is_file():
            continue
        seen.add(key)
        stat = entry.stat()
        # The inode changes with the move from new/ to cur/ on some systems; the content of a Maildir file never does.
        yield Found(f"{box}/{key}", "maildir", entry.path, box, f"{stat.st_size}:{stat.st_mtime_ns}", stat.st_size)


def _reason(problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return "no permission to read it; on macOS give the program Full Disk Access in System Settings, Privacy"
    return f"it cannot be read ({problem.strerror or 'unknown error'})"


def _modified(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def emlx(data: bytes, path: str, *, changed: datetime | None = None) -> tuple[bytes, Envelope, Skipped | None]:
    """The mail in an .emlx file: a line with its length in bytes, the mail, a property list.

    The length decides, never the start of the property list: mails hold XML too. A length that is missing or too
    large gives what is there, and a Skipped that says so. `changed` stands in where nothing says when the mail came.
    """
    count = _COUNT.match(data)
    start = count.end() if count else 0
    length = int(count[1]) if count else len(data)
    problem = None
    if count is None:
        problem = Skipped(where=path, why="the .emlx file does not start with the length of its mail")
    elif start + length > len(data):
        problem = Skipped(where=path, why="the .emlx file is shorter than it says; what is there was read")
    raw = data[start : start + length]
    received = (_received(data[start + length :]) if problem is None else None) or changed
    files = attached_files(path) if path.lower().endswith(_PARTIAL) else {}
    envelope = Envelope(where=path, uri=Path(path).as_uri(), by_id=True, received=received, files=files)
    return raw, envelope, problem


def _received(plist: bytes) -> datetime | None:
    """When the mail came, by the property list: Unix seconds, in some versions seconds since 2001."""
    start = plist.find(b"<?xml")
    if start < 0 or len(plist) > 1_000_000 or b"<!ENTITY" in plist:
        return None
    try:
        fields = plistlib.loads(plist[start:], fmt=plistlib.FMT_XML)
    except Exception:  # plistlib lets its parser's and its converters' errors through, of many types
        return None
    seconds = fields.get("date-received") if isinstance(fields, dict) else None
    if not isinstance(seconds, int | float) or not 0 < seconds < 4_000_000_000:
        return None
    # Mail programs of this kind are younger than 2001, so a smaller number counts from there.
    return datetime.fromtimestamp(seconds if seconds > _APPLE_EPOCH else seconds + _APPLE_EPOCH, UTC)


def _attachments(path: str) -> Path:
    """Where Apple Mail keeps the parts of a partial mail: …/Data/1/Attachments/1042 for …/Data/1/Messages/1042."""
    file = Path(path)
    return file.parent.parent / "Attachments" / file.name.partition(".")[0]


def attached_files(path: str) -> Mapping[str, str]:
    """Part numbers of a partial mail ("2", "1.2") and the files that hold their contents, as far as downloaded."""
    out: dict[str, str] = {}
    folder = _attachments(path)
    try:
        for part in sorted(folder.iterdir()):
            if part.is_dir() and (file := next((file for file in sorted(part.iterdir()) if file.is_file()), None)):
                out[part.name] = str(file)
    except OSError:
        # Nothing downloaded, or not readable: the attachments stay listed without a path.
        return out
    return out
