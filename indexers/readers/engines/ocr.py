"""Pictures of text become text, where this machine has an engine for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Protocol

from indexers.readers.block import Block, Loss, Mark, Reading, Unreadable
from indexers.readers.engines.picture import count_pages, grey

NO_ENGINE = (
    "needs text recognition (OCR), which this machine has no engine for; install tesseract (macOS: pyobjc Vision)"
)

_SECONDS = 25
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"}
_LANGUAGE = re.compile(r"[\w/-]{2,40}")
_NO_LANGUAGES = {"osd", "equ"}
_FEW_LANGUAGES = 4
TURN_SECONDS = 20.0
"""After that other items, and other sources, have their turn."""
ONLY_SECONDS = 50.0
"""Where there are no turns: a worker that says nothing for longer than this, and one more page, is taken to hang."""
_MAX_PAGES = 2_000
_POLITELY = "/usr/bin/nice"  # the owner's own work goes first


class OcrEngine(Protocol):
    """Reads the text of one picture."""

    def recognise(self, picture: bytes) -> str:
        """The text of an encoded picture (PNG, JPEG, TIFF, PGM, …), lines in reading order; "" if it shows none.

        Raises Unreadable when the engine cannot read the picture or does not answer in time.
        """
        ...


class Tesseract:
    """The tesseract program (Apache-2.0), picture in and text out through pipes, one thread, no files.

    It reads the languages that the owner installed, if these are few: with all that exist it would take minutes a page.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._before = (_POLITELY,) if os.access(_POLITELY, os.X_OK) else ()

    @cached_property
    def languages(self) -> str:
        """As its option -l wants them, English first; "" for its own choice."""
        try:
            told = subprocess.run(
                [self._program, "--list-langs"], capture_output=True, timeout=_SECONDS, env=_ENVIRONMENT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        names = (line.strip() for line in told.stdout.decode("utf-8", "replace").splitlines()[1:])
        able = sorted(
            {name for name in names if _LANGUAGE.fullmatch(name)} - _NO_LANGUAGES, key=lambda n: (n != "eng", n)
        )
        return "+".join(able) if len(able) <= _FEW_LANGUAGES else ""

    def recognise(self, picture: bytes) -> str:
        chosen = ("-l", self.languages) if self.languages else ()
        try:
            done = subprocess.run(
                [*self._before, self._program, "stdin", "stdout", "--psm", "3", *chosen],
                input=picture,
                capture_output=True,
                timeout=_SECONDS,
                env=_ENVIRONMENT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unreadable("needs_ocr", f"took text recognition more than {_SECONDS} seconds") from error
        except OSError as error:
            raise Unreadable(
                "needs_ocr", "needs text recognition (OCR), and its engine may not be started here"
            ) from error
        if done.returncode:
            raise Unreadable("needs_ocr", f"is a picture on which text recognition failed (code {done.returncode})")
        return done.stdout.decode("utf-8", "replace").replace("\x0c", "\n").strip()


class AppleVision:
    """Apple's Vision framework through pyobjc, in this process and on this machine.

    Written after Apple's documentation of VNRecognizeTextRequest; not yet run on a Mac.
    """

    def recognise(self, picture: bytes) -> str:
        Vision = import_module("Vision")  # noqa: N806 - the framework's own name; absent off macOS, and untyped
        data = import_module("Foundation").NSData.dataWithBytes_length_(picture, len(picture))
        request = Vision.VNRecognizeTextRequest.alloc().init()
        request.setRecognitionLevel_(Vision.VNRequestTextRecognitionLevelAccurate)
        request.setUsesLanguageCorrection_(True)
        if hasattr(request, "setAutomaticallyDetectsLanguage_"):  # from macOS 13 on
            request.setAutomaticallyDetectsLanguage_(True)
        handler = Vision.VNImageRequestHandler.alloc().initWithData_options_(data, None)
        done, _ = handler.performRequests_error_([request], None)
        if not done:
            raise Unreadable("needs_ocr", "is a picture on which text recognition failed")
        lines = (observation.topCandidates_(1) for observation in request.results() or ())
        return "\n".join(str(best[0].string()) for best in lines if best)


def find_engine() -> OcrEngine | None:
    """The engine of this machine: Apple Vision on macOS, else tesseract, else none."""
    if sys.platform == "darwin" and find_spec("Vision") is not None:
        return AppleVision()
    program = shutil.which("tesseract", path="/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin")
    return Tesseract(program) if program else None


class Turn:
    """How much text recognition one read of a file may still do, so that its reader never seems to hang.

    `after` is the last page that earlier turns came to, 0 for the first turn; None where there are no further turns: what
    is left then is lost. Pages are counted from 1 and come in order.
    """

    def __init__(self, engine: OcrEngine | None, *, after: int | None) -> None:
        self.engine = engine
        self.after = after
        self.left: list[int] = []
        """Pages that wait for the next turn."""
        self._seconds = ONLY_SECONDS if after is None else TURN_SECONDS
        self._spent = 0.0

    def recognise(self, page: int, picture: Callable[[], bytes]) -> str | None:
        """The text of one page, "" where none is found; None where it waits for another turn.

        The first page of a turn is always tried.
        """
        if self.engine is None:
            return ""
        if self.left or self._spent >= self._seconds:
            self.left.append(page)
            return "" if self.after is None else None
        started = monotonic()
        try:
            return self.engine.recognise(picture())
        except Unreadable:  # a page that the engine fails on counts as one without text
            return ""
        finally:
            self._spent += monotonic() - started

    def losses(self, pages: int, unread: Sequence[int]) -> Iterator[Loss]:
        """What to say of the pages that stay without text, and of those that wait."""
        if unread:
            which = ", ".join(map(str, unread[:8])) + (", …" if len(unread) > 8 else "")
            why = f"has no readable text on {len(unread)} of its {pages} pages ({which}); "
            found = "text recognition found none there"
            if self.after is None:
                found += f", and takes {self._seconds:.0f} seconds of a file at most"
            yield Loss(
                outcome="needs_ocr", why=why + (f"it {NO_ENGINE}" if self.engine is None else found), count=len(unread)
            )
        if self.left and self.after is not None:
            reached = self.left[0] - 1
            why = f"is read by text recognition up to page {reached} of {pages} so far; the next passes go on"
            yield Loss(outcome="unfinished", why=why, reached=str(reached))


def mark_of(engine: OcrEngine | None) -> str:
    """What the fingerprint of a picture has besides: it is read again when an engine, or another language, comes."""
    if engine is None:
        return ""
    languages = engine.languages if isinstance(engine, Tesseract) else ""
    return ":ocr" if languages in ("", "eng") else f":ocr:{languages}"


def read_image(data: bytes, *, ocr: OcrEngine | None, after: int | None = None) -> Reading:
    """The text that a picture shows, page by page of a scan that holds several.

    Raises Unreadable: "needs_ocr" without an engine, "empty" if it shows no text.
    """
    if ocr is None:
        raise Unreadable("needs_ocr", f"is a picture; it {NO_ENGINE}")
    pages = count_pages(data)
    if pages > 1:
        return _read_pages(data, min(pages, _MAX_PAGES), Turn(ocr, after=after))
    # What is unknown here (HEIC) the engine of a system may know.
    text = ocr.recognise(grey(data) if pages else data)
    if not text:
        raise Unreadable("empty", "is a picture in which no text was found")
    return Reading(blocks=[Block(text=text, kind="ocr")])


def _read_pages(data: bytes, pages: int, turn: Turn) -> Reading:
    blocks: list[Block] = []
    unread: list[int] = []
    for number in range((turn.after or 0) + 1, pages + 1):
        text = turn.recognise(number, lambda page=number - 1: grey(data, page))  # type: ignore[misc]
        if text:
            blocks.append(ocr_block(text, number))
        elif text is not None:
            unread.append(number)
    if not blocks and len(unread) == pages:
        raise Unreadable("empty", "is a picture in which no text was found")
    return Reading(blocks=blocks, losses=tuple(turn.losses(pages, unread)))


def ocr_block(text: str, page: int, headings: tuple[str, ...] = ()) -> Block:
    """The text of one recognised page: a part of its own, so that it is the same whichever turn reads it."""
    place = f"page={page}"
    return Block(
        text=text, kind="ocr", headings=headings, mark=Mark(kind="page", label=str(page)), anchor=place, part=place
    )
