"""Voice notes and other recordings of a folder as a source: their tags, and what is said where an engine can tell."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

from indexers.folder import changed_at, file_items, is_dataless, unread
from indexers.readers.block import Unreadable, moment
from indexers.readers.engines.speech import NO_ENGINE, Utterance, find_transcriber
from indexers.record import Record, Section, Skipped, Span
from indexers.source import Item, Options

_KINDS = frozenset(".aac .aif .aifc .aiff .amr .caf .flac .m4a .m4b .mp3 .oga .ogg .opus .qta .wav .wma".split())
_MAX_FILE = 500_000_000
_PASSAGE = 50.0
"""Seconds after which a passage ends with the utterance: about as many words as a paragraph."""
_CLOUD = "is in the cloud only; open it once, or choose Keep Downloaded, to have it read"


class Recordings:
    """The audio files of one folder, each an item whose id is its absolute path.

    Options: `model`, a folder with a Whisper model in CTranslate2's format; `language`, its code where it need not be
    guessed ("de"). An item is read anew when the engine changes, so that a model named later hears what is there.
    """

    mirror = True
    default_path = "~/Library/Group Containers/group.com.apple.VoiceMemos.shared/Recordings"

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"model", "language"})
        if unknown:
            raise ValueError(f"recordings know no option {unknown[0]!r}; there are: model, language.")
        model, language = options.get("model"), options.get("language", "")
        if not isinstance(model, str | None) or not isinstance(language, str):
            raise ValueError('model is the path of a folder, language a code such as "de".')
        self.name = name
        self._root = path.absolute()
        self._engine = find_transcriber(Path(model).expanduser() if model else None, language=language)

    def roots(self) -> Sequence[Path]:
        return (self._root,)

    def scan(self) -> Iterator[Item | Skipped]:
        """Every recording that exists now, unopened. Raises SourceUnavailable when the folder cannot be looked at."""
        engine = self._engine.name if self._engine is not None else "none"
        for entry in file_items(self._root, _KINDS):
            if isinstance(entry, Skipped):
                yield entry
            elif _evicted(entry.id):
                yield Skipped(where=entry.id, why=_CLOUD, outcome="cloud_only")
            else:
                yield replace(entry, fingerprint=f"{entry.fingerprint}:{engine}")

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """What the tags of one recording say, then what is said in it, passage by passage."""
        path = Path(item.id)
        try:
            if _evicted(item.id):
                raise Unreadable("cloud_only", _CLOUD)
            audio, written = _load(path, given=path == self._root)
            tags = _tags(audio, path.name, written)
            yield tags
            if self._engine is None:
                raise Unreadable("unsupported", NO_ENGINE)
            heard = False
            for number, said in enumerate(_passages(self._engine.transcribe(audio, path)), 1):
                heard = True
                yield _section(f"said.{number}", said, tags)
            if not heard:
                raise Unreadable("empty", "is a recording in which no speech was recognised")
        except Unreadable as error:
            yield Skipped(where=item.id, why=error.why, outcome=error.outcome)
        except OSError as problem:
            yield unread(item.id, problem)


def _evicted(path: str) -> bool:
    try:
        return is_dataless(os.stat(path), platform=sys.platform)  # noqa: PTH116 - Path would cost more than the look
    except OSError:
        return False  # gone: reading it says so


def _load(path: Path, *, given: bool) -> tuple[bytes, datetime]:
    """The bytes of a file and its time. What the owner `given` may be a link; one put in the way below leads nowhere."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if given else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - of a descriptor, so that no link is followed
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("unsupported", "is a pipe, a socket or a device, not a recording")
        if status.st_size > _MAX_FILE:
            raise Unreadable("too_large", f"is larger than {_MAX_FILE // 1_000_000} MB")
        if not status.st_size:
            raise Unreadable("empty", "is an empty file")
        return file.read(_MAX_FILE), changed_at(status)


def _tags(audio: bytes, name: str, written: datetime) -> Section:
    """The title, people, day and length that a recording names itself, as text."""
    from tinytag import TinyTag, TinyTagException

    try:
        known = TinyTag.get(filename=name, file_obj=BytesIO(audio))
    except (TinyTagException, ValueError, OSError, LookupError, ArithmeticError) as error:
        raise Unreadable("malformed", "is damaged, or no recording of the kind that its name says") from error
    except Exception as error:  # its parsers let struct.error and others through
        raise Unreadable("malformed", f"has tags that cannot be read ({type(error).__name__})") from error
    told = {
        "Title": known.title,
        "Artist": known.artist,
        "Album": known.album,
        "Comment": known.comment,
        "Date": known.year,
        "Length": clock(known.duration) if known.duration else None,
    }
    lines = [f"{key}: {_plain(str(value))}" for key, value in told.items() if value and _plain(str(value))]
    title = _plain(known.title or "") or name
    return Section(
        id="tags",
        document="",
        title=title,
        text="\n".join([f"Recording: {name}", *lines]),
        kind="form",
        author=_plain(known.artist or ""),
        modified_at=moment(str(known.year or "")) if len(str(known.year or "")) > 4 else written,
    )


def _plain(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _passages(said: Iterator[Utterance]) -> Iterator[list[Utterance]]:
    """Utterances together, also those before an engine fails. Raises Unreadable when it does."""
    passage: list[Utterance] = []
    try:
        for utterance in said:
            passage.append(utterance)
            if utterance.end - passage[0].start >= _PASSAGE:
                yield passage
                passage = []
    except Unreadable:
        if passage:
            yield passage
        raise
    if passage:
        yield passage


def _section(section_id: str, said: Sequence[Utterance], tags: Section) -> Section:
    """One passage; its spans say when each utterance begins."""
    text, spans = "", []
    for utterance in said:
        words = _plain(utterance.text)
        start = len(text) + bool(text)
        text = f"{text} {words}" if text else words
        spans.append(Span(kind="time", label=clock(utterance.start), start=start, end=len(text)))
    return Section(
        id=section_id,
        document="",
        title=tags.title,
        text=text,
        spans=tuple(spans),
        kind="speech",
        author=tags.author,
        modified_at=tags.modified_at,
        locator=f"#t={said[0].start:.0f}",
    )


def clock(seconds: float) -> str:
    """A time in a recording as players show it: "3:07", "1:02:00"."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
