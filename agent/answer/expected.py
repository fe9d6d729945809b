"""What an answer must look like, where the question says so: a phone number has digits enough; and how else it is asked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.answer.claims import FIRST_PERSON
from agent.vocabulary import Passage

_NUMBER_WORDS = (
    "no|none|zero|one|once|two|twice|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|"
    "fifty|hundred|thousand|million|billion|half|both|a|an|several|few|many"
)
_FORMS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(form, re.IGNORECASE))
    for asked, form in (
        (r"\b(?:(?:tele)?phone|mobile|cell|fax) numbers?\b", r"\d(?:[\s().\-/]*\d){5,}"),
        (r"\be-?mail address\b", r"\S@\S"),
        (r"\biban\b", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,}"),
        (
            r"\b(?:(?:account|policy|order|customer|serial|registration) numbers?|booking (?:number|code|reference)|pin)\b",
            r"\d{2}",
        ),
        (r"\b(?:zip|post(?:al)?)\s*code\b", r"\d"),
        (r"^\s*how (?:many|much)\b", rf"\d|\b(?:{_NUMBER_WORDS})\b"),
    )
)

_SOUGHT: tuple[tuple[str, re.Pattern[str], tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (form, re.compile(asked, re.IGNORECASE), others, re.compile(signs, re.IGNORECASE))
    for form, asked, others, signs in (
        (
            "address",
            r"^\s*(?:where|in (?:which|what) (?:street|road|town|city|place))\s+(?:do(?:es)?|did|is|are)\s+(?P<who>[^?]+?)\s+"
            r"(?:now\s+)?(?:live|living|stay|staying|reside|at home)\b",
            ("What is {who}'s new address?", "Which address did {who} move to?"),
            r"\b(?:address|liv(?:e|es|ing)|mov(?:e|ed|ing)|home|flat|apartment|house|place|adresse|wohn\w*|umgezogen|eingezogen)\b",
        ),
        (
            "phone",
            r"^\s*how\s+(?:can|do|could|may)\s+I\s+(?:reach|call|phone|ring)\s+(?P<who>[^?]+?)(?:\s+by phone)?\s*\?*$",
            ("What is {who}'s phone number?",),
            r"\b(?:phone|number|mobile|cell|call|text|ring|telefon|nummer|handy|ruf)",
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """An answer of a known form (a type of `entities.FORMS`), with other words in which the same is asked.

    `signs` are words of which a passage that tells it holds one: an address may be where people meet.
    """

    form: str
    questions: tuple[str, ...]
    signs: re.Pattern[str]


def sought(question: str) -> Sought | None:
    """What form the answer to a question has that names it in no word: who lives where is told by an address."""
    for form, asked, others, signs in _SOUGHT:
        if found := asked.search(question):
            questions = tuple(other.format(who=found["who"]) for other in others)
            return Sought(form=form, questions=questions, signs=signs)
    return None


def tells_of(name: str, passage: Passage, of: Sought) -> bool:
    """Whether a passage may tell what is sought of somebody: it speaks of it, and is theirs or names them.

    Stricter than what retrieval takes for telling, for an address is one whoever lives there: in "Tom, we moved to …" it
    is not Tom's.
    """
    if not of.signs.search(passage.text):
        return False
    if passage.kind == "message" and passage.sender == name:
        return True
    named = [word.casefold() for word in re.findall(r"\w+", name)]
    said = {word.casefold() for word in re.findall(r"\w+", f"{passage.title} {passage.text}")}
    if passage.kind == "message":
        return named[0] in said and not FIRST_PERSON.search(passage.text)
    return said.issuperset(named)  # a family shares its name


def fits(question: str, answer: str) -> bool:
    """Whether an answer has the form that the question asks for; True where it asks for none in particular."""
    return all(form.search(answer) for asked, form in _FORMS if asked.search(question))
