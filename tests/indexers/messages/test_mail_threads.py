"""Conversations of mails: References, In-Reply-To, what is missing, what goes in a circle, and what a new mail changes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.mail import Letter, mbox_entry, rfc822, write_mbox
from indexers.contract import check_source
from indexers.messages.mail import Mail
from indexers.messages.mail import source as sources
from indexers.messages.mail.threads import MOST, Threads, Ties, name, ties
from indexers.record import Message
from indexers.source import Item

START = datetime(2023, 1, 1, tzinfo=UTC)


def head(id_: str, *, references: str = "", answered: str = "", more: str = "") -> bytes:
    lines = [
        "From: b@x.example",
        "Date: Tue, 3 Jan 2023 10:00:00 +0100",
        f"Message-ID: <{id_}>" if id_ else "Subject: no id",
        *([f"References: {references}"] if references else ()),
        *([f"In-Reply-To: {answered}"] if answered else ()),
        *([more] if more else ()),
    ]
    return "\n".join(lines).encode() + b"\n\nword\n"


def ids(*names: str) -> str:
    return " ".join(f"<{one}>" for one in names)


def conversations(*heads: bytes) -> list[str]:
    mails = list(map(ties, heads))
    threads = Threads(mails)
    return [threads.conversation(mail) for mail in mails]


CHAINS = {
    "references": (head("1@x"), head("2@x", references=ids("1@x")), head("3@x", references=ids("1@x", "2@x"))),
    "in-reply-to only": (head("1@x"), head("2@x", answered="<1@x>"), head("3@x", answered="<2@x>")),
    "mixed": (head("1@x"), head("2@x", answered="<1@x>"), head("3@x", references=ids("2@x")), head("4@x", answered="<3@x>")),
    "the beginning was cut": (
        head("1@x"),
        head("2@x", references=ids("1@x")),
        head("3@x", references=ids("1@x", "2@x")),
        head("4@x", references=ids("3@x")),
    ),
    "the middle is missing": (head("1@x"), head("4@x", references=ids("1@x", "2@x", "3@x"))),
    "a parent is missing that others name": (
        head("3@x", references=ids("1@x", "2@x")),
        head("4@x", answered="<2@x>"),
        head("5@x", answered="<4@x>"),
    ),
    "a mail without references stands where another puts it": (
        head("1@x"),
        head("2@x"),
        head("3@x", references=ids("1@x", "2@x")),
    ),
    "a mail without an id": (head("1@x"), head("", references=ids("1@x"))),
    "ids over several lines": (head("1@x"), head("2@x", references="<0@x>\r\n\t<1@\r\n x>"), head("3@x", answered="<0@x>")),
    "an answer in the words of old programs": (
        head("1@x"),
        head("2@x", answered='Message from Bob <bob@x> of "Tue, 3 Jan 2023" <1@x>'),
    ),
    "an answer without brackets": (head("1@x"), head("2@x", answered="1@x")),
    "the same mail in two mailboxes, once without its fields": (
        head("1@x"),
        head("2@x", references=ids("1@x")),
        head("2@x"),
    ),
    "gmail's number": (
        head("1@x", more="X-GM-THRID: 17"),
        head("2@x", references=ids("0@x"), more="X-GM-THRID: 17"),
        head("3@x", answered="<2@x>"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_is_one_conversation_in_any_order(chain: str) -> None:
    for seed in range(6):
        shuffled = random.Random(seed).sample(CHAINS[chain], len(CHAINS[chain]))
        (one,) = set(conversations(*shuffled))
        assert one


@pytest.mark.parametrize(
    "apart",
    [
        (head("1@x"), head("2@x")),
        (head("1@x", answered="<0@x>"), head("2@x", answered="<9@x>")),
        (head("1@x", more="Subject: Re: Hello"), head("2@x", more="Subject: Re: Hello")),
        (head("", more="X: 1"), head("1@x")),
        (head("1@x", more="X-GM-THRID: 17"), head("2@x", more="X-GM-THRID: 18")),
    ],
)
def test_what_nothing_ties_is_apart(apart: Sequence[bytes]) -> None:
    assert len(set(conversations(*apart))) == len(apart)


def test_a_conversation_is_called_after_its_first_mail_whether_that_is_there_or_not() -> None:
    assert set(conversations(*CHAINS["in-reply-to only"])) == {name(b"1@x")}
    assert set(conversations(*CHAINS["a parent is missing that others name"])) == {name(b"1@x")}


def test_a_mails_own_word_outranks_what_another_presumes() -> None:
    """RFC 5256: what stands between two references is presumed until the mail itself says otherwise."""
    first, second, third = conversations(
        head("b@x", answered="<real@x>"), head("c@x", references=ids("wrong@x", "b@x")), head("wrong@x")
    )
    assert first == second == name(b"real@x")
    assert third == name(b"wrong@x")


@pytest.mark.parametrize(
    "circle",
    [
        (head("1@x", answered="<1@x>"),),
        (head("1@x", answered="<2@x>"), head("2@x", answered="<1@x>")),
        (head("1@x", references=ids("2@x", "1@x", "2@x")), head("2@x", references=ids("1@x"))),
        (head("1@x", answered="<3@x>"), head("2@x", answered="<1@x>"), head("3@x", answered="<2@x>")),
    ],
)
def test_circles_are_cut_the_same_way_in_any_order(circle: Sequence[bytes]) -> None:
    (one,) = set(conversations(*circle))
    (other,) = set(conversations(*reversed(circle)))
    assert one == other


@given(seed=st.integers(0, 100_000), trees=st.integers(1, 4), count=st.integers(1, 30), missing=st.floats(0, 0.5))
@settings(deadline=None, max_examples=200)
def test_every_tree_is_a_conversation_of_its_own(seed: int, trees: int, count: int, missing: float) -> None:
    """Mails of random trees, each with all references, the first and last ones, the last ones, or In-Reply-To alone."""
    dice = random.Random(seed)
    before: list[list[int]] = []
    for number in range(count):
        parent = dice.randrange(number) if number >= trees else None
        before.append([] if parent is None else [*before[parent], parent])
    heads: list[bytes] = []
    for number, chain in enumerate(before):
        names = [f"{one}@x" for one in chain]
        kept = dice.choice((names, [*names[:1], *names[1:][-2:]], names[-2:], []))
        heads.append(
            head(
                f"{number}@x",
                references=ids(*kept),
                answered=ids(*names[-1:]) if not kept else dice.choice(("", ids(*names[-1:]))),
            )
        )
    roots = [chain[0] if chain else number for number, chain in enumerate(before)]
    found = conversations(*heads)
    assert found == [name(f"{root}@x".encode()) for root in roots]
    there = [number for number in range(count) if dice.random() >= missing]
    pairs = set(
        zip(conversations(*(heads[number] for number in there)), (roots[number] for number in there), strict=True)
    )
    assert len({conversation for conversation, _ in pairs}) == len(pairs), "no conversation holds mails of two trees"


def test_long_chains_and_many_references_cost_linear_time() -> None:
    chain = [Ties(f"{at:06}", (f"{at - 1:06}",)) for at in range(100_000, 0, -1)]
    started = time.process_time()
    threads = Threads(chain)
    assert {threads.conversation(mail) for mail in chain} == {"000000"}
    assert time.process_time() - started < 5
    many = ties(head("x@x", references=ids(*(f"{at}@x" for at in range(3_000)))))
    assert len(many.before) == MOST
    assert (many.before[0], many.before[-1]) == (name(b"0@x"), name(b"2999@x"))
    assert ties(b"References:" + b"<" * 60_000 + b"\n\n").before == ()


def test_ties_survive_being_written() -> None:
    for mail in (Ties(""), Ties("a"), Ties("", ("b",)), Ties("a", ("b", "c"))):
        assert Ties.read(str(mail)) == mail


def letter(number: int, *, answers: Sequence[str] = ()) -> Letter:
    sender = ("Bob", "bob@x.example")
    return Letter(
        id=f"{number}@x", sender=sender, to=[sender], subject="s", sent_at=START, text=f"mail {number}", answers=answers
    )


def answer(number: int, to: int) -> bytes:
    """A mail that names the one before it in In-Reply-To alone."""
    raw = rfc822(letter(number, answers=[f"{to}@x"]))
    return b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b"References:"))


def threads_of(path: Path, known: dict[str, str] | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """The conversation of each mail, and the items' fingerprints."""
    source = Mail(name="m", path=path, options={"owner": "bob@x.example"})
    source.known = known or {}
    found = {record.id: record.conversation for record in check_source(source) if isinstance(record, Message)}
    return found, {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}


