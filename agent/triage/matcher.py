"""Is this an emergency that is happening? A fixed list decides, and the words around it may only take back the past.

Better one alarm too many: what is told, looked up or long over is left alone, what is denied or asked about in general
gets a short notice, everything else is urgent. Words of suicide are urgent in any context.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from agent.triage.table import Entry, table

_LONGEST = 2000
_CLAUSE = re.compile(r"[.!?;\n]+|,? but |,? however ")
# Looked up or told: the question is about what somebody wrote or said, or about a record.
_TOLD = re.compile(
    r"\b(?:(?:did|does|do|had|has) (?:\w+ ){1,4}(?:say|said|write|wrote|written|mention|mentioned|text|tell|told|send|sent)"
    r"|said|wrote|written|mentions?|mentioned|according to|find|search|look up|show me|list|summari[sz]e|which (?:mail|email"
    r"|letter|document|message|note)|(?:the|that|an?|my) (?:e-?mail|letter|document|article|message|note|report|book|film|movie"
    r"|chat|pdf|file|podcast|song|episode|insurance|bill|brochure|leaflet)s?|appointment|when did|how (?:often|many)|who had"
    r"|notes? (?:about|on)|diagnosed)\b"
)
# Long over.
_PAST = re.compile(
    r"\b(?:(?:in|from|of|since|during|back in) (?:19|20)\d\d|(?:19|20)\d\d|last (?:week|month|year|spring|summer|autumn|fall|winter)"
    r"|(?:\d+|a|an|one|two|three|four|five|ten|some|many|a few|several|couple of) (?:weeks?|months?|years?) (?:ago|before|earlier)"
    r"|years ago|as a (?:child|kid|teenager)|when i was|used to|history of|in (?:january|february|march|april|may|june|july"
    r"|august|september|october|november|december)|back then|childhood)\b"
)
_PRESENT = re.compile(
    r"\b(?:now|right now|again|still|today|tonight|this (?:morning|afternoon|evening|minute)|at the moment|currently|just|since"
    r" (?:this|an hour|yesterday|last night)|i'?m having|is having|(?<!did )i have|i feel|i've got|getting worse|suddenly|help)\b"
)
_GENERAL = re.compile(
    r"\b(?:what (?:is|are|does|do|causes?|happens)|what's|why do(?:es)?|(?:signs?|symptoms?|causes?|meaning|definition|risk) of"
    r"|how (?:do|does|can|to) (?:i |you |people |one )?(?:recogni[sz]e|tell|prevent|avoid|treat|spot)|difference between"
    r"|can (?:\w+ ){1,3}cause|does (?:\w+ ){1,3}cause|how common)\b"
)
_SELF_NOW = re.compile(
    r"\b(?:(?<!did )i have|i've got|i'm having|i am having|i feel|i'm feeling|i can'?t|i cannot|am i having|help)\b"
)
_DENIED = re.compile(
    r"\b(?:no|not|never|without|don'?t|do not|doesn'?t|does not|didn'?t|did not|haven'?t|hasn'?t|isn'?t|aren'?t|denies|free of|ruled out)"
    r"(?: (?:have|having|had|has|got|any|feel|feeling|a|an|is|it|in|my|some|sign of|signs of|really|actually|the)){0,4} ?$"
)
_SUGAR = re.compile(
    r"\b(?:blood sugar|glucose|sugar(?: level)?)\D{0,24}?(?P<value>\d{1,3}(?:[.,]\d)?)\s*(?P<unit>mg/?dl|mmol/?l|mmol)?"
)
_SHAKY = re.compile(
    r"\b(?:shak\w+|sweat\w*|confus\w*|dizzy|faint\w*|drows\w*|weak|blurr\w*|trembl\w*|can'?t think|pass(?:ing)? out)\b"
)

# Long words that are mended when one letter is off; short ones have too many honest neighbours.
_WORDS = (
    "breathe", "breathing", "suicide", "suicidal", "overdose", "overdosed", "unconscious", "bleeding", "seizure", "stroke",
    "pressure", "tightness", "fainted", "fainting", "collapsed", "chest", "attack", "allergic", "anaphylaxis", "swelling",
    "swollen", "choking", "slurred", "drooping", "pregnant", "throat", "tongue", "poisoned", "crushing", "myself",
)  # fmt: skip
_HONEST = frozenset(
    "chess chests cheat crest quest chert breather breathed breathes stoke stroked strokes strode attach attacks allergy pregnancy"
    " pressures pressured crashing brushing bleaching blending breeding poisoner swilling spelling dwelling smelling shelling"
    " selling swearing checking chocking cooking joking stocking chokin drooling drooped tongues tong collapses collapse overdoses"
    " fainter painted tainted painting tainting feinted suicides throats threat thread".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedFlag:
    """What was recognised. Urgent flags are answered first and alone; others add a notice to the answer."""

    id: str
    name: str
    say: str
    urgent: bool


def triage(text: str) -> RedFlag | None:
    """The gravest red flag in what an owner wrote, or None. None says nothing about anybody's health."""
    plain = _plain(text)
    notice: RedFlag | None = None
    for entry in table().entries:
        if entry.always and entry.pattern.search(plain):
            return _flag(entry, urgent=True)
    meant = table().idioms.sub(" ", plain)
    for clause in _CLAUSE.split(meant):
        for entry in table().entries:
            for match in entry.pattern.finditer(clause):
                urgent = _urgent(clause, match, meant)
                if urgent:
                    return _flag(entry, urgent=True)
                if urgent is False and notice is None:
                    notice = _flag(entry, urgent=False)
    if _low_sugar(meant):
        return _flag(next(entry for entry in table().entries if entry.id == "low-sugar"), urgent=True)
    return notice


def _flag(entry: Entry, *, urgent: bool) -> RedFlag:
    return RedFlag(id=entry.id, name=entry.name, say=entry.say, urgent=urgent)


def _urgent(clause: str, match: re.Match[str], whole: str) -> bool | None:
    """True where it happens, False where it is denied or asked about in general, None where it is told or long over."""
    present = _PRESENT.search(clause)
    if _TOLD.search(clause) and not _SELF_NOW.search(clause):
        return None
    if _PAST.search(clause) and not present:
        return None
    if _DENIED.search(clause[: match.start()]):
        return False
    return not _GENERAL.search(clause) or bool(_SELF_NOW.search(whole))


def _low_sugar(text: str) -> bool:
    """Glucose under 54 mg/dL or 3.0 mmol/L together with a symptom."""
    match = _SUGAR.search(text)
    if not match or not _SHAKY.search(text) or _PAST.search(text) or _TOLD.search(text):
        return False
    value = float(match["value"].replace(",", "."))
    molar = (match["unit"] or "").startswith("mmol") or (not match["unit"] and value < 20)
    return value < (3.0 if molar else 54)


def _plain(text: str) -> str:
    """Lower case, plain apostrophes, single spaces, typing errors in long words mended."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold().replace("’", "'").replace("`", "'")
    folded = re.sub(r"[ \t\u200b]+", " ", folded)
    return re.sub(r"[a-z]{5,}", lambda match: _mended(match[0]), folded)


def _mended(word: str) -> str:
    if word in _WORDS or word in _HONEST:
        return word
    return next((known for known in _WORDS if abs(len(known) - len(word)) <= 1 and _near(word, known)), word)


def _near(a: str, b: str) -> bool:
    """Whether one letter is missing, added, wrong, or two neighbours stand the wrong way round."""
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    return a[start + 1 :] == b[start + 1 :] or (
        a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    )
