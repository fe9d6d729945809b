import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.retrieval.query import (
    NOTHING,
    STOP_WORDS,
    embedded,
    match,
    match_names,
    match_trigram,
    read,
    reported,
)
from agent.vocabulary import Person, Query, Window

unhurried = settings(deadline=None)  # the machine may be busy
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 12, tzinfo=BERLIN)
NAMES = {
    1: "Anna Berg",
    2: "Anna Lind",
    3: "Oskar Holm",  # the owner
    4: "Will Stone",
    5: "王小明",
    6: "April Moss",
    7: "Dr. José Ramírez",
    8: "Nowak, Piotr",
    9: "City Hospital",
    10: "+49 151 12345678",
    11: "김민수",
}
HANDLES = {2: ("anna.lind@example.org",), 10: ("+4915112345678",)}
PEOPLE = tuple(
    Person(id=number, name=name, handles=HANDLES.get(number, ()), me=number == 3) for number, name in NAMES.items()
)
TOKENS = {number: (f"xh{number}",) for number in NAMES}


def asked(text: str) -> Query:
    return read(text, now=NOW, people=PEOPLE, sources=("WhatsApp", "work mail"))


def named(text: str) -> list[int]:
    return [person.id for person in asked(text).people]


def quoted(*words: str) -> str:
    return " OR ".join(f'"{word}"' for word in words)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("What did the plumber say about the boiler?", ("plumber", "say", "about", "boiler")),
        ("the plumber's boiler and the plumber’s bill", ("plumber", "boiler", "bill")),
        ("Who are you?", ("who", "are", "you")),  # nothing but stop words: keep them
        ("What happened last week in Rome", ("happened", "rome")),  # relative times are windows, not words
        ("dinner on 7th May 2023", ("dinner", "7", "may", "2023")),  # as the index spells dates
        ("the invoice in my mails", ("invoice",)),
        ("the flat in my WhatsApp", ("flat",)),
        ("ÉCOLE école", ("école",)),
        ("हिन्दी की किताब", ("हिन्दी", "की", "किताब")),
        ("ไปที่นี่", ("ไปที่นี่",)),
        ("", ()),
        ("?!", ()),
    ],
)
def test_terms_are_the_content_words(text: str, terms: tuple[str, ...]) -> None:
    assert asked(text).terms == terms


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("What did Anna say?", [1, 2]),
        ("what did anna say?", [1, 2]),
        ("What did Anna Berg say?", [1]),
        ("Did Anna Berg come, and what did Anna bring?", [1]),
        ("What did Berg, Anna write?", [1]),
        ("Did you see Frau Lind?", [2]),
        ("Did Lind call?", [2]),
        ("Anna’s and Piotr's plans", [1, 2, 8]),
        ("Joséphine and the annals", []),  # whole words only
        ("what did jose ramirez prescribe", [7]),
        ("Will it rain?", []),
        ("What did Will say?", [4]),
        ("how will it end", []),
        ("Did April call in April?", [6]),
        ("What did I buy in April?", []),
        ("an april evening", []),
        ("the annex of the hospital", []),
        ("What did the City Hospital write", [9]),
        ("王小明什么时候去上海", [5]),
        ("김민수가 언제 왔어", [11]),
        ("Mails from anna.lind@example.org.", [2]),
        ("Mails from hanna.lind@example.org", []),
        ("Who is 0151 12345678?", [10]),
        ("Who is 0151-12345679?", []),
        ("", []),
    ],
)
def test_people_are_named_by_whole_words(text: str, people: list[int]) -> None:
    assert named(text) == people


@pytest.mark.parametrize(
    "text",
    [
        "What did I tell Piotr?",
        "what have I ever said to Piotr",
        "When did I last text Piotr?",
        "my last message to Piotr",
    ],
)
def test_the_owner_is_named_where_the_question_asks_what_the_owner_said(text: str) -> None:
    assert sorted(named(text)) == [3, 8]


@pytest.mark.parametrize("text", ["What did Piotr tell me?", "When did I see Piotr?", "Is Piotr at my house?"])
def test_i_and_my_alone_do_not_name_the_owner(text: str) -> None:
    assert named(text) == [8]


def test_windows_are_exact_and_in_the_zone_of_now() -> None:
    (window,) = asked("What happened on 7 May 2023?").windows
    start = datetime(2023, 5, 7, tzinfo=BERLIN).timestamp()
    assert (window.start, window.end, window.words) == (start, start + 86_400, "7 May 2023")


def test_people_speak_of_what_happened_from_the_day_before_to_a_week_after() -> None:
    assert reported(Window(start=0.0, end=86_400.0, words="")) == (-86_400.0, 8 * 86_400.0)


