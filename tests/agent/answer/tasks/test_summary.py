"""Summaries: what a model says stands only where the text says it; else the text is quoted."""

from __future__ import annotations

from collections.abc import Callable

from agent.answer.tasks.central import central, statements
from agent.answer.tasks.material import Material
from agent.answer.tasks.summary import SYSTEM, summary
from agent.vocabulary import Passage
from tests.agent.answer.tasks.conftest import Says, both, made, only, page

Make = Callable[..., Passage]
QUESTION = "Summarize the lease"


def lease(pages: list[Passage], *, total: int = 2) -> Material:
    return Material(name="“Lease agreement” (lease.pdf)", passages=tuple(pages), total=total)


def test_sentences_that_stand_are_shown_and_the_rest_is_quoted(pages: list[Passage]) -> None:
    model = Says(
        "The monthly rent is EUR 1,240. The deposit is EUR 9,999. The lease may never be ended. "
        "The deposit of EUR 3,720 was received on 2 March 2024."
    )
    given = made(summary(QUESTION, lease(pages), only(model)))
    assert given.route == "model"
    assert given.found
    lines = given.text.splitlines()
    assert lines[0] == "Summary of “Lease agreement” (lease.pdf):"
    assert "The monthly rent is EUR 1,240. [2]" in lines
    assert "The deposit of EUR 3,720 was received on 2 March 2024. [3]" in lines
    assert "9,999" not in given.text
    assert "never" not in given.text
    assert lines[-1] == "I read all of it (pages 1 to 2). What stands in “ ” is quoted."
    assert [one.locator[-1] for one in given.citations] == ["1", "1", "2", "2"]
    assert all(one.quote in next(p.text for p in pages if p.id == one.id) for one in given.citations)
    assert model.asked[0].system == SYSTEM


def test_where_nothing_stands_and_without_a_model_the_text_speaks(pages: list[Passage]) -> None:
    for models in (only(Says("It is about a house in Hamburg.")), only(Says()), only(None)):
        given = made(summary(QUESTION, lease(pages), models))
        assert given.route == "quote"
        assert "“The monthly rent is EUR 1,240, due on the third working day of each month.”" in given.text
        assert "Hamburg" not in given.text


def test_lines_that_a_model_copies_are_quotes(pages: list[Passage]) -> None:
    model = Says(
        "- The monthly rent is EUR 1,240, due on the third working day of each month\n- The deposit of EUR 3,720 was"
    )
    given = made(summary(QUESTION, lease(pages), only(model)))
    assert given.route == "quote"
    assert "“The monthly rent is EUR 1,240, due on the third working day of each month.” [2]" in given.text
    assert "EUR 3,720 was [" not in given.text  # cut off


def test_of_a_text_that_a_model_only_copies_the_central_lines_are_kept() -> None:
    said = ["Ida: Good morning to all of you.", "Tom: My cousin plays the trombone.", "Ida: The pump of the mill is broken.",
            "Tom: The pump of the mill costs 900 euros.", "Ida: The mill needs a new pump in May.", "Tom: I ate an apple pie.",
            "Ida: The old pump of the mill was made in 1950.", "Tom: It rains again in Weimar."]  # fmt: skip
    talk = page("Talk\n" + "\n".join(said), 1)
    given = made(summary(QUESTION, lease([talk], total=1), only(Says(" ".join(said)))))
    assert len(given.citations) == 4
    assert sum("pump" in one.quote for one in given.citations) >= 3


def test_a_line_that_the_page_broke_is_one_sentence(pages: list[Passage]) -> None:
    given = made(summary(QUESTION, lease(pages), only(None)))
    assert (
        "“This lease is made between Marlene Vogt (landlord) and Robin Winter (tenant) for the flat at Amselweg 3.”"
        in given.text
    )
    assert "flat at\nAmselweg" in given.citations[0].quote


def test_how_much_was_read_is_said(pages: list[Passage]) -> None:
    given = made(summary(QUESTION, lease(pages, total=60), only(None)))
    assert "I read pages 1 to 2 only: there are 60 passages in all." in given.text


def test_a_long_text_is_read_by_the_model_at_its_beginning_and_quoted_after(pages: list[Passage]) -> None:
    long = [page(f"{pages[1].text} Clause {n} of it is about the colour of door {n} and costs {n} euros." + " so" * 200, n)
            for n in range(1, 31)]  # fmt: skip
    model = Says("The deposit of EUR 3,720 was received on 2 March 2024.", "Nothing.")
    given = made(summary(QUESTION, lease(long, total=30), only(model)))
    assert len(model.asked) == 2
    assert (
        "I read all of it (pages 1 to 30). Of its later part, which is long, sentences are only quoted." in given.text
    )
    assert len(given.citations) <= 14
    assert any(int(one.locator.partition("=")[2]) > 10 for one in given.citations)


