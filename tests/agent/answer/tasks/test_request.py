"""Which questions ask for something to be made, and of what."""

from __future__ import annotations

import time

import pytest

from agent.answer.tasks.request import Request, request


@pytest.mark.parametrize(
    ("text", "about", "media"),
    [
        ("Summarize the lease contract", "the lease contract", ()),
        ("Please summarise the Halden report in two sentences.", "the Halden report", ()),
        ("Give me a short summary of my conversation with Anna last week", "my conversation with Anna last week", ("chat",)),
        ("tl;dr of the mail thread about Lisbon", "the mail thread about Lisbon", ("mail",)),
        ("Sum up Tom's messages from June", "Tom's messages in June", ("chat",)),
        ("Fasse den Mietvertrag zusammen", "den Mietvertrag", ()),
        ("Summarize the file lease.pdf", "the file lease.pdf", ("document",)),
    ],
)  # fmt: skip
def test_a_summary_names_its_text(text: str, about: str, media: tuple[str, ...]) -> None:
    assert request(text) == Request(task="summary", about=about, media=media)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("What are the action items from Monday's meeting?", "Monday's meeting"),
        ("Pull the action items out of the meeting transcript", "the meeting transcript"),
        ("List all to-dos in last week's mails", "last week's mails"),
        ("What are the next steps after the standup?", "the standup"),
        ("action items", ""),
        ("Which action items do I have?", ""),
    ],
)
def test_what_is_to_be_done_may_name_its_text(text: str, about: str) -> None:
    asked = request(text)
    assert asked is not None
    assert (asked.task, asked.about) == ("actions", about)


@pytest.mark.parametrize(
    ("text", "to", "about", "says", "reply"),
    [
        ("Draft a reply to Anna about the trip", "Anna", "the trip", "", True),
        ("Reply to Tom that I will be late.", "Tom", "", "I will be late", True),
        ("Answer Anna's last mail about Lisbon", "Anna", "Lisbon", "", True),
        ("Write an email to Priya about the participants: we are 40", "Priya", "the participants", "we are 40", False),
        ("Write to Mum thanking her for the cake", "Mum", "", "thanking her for the cake", False),
        ("Draft a mail to Marlene Vogt about the deposit, asking when it is paid back", "Marlene Vogt", "the deposit",
         "asking when it is paid back", False),
        ("Write a short friendly message to Ida saying the date 3 May is fine", "Ida", "", "the date 3 May is fine", False),
    ],
)  # fmt: skip
def test_a_draft_says_to_whom_about_what_and_what(text: str, to: str, about: str, says: str, *, reply: bool) -> None:
    asked = request(text)
    assert asked is not None
    assert (asked.task, asked.to, asked.about, asked.says, asked.reply) == ("draft", to, about, says, reply)


@pytest.mark.parametrize(
    "text",
    [
        "What did Anna write to me?",
        "Who summarized the lease?",
        "How many tasks are there?",
        "What tasks did Tom give me?",
        "Summarize",
        "When is the reply to Anna due?",
        "Where does Anna live?",
    ],
)
def test_any_other_question_asks_for_nothing_to_be_made(text: str) -> None:
    assert request(text) is None


@pytest.mark.parametrize(
    "text",
    ["list " * 9000, "draft a mail to " + "that " * 9000, "thank you note to " * 5000, "action items of " * 5000],
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    start = time.process_time()
    request(text)
    assert time.process_time() - start < 2.0