@pytest.mark.parametrize("layout", ["eml", "mbox"])
def test_a_mail_that_joins_two_conversations_changes_theirs_alone(layout: str, tmp_path: Path) -> None:
    def write(number: int, raw: bytes) -> None:
        (tmp_path / f"{number}.{layout}").write_bytes(raw if layout == "eml" else mbox_entry(raw, "b@x", START))

    mails = {4: rfc822(letter(4)), 3: answer(3, to=2), 1: rfc822(letter(1)), 0: rfc822(letter(0))}
    for number, raw in mails.items():
        write(number, raw)
    before, prints = threads_of(tmp_path)
    assert before == {f"{n}@x": name(f"{2 if n == 3 else n}@x".encode()) for n in mails}
    write(2, answer(2, to=1))
    after, later = threads_of(tmp_path, prints)
    assert after["3@x"] == after["2@x"] == after["1@x"] == name(b"1@x")
    changed = [item for item in prints if prints[item] != later[item]]
    assert [Path(item).name.partition(".")[0] for item in changed] == ["3"]


def test_a_conversation_over_files_mboxes_and_maildirs_is_one(tmp_path: Path) -> None:
    write_mbox(tmp_path / "sent.mbox", [letter(1)])
    (tmp_path / "cur").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "cur" / "1.x:2,S").write_bytes(answer(2, to=1))
    (tmp_path / "3.eml").write_bytes(answer(3, to=2))
    assert set(threads_of(tmp_path)[0].values()) == {name(b"1@x")}


