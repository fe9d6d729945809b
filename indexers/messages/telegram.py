"""Telegram Desktop's JSON export (`result.json`) as a source: one chat or a whole account, read in bounded memory."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from indexers.messages.export import (
    UNREADABLE,
    Chat,
    Day,
    DayBook,
    ExportSource,
    Extent,
    Json,
    JsonDocument,
    Malformed,
    Member,
    address,
    as_object,
    beside,
    links,
    mime,
    objects,
)
from indexers.record import Attachment, Message, Party, Skipped

_NOT_INCLUDED = "(File "
"""How the path of a file begins that was not exported: "(File not included. Change data exporting settings…)"."""
_PAGE = re.compile(r"messages\d*\.html")
DELETED_ACCOUNT = "Deleted Account"
_HEAD = 4 << 20
"""Where a first message stands, behind the contacts of a whole account."""


class Telegram(ExportSource):
    """Chats that the owner exported. A message's id is Telegram's; a newer export's text of it wins.

    Days are UTC where the export has Unix times (since 2021), else the exporting computer's. Handles are phone numbers
    where the export lists the contact, else Telegram's own ids ("user123"). The owner is known from a whole account's
    export, and in a private chat as the one who is not the partner.
    """

    kind = "telegram"
    merges = True
    timed: defaultdict[str, set[int]] | None = None

    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """Every chat of every `result.json`; one that breaks off gives what came before, and one Skipped."""
        exported = [member for member in listed if member.place.name.casefold() == "result.json" or self.opened(member)]
        if not exported and (pages := [member for member in listed if _PAGE.fullmatch(member.place.name)]):
            why = "this export is made for reading; in Telegram Desktop, choose “Machine-readable JSON” as its format"
            yield Skipped(where=str(self.path), why=why, outcome="unsupported", count=len(pages))
        floating = [member for member in exported if self._is_floating(member)]
        # What an export with Unix times tells, an older one may tell of another day.
        self.timed = defaultdict[str, set[int]](set) if 0 < len(floating) < len(exported) else None
        for member in (*(member for member in exported if member not in floating), *floating):
            try:
                with self.shelf.open(member) as stream:
                    yield from _Account(self, member).walk(JsonDocument(stream))
            except (Malformed, *UNREADABLE) as error:
                yield member.skipped(error)

    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Skipped]:
        """The day's messages; service lines (calls, joins, pins) are not speech."""
        introduced = chat.introduce(self.kind)
        where = day.member.locator(f"chat={quote(chat.id)}&id=")
        for extent in day.extents:
            raw = self.shelf.read(day.member, extent).decode("utf-8", "replace")
            for said in json.loads(f"[{raw}]", strict=False):
                sent_at = _sent_at(said)
                if sent_at is None or sent_at.date() != day.date or said.get("type") != "message":
                    continue
                if self.tells_again(chat.id, said, sent_at):
                    continue
                text, attachments = _text(said), tuple(_attachments(day.member, said))
                if not text and not attachments:
                    continue
                sender, people = introduced(_sender(said))
                yield Message(
                    id=str(said["id"]),
                    conversation=chat.id,
                    sender=sender,
                    people=people,
                    sent_at=sent_at,
                    text=text,
                    title=chat.title,
                    reply_to=str(said.get("reply_to_message_id") or ""),
                    attachments=attachments,
                    links=tuple(dict.fromkeys((*links(text), *_hidden_links(said)))),
                    reactions=tuple(_reactions(said)),
                    locator=f"{where}{said['id']}",
                )

    def tells_again(self, chat: str, said: Json, sent_at: datetime) -> bool:
        """Whether an export before 2021 tells what one since then tells; the ids of the latter are noted."""
        if self.timed is None:
            return False
        if sent_at.tzinfo is None:
            return said["id"] in self.timed[chat]
        self.timed[chat].add(int(str(said["id"])))
        return False

    def _is_floating(self, member: Member) -> bool:
        try:
            with self.shelf.open(member) as stream:
                return b'"date_unixtime"' not in stream.read(_HEAD)
        except (Malformed, *UNREADABLE):
            return False  # its survey says why


