"""Recorded speech becomes text with times, where this machine has an engine for it."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Protocol

from indexers.readers.block import Unreadable

NO_ENGINE = (
    "is a recording; its words need speech recognition, which this machine has no engine for: install faster-whisper and "
    "name a folder with a Whisper model (option `model`), or on a Mac install pyobjc-framework-Speech"
)
_COMPUTING = 6
"""Seconds of computing that a second of speech may take, beyond what any reader may."""
_PATIENCE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What was said from `start` to `end`, in seconds from the beginning of the recording."""

    start: float
    end: float
    text: str


class Transcriber(Protocol):
    """Writes down what is said in a recording. `name` changes where the same recording would be written down anew."""

    name: str

    def transcribe(self, audio: bytes, path: Path) -> Iterator[Utterance]:
        """The utterances of an encoded recording (the bytes of the file at `path`) in order, as they are recognised.

        Raises Unreadable when the engine cannot read the recording.
        """
        ...


class Whisper:
    """A Whisper model in a folder of the owner's (CTranslate2 format) through faster-whisper (MIT); fetches nothing."""

    def __init__(self, model: Path, *, language: str = "") -> None:
        self.name = f"whisper {model.name} {language}".strip()
        self._folder = model
        self._language = language
        self._loaded: object | None = None

    def transcribe(self, audio: bytes, path: Path) -> Iterator[Utterance]:  # noqa: ARG002 - it has the bytes already
        model = self._model()
        try:
            found, known = model.transcribe(  # type: ignore[attr-defined] # faster-whisper is optional and untyped
                BytesIO(audio), language=self._language or None, beam_size=1, condition_on_previous_text=False
            )
            _allow(known.duration * _COMPUTING)
            for segment in found:
                if words := segment.text.replace("\ufffd", "").strip():
                    yield Utterance(start=segment.start, end=segment.end, text=words)
        except (RuntimeError, ValueError, OSError, IndexError) as error:  # what its decoder and its engine raise
            raise Unreadable("malformed", f"is a recording that cannot be decoded ({type(error).__name__})") from error

    def _model(self) -> object:
        if self._loaded is None:
            if not (self._folder / "model.bin").is_file():
                raise Unreadable(
                    "unsupported", "is a recording, and the folder of the option `model` holds no Whisper model"
                )
            make = import_module("faster_whisper").WhisperModel
            self._loaded = make(
                str(self._folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        return self._loaded


class AppleSpeech:
    """Apple's Speech framework through pyobjc, on this machine only (requiresOnDeviceRecognition).

    Written after Apple's documentation of SFSpeechRecognizer; not yet run on a Mac.
    """

    name = "apple speech"

    def transcribe(self, audio: bytes, path: Path) -> Iterator[Utterance]:  # noqa: ARG002 - the framework opens it itself
        Speech = import_module("Speech")  # noqa: N806 - the framework's own name; absent off macOS, and untyped
        Foundation = import_module("Foundation")  # noqa: N806 - as above
        recognizer = Speech.SFSpeechRecognizer.alloc().init()
        if recognizer is None or not recognizer.supportsOnDeviceRecognition():
            raise Unreadable("unsupported", "is a recording in a language that this Mac does not recognise on its own")
        request = Speech.SFSpeechURLRecognitionRequest.alloc().initWithURL_(
            Foundation.NSURL.fileURLWithPath_(str(path))
        )
        request.setRequiresOnDeviceRecognition_(True)
        request.setShouldReportPartialResults_(False)
        ended = threading.Event()
        said: list[Utterance] = []
        failed: list[bool] = []

        def heard(result: object, error: object) -> None:
            if error is not None or result is None:
                failed.append(True)
                ended.set()
            elif result.isFinal():  # type: ignore[attr-defined] # an object of pyobjc
                for segment in result.bestTranscription().segments():  # type: ignore[attr-defined] # as above
                    start = float(segment.timestamp())
                    end = start + float(segment.duration())
                    said.append(Utterance(start=start, end=end, text=str(segment.substring())))
                ended.set()

        task = recognizer.recognitionTaskWithRequest_resultHandler_(request, heard)
        until = Foundation.NSDate.dateWithTimeIntervalSinceNow_(_PATIENCE)
        loop = Foundation.NSRunLoop.currentRunLoop()
        while not ended.is_set() and until.timeIntervalSinceNow() > 0:
            loop.runUntilDate_(Foundation.NSDate.dateWithTimeIntervalSinceNow_(0.2))
        if not ended.is_set():
            task.cancel()
            raise Unreadable("timed_out", f"took speech recognition more than {_PATIENCE:.0f} seconds")
        if failed:
            raise Unreadable("unsupported", "is a recording in which no speech could be recognised")
        yield from said


def find_transcriber(model: Path | None, *, language: str = "") -> Transcriber | None:
    """The engine of this machine: the owner's Whisper model if one is named, else Apple's on macOS, else none."""
    if model is not None:
        return Whisper(model, language=language) if find_spec("faster_whisper") is not None else None
    return AppleSpeech() if sys.platform == "darwin" and find_spec("Speech") is not None else None


def _allow(seconds: float) -> None:
    """Let this process compute longer where a limit is set: speech takes its time, and a worker's limit goes by bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        longer = soft + int(seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (longer if hard == resource.RLIM_INFINITY else min(longer, hard), hard))
