"""What exists in a folder now: one item for each file, found without opening any document."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from indexers.documents.place import id_of
from indexers.documents.rules import Rules, ignore_file, is_cache
from indexers.folder import is_dataless
from indexers.record import Skipped
from indexers.source import Item, SourceUnavailable

_MOUNT_PARENTS = ("/Volumes/", "/media/", "/mnt/", "/run/media/")
_MAX_IGNORE_FILE = 1_000_000
_STUB = ".icloud"
_PICTURED = tuple(".pdf .png .jpg .jpeg .gif .tif .tiff .bmp .webp .heic .avif .pages .key .numbers".split())
"""What may hold pictures of text."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder yet to be looked into; `ignores` are the .gitignore files above it with the length of their prefix."""

    path: str
    ignores: tuple[tuple[int, GitIgnoreSpec], ...]


def walk(root: Path, rules: Rules, *, engine: str = "") -> Iterator[Item | Skipped]:
    """Every file below `root` that the rules admit, sorted within each folder; symbolic links are never followed.

    A folder that cannot be looked into, another volume mounted inside, and a file that is only in the cloud (of which
    a stub may be left) come as Skipped. Raises SourceUnavailable when the root is missing, unreadable or an unmounted
    volume, also when it goes away during the walk.

    `engine` is what can read pictures now ("" for nothing): their fingerprint ends with it, so that they are read when
    one comes.
    """
    top = _look_at_root(root)
    if stat.S_ISREG(top.st_mode):
        yield _item(os.fspath(root), top, engine=engine)
        return
    prefix = len(os.fspath(root).rstrip("/")) + 1
    pending = [_Folder(os.fspath(root).rstrip("/"), ())]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder.path or "/") as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if len(folder.path) < prefix:
                raise _unavailable(root, error) from error
            yield _unlisted(folder.path, error, folder=True)
            continue
        names = {entry.name for entry in entries}
        if is_cache(names):
            continue
        ignores = folder.ignores
        if ".gitignore" in names:
            ignores = (*ignores, *_read_ignore(folder.path, len(folder.path) + 1))
        inner: list[_Folder] = []
        for entry in entries:
            if entry.is_symlink():
                continue
            path = f"{folder.path}/{entry.name}"
            if (evicted := _evicted(folder.path, entry.name)) and rules.shows(evicted.rpartition("/")[2]):
                yield _in_the_cloud(evicted)
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            if not (rules.enters(entry.name, names) if is_folder else rules.shows(entry.name)):
                continue
            if not rules.admits(path[prefix:], folder=is_folder) or (
                ignores and _ignored(path, ignores, folder=is_folder)
            ):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone since it was listed
            except OSError as error:
                yield _unlisted(path, error, folder=is_folder)
                continue
            if not is_folder:
                yield cloud_only(path, status) or _item(path, status, engine=engine)
            elif status.st_dev == top.st_dev:
                inner.append(_Folder(path, ignores))
            else:
                # Unmounting it must not look as if its files were deleted; as a source of its own it is watched safely.
                why = "is another volume; add it as a source of its own to have it read"
                yield Skipped(where=id_of(path) + "/", why=why, outcome="excluded")
        pending += reversed(inner)
    after = _look_at_root(root)
    if (after.st_dev, after.st_ino) != (top.st_dev, top.st_ino):
        raise SourceUnavailable(
            f"{id_of(os.fspath(root))} was replaced while it was looked at; it is tried again later."
        )


def cloud_only(path: str, status: os.stat_result) -> Skipped | None:
    """A Skipped if the contents of a file are in a cloud only: reading would download them and can hang.

    As part of a scan it keeps what is known of the file, and the file becomes an item as soon as it is downloaded.
    """
    return _in_the_cloud(path) if is_dataless(status, platform=sys.platform) else None


def _in_the_cloud(path: str) -> Skipped:
    why = "is in the cloud only; open it once, or choose Keep Downloaded, to have it read"
    return Skipped(where=id_of(path), why=why, outcome="cloud_only")


def _evicted(folder: str, name: str) -> str:
    """The path of the file that a stub of iCloud's older form (".letter.pdf.icloud") stands for; "" for other names."""
    stub = name.startswith(".") and name.endswith(_STUB) and len(name) > len(_STUB) + 1
    return f"{folder}/{name[1 : -len(_STUB)]}" if stub else ""


def _item(path: str, status: os.stat_result, *, engine: str) -> Item:
    same = f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    read_by = engine if path.lower().endswith(_PICTURED) else ""
    return Item(id=id_of(path), fingerprint=f"{status.st_dev}:{same}{read_by}", identity=same, size=status.st_size)


def _look_at_root(root: Path) -> os.stat_result:
    try:
        status = root.stat()
        place = f"{root}/"
        empty_mount_point = (
            stat.S_ISDIR(status.st_mode)
            and place.startswith(_MOUNT_PARENTS)
            and not os.path.ismount(root)
            and status.st_dev == root.parent.stat().st_dev
            and next(root.iterdir(), None) is None
        )
    except OSError as error:
        raise _unavailable(root, error) from error
    if empty_mount_point:
        raise SourceUnavailable(
            f"{id_of(os.fspath(root))} is an empty mount point; mount the volume, and it is read again."
        )
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        raise SourceUnavailable(f"{id_of(os.fspath(root))} is no folder; name a folder of documents.")
    return status


def _unavailable(root: Path, error: OSError) -> SourceUnavailable:
    place = id_of(os.fspath(root))
    if isinstance(error, FileNotFoundError):
        return SourceUnavailable(
            f"{place} does not exist now; mount its volume, or remove the source if it is gone for good."
        )
    if isinstance(error, PermissionError):
        return SourceUnavailable(
            f"{place} may not be looked into; give permission (macOS: System Settings > Privacy & Security)."
        )
    return SourceUnavailable(
        f"{place} cannot be looked into now ({os.strerror(error.errno or 0)}); it is tried again later."
    )


def _unlisted(path: str, error: OSError, *, folder: bool) -> Skipped:
    """What keeps all that is known below a place that could not be looked at."""
    where = id_of(path) + ("/" if folder else "")
    if isinstance(error, PermissionError):
        why = "may not be looked into; give permission, or exclude the folder"
        return Skipped(where=where, why=why, outcome="no_permission")
    return Skipped(where=where, why=f"could not be looked into ({os.strerror(error.errno or 0)})", outcome="vanished")


def _read_ignore(folder: str, prefix: int) -> Sequence[tuple[int, GitIgnoreSpec]]:
    """The patterns of a folder's .gitignore if it is a regular, local file: a link may lead out of the root."""
    try:
        handle = os.open(f"{folder}/.gitignore", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:  # noqa: PTH123 - of a descriptor, so that no link is followed
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or is_dataless(status, platform=sys.platform):
                return ()
            lines = os.fsdecode(file.read(_MAX_IGNORE_FILE)).splitlines()
    except OSError:
        return ()
    return ((prefix, ignore_file(lines)),)


def _ignored(path: str, ignores: Sequence[tuple[int, GitIgnoreSpec]], *, folder: bool) -> bool:
    """Whether the innermost .gitignore that speaks of a path leaves it out."""
    for prefix, spec in reversed(ignores):
        verdict = spec.check_file(path[prefix:] + "/" if folder else path[prefix:]).include
        if verdict is not None:
            return verdict
    return False
