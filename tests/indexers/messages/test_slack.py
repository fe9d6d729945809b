"""Slack exports: markup, threads, files, people, direct messages and damaged days."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexers.contract import check_source
from indexers.messages.slack import Slack, plain
from indexers.record import Attachment, Message, Party, Skipped
from indexers.source import Item

USERS = [
    {"id": "U1", "name": "kim", "profile": {"real_name": "Kim Vale", "display_name": "kim", "email": "kim@a.example"}},
    {"id": "U2", "name": "ann", "profile": {"real_name": "Ann Lee"}},
]
CHANNELS = [{"id": "C1", "name": "trip", "members": ["U1", "U2"]}]
TS = "1673604000.000407"


def write(folder: Path, *messages: object, day: str = "2023-01-13", channel: str = "trip") -> Path:
    (folder / "users.json").write_text(json.dumps(USERS))
    (folder / "channels.json").write_text(json.dumps(CHANNELS))
    (folder / "dms.json").write_text(json.dumps([{"id": "D1", "members": ["U1", "U2"]}]))
    (folder / channel).mkdir(exist_ok=True)
    (folder / channel / f"{day}.json").write_text(json.dumps(messages))
    return folder


def read(path: Path, **options: object) -> tuple[list[Message], list[Skipped]]:
    records = check_source(Slack(name="work", path=path, options=options))
    return [r for r in records if isinstance(r, Message)], [r for r in records if isinstance(r, Skipped)]


def one(tmp_path: Path, **said: object) -> Message:
    (message,) = read(write(tmp_path, {"type": "message", "user": "U2", "ts": TS, "text": "hi", **said}))[0]
    return message


def test_a_plain_message(tmp_path: Path) -> None:
    kim, ann = Party(handle="kim@a.example", name="Kim Vale"), Party(handle="slack:U2", name="Ann Lee")
    assert one(tmp_path) == Message(
        id=TS,
        conversation="C1",
        sender=ann,
        people=(kim, ann),
        sent_at=datetime(2023, 1, 13, 10, 0, 0, 407, tzinfo=UTC),
        text="hi",
        title="trip",
        locator=f"{(tmp_path / 'trip' / '2023-01-13.json').as_uri()}#ts={TS}",
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<@U1> and <@U9> and <@U9|eve>", "@Kim Vale and @U9 and @eve"),
        ("<#C1|trip> <#C2>", "#trip #C2"),
        ("<https://a.example/?a=1&amp;b=2|the page> <https://b.example>", "the page https://b.example"),
        ("<!here> <!subteam^S1|@crew>", "@here @crew"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
    ],
)
def test_markup_becomes_plain_text(text: str, shown: str) -> None:
    assert plain(text, {"U1": Party(handle="k", name="Kim Vale")}) == shown


def test_links_threads_reactions_and_files(tmp_path: Path) -> None:
    message = one(
        tmp_path,
        text="<https://a.example/?a=1&amp;b=2|page>",
        thread_ts="1673600000.000001",
        reactions=[{"name": "tada", "users": ["U1"], "count": 1}],
        files=[{"name": "x.pdf", "mimetype": "application/pdf"}, {"id": "F2", "mode": "tombstone"}],
    )
    assert message.links == ("https://a.example/?a=1&b=2",)
    assert message.reply_to == "1673600000.000001"
    assert message.reactions == (":tada: by Kim Vale",)
    assert message.attachments == (Attachment(name="x.pdf", mime="application/pdf"),)
    assert one(tmp_path, thread_ts=TS).reply_to == ""


def test_only_speech_is_kept(tmp_path: Path) -> None:
    lines = [
        {"type": "message", "subtype": "channel_join", "user": "U2", "ts": "1673604001.0", "text": "<@U2> has joined"},
        {
            "type": "message",
            "subtype": "bot_message",
            "username": "Deploy",
            "ts": "1673604002.0",
            "text": "",
            "attachments": [{"text": "done"}],
        },
        {
            "type": "message",
            "user": "U7",
            "user_profile": {"real_name": "Guest G"},
            "ts": "1673604003.0",
            "text": "hey",
        },
        {"type": "message", "subtype": "thread_broadcast", "user": "U1", "ts": "1673604004.0", "text": "also here"},
    ]
    messages, skipped = read(write(tmp_path, *lines))
    assert skipped == []
    assert [(m.sender.name, m.text) for m in messages] == [
        ("Deploy", "done"),
        ("Guest G", "hey"),
        ("Kim Vale", "also here"),
    ]


def test_edits_and_deletions_leave_what_stands_there_now(tmp_path: Path) -> None:
    messages, skipped = read(
        write(
            tmp_path,
            {"type": "message", "user": "U2", "ts": "1673604001.0", "text": "now", "edited": {"ts": "1673604009.0"}},
            {"type": "message", "subtype": "tombstone", "user": "U2", "ts": "1673604002.0", "text": "was deleted"},
            {"type": "message", "subtype": "message_deleted", "ts": "1673604003.0", "deleted_ts": "1673604000.0"},
            {
                "type": "message",
                "subtype": "message_changed",
                "ts": "1673604004.0",
                "message": {"type": "message", "user": "U2", "ts": "1673604001.0", "text": "now"},
            },
        )
    )
    assert [(m.id, m.text) for m in messages] == [("1673604001.0", "now")]
    assert skipped == []


BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "Plan"}},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "if a < b & <c>, ask "},
                    {"type": "user", "user_id": "U2"},
                    {"type": "emoji", "name": "wave"},
                    {"type": "link", "url": "https://x.example/a", "text": "there"},
                ],
            },
            {
                "type": "rich_text_list",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "tent"}]},
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "rope"}]},
                ],
            },
        ],
    },
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "see <#C1|trip>"}]},
]


def test_words_that_stand_in_blocks_or_in_what_is_shared_are_read(tmp_path: Path) -> None:
    blocks = one(tmp_path, text="", blocks=BLOCKS)
    assert blocks.text == "Plan\nif a < b & <c>, ask @Ann Lee:wave:there\ntent\nrope\nsee #trip"
    assert blocks.links == ("https://x.example/a",)
    shared = one(tmp_path, text="", attachments=[{"is_share": True, "text": "the train is at 8", "fallback": "x"}])
    assert shared.text == "the train is at 8"
    assert one(tmp_path, text="mine", attachments=[{"text": "a preview"}], blocks=BLOCKS).text == "mine"


def test_a_direct_message_has_no_title(tmp_path: Path) -> None:
    (message,) = read(write(tmp_path, {"user": "U1", "ts": TS, "text": "psst"}, channel="D1"), owner="kim")[0]
    assert (message.conversation, message.title, message.sender.me) == ("D1", "", True)
    assert len(message.people) == 2


def fingerprints(path: Path) -> dict[str, str]:
    return {i.id: i.fingerprint for i in Slack(name="w", path=path, options={}).scan() if isinstance(i, Item)}


def test_a_renamed_person_changes_the_days_that_name_her(tmp_path: Path) -> None:
    write(tmp_path, {"user": "U2", "ts": TS, "text": "hi"})
    write(tmp_path, {"user": "U2", "ts": "1673704000.0", "text": "hi <@U9>"}, day="2023-01-14")
    before = fingerprints(tmp_path)
    (tmp_path / "users.json").write_text(json.dumps([*USERS, {"id": "U9", "name": "eve"}]))
    after = fingerprints(tmp_path)
    assert [day for day in after if after[day] != before[day]] == ["C1/2023-01-14"]


def test_two_exports_of_one_day_are_their_union(tmp_path: Path) -> None:
    for folder, numbers in (("old", (1, 2)), ("new", (2, 3))):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, *({"user": "U2", "ts": f"167360400{n}.0", "text": str(n)} for n in numbers))
    assert [m.text for m in read(tmp_path)[0]] == ["1", "2", "3"]


def test_a_bad_day_and_bad_messages_leave_the_rest(tmp_path: Path) -> None:
    write(tmp_path, {"user": "U2", "ts": TS, "text": "good"}, {"user": "U2", "ts": "soon", "text": "bad"}, 5)
    (tmp_path / "trip" / "2023-01-14.json").write_text('[{"ts": ')
    (tmp_path / "trip" / "2023-02-31.json").write_text("[]")
    messages, skipped = read(tmp_path)
    assert [m.text for m in messages] == ["good"]
    assert sorted((Path(entry.where).name, entry.count) for entry in skipped) == [
        ("2023-01-14.json", 1),
        ("2023-02-31.json", 1),
        ("trip", 2),
    ]


@pytest.mark.parametrize("name", ["slack.zip", "export.json", "2023-01-13.json"])
def test_garbage_is_one_skipped(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00 no slack \xff")
    messages, skipped = read(path)
    assert (messages, len(skipped)) == ([], 1)


def test_an_empty_zip_is_one_skipped(tmp_path: Path) -> None:
    path = tmp_path / "slack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.md", "x")
    assert [entry.outcome for entry in read(path)[1]] == ["empty"]
