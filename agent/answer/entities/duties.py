"""What somebody is to do: who, what and by when, as far as a text says it, found by how people write it down. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from agent.answer.claims import sentence_spans
from agent.answer.entities.due import DUE, WHEN, due
from agent.vocabulary import Passage

Span = tuple[int, int]

_N = r"[^\W\d_a-zß-ÿ][\w'’-]+"
_TITLED = re.compile(r"(?:Mrs?|Ms|Dr|Prof|Frau|Herr)\b")
_NAME = rf"(?:(?:Mrs?|Ms|Dr|Prof|Frau|Herr)\.?\ )?{_N}(?:\ {_N}){{0,2}}"
_HEADINGS = (
    r"(?:open\s+)?(?:action(?:\s+(?:items?|points?))?|actions|next\s+steps?|to-?\s?dos?|tasks|follow-?ups?|aufgaben|"
    r"offene\s+punkte|nächste\s+schritte|maßnahmen)"
)
_HEADING = re.compile(rf"^[#*_\s]*{_HEADINGS}[\s*_]*:?[\s*_]*$", re.IGNORECASE)
_OTHER_HEADING = re.compile(r"^(?:#+\s|[^\W\d_][^.!?]{0,60}:\s*$)")
_BULLET = re.compile(r"^\s*(?:[-*•–+]|\d{1,2}[.)]|\[ \])\s+(?=\S)")
_OPEN = re.compile(r"^\s*(?:[-*•–+]\s+)?\[ ?\]\s+(?=\S)")
_DONE = re.compile(r"^\s*(?:[-*•–+]\s+)?\[[xX✓]\]|^\s*[✓✔☑]")
_MARKED = re.compile(
    r"^\s*(?:[-*•–+]\s+)?(?:(?i:action(?:\s+item)?|to-?\s?do|task|aufgabe)\s*(?::|-\s|–\s|\s(?=@))|AI:|TODO\b)\s*(?=\S)"
)
_SPEAKER = re.compile(rf"^\s*(?:\[?\d{{1,2}}:\d{{2}}(?::\d{{2}})?\]?\s+)?(?P<who>{_NAME}):\s+(?=\S)")
_AT = re.compile(r"^@(?P<who>[\w.-]+)\b[:,]?\s+")
_OWNER_BEHIND = re.compile(
    rf"\s*[(\[](?P<who>{_NAME})(?:[,;:]\s*(?P<rest>[^)\]]*))?[)\]]\s*\.?$|\s+[-–—]\s*(?P<who2>{_NAME})\s*\.?$"
)
_ADVERBS = (
    r"(?:\ (?:also|then|now|just|please|gladly|still|first|definitely|certainly|quickly|try\ to|be\ happy\ to))*+"
)
_NO_DUTY = (
    r"(?!(?:be|have|not|never|always|probably|see|miss|love|like|need|know|hear|say|keep|enjoy|imagine|appreciate|cheer|get\ better|"
    r"do\ (?:my|our|his|her)\ best|make\ a\ difference|the|an?|my|your|you|me|us|him|them)\b)"
)
"""What is said with "will" and obliges to nothing in particular."""
_BEGINS = r"(?:^|[,;:.!–-]\s+|\b(?i:and|but|then|ok|okay|yes|sure|so)\s+(?!that\b))"
_I_WILL = re.compile(
    rf"{_BEGINS}(?P<who>I|We)(?:['’]ll|\ will|\ shall|['’]m\ going\ to|\ am\ going\ to|['’]re\ going\ to|\ are\ going\ to|"
    rf"\ have\ to|\ need\ to|\ must|\ promise\ to|(?P<may>\ can)){_ADVERBS}\ (?P<what>{_NO_DUTY}[a-z].*)$",
    re.VERBOSE | re.DOTALL,
)
_SOMEBODY_WILL = re.compile(
    rf"^(?:and\ |so\ |then\ |ok,?\ )?(?P<who>{_NAME}(?:\ and\ {_NAME})?)"
    r"(?:['’]ll|\ will|\ shall|\ (?:is|are)\ going\ to|\ ha(?:s|ve)\ to|\ needs\ to|\ must|\ should|(?P<may>\ to)|\ is\ to|"
    r"\ (?:agreed|promised|offered|volunteered)\ to)"
    rf"{_ADVERBS}\ (?P<what>{_NO_DUTY}[a-z].*)$",
    re.VERBOSE | re.DOTALL,
)
_ASKED = re.compile(
    rf"(?:^|[,;:.!–-]\s+|\band\s+|\bso\s+)(?:(?P<who>{_NAME}),?\ +)?(?i:(?:can|could|would|will)\ you(?:\ (?:please|also|maybe|perhaps|"
    r"possibly))*|please(?:\ (?:also|do))*|(?:kannst|könntest)\ du(?:\ bitte)?|(?:können|könnten)\ Sie(?:\ bitte)?|bitte)"
    r"\ +(?P<what>(?!(?:imagine|believe|ever|recommend|see|hear|understand|say|like|mind|stop|help\ but)\b)[^\W\d_].*)$",
    re.VERBOSE | re.DOTALL,
)  # fmt: skip
_ONLY_TOLD = re.compile(r"(?:tell|show|explain|describe|share)\b")
_I_DO = re.compile(
    r"^(?P<who>I)\ (?P<what>(?!(?:am|was|have|had|think|need|will|can|know|hope|guess)\b|[a-z]+ed\b)[a-z]+\ .*)$",
    re.DOTALL,
)
_MUST_BE = re.compile(r"\b(?:(?:ha(?:s|ve)|needs?|is|are)\ to\ be|must\ be)\ [a-z]+(?:ed|en|t|ne|de)\b")
_NOBODY = frozenset(
    "i i'll i've i'd we we'll we've the this that these those it there he she they you what when where who why how which if "
    "as our my your his her their and but so then also maybe perhaps everybody everyone nobody please hi hello dear thanks "
    "thank yes no ok okay well action todo next der die das wir ich bitte today tomorrow".split()
)
"""Words that begin a sentence with a capital and are nobody's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something that is to be done: `quote`, `what`, and where the text says them `who` and `due`, are characters of it.

    `by` is who is meant where the text says only "I" or "you": the writer of a message, or the one it went to.
    """

    passage: Passage
    quote: Span
    what: Span
    who: Span | None = None
    due: Span | None = None
    by: str = ""

    def said(self, span: Span | None) -> str:
        """The words of one of its parts, on one line; "" where there is none."""
        return " ".join(self.passage.text[span[0] : span[1]].split()) if span else ""

    @property
    def person(self) -> str:
        return self.by or self.said(self.who)


def given_names(people: Iterable[str]) -> frozenset[str]:
    """The given names of some people; none of the owner, nor of those who are known by an address alone."""
    return frozenset(name.split()[0] for name in people if name and name != "me" and "@" not in name)


def duties(passage: Passage, *, given: Collection[str] = ()) -> Iterator[Duty]:
    """The duties that a passage writes down; `given` are given names of people whom its writer may mean.

    Under a heading such as "Next steps" every line is one; elsewhere what is marked ("TODO", an open box), promised
    ("I will …"), given to somebody ("Tom to …") or asked for ("can you …").
    """
    text = passage.text
    under = passage.kind == "section" and bool(_HEADING.match(passage.context.rpartition(" > ")[2]))
    listed, speaker, at = False, None, 0
    for start, end in sentence_spans(text):
        line = text[start:end]
        if passage.kind == "section" and (at == 0 or "\n" in text[at:start]):
            speaker = _speaker(text, start, end)  # who speaks on, until the line ends
        at = end
        bullet = _BULLET.match(line)
        if _HEADING.match(line):
            under, listed = True, False
            continue
        if under and not bullet and (listed or _OTHER_HEADING.match(line)):
            under = False
        listed = listed or bool(bullet)
        if _DONE.match(line):
            continue
        if marked := (_OPEN.match(line) or _MARKED.match(line) or (bullet if under else None)):
            yield _noted(passage, start, start + marked.end(), end, given)
        else:
            yield from _spoken(passage, start, end, given, speaker)


def _noted(passage: Passage, start: int, low: int, end: int, given: Collection[str]) -> Duty:
    """A duty out of a line of a list: "Tom: renew the certificate before 15 July", "Order badges (Robin, by Friday)"."""
    text = passage.text
    who: Span | None = None
    high = end
    if found := _AT.match(text[low:high]) or _SPEAKER.match(text[low:high]):
        who, low = _moved(found.span("who"), low), low + found.end()
    elif (found := _OWNER_BEHIND.search(text[low:high])) and _is_somebody(found["who"] or found["who2"], given):
        who, high = _moved(found.span("who") if found["who"] else found.span("who2"), low), low + found.start()
    elif (found := _SOMEBODY_WILL.match(text[low:high])) and found["who"].casefold() not in _NOBODY:
        who, low = _moved(found.span("who"), low), low + found.start("what")
    elif (word := text[low:high].split()[0].rstrip(",:")) in given:
        who = (low, low + len(word))
    return Duty(
        passage=passage, quote=(start, end), what=_trimmed(text, low, high), who=who, due=due(text, start, end),
        by=_named(passage, who),
    )  # fmt: skip


def _spoken(passage: Passage, start: int, end: int, given: Collection[str], speaker: Span | None) -> Iterator[Duty]:
    """A duty out of a sentence that promises, gives or asks for one."""
    text = passage.text
    low = start + (found.end() if (found := _SPEAKER.match(text[start:end])) and speaker else 0)
    by = passage.sender if passage.kind == "message" else ""
    said = text[low:end]
    when, firm = due(text, low, end), DUE.search(text, low, end) is not None
    who: Span | None = None
    if (found := _SOMEBODY_WILL.match(said)) and _is_meant(found, passage, given, firm=firm):
        who, by = _moved(found.span("who"), low), ""
    elif found := _I_WILL.search(said) or (_I_DO.match(said) if speaker and firm else None):
        vague = found["who"] == "We" or (found.re is _I_WILL and found["may"] and not speaker)
        if said.rstrip().endswith("?") or (vague and not firm):
            return
        who = speaker if speaker else _moved(found.span("who"), low)
        by = _person(by) if not speaker and found["who"] == "I" else ""
    elif (found := _ASKED.search(said)) and (firm or not _ONLY_TOLD.match(found["what"])):
        who = _moved(found.span("who"), low) if found["who"] and _is_somebody(found["who"], given) else None
        by = "" if who else _other(passage)
    elif when and _MUST_BE.search(said):  # it says by when and not by whom
        yield Duty(passage=passage, quote=(start, end), what=_trimmed(text, low, end), due=when)
        return
    else:
        return
    yield Duty(
        passage=passage, quote=(start, end), what=_trimmed(text, *_moved(found.span("what"), low)), who=who, due=when,
        by=by,
    )  # fmt: skip


def _speaker(text: str, start: int, end: int) -> Span | None:
    found = _SPEAKER.match(text[start:end])
    return _moved(found.span("who"), start) if found else None


def _is_meant(found: re.Match[str], passage: Passage, given: Collection[str], *, firm: bool) -> bool:
    """Whether a sentence that begins so is about somebody: in a chat "Talk to you" is not, nor "Hiking to the top"."""
    who = found["who"]
    if who.split()[0] in given or _TITLED.match(who):
        return True
    if not found["may"] and (passage.kind != "message" or firm):
        return _is_somebody(who, given)
    return passage.kind != "message" and _is_somebody(who, given) and not re.search(r"(?:ing|ed)\b", who)


def _is_somebody(name: str, given: Collection[str]) -> bool:
    first = name.split()[0]
    return first in given or not (first.casefold() in _NOBODY or first.isupper() or WHEN.fullmatch(name))


def _person(sender: str) -> str:
    return "you" if sender == "me" else sender


def _named(passage: Passage, who: Span | None) -> str:
    """Whom a line of a list means by "me": nobody where it does not say so."""
    if who and passage.text[who[0] : who[1]].casefold() in ("me", "ich") and passage.kind == "message":
        return _person(passage.sender)
    return ""


def _other(passage: Passage) -> str:
    """To whom a message of two people says "you": the other one; "" where there are more, or it is no message."""
    others = [person for person in passage.people if person != passage.sender]
    return _person(others[0]) if passage.kind == "message" and len(others) == 1 else ""


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by


def _trimmed(text: str, start: int, end: int) -> Span:
    """Without white space and stops at the ends."""
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    return start, start + len(words.strip().rstrip(".,;:!? "))
