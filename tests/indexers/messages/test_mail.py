"""Mail as a source: layouts, items that stay when a mailbox grows or moves, folding, bad input."""

import os
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.mail import (
    Enclosure,
    Letter,
    emlx,
    letters,
    mbox_entry,
    rfc822,
    write_apple_mail,
    write_eml,
    write_maildir,
    write_mbox,
)
from indexers.contract import check_source
from indexers.messages.mail import Mail, mbox
from indexers.messages.mail.threads import name
from indexers.record import Message, Skipped
from indexers.source import Item, SourceUnavailable

ANN, BOB, JOERG = ("Ann Example", "ann@mail.example"), ("Bob", "bob@mail.example"), ("Jörg Müller", "j@mail.example")
START = datetime(2023, 1, 1, tzinfo=UTC)


def some(count: int, seed: int = 1) -> list[Letter]:
    return list(letters(seed=seed, count=count, owner=ANN, others=[BOB, JOERG], start=START))


def mail(path: Path, **options: object) -> Mail:
    return Mail(name="mail", path=path, options=options)


def items(source: Mail) -> dict[str, str]:
    return {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}


def messages(source: Mail) -> list[Message]:
    return [record for record in check_source(source) if isinstance(record, Message)]


def one(identity: str, text: str = "word", **fields: object) -> Letter:
    return Letter(id=identity, sender=BOB, to=[ANN], subject="s", sent_at=START, text=text, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["mbox", "maildir", "eml", "apple"])
def test_every_layout_gives_the_same_messages(layout: str, tmp_path: Path) -> None:
    written = some(150)
    path = tmp_path / layout
    match layout:
        case "mbox":
            write_mbox(path, written)
        case "maildir":
            write_maildir(path, written)
        case "eml":
            write_eml(path, written)
        case _:
            write_apple_mail(path, {"INBOX": written})
    found = {message.id: message for message in messages(mail(path))}
    assert set(found) == {letter.id for letter in written}
    for letter in written:
        message = found[letter.id]
        assert message.sent_at == letter.sent_at
        assert message.title == letter.subject
        assert message.text == letter.text.partition("\n\nOn ")[0]
        assert message.conversation == name((letter.answers[0] if letter.answers else letter.id).encode())
        assert message.sender.me == (letter.sender == ANN)
        assert [file.name for file in message.attachments] == [enclosure.name for enclosure in letter.enclosures]


def test_an_appended_mbox_is_read_again_only_at_its_tail(tmp_path: Path) -> None:
    path = tmp_path / "archive.mbox"
    written = some(900)
    write_mbox(path, written[:800])
    before = items(mail(path))
    assert len(before) >= 5
    write_mbox(path, written)
    after = items(mail(path))
    assert len(set(before.items()) - set(after.items())) == 1
    assert sum(1 for name in after if name not in before) <= 3


def test_a_mail_deleted_from_an_mbox_changes_only_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "archive.mbox"
    written = some(900)
    write_mbox(path, written)
    before = items(mail(path))
    write_mbox(path, [*written[:10], *written[11:]])
    after = items(mail(path))
    assert len(set(before.items()) - set(after.items())) <= 2


def test_mboxrd_quoting_and_prose_that_starts_with_from(tmp_path: Path) -> None:
    path = tmp_path / "archive.mbox"
    raw = rfc822(one("1@x", "From here it is near.\n\nFrom there too.\n>From afar\n"))
    unquoted = b"From b@x Tue Jan  3 10:00:00 2023\n" + rfc822(one("2@x", "a\n\nFrom now on all is well.\n")) + b"\n"
    path.write_bytes(mbox_entry(raw, "b@x", START) + unquoted)
    first, second = messages(mail(path))
    assert first.text == "From here it is near.\n\nFrom there too."
    assert first.quoted == ">From afar"
    assert second.text == "a\n\nFrom now on all is well."


@given(
    bodies=st.lists(st.text(alphabet="aF\n\r>rom :0", max_size=40), min_size=1, max_size=6),
    chunk=st.integers(1_030, 1_200),
)
def test_mails_cover_the_file_whatever_the_chunk(bodies: list[str], chunk: int) -> None:
    data = b"".join(
        b"From a@x Tue Jan  3 10:00:00 2023\nMessage-ID: <%d@x>\n\n%s\n\n" % (at, body.encode() * 9)
        for at, body in enumerate(bodies)
    )
    whole = list(mbox.mails(BytesIO(data)))
    patched, mbox.CHUNK_BYTES = mbox.CHUNK_BYTES, chunk
    try:
        assert list(mbox.mails(BytesIO(data))) == whole
    finally:
        mbox.CHUNK_BYTES = patched
    assert [found.ties.id for found in whole if found.ties.id] == [name(b"%d@x" % at) for at in range(len(bodies))]
    ends = [found.offset + found.length for found in whole]
    assert [0, *ends] == [*(found.offset for found in whole), len(data)]


