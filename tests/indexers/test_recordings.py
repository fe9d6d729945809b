"""Voice notes: tags without any engine, passages with times through a fake one, and the real engine in the real worker."""

from __future__ import annotations

import math
import os
import struct
import sys
import wave
from array import array
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace

import pytest

from indexers import recordings
from indexers.contract import check_source
from indexers.readers.block import Unreadable
from indexers.readers.engines.speech import AppleSpeech, Utterance, Whisper, find_transcriber
from indexers.record import Section, Skipped
from indexers.recordings import Recordings, clock
from indexers.source import Item


def hum(seconds: float = 1.0) -> bytes:
    """A WAV of a quiet tone."""
    out = BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(array("h", (int(3_000 * math.sin(n / 12)) for n in range(int(16_000 * seconds)))).tobytes())
    return out.getvalue()


def song(**tags: str) -> bytes:
    """An MP3 with ID3v2.3 tags (id3.org) and some silent frames (ISO/IEC 11172-3: 128 kbit/s, 44.1 kHz)."""
    frames = b""
    for name, said in tags.items():
        body = b"\x01" + said.encode("utf-16")
        frames += name.encode() + struct.pack(">IH", len(body), 0) + body
    size = len(frames)
    head = b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return head + frames + (b"\xff\xfb\x90\x00" + bytes(413)) * 80


class Ear:
    """A transcriber that hears what it is told to."""

    name = "ear"

    def __init__(self, *said: Utterance, fails: bool = False) -> None:
        self._said = said
        self._fails = fails

    def transcribe(self, audio: bytes, path: Path) -> Iterator[Utterance]:
        yield from self._said
        if self._fails:
            raise Unreadable("malformed", "is a recording that cannot be decoded")


@pytest.fixture
def hears(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ear | None], None]:
    def use(ear: Ear | None) -> None:
        monkeypatch.setattr(recordings, "find_transcriber", lambda *_, **__: ear)

    return use


def read(folder: Path, **options: object) -> list[object]:
    source = Recordings(name="notes", path=folder, options=options)
    return [record for item in source.scan() if isinstance(item, Item) for record in source.read(item)]


def test_without_an_engine_the_tags_are_text_and_the_rest_says_what_is_missing(
    tmp_path: Path, hears: Callable[[Ear | None], None]
) -> None:
    hears(None)
    (tmp_path / "memo.mp3").write_bytes(song(TIT2="Garten im März", TPE1="Ines Okafor", TYER="2024"))
    os.utime(tmp_path / "memo.mp3", (1_700_000_000, 1_700_000_000))
    tags, missing = read(tmp_path)
    assert isinstance(tags, Section)
    assert tags.text == ("Recording: memo.mp3\nTitle: Garten im März\nArtist: Ines Okafor\nDate: 2024\nLength: 0:02")
    assert (tags.title, tags.author, tags.kind) == ("Garten im März", "Ines Okafor", "form")
    assert tags.modified_at is not None
    assert int(tags.modified_at.timestamp()) == 1_700_000_000
    assert isinstance(missing, Skipped)
    assert missing.outcome == "unsupported"
    assert "no engine" in missing.why


def test_what_is_said_becomes_passages_of_about_a_minute_with_times(
    tmp_path: Path, hears: Callable[[Ear | None], None]
) -> None:
    hears(Ear(*(Utterance(start=20.0 * n, end=20.0 * n + 19, text=f"Sentence\u202e {n}.\n") for n in range(5))))
    (tmp_path / "memo.wav").write_bytes(hum())
    tags, first, second = read(tmp_path)
    assert isinstance(tags, Section)
    assert isinstance(first, Section)
    assert isinstance(second, Section)
    assert first.text == "Sentence 0. Sentence 1. Sentence 2."
    assert first.kind == "speech"
    assert [(span.kind, span.label, first.text[span.start : span.end]) for span in first.spans] == [
        ("time", "0:00", "Sentence 0."),
        ("time", "0:20", "Sentence 1."),
        ("time", "0:40", "Sentence 2."),
    ]
    assert (second.locator, second.text) == ("#t=60", "Sentence 3. Sentence 4.")
    check_source(Recordings(name="notes", path=tmp_path, options={}))


def test_silence_and_a_failing_engine_have_their_outcome(tmp_path: Path, hears: Callable[[Ear | None], None]) -> None:
    (tmp_path / "memo.wav").write_bytes(hum())
    hears(Ear())
    assert [entry.outcome for entry in read(tmp_path) if isinstance(entry, Skipped)] == ["empty"]
    hears(Ear(Utterance(start=0, end=2, text="One."), fails=True))
    _, said, lost = read(tmp_path)
    assert isinstance(said, Section)
    assert isinstance(lost, Skipped)
    assert lost.outcome == "malformed"


def test_an_engine_that_comes_later_hears_what_is_there(tmp_path: Path, hears: Callable[[Ear | None], None]) -> None:
    (tmp_path / "memo.wav").write_bytes(hum())
    hears(None)
    (before,) = Recordings(name="notes", path=tmp_path, options={}).scan()
    hears(Ear())
    (after,) = Recordings(name="notes", path=tmp_path, options={}).scan()
    assert isinstance(before, Item)
    assert isinstance(after, Item)
    assert before.fingerprint != after.fingerprint
    assert before.identity == after.identity


