"""A folder of documents, and how a test looks at it through the source."""

from __future__ import annotations

import os
from pathlib import Path

from indexers.documents import Documents
from indexers.documents.place import path_of
from indexers.record import Skipped
from indexers.source import Item, Options


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
