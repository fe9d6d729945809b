"""One mail as bytes becomes records: heads, charsets, parts, limits."""

import base64
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.mail import Appointment, Enclosure, Letter, ics, rfc822
from indexers.messages.mail import letter as letters
from indexers.messages.mail.headers import instant, parties, words
from indexers.messages.mail.letter import Envelope, letter
from indexers.messages.mail.text.markup import HTML_CHARS, page
from indexers.messages.mail.threads import name
from indexers.record import Attachment, Event, Message, Party, Section, Skipped

SENT = datetime(2023, 1, 3, 10, 0, tzinfo=timezone(timedelta(hours=1)))
ANN, BOB = ("Ann Example", "Ann@Mail.example"), ("Jörg Müller", "joerg@mail.example")
HEAD = (
    b"From: a@x.example\nTo: b@x.example\nDate: Tue, 3 Jan 2023 10:00:00 +0100\n"
    b"Message-ID: <m1@x.example>\nSubject: s\n"
)


def read(raw: bytes, **envelope: object) -> list[Message | Event | Section | Skipped]:
    place = Envelope(where="here", uri="file:///mail/1.eml", **envelope)  # type: ignore[arg-type]
    return list(letter(raw, place, owners=frozenset({"ann@mail.example"})))


def message(raw: bytes) -> Message:
    first = read(raw)[0]
    assert isinstance(first, Message)
    return first


def test_golden_letter() -> None:
    raw = rfc822(
        Letter(
            id="3@mail.example",
            sender=BOB,
            to=[ANN, ("", "carl@mail.example")],
            subject="Re: Grüße aus Köln und eine recht lange Betreffzeile",
            sent_at=SENT,
            text="Ja, gern! https://dom.example/turm.\n\nAm 02.01.23 um 9:00 schrieb Ann:\n> Kommst du?\n",
            answers=["1@mail.example", "2@mail.example"],
            enclosures=[Enclosure(name="dom.jpg", mime="image/jpeg", content=b"\xff\xd8\xff")],
        )
    )
    sender = Party(handle="joerg@mail.example", name="Jörg Müller")
    assert read(raw) == [
        Message(
            id="3@mail.example",
            conversation=name(b"1@mail.example"),
            title="Re: Grüße aus Köln und eine recht lange Betreffzeile",
            sender=sender,
            people=(
                sender,
                Party(handle="ann@mail.example", name="Ann Example", me=True),
                Party(handle="carl@mail.example"),
            ),
            sent_at=SENT,
            text="Ja, gern! https://dom.example/turm.",
            quoted="Am 02.01.23 um 9:00 schrieb Ann:\n> Kommst du?",
            reply_to="2@mail.example",
            attachments=(Attachment(name="dom.jpg", mime="image/jpeg"),),
            links=("https://dom.example/turm",),
            locator="file:///mail/1.eml",
        )
    ]
    assert message(raw).sent_at.utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    ("declared", "written", "text"),
    [
        ("utf-8", "utf-8", "Größe 5 €"),
        ("iso-8859-1", "cp1252", "5 € “quoted”"),
        ("utf-8", "cp1252", "Größe"),
        ("us-ascii", "utf-8", "Größe"),
        ("no-such-charset", "utf-8", "Größe"),
        ("gb2312", "gb18030", "汉字㐀"),
        ("koi8-r", "koi8-r", "Привет"),
        ("iso-2022-jp", "iso-2022-jp", "日本語"),
        ("idna", "utf-8", "Größe"),
        ("utf-7", "utf-7", "Größe"),
    ],
)
def test_charsets_declared_wrong_and_unknown(declared: str, written: str, text: str) -> None:
    content = base64.encodebytes(text.encode(written))
    head = f'MIME-Version: 1.0\nContent-Type: text/plain; charset="{declared}"\nContent-Transfer-Encoding: base64\n\n'
    assert message(HEAD + head.encode() + content).text == text


def test_html_alone_is_read_and_its_quotation_is_not_the_authors() -> None:
    html = (
        "<html><head><style>p{color:red}</style></head><body><div style='display: none'>preheader</div>"
        "<p>Dear&nbsp;Bob,<br>see <a href='https://x.example/a'>the plan</a>.</p><ul><li>tent</li><li>rope</li></ul>"
        "<img width=1 height=1 alt=track src=https://t.example><table><tr><td>Price</td><td>5</td></tr></table>"
        "<div class='gmail_quote'>On Tue, Bob wrote:<blockquote type=cite>old <blockquote type=cite>older"
        "</blockquote></blockquote></div></body></html>"
    )
    found = message(HEAD + b"Content-Type: text/html\n\n" + html.encode())
    assert found.text == "Dear Bob,\nsee the plan.\n\n- tent\n- rope\n\nPrice 5"
    assert found.quoted == "On Tue, Bob wrote:\n\nold\n\nolder"
    assert found.links == ("https://x.example/a",)


