"""The parts of a parsed mail: what its author wrote, what was quoted, what was attached, what it invites to."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message as Mime
from email.utils import collapse_rfc2231_value
from functools import partial

from indexers.messages.mail.headers import Head, words
from indexers.messages.mail.text import markup, reply
from indexers.readers.charset import decode
from indexers.record import Attachment, Outcome

MAX_PARTS = 500
MAX_MULTIPARTS_DEEP = 30
MAX_MAILS_DEEP = 5
MAX_TEXT = 1_000_000
"""The most characters of text that one mail gives; what follows is no letter anyone reads."""
_TEXT_BYTES = 4 * markup.HTML_CHARS
_MAX_URLS = 50
_STUB_CHARS = 200

_TYPE = re.compile(r'\s*([\w.+\-]+/[\w.+\-]+)\s*((?:;\s*[\w\-]+=(?:"[^"\\]*"|[^\s";\\()]+)\s*)*);?\s*', re.ASCII)
_PARAMETER = re.compile(r';\s*([\w\-]+)=(?:"([^"\\]*)"|([^\s";\\()]+))', re.ASCII)
_URL = re.compile(r"https?://[^\s<>\"'\]]{4,2000}")
_WORD = re.compile(r"\w")
_STUB = re.compile(r"html|does not support|unterstützt kein", re.IGNORECASE)
_FLOWED = re.compile(r"(?m)(^(?!-- $).*) \n(?![>\n])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What of a mail was not read, and why, in words for the owner."""

    why: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """An attachment with its number among all parts; `content` decodes its bytes when they are wanted."""

    attachment: Attachment
    number: str
    content: Callable[[], bytes]


