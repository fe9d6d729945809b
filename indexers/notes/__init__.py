"""Apple Notes: the notes in `NoteStore.sqlite`, read in place."""

from indexers.notes.source import AppleNotes

__all__ = ["AppleNotes"]