@pytest.mark.parametrize(
    ("line", "received"),
    [
        (b"From a@x Tue Jan  3 10:00:00 2023", datetime(2023, 1, 3, 10, tzinfo=UTC)),
        (b"From 1753@xxx Tue Jan 03 10:00:00 +0100 2023", datetime(2023, 1, 3, 9, tzinfo=UTC)),
        (b"From - Tue Jan 03 10:00 2023", datetime(2023, 1, 3, 10, tzinfo=UTC)),
        (b"From a@x", None),
    ],
)
def test_the_from_line_says_when_a_mail_came(line: bytes, received: datetime | None) -> None:
    assert mbox.content(line + b"\nSubject: s\n\nx") == (b"Subject: s\n\nx", received)


def test_a_maildir_item_outlives_flags_and_the_move_from_new_to_cur(tmp_path: Path) -> None:
    write_maildir(tmp_path, some(8))
    before = items(mail(tmp_path))
    for file in list((tmp_path / "new").iterdir()):
        file.rename(tmp_path / "cur" / f"{file.name}:2,RS")
    assert items(mail(tmp_path)) == before
    assert len(before) == 8


def test_a_mail_in_several_mailboxes_is_read_in_the_first_until_that_goes(tmp_path: Path) -> None:
    written = some(30)
    write_apple_mail(tmp_path, {"All Mail": written, "INBOX": written[10:20]})
    source = mail(tmp_path)
    assert len(messages(source)) == 30
    before = items(source)
    assert len(before) == 40
    inbox = [name for name in before if "/INBOX.mbox/" in name]
    assert all(not list(source.read(Item(id=name, fingerprint=before[name]))) for name in inbox)
    for file in (tmp_path / "V10").glob("*/All Mail.mbox/*/Data/Messages/*"):
        file.unlink()
    after = items(source)
    assert set(after) == set(inbox)
    assert all(after[name] != before[name] for name in inbox)
    assert {message.id for message in messages(source)} == {letter.id for letter in written[10:20]}


def test_two_mails_that_share_an_id_by_mistake_are_both_kept(tmp_path: Path) -> None:
    write_mbox(tmp_path / "a.mbox", [one("1@x", "first"), one("1@x", "second"), one("1@x", "first")])
    write_eml(tmp_path / "b", [one("1@x", "third")])
    write_eml(tmp_path / "c", [one("1@x", "fourth")])
    found = messages(mail(tmp_path))
    assert sorted(message.text for message in found) == ["first", "fourth", "second", "third"]


def test_partial_emlx_names_the_files_beside_it_and_gives_way_to_the_whole(tmp_path: Path) -> None:
    letter = one("1@x", enclosures=[Enclosure(name="plan.pdf", mime="application/pdf", content=b"%PDF-1")])
    write_apple_mail(tmp_path, {"INBOX": [letter]})
    (file,) = tmp_path.rglob("*.partial.emlx")
    (message,) = messages(mail(tmp_path))
    assert message.attachments[0].name == "plan.pdf"
    assert Path(message.attachments[0].path).read_bytes() == b"%PDF-1"
    assert message.locator == "message://%3C1%40x%3E"
    before = items(mail(tmp_path))
    file.with_name("1.emlx").write_bytes(emlx(rfc822(letter), START))
    assert items(mail(tmp_path)).keys() == before.keys()
    (whole,) = messages(mail(tmp_path))
    assert whole.attachments[0].path == ""


def test_an_emlx_is_cut_by_its_count_and_its_plist_may_say_when_it_came(tmp_path: Path) -> None:
    raw = b"From: b@x.example\nSubject: s\n\n<?xml version='1.0'?> is how it starts\n"
    (tmp_path / "1.emlx").write_bytes(emlx(raw, START))
    (tmp_path / "2.emlx").write_bytes(b"999999\n" + rfc822(one("2@x")))
    (tmp_path / "3.emlx").write_bytes(b"no count\n" + rfc822(one("3@x")))
    found = check_source(mail(tmp_path))
    first, short, second, uncounted = found
    assert isinstance(first, Message)
    assert (first.text, first.sent_at) == ("<?xml version='1.0'?> is how it starts", START)
    assert isinstance(short, Skipped)
    assert isinstance(second, Message)
    assert second.id == "2@x"
    assert isinstance(uncounted, Skipped)


