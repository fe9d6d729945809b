"""Every claim stands: quotes are in the owner's files, numbers come from arithmetic, and what is not there is not told."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from agent.service.prove import life
from tests.owner import WORD, Owner

pytestmark = pytest.mark.models


def words(text: str) -> str:
    return " ".join(text.split())


def as_it_stands(owner: Owner, source: str, locator: str) -> str:
    """The owner's own copy of what a citation points at, read without the product."""
    if source == "apple-messages":
        guid = locator.partition("message-guid=")[2]
        with sqlite3.connect(f"file:{owner.life}/Messages/chat.db?mode=ro", uri=True) as chats:
            body = chats.execute("SELECT attributedBody, text FROM message WHERE guid = ?", (guid,)).fetchone()
        chats.close()
        return (body[0] or b"").decode("utf-8", "ignore") + (body[1] or "")
    path = Path(unquote(urlsplit(locator).path)) if locator.startswith("file:") else owner.life / "mail.mbox"
    assert path.is_file(), locator
    if path.suffix == ".ics":
        return path.read_text().replace("\r\n ", "").replace("\\,", ",")
    return path.read_text(errors="replace")


def test_quotes_stand_in_the_source_character_for_character(served: Owner) -> None:
    """Every hit whose own file is text: its words are there, in this order."""
    hits = served.json("search", "--json", "-k", "50", f"{WORD} rent offer dentist tent")["hits"]
    assert isinstance(hits, list)
    checked = set()
    for hit in hits:
        name = urlsplit(hit["locator"]).path
        if hit["source"] == "apple-messages" or name.endswith((".txt", ".md")):
            standing = as_it_stands(served, hit["source"], hit["locator"])
            assert words(hit["text"]) in words(standing), hit
            checked.add((hit["source"], Path(name).suffix))
    assert ("documents", ".txt") in checked
    assert ("documents", ".md") in checked
    assert any(source == "apple-messages" for source, _ in checked)


@pytest.mark.parametrize(
    "question",
    ["What is the password of the cabin?", "Where did the dentist move to?", "When is the monthly rent due?"],
)
def test_an_answer_rests_on_quotes_or_says_that_it_found_nothing(served: Owner, question: str) -> None:
    said = served.run("ask", "--json", question, code=None)
    answer = said.json
    citations = answer["citations"]
    assert isinstance(citations, list)
    if not answer["found"]:
        assert said.code == 3
        assert citations == []
        assert str(answer["answer"]).startswith("I could not find that")
        return
    assert said.code == 0
    assert citations
    for number, citation in enumerate(citations, start=1):
        assert citation["n"] == number
        assert f"[{number}]" in str(answer["answer"])
        hits = served.json("search", "--json", "-k", "50", citation["quote"])["hits"]
        assert isinstance(hits, list)
        assert any(citation["quote"] in hit["text"] for hit in hits), citation
    numbers = re.findall(r"\d{2,}", re.sub(r"\[\d+\]", "", str(answer["answer"])))
    quoted = (
        " ".join(f"{citation['quote']} {citation['when']}" for citation in citations) + question
    )  # a head names the day
    assert all(number in quoted for number in numbers), answer


def test_a_number_is_the_sum_of_the_records(served: Owner) -> None:
    """Steps of one day, by hand from the export itself: the watch's samples, and the phone's beside them."""
    with zipfile.ZipFile(served.life / "export.zip") as packed:
        name = next(name for name in packed.namelist() if name.endswith("export.xml"))
        export = packed.read(name).decode()
    day = [
        record for record in re.findall(r"<Record [^>]*StepCount[^>]*>", export) if f'startDate="{life.DAY}' in record
    ]
    by_device: dict[str, int] = {}
    for record in day:
        found = re.search(r'sourceName="([^"]*)".* value="(\d+)"', record)
        assert found
        by_device[found[1]] = by_device.get(found[1], 0) + int(found[2])
    assert len(by_device) == 2
    said = served.json("ask", "--json", f"How many steps on {life.DAY:%-d %B %Y}?")
    values = said["values"]
    assert isinstance(values, list)
    assert max(by_device.values()) <= values[0]["value"] < sum(by_device.values())
    assert values[0]["value"] == life.STEPS_THEN
    assert said["route"] == "metric"


def test_no_model_is_called_when_nothing_was_found(resident: Owner) -> None:
    with resident.daemon():
        for question in ("Which frequency does the lighthouse of Ushant use?", "How many steps on 3 May 2019?"):
            said = resident.json("ask", "--json", question, code=3)
            assert said["found"] is False
            assert said["values"] == [] or all(value["value"] is None for value in said["values"])  # type: ignore[attr-defined]
        loaded = resident.json("status", "--json")["models"]
        assert isinstance(loaded, list)
        assert not any("qwen" in name or "smollm" in name for name in loaded)
