"""What the Apple Messages source says: each kind of row, each kind of body, who and where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.demo.attributed import keyed_string
from agent.demo.chat_db import ME, Chat, ChatDatabase, File, Line, Piece, Preview, Tapback, write_chat_db
from agent.demo.chat_schema import MESSAGE_COLUMNS, SIERRA_COLUMNS
from indexers.contract import check_source
from indexers.messages.apple import AppleMessages
from indexers.record import Attachment, Message, Party, Skipped

ANN, BOB, CLEO = "+4915112345678", "bob@example.org", "+14155550123"
NOON = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def messages(path: Path, **options: object) -> list[Message]:
    found = check_source(AppleMessages(name="messages", path=path, options=options))
    assert not [entry for entry in found if isinstance(entry, Skipped)]
    return [entry for entry in found if isinstance(entry, Message)]


def said(folder: Path, *lines: Line, people: Sequence[str] = (ANN,), identifier: str = "") -> list[Message]:
    write_chat_db(folder / "chat.db", [Chat(people=people, lines=lines, identifier=identifier)])
    return messages(folder)


def texts(found: Sequence[Message]) -> list[str]:
    return [message.text for message in found]


def test_golden_messages(tmp_path: Path) -> None:
    first, second = said(
        tmp_path,
        Line(by=ANN, at=at(0), text="Lunch at 12? 🎉", guid="A0000000-0000-4000-8000-000000000001"),
        Line(by=ME, at=at(1), text="Yes", guid="A0000000-0000-4000-8000-000000000002"),
    )
    ann, me = Party(handle=ANN), Party(handle="me", me=True)
    assert first == Message(
        id="A0000000-0000-4000-8000-000000000001",
        conversation=first.conversation,
        sender=ann,
        people=(ann, me),
        sent_at=NOON,
        text="Lunch at 12? 🎉",
        locator="sms://open?message-guid=A0000000-0000-4000-8000-000000000001",
    )
    assert (second.sender, second.people, second.conversation) == (me, (ann, me), first.conversation)
    assert re.fullmatch(r"with-[0-9a-f]{16}", first.conversation)


def test_an_item_is_a_conversation_on_a_utc_day(tmp_path: Path) -> None:
    late = datetime(2024, 5, 1, 23, 59, 59, tzinfo=UTC)
    lines = [Line(by=ANN, at=late, text="a"), Line(by=ANN, at=late + timedelta(seconds=1), text="b")]
    write_chat_db(tmp_path / "chat.db", [Chat(people=[ANN], lines=lines), Chat(people=[BOB], lines=lines[:0])])
    source = AppleMessages(name="messages", path=tmp_path / "chat.db", options={})
    assert [item.id.rpartition("/")[2] for item in source.scan()] == ["2024-05-01", "2024-05-02"]  # type: ignore[union-attr]
    assert source.roots() == (tmp_path,)
    assert source.live() == (tmp_path / "chat.db",)


@pytest.mark.parametrize("length", [127, 128, 32767, 32768, 65535, 65536, 100_001])
def test_long_bodies_are_whole(tmp_path: Path, length: int) -> None:
    text = "".join(chr(97 + place % 26) for place in range(length))
    assert texts(said(tmp_path, Line(by=ANN, at=NOON, text=text))) == [text]


def test_bodies_of_every_form_say_the_same(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), text="Grüße 🎉"),
        Line(by=ANN, at=at(1), text="Grüße 🎉", mutable=True),
        Line(by=ANN, at=at(2), text="Grüße 🎉", plain=True),
        Line(by=ANN, at=at(3), columns={"attributedBody": keyed_string("Grüße 🎉")}),
        Line(by=ANN, at=at(4), text="Grüße 🎉", columns={"text": "the body decides"}),
    )
    assert texts(found) == ["Grüße 🎉"] * 5


def test_bubbles_attachments_and_stickers(tmp_path: Path) -> None:
    photo = File(name="IMG_1.heic", path="~/Library/Messages/Attachments/ab/IMG_1.heic")
    found = said(
        tmp_path,
        Line(
            by=ANN, at=at(0), text=[Piece(text="Look: ", part=0), Piece(file=photo, part=1), Piece(text="nice", part=2)]
        ),
        Line(by=ANN, at=at(1), text=[Piece(file=File(name="cloud.pdf", mime="application/pdf"))]),
        Line(
            by=ANN,
            at=at(2),
            text=[Piece(file=File(name="s.png", sticker=True))],
            columns={"associated_message_type": 1000},
        ),
        Line(by=ANN, at=at(3), text="with a sticker", files=[File(name="s.png", sticker=True)]),
        Line(by=ANN, at=at(4), text="old row", plain=True, files=[File(name="a.jpg", mime="image/jpeg")]),
        Line(by=ANN, at=at(5), text=[Piece(text="so "), Piece(file=File(name="x.heic", described="a happy otter"))]),
        Line(
            by=ANN,
            at=at(6),
            text="elsewhere",
            files=[File(name="passwd", path="~/Library/Messages/Attachments/../../../../etc/passwd")],
        ),
    )
    assert [(message.text, [file.name for file in message.attachments]) for message in found] == [
        ("Look:\nnice", ["IMG_1.heic"]),
        ("", ["cloud.pdf"]),
        ("with a sticker", []),
        ("old row", ["a.jpg"]),
        ("so", ["a happy otter"]),
        ("elsewhere", ["passwd"]),
    ]
    assert found[0].attachments[0].path.endswith("/Library/Messages/Attachments/ab/IMG_1.heic")
    assert found[1].attachments == (Attachment(name="cloud.pdf", mime="application/pdf"),)
    assert found[5].attachments[0].path == ""


def test_links_and_their_preview(tmp_path: Path) -> None:
    url = "https://example.org/bread?a=1"
    found = said(
        tmp_path,
        Line(
            by=ANN,
            at=at(0),
            text=[Piece(text=url, link=url)],
            preview=Preview(url=url, title="How to bake", summary="Flour and  water"),
            files=[File(name="1.pluginPayloadAttachment", mime="")],
        ),
        Line(by=ANN, at=at(1), text=[Piece(text="see "), Piece(text="here", link=url)]),
        Line(by=ANN, at=at(2), text=f"or ({url}), ok", plain=True),
        Line(by=ANN, at=at(3), text=url, preview=Preview(url=url, title=""), columns={"balloon_bundle_id": None}),
        Line(by=ANN, at=at(4), text=url, columns={"payload_data": b"bplist00 broken"}),
    )
    assert texts(found) == [f"{url}\nHow to bake\nFlour and water", "see here", f"or ({url}), ok", url, url]
    assert [message.links for message in found] == [(url,)] * 5
    assert not found[0].attachments


def test_mentions_and_voice_notes_are_text(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), text=[Piece(text="Ask "), Piece(text="Bob", mention=BOB), Piece(text=" please")]),
        Line(by=ANN, at=at(1), text=[Piece(transcript="I will be late", file=File(name="Audio.caf"))]),
    )
    assert texts(found) == ["Ask Bob please", "I will be late"]
    assert found[1].attachments[0].name == "Audio.caf"


def test_one_time_codes_never_leave_the_reader(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(
            by=ANN,
            at=at(0),
            text=[Piece(text="Use "), Piece(text="123", code=True), Piece(text="456", code=True), Piece(text=" now")],
        ),
        Line(by=ANN, at=at(1), text="G-482913 is your Google verification code.", plain=True),
        Line(by=ANN, at=at(2), text="Your code: 482 913. Valid 10 min, 1500 EUR.\n@example.org #482 913", plain=True),
        Line(by=ANN, at=at(3), text="Dein Bestätigungscode lautet 48291", plain=True),
        Line(by=ME, at=at(4), text="the code of the door is 4829", plain=True),
        Line(by=ANN, at=at(5), text="See you 24.12.2024 at house 1234, call +4915112345678", plain=True),
        Line(by=ANN, at=at(6), text="My security deposit of 1200 is from 2019", plain=True),
    )
    assert texts(found) == [
        "Use [code] now",
        "[code] is your Google verification code.",
        "Your code: [code]. Valid 10 min, 1500 EUR.\n@example.org #[code]",
        "Dein Bestätigungscode lautet [code]",
        "the code of the door is 4829",
        "See you 24.12.2024 at house 1234, call +4915112345678",
        "My security deposit of 1200 is from 2019",
    ]


def test_edits_give_the_current_text_only(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), text="at eight", earlier=["at seven"]),
        Line(by=ANN, at=at(1), text="from the record", earlier=["before"], columns={"attributedBody": None}),
    )
    assert texts(found) == ["at eight", "from the record"]


def test_unsent_parts_and_messages_are_gone(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), earlier=["never mind"], unsent=[0]),
        Line(by=ANN, at=at(1), text=[Piece(text="stays"), Piece(text="goes", part=1)], earlier=["goes"], unsent=[1]),
        # a body that still holds what its record says was taken back
        Line(by=ANN, at=at(2), text="leftover", unsent=[0], columns={"text": "leftover"}),
    )
    assert texts(found) == ["stays"]


def test_replies_quote_the_head_of_what_they_answer(tmp_path: Path) -> None:
    long = " ".join(f"word{number}" for number in range(30))
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), text=long, guid="ORIGINAL"),
        Line(by=ME, at=at(2000), text="agreed", reply_to="ORIGINAL"),
        Line(by=ANN, at=at(2001), earlier=["taken back"], unsent=[0], guid="UNSENT"),
        Line(by=ME, at=at(2002), text="what?", reply_to="UNSENT"),
        Line(by=ME, at=at(2003), text="lost", reply_to="NOWHERE"),
    )
    quotes = {message.text: (message.reply_to, message.quoted) for message in found if message.reply_to}
    assert quotes == {
        "agreed": ("ORIGINAL", " ".join(f"word{number}" for number in range(20))),
        "what?": ("UNSENT", ""),
        "lost": ("NOWHERE", ""),
    }


def test_tapbacks_are_reactions_of_their_target(tmp_path: Path) -> None:
    taps = [
        Tapback(by=ANN, at=at(1), kind="love"),
        Tapback(by=ANN, at=at(2), kind="laugh"),  # replaces the heart
        Tapback(by=BOB, at=at(3), kind="like", form="balloon"),
        Tapback(by=ME, at=at(4), kind="question", form="bare"),
        Tapback(by=ME, at=at(5), kind="question", removed=True),
        Tapback(by=ME, at=at(3000), kind="🦦", part=1),
    ]
    lines = [
        Line(by=ANN, at=at(0), text="new job!", tapbacks=taps),
        Line(by=CLEO, at=at(6), text="Liked “new job!”", plain=True),
    ]
    found = said(tmp_path, *lines, people=(ANN, BOB, CLEO), identifier="chat1")
    assert [(message.text, message.reactions) for message in found] == [
        ("new job!", (f"😂 by {ANN}", f"👍 by {BOB}", "🦦 by me")),
        ("Liked “new job!”", ()),  # a plain message of a phone that knows no tapbacks
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"item_type": 1, "group_action_type": 0, "other_handle": 1},
        {"item_type": 2, "group_title": "New name"},
        {"item_type": 3, "group_action_type": 1},
        {"item_type": 4, "share_status": 1},
        {"item_type": 5},
        {"item_type": 6},
        {"associated_message_type": 1000, "associated_message_guid": "p:0/X"},
        {"associated_message_type": 4000, "associated_message_guid": "X"},
        {"associated_message_type": 9999},
        {"schedule_type": 2, "schedule_state": 1, "is_sent": 0, "date": 10**18},
        {"balloon_bundle_id": "com.apple.messages.Polls", "attributedBody": None},
    ],
)
def test_what_is_no_speech_says_nothing(tmp_path: Path, columns: dict[str, object]) -> None:
    found = said(
        tmp_path, Line(by=ME, at=at(0), text="no speech", columns=columns), Line(by=ANN, at=at(1), text="speech")
    )
    assert texts(found) == ["speech"]


def test_a_scheduled_message_counts_once_it_is_sent(tmp_path: Path) -> None:
    assert texts(said(tmp_path, Line(by=ME, at=at(0), text="sent", columns={"schedule_type": 2, "is_sent": 1}))) == [
        "sent"
    ]


def test_chats_of_the_same_people_over_services_are_one(tmp_path: Path) -> None:
    lines = [Line(by=ANN, at=at(minute), text=str(minute)) for minute in range(3)]
    write_chat_db(
        tmp_path / "chat.db",
        [
            Chat(people=[ANN], lines=lines[:1]),
            Chat(people=["+49 151 1234-5678"], lines=lines[1:2], service="SMS"),
            Chat(people=["004915112345678"], lines=lines[2:], service="RCS", columns={"guid": f"any;-;{ANN}"}),
        ],
    )
    found = messages(tmp_path)
    assert len({message.conversation for message in found}) == 1
    assert {message.sender for message in found} == {Party(handle=ANN)}


def test_groups_of_the_same_people_stay_apart_and_a_mail_address_is_no_group(tmp_path: Path) -> None:
    def chat(identifier: str, title: str, text: str, service: str = "iMessage") -> Chat:
        return Chat(
            people=[ANN, BOB],
            identifier=identifier,
            title=title,
            lines=[Line(by=BOB, at=NOON, text=text)],
            service=service,
        )

    write_chat_db(
        tmp_path / "chat.db",
        [
            chat("chat111", "Climbing", "a"),
            chat("chat222", "", "b"),
            chat("chat111", "Climbing", "c", "SMS"),
            Chat(
                people=["chat.lover@example.org"],
                lines=[Line(by="chat.lover@example.org", at=NOON, text="d")],
                columns={"style": 45},
            ),
        ],
    )
    found = {message.text: message for message in messages(tmp_path)}
    assert found["a"].conversation == found["c"].conversation != found["b"].conversation
    assert [found[text].title for text in "abd"] == ["Climbing", "", ""]
    assert found["d"].conversation.startswith("with-")
    assert found["b"].people == (Party(handle=ANN), Party(handle=BOB), Party(handle="me", me=True))


def test_one_person_of_several_addresses(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.add(Chat(people=[ANN], lines=[Line(by=ANN, at=at(0), text="a")]))
        database.add(Chat(people=["Ann@Example.org"], lines=[Line(by="Ann@Example.org", at=at(1), text="b")]))
        database.add(Chat(people=[BOB], lines=[Line(by=BOB, at=at(2), text="c")]))
        database.sql.execute("UPDATE handle SET person_centric_id = 'P1' WHERE id != ?", (BOB,))
    a, b, c = messages(tmp_path)
    assert a.conversation == b.conversation != c.conversation
    assert b.sender == Party(handle="ann@example.org")


def test_chat_lookup_joins_what_was_split(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        for number, identifier in enumerate(("chat1", "chat2", "chat3")):
            database.add(
                Chat(people=[ANN, BOB], identifier=identifier, lines=[Line(by=ANN, at=at(number), text=identifier)])
            )
        database.sql.execute("CREATE TABLE chat_lookup (identifier TEXT, domain TEXT, chat INTEGER, priority INTEGER)")
        database.sql.executemany("INSERT INTO chat_lookup VALUES ('x', 'd', ?, 0)", [(1,), (2,)])
    one, two, three = messages(tmp_path)
    assert one.conversation == two.conversation != three.conversation


def test_rows_without_handle_or_chat_are_kept(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        database.add(Chat(people=[ANN], lines=[Line(by=ME, at=at(0), text="from my phone")]))
        database.line(Line(by=ANN, at=at(1), text="orphan of Ann"), chat_id=None)
        database.line(Line(by=ME, at=at(2), text="orphan of mine"), chat_id=None)
        database.line(Line(by=ANN, at=at(3), text="lost handle", columns={"handle_id": 99}), chat_id=1)
        # the owner's own rows in a one-to-one chat carry the other's handle
        database.line(Line(by=ANN, at=at(4), text="mine", columns={"is_from_me": 1}), chat_id=1)
    found = {message.text: message for message in messages(tmp_path)}
    assert found["from my phone"].sender.me
    assert found["mine"].sender.me
    assert found["orphan of Ann"].conversation == found["from my phone"].conversation
    assert found["lost handle"].sender == Party(handle=ANN)
    assert found["orphan of mine"].conversation.startswith("unfiled-")


def test_spam_is_off_by_default(tmp_path: Path) -> None:
    chats = [
        Chat(people=[f"+4900{number}"], lines=[Line(by=f"+4900{number}", at=at(number), text=name)], columns=columns)
        for number, (name, columns) in enumerate(
            {"known": {"is_filtered": 0}, "unknown": {"is_filtered": 1}, "spam": {"is_filtered": 2}}.items()
        )
    ]
    chats.append(
        Chat(
            people=["56249"],
            identifier="56249(smsfp)",
            lines=[Line(by="56249", at=at(8), text="promo")],
            columns={"is_filtered": 36},
        )
    )
    chats.append(
        Chat(people=["+4999"], lines=[Line(by="+4999", at=at(9), text="blocked")], columns={"is_blackholed": 1})
    )
    write_chat_db(tmp_path / "chat.db", chats)
    assert texts(messages(tmp_path)) == ["known", "unknown"]
    assert texts(messages(tmp_path, spam=True)) == ["known", "unknown", "spam", "promo", "blocked"]


def test_seconds_and_nanoseconds_in_one_database(tmp_path: Path) -> None:
    with ChatDatabase(tmp_path / "chat.db") as database:
        chat = database.chat(Chat(people=[ANN]))
        database.nanoseconds = False
        database.line(Line(by=ANN, at=at(0), text="old"), chat_id=chat)
        database.nanoseconds = True
        database.line(Line(by=ANN, at=at(1), text="new"), chat_id=chat)
    assert [message.sent_at for message in messages(tmp_path)] == [NOON.replace(microsecond=0), at(1)]


def test_an_old_system_and_a_future_one(tmp_path: Path) -> None:
    for name, columns, nanoseconds in (
        ("sierra", SIERRA_COLUMNS, False),
        ("future", (*reversed(MESSAGE_COLUMNS), ("date_updated", "INTEGER")), True),
    ):
        (tmp_path / name).mkdir()
        with ChatDatabase(tmp_path / name / "chat.db", columns=columns, nanoseconds=nanoseconds) as database:
            database.add(
                Chat(
                    people=[ANN],
                    lines=[Line(by=ANN, at=at(0), text="hello"), Line(by=ANN, at=at(1), text="you", plain=True)],
                )
            )
        assert texts(messages(tmp_path / name)) == ["hello", "you"]


def test_backfilled_copies_are_one_message(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        Line(by=ANN, at=at(0), text="once", guid="FIRST"),
        Line(by=ANN, at=at(0), text="once", guid="SECOND"),
        Line(by=ANN, at=at(0), text="another", guid="THIRD"),
        Line(by=ME, at=at(0), text="once", guid="FOURTH"),
    )
    assert [message.id for message in found] == ["FIRST", "THIRD", "FOURTH"]
