"""Telegram Desktop exports: what a message may hold, whole accounts, overlapping and broken files."""

from __future__ import annotations

import json
import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.demo import exports
from indexers.contract import check_source
from indexers.messages.telegram import Telegram
from indexers.record import Attachment, Message, Party, Skipped
from indexers.source import Item

WHEN = {"date": "2023-01-13T11:00:00", "date_unixtime": "1673604000"}
NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"
ANN = {"type": "message", "from": "Ann Lee", "from_id": "user2", **WHEN}


def write(folder: Path, *messages: object, name: str = "result.json", **head: object) -> Path:
    path = folder / name
    chat = {"name": "Ann", "type": "personal_chat", "id": 2, **head, "messages": messages}
    path.write_text(json.dumps(chat, ensure_ascii=False, indent=1))
    return path


def read(path: Path, **options: object) -> tuple[list[Message], list[Skipped]]:
    records = check_source(Telegram(name="chats", path=path, options=options))
    return [r for r in records if isinstance(r, Message)], [r for r in records if isinstance(r, Skipped)]


def one(tmp_path: Path, **said: object) -> Message:
    (message,) = read(write(tmp_path, {"id": 7, **ANN, "text": "hi", **said}))[0]
    return message


def test_a_plain_message(tmp_path: Path) -> None:
    message = one(tmp_path, reply_to_message_id=5)
    assert message == Message(
        id="7",
        conversation="2",
        sender=Party(handle="telegram:user2", name="Ann Lee"),
        people=(Party(handle="telegram:user2", name="Ann Lee"),),
        sent_at=datetime(2023, 1, 13, 10, 0, tzinfo=UTC),
        text="hi",
        title="Ann",
        reply_to="5",
        locator=f"{(tmp_path / 'result.json').as_uri()}#chat=2&id=7",
    )


def test_text_in_parts_keeps_words_and_hidden_links(tmp_path: Path) -> None:
    parts = [
        "see ",
        {"type": "text_link", "text": "this", "href": "https://a.example/x"},
        " and ",
        {"type": "bold", "text": "that"},
    ]
    message = one(tmp_path, text=[*parts, " https://b.example."])
    assert message.text == "see this and that https://b.example."
    assert message.links == ("https://b.example", "https://a.example/x")


@pytest.mark.parametrize(
    ("said", "attachment"),
    [
        ({"photo": "photos/p1.jpg"}, Attachment(name="p1.jpg", mime="image/jpeg")),
        (
            {"file": NOT_INCLUDED, "media_type": "voice_message", "mime_type": "audio/ogg"},
            Attachment(name="voice_message", mime="audio/ogg"),
        ),
        ({"file": "files/x.pdf", "file_name": "Plan.pdf"}, Attachment(name="Plan.pdf", mime="application/pdf")),
        ({"file": "../../secret.pdf"}, Attachment(name="secret.pdf", mime="application/pdf")),
    ],
)
def test_files(tmp_path: Path, said: dict[str, object], attachment: Attachment) -> None:
    (tmp_path.parent / "secret.pdf").write_bytes(b"x")
    message = one(tmp_path, text="", **said)
    assert (message.text, message.attachments) == ("", (attachment,))


def test_a_file_that_is_there_has_a_path(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "p1.jpg").write_bytes(b"x")
    assert one(tmp_path, photo="photos/p1.jpg").attachments[0].path == str(tmp_path / "photos" / "p1.jpg")


def test_polls_contacts_and_places_are_words(tmp_path: Path) -> None:
    poll = {"question": "When?", "answers": [{"text": "Monday", "voters": 2}, {"text": "Friday"}]}
    assert one(tmp_path, text="", poll=poll).text == "When?\n- Monday\n- Friday"
    contact = {"first_name": "Eve", "last_name": "", "phone_number": "+49 1"}
    assert one(tmp_path, text="", contact_information=contact).text == "Eve  +49 1"
    place = one(
        tmp_path, place_name="Café", address="Ring 1", location_information={"latitude": 52.5, "longitude": 13.4}
    )
    assert place.text == "hi\nCafé, Ring 1"
    assert place.links == ("geo:52.5,13.4",)


def test_reactions_are_metadata(tmp_path: Path) -> None:
    reactions = [{"type": "emoji", "count": 3, "emoji": "👍", "recent": [{"from": "Bob", "from_id": "user3"}]}]
    assert one(tmp_path, reactions=reactions).reactions == ("👍 by Bob", "👍 ×2")


def test_service_lines_are_not_speech_and_deleted_accounts_have_a_name(tmp_path: Path) -> None:
    service = {"id": 1, "type": "service", **WHEN, "actor": "Ann", "action": "phone_call", "text": ""}
    ghost = {"id": 2, **ANN, "from": None, "from_id": "user9", "text": "boo"}
    messages, skipped = read(write(tmp_path, service, ghost))
    assert [(m.sender.name, m.text) for m in messages] == [("Deleted Account", "boo")]
    assert skipped == []


def test_exports_before_2021_have_floating_times(tmp_path: Path) -> None:
    said = {"id": 7, "type": "message", "from": "Ann", "from_id": 4520, "date": "2019-01-13T11:00:00", "text": "hi"}
    (message,) = read(write(tmp_path, said))[0]
    assert message.sent_at == datetime(2019, 1, 13, 11, 0)  # noqa: DTZ001  # floating
    assert message.sender.handle == "telegram:4520"


def test_the_owner_is_who_is_not_the_partner(tmp_path: Path) -> None:
    mine = {"id": 8, **ANN, "from": "Kim", "from_id": "user1", "text": "hey"}
    path = write(tmp_path, {"id": 7, **ANN, "text": "hi"}, mine)
    assert [m.sender.me for m in read(path)[0]] == [False, True]
    assert [m.sender.me for m in read(path, owner="ann lee")[0]] == [True, False]
    group = write(tmp_path, {"id": 7, **ANN, "text": "hi"}, mine, type="private_group", id=77)
    assert [m.sender.me for m in read(group)[0]] == [False, False]