def test_everything_below_outlooks_mark_is_quoted() -> None:
    html = "<div>Agreed.</div><div id='appendonsend'></div><hr><div id='divRplyFwdMsg'>From: Bob</div><div>old</div>"
    assert page(html).text == "Agreed."
    assert page(html).quoted == "From: Bob\n\nold"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<P CLASS=x>One<BR/>two</P>three", "One\ntwo\n\nthree"),
        ("<table><tr class=a><td>a</td><td width=5>b<tr><th>c</th></table>d", "a b\nc\n\nd"),
        ("<ul><li>one<li class=x>two<li hidden>three</li></ul>four", "- one\n- two\n\nfour"),
        ("<pre>&gt; old\nnew</pre> and\nmore", "new\n\nand more"),
        ("<div>a<div>b<div>c</div></div></div><div>d</div>", "a\nb\nc\nd"),
        ("<pre>never closed\nat all", "never closed\nat all"),
        ("<p title='</p><br>'>one line</p><!-- <p> -->still", "one line\n\nstill"),
        ("<div STYLE='DISPLAY: none'>unseen</div><img alt=a width=20><img alt=b width=1>seen", "a seen"),
        ("<span style='font-size:0px'>x</span><span style='font-size:0.9em'>y</span>", "y"),
        ("<pfoo>a</pfoo><o:p>b</o:p><link>c", "abc"),
        ("plain\fwords\tand\u00a0more", "plain\nwords and more"),
    ],
)
def test_lines_of_html(html: str, text: str) -> None:
    assert message(HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + html.encode()).text == text


