"""A Slack workspace's export (the zip or its folder) as a source: one JSON file for each channel and day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from html import escape
from pathlib import PurePosixPath

from indexers.messages.export import (
    UNREADABLE,
    Chat,
    Day,
    ExportSource,
    Extent,
    Json,
    Malformed,
    Member,
    links,
    objects,
)
from indexers.record import Attachment, Message, Party, Skipped

MAX_DAY = 64 << 20
"""The most bytes of one channel's day."""

_DAY_FILE = re.compile(r"\d{4}-\d\d-\d\d")
_CHANNEL_LISTS = ("channels.json", "groups.json", "mpims.json", "dms.json")
_SPEECH = {"", "bot_message", "me_message", "file_share", "file_comment", "thread_broadcast"}
"""The subtypes that are speech; the others (joins, topics, tombstones) are the workspace's own lines."""

_MARKUP = re.compile(r"<([^<>\n]*)>")
_MENTION = re.compile(r'(?:<@|"user_id": ")(\w+)')
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))


@dataclass(frozen=True, slots=True)
class Workspace:
    """What an export says beside its messages: people by id, and each channel's id, title and members by folder."""

    people: dict[str, Party] = field(default_factory=dict)
    channels: dict[str, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)


class Slack(ExportSource):
    """Channels and direct messages that the workspace exported. A message's id is its `ts`.

    Slack cuts the days itself: an item is one channel's day file. Handles are mail addresses where the export has them,
    else Slack's ids. Text is plain: mentions and channels by name, links as their labels, entities as characters.
    """

    kind = "slack"
    merges = True

    def survey(self, listed: Sequence[Member]) -> Iterator[Chat | Skipped]:
        """Each folder of day files is a channel of the workspace whose lists stand beside it."""
        folders: dict[PurePosixPath, list[Member]] = {}
        lists: dict[PurePosixPath, list[Member]] = {}
        for member in listed:
            if member.place.suffix == ".json" and _DAY_FILE.fullmatch(member.place.stem):
                folders.setdefault(member.place.parent, []).append(member)
            elif member.place.name in ("users.json", *_CHANNEL_LISTS):
                lists.setdefault(member.place.parent, []).append(member)
            elif self.opened(member):
                yield member.skipped(Malformed("not a Slack export: add its zip or its folder"))
        workspaces: dict[PurePosixPath, Workspace] = {}
        self._people: dict[Member, Mapping[str, Party]] = {}
        for root, members in lists.items():
            workspaces[root] = workspace = Workspace()
            for member in members:
                try:
                    self._list(workspace, member.place.name, self._load(member))
                except (Malformed, *UNREADABLE) as error:
                    yield member.skipped(error)
        for folder, members in folders.items():
            yield from self._channel(workspaces.get(folder.parent, Workspace()), folder.name, members)

    def messages(self, chat: Chat, day: Day) -> Iterator[Message | Skipped]:
        """What was said in a channel on a day, bots included, in the order of the file."""
        introduced = chat.introduce(self.kind)
        people = self._people[day.member]
        where = day.member.locator("ts=")
        for said in objects(self._load(day.member)):
            sent_at = _sent_at(said)
            if sent_at is None or str(said.get("subtype") or "") not in _SPEECH:
                continue
            text = plain(_words(said), people)
            attachments = tuple(_attachments(said))
            if not text and not attachments:
                continue
            sender, present = introduced(_sender(said))
            ts, thread = str(said["ts"]), str(said.get("thread_ts") or "")
            yield Message(
                id=ts,
                conversation=chat.id,
                sender=sender,
                people=present,
                sent_at=sent_at,
                text=text,
                title=chat.title,
                reply_to="" if thread == ts else thread,
                attachments=attachments,
                links=tuple(dict.fromkeys((*_targets(_words(said)), *links(text)))),
                reactions=tuple(_reactions(said, people)),
                locator=f"{where}{ts}",
            )

    def _load(self, member: Member) -> object:
        if member.size > MAX_DAY:
            raise Malformed("larger than any day of a channel", "too_large")
        raw = self.shelf.read(member, Extent(0, member.size))
        try:
            return json.loads(raw.decode("utf-8-sig", "replace"), strict=False)
        except (ValueError, RecursionError) as error:
            raise Malformed("the file breaks off or is not JSON") from error

    def _list(self, workspace: Workspace, name: str, listed: object) -> None:
        for entry in objects(listed):
            id_ = str(entry.get("id") or "")
            if name == "users.json":
                workspace.people[id_] = self._party(id_, entry)
                continue
            members = entry.get("members")
            everyone = tuple(str(member) for member in members) if isinstance(members, list) else ()
            # Slack makes up the names of group messages; direct ones have none.
            title = "" if name in ("mpims.json", "dms.json") else str(entry.get("name") or "")
            workspace.channels[str(entry.get("name") or id_)] = id_, title, everyone

    def _party(self, id_: str, entry: Json) -> Party:
        profile = entry.get("profile")
        about = profile if isinstance(profile, dict) else {}
        names = [about.get("real_name"), about.get("display_name"), entry.get("real_name"), entry.get("name")]
        known = [str(name) for name in names if name]
        mail = str(about.get("email") or "")
        return Party(handle=mail or id_, name=known[0] if known else id_, me=self.is_owner(id_, mail, *known))

    def _channel(self, workspace: Workspace, folder: str, members: Sequence[Member]) -> Iterator[Chat | Skipped]:
        id_, title, everyone = workspace.channels.get(folder, (folder, folder, ()))
        senders = {user: workspace.people[user] for user in everyone if user in workspace.people}
        days: list[Day] = []
        unreadable = 0
        for member in members:
            try:
                day, said = date.fromisoformat(member.place.stem), self._load(member)
            except ValueError:
                yield member.skipped(Malformed("named after a day that does not exist"))
                continue
            except (Malformed, *UNREADABLE) as error:
                yield member.skipped(error)
                continue
            messages = [message for message in objects(said) if _sent_at(message)]
            unreadable += (len(said) if isinstance(said, list) else 1) - len(messages)
            for message in messages:
                if str(message.get("subtype") or "") in _SPEECH and (sender := _sender(message)) not in senders:
                    senders[sender] = workspace.people.get(sender) or self._guest(sender, message)
            self._people[member] = workspace.people
            digest = _digest(messages, workspace.people)
            whole = (Extent(0, member.size),)
            days.append(Day(member=member, date=day, extents=whole, digest=digest))
        yield Chat(id=id_, title=title, senders=senders, days=tuple(days))
        if unreadable:
            yield Skipped(where=folder, why="messages without a time were passed over", count=unreadable)

    def _guest(self, sender: str, said: Json) -> Party:
        """A sender whom `users.json` does not list: a bot, or a member of another workspace."""
        profile = said.get("user_profile") or said.get("bot_profile")
        about = profile if isinstance(profile, dict) else {}
        name = str(about.get("real_name") or about.get("name") or said.get("username") or sender)
        return Party(handle=sender, name=name, me=self.is_owner(sender, name))


