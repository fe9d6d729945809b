"""What one row of `message` says now: its bubbles without what was unsent, without codes, with what came along."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from indexers.messages.apple.reading.keyed import Damaged, KeyedArchive
from indexers.messages.typedstream import (
    AttributedText,
    Filled,
    Plain,
    RunShape,
    Shape,
    Shapes,
    TypedStreamError,
    Value,
    decode,
    placed,
)
from indexers.record import Outcome

CODE = "[code]"
"""What stands for a one-time code."""

_PART = "__kIMMessagePartAttributeName"
_FILE = "__kIMFileTransferGUIDAttributeName"
_ONE_TIME_CODE = "__kIMOneTimeCodeAttributeName"
_LINK = "__kIMLinkAttributeName"
_TRANSCRIPT = "IMAudioTranscription"
_SPECIAL = frozenset({_FILE, _ONE_TIME_CODE, _LINK, _TRANSCRIPT})

_PLACEHOLDERS = str.maketrans("", "", "\ufffc\ufffd")
_URL = re.compile(r"https?://[^\s<>\"'\u201c\u201d\ufffc]+")
_URL_END = ".,;:!?)]}"
_KEYED = b"bplist00"
_CODE_WORDS = re.compile(
    r"\b(?:(?:verification|security|confirmation|authentication|login|log-in|sign-in|access|one-?time|passcode)"
    r"[ -]?(?:pass)?(?:codes?|passwords?|pin|number)|otp|2fa|passcode|pass code|mtan|tan|"
    r"(?:bestätigungs|sicherheits|verifizierungs|anmelde|einmal)[ -]?(?:code|kennwort|passwort|pin)|"
    r"code de (?:vérification|sécurité|confirmation|validation)|código de (?:verificación|seguridad|confirmación)|"
    r"codice di (?:verifica|sicurezza|conferma)|codigo de verificação)\b"
    r"|\b(?:your|dein|ihr|votre|su|tu)\b[^.\n]{0,40}\bcode\b|\bcode\b[^.\n]{0,12}(?::|\bis\b|\blautet\b)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{3}")
_CODE_SHAPE = re.compile(
    r"(?<![\w.,:/+€$£-])(?:[A-Z]{1,3}-)?(?:\d{3}[ -]\d{3}|\d{4,8})(?![\w€$£%]|[-.,:/]\d|\s?(?:€|EUR|USD|GBP|CHF)\b)"
)


class Unreadable(Exception):
    """The row holds something that cannot be read; the text says what is wrong, never what was said."""

    def __init__(self, problem: str, *, outcome: Outcome = "malformed") -> None:
        super().__init__(problem)
        self.outcome: Outcome = outcome


class Speech(NamedTuple):
    """What a row says: the text, the attachments that its body places (by guid, in order), the links in it.

    `unsent` is true where a part was taken back, so that no attachment but the placed ones may be shown. A tuple,
    because one is made for every row and dropped at once.
    """

    text: str
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Edits:
    """An edit record: the parts taken back, all parts there were, and the last wording of each edited part."""

    unsent: frozenset[int]
    parts: frozenset[int]
    latest: Mapping[int, bytes]


_UNEDITED = Edits(frozenset(), frozenset(), {})


class _Slot(NamedTuple):
    """Stands for a text that differs among bodies of one shape."""

    number: int


class _Piece(NamedTuple):
    """What a run adds: its characters, or something `instead`, to a bubble; a file; a link."""

    bubble: int
    instead: str | _Slot | None = None
    file: str | _Slot | None = None
    link: str | _Slot | None = None


class _Form(NamedTuple):
    """What the runs of bodies of one shape add; `links` are in slots where nothing else but the whole text is said."""

    pieces: tuple[_Piece, ...]
    links: tuple[int, ...] | None


class Bodies:
    """Reads the speech out of rows. It learns the bodies of a database, so that one object should read it all."""

    __slots__ = ("_forms", "_plain", "_shapes")

    def __init__(self) -> None:
        self._plain = Plain(_SPECIAL)
        self._shapes = Shapes()
        self._forms: dict[Shape, _Form] = {}

    def plain(self, body: bytes) -> str | None:
        """The text of an unedited row whose body is known to have no links, files or codes; None: ask for the speech."""
        try:
            text = self._plain.text(body)
        except UnicodeDecodeError:
            return None
        return text if text is None else _clean(text)

    def speech(self, *, text: str | None, body: bytes | None, summary: bytes | None, incoming: bool) -> Speech:
        """What a row says now.

        `body` (the archive) is preferred over `text`, which newer systems leave NULL; `text` serves where the archive
        is damaged. `summary` is given for rows that were edited or unsent. `incoming` rows without runs are searched
        for one-time codes by their wording. Raises Unreadable where the text cannot be had.
        """
        plain = self.plain(body) if body and not summary else None
        if plain is not None:
            return Speech(plain, links=urls(plain))
        return self.rich(text=text, body=body, summary=summary, incoming=incoming)

    def rich(self, *, text: str | None, body: bytes | None, summary: bytes | None, incoming: bool) -> Speech:
        """The speech of a row that `plain` says nothing of."""
        edits = edit_record(summary) if summary else _UNEDITED
        if edits.unsent and edits.parts <= edits.unsent:
            return Speech("", unsent=True)
        try:
            if body:
                if body.startswith(_KEYED):
                    return _plain(_keyed_text(body), incoming=incoming)
                if filled := self._shapes.filled(body):
                    return self._told(filled, edits.unsent)
                archived = decode(body)
                self._plain.learn(body, archived)
                self._shapes.learn(body)
                return _spoken(archived.text, _runs(archived), (), edits.unsent)
            if not text:
                bodies = [decode(edits.latest[part]) for part in sorted(edits.latest)]
                spoken = [_spoken(body.text, _runs(body), (), ()) for body in bodies]
                return Speech("\n".join(body.text for body in spoken), unsent=bool(edits.unsent))
        except (TypedStreamError, Unreadable) as error:
            if not text:
                raise Unreadable(f"its archived body {error}") from None
        return _plain(text, incoming=incoming)

    def _told(self, filled: Filled, unsent: Collection[int]) -> Speech:
        """What `_spoken` says of a body of a known shape, whose attributes are looked at once for all such bodies."""
        text, lengths, values, shape = filled
        form = self._forms.get(shape)
        if form is None:
            form = self._forms[shape] = _form([_piece(_with_slots(run, values)) for run in shape.runs])
        pieces, slots = form
        if slots is None or unsent or sum(lengths) < len(text) or not text.isascii():
            return _spoken(text, zip(*placed(text, lengths), pieces, strict=True), values, unsent)
        said = _clean(text)
        links = [str(values[slot]) for slot in slots]
        if "://" in said:
            links += urls(said)
        return Speech(said, (), tuple(dict.fromkeys(links)) if links else ())


def _form(pieces: Sequence[_Piece]) -> _Form:
    ordinary = all(
        (piece.bubble, piece.instead, piece.file) == (pieces[0].bubble, None, None) and not isinstance(piece.link, str)
        for piece in pieces
    )
    links = tuple(piece.link.number for piece in pieces if isinstance(piece.link, _Slot))
    return _Form(tuple(pieces), links if ordinary else None)


def _with_slots(run: RunShape, values: Sequence[str | bytes]) -> Mapping[str, Value | _Slot]:
    varying = {key: _Slot(number) if isinstance(values[number], str) else b"" for key, number in run.varying}
    return {**run.attributes, **varying}


def _runs(body: AttributedText) -> Iterator[tuple[int, int, _Piece]]:
    return ((start, end, _piece(attributes)) for start, end, attributes in body.runs)


def _piece(attributes: Mapping[str, Value | _Slot]) -> _Piece:
    part = attributes.get(_PART)
    bubble = part if isinstance(part, int) else 0
    if _SPECIAL.isdisjoint(attributes):
        return _Piece(bubble)
    texts = {name: value for name, value in attributes.items() if isinstance(value, str | _Slot)}
    instead = CODE if _ONE_TIME_CODE in attributes else texts.get(_TRANSCRIPT)
    return _Piece(bubble, instead, texts.get(_FILE), texts.get(_LINK))


def _spoken(
    whole: str, runs: Iterable[tuple[int, int, _Piece]], values: Sequence[str | bytes], unsent: Collection[int]
) -> Speech:
    """What the runs of a text say; `values` are the texts that stand in their slots."""
    bubbles: dict[int, list[str]] = {}
    files: list[str] = []
    links: list[str] = []
    for start, end, (bubble, instead, file, link) in runs:
        if bubble in unsent:
            continue
        if file is not None:
            files.append(_filled(file, values))
        if link is not None:
            links.append(_filled(link, values))
        piece = whole[start:end] if instead is None else _filled(instead, values)
        pieces = bubbles.get(bubble)
        if pieces is None:
            bubbles[bubble] = [piece]
        elif instead is not CODE or pieces[-1] is not CODE:  # one code may stand in several runs
            pieces.append(piece)
    text = "\n".join([clean for pieces in bubbles.values() if (clean := _clean("".join(pieces)))])
    if "://" in text:
        links += urls(text)
    return Speech(
        text,
        tuple(dict.fromkeys(files)) if files else (),
        tuple(dict.fromkeys(links)) if links else (),
        unsent=bool(unsent),
    )


def _filled(text: str | _Slot, values: Sequence[str | bytes]) -> str:
    return text if isinstance(text, str) else str(values[text.number])


def _plain(text: str, *, incoming: bool) -> Speech:
    clean = _clean(text)
    if incoming:
        clean = redacted(clean)
    return Speech(clean, links=urls(clean))


def redacted(text: str) -> str:
    """The text with [code] for the digits that its wording calls a one-time code, wherever they stand in it.

    Used where no system marked the code: only in texts whose words speak of such a code, only the digits nearest to
    those words, and never parts of longer numbers, dates, times, prices or addresses.
    """
    candidates = list(_CODE_SHAPE.finditer(text)) if _DIGITS.search(text) else []
    words = _CODE_WORDS.search(text) if candidates else None
    if not words:
        return text
    nearest = min(candidates, key=lambda found: max(found.start() - words.end(), words.start() - found.end()))
    code = nearest[0]
    return _CODE_SHAPE.sub(lambda found: CODE if found[0] == code else found[0], text)


def _clean(text: str) -> str:
    if "\ufffc" in text or "\ufffd" in text:
        text = text.translate(_PLACEHOLDERS)
    return text.strip()


def urls(text: str) -> tuple[str, ...]:
    """The web addresses that stand in a text."""
    if "://" not in text:
        return ()
    return tuple(dict.fromkeys([found.rstrip(_URL_END) for found in _URL.findall(text)]))


def preview(payload: bytes) -> tuple[str, str, str]:
    """URL, title and summary of a link's preview, "" for what it lacks or what cannot be read of it."""
    try:
        archive = KeyedArchive(payload)
        metadata = archive.at(archive.root, "richLinkMetadata")
        title, summary = (_line(archive.text(archive.at(metadata, name))) for name in ("title", "summary"))
        address = archive.at(metadata, "originalURL")
        if address is None:
            address = archive.at(metadata, "URL")
        relative = archive.at(address, "NS.relative")
        return _line(archive.text(address if relative is None else relative)), title, summary
    except Damaged:
        return "", "", ""  # what was said is in the body; this only stood beside it


