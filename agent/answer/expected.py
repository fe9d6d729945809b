"""What an answer must look like, where the question says so: a phone number has digits enough. Pure."""

from __future__ import annotations

import re

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


def fits(question: str, answer: str) -> bool:
    """Whether an answer has the form that the question asks for; True where it asks for none in particular."""
    return all(form.search(answer) for asked, form in _FORMS if asked.search(question))
