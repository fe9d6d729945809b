"""Exports of one chat that overlap: every message is shown once, whatever was cut where, came when and went since."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo import exports
from indexers.contract import check_source
from indexers.messages.discord import Discord
from indexers.messages.export import ExportSource
from indexers.messages.signal import Signal
from indexers.messages.slack import Slack
from indexers.messages.telegram import Telegram
from indexers.messages.whatsapp import WhatsApp
from indexers.record import Message, Skipped
from indexers.source import Item

OPTIONS = {"owner": exports.OWNER}


def burst(seed: int, count: int = 28) -> exports.Talk:
    """A talk with several messages in a minute, some of them the same words as before, over a few days."""
    dice = random.Random(seed)
    at = datetime(2023, 3, 14, 20, 0, 5)  # noqa: DTZ001  # a wall clock, on a day that is no month
    lines: list[exports.Line] = []
    for number in range(count):
        at += timedelta(seconds=dice.choice((3, 3, 11, 70, 4_000, 30_000)))
        sender = dice.choice((exports.OWNER, exports.PARTNER))
        last = lines[-1] if lines else None
        text = f"number {number}"
        if dice.random() < 0.3 and last and last.at.minute != at.minute:
            text = "ok"
        lines.append(exports.Line(at=at, sender=sender, text=text))
    people = (exports.OWNER, exports.PARTNER)
    return exports.Talk(title=exports.PARTNER, owner=exports.OWNER, people=people, lines=tuple(lines))


def some(talk: exports.Talk, start: int, end: int) -> exports.Talk:
    return replace(talk, lines=talk.lines[start:end])


def telegram(talk: exports.Talk, start: int, end: int) -> bytes:
    whole = json.loads(exports.telegram(talk))
    return json.dumps(whole | {"messages": whole["messages"][1 + start : 1 + end]}).encode()


def discord(talk: exports.Talk, start: int, end: int) -> bytes:
    whole = json.loads(exports.discord_exporter(talk))
    return json.dumps(whole | {"messages": whole["messages"][start:end]}).encode()


def slack(talk: exports.Talk, start: int, end: int) -> bytes:
    out = io.BytesIO()
    at = 0
    with zipfile.ZipFile(io.BytesIO(exports.slack(talk))) as whole, zipfile.ZipFile(out, "w") as archive:
        for name in whole.namelist():
            said = json.loads(whole.read(name))
            if name.startswith("trip/"):
                numbered = list(enumerate(said, at))
                at += len(said)
                said = [one for number, one in numbered if start <= number < end]
            if said:
                archive.writestr(name, json.dumps(said))
    return out.getvalue()


Render = Callable[[exports.Talk, int, int], bytes]
FORMATS: dict[str, tuple[type[ExportSource], str, Render]] = {
    "whatsapp-android": (
        WhatsApp,
        "{}/WhatsApp Chat with Mara.txt",
        lambda talk, start, end: exports.whatsapp(some(talk, start, end), exports.WHATSAPP["android-de"]).encode(),
    ),
    "whatsapp-ios": (
        WhatsApp,
        "{}/WhatsApp Chat - Mara.zip",
        lambda talk, start, end: exports.whatsapp_zip(some(talk, start, end), exports.WHATSAPP["ios-en-us"]),
    ),
    "telegram": (Telegram, "{}/result.json", telegram),
    "signal": (Signal, "{}/Mara/chat.md", lambda talk, start, end: exports.signal(some(talk, start, end)).encode()),
    "discord": (Discord, "{}.json", discord),
    "slack": (Slack, "{}.zip", slack),
}


@dataclass
class Shop:
    """What a store does with a source: reads what changed, in a source made anew, and keeps what vanished."""

    make: type[ExportSource]
    path: Path
    prints: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[Message]] = field(default_factory=dict)

    def source(self) -> ExportSource:
        return self.make(name="chats", path=self.path, options=OPTIONS)

    def go(self) -> list[str]:
        """One pass; the items that it read."""
        looking = self.source()
        looking.known = dict(self.prints)
        todo = [
            item for item in looking.scan() if isinstance(item, Item) and self.prints.get(item.id) != item.fingerprint
        ]
        reading = self.source()
        for item in todo:
            records = list(reading.read(item))
            assert all(isinstance(record, Message) for record in records), records
            self.records[item.id] = [record for record in records if isinstance(record, Message)]
            self.prints[item.id] = item.fingerprint
        return [item.id for item in todo]

    def shown(self) -> Counter[tuple[bool, str, str]]:
        """Who, when to the minute and what, over all that is kept."""
        return Counter(
            (message.sender.me, f"{message.sent_at:%d %H:%M}", message.text)
            for said in self.records.values()
            for message in said
        )


def expected(talk: exports.Talk, numbers: set[int]) -> Counter[tuple[bool, str, str]]:
    lines = (talk.lines[number] for number in numbers)
    return Counter((line.sender == talk.owner, f"{line.at:%d %H:%M}", line.text) for line in lines)


def put(root: Path, form: str, name: str, content: bytes, age: int) -> Path:
    path = root / FORMATS[form][1].format(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (age, age))
    return path


SPANS = st.lists(
    st.tuples(st.integers(0, 27), st.integers(1, 28)).map(lambda pair: (min(pair), max(min(pair) + 1, max(pair)))),
    min_size=2,
    max_size=3,
)


@pytest.mark.parametrize("form", FORMATS)
@given(seed=st.integers(0, 10_000), spans=SPANS)
@settings(deadline=None, max_examples=40)
def test_exports_in_one_folder_show_each_message_once(form: str, seed: int, spans: list[tuple[int, int]]) -> None:
    make, _, render = FORMATS[form]
    talk = burst(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for at, (start, end) in enumerate(spans):
            put(root, form, str(at), render(talk, start, end), age=1_000_000 + at)
        shop = Shop(make, root)
        shop.go()
        assert shop.shown() == expected(talk, {number for start, end in spans for number in range(start, end)})
        assert shop.go() == []
        records = [record for record in check_source(shop.source()) if isinstance(record, Message)]
        assert len(records) == shop.shown().total()


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "replace", "remove", "add and pass later"]), st.integers(0, 2)),
    min_size=3,
    max_size=7,
)


@pytest.mark.parametrize("form", FORMATS)
@given(seed=st.integers(0, 10_000), spans=SPANS, steps=STEPS)
@settings(deadline=None, max_examples=60)
def test_exports_that_come_and_go_lose_and_double_nothing(
    form: str, seed: int, spans: list[tuple[int, int]], steps: Sequence[tuple[str, int]]
) -> None:
    """`replace` writes an export over the file of another, as telephones do that give each export the same name."""
    make, _, render = FORMATS[form]
    talk = burst(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shop, present, seen = Shop(make, root), dict[str, tuple[int, int]](), set[int]()
        for age, (step, number) in enumerate(steps):
            span = spans[number % len(spans)]
            if step == "remove":
                if len(present) < 2:
                    continue
                gone = sorted(present)[number % len(present)]
                del present[gone]
                where = root / FORMATS[form][1].format(gone)
                where.unlink()
                if where.parent != root:
                    shutil.rmtree(where.parent)
            else:
                name = "0" if step == "replace" else str(number)
                present[name] = span
                put(root, form, name, render(talk, *span), age=1_000_000 + age)
            if step == "add and pass later":
                continue
            shop.go()
            seen |= {at for start, end in present.values() for at in range(start, end)}
            assert shop.shown() == expected(talk, seen)
        shop.go()
        assert shop.go() == []


def chat(folder: Path, name: str, *lines: str, end: str = "\n") -> None:
    path = folder / name / "WhatsApp Chat with Ann.txt"
    path.parent.mkdir()
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    os.utime(path, (1_000_000 + len(name), 1_000_000 + len(name)))


def told(folder: Path) -> list[tuple[str, str, str]]:
    """Hour and minute, the sender's name and the words (or the files)."""
    said = [
        record
        for record in check_source(WhatsApp(name="chats", path=folder, options={"owner": "Kim"}))
        if isinstance(record, Message)
    ]
    return [
        (f"{m.sent_at:%H:%M}", m.sender.name, m.text or " ".join(file.name for file in m.attachments))
        for m in sorted(said, key=lambda m: m.sent_at)
    ]


