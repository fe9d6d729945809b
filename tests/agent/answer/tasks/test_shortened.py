"""A sentence of a summary is one of the text, only shorter."""

from __future__ import annotations

import pytest

from agent.answer.tasks.shortened import shortened

REPORT = (
    "Revenue of Halden Instruments for the third quarter was 4.2 million euros, up 8 percent.",
    "The operating margin fell to 11.5 percent because of the move to the new plant in Jena.",
    "The board approved a dividend of 0.35 euros per share and postponed the purchase of Optik Weiss.",
    "I will book on 3 July unless you object.",
    "Shall we take the later flight?",
    "I will ask for holidays on Monday and let you know.",
)


@pytest.mark.parametrize(
    ("said", "of"),
    [
        ("Revenue of Halden Instruments was 4.2 million euros.", [0]),
        ("The report says that the operating margin fell to 11.5%.", [1]),
        ("The operating margin fell to 11.5%, and the board approved a dividend of 0.35 euros per share.", [1, 2]),
        ("The company postponed the purchase of Optik Weiss.", [2]),
        ("Shall we take the later flight?", [4]),
        ("Anna will ask for holidays on Monday.", [5]),
    ],
)
def test_what_only_leaves_out_stands(said: str, of: list[int]) -> None:
    assert shortened(said, REPORT, also=["anna", "berger"]) == of


@pytest.mark.parametrize(
    "said",
    [
        "Revenue of Halden Instruments was 4.2 million euros, with a margin of 8%.",  # joins what was not together
        "The operating margin fell to 8 percent.",  # another number
        "The operating margin rose to 11.5 percent.",  # another verb
        "The board approved the purchase of Optik Weiss.",  # leaves out what turns it round
        "The board did not approve a dividend of 0.35 euros per share.",  # a negation
        "Anna will book on 3 July.",  # leaves out the condition
        "Anna will take the later flight.",  # was a question
        "They will ask for holidays on Monday.",  # nobody said "they"
        "Tom will ask for holidays on Monday.",  # was somebody else
        "Anna approved a dividend of 0.35 euros per share.",  # a name stands for "I" alone
        "The summary is as follows.",
        "",
    ],
)
def test_what_adds_or_turns_round_does_not(said: str) -> None:
    assert shortened(said, REPORT, also=["anna", "berger"]) is None