@pytest.mark.parametrize("suffix", ["m4a", "mp3", "wav", "ogg", "flac", "aiff"])
def test_garbage_gives_exactly_one_skipped(tmp_path: Path, suffix: str, hears: Callable[[Ear | None], None]) -> None:
    hears(Ear(fails=True))
    (tmp_path / f"noise.{suffix}").write_bytes(Random(suffix).randbytes(3_000))
    found = read(tmp_path)
    assert [entry.outcome for entry in found if isinstance(entry, Skipped)] == ["malformed"]
    assert len(found) <= 2  # the name of a file that has no tags is all that is known of it


def test_other_files_and_evicted_ones_are_not_opened(
    tmp_path: Path, hears: Callable[[Ear | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hears(None)
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "memo.m4a").write_bytes(b"anything")
    monkeypatch.setattr(recordings, "is_dataless", lambda status, *, platform: True)
    (found,) = Recordings(name="notes", path=tmp_path, options={}).scan()
    assert isinstance(found, Skipped)
    assert (found.outcome, found.where) == ("cloud_only", str(tmp_path / "memo.m4a"))


@pytest.mark.parametrize("options", [{"depth": 3}, {"model": 3}, {"language": True}])
def test_wrong_options_say_the_remedy(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"recordings know|model is"):
        Recordings(name="notes", path=tmp_path, options=options)


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="holds no Whisper model"):
        next(Whisper(tmp_path).transcribe(hum(), tmp_path / "a.wav"))


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (187.9, "3:07"), (3720, "1:02:00")])
def test_times_as_players_show_them(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_apples_engine_is_asked_to_stay_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Made:
        """Answers `alloc` and `init` as Objective-C classes do."""

        def __init__(self, **answers: object) -> None:
            self.__dict__.update(answers)

        def alloc(self) -> Made:
            return self

        def init(self) -> Made:
            return self

    def segment(start: float, words: str) -> SimpleNamespace:
        return SimpleNamespace(timestamp=lambda: start, duration=lambda: 1.0, substring=lambda: words)

    said = SimpleNamespace(segments=lambda: [segment(0.0, "Hello"), segment(1.5, "there")])
    result = SimpleNamespace(isFinal=lambda: True, bestTranscription=lambda: said)
    speech, foundation = ModuleType("Speech"), ModuleType("Foundation")
    request = Made(
        setRequiresOnDeviceRecognition_=lambda on: asked.update(on_device=on),
        setShouldReportPartialResults_=lambda on: asked.update(partial=on),
    )
    request.__dict__["initWithURL_"] = lambda url: asked.update(url=url) or request
    recognizer = Made(
        supportsOnDeviceRecognition=lambda: True,
        recognitionTaskWithRequest_resultHandler_=lambda _, handler: handler(result, None),
    )
    speech.__dict__.update(SFSpeechRecognizer=recognizer, SFSpeechURLRecognitionRequest=request)
    date = SimpleNamespace(timeIntervalSinceNow=lambda: 1.0)
    foundation.__dict__.update(
        NSURL=SimpleNamespace(fileURLWithPath_=lambda path: path),
        NSDate=SimpleNamespace(dateWithTimeIntervalSinceNow_=lambda _: date),
        NSRunLoop=SimpleNamespace(currentRunLoop=lambda: SimpleNamespace(runUntilDate_=lambda _: None)),
    )
    monkeypatch.setitem(sys.modules, "Speech", speech)
    monkeypatch.setitem(sys.modules, "Foundation", foundation)
    heard = list(AppleSpeech().transcribe(b"", tmp_path / "memo.m4a"))
    assert [(u.start, u.text) for u in heard] == [(0.0, "Hello"), (1.5, "there")]
    assert asked == {"url": str(tmp_path / "memo.m4a"), "on_device": True, "partial": False}
    recognizer.supportsOnDeviceRecognition = lambda: False  # type: ignore[attr-defined] # set as any answer is
    with pytest.raises(Unreadable, match="on its own"):
        next(AppleSpeech().transcribe(b"", tmp_path / "memo.m4a"))


def test_no_engine_is_found_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexers.readers.engines.speech.find_spec", lambda _: None)
    assert find_transcriber(tmp_path) is None
    assert find_transcriber(None) is None


def test_links_lead_nowhere_but_the_one_that_was_given(tmp_path: Path, hears: Callable[[Ear | None], None]) -> None:
    hears(None)
    outside, folder = tmp_path / "outside.wav", tmp_path / "notes"
    outside.write_bytes(hum())
    folder.mkdir()
    (folder / "link.wav").symlink_to(outside)
    os.mkfifo(folder / "pipe.wav")
    assert read(folder) == []
    source = Recordings(name="notes", path=folder, options={})
    for name, why in (("link.wav", "levels of symbolic links"), ("pipe.wav", "pipe")):  # put there after the scan
        (record,) = source.read(Item(id=str(folder / name), fingerprint="1"))
        assert isinstance(record, Skipped)
        assert why in record.why
    assert [type(record) for record in read(folder / "link.wav")] == [Section, Skipped]


def test_a_time_beyond_all_calendars_is_the_last_of_them(tmp_path: Path, hears: Callable[[Ear | None], None]) -> None:
    hears(None)
    (tmp_path / "old.wav").write_bytes(hum())
    os.utime(tmp_path / "old.wav", (0, 2**40))
    tags, _ = read(tmp_path)
    assert isinstance(tags, Section)
    assert tags.modified_at is not None
    assert tags.modified_at.year in (9999, 2446)  # file systems may know an earlier end
