"""What is the author's own in replies of fourteen mail programs, and what hostile text costs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.messages.mail.text.reply import split

REPLIES = {
    "Gmail, wrapped": (
        "Five suits me.\n\nOn Tue, Jan 3, 2023 at 10:00 AM Robert Example-Longname <robert@mail.example>\nwrote:\n\n"
        "> Shall we meet at five?\n> Robert\n",
        "Five suits me.",
    ),
    "Gmail, German": (
        "Passt mir gut.\n\nRobert Beispiel <robert@mail.example> schrieb am Di., 3. Jan. 2023,\n10:00:\n\n> Um fünf?\n",
        "Passt mir gut.",
    ),
    "Gmail, French": (
        "D'accord.\n\nLe mar. 3 janv. 2023 à 10:00, Robert <robert@mail.example> a écrit :\n\n> À cinq heures ?\n",
        "D'accord.",
    ),
    "Gmail on Android, Russian": (
        "Да, хорошо.\n\nвт, 3 янв. 2023 г., 10:00 пользователь Иван <ivan@mail.example> написал:\n\n> В пять?\n",
        "Да, хорошо.",
    ),
    "Gmail, Japanese": (
        "了解しました。\n\n2023年1月3日(火) 10:00 Robert <robert@mail.example>:\n\n> 五時でいいですか\n",
        "了解しました。",
    ),
    "Apple Mail": (
        "Fine.\n\n> On 3 Jan 2023, at 10:00, Robert <robert@mail.example> wrote:\n> \n> Shall we meet at five?\n",
        "Fine.",
    ),
    "iPhone": (
        "Yes\n\nSent from my iPhone\n\n> On Jan 3, 2023, at 10:00 AM, Robert <r@mail.example> wrote:\n> \n> Five?\n",
        "Yes",
    ),
    "Outlook": (
        "Agreed.\n\n________________________________\nFrom: Robert Example <robert@mail.example>\n"
        "Sent: Tuesday, January 3, 2023 10:00 AM\nTo: Ann Example\nSubject: Meeting\n\nShall we meet at five?\n",
        "Agreed.",
    ),
    "Outlook, Spanish": (
        "De acuerdo.\n\nDe: Robert Example <robert@mail.example>\nEnviado: martes, 3 de enero de 2023 10:00\n"
        "Para: Ann Example\nAsunto: Reunión\n\n¿A las cinco?\n",
        "De acuerdo.",
    ),
    "Outlook Express, German": (
        "Geht.\n\n-----Ursprüngliche Nachricht-----\nVon: Robert\nGesendet: Dienstag, 3. Januar 2023 10:00\n"
        "An: Ann\nBetreff: Treffen\n\nUm fünf?\n",
        "Geht.",
    ),
    "Thunderbird": (
        "On 03/01/2023 10:00, Robert Example wrote:\n> Shall we meet at five?\n\nYes, at five.\n",
        "Yes, at five.",
    ),
    "Thunderbird, German": ("Ja.\n\nAm 03.01.23 um 10:00 schrieb Robert Beispiel:\n> Um fünf?\n", "Ja."),
    "Yahoo": (
        "Works.\n\n    On Tuesday, January 3, 2023 at 10:00:00 AM GMT+1, Robert <robert@mail.example> wrote:  \n \n"
        " Shall we meet at five?\n",
        "Works.",
    ),
    "Proton": (
        "Good.\n\nSent with Proton Mail secure email.\n\n------- Original Message -------\n"
        "On Tuesday, January 3rd, 2023 at 10:00, Robert <robert@mail.example> wrote:\n\n\n> Shall we meet at five?\n",
        "Good.",
    ),
}


@pytest.mark.parametrize("program", REPLIES)
def test_only_the_reply_is_the_authors_own(program: str) -> None:
    text, own = REPLIES[program]
    parts = split(text)
    assert parts.own == own
    assert any(word in parts.quoted for word in ("five", "fünf", "cinq", "пять", "五時", "cinco", "Five"))


def test_answers_between_quoted_lines_stay() -> None:
    parts = split("Bob wrote on 3 Jan 2023:\n> first?\n\nYes to the first.\n\n> second?\n\nNo to the second.\n")
    assert parts.own == "Yes to the first.\n\nNo to the second."
    assert parts.quoted == "Bob wrote on 3 Jan 2023:\n> first?\n> second?"


def test_an_attribution_takes_nothing_of_the_line_above_it() -> None:
    parts = split("See you at 5 then.\nOn Tue, Jan 3, 2023 at 10:00 AM Robert\n<r@mail.example> wrote:\n> Five?\n")
    assert parts.own == "See you at 5 then."


@pytest.mark.parametrize(
    "text",
    [
        "To buy:\n- milk\n- eggs\n- bread",
        "On Monday the poet wrote:\nRoses are red.",
        "From: here to there\nit is far",
        "Best regards\nAnn",
        "5 > 3 and 3 < 5",
    ],
)
def test_the_authors_own_words_are_not_taken_for_a_quotation(text: str) -> None:
    assert split(text).own == text
    assert split(text).quoted == ""


def test_a_signature_is_openable_but_not_the_authors_words() -> None:
    parts = split("The key is under the mat.\n\n-- \nAnn Example\n+49 30 1234567\n")
    assert parts.own == "The key is under the mat."
    assert parts.quoted == "--\nAnn Example\n+49 30 1234567"


def test_a_forwarded_mail_without_a_word_of_its_own_stays_whole() -> None:
    text = (
        "---------- Forwarded message ---------\nFrom: Bob <b@mail.example>\nDate: Tue\nSubject: x\nTo: a\n\nThe news."
    )
    assert split(text).own == text


@given(st.text(alphabet="ab >:-_@1\nwrote", max_size=300))
def test_nothing_is_lost(text: str) -> None:
    parts = split(text)
    letters = sorted(character for character in text if character.isalnum())
    assert sorted(character for character in parts.own + parts.quoted if character.isalnum()) == letters


@pytest.mark.parametrize(
    "hostile",
    [
        "On " + "a " * 200_000,
        "From: a\n" * 50_000,
        "a 1 wrote " * 40_000 + ":",
        ">" * 400_000,
        "On x\n" * 50_000 + "wrote:",
    ],
)
def test_hostile_text_costs_linear_time(hostile: str) -> None:
    started = time.process_time()
    split(hostile)
    assert time.process_time() - started < 5
