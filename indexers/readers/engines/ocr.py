"""Pictures of text become text, where this machine has an engine for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from indexers.readers.block import Block, Reading, Unreadable

NO_ENGINE = (
    "needs text recognition (OCR), which this machine has no engine for; install tesseract (macOS: pyobjc Vision)"
)

_SECONDS = 25
_POLITELY = "/usr/bin/nice"  # the owner's own work goes first


class OcrEngine(Protocol):
    """Reads the text of one picture."""

    def recognise(self, picture: bytes) -> str:
        """The text of an encoded picture (PNG, JPEG, TIFF, PGM, …), lines in reading order; "" if it shows none.

        Raises Unreadable when the engine cannot read the picture or does not answer in time.
        """
        ...


class Tesseract:
    """The tesseract program (Apache-2.0), picture in and text out through pipes, one thread, no files."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._before = (_POLITELY,) if os.access(_POLITELY, os.X_OK) else ()

    def recognise(self, picture: bytes) -> str:
        try:
            done = subprocess.run(
                [*self._before, self._program, "stdin", "stdout", "--psm", "3"],
                input=picture,
                capture_output=True,
                timeout=_SECONDS,
                env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unreadable("timed_out", f"took text recognition more than {_SECONDS} seconds") from error
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


def read_image(data: bytes, *, ocr: OcrEngine | None) -> Reading:
    """The text that a picture shows. Raises Unreadable: "needs_ocr" without an engine, "empty" if it shows no text."""
    if ocr is None:
        raise Unreadable("needs_ocr", f"is a picture; it {NO_ENGINE}")
    text = ocr.recognise(data)
    if not text:
        raise Unreadable("empty", "is a picture in which no text was found")
    return Reading(blocks=[Block(text=text, kind="ocr")])