BEFORE, AFTER = "13/03/2023, 09:00 - Kim: before", "15/03/2023, 09:00 - Kim: after"


def test_a_renamed_sender_says_nothing_twice(tmp_path: Path) -> None:
    said = ["14/03/2023, 10:00 - Ann: one", "14/03/2023, 10:00 - Kim: one", "14/03/2023, 10:01 - Ann: two"]
    chat(tmp_path, "old", BEFORE, *said)
    chat(tmp_path, "newer", *(line.replace("Ann", "Ann Lee") for line in said), AFTER)
    assert told(tmp_path)[1:] == [
        ("10:00", "Ann Lee", "one"),
        ("10:00", "Kim", "one"),
        ("10:01", "Ann Lee", "two"),
        ("09:00", "Kim", "after"),
    ]


def test_two_people_who_say_the_same_in_a_minute_are_two(tmp_path: Path) -> None:
    chat(tmp_path, "old", BEFORE, "14/03/2023, 09:00 - Bob: x", "14/03/2023, 10:00 - Ann: ok")
    chat(tmp_path, "newer", "14/03/2023, 10:00 - Bob: ok", "14/03/2023, 11:00 - Ann: y", AFTER)
    assert told(tmp_path)[1:-1] == [
        ("09:00", "Bob", "x"),
        ("10:00", "Ann", "ok"),
        ("10:00", "Bob", "ok"),
        ("11:00", "Ann", "y"),
    ]