def plain(text: str, people: Mapping[str, Party]) -> str:
    """Slack's markup as plain text: `<@U1>` is @name, `<#C1|trip>` #trip, `<url|label>` label, `&lt;` <."""

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        match target[:1]:
            case "@":
                known = people.get(target[1:])
                return f"@{label or (known.name if known else target[1:])}"
            case "#":
                return f"#{label or target[1:]}"
            case "!":
                return label if label.startswith(("@", "#")) or target.startswith("!date") else f"@{target[1:]}"
            case _:
                return label or target

    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], _MARKUP.sub(shown, text)).strip()


def _sent_at(said: Json) -> datetime | None:
    seconds, _, fraction = str(said.get("ts") or "").partition(".")
    try:
        sent_at = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(f"{fraction:0<6}"[:6]))
    except (ValueError, OverflowError, OSError):
        return None
    return sent_at if sent_at.year > 1970 else None


def _sender(said: Json) -> str:
    return str(said.get("user") or said.get("bot_id") or said.get("username") or "unknown")


def _words(said: Json) -> str:
    """A message's text; where it has none, that of its blocks, else of what it shares."""
    if text := str(said.get("text") or ""):
        return text
    blocks = (_block(block) for block in objects(said.get("blocks")))
    shared = (str(part.get("text") or part.get("fallback") or "") for part in objects(said.get("attachments")))
    return "\n".join(filter(None, blocks)) or "\n".join(filter(None, shared))


def _block(block: Json) -> str:
    """The words of a block, and of all that stands in it, in Slack's markup."""
    kind, said = block.get("type"), block.get("text")
    text = str(said.get("text") or "") if isinstance(said, dict) else str(said or "")
    if kind in ("text", "link"):  # the others are in markup already
        text = escape(text, quote=False)
    match kind:
        case "link":
            return f"<{block.get('url')}|{text or block.get('url')}>"
        case "user":
            return f"<@{block.get('user_id')}>"
        case "channel":
            return f"<#{block.get('channel_id')}>"
        case "emoji":
            return f":{block.get('name')}:"
        case _:
            inside = [_block(part) for key in ("elements", "fields") for part in objects(block.get(key))]
            apart = "" if kind == "rich_text_section" else "\n"
            return apart.join(filter(None, (text, *inside)))


def _targets(text: str) -> Iterator[str]:
    for target in _MARKUP.findall(text):
        url = target.partition("|")[0]
        if url.startswith(("http://", "https://", "mailto:")):
            yield _ENTITY.sub(lambda found: _ENTITIES[found[0]], url)


def _attachments(said: Json) -> Iterator[Attachment]:
    for file in objects(said.get("files")):
        if file.get("mode") not in ("tombstone", "hidden_by_limit"):
            name = str(file.get("name") or file.get("title") or file.get("id") or "")
            yield Attachment(name=name, mime=str(file.get("mimetype") or ""))


def _reactions(said: Json, people: Mapping[str, Party]) -> Iterator[str]:
    for reaction in objects(said.get("reactions")):
        users = reaction.get("users")
        for user in users if isinstance(users, list) else ():
            known = people.get(str(user))
            yield f":{reaction.get('name')}: by {known.name if known else user}"


def _digest(messages: Sequence[Json], people: Mapping[str, Party]) -> str:
    """What a day's records are made of: its messages, and the names of those whom they mention."""
    content = json.dumps(messages, sort_keys=True)
    named = sorted({user for user in _MENTION.findall(content) if user in people})
    names = "\0".join(people[user].name for user in named)
    return blake2b(f"{content}\0{names}".encode("utf-8", "replace"), digest_size=16).hexdigest()
