"""Where an export lies: a zip, a zip cut off, or an unpacked folder. Members are streamed, never extracted."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexers.health.export.archive import Export, PlainFiles, Unreadable
from indexers.health.export.torn import opened_zip

_HEAD = 4096
_PAPERS = {"electrocardiograms", "clinical-records", "clinical_records", "workout-routes", "attachments"}


@contextmanager
def opened(path: Path) -> Iterator[Export]:
    """The export at a path (a zip or an unpacked XML file). Raises Unreadable or OSError."""
    if path.suffix.lower() == ".xml":
        yield unpacked(path)
        return
    with path.open("rb") as file, opened_zip(file, again="export again in the Health app") as export:
        yield export


def find_xml(export: Export) -> str:
    """The member that is the health export: the largest XML whose beginning says so, whatever its language's name.

    Raises Unreadable with what was found instead.
    """
    names = sorted(
        (name for name in export.members if name.lower().endswith(".xml")), key=lambda name: -export.members[name]
    )
    clinical_document = empty = False
    damage = export.damage
    for name in names[:50]:
        blocks = export.blocks(name)
        head = next(iter(blocks), b"")[:_HEAD]
        damage = damage or blocks.damage
        if b"<HealthData" in head or b"<!DOCTYPE HealthData" in head:
            return name
        clinical_document |= b"<ClinicalDocument" in head
        empty |= not head
    if damage:
        raise Unreadable(
            f"{damage}; export again in the Health app", "encrypted" if "encrypted" in damage else "malformed"
        )
    if clinical_document:
        raise Unreadable(
            "only export_cda.xml is here, which is a copy of some vital signs; export again in the Health app"
        )
    if empty:
        raise Unreadable("export.xml is empty; export again in the Health app", "empty")
    if any(name.lower().endswith(".zip") for name in export.members):
        raise Unreadable("this archive holds another zip; unpack it once and choose the inner one", "unsupported")
    raise Unreadable("this is no Apple Health export; in the Health app choose Export All Health Data", "unsupported")


def unpacked(path: Path) -> PlainFiles:
    """An export.xml in a folder, with the papers beside it."""
    files = {path.name: path}
    for folder in sorted(path.parent.iterdir()):
        if folder.name in _PAPERS and folder.is_dir() and not folder.is_symlink():
            papers = (file for file in sorted(folder.rglob("*")) if stat.S_ISREG(file.lstat().st_mode))
            files |= {file.relative_to(path.parent).as_posix(): file for file in papers}
    return PlainFiles(files)
