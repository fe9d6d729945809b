"""A saved e-mail (.eml) as a document: its headers, then its body."""

from __future__ import annotations

from codecs import BOM_UTF8
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from indexers.readers.block import Block, Reading, Unreadable
from indexers.readers.charset import decode as decode_declared
from indexers.readers.text import decode
from indexers.readers.web import html_reading

_SHOWN = ("From", "To", "Cc", "Date", "Subject")


def read_mail(data: bytes) -> Reading:
    """One message (RFC 5322, MIME): headers as a form, the plain or else the HTML body, the names of attachments."""
    try:
        message = message_from_bytes(data.removeprefix(BOM_UTF8), policy=policy.default)
        headers = {name: _header(message, name) for name in _SHOWN}
        if not (headers["From"] or headers["Subject"] or headers["Date"]):
            raise Unreadable("malformed", "has no headers of an e-mail")
        body = message.get_body(("plain", "html"))
        blocks = _body(body) if body is not None else []
        files = [name for part in message.iter_attachments() if (name := part.get_filename())]
    except (MessageError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The parser of the standard library fails in all these ways on headers that are no headers.
        raise Unreadable("malformed", "is a damaged e-mail") from error
    shown = [f"{name}: {value}" for name, value in headers.items() if value]
    if files:
        shown.append("Attachments: " + ", ".join(files))
    return Reading(
        blocks=[Block(text="\n".join(shown), kind="form"), *blocks],
        title=headers["Subject"],
        author=headers["From"],
        modified_at=_sent(headers["Date"]),
    )


def _header(message: EmailMessage, name: str) -> str:
    value = message.get(name)
    return " ".join(str(value).split()) if value is not None else ""


def _body(part: MIMEPart) -> list[Block]:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return []
    declared = part.get_content_charset()
    text = decode_declared(payload, declared) if declared else decode(payload)
    if part.get_content_type() == "text/html":
        return list(html_reading(text).blocks)
    return [Block(text=text.strip("\r\n"))]


def _sent(date: str) -> datetime | None:
    try:
        sent = parsedate_to_datetime(date)
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