def _line(text: str) -> str:
    """A string of a preview as one line; an archive writes "$null" for nothing."""
    return "" if text == "$null" else " ".join(text.split())


def _keyed_text(body: bytes) -> str:
    objects, top = _keyed(body)
    root = _at(objects, top.get("root"))
    for _ in range(3):  # an attributed string holds a string, which may be an object of its own
        if isinstance(root, str):
            return root
        if not isinstance(root, dict):
            break
        root = _at(objects, root.get("NS.string", root.get("NSString")))
    raise Unreadable("holds no text")


def _keyed(data: bytes) -> tuple[list[object], dict[str, object]]:
    archive = _plist(data)
    if isinstance(archive, dict):
        objects, top = archive.get("$objects"), archive.get("$top")
        if isinstance(objects, list) and isinstance(top, dict):
            return objects, top
    raise Unreadable("is not a keyed archive")


def _at(objects: list[object], reference: object) -> object:
    if not isinstance(reference, plistlib.UID):
        return reference
    return objects[reference.data] if reference.data < len(objects) else None


def _plist(data: bytes) -> object:
    """A binary property list of a foreign program. Raises Unreadable, whatever is wrong with it."""
    try:
        return plistlib.loads(data, fmt=plistlib.FMT_BINARY)
    except Exception as error:  # the parser raises whatever its input makes it raise
        raise Unreadable(f"is a damaged property list ({type(error).__name__})") from None


def edit_record(summary: bytes) -> Edits:
    """Read a `message_summary_info`. Raises Unreadable: without it what was unsent is not known."""
    try:
        record = _plist(summary)
    except Unreadable as error:
        raise Unreadable(f"its edit record {error}") from None
    if not isinstance(record, dict):
        raise Unreadable("its edit record is of an unknown form")
    taken = record.get("rp")
    unsent = frozenset(part for part in taken if isinstance(part, int)) if isinstance(taken, list) else frozenset()
    latest: dict[int, bytes] = {}
    for part, steps in _by_part(record.get("ec")).items():
        last = steps[-1] if isinstance(steps, list) and steps else None
        body = last.get("t") if isinstance(last, dict) else None
        if isinstance(body, bytes) and part not in unsent:
            latest[part] = body
    return Edits(unsent, frozenset(_by_part(record.get("otr"))) or unsent, latest)


def _by_part(entries: object) -> dict[int, object]:
    """A dictionary whose keys are the numbers of parts, as strings, in whatever order."""
    if not isinstance(entries, dict):
        return {}
    return {int(key): value for key, value in entries.items() if isinstance(key, str) and key.isdecimal()}