@pytest.mark.parametrize(
    "hostile", ["<pre", "<li ", "<p", "</", "<div style='", "<a href=x>", "<blockquote type=cite>"]
)
def test_hostile_html_costs_linear_time(hostile: str) -> None:
    started = time.process_time()
    page(hostile * (HTML_CHARS // len(hostile)))
    assert time.process_time() - started < 10


def test_a_forwarded_page_stays_whole_and_deep_nesting_is_bounded() -> None:
    assert page("<div class=gmail_quote>The news.</div>").text == "The news."
    assert page("<div>" * 100_000 + "deep" + "</div>" * 100_000).text == "deep"


def test_plain_text_that_only_points_at_the_html_gives_way() -> None:
    stub = Letter(
        id="1@x",
        sender=ANN,
        to=[BOB],
        subject="s",
        sent_at=SENT,
        text="Your program shows no HTML.",
        html="<p>News</p>",
    )
    assert message(rfc822(stub)).text == "News"


def test_flowed_lines_are_joined() -> None:
    text = b"Content-Type: text/plain; format=flowed\n\nThis is one \nlong line.\nThis is another.\n-- \nAnn\n"
    assert message(HEAD + text).text == "This is one long line.\nThis is another."


def test_invitations_become_events() -> None:
    invitation = ics(
        [Appointment(uid="e1", title="Dinner", start="20230105T180000Z", end="20230105T200000Z", people=[ANN])],
        method="REQUEST",
    )
    raw = rfc822(Letter(id="1@x", sender=BOB, to=[ANN], subject="Dinner", sent_at=SENT, text="", invitation=invitation))
    event = read(raw)[1]
    assert isinstance(event, Event)
    assert (event.id, event.title, event.start) == ("e1", "Dinner", datetime(2023, 1, 5, 18, tzinfo=UTC))
    assert event.locator == "file:///mail/1.eml"
    declined = raw.replace(
        base64.encodebytes(invitation.encode()), base64.encodebytes(invitation.replace("REQUEST", "REPLY").encode())
    )
    assert declined != raw
    assert [type(record) for record in read(declined)] == [Message]


def test_a_mail_nested_a_hundred_deep_is_bounded() -> None:
    raw = HEAD + b"Content-Type: message/rfc822\n\n"
    for _ in range(100):
        raw += b"From: c@x.example\nSubject: inner\nContent-Type: message/rfc822\n\n"
    first, skipped = read(raw + b"From: d@x.example\nSubject: innermost\n\nword\n")
    assert isinstance(first, Message)
    assert len(first.attachments) == 5
    assert skipped == Skipped(where="here", why="mails nested more than 5 deep were not read", outcome="too_large")


def test_parts_nested_beyond_the_parsers_recursion_leave_the_head() -> None:
    raw = HEAD + b"Content-Type: message/rfc822\n\n" * 5_000 + b"word\n"
    first, skipped = read(raw)
    assert isinstance(first, Message)
    assert first.title == "s"
    assert isinstance(skipped, Skipped)
    assert "nested too deeply" in skipped.why


def test_multiparts_nested_a_hundred_deep_are_bounded() -> None:
    opened = b"".join(b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (at, at + 1) for at in range(100))
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b0\n\n" + opened + b"--b100\n\nword\n--b100--\n"
    first, skipped = read(raw)
    assert isinstance(first, Message)
    assert skipped == Skipped(where="here", why="parts nested more than 30 deep were not read", outcome="too_large")


def test_a_mail_that_takes_more_memory_than_there_is_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = letters._mime

    def small_machine(raw: bytes) -> object:
        if len(raw) > letters.LESS_BYTES:
            raise MemoryError
        return parse(raw)

    monkeypatch.setattr(letters, "_mime", small_machine)
    first, skipped = read(HEAD + b"\nhello\n" + bytes(letters.LESS_BYTES))
    assert isinstance(first, Message)
    assert first.text == "hello"
    assert skipped == Skipped(
        where="here", why="it needs too much memory; only its first 4 MB were read", outcome="too_large"
    )


def test_more_parts_than_anyone_sends_are_bounded() -> None:
    parts = b"--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nx\n" * 2_000
    found = read(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + parts + b"--b--\n")
    assert isinstance(found[0], Message)
    assert len(found[0].attachments) == 499
    assert [record.why for record in found if isinstance(record, Skipped)] == [
        "it has more than 500 parts; the rest was not read",
        "only its first 50 attachments were read",
    ]


def test_an_encrypted_mail_says_so() -> None:
    raw = HEAD + b'Content-Type: multipart/encrypted; boundary="b"\n\n--b\n\nVersion: 1\n--b--\n'
    first, skipped = read(raw)
    assert isinstance(first, Message)
    assert first.text == ""
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == "encrypted"


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\x02\xff" * 1_000, b"hello\n\nworld", b"{}", b"<html></html>", b"\n" * 50]
)
def test_garbage_is_exactly_one_skipped(garbage: bytes) -> None:
    (skipped,) = read(garbage)
    assert isinstance(skipped, Skipped)


def test_times_that_are_missing_or_impossible_fall_back() -> None:
    body = b"From: a@x.example\nSubject: s\n"
    hop = b"Received: from a by b; Tue, 3 Jan 2023 09:00:00 +0000\n"
    assert message(body + hop + b"Date: Mon, 99 Foo 2023\n\nx").sent_at == datetime(2023, 1, 3, 9, tzinfo=UTC)
    received = datetime(2022, 5, 5, tzinfo=UTC)
    (found,) = read(body + b"Date: Thu, 1 Jan 1903 00:00:00 +0000\n\nx", received=received)
    assert isinstance(found, Message)
    assert found.sent_at == received
    (skipped,) = read(body + b"\nx")
    assert isinstance(skipped, Skipped)
    assert skipped.outcome == "ambiguous"


def test_thunderbirds_deleted_mail_is_gone() -> None:
    assert read(b"X-Mozilla-Status: 0009\n" + HEAD + b"\nx") == []
    assert len(read(b"X-Mozilla-Status: 0001\n" + HEAD + b"\nx")) == 1


def test_nul_bytes_and_huge_heads_do_no_harm() -> None:
    found = message(HEAD + b"X-Junk: " + b"j" * 3_000_000 + b"\nCc: " + b"(" * 100_000 + b"\n\nbefore\x00after\n")
    assert found.text == "beforeafter"


def test_gmail_thread_numbers_and_program_links() -> None:
    raw = b"X-GM-THRID: 17\n" + HEAD + b"\nx"
    (found,) = read(raw, by_id=True)
    assert isinstance(found, Message)
    assert found.conversation == name(b"X-GM-THRID 17")
    assert found.locator == "message://%3Cm1%40x.example%3E"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?= an =?iso-8859-1?Q?J=FCrgen_x?=  y", "Grüße an Jürgen x y"),
        ("Re: =?UTF-8?B?5pel5pys?= (x)", "Re: 日本 (x)"),
        ("=?no-such?q?a?= b", "a b"),
        ("plain  text", "plain text"),
        ("J\udcfcrgen", "Jürgen"),
    ],
)
def test_encoded_words(raw: str, text: str) -> None:
    assert words(raw) == text


@given(st.text(alphabet="=?utf-8QqBb_ \n\x00é\udcff", max_size=80))
def test_any_field_gives_one_line_that_can_be_stored(value: str) -> None:
    assert "\n" not in words(value)
    assert words(value).encode("utf-8").decode("utf-8") == words(value)


def test_address_lists() -> None:
    values = [
        'Ann B <A@x.org>, "C, D" <c@x.org>, a@x.org',
        "=?utf-8?Q?J=C3=BC?= <j@x.org>",
        "=?utf-8?q?Ann_=3Ce=40b.c=3E?=",
        "undisclosed-recipients:;",
        "(" * 5_000,
    ]
    assert [(party.handle, party.name) for party in parties(values)] == [
        ("a@x.org", "Ann B"),
        ("c@x.org", "C, D"),
        ("j@x.org", "Jü"),
        ("e@b.c", "Ann"),
    ]
    assert len(parties([", ".join(f"p{at}@x.org" for at in range(2_000))])) == 500


def test_instants() -> None:
    assert instant("Tue, 3 Jan 2023 10:00:00 -0000") == datetime(2023, 1, 3, 10, tzinfo=UTC)
    assert instant("Tue, 3 Jan 2023 10:00:00 +0100 (CET)") == SENT
    assert instant("yesterday") is None
