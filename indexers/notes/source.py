"""The source of Apple Notes: an item is a note."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from indexers.folder import FULL_DISK_ACCESS, reason
from indexers.notes import library
from indexers.notes.body import PLACEHOLDER, Paragraph, paragraphs
from indexers.notes.library import INLINE, TABLE, Attachment, Note
from indexers.notes.table import rows
from indexers.notes.wire import Damaged, TooLarge
from indexers.readers.block import Block, Loss, Outline, Reading, Unreadable, table
from indexers.readers.containers.sqlite import DatabaseMoved, read_only
from indexers.readers.sections import sections
from indexers.record import Outcome, Record, Section, Skipped
from indexers.source import Item, Options, SourceUnavailable

DATABASE = "NoteStore.sqlite"

_MARKS = {"done": "[x] ", "todo": "[ ] "}


class AppleNotes:
    """The notes of `NoteStore.sqlite`, in place and read-only; what lies under Recently Deleted is left out.

    An item is one note, by its identifier; its fingerprint covers its times, title, folder and attachments. Sections
    follow the headings of the note; checklists keep their boxes ("[x] "), tables are tables. A note with a password is
    a Skipped. Columns go by name, as systems differ in them; written from published descriptions (threeplanetssoftware/
    apple_cloud_notes_parser), not yet held against a database of every version.
    """

    default_path = "~/Library/Group Containers/group.com.apple.notes"
    mirror = True

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if options:
            raise ValueError("apple-notes has no options")
        self.name = name
        self._path = (path / DATABASE if path.is_dir() else path).absolute()
        self._found: dict[str, Note] = {}

    def roots(self) -> Sequence[Path]:
        return (self._path.parent,)

    def live(self) -> Sequence[Path]:
        """The database, which Notes writes at any time."""
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """One pass over the notes without their texts. Raises SourceUnavailable."""
        self._found = self._notes()
        for note in self._found.values():
            yield Item(id=note.identifier, fingerprint=note.fingerprint, size=note.size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """The sections of one note. Raises SourceUnavailable."""
        if item.id not in self._found:
            self._found = self._notes()
        note = self._found.get(item.id)
        if note is None:
            yield Skipped(where=item.id, why="the note is no longer there", outcome="vanished")
        elif note.locked:
            yield Skipped(where=item.id, why="the note is locked with a password", outcome="encrypted")
        elif not note.size:
            yield Skipped(where=item.id, why="the note is empty or not yet loaded from iCloud", outcome="cloud_only")
        else:
            yield from self._sections(note)

    def _notes(self) -> dict[str, Note]:
        """All notes that are not deleted, by identifier."""
        try:
            with read_only(self._path) as connection:
                return {note.identifier: note for note in library.notes(connection)}
        except FileNotFoundError:
            raise SourceUnavailable(f"There is no {self._path}. Open Notes on this Mac, or name its folder.") from None
        except OSError as problem:
            raise SourceUnavailable(f"{self._path}: {reason(problem)}.") from None
        except DatabaseMoved:
            raise SourceUnavailable(
                f"{self._path} was written to just now. It is tried again at the next pass."
            ) from None
        except sqlite3.Error:
            raise SourceUnavailable(
                f"{self._path} is damaged, locked, or no database of Notes; {FULL_DISK_ACCESS}, or name another."
            ) from None

    def _sections(self, note: Note) -> Iterator[Section | Skipped]:
        try:
            body = paragraphs(self._whole(lambda connection: library.body(connection, note)))
        except Damaged as problem:
            yield Skipped(where=note.identifier, why=f"the note {problem}", outcome=_outcome(problem))
            return
        losses: list[Loss] = []
        blocks = list(self._blocks(note, body, losses))
        reading = Reading(blocks=blocks, title=note.title, modified_at=note.modified_at, losses=tuple(losses))
        try:
            for section in sections(reading, name=note.title, modified_at=note.modified_at):
                yield replace(
                    section,
                    document=note.identifier,
                    locator=f"notes://showNote?identifier={quote(note.identifier, safe='-')}",
                )
        except Unreadable as problem:
            yield Skipped(where=note.identifier, why=f"the note {problem.why}", outcome=problem.outcome)
        for loss in losses:
            yield Skipped(where=note.identifier, why=f"a table of the note {loss.why}", outcome=loss.outcome)

    def _blocks(self, note: Note, body: Sequence[Paragraph], losses: list[Loss]) -> Iterator[Block]:
        """Paragraphs, tables where they are placed, and what Notes read in pictures, in order."""
        outline = Outline(*note.folders)
        for number, paragraph in enumerate(body):
            placed = [note.attachments.get(name) for name in paragraph.placed]
            words = _words(paragraph, placed)
            if paragraph.style in ("heading", "subheading") and number and words:
                path = outline.enter(1 if paragraph.style == "heading" else 2, words)
                yield Block(text=words, kind="heading", headings=path, glue="\n")
            else:
                yield Block(text=words, headings=outline.path, glue="\n")
            for found in filter(None, placed):
                if found.kind == TABLE:
                    yield from self._table(found, outline.path, losses)
                elif found.read:
                    yield Block(text=found.read, kind="ocr", headings=(*outline.path, found.name))

    def _table(self, found: Attachment, headings: tuple[str, ...], losses: list[Loss]) -> Iterator[Block]:
        try:
            yield from table(
                rows(self._whole(lambda connection: library.table_data(connection, found))), headings=headings
            )
        except Damaged as problem:
            losses.append(Loss(outcome=_outcome(problem), why=str(problem)))

    def _whole(self, read: Callable[[sqlite3.Connection], bytes | None]) -> bytes:
        """What is read of the database. Raises Damaged or SourceUnavailable."""
        try:
            with read_only(self._path) as connection:
                found = read(connection)
        except (OSError, sqlite3.OperationalError, DatabaseMoved):
            raise SourceUnavailable(f"{self._path} is busy. It is tried again at the next pass.") from None
        except sqlite3.DatabaseError:
            raise Damaged("lies on a damaged page of the database") from None
        if found is None:
            raise Damaged("is not there (any more)")
        return found


def _outcome(problem: Damaged) -> Outcome:
    return "too_large" if isinstance(problem, TooLarge) else "malformed"


def _words(paragraph: Paragraph, placed: Sequence[Attachment | None]) -> str:
    """A paragraph's text: boxes of checklists, names for what is placed in it, links that it hides."""
    names = map(_shown, placed)
    text = "".join(next(names, "") if sign == PLACEHOLDER else sign for sign in paragraph.text)
    text = _MARKS.get(paragraph.style, "") + text.strip() if text.strip() else ""
    hidden = [link for link in paragraph.links if link not in text]
    return " ".join((text, *(f"<{link}>" for link in hidden))) if text else ""


def _shown(found: Attachment | None) -> str:
    """What stands for something placed: "#tag" and "@name" as they are, the name of a file, nothing for a table."""
    if found is None or found.kind == TABLE or not found.name:
        return ""
    return found.name if found.kind.startswith(INLINE) else f"[{found.name}]"