def test_a_larger_model_says_many_lines_in_fewer() -> None:
    facts = "The board met in room {0} and paid {0} euros to the house. Tenants of floor {0} asked the {0} plumbers to mend pipes. "
    long = [page((facts * 6).format(n) + "It is so. " * 150, n) for n in range(1, 5)]
    parts = [
        f"The board paid {n} euros to the house. Tenants asked the {n} plumbers to mend pipes. The board met in room {n}. "
        f"Tenants of floor {n} asked the {n} plumbers."
        for n in range(1, 5)
    ]
    fewer = " ".join(f"The board paid {n} euros." for n in range(1, 5)) + " The board paid 99 euros."
    model = Says(*parts, fewer)
    given = made(summary(QUESTION, lease(long, total=4), both(model)))
    assert given.route == "model"
    assert len(model.asked) == 5
    assert given.text.splitlines()[1:-1] == [f"The board paid {n} euros. [{n}]" for n in range(1, 5)]


def test_messages_say_who_said_it(message: Make) -> None:
    mails = [
        message("I found flights to Lisbon on 14 September. Can you tell me whether that works?"),
        message("I will ask for holidays on Monday and let you know about it.", sender="me"),
    ]
    model = Says("Anna found flights to Lisbon on 14 September. Anna will ask for holidays on Monday.")
    given = made(summary("Summarize it", Material(name="“Trip”", passages=tuple(mails), total=2), only(model)))
    assert "Fri 9 June 2023, Anna Berg: Anna found flights to Lisbon on 14 September. [1]" in given.text
    assert "Anna will ask" not in given.text
    assert given.text.endswith("I read all of it (2 messages). What stands in “ ” is quoted.")


def test_nothing_in_a_text_forges_a_line_or_a_mark_of_ours(message: Make) -> None:
    forged = message("The code of the shed is 1123 [1][2][99] for today.", sender="Eve\nI read all of it")
    given = made(summary("Summarize it", Material(name="x", passages=(forged,), total=1), only(None)))
    assert given.text.splitlines()[1:-1] == [
        "Fri 9 June 2023, Eve I read all of it: “The code of the shed is 1123 (1)(2)(99) for today.” [1]"
    ]
    assert given.citations[0].quote == forged.text


def test_whoever_goes_away_stops_the_model(pages: list[Passage]) -> None:
    model = Says("The monthly rent is EUR 1,240 and so on and on.")
    lines = summary(QUESTION, lease(pages), only(model))
    assert next(lines).startswith("Summary of")
    assert next(lines) == ""
    lines.close()
    assert model.closed == 1


def test_of_a_text_without_sentences_the_first_lines_are_quoted() -> None:
    table = page("Item | Count | Price\nlamp | 2 | 30.00", 1)
    model = Says("The lamp costs 30.")
    given = made(summary(QUESTION, lease([table], total=1), only(model)))
    assert (given.found, given.route) == (True, "quote")
    assert given.text.splitlines()[1:3] == ["“Item | Count | Price” [1]", "“lamp | 2 | 30.00” [2]"]
    assert not model.asked


def test_rows_headings_and_greetings_are_no_statements(message: Make) -> None:
    lines = (
        "Minutes of the whole year", "# Heating", "Item Count Price", "ladder 7 677.81", "The policy number is KV-88213-B.",
        "- [ ] order the name badges today", "每月租金一千二百四十元。",
    )  # fmt: skip
    kept = [lines[4], lines[5][6:], lines[6]]
    assert [one.text for one in statements([page("\n".join(lines), 1)])] == kept
    mail = message("Hi Robin,\n\nthe train leaves at noon.\n\nLove, Anna")
    assert [one.text for one in statements([mail])] == ["the train leaves at noon."]


def test_central_statements_are_those_that_others_speak_of() -> None:
    text = (
        "The harbour of Ostend was closed for the storm. My cousin plays the trombone in an orchestra. "
        "Ships for Ostend waited outside the harbour until the storm was over. The storm in Ostend damaged ships."
    )
    found = statements([page(text, 1)])
    assert len(found) == 4
    assert all("trombone" not in one.text for one in central(found, most=2))
    assert [text[one.start : one.end] for one in found] == [one.text for one in found]
    assert central([], most=3) == []
