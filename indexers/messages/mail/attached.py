"""The documents that came with a mail, read as any other document is; pictures, sounds and signatures are only listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from urllib.parse import quote

from indexers.messages.mail.text.body import Enclosed
from indexers.readers.block import Unreadable
from indexers.readers.engines.ocr import OcrEngine
from indexers.readers.formats import read_document
from indexers.readers.sections import clean, sections
from indexers.record import Message, Section, Skipped

MOST_READ = 50
"""Attachments of one mail that are read; the others are listed."""
FILE_BYTES = 48_000_000

_LISTED_KINDS = frozenset({"image", "audio", "video", "font", "model"})
_LISTED = frozenset(
    ".ics .vcf .vcard .p7s .p7m .p7b .asc .sig .pgp .gpg .pem .key .crt .cer .der .p12 .pfx .dat".split()
)
_QUIET = frozenset({"unsupported", "empty"})
"""Kinds that nobody expects to be read: the attachment is named with its mail all the same."""


def documents(
    enclosed: Sequence[Enclosed], message: Message, *, where: str, ocr: OcrEngine | None
) -> Iterator[Section | Skipped]:
    """The sections of each attachment that is a document, under the mail's subject and the attachment's name.

    One that cannot be read gives a Skipped, and the others are read. What was downloaded beside the mail opens itself,
    what stands in the mail opens the mail.
    """
    for number, file in enumerate(file for file in enclosed if _is_read(file)):
        name = clean(file.attachment.name)
        place = f"{where}#{quote(name, safe=' ')}"
        if number == MOST_READ:
            yield Skipped(where=where, why=f"only its first {MOST_READ} attachments were read", outcome="too_large")
            return
        try:
            found = list(_sections(file, name, message, ocr))
        except Unreadable as error:
            if error.outcome not in _QUIET:
                yield Skipped(where=place, why=f"the attachment {error.why}", outcome=error.outcome)
        except OSError:
            yield Skipped(where=place, why="the attachment is no longer beside its mail", outcome="vanished")
        except (MemoryError, RecursionError):
            yield Skipped(where=place, why="the attachment needs too much memory", outcome="too_large")
        except Exception as error:  # noqa: BLE001,RUF100 - foreign bytes in foreign parsers: one bad file stops no others
            why = f"the attachment cannot be understood; it may be damaged ({type(error).__name__})"
            yield Skipped(where=place, why=why)
        else:
            yield from found


def _is_read(file: Enclosed) -> bool:
    suffix = PurePath(file.attachment.name).suffix.lower()
    return file.attachment.mime.partition("/")[0] not in _LISTED_KINDS and suffix not in _LISTED


def _sections(file: Enclosed, name: str, message: Message, ocr: OcrEngine | None) -> Iterator[Section | Skipped]:
    path = file.attachment.path
    if path:
        with Path(path).open("rb") as stream:
            data = stream.read(FILE_BYTES + 1)
    else:
        data = file.content()
    if len(data) > FILE_BYTES:
        raise Unreadable("too_large", f"is larger than {FILE_BYTES // 1_000_000} MB")
    if not data:
        raise Unreadable("empty", "is empty or was not downloaded")
    reading = read_document(data, name=name, ocr=ocr)
    document = f"{message.id}/{file.number}"
    for section in sections(reading, name=name, modified_at=message.sent_at):
        yield replace(
            section,
            id=f"{document}/{section.id}",
            document=document,
            title=name,
            headings=tuple(filter(None, (message.title, *section.headings))),
            modified_at=message.sent_at,  # it is looked for by the day it came
            locator=Path(path).as_uri() + section.locator if path else message.locator,
        )
    for loss in reading.losses:
        yield Skipped(where=f"{document}", why=f"of the attachment, {loss.why}", outcome=loss.outcome, count=loss.count)