def test_what_was_edited_or_deleted_since_is_not_shown_beside_what_stands_there_now(tmp_path: Path) -> None:
    chat(
        tmp_path,
        "old",
        BEFORE,
        "14/03/2023, 10:00 - Ann: the frist word",
        "14/03/2023, 10:01 - Ann: a secret",
        "14/03/2023, 10:02 - Ann: kept",
        "14/03/2023, 10:03 - Ann: gone from this phone",
    )
    chat(
        tmp_path,
        "newer",
        BEFORE,
        "14/03/2023, 10:00 - Ann: the first word <This message was edited>",
        "14/03/2023, 10:01 - Ann: This message was deleted",
        "14/03/2023, 10:02 - Ann: kept",
        AFTER,
    )
    assert [text for *_, text in told(tmp_path)] == [
        "before",
        "the first word",
        "kept",
        "gone from this phone",
        "after",
    ]


def test_an_export_without_media_takes_no_file_names_away(tmp_path: Path) -> None:
    chat(tmp_path, "old", BEFORE, "14/03/2023, 10:00 - Ann: IMG-20230314-WA0001.jpg (file attached)")
    chat(tmp_path, "newer", BEFORE, "14/03/2023, 10:00 - Ann: <Media omitted>", AFTER)
    assert [text for *_, text in told(tmp_path)] == ["before", "IMG-20230314-WA0001.jpg", "after"]


def test_a_new_telephone_of_another_maker_tells_the_same_chat(tmp_path: Path) -> None:
    chat(tmp_path, "old", BEFORE, "14/03/2023, 10:00 - Ann: one", "14/03/2023, 10:00 - Ann: two")
    chat(
        tmp_path,
        "newer",
        "[14/03/2023, 10:00:41] Ann: two",
        "[14/03/2023, 10:00:59] Ann: three",
        "[15/03/2023, 09:00:00] Kim: after",
        end="\r\n",
    )
    assert [text for *_, text in told(tmp_path)] == ["before", "one", "two", "three", "after"]


def short_and_long() -> tuple[list[str], list[str]]:
    """The beginning of a chat in American dates, which can be read two ways, and all of it, which cannot."""
    days = [f"3/{day}/23, 10:{minute:02} - Ann: {day}.{minute}" for day in (4, 5, 14) for minute in (0, 1)]
    return days[:3], days