def test_a_whole_account(tmp_path: Path) -> None:
    chat = {"name": "Ann", "type": "personal_chat", "id": 2, "messages": [{"id": 7, **ANN, "text": "hi"}]}
    saved = {
        "type": "saved_messages",
        "id": 1,
        "messages": [{"id": 7, **ANN, "from": "Kim", "from_id": "user1", "text": "note"}],
    }
    whole = {
        "about": "x" * 300_000,
        "personal_information": {"user_id": 1, "first_name": "Kim"},
        "contacts": {"list": [{"user_id": 2, "first_name": "Ann", "phone_number": "+49 151 234 5678"}]},
        "stories": [[{"a": [1, 2.5, None]}], {}, []],
        "chats": {"about": "", "list": [chat, saved]},
        "left_chats": {"list": []},
    }
    (tmp_path / "result.json").write_text(json.dumps(whole))
    messages, skipped = read(tmp_path)
    assert skipped == []
    assert [(m.title, m.sender.handle, m.sender.me, m.text) for m in messages] == [
        ("Ann", "+491512345678", False, "hi"),
        ("Saved Messages", "telegram:user1", True, "note"),
    ]


def test_overlapping_exports_are_one_and_the_newest_words_win(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    old = write(first, {"id": 1, **ANN, "text": "one"}, {"id": 2, **ANN, "text": "tow"})
    new = write(
        second, {"id": 2, **ANN, "text": "two", "edited_unixtime": "1673604100"}, {"id": 3, **ANN, "text": "three"}
    )
    os.utime(old, (1, 1))
    os.utime(new, (2, 2))
    assert [m.text for m in read(tmp_path)[0]] == ["one", "two", "three"]


def test_what_an_export_before_2021_tells_of_another_day_is_not_told_twice(tmp_path: Path) -> None:
    """It has local times only: of what was said at midnight, it takes another day."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    late = {"id": 7, "type": "message", "from": "Ann", "from_id": "user2", "date": "2021-01-01T00:30:00", "text": "hi"}
    deleted = {**late, "id": 8, "text": "gone since"}
    write(tmp_path / "old", late, deleted)
    write(tmp_path / "new", {**late, "date_unixtime": "1609457400"})
    messages, skipped = read(tmp_path)
    assert [(m.text, m.sent_at.tzinfo) for m in messages] == [("hi", UTC), ("gone since", None)]
    assert skipped == []


def scan(path: Path) -> dict[str, str]:
    source = Telegram(name="chats", path=path, options={})
    return {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}


def test_an_edit_touches_its_own_day_only(tmp_path: Path) -> None:
    later = {**ANN, "date_unixtime": "1673704000"}
    before = scan(write(tmp_path, {"id": 1, **ANN, "text": "one"}, {"id": 2, **later, "text": "two"}))
    after = scan(write(tmp_path, {"id": 1, **ANN, "text": "one"}, {"id": 2, **later, "text": "2"}))
    assert list(before) == ["2/2023-01-13", "2/2023-01-14"]
    assert [day for day in before if before[day] != after[day]] == ["2/2023-01-14"]


def test_a_cut_file_gives_what_came_and_one_skipped(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    whole = exports.telegram(exports.conversation())
    path.write_bytes(whole[: len(whole) // 2])
    messages, skipped = read(path)
    assert 50 < len(messages) < 70
    assert [entry.outcome for entry in skipped] == ["malformed"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff" * 99,
        b"[1, 2",
        b'{"messages": [{"id": 1}]}',
        b'{"a": 1}',
        b"[" * 100_000,
        b'{"name": "A", "messages": 5}',
    ],
)
def test_garbage_is_one_skipped(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    messages, skipped = read(tmp_path)
    assert (messages, len(skipped)) == ([], 1)


def test_an_export_as_pages_names_the_format_to_choose(tmp_path: Path) -> None:
    (tmp_path / "messages.html").write_text("<html>")
    (tmp_path / "messages2.html").write_text("<html>")
    messages, (skipped,) = read(tmp_path)
    assert messages == []
    assert (skipped.outcome, skipped.count, "JSON" in skipped.why) == ("unsupported", 2, True)


def test_bad_messages_are_counted_and_the_others_go_on(tmp_path: Path) -> None:
    bad: list[object] = [
        {"id": 1, **ANN, "date_unixtime": "soon"},
        {**ANN, "text": "no id"},
        5,
        None,
        "x",
        {"id": 4, **ANN, "date_unixtime": "9" * 30},
    ]
    messages, skipped = read(write(tmp_path, {"id": 2, **ANN, "text": "a"}, *bad, {"id": 3, **ANN, "text": "b"}))
    assert [m.text for m in messages] == ["a", "b"]
    assert [entry.count for entry in skipped] == [len(bad)]


def test_days_that_interleave_are_each_whole(tmp_path: Path) -> None:
    days = [{"id": n, **ANN, "date_unixtime": str(1673604000 + (n % 3) * 86_400), "text": str(n)} for n in range(9)]
    messages, _ = read(write(tmp_path, *days))
    assert sorted(m.text for m in messages) == [str(n) for n in range(9)]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.json"
        path.write_bytes(exports.telegram(exports.conversation(count=count, days=60)))
        tracemalloc.start()
        assert sum(1 for _ in Telegram(name="chats", path=path, options={}).scan()) > 30
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is imported and kept once
    assert peak(16_000) < 1.5 * peak(4_000)
