"""A folder of documents as a source: one item for each file, its sections when it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from indexers.documents.load import load
from indexers.documents.place import path_of
from indexers.documents.rules import Rules, is_secret, is_secret_name
from indexers.documents.walk import walk
from indexers.folder import changed_at
from indexers.readers.block import Unreadable
from indexers.readers.engines.ocr import find_engine, mark_of
from indexers.readers.formats import read_document
from indexers.readers.sections import clean, sections
from indexers.record import Record, Section, Skipped, parted
from indexers.source import Item, Options

_SECRET = "holds keys or passwords by its name or first lines, so it is not read"  # noqa: S105 - words about one


class Documents:
    """The files of one folder, each an item whose id is its absolute path (see `place.id_of`).

    Options: `include` and `exclude`, lists of patterns as in .gitignore, relative to the folder; `hidden`, whether
    names that start with a dot are looked at (false). What .gitignore files name is left out, as are bundles, build
    output, lock files and partial downloads. Secrets are items that say why they were not read.
    """

    mirror = True

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        self.name = name
        self._root = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        self._rules = Rules.of(options)
        self._ocr = find_engine()

    def roots(self) -> Sequence[Path]:
        return (self._root,)

    def scan(self) -> Iterator[Item | Skipped]:
        """Every file that exists now, unopened. Raises SourceUnavailable when the folder cannot be looked at."""
        return walk(self._root, self._rules, engine=mark_of(self._ocr))

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The sections of one file; what could not be read of it comes last, as Skipped."""
        path = path_of(item.id)
        try:
            found, lost = self._sections(item, path)
        except Unreadable as error:
            yield Skipped(where=item.id, why=error.why, outcome=error.outcome)
        except (MemoryError, RecursionError):
            yield Skipped(where=item.id, why="needs more memory than a document may take", outcome="too_large")
        except Exception as error:  # noqa: BLE001,RUF100 - foreign bytes in foreign parsers: one bad file stops no others
            why = f"cannot be understood; it may be damaged ({type(error).__name__})"
            yield Skipped(where=item.id, why=why, outcome="malformed")
        else:
            yield from found
            yield from lost

    def _sections(self, item: Item, path: str) -> tuple[list[Section], list[Skipped]]:
        name = os.path.basename(path)  # noqa: PTH119 - Path would cost more than the read
        if is_secret_name(name):
            raise Unreadable("secret", _SECRET)
        data, status = load(self._root, path)
        if not data:
            raise Unreadable("empty", "is an empty file")
        if is_secret(data):
            raise Unreadable("secret", _SECRET)
        reached = parted(item.fingerprint)[1]
        reading = read_document(data, name=name, ocr=self._ocr, after=int(reached or 0))
        digest = blake2b(name.rpartition(".")[2].lower().encode(errors="surrogateescape"), digest_size=16)
        digest.update(data)
        found = list(sections(reading, name=clean(name), modified_at=changed_at(status), content=digest.hexdigest()))
        return found, [
            Skipped(where=item.id, why=loss.why, outcome=loss.outcome, count=loss.count, reached=loss.reached)
            for loss in reading.losses
        ]