def test_a_new_mail_opens_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    start = sources._start
    monkeypatch.setattr(sources, "_start", lambda path, size: opened.append(path) or start(path, size))  # type: ignore[func-returns-value]
    for number in range(1, 20):
        (tmp_path / f"{number:02}.eml").write_bytes(answer(number, to=number - 1))

    def scan(known: dict[str, str]) -> dict[str, str]:
        opened.clear()
        source = Mail(name="m", path=tmp_path, options={"owner": "bob@x.example"})
        source.known = known
        return {item.id: item.fingerprint for item in source.scan() if isinstance(item, Item)}

    prints = scan({})
    assert len(opened) == 19
    (tmp_path / "20.eml").write_bytes(answer(20, to=19))
    after = scan(prints)
    assert opened == [str(tmp_path / "20.eml")]
    assert prints.items() <= after.items()
    (tmp_path / "05.eml").unlink()
    assert {item for item, now in scan(after).items() if after[item] != now} == {
        str(tmp_path / f"{number:02}.eml") for number in range(6, 21)
    }, "they begin with 5 now"
    assert opened == []


@pytest.mark.parametrize("strange", ["{stat}", "{stat}|/a/mail.eml|1:2:3", "", "|||||||||", "{stat}|a"])
def test_prints_of_another_make_are_not_believed(strange: str, tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(answer(1, to=0))
    (item,) = Mail(name="m", path=tmp_path, options={}).scan()
    assert isinstance(item, Item)
    source = Mail(name="m", path=tmp_path, options={})
    source.known = {item.id: strange.format(stat=item.fingerprint.partition("|")[0])}
    assert list(source.scan()) == [item]
    assert [
        record.id for record in source.read(Item(id=item.id, fingerprint=strange or "x")) if isinstance(record, Message)
    ] == ["1@x"]


def test_a_mail_is_read_in_a_source_made_anew_as_in_the_one_that_scanned(tmp_path: Path) -> None:
    for box in ("a", "b"):
        (tmp_path / box).mkdir()
        for number in (1, 2, 3):
            (tmp_path / box / f"{number}.eml").write_bytes(answer(number, to=number - 1))
    scanned = Mail(name="m", path=tmp_path, options={})
    items = [item for item in scanned.scan() if isinstance(item, Item)]
    for item in items:
        anew = Mail(name="m", path=tmp_path, options={})
        records = list(anew.read(item))
        assert records == list(scanned.read(item))
        assert [isinstance(record, Message) for record in records] == [True] * ("/a/" in item.id)
        assert all(isinstance(record, Message) and record.conversation == name(b"0@x") for record in records)