def test_now_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        read("today", now=datetime(2026, 11, 22, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize(
    ("text", "kinds", "sources"),
    [
        ("the address in my messages", ("message",), ()),
        ("what's in the PDFs about tax", ("section",), ()),
        ("the dentist on my calendar", ("event",), ()),
        ("Piotr's number from my contacts", ("contact",), ()),
        ("the flat in whatsapp", (), ("WhatsApp",)),
        ("the flat in my work mail", (), ("work mail",)),
        ("the flat in WhatsAppening", (), ()),
        ("Did I get a message about documents and mail?", (), ()),  # about them, not in them
    ],
)
def test_places_count_only_when_said(text: str, kinds: tuple[str, ...], sources: tuple[str, ...]) -> None:
    reading = asked(text)
    assert (reading.kinds, reading.sources) == (kinds, sources)


def test_a_name_is_replaced_by_its_tokens() -> None:
    reading = asked("What did Anna Berg say about Rome?")
    assert match(reading, {1: ("xh1", "xh12")}) == quoted("say", "about", "rome", "xh1", "xh12")
    assert match_names(reading) == quoted("anna", "berg")
    assert embedded(reading) == "What did say about Rome?"


def test_a_name_stays_where_it_may_be_a_word_or_has_no_token() -> None:
    assert match(asked("what did anna sell"), TOKENS) == quoted("anna", "sell", "xh1", "xh2")
    assert match(asked("What did Anna sell"), {}) == quoted("anna", "sell")


def test_a_month_is_not_taken_for_the_person_of_that_name() -> None:
    reading = asked("What did April cook in May?")
    assert match(reading, TOKENS) == quoted("cook", "may", "xh6")
    assert embedded(reading) == "What did cook in May?"
    assert match(asked("What did I buy in April?"), TOKENS) == quoted("buy", "april")


def test_a_question_of_a_name_alone_is_embedded_whole() -> None:
    assert embedded(asked("Who is Anna Berg?")) == "Who is Anna Berg?"


def test_unsegmented_scripts_go_to_the_trigram_index() -> None:
    reading = asked("iPhone手机 在上海 东京 boat")
    assert match(reading, TOKENS) == quoted("iphone", "boat")
    assert match_trigram(reading) == quoted("手机", "在上海", "东京")
    assert match_trigram(asked("我去上海了")) == quoted("我去上", "去上海", "上海了")
    assert match_trigram(asked("the boat")) == NOTHING


@pytest.fixture(scope="module")
def tables() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'porter unicode61 remove_diacritics 2')")
    connection.execute("CREATE VIRTUAL TABLE grams USING fts5(text, tokenize = 'trigram')")
    yield connection
    connection.close()


def found(tables: sqlite3.Connection, table: str, text: str, expression: str) -> bool:
    tables.execute(f"DELETE FROM {table}")
    tables.execute(f"INSERT INTO {table} (text) VALUES (?)", (text,))
    return bool(tables.execute(f"SELECT 1 FROM {table} WHERE {table} MATCH ?", (expression,)).fetchall())


odd = st.text() | st.lists(
    st.sampled_from(
        ["Anna", "AND", "NOT", "NEAR(", '"', "'s", "*", "^", "text:", "-", "(", "上海去", "\0", "May", "I say"]
    )
).map(" ".join)


@unhurried
@given(odd, st.text(max_size=5))
def test_any_question_gives_valid_expressions(tables: sqlite3.Connection, text: str, token: str) -> None:
    reading = asked(text)
    tokens = {1: (token.replace("\0", ""),), 2: ("xh2",)}
    for expression in (match(reading, tokens), match_names(reading), match_trigram(reading)):
        found(tables, "words", "nothing", expression)
        found(tables, "grams", "nothing", expression)
    assert embedded(reading).strip() or not text.strip()


@unhurried
@given(st.lists(st.from_regex(r"[a-zäéñß]{2,12}", fullmatch=True), min_size=1, max_size=8).map(" ".join))
def test_a_text_is_found_by_its_own_words(tables: sqlite3.Connection, text: str) -> None:
    assert found(tables, "words", text, match(read(text, now=NOW), {}))


@unhurried
@given(st.text(alphabet="我去上海東京のトマトที่นี่กัน", min_size=3, max_size=12))
def test_an_unsegmented_text_is_found_by_its_own_words(tables: sqlite3.Connection, text: str) -> None:
    assert found(tables, "grams", f"…{text}…", match_trigram(read(text, now=NOW)))


def test_the_empty_expression_finds_nothing(tables: sqlite3.Connection) -> None:
    assert not found(tables, "words", "anything at all", NOTHING)
    assert not found(tables, "grams", "anything at all", NOTHING)


def test_the_stop_words_are_those_that_were_measured() -> None:
    assert len(STOP_WORDS) == 72
