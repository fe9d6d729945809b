"""What is said to a red flag, in plain words: get help now. Never a diagnosis, and never an all-clear."""

from __future__ import annotations

from collections.abc import Mapping

from agent.triage.matcher import RedFlag, triage
from agent.triage.table import table

_NO_DOCTOR = "I am a program that looks for words. I cannot examine anybody and I may be wrong."


def advice(flag: RedFlag, *, region: str = "") -> str:
    """The text that stands before everything else; for a flag that is not urgent, one line to put beside an answer.

    `region` is an ISO 3166 code ("DE") that picks the numbers to call.
    """
    emergency = _number(table().emergency, region)
    if not flag.urgent:
        return f"If there is {flag.name} now or it begins: call your local emergency number ({emergency}) at once."
    if flag.id == "suicide":
        return (
            f"Get help now. {flag.say}\n"
            f"If you are in danger, call your local emergency number now ({emergency}). To talk to somebody at any hour:"
            f" {_number(table().crisis, region)}.\n{_NO_DOCTOR}"
        )
    return (
        f"Get help now. This can be an emergency ({flag.name}): call your local emergency number now ({emergency}).\n"
        f"{flag.say}\n{_NO_DOCTOR}"
    )


def report(text: str, *, region: str = "") -> str:
    """The answer of `homebody triage`: the advice, or that nothing was recognised, which is no all-clear."""
    flag = triage(text)
    if flag and flag.urgent:
        return advice(flag, region=region)
    emergency = _number(table().emergency, region)
    notice = f"{advice(flag, region=region)}\n" if flag else ""
    return (
        f"{notice}I recognised no words of an emergency in that. This is not an all-clear: the list is short, a clinician"
        f" has yet to review it, and I cannot examine anybody.\nIf you are worried, if it is getting worse or if you are"
        f" not sure, ask a doctor now, or call your local emergency number ({emergency})."
    )


def _number(numbers: Mapping[str, str], region: str) -> str:

    return numbers.get(region.upper(), numbers["default"])