def test_the_owner_is_given_or_seen_from_where_mail_was_delivered(tmp_path: Path) -> None:
    write_eml(tmp_path, some(20))
    assert {party.handle for message in messages(mail(tmp_path)) for party in message.people if party.me} == {ANN[1]}
    given = mail(tmp_path, owner=["BOB@mail.example"])
    assert {party.handle for message in messages(given) for party in message.people if party.me} == {BOB[1]}


@pytest.mark.parametrize(("options", "remedy"), [({"ownr": "a@b"}, "it has: owner"), ({"owner": 3}, "list of mail")])
def test_options_that_are_not_known_name_those_that_are(options: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Mail(name="m", path=Path("/x"), options=options)


def test_a_path_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="check the path"):
        list(mail(tmp_path / "gone").scan())


@pytest.mark.parametrize("garbage", [b"\x00\xff" * 500, b"%PDF-1.4\n", b"plain words\n\nFrom x\n"])
def test_a_file_that_is_no_mail_is_exactly_one_skipped(garbage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(garbage)
    (skipped,) = check_source(mail(path))
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == "unsupported"


def test_a_mail_of_a_time_beyond_all_calendars_is_read(tmp_path: Path) -> None:
    undated = rfc822(one("a")).replace(b"\nDate: ", b"\nX-Was: ")
    (tmp_path / "a.eml").write_bytes(undated)
    os.utime(tmp_path / "a.eml", (0, 2**40))
    [message] = messages(mail(tmp_path))
    assert message.sent_at is not None
    assert message.sent_at.year in (9999, 2446)  # file systems may know an earlier end


def test_bad_files_leave_the_others_alone(tmp_path: Path) -> None:
    write_eml(tmp_path, some(3))
    (tmp_path / "9-garbage.eml").write_bytes(b"\x00\xff" * 500)
    (tmp_path / "9-empty.eml").write_bytes(b"")
    (tmp_path / "cut.mbox").write_bytes(mbox_entry(rfc822(one("cut@x")), "b@x", START)[:-30])
    found = check_source(mail(tmp_path))
    assert len([record for record in found if isinstance(record, Message)]) == 4
    assert sorted(record.outcome for record in found if isinstance(record, Skipped)) == ["empty", "malformed"]


@pytest.mark.parametrize(
    "size", [200 << 20, pytest.param((2 << 30) + 5, marks=pytest.mark.large)], ids=["200 MB", "2 GB"]
)
def test_a_huge_mbox_is_passed_over_in_bounded_memory(size: int, tmp_path: Path) -> None:
    """A mail as large as a file system's hole, between two small ones."""
    path = tmp_path / "huge.mbox"
    with path.open("wb") as file:
        file.write(mbox_entry(rfc822(one("first@x")), "b@x", START))
        file.write(b"From b@x Tue Jan  3 10:00:00 2023\n" + rfc822(one("huge@x")))
        file.seek(size)
        file.write(b"\n\n" + mbox_entry(rfc822(one("last@x")), "b@x", START))
    source = mail(path, owner=[ANN[1]])
    tracemalloc.start()
    try:
        found = [entry for entry in source.scan() if isinstance(entry, Item)]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert len(found) == 3
    records = [record for item in found for record in source.read(item)]
    assert [record.id for record in records if isinstance(record, Message)] == ["first@x", "huge@x", "last@x"]
    assert [record.why for record in records if isinstance(record, Skipped)] == ["only its first 48 MB were read"]


def test_a_folder_without_permission_is_named_and_nothing_in_it_vanishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_eml(tmp_path / "a", some(2))
    write_eml(tmp_path / "b", some(2, seed=2))
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(1, "Operation not permitted")
        return scandir(path)

    # The superuser may read every folder, so the system's answer is put into its mouth.
    monkeypatch.setattr(os, "scandir", refused)
    found = list(mail(tmp_path).scan())
    assert [entry.where for entry in found if isinstance(entry, Skipped)] == [f"{tmp_path}/b/"]
    assert len(found) == 3
    with pytest.raises(SourceUnavailable, match="Full Disk Access"):
        list(mail(tmp_path / "b").scan())


def test_reading_without_a_scan_and_after_a_file_has_gone(tmp_path: Path) -> None:
    write_eml(tmp_path, some(2))
    entries: Sequence[Item | Skipped] = list(mail(tmp_path).scan())
    item = entries[0]
    assert isinstance(item, Item)
    assert len(list(mail(tmp_path).read(item))) == 1
    Path(item.id).unlink()
    (skipped,) = mail(tmp_path).read(item)
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == "vanished"