@dataclass(slots=True, kw_only=True)
class Body:
    """All that the parts of one mail hold. `invitations` are the bytes of its calendar parts.

    `files` are those of `attachments` that are files and no mails.
    """

    text: str = ""
    quoted: str = ""
    links: tuple[str, ...] = ()
    attachments: list[Attachment] = field(default_factory=list)
    files: list[Enclosed] = field(default_factory=list)
    invitations: list[bytes] = field(default_factory=list)
    problems: dict[Problem, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """The text of one leaf part: `html` tells of which of two kinds."""

    text: str
    html: bool = False
    quoted: str = ""
    links: tuple[str, ...] = ()


def body(mime: Mime, *, files: Mapping[str, str] | None = None) -> Body:
    """Read the parts of a mail, at most MAX_PARTS of them.

    `files` maps a part's number ("2", "1.2") to the path of a file that holds its content, for stores that keep
    attachments beside the mail.
    """
    walk = _Walk(files or {})
    return walk.finish(walk.gather(mime))


class _Walk:
    """One pass over the tree of parts, bounded in parts, depth and text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._parts = 0
        self._calendars: list[tuple[bool, bytes]] = []
        self._enclosed: list[str] = []
        self.body = Body()

    def finish(self, pieces: list[_Piece]) -> Body:
        """Join the pieces: the author's words apart from the quoted ones."""
        out, own, quoted, links = self.body, list[str](), list[str](), dict[str, None]()
        for piece in pieces:
            text, part = piece.text, reply.split(piece.text[:MAX_TEXT])
            own.append(part.own)
            quoted += (piece.quoted, part.quoted)
            links |= dict.fromkeys(piece.links or (match[0].rstrip(".,;:!?)") for match in _URL.finditer(part.own)))
            if len(text) > MAX_TEXT:
                self._problem(f"only the first {MAX_TEXT:,} characters of its text were read", "too_large")
        out.text = "\n\n".join(filter(None, own))[:MAX_TEXT]
        out.quoted = "\n\n".join(filter(None, (*quoted, *self._enclosed)))[:MAX_TEXT]
        out.links = tuple(links)[:_MAX_URLS]
        # Programs send the same invitation twice, in the body and as a file: the file is for those that skip the body.
        inline = [data for is_file, data in self._calendars if not is_file]
        out.invitations = inline or [data for _, data in self._calendars]
        return out

    def gather(self, part: Mime, number: str = "", deep: int = 0, mails: int = 0) -> list[_Piece]:
        """The text pieces of a part and all below it; attachments and invitations are put aside on the way."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            self._problem(f"it has more than {MAX_PARTS} parts; the rest was not read", "too_large")
            return []
        head = Head(part)
        kind, parameters = _content_type(part, head.first("content-type"))
        if kind == "message/rfc822":
            self._enclose(part, number, deep, mails)
            return []
        if kind in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
            if "signed-data" not in head.first("content-type").lower():
                self._problem("its content is encrypted; only who, when and the subject were read", "encrypted")
            return []
        if not part.is_multipart():
            return self._leaf(part, head, kind, parameters, number)
        if deep >= MAX_MULTIPARTS_DEEP:
            self._problem(f"parts nested more than {MAX_MULTIPARTS_DEEP} deep were not read", "too_large")
            return []
        below = [
            self.gather(child, f"{number}.{at}" if number else str(at), deep + 1, mails)
            for at, child in enumerate(_children(part), start=1)
        ]
        if kind == "multipart/alternative":
            return _best(below)
        return [piece for pieces in below for piece in pieces]

    def _enclose(self, part: Mime, number: str, deep: int, mails: int) -> None:
        """A mail inside the mail: listed as an attachment, its words kept among the quoted ones."""
        if mails >= MAX_MAILS_DEEP:
            self._problem(f"mails nested more than {MAX_MAILS_DEEP} deep were not read", "too_large")
            return
        for inner in _children(part):
            head = Head(inner)
            subject = head.text("subject")
            self.body.attachments.append(Attachment(name=f"{subject or 'mail'}.eml", mime="message/rfc822"))
            pieces = self.gather(inner, number, deep + 1, mails + 1)
            sender = words(head.first("from"))
            self._enclosed.append("\n".join(filter(None, (sender, subject, "", *(piece.text for piece in pieces)))))

    def _leaf(self, part: Mime, head: Head, kind: str, parameters: Mapping[str, str], number: str) -> list[_Piece]:
        disposition = head.first("content-disposition")
        name = _filename(part, disposition, parameters)
        attached = disposition.lower().lstrip().startswith("attachment")
        if kind == "text/calendar" or (kind == "application/ics" and attached):
            self._calendars.append((attached or kind != "text/calendar", _payload(part)))
        if kind in ("text/plain", "text/html") and not attached and not name:
            return self._text(part, parameters, html=kind == "text/html")
        if name or attached:
            mime = kind if head.first("content-type") else ""
            path = self._files.get(number, "")
            attachment = Attachment(name=name or f"part {number or 1}", mime=mime, path=path)
            self.body.attachments.append(attachment)
            content = partial(_payload, part)
            self.body.files.append(Enclosed(attachment=attachment, number=f"{self._parts}", content=content))
        return []

    def _text(self, part: Mime, parameters: Mapping[str, str], *, html: bool) -> list[_Piece]:
        text = decode(_payload(part)[:_TEXT_BYTES], parameters.get("charset", "")).replace("\r\n", "\n")
        if html:
            if len(text) > markup.HTML_CHARS:
                self._problem(f"only the first {markup.HTML_CHARS:,} characters of its HTML were read", "too_large")
            page = markup.page(text)
            return [_Piece(text=page.text, html=True, quoted=page.quoted, links=page.links)]
        if parameters.get("format", "").lower() == "flowed":
            text = _FLOWED.sub(r"\1" if parameters.get("delsp", "").lower() == "yes" else r"\1 ", text)
        return [_Piece(text=text)]

    def _problem(self, why: str, outcome: Outcome) -> None:
        self.body.problems[Problem(why=why, outcome=outcome)] = None


def _children(part: Mime) -> Iterator[Mime]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, Mime))


def _best(alternatives: list[list[_Piece]]) -> list[_Piece]:
    """Of the forms of one text the plain one, unless it only says that the other should be read."""
    spoken = [pieces for pieces in alternatives if any(_WORD.search(piece.text) for piece in pieces)]
    plain = [pieces for pieces in spoken if not any(piece.html for piece in pieces)]
    rich = [pieces for pieces in spoken if any(piece.html for piece in pieces)]
    if plain and rich and _is_stub("".join(piece.text for piece in plain[0])):
        return rich[-1]
    return (plain or rich or [[]])[0]


def _is_stub(text: str) -> bool:
    return len(text) < _STUB_CHARS and _STUB.search(text) is not None


def _payload(part: Mime) -> bytes:
    """The decoded bytes of a leaf part; as they stand when their transfer encoding is broken."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, binascii.Error):
        payload = str(part.get_payload()).encode("utf-8", "surrogateescape")
    return payload if isinstance(payload, bytes) else b""


def _content_type(part: Mime, written: str) -> tuple[str, Mapping[str, str]]:
    """What Content-Type says (RFC 2045 5.2): the type, and the parameters by lower-case name; none that cannot be read.

    The form that nearly all parts use is read without the full grammar.
    """
    if not written:
        return part.get_default_type(), {}
    if simple := _TYPE.fullmatch(written):
        named = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(simple[2])}
        return simple[1].lower(), named
    try:
        found = part.get_params(None)
    except (ValueError, LookupError, TypeError):
        found = None
    return part.get_content_type(), {name.lower(): str(collapse_rfc2231_value(value)) for name, value in found or ()}


def _filename(part: Mime, disposition: str, parameters: Mapping[str, str]) -> str:
    """The display name of an attached file, decoded; the last component of what may be a foreign path."""
    name = parameters.get("name", "")
    if disposition:
        try:
            name = part.get_filename("") or name
        except (ValueError, LookupError, TypeError):
            name = name or "attachment"
    return words(str(name)).replace("\\", "/").rpartition("/")[2][:255]
