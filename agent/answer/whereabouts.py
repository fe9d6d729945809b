"""Where a cited passage lives and how its owner opens it, as lines of text. Pure: a locked process starts no viewers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, unquote

from agent.vocabulary import Citation, Passage

Platform = Literal["darwin", "linux"]
Span = tuple[str, str, int, int]

_OPENERS: Mapping[str, str] = {"darwin": "open", "linux": "xdg-open"}
_PROGRAMS: Mapping[str, str] = {
    "sms": "Messages",
    "message": "Mail",
    "ical": "Calendar",
    "addressbook": "Contacts",
}
"""Links that Apple's own programs open, on a Mac only."""
_PLACES: Mapping[str, tuple[str, str]] = {
    "page": ("page", "pages"),
    "slide": ("slide", "slides"),
    "cells": ("cells", "cells"),
    "sheet": ("cells", "cells"),
    "chapter": ("chapter", "chapters"),
    "line": ("line", "lines"),
    "time": ("minute", "minutes"),
    "t": ("second", "seconds"),
}
_READ_BY: Mapping[str, str] = {"ocr": "read by OCR", "speech": "heard by a machine"}
_IN_EXPORT: Mapping[str, str] = {
    "entry": "part",
    "chat": "chat",
    "id": "message",
    "ts": "message of the time stamp",
    "workout": "workout of",
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def whereabouts(
    cited: Passage | Citation, *, platform: Platform, spans: Sequence[Span] = (), quoted: tuple[int, int] | None = None
) -> tuple[str, ...]:
    """What was cited, where it lies, where else, and the command that opens it, a line each.

    `spans` are those of the passage where `cited` is a citation of it. `quoted` are the characters of the passage's
    text that a citation quotes: then only the pages that these stand on are named. Every line is printable.
    """
    own = cited.spans if isinstance(cited, Passage) else tuple(spans)
    address, _, fragment = cited.locator.partition("#")
    scheme = match[1] if (match := _SCHEME.match(address)) else ""
    place = _place(own, quoted) or _place_of_fragment(fragment)
    read = _READ_BY.get(cited.read_by, "")
    lines = [_what(cited, place) + (f", {read}" if read else "")]
    if quoted is not None:
        lines.append(f"characters {quoted[0]} to {quoted[1]} of the passage")
    lines += _lies(address, scheme, "in")
    for further in cited.also:
        lines += _lies(further.partition("#")[0], "file", "also in")
    lines += _opened(address, scheme, place, platform)
    return tuple(printable(line) for line in lines)


def printable(text: str) -> str:
    r"""Text in which every character that steers a terminal, or cannot be shown, is written as "\u…"."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def _what(cited: Passage | Citation, place: str) -> str:
    when = f" of {cited.when:%A} {cited.when.day} {cited.when:%B %Y %H:%M}" if cited.when is not None else ""
    match cited.kind:
        case "message":
            named = f"“{cited.title}”" if cited.title else ""
            company = ", ".join(cited.people)
            parts = (f"in {named}" if named else "", f"with {company}" if company else "")
            return " ".join(filter(None, (f"Message{when}", *parts)))
        case "event":
            return f"Event “{cited.title}”{when}"
        case "contact":
            return f"Contact {cited.title}"
        case "samples":
            return f"Numbers of {cited.source}: {cited.title}"
    return f"“{cited.title}”" + (f", {place}" if place else _dated(cited.when))


def _dated(when: datetime | None) -> str:
    return f" of {when.day} {when:%B %Y}" if when is not None else ""


def _place(spans: Sequence[Span], quoted: tuple[int, int] | None) -> str:
    """The pages, slides, cells, chapters or lines of the spans that a quote touches, in words."""
    low, high = quoted or (0, 1 << 60)
    touched = [(kind, label) for kind, label, start, end in spans if start < high and end > low]
    return _counted(touched[0][0], [label for _, label in touched]) if touched else ""


def _counted(kind: str, labels: Sequence[str]) -> str:
    one, many = _PLACES.get(kind, (kind, kind))
    ends = [number for label in labels if (match := _RANGE.fullmatch(label)) for number in match.groups() if number]
    if len(ends) >= len(labels) and ends:
        return f"{one} {ends[0]}" if ends[0] == ends[-1] else f"{many} {ends[0]} to {ends[-1]}"
    named = list(dict.fromkeys(labels))
    return f"{one if len(named) == 1 else many} {', '.join(named)}"


def _place_of_fragment(fragment: str) -> str:
    """The place that a locator names itself, where no span does."""
    told = dict(parse_qsl(fragment, keep_blank_values=True)) if "=" in fragment else {}
    words = [_counted(key, [value]) for key, value in told.items() if key in _PLACES]
    words += [f"{_IN_EXPORT[key]} {value}" for key, value in told.items() if key in _IN_EXPORT]
    return ", ".join(words)


def _lies(address: str, scheme: str, word: str) -> Iterator[str]:
    """Where an address is, as a person would say it."""
    if scheme == "file":
        yield f"{word} {_path(address)}"
    elif scheme in _PROGRAMS:
        yield f"{word} {_PROGRAMS[scheme]}"
    elif address:
        yield f"{word} {address}"


def _path(address: str) -> str:
    return unquote(address.removeprefix("file://"))


def _opened(address: str, scheme: str, place: str, platform: Platform) -> Iterator[str]:
    """How to open an address: a command to copy, then what to look for."""
    if scheme in _PROGRAMS:
        where = "" if platform == "darwin" else "on your Mac: "
        yield f"{where}open {shlex.quote(address)}"
    elif scheme == "file":
        path = _path(address)
        if "\\" in path:
            # Names with undecodable bytes are kept escaped (documents), and no command would find them.
            yield f"Its name cannot be typed as it is; look for it in {path.rpartition('/')[0] or '/'}"
            return
        # A name that cannot be shown cannot be typed either: its address can.
        target = path if path.isprintable() else address
        look = f"   then go to {place}" if place else ""
        yield f"{_OPENERS[platform]} {shlex.quote(target)}{look}"
    elif scheme in ("http", "https"):
        yield f"It is on the web; homebody opens nothing there. Its address: {address}"
    elif not address:
        yield "Its source keeps no place that a program can open; the text above is all of it."
