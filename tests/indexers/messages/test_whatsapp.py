"""WhatsApp exports: headers of every locale, date orders, bodies, zips, re-exports and damaged files."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from agent.demo import exports
from indexers.contract import check_source
from indexers.messages.whatsapp import WhatsApp
from indexers.messages.whatsapp.header import day_of, decide_order
from indexers.record import Attachment, Message, Skipped
from indexers.source import Item, SourceUnavailable

LRM = "\u200e"


def read(path: Path, **options: object) -> tuple[list[Message], list[Skipped]]:
    source = WhatsApp(name="chats", path=path, options=options)
    records = check_source(source)
    return [r for r in records if isinstance(r, Message)], [r for r in records if isinstance(r, Skipped)]


def chat(tmp_path: Path, text: str, name: str = "WhatsApp Chat with Ann.txt") -> tuple[list[Message], list[Skipped]]:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read(path)


def texts(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.sender.name or message.sender.handle, message.text) for message in messages]


HEADERS = [
    # (line, hour and minute of the second line: peers read several of these as morning or not at all)
    ("[13/01/2023, 1:55:00 p. m.] Ann: hi", (13, 55)),
    ("13/1/2023 1:55 p.\u00a0m. - Ann: hi", (13, 55)),
    ("13/1/2023, 12:05 a. m. - Ann: hi", (0, 5)),
    ("13/1/2023, 12:05 p.m. - Ann: hi", (12, 5)),
    ("1/13/23, 1:55\u202fPM - Ann: hi", (13, 55)),
    ("\u200e[1/13/23, 1:55:09\u202fPM] Ann: hi", (13, 55)),
    ("[2023. 1. 13. 오후 1:55:09] Ann: hi", (13, 55)),
    ("2023년 1월 13일 오전 12:22 - Ann: hi", (0, 22)),
    ("[13.1.2023 klo 18.22.33] Ann: hi", (18, 22)),
    ("13.1.2023 klo 18.22 - Ann: hi", (18, 22)),
    ("١٣\u200f/١\u200f/٢٠٢٣، ٦:٢٢ م - Ann: hi", (18, 22)),
    ("\u200f[١٣\u200f/١\u200f/٢٠٢٣، ٦:٢٢:١٠ ص] Ann: hi", (6, 22)),
    ("13/1/2566 18:22 - Ann: hi", (18, 22)),
    ("13/1/66 18:22 - Ann: hi", (18, 22)),
    ("2023/1/13 下午6:22 - Ann: hi", (18, 22)),
    ("[2023/1/13 上午12:22:10] Ann: hi", (0, 22)),
    ("2023-01-13 18:22 - Ann: hi", (18, 22)),
    ("2023.01.13, 18:22 - Ann: hi", (18, 22)),
    ("2023. 01. 13. 18:22 - Ann: hi", (18, 22)),
    ("13.01.23, 18:22 - Ann: hi", (18, 22)),
    ("13-01-2023 18:22 - Ann: hi", (18, 22)),
    ("13/01/2023 à 18:22 - Ann: hi", (18, 22)),
    ("13/01/23, 18:22:33: Ann: hi", (18, 22)),
    ("13.01.2023 г., 18:22 ч. - Ann: hi", (18, 22)),
    ("13/1/23, 6:22 μ.μ. - Ann: hi", (18, 22)),
    ("13.1.2023, 6:22 אחה״צ - Ann: hi", (18, 22)),
    ("13/1/2023, 6:22 CH - Ann: hi", (18, 22)),
    ("13/1/2023, 6:22 หลังเที่ยง - Ann: hi", (18, 22)),
    ("23. 1. 13. 오후 6:22 - Ann: hi", (18, 22)),
    ("[2023-01-13, 18 h 22 min 30 s] Ann: hi", (18, 22)),
    ("2023-01-13 18 h 22 - Ann: hi", (18, 22)),
    ("\u200f2023/1/13، 6:22 مساءً - Ann: hi", (18, 22)),
    ("۱۴۰۱/۱۰/۲۳،\u200f ۱۸:۲۲ - Ann: hi", (18, 22)),
    ("[۱۴۰۱/۱۰/۲۳،\u200f ۱۸:۲۲:۱۰] Ann: hi", (18, 22)),
]


@pytest.mark.parametrize(("line", "clock"), HEADERS)
def test_headers_of_every_locale(tmp_path: Path, line: str, clock: tuple[int, int]) -> None:
    messages, _ = chat(tmp_path, f"{line}\nsecond line\n")
    (message,) = messages
    assert texts(messages) == [("Ann", "hi\nsecond line")]
    assert (message.sent_at.hour, message.sent_at.minute) == clock
    assert message.sent_at.tzinfo is None
    assert (message.sent_at.year, message.sent_at.month, message.sent_at.day) == (2023, 1, 13)


@pytest.mark.parametrize(
    ("dates", "order", "certain"),
    [
        ([(1, 2, 23), (13, 2, 23)], "DMY", True),
        ([(1, 2, 23), (2, 13, 23)], "MDY", True),
        ([(9, 1, 23), (10, 1, 23), (1, 2, 23)], "DMY", True),
        ([(1, 9, 23), (1, 10, 23), (2, 1, 23)], "MDY", True),
        ([(3, 4, 23)], "DMY", False),
        ([(3, 4, 23), (3, 4, 23), (4, 4, 23)], "DMY", False),
        ([(2023, 4, 3)], "YMD", True),
        ([(23, 4, 5), (23, 4, 30), (23, 5, 31)], "YMD", True),
    ],
)
def test_date_order_by_whole_file_evidence(dates: list[tuple[int, int, int]], order: str, *, certain: bool) -> None:
    assert decide_order(dates, year_first=dates[0][0] > 99) == (order, certain)


def test_new_years_of_the_persian_calendar() -> None:
    """Its leap years are four years apart, and now and then five."""
    known = {1387: (2008, 20), 1388: (2009, 21), 1392: (2013, 21), 1399: (2020, 20), 1403: (2024, 20), 1408: (2029, 20)}
    for year, (common, day) in known.items():
        assert day_of((year, 1, 1), "YMD") == date(common, 3, day)
    assert day_of((1403, 12, 30), "YMD") == date(2025, 3, 20)
    assert day_of((1404, 12, 30), "YMD") is None
    days = [day_of((1402, month, day), "YMD") for month in range(1, 13) for day in range(1, 32)]
    assert [day for day in days if day] == [date(2023, 3, 21) + timedelta(days=at) for at in range(365)]


def test_dates_of_a_calendar_that_no_rule_converts_are_said_to_be_so(tmp_path: Path) -> None:
    messages, (skipped,) = chat(tmp_path, "1445/6/12, 10:00 - Ann: one\n1445/6/12, 10:05 - Bob: two\n")
    assert messages == []
    assert "calendar" in skipped.why


def test_messages_before_the_first_possible_date_are_counted(tmp_path: Path) -> None:
    messages, (skipped,) = chat(tmp_path, "42/13/2023, 10:00 - Ann: one\n13/01/2023, 10:05 - Bob: two\n")
    assert [m.text for m in messages] == ["two"]
    assert (skipped.count, "impossible" in skipped.why) == (1, True)


def test_one_stray_date_does_not_turn_the_order() -> None:
    months_first = [(month, day, 23) for month in range(1, 12) for day in (3, 15, 28)]
    assert decide_order([*months_first, (31, 1, 23)]) == ("MDY", True)


def test_an_ambiguous_file_is_read_day_first_and_reported_once(tmp_path: Path) -> None:
    messages, skipped = chat(tmp_path, "3/4/23, 10:00 - Ann: one\n3/4/23, 10:05 - Bob: two\n")
    assert [message.sent_at for message in messages] == [datetime(2023, 4, 3, 10, 0), datetime(2023, 4, 3, 10, 5)]  # noqa: DTZ001  # floating
    assert [entry.outcome for entry in skipped] == ["ambiguous"]


def test_unknown_day_periods_are_reported_not_guessed_in_silence(tmp_path: Path) -> None:
    _, skipped = chat(tmp_path, "13/4/23, 10:00 xyz - Ann: one\n13/4/23, 1:05 zyx - Bob: two\n")
    assert [entry.outcome for entry in skipped] == ["ambiguous"]


def test_a_pasted_line_of_another_format_does_not_split(tmp_path: Path) -> None:
    text = (
        "13/01/2023, 10:00 - Ann: she wrote\n[12/01/2023, 09:00:00] Bob: hello\n12.01.23, 09:00 - Bob: hi\n"
        "13/01/2023, 10:01 - Bob: ok\n"
    )
    messages, _ = chat(tmp_path, text)
    assert texts(messages) == [
        ("Ann", "she wrote\n[12/01/2023, 09:00:00] Bob: hello\n12.01.23, 09:00 - Bob: hi"),
        ("Bob", "ok"),
    ]


def test_pasted_older_lines_of_the_same_format_stay_in_their_message(tmp_path: Path) -> None:
    text = "14/03/2023, 10:00 - Ann: look:\n13/01/2023, 09:00 - Eve: old\n13/01/2023, 09:01 - Eve: older\n"
    messages, _ = chat(tmp_path, f"{text}14/03/2023, 10:05 - Bob: ok\n15/03/2023, 10:05 - Bob: next\n")
    pasted = "look:\n13/01/2023, 09:00 - Eve: old\n13/01/2023, 09:01 - Eve: older"
    assert texts(messages) == [("Ann", pasted), ("Bob", "ok"), ("Bob", "next")]
    assert {party.handle for message in messages for party in message.people} == {"whatsapp:Ann", "whatsapp:Bob"}


def test_a_clock_that_goes_back_for_good_starts_messages(tmp_path: Path) -> None:
    text = "14/03/2023, 10:00 - Ann: one\n" + "".join(f"1{n}/01/2023, 09:00 - Ann: {n}\n" for n in range(3, 8))
    messages, _ = chat(tmp_path, text)
    assert [message.text for message in messages] == ["one", "3", "4", "5", "6", "7"]


def test_on_ios_only_crlf_ends_a_message(tmp_path: Path) -> None:
    text = "[13.01.23, 10:00:00] Ann: see\n[13.01.23, 09:59:00] Bob: pasted\r\n[13.01.23, 10:01:00] Bob: ok\r\n"
    messages, _ = chat(tmp_path, text, "_chat.txt")
    assert texts(messages) == [("Ann", "see\n[13.01.23, 09:59:00] Bob: pasted"), ("Bob", "ok")]


SYSTEM = [
    "13/01/2023, 10:00 - Messages and calls are end-to-end encrypted. Tap to learn more.",
    "13/01/2023, 10:00 - Ann created group “Trip: Rome”",
    '13/01/2023, 10:00 - Ann changed the subject to "a: b"',
    "13/01/2023, 10:00 - Missed voice call",
    "13/01/2023, 10:00 - Ann: This message was deleted",
    "13/01/2023, 10:00 - Ann: Diese Nachricht wurde gelöscht.",
    "13/01/2023, 10:00 - Ann: Bu mesaj silindi",
    f"[13/01/2023, 10:00:00] Trip: {LRM}Messages and calls are end-to-end encrypted.",
    f"[13/01/2023, 10:00:00] Ann: {LRM}This message was deleted.",
    f"[13/01/2023, 10:00:00] Ann: {LRM}Missed video call. {LRM}Tap to call back",
    f"{LRM}[13/01/2023, 10:00:00] Ann: {LRM}Voice call. {LRM}3 min",
    f"[13/01/2023, 10:00:00] Ann: {LRM}Ann added Bob",
    f"[13/01/2023, 10:00:00] Ann: {LRM}Waiting for this message. This may take a while.",
    "[13/01/2023, 10:00:00] Ann: ",
]


@pytest.mark.parametrize("line", SYSTEM)
def test_what_whatsapp_wrote_itself_is_not_speech(tmp_path: Path, line: str) -> None:
    messages, skipped = chat(tmp_path, f"{line}\n")
    assert (messages, skipped) == ([], [])


def test_an_attachment_beside_the_chat_is_found_and_one_outside_is_not(tmp_path: Path) -> None:
    home = tmp_path / "WhatsApp Chat - Ann"
    home.mkdir()
    (home / "IMG-1.jpg").write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"x")
    lines = (f"[13.01.23, 10:00:00] Ann: {LRM}<attached: {name}>\r\n" for name in ("IMG-1.jpg", "secret.jpg"))
    (home / "_chat.txt").write_text("".join(lines), newline="")
    messages, _ = read(tmp_path)
    assert [message.attachments for message in messages] == [
        (Attachment(name="IMG-1.jpg", mime="image/jpeg", path=str(home / "IMG-1.jpg")),),
        (Attachment(name="secret.jpg", mime="image/jpeg"),),
    ]
    assert {message.title for message in messages} == {"Ann"}


@pytest.mark.parametrize(
    ("sender", "handle", "name"),
    [
        ("Ann - Berlin", "whatsapp:Ann - Berlin", "Ann - Berlin"),
        ("Team:Alpha", "whatsapp:Team:Alpha", "Team:Alpha"),
        ("~\u202fMarek", "whatsapp:~Marek in Ann", "Marek"),
        ("\u202a+49 151 234-5678\u202c", "+491512345678", ""),
        ("\u2068Ann\u2069", "whatsapp:Ann", "Ann"),
        ("O’Brien", "whatsapp:O’Brien", "O’Brien"),
    ],
)
def test_senders(tmp_path: Path, sender: str, handle: str, name: str) -> None:
    messages, _ = chat(tmp_path, f"13/01/2023, 10:00 - {sender}: hi\n")
    assert (messages[0].sender.handle, messages[0].sender.name) == (handle, name)


def test_strangers_of_one_first_name_in_two_chats_are_two(tmp_path: Path) -> None:
    for title in ("Choir", "Ski trip"):
        (tmp_path / f"WhatsApp Chat with {title}.txt").write_text("13/01/2023, 10:00 - ~\u202fMarek: hi\n")
    source = WhatsApp(name="whatsapp", path=tmp_path, options={})
    said = [record for item in source.scan() if isinstance(item, Item) for record in source.read(item)]
    assert {(m.sender.handle, m.sender.name) for m in said if isinstance(m, Message)} == {
        ("whatsapp:~Marek in Choir", "Marek"),
        ("whatsapp:~Marek in Ski trip", "Marek"),
    }


def test_the_owner_is_known_by_the_option_or_by_what_only_her_phone_shows(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ann.txt"
    deleted = "13/01/2023, 10:00 - Kim: You deleted this message\n"
    path.write_text(f"13/01/2023, 10:00 - Ann: hi\n{deleted}13/01/2023, 10:01 - Kim: hey\n")
    assert [message.sender.me for message in read(path)[0]] == [False, True]
    assert [message.sender.me for message in read(path, owner="ann")[0]] == [True, False]


def test_ids_are_of_the_content_and_equal_messages_differ(tmp_path: Path) -> None:
    lines = "13/01/2023, 10:00 - Ann: ok\n13/01/2023, 10:00 - Ann: ok\n13/01/2023, 10:00 - Bob: ok\n"
    first, _ = chat(tmp_path, lines, "WhatsApp Chat with Ann.txt")
    second, _ = chat(tmp_path, lines, "WhatsApp Chat with Ann (2).txt")
    assert [m.id for m in first] == [m.id for m in second]
    assert len({m.id for m in first}) == 3
    assert [m.locator.rpartition("#")[2] for m in first] == ["line=1", "line=2", "line=3"]


def items(path: Path, *, known: dict[str, str] | None = None) -> dict[str, str]:
    source = WhatsApp(name="chats", path=path, options={})
    source.known = known if known is not None else ()
    return {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}


def test_a_later_export_replaces_what_grew_and_leaves_the_rest(tmp_path: Path) -> None:
    head = "13/01/2023, 10:00 - Ann: one\n13/01/2023, 10:01 - Bob: two\n14/01/2023, 10:00 - Ann: three\n"
    old, new = tmp_path / "WhatsApp Chat with Ann.txt", tmp_path / "WhatsApp Chat with Ann(1).txt"
    old.write_text(head)
    before = items(tmp_path, known={})
    new.write_text(head + "14/01/2023, 11:00 - Ann: four\n15/01/2023, 10:00 - Ann: five\n")
    after = items(tmp_path, known=before)
    assert list(after) == ["Ann/2023-01-13", "Ann/2023-01-14", "Ann/2023-01-15"]
    assert after["Ann/2023-01-13"] == before["Ann/2023-01-13"]
    assert after["Ann/2023-01-14"] != before["Ann/2023-01-14"]
    assert [m.text for m in read(tmp_path)[0]] == ["one", "two", "three", "four", "five"]
    old.unlink()
    assert items(tmp_path, known=after) == after


def test_an_export_that_starts_later_does_not_hide_the_fuller_day(tmp_path: Path) -> None:
    (tmp_path / "WhatsApp Chat with Ann.txt").write_text("13/01/2023, 10:00 - Ann: one\n13/01/2023, 10:01 - Bob: two\n")
    (tmp_path / "WhatsApp Chat with Ann (1).txt").write_text(
        "13/01/2023, 10:01 - Bob: two\n15/01/2023, 9:00 - Ann: x\n"
    )
    assert sorted(m.text for m in read(tmp_path)[0]) == ["one", "two", "x"]


TITLES = [
    ("WhatsApp Chat - Ann.zip", "Ann"),
    ("WhatsApp Chat with Ann Lee.txt", "Ann Lee"),
    ("WhatsApp-Chat mit Ann.txt", "Ann"),
    ("Chat de WhatsApp con Ann.txt", "Ann"),
    ("Conversa do WhatsApp com Ann.txt", "Ann"),
    ("Discussion WhatsApp avec Ann.txt", "Ann"),
    ("WhatsApp-chat met Ann (1).txt", "Ann"),
    ("Чат WhatsApp с контактом Ann.txt", "Ann"),
    ("Ann ile WhatsApp Sohbeti.txt", "Ann"),
]


@pytest.mark.parametrize(("name", "title"), TITLES)
def test_the_chat_is_called_after_its_file_in_any_language(tmp_path: Path, name: str, title: str) -> None:
    path = tmp_path / name
    line = b"13/01/2023, 10:00 - Ann: hi\n"
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("_chat.txt", line)
    else:
        path.write_bytes(line)
    (message,) = read(path)[0]
    assert (message.title, message.conversation) == (title, title)


def test_nameless_files_are_told_apart_by_their_first_line(tmp_path: Path) -> None:
    for folder, group in (("a", "Trip"), ("b", "Choir")):
        (tmp_path / folder).mkdir()
        text = f"[13.01.23, 10:00:00] {group}: {LRM}Messages are encrypted.\r\n[13.01.23, 10:00:01] Ann: hi {group}\r\n"
        (tmp_path / folder / "_chat.txt").write_bytes(text.encode())
    assert sorted((m.title, m.text) for m in read(tmp_path)[0]) == [("Choir", "hi Choir"), ("Trip", "hi Trip")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "WhatsApp Chat with Zoë.txt"
    text = (
        "13/01/2023, 10:00 - Zoë: naïve café\n13/01/2023, 10:01 - Zoë: zwei\nZeilen\n14/01/2023, 10:01 - Zoë: später\n"
    )
    path.write_bytes(text.encode(encoding))
    messages, skipped = read(path)
    assert [m.text for m in messages] == ["naïve café", "zwei\nZeilen", "später"]
    assert skipped == []


def test_one_line_in_another_encoding_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Zoë.txt"
    path.write_bytes("13/01/2023, 10:00 - Zoë: ❤️\n".encode() + "13/01/2023, 10:01 - Bob: café\n".encode("cp1252"))
    assert [m.text for m in read(path)[0]] == ["❤️", "café"]


def test_a_cut_file_gives_what_came(tmp_path: Path) -> None:
    whole = exports.whatsapp(exports.conversation(), exports.WHATSAPP["ios-de"]).encode()
    path = tmp_path / "_chat.txt"
    path.write_bytes(whole[: len(whole) // 2])
    messages, skipped = read(path)
    assert 50 < len(messages) < 70
    assert skipped == []


GARBAGE = [b"", b"\x00\xff\xfe garbage \x9d" * 50, b"nothing\nof the kind\n", b"PK\x03\x04 not a chat", b"\n" * 2000]


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_is_one_skipped(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "_chat.txt"
    path.write_bytes(content)
    messages, skipped = read(path)
    assert messages == []
    assert len(skipped) == 1
    assert "garbage" not in skipped[0].why


def test_a_bad_file_beside_good_ones(tmp_path: Path) -> None:
    (tmp_path / "WhatsApp Chat with Ann.txt").write_text("13/01/2023, 10:00 - Ann: hi\n")
    (tmp_path / "WhatsApp Chat with Bob.txt").write_bytes(b"\x00\x01\x02")
    (tmp_path / "WhatsApp Chat - Eve.zip").write_bytes(b"PK\x03\x04 torn")
    messages, skipped = read(tmp_path)
    assert texts(messages) == [("Ann", "hi")]
    assert sorted(Path(entry.where).name for entry in skipped) == [
        "WhatsApp Chat - Eve.zip",
        "WhatsApp Chat with Bob.txt",
    ]


def zipped(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def test_a_zip_bomb_is_one_skipped_and_nothing_is_inflated(tmp_path: Path) -> None:
    path = zipped(tmp_path / "WhatsApp Chat - Ann.zip", "_chat.txt", b"\0" * (40 << 20))
    messages, (skipped,) = read(path)
    assert messages == []
    assert skipped.outcome == "too_large"


def test_a_zip_in_a_zip_stays_shut(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", "_chat.txt", b"13/01/2023, 10:00 - Ann: hi\n").read_bytes()
    messages, (skipped,) = read(zipped(tmp_path / "WhatsApp Chat - Ann.zip", "inner.zip", inner))
    assert messages == []
    assert skipped.outcome == "empty"


def test_a_zip_with_a_broken_checksum_gives_one_skipped(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Ann.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("_chat.txt", b"13/01/2023, 10:00 - Ann: hi\n")
    path.write_bytes(path.read_bytes().replace(b"Ann: hi", b"Ann: ho"))
    messages, skipped = read(path)
    assert (messages, [entry.outcome for entry in skipped]) == ([], ["malformed"])


def test_other_texts_of_a_zip_are_attachments_not_chats(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Ann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", "13/01/2023, 10:00 - Ann: hi\n")
        archive.writestr("notes.txt", "13/01/2023, 10:00 - Eve: not a chat\n")
        archive.writestr("__MACOSX/._chat.txt", b"\x00\x05")
    messages, skipped = read(path)
    assert (texts(messages), skipped) == ([("Ann", "hi")], [])


def test_what_is_missing_or_changed_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="stays"):
        list(WhatsApp(name="chats", path=tmp_path / "gone", options={}).scan())
    path = tmp_path / "WhatsApp Chat with Ann.txt"
    path.write_text("13/01/2023, 10:00 - Ann: hi\n")
    source = WhatsApp(name="chats", path=path, options={})
    (item,) = [entry for entry in source.scan() if isinstance(entry, Item)]
    path.write_text("13/01/2023, 10:00 - Ann: hi there\n")
    assert [entry.outcome for entry in source.read(item) if isinstance(entry, Skipped)] == ["vanished"]
    path.unlink()
    assert [entry.outcome for entry in source.read(item) if isinstance(entry, Skipped)] == ["vanished"]


def test_a_source_made_anew_reads_an_item_that_it_did_not_scan(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ann.txt"
    path.write_text("13/01/2023, 10:00 - Ann: hi\n")
    source = WhatsApp(name="chats", path=path, options={})
    assert [m.text for m in source.read(Item(id="Ann/2023-01-13", fingerprint="x")) if isinstance(m, Message)] == ["hi"]
    (gone,) = source.read(Item(id="Ann/2020-01-01", fingerprint="x"))
    assert isinstance(gone, Skipped)
    assert gone.outcome == "vanished"


@pytest.mark.parametrize("options", [{"zone": "UTC"}, {"owner": 3}])
def test_options_are_checked(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="owner"):
        WhatsApp(name="chats", path=tmp_path, options=options)


def test_a_crowd_names_who_spoke_that_day(tmp_path: Path) -> None:
    days = "".join(f"{13 + n % 2}/01/2023, 10:00 - P{n:03}: hi\n" for n in sorted(range(80), key=lambda n: n % 2))
    messages, _ = chat(tmp_path, days)
    assert {len(message.people) for message in messages} == {40}
