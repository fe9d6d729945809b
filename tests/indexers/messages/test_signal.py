"""signal-export's markdown: both header formats, and each part that a body may have."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from indexers.contract import check_source
from indexers.messages.signal import Signal, read_body
from indexers.record import Attachment, Message, Skipped


def read(path: Path, **options: object) -> tuple[list[Message], list[Skipped]]:
    records = check_source(Signal(name="chats", path=path, options=options))
    return [r for r in records if isinstance(r, Message)], [r for r in records if isinstance(r, Skipped)]


def chat(folder: Path, text: str, name: str = "Ann/chat.md") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_chat(tmp_path: Path) -> None:
    chat(tmp_path, "[2023-01-13 10:00:05] Me: hi  \n\n[2023-01-13 10:00:09] Ann Lee: two\n\nlines: here  \n\n")
    messages, skipped = read(tmp_path)
    assert skipped == []
    assert [(m.sender.me, m.sender.handle, m.text, m.title, m.conversation) for m in messages] == [
        (True, "signal:Me", "hi", "Ann", "Ann"),
        (False, "signal:Ann Lee", "two\n\nlines: here", "Ann", "Ann"),
    ]
    assert messages[1].sent_at == datetime(2023, 1, 13, 10, 0, 9)  # noqa: DTZ001  # floating
    assert messages[1].locator.endswith("/Ann/chat.md#line=3")


@pytest.mark.parametrize(
    ("body", "text", "rest"),
    [
        ("hello  \n", "hello", ((), "", ())),
        ("hello  \n(- Ann: 👍, Bob B: ❤️ -)\n", "hello", ((), "", ("👍 by Ann", "❤️ by Bob B"))),
        ("\n\n> old words\n> and more\n\nyes  \n", "yes", ((), "old words\nand more", ())),
        ("look  ![IMG 1.jpg](./media/IMG%201.jpg)  \n", "look", ((("IMG 1.jpg", "media/IMG 1.jpg"),), "", ())),
        (
            "  [a.pdf](media/a.pdf)  ![b.png](media/b.png)  ",
            "",
            ((("a.pdf", "media/a.pdf"), ("b.png", "media/b.png")), "", ()),
        ),
        ("  \n(( 🎉 ))\n", "", ((("🎉", ""),), "", ())),
        ("  [🎉](../exported_stickers/p/1.webp)  ", "", ((("🎉", "../exported_stickers/p/1.webp"),), "", ())),
        ("[docs](https://a.example) > not a quote", "[docs](https://a.example) > not a quote", ((), "", ())),
        ("(This message was deleted)", "", ((), "", ())),
        ("Incoming voice call (accepted, 3m 2s)  ", "", ((), "", ())),
        ("Missed video call  ", "", ((), "", ())),
        ("Missed video calls are sad", "Missed video calls are sad", ((), "", ())),
    ],
)
def test_parts_of_a_body(body: str, text: str, rest: tuple[object, object, object]) -> None:
    said = read_body(body)
    assert said.text == text
    assert (said.files, said.quoted, said.reactions) == rest


def test_records_carry_the_parts(tmp_path: Path) -> None:
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / "media").mkdir()
    (tmp_path / "Ann" / "media" / "x.jpg").write_bytes(b"x")
    chat(
        tmp_path,
        "[2023-01-13 10:00:05] Ann: \n\n> what?\n\nthis https://a.example  \n(- Me: 👍 -)![x.jpg](./media/x.jpg)  \n\n",
    )
    (message,) = read(tmp_path)[0]
    assert (message.text, message.quoted, message.reactions) == ("this https://a.example", "what?", ("👍 by Me",))
    assert message.attachments == (
        Attachment(name="x.jpg", mime="image/jpeg", path=str(tmp_path / "Ann" / "media" / "x.jpg")),
    )
    assert message.links == ("https://a.example",)


def test_a_pasted_header_within_a_message_does_not_split_it(tmp_path: Path) -> None:
    pasted = "she wrote\n[2023-01-12 09:00:00] Bob: hello\n[2019-05-29, 15:04] Bob: hi"
    chat(tmp_path, f"[2023-01-13 10:00:05] Me: {pasted}  \n\n[2023-01-13 10:00:09] Ann: ok  \n\n")
    assert [m.text for m in read(tmp_path)[0]] == [pasted, "ok"]


def test_old_exports_have_minutes_and_no_empty_lines(tmp_path: Path) -> None:
    chat(
        tmp_path,
        "[2019-05-29, 15:04] Me: How is everyone?  \n[2019-05-29, 15:10] Aya: Good!\nYou?  \n",
        "Trip/index.md",
    )
    messages, _ = read(tmp_path)
    assert [(m.title, m.sender.name, m.text) for m in messages] == [
        ("Trip", "Me", "How is everyone?"),
        ("Trip", "Aya", "Good!\nYou?"),
    ]


def test_impossible_dates_are_words(tmp_path: Path) -> None:
    chat(tmp_path, "[2023-01-13 10:00:05] Me: a  \n\n[2023-02-31 10:00:05] Me: b  \n\n")
    assert [m.text for m in read(tmp_path)[0]] == ["a  \n\n[2023-02-31 10:00:05] Me: b"]


def test_the_owner_may_have_another_name(tmp_path: Path) -> None:
    chat(tmp_path, "[2023-01-13 10:00:05] Me: a  \n\n[2023-01-13 10:00:05] Kim: b  \n\n")
    assert [m.sender.me for m in read(tmp_path)[0]] == [True, False]
    assert [m.sender.me for m in read(tmp_path, owner="Kim")[0]] == [True, True]


def test_equal_messages_in_one_second_are_two(tmp_path: Path) -> None:
    chat(tmp_path, "[2023-01-13 10:00:05] Me: ok  \n\n[2023-01-13 10:00:05] Me: ok  \n\n")
    assert len({m.id for m in read(tmp_path)[0]}) == 2


@pytest.mark.parametrize("content", ["", "# Notes\n\nwords\n", "\x00\x01" * 99])
def test_garbage_is_one_skipped(tmp_path: Path, content: str) -> None:
    messages, skipped = read(chat(tmp_path, content))
    assert (messages, len(skipped)) == ([], 1)
