"""What the owner asks to have made, and of what: a summary, a list of what is to be done, a draft. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Task = Literal["summary", "actions", "draft"]
Medium = Literal["mail", "chat", "document", "note"]

_PLEASE = r"^\s*(?:(?:please|now|ok|okay)[,\s]+)*(?:(?:can|could|would|will) you\s+(?:please\s+)?)?(?:please\s+)?"
_ASKED_FOR = (
    r"(?:what(?:['’]s| is| are| were| was)?|which|list|show|find|extract|pull|get|give|tell|collect|are there|any|all|"
    r"were there|make|write down|note|me|us|the|my|our|your|a|an|list|of|out|open|any|new|for)\s+"
)
_ITEMS = (
    r"(?:action[\s-]?(?:items?|points?)|to-?\s?dos?|to-?do (?:items?|lists?)|next steps|follow-?ups|open points|"
    r"aufgaben(?:liste)?|tasks)"
)
_SUMMARY = (
    re.compile(
        rf"{_PLEASE}(?:summari[sz]e|sum up|recap|give (?:me |us )?(?:an? |the )?(?:[a-z]+ ){{0,2}}?(?:summary|recap|overview) of|"
        r"(?:(?:an?|the) )?(?:[a-z]+ )?summary of|tl;?dr(?: of)?:?|what(?:['’]s| is) the gist of|"
        r"zusammenfassung (?:von|der|des|vom)|fasse?)\s+(?P<about>.+)$",
        re.IGNORECASE | re.DOTALL,
    ),
)
_ACTIONS = (
    re.compile(
        rf"{_PLEASE}(?:{_ASKED_FOR}){{0,6}}{_ITEMS}\b\s*(?:are there|were there|there are|do i have|have i|did (?:we|i) "
        r"(?:have|agree on|get))?\s*(?:(?:out of|from|in|of|for|after|at|since|aus|von|vom|der|des)\b(?P<about>.+)|[?.!\s]*)$",
        re.IGNORECASE | re.DOTALL,
    ),
)
_THANK_YOU = re.compile(
    r"\bthank[\s-]?you[\s-](note|letter|mail|e-?mail|message|text) to (.{1,60}?) for\b", re.IGNORECASE
)
_LETTER = r"(?P<what>reply|answer|response|e-?mail|mail|messages?|text|letter|note|antwort|nachricht)"
_DRAFTS = (
    re.compile(
        rf"{_PLEASE}(?:draft|write|compose|formulate|prepare|suggest|help me (?:to )?(?:write|draft)|schreib\w*|entwirf)"
        rf"(?:\s+(?:me|us|up|a|an|the|my|short|brief|quick|friendly|polite|kind|formal|nice|eine?n?|kurze))*\s+{_LETTER}\s+"
        r"(?:back\s+)?(?:to|for|an)\s+(?P<rest>.+)$",
        re.IGNORECASE | re.DOTALL,
    ),
    re.compile(rf"{_PLEASE}(?P<what>reply|respond|write(?: back)?)\s+to\s+(?P<rest>.+)$", re.IGNORECASE | re.DOTALL),
    re.compile(rf"{_PLEASE}(?P<what>answer)\s+(?P<rest>.+['’]s?\s+(?:last |latest )?(?:e-?mail|mail|message|text|letter).*)$",
               re.IGNORECASE | re.DOTALL),
)  # fmt: skip
_SAYS = re.compile(
    r"(?:,\s*|\s+)(?:(?:and )?(?:saying|telling (?:him|her|them)|to (?:say|tell (?:him|her|them))|(?:and )?(?:say|tell (?:him|her|them))|"
    r"that says|which says)(?:\s+that)?|that|dass)\b\s*[:,]?\s*(?P<says>.+)$"
    r"|(?:,\s*|\s+)(?:and |to )?(?P<asks>(?:ask|thank)(?:ing)?\b.+)$",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT = re.compile(
    r"\s+(?:about|regarding|concerning|on|re:?|over|in|from|wegen|über|zu[mr]?)\s+(?P<about>.+)$", re.I | re.S
)
_MAIL_OF = re.compile(r"^(?P<to>.+?)['’]s?\s+(?:last |latest )?(?:e-?mail|mail|message|text|letter)\b", re.IGNORECASE)
_AROUND = re.compile(
    r"^\s*(?:me\b|us\b|:|-)?\s*|\s*(?:\b(?:zusammen|please|briefly|shortly|for me|in short)\b|\bin (?:a few|one|two|three|\d+) "
    r"(?:short )?(?:sentences?|lines|words|points))?\s*[.?!]*\s*$",
    re.IGNORECASE,
)
_FROM_MONTH = re.compile(
    r"\bfrom(?= (?:January|February|March|April|May|June|July|August|September|October|November|December)\b)"
)
_MEDIA: tuple[tuple[Medium, re.Pattern[str]], ...] = (
    ("mail", re.compile(r"\b(?:e-?mails?|mails?|inbox|mail thread)\b", re.IGNORECASE)),
    ("chat", re.compile(r"\b(?:chats?|texts|messages?|conversations?|texted|chat history|unterhaltung)\b", re.IGNORECASE)),
    ("document", re.compile(r"\b(?:documents?|files?|pdfs?|docs|papers?|dokumente?)\b", re.IGNORECASE)),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to make (`task`) of what: `about` are the owner's words for it, `media` the kinds of thing that they name.

    Of a draft: `to` whom, `says` what it is to say ("" where the owner leaves that open), `reply` whether it answers.
    """

    task: Task
    about: str
    media: tuple[Medium, ...] = ()
    to: str = ""
    says: str = ""
    reply: bool = False


def request(text: str) -> Request | None:
    """The request that a text makes; None for any other question."""
    text = _THANK_YOU.sub(r"\1 to \2 thanking them for", " ".join(text.split()))
    for form in _DRAFTS:
        if found := form.match(text):
            return _draft(found["what"].casefold(), found["rest"])
    for task, forms in (("actions", _ACTIONS), ("summary", _SUMMARY)):
        for form in forms:
            if found := form.match(text):
                about = _FROM_MONTH.sub("in", _AROUND.sub("", found["about"] or ""))
                if task == "summary" and not about:
                    return None
                return Request(task=task, about=about, media=_media(about))  # type: ignore[arg-type]  # of the two above
    return None


def _draft(what: str, rest: str) -> Request:
    rest = rest.strip().rstrip(".?!")
    says = ""
    if found := _SAYS.search(rest):
        says, rest = (found["says"] or found["asks"]).strip(), rest[: found.start()].rstrip(" ,:")
    elif ": " in rest:
        rest, _, says = (part.strip() for part in rest.partition(": "))
    about = ""
    if found := _MAIL_OF.match(rest):
        about, rest = rest[found.end() :].strip(), found["to"]
        about = re.sub(r"^(?:about|regarding|on|from|of)\s+", "", about, flags=re.IGNORECASE)
    elif found := _ABOUT.search(rest):
        about, rest = found["about"].strip(), rest[: found.start()]
    reply = what in ("reply", "answer", "response", "respond", "antwort", "write back")
    media: tuple[Medium, ...] = ("mail",) if "mail" in what else ("chat",) if what in ("text", "message") else ()
    return Request(task="draft", about=about, media=media, to=rest.strip(" ,"), says=says, reply=reply)


def _media(about: str) -> tuple[Medium, ...]:
    return tuple(medium for medium, form in _MEDIA if form.search(about))