class _Account:
    """A walk over one `result.json`: who the owner and the contacts are, then each chat's days."""

    def __init__(self, source: Telegram, member: Member) -> None:
        self._source = source
        self._member = member
        self._owner = ""
        self._phones: dict[str, str] = {}

    def walk(self, document: JsonDocument) -> Iterator[Chat | Skipped]:
        """The chats of a whole account, or the one chat that the document is."""
        head: dict[str, str] = {}
        for key in document.fields():
            if key == "personal_information":
                self._owner = f"user{as_object(document.take()[1]).get('user_id', '')}"
            elif key == "contacts":
                self._list_phones(as_object(document.take()[1]).get("list"))
            elif key in ("chats", "left_chats"):
                yield from self._chats(document)
            else:
                yield from self._part(document, key, head)

    def _chats(self, document: JsonDocument) -> Iterator[Chat | Skipped]:
        for key in document.fields():
            if key != "list":
                document.skip()
                continue
            for _ in document.elements():
                head: dict[str, str] = {}
                for part in document.fields():
                    yield from self._part(document, part, head)

    def _part(self, document: JsonDocument, key: str, head: dict[str, str]) -> Iterator[Chat | Skipped]:
        """One value of a chat: its name, type or id go into `head`, which Telegram writes before the messages."""
        if key == "messages":
            yield from self._chat(document, head)
        elif key in ("id", "name", "type"):
            head[key] = document.word()
        else:
            document.skip()

    def _chat(self, document: JsonDocument, head: Mapping[str, str]) -> Iterator[Chat | Skipped]:
        title = head.get("name") or ("Saved Messages" if head.get("type") == "saved_messages" else "")
        id_ = head.get("id") or title
        if not id_:
            raise Malformed("a chat does not say its id or name before its messages")
        book, senders, unreadable = DayBook(self._member), dict[str, Party](), 0
        broken: Exception | None = None
        try:
            for _ in document.elements():
                start, raw, said = document.take()
                sent_at = _sent_at(said)
                if sent_at is None or not isinstance(said, dict):
                    unreadable += 1
                    continue
                if self._source.tells_again(id_, said, sent_at):
                    continue
                book.add(sent_at.date(), raw, Extent(start, start + len(raw)))
                if said.get("type") == "message" and (sender := _sender(said)) not in senders:
                    senders[sender] = self._party(sender, str(as_object(raw).get("from") or DELETED_ACCOUNT), head)
        except (Malformed, *UNREADABLE) as error:
            broken = error
        yield Chat(id=id_, title=title, senders=senders, days=book.days())
        if unreadable:
            why = "messages without an id or a time were passed over"
            yield Skipped(where=str(self._member.place), why=why, count=unreadable)
        if broken:
            raise broken

    def _party(self, sender: str, name: str, head: Mapping[str, str]) -> Party:
        if self._source.owner:
            me = self._source.is_owner(name, sender)
        elif self._owner:
            me = sender == self._owner
        else:
            kind = head.get("type")
            me = kind == "saved_messages" or (kind == "personal_chat" and sender != f"user{head.get('id')}")
        return Party(handle=self._phones.get(sender, sender), name=name, me=me)

    def _list_phones(self, contacts: object) -> None:
        for contact in objects(contacts):
            if contact.get("user_id") and contact.get("phone_number"):
                self._phones[f"user{contact['user_id']}"] = address(str(contact["phone_number"]))


def _sent_at(said: object) -> datetime | None:
    """When a message was sent: aware, floating in exports before 2021, None where the message has no id or time."""
    if not isinstance(said, dict) or not isinstance(said.get("id"), int):
        return None
    try:
        unix = said.get("date_unixtime")
        sent_at = datetime.fromtimestamp(int(unix), UTC) if unix else datetime.fromisoformat(said["date"])
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return sent_at if sent_at.year > 1970 else None


def _sender(said: Json) -> str:
    """Telegram's id of who speaks; exports before 2021 have a name only."""
    return str(said.get("from_id") or said.get("from") or DELETED_ACCOUNT)


def _flat(text: object) -> str:
    if isinstance(text, list):
        return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in text if part)
    return text if isinstance(text, str) else ""


def _text(said: Json) -> str:
    """What was said, then what a poll asks, whom a contact names, where a place is."""
    parts = [_flat(said.get("text"))]
    poll, contact, place = (said.get(key) for key in ("poll", "contact_information", "place_name"))
    if isinstance(poll, dict):
        answers = (f"- {_flat(answer.get('text'))}" for answer in objects(poll.get("answers")))
        parts += [_flat(poll.get("question")), *answers]
    if isinstance(contact, dict):
        parts.append(" ".join(str(contact.get(key) or "") for key in ("first_name", "last_name", "phone_number")))
    if isinstance(place, str):
        parts.append(f"{place}, {said.get('address') or ''}".strip(", "))
    return "\n".join(part for part in parts if part.strip()).strip()


def _attachments(member: Member, said: Json) -> Iterator[Attachment]:
    for key in ("photo", "file"):
        path = said.get(key)
        if not isinstance(path, str):
            continue
        included = not path.startswith(_NOT_INCLUDED)
        name = said.get("file_name") or (path.rpartition("/")[2] if included else said.get("media_type") or key)
        kind = str(said.get("mime_type") or mime(str(name)) or ("image/jpeg" if key == "photo" else ""))
        yield Attachment(name=str(name), mime=kind, path=beside(member, path) if included else "")


def _hidden_links(said: Json) -> Iterator[str]:
    """Addresses behind words, and a place's coordinates."""
    text, place = said.get("text"), said.get("location_information")
    yield from (str(part["href"]) for part in objects(text) if part.get("href"))
    if isinstance(place, dict):
        yield f"geo:{place.get('latitude')},{place.get('longitude')}"


def _reactions(said: Json) -> Iterator[str]:
    for reaction in objects(said.get("reactions")):
        emoji = str(reaction.get("emoji") or reaction.get("type") or "")
        names = [str(recent["from"]) for recent in objects(reaction.get("recent")) if recent.get("from")]
        yield from (f"{emoji} by {name}" for name in names)
        unnamed = reaction.get("count")
        if isinstance(unnamed, int) and unnamed > len(names):
            yield f"{emoji} ×{unnamed - len(names)}"
