"""Who answers a question: nobody, a quotation, the small model or the larger one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_HARD = re.compile(
    r"\b(summar\w+|compare|explain|why|how come|draft|write|reply|rewrite|translate|list all|action items?|pros and cons|"
    r"difference between|what happened|overview|timeline)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a question is to be answered from passages. `tier`: which model, where more than one is installed.

    `passages` and `answer_tokens` bound the prompt and the answer.
    """

    tier: Literal["small", "large"]
    passages: int
    answer_tokens: int


SIMPLE = Route(tier="small", passages=6, answer_tokens=96)
HARD = Route(tier="large", passages=10, answer_tokens=256)


def route(question: str) -> Route:
    """A question for one fact goes to the small model; one that needs several passages put together to the larger."""
    several = question.count("?") > 1 or len(question.split()) > 40
    return HARD if several or _HARD.search(question) else SIMPLE
