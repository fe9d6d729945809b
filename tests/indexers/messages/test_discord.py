"""Discord's data package and DiscordChatExporter's JSON: parts of a message, the two as one, damaged files."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.demo import exports
from indexers.contract import check_source
from indexers.messages.discord import Discord, sent_at_of
from indexers.record import Attachment, Message, Skipped

ID = str((int(datetime(2023, 1, 13, 10, tzinfo=UTC).timestamp()) - 1_420_070_400) * 1000 << 22)
AUTHOR = {"id": "42", "name": "ann", "nickname": "Ann Lee"}


def write(folder: Path, *messages: object, name: str = "trip.json", guild: str = "7") -> Path:
    head = {"guild": {"id": guild, "name": "Friends"}, "channel": {"id": "5", "name": "trip"}, "exportedAt": "now"}
    path = folder / name
    path.write_text(json.dumps({**head, "messages": messages, "messageCount": len(messages)}))
    return path


def read(path: Path, **options: object) -> tuple[list[Message], list[Skipped]]:
    records = check_source(Discord(name="d", path=path, options=options))
    return [r for r in records if isinstance(r, Message)], [r for r in records if isinstance(r, Skipped)]


def one(tmp_path: Path, **said: object) -> Message:
    (message,) = read(write(tmp_path, {"id": ID, "type": "Default", "content": "hi", "author": AUTHOR, **said}))[0]
    return message


def test_ids_tell_the_time() -> None:
    # The example in Discord's developer documentation.
    assert sent_at_of("175928847299117063") == datetime(2016, 4, 30, 11, 18, 25, 796000, tzinfo=UTC)
    assert [sent_at_of(bad) for bad in (None, "", "x", 5, -1, 1 << 70)] == [None] * 6


def test_a_message_and_its_parts(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(b"x")
    message = one(
        tmp_path,
        type="Reply",
        content="see https://a.example.",
        reference={"messageId": "99", "channelId": "5"},
        attachments=[
            {"fileName": "a.png", "url": "media/a.png"},
            {"fileName": "b.pdf", "url": "https://cdn.example/b.pdf"},
        ],
        reactions=[
            {"emoji": {"name": "👍"}, "count": 2, "users": [{"name": "bob", "nickname": "Bob"}]},
            {"emoji": {"name": "🎉"}, "count": 3},
        ],
    )
    assert (message.id, message.conversation, message.title, message.reply_to) == (ID, "5", "Friends #trip", "99")
    assert (message.sender.handle, message.sender.name) == ("discord:42", "Ann Lee")
    assert message.sent_at == datetime(2023, 1, 13, 10, tzinfo=UTC)
    assert message.links == ("https://a.example",)
    assert message.reactions == ("👍 by Bob", "🎉 ×3")
    assert message.attachments == (
        Attachment(name="a.png", mime="image/png", path=str(tmp_path / "media" / "a.png")),
        Attachment(name="b.pdf", mime="application/pdf"),
    )


def test_discords_own_lines_are_not_speech(tmp_path: Path) -> None:
    kinds = ("Call", "GuildMemberJoin", "ChannelPinnedMessage", "RecipientAdd")
    lines = ({"id": str(int(ID) + n), "type": kind, "content": "x", "author": AUTHOR} for n, kind in enumerate(kinds))
    assert read(write(tmp_path, *lines)) == ([], [])


@pytest.mark.parametrize("owner", ["Ann Lee", "ANN", "42"])
def test_the_owner_by_any_name(tmp_path: Path, owner: str) -> None:
    path = write(tmp_path, {"id": ID, "type": "Default", "content": "hi", "author": AUTHOR})
    assert [m.sender.me for m in read(path, owner=owner)[0]] == [True]
    assert [m.sender.me for m in read(path)[0]] == [False]


def test_package_and_exporter_are_one_conversation_and_tell_the_owner(tmp_path: Path) -> None:
    talk = exports.conversation()
    (tmp_path / "package.zip").write_bytes(exports.discord_package(talk))
    (tmp_path / "dm.json").write_bytes(exports.discord_exporter(talk))
    messages, skipped = read(tmp_path)
    assert skipped == []
    assert [m.text for m in sorted(messages, key=lambda m: int(m.id))] == [line.text for line in talk.lines]
    assert [m.sender.me for m in sorted(messages, key=lambda m: int(m.id))] == [
        line.sender == talk.owner for line in talk.lines
    ]


def test_a_day_split_over_two_files_is_whole(tmp_path: Path) -> None:
    for part in (1, 2):
        write(
            tmp_path,
            {"id": str(int(ID) + part), "type": "Default", "content": str(part), "author": AUTHOR},
            name=f"p{part}.json",
        )
    assert [m.text for m in read(tmp_path)[0]] == ["1", "2"]


def package(folder: Path, **files: str) -> Path:
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("messages/c5/channel.json", '{"id": "5", "recipients": ["1", "2"]}')
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def test_a_package_in_csv_keeps_quotes_and_lines(tmp_path: Path) -> None:
    quoted = f'{ID},x,"say ""hi"",\nthere",https://cdn.example/a%20b.png?x=1\r\n'
    rows = f"ID,Timestamp,Contents,Attachments\r\n{quoted}{int(ID) + 1},x,plain,\r\n"
    messages, skipped = read(package(tmp_path, messages__c5__messages_dot_csv=rows))
    assert skipped == []
    assert [m.text for m in messages] == ['say "hi",\nthere', "plain"]
    assert messages[0].attachments == (Attachment(name="a%20b.png", mime="image/png"),)
    assert all(m.sender.me for m in messages)
    assert {p.handle for p in messages[0].people} == {"discord:me", "discord:1", "discord:2"}


def test_other_files_of_a_package_are_left_alone(tmp_path: Path) -> None:
    rows = json.dumps([{"ID": int(ID), "Contents": "hi", "Attachments": ""}])
    path = package(
        tmp_path,
        messages__c5__messages_dot_json=rows,
        activity__events_dot_json="not json",
        servers__index_dot_json="{}",
    )
    messages, skipped = read(path)
    assert ([m.text for m in messages], skipped) == (["hi"], [])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("messages_dot_json", f'[{{"ID": {ID}, "Contents": "hi"}}, {{"ID"'),
        ("messages_dot_csv", f'ID,Timestamp,Contents,Attachments\n{ID},x,hi,\n{ID},x,"open'),
    ],
)
def test_a_cut_package_gives_what_came(tmp_path: Path, file: str, content: str) -> None:
    messages, skipped = read(package(tmp_path, **{f"messages__c5__{file}": content}))
    assert [m.text for m in messages] == ["hi"]
    assert [entry.outcome for entry in skipped] == ["malformed"]


def test_a_cut_export_gives_what_came(tmp_path: Path) -> None:
    path = tmp_path / "dm.json"
    whole = exports.discord_exporter(exports.conversation())
    path.write_bytes(whole[: len(whole) // 2])
    messages, skipped = read(path)
    assert 50 < len(messages) < 70
    assert len(skipped) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"[]", b"{}", b'{"messages": [{"id": 1}]}', b'{"guild": 5, "channel": []}']
)
def test_garbage_is_one_skipped(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dm.json"
    path.write_bytes(content)
    messages, skipped = read(path)
    assert (messages, len(skipped)) == ([], 1)


def test_messages_without_an_id_are_counted(tmp_path: Path) -> None:
    good = {"id": ID, "type": "Default", "content": "hi", "author": AUTHOR}
    messages, skipped = read(write(tmp_path, 5, good, {"content": "lost"}))
    assert [m.text for m in messages] == ["hi"]
    assert [entry.count for entry in skipped] == [2]