def test_a_longer_export_shows_how_the_dates_of_a_shorter_one_are_meant(tmp_path: Path) -> None:
    short, long = short_and_long()
    path = tmp_path / "WhatsApp Chat with Ann.txt"
    path.write_text("\n".join(short) + "\n")
    shop = Shop(WhatsApp, tmp_path)
    shop.go()
    assert {when[:2] for _, when, _ in shop.shown()} == {"03"}, "day first: the third of April and of May"
    path.write_text("\n".join(long) + "\n")
    shop.go()
    said = [line.rpartition(" ")[2] for line in long]
    wanted = [(False, f"{int(text.split('.')[0]):02} 10:0{text[-1]}", text) for text in said]
    assert shop.shown() == Counter(wanted)
    assert shop.go() == []


def test_the_dates_of_other_exports_decide_how_a_short_one_is_read(tmp_path: Path) -> None:
    short, long = short_and_long()
    (tmp_path / "WhatsApp Chat with Ann.txt").write_text("\n".join(short) + "\n")
    other = tmp_path / "WhatsApp Chat with Bob.txt"
    other.write_text("\n".join(long) + "\n")
    records = check_source(WhatsApp(name="chats", path=tmp_path, options={}))
    assert {
        (r.sent_at.month, r.sent_at.day) for r in records if isinstance(r, Message) and r.conversation == "Ann"
    } == {
        (3, 4),
        (3, 5),
    }
    assert all(isinstance(record, Message) for record in records)
    (tmp_path / "WhatsApp Chat with Carl.txt").write_text("13/3/23, 10:00 - Carl: day first\n")
    records = check_source(WhatsApp(name="chats", path=tmp_path, options={}))
    assert [record.outcome for record in records if isinstance(record, Skipped)] == ["ambiguous"], "now they differ"


def test_the_package_of_the_owners_words_does_not_stand_for_the_whole_channel(tmp_path: Path) -> None:
    """Discord's package has her words only: when the channel's export goes, what others said stays."""
    talk = burst(3)
    channel = tmp_path / "channel.json"
    channel.write_bytes(exports.discord_exporter(talk))
    (tmp_path / "package.zip").write_bytes(exports.discord_package(some(talk, 0, 20)))
    shop = Shop(Discord, tmp_path)
    shop.go()
    channel.unlink()
    assert shop.go() == []
    (tmp_path / "package.zip").write_bytes(exports.discord_package(talk))
    shop.go()
    assert shop.shown() == expected(talk, set(range(len(talk.lines))))


def test_a_newer_package_takes_nothing_from_what_the_channels_export_tells(tmp_path: Path) -> None:
    talk = burst(3)
    whole = json.loads(exports.discord_exporter(talk))
    for said in whole["messages"]:
        said["reactions"] = [{"emoji": {"name": "👍"}, "count": 2}]
    channel, package = tmp_path / "channel.json", tmp_path / "package.zip"
    channel.write_text(json.dumps(whole))
    package.write_bytes(exports.discord_package(talk))
    os.utime(channel, (1, 1))
    os.utime(package, (2, 2))
    records = check_source(Discord(name="chats", path=tmp_path, options=OPTIONS))
    assert [m.reactions for m in records if isinstance(m, Message)] == [("👍 ×2",)] * len(talk.lines)


def test_without_memory_a_pass_is_as_good_as_the_files_that_are_there(tmp_path: Path) -> None:
    """Whoever scans may tell a source nothing of earlier passes, or ids only."""
    talk = burst(5)
    put(tmp_path, "signal", "0", exports.signal(some(talk, 0, 9)).encode(), age=1)
    put(tmp_path, "signal", "1", exports.signal(some(talk, 4, 28)).encode(), age=2)
    source = Signal(name="chats", path=tmp_path, options=OPTIONS)
    source.known = [item.id for item in source.scan() if isinstance(item, Item)]
    assert len([record for record in check_source(source) if isinstance(record, Message)]) == 28
