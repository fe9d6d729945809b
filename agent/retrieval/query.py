"""A question becomes a Query: words, people, times and places; and a Query becomes text for FTS5 and the embedder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from agent import when
from agent.vocabulary import Kind, Person, Query, Window

STOP_WORDS = frozenset(
    "a an and are as at be been but by can could did do does doing for from had has have having he her hers him his "
    "how i if in into is it its me my of on or our she should so than that the their them then there these they this "
    "to us was we were what when where which who whom whose why will with would you your".split()
)
NOTHING = '""'
"""A MATCH expression that is valid and matches no row."""

_T = TypeVar("_T")
Stretch = tuple[int, int]
"""Where characters start and end in the text of a question."""

_BEFORE, _AFTER = 86_400.0, 7 * 86_400.0
_MARKS = "".join(c for c in map(chr, range(0x300, 0x1E00)) if unicodedata.category(c).startswith("M"))
WORD = re.compile(rf"[\w{_MARKS}]+")  # \w alone would tear words of Thai, Hindi or pointed Hebrew apart
_SOUTH_ASIAN = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan; Burmese; Khmer
_EAST_ASIAN = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
UNSEGMENTED = re.compile(f"[{_SOUTH_ASIAN}{_EAST_ASIAN}]+")
_UNSPACED_NAME = re.compile(f"[{_SOUTH_ASIAN}{_EAST_ASIAN}\uac00-\ud7af]{{2,}}")  # Korean particles cling to a name
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w.-]+")
_PHONE = re.compile(r"\+?\d[\d ().\-/]{4,}\d")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_MONTHS = tuple("january february march april may june july august september october november december".split())
_HONORIFICS = frozenset("mr mrs ms miss mx dr prof sir herr frau madame monsieur".split())
_ALSO_WORDS = frozenset(
    "angel april art august bill bob brook buck buddy candy carol chance chase cliff dawn dean dick drew faith "
    "frank gene ginger grace grant guy harmony heather holly hope iris ivy jack jasmine jay jean jewel joy june lance "
    "lily mark max may melody miles nick olive page pat patience pearl penny piper ray reed rich rob robin rose "
    "ruby rusty sandy scarlet sky star sue summer sunny van violet wade ward warren will".split()
)
_FIRST_IS_VERB = STOP_WORDS | {"may", "mark"}
_OWNER_SAYS = re.compile(
    r"\bI(?:['’](?:ve|d))?(?:\s+(?:ever|last|first|once|just|already|also|actually|have|had))*\s+"
    r"(?:sa(?:y|id)|tell|told|writ(?:e|ten)|wrote|mention(?:ed)?|promised?|ask(?:ed)?|sen[dt]|text(?:ed)?|repl(?:y|ied)"
    r"|answer(?:ed)?|suggest(?:ed)?|recommend(?:ed)?|agreed?|apologi[sz]ed?)\b"
    r"|\bmy\s+(?:(?:last|first|latest|own)\s+)?"
    r"(?:messages?|texts?|e-?mails?|mails?|repl(?:y|ies)|answers?|words|promises?)\s+to\b",
    re.IGNORECASE,
)
_PLACES: tuple[tuple[Kind, str], ...] = (
    ("message", r"(?:my|the|our|all)\s+(?:messages|texts|chats?|e-?mails?|mails?|inbox|conversations?)"),
    ("section", r"(?:(?:my|the|a|any|which|this|that)\s+)?(?:documents?|files?|pdfs?|docs)"),
    ("event", r"(?:my|the|our)\s+(?:calendars?|agenda)"),
    ("contact", r"(?:my|the)\s+(?:contacts?|address\s+book)"),
)
_KINDS = tuple((kind, re.compile(rf"\b(?:in|on|from)\s+{words}\b", re.IGNORECASE)) for kind, words in _PLACES)


def read(text: str, *, now: datetime, people: Sequence[Person] = (), sources: Sequence[str] = ()) -> Query:
    """Read a question as the owner of `people` and `sources` (their own names for them) asks it at `now`.

    `terms` are the content words in lower case, names included, words of relative times ("last week") left out; all
    words where none is left. `people` are those named by full name, else by first name (all who share it), by a
    capitalised or titled family name, or by address, and the owner where the question asks what the owner said.
    `windows` are the exact times named. `kinds` and `sources` are filled only by explicit words ("in my mail").
    Raises ValueError when `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware of its time zone")
    text = unicodedata.normalize("NFC", text)
    periods = when.find(text, today=now.date())
    windows = [Window(start=a, end=b, words=p.words) for p in periods for a, b in [p.window(now.tzinfo)]]
    times = [period.at for period in periods]
    named = [person for person, _ in _names(text, people, times)]
    named += _addressed(text, people)
    if _OWNER_SAYS.search(text):
        named += [person for person in people if person.me]
    kinds = [(kind, found.span()) for kind, form in _KINDS for found in form.finditer(text)]
    chosen = [(source, found.span()) for source in sources for found in _said_source(source).finditer(text)]
    places = [at for _, at in (*kinds, *chosen)]
    return Query(
        text=text,
        terms=_terms(text, times=times, places=places),
        people=_unique(named),
        windows=tuple(windows),
        sources=_unique(source for source, _ in chosen),
        kinds=_unique(kind for kind, _ in kinds),
    )


def reported(window: Window) -> tuple[float, float]:
    """When people speak of what happened in a window, as Unix seconds [start, end): the day before to a week after."""
    return window.start - _BEFORE, window.end + _AFTER


def match(query: Query, tokens_of: Mapping[int, tuple[str, ...]]) -> str:
    """The FTS5 expression for a question's words: quoted, joined with OR; NOTHING where there is no word.

    `tokens_of` gives, by the id of a person, the opaque words that stand for them as a sender in the index. They
    replace the name, which in a chat mostly stands where somebody else greets that person. A name written small may be
    a plain word, so it stays beside the tokens.
    """
    known = [person for person in query.people if tokens_of.get(person.id)]
    names = {word.lower() for word in name_words(query, known) if word != word.lower()}
    words = [part for term in query.terms if term not in names for part in UNSEGMENTED.split(term)]
    return any_of([*words, *(token for person in known for token in tokens_of[person.id])])


def match_names(query: Query) -> str:
    """The FTS5 expression for the plain words of the names in a question, to find where others speak of them."""
    return any_of(word.lower() for word in name_words(query, query.people))


def match_trigram(query: Query) -> str:
    """The FTS5 expression over a trigram index for words of scripts without spaces: each three characters of a run.

    A run of one or two characters stands whole; a trigram index finds those only by LIKE.
    """
    runs = [run for term in query.terms for run in UNSEGMENTED.findall(term)]
    return any_of(run[i : i + 3] for run in runs for i in range(max(1, len(run) - 2)))


def embedded(query: Query) -> str:
    """The question as it is embedded: without names of people, since no embedded passage holds its sender's name."""
    kept, last = "", 0
    for start, end in sorted(_name_stretches(query, query.people)):
        kept += query.text[last : max(start, last)]
        last = max(end, last)
    kept = re.sub(r"(?<!\w)['’]s\b", "", kept + query.text[last:])
    words = {word.lower() for word in WORD.findall(kept)}
    return " ".join(kept.split()) if words - STOP_WORDS else query.text


def _terms(text: str, *, times: Collection[Stretch], places: Collection[Stretch]) -> tuple[str, ...]:
    words = [(word.lower(), at) for word, at in _words(text) if not _overlaps(at, places)]
    kept = [_date_word(word) if _overlaps(at, times) else word for word, at in words if word not in STOP_WORDS]
    return _unique(word for word in kept if word) or _unique(word.lower() for word, _ in _words(text))


def _date_word(word: str) -> str:
    """The word as the index spells dates ("7 May 2023"), or "" for what it does not hold ("last", "week")."""
    if found := _ORDINAL.fullmatch(word):
        return found[1]
    month = next((month for month in _MONTHS if len(word) >= 3 and month.startswith(word[:4])), "")
    return word if word.isdigit() else month


def _words(text: str) -> Iterator[tuple[str, Stretch]]:
    for found in WORD.finditer(text):
        if found[0] in "sS" and text[found.start() - 1 : found.start()] in ("'", "’"):
            continue  # a possessive
        yield found[0], found.span()


def name_words(query: Query, people: Sequence[Person]) -> tuple[str, ...]:
    """The words of a question that name these people."""
    return _unique(word for a, b in _name_stretches(query, people) for word in WORD.findall(query.text[a:b]))


def _name_stretches(query: Query, people: Sequence[Person]) -> set[Stretch]:
    times = [at.span() for window in query.windows for at in re.finditer(re.escape(window.words), query.text)]
    return {at for _, at in _names(query.text, people, times)}


def _names(text: str, people: Sequence[Person], times: Sequence[Stretch]) -> list[tuple[Person, Stretch]]:
    """Who is named where. A full name beats the names inside it, there and for the rest of the question.

    Words inside a time or a mail address name nobody: "in May", "may@example.org".
    """
    others = [*times, *(found.span() for found in _MAIL.finditer(text))]
    words = [(word, at) for word, at in _words(text) if not _overlaps(at, others)]
    folded = [fold(word) for word, _ in words]
    present = frozenset(folded)
    full: list[tuple[Person, Stretch]] = []
    short: list[tuple[Person, Stretch, str]] = []
    for person in people:
        if _UNSPACED_NAME.fullmatch(person.name):
            full += [(person, found.span()) for found in re.finditer(person.name, text)]
        name = _parts(person.name)
        if not name or present.isdisjoint(name):
            continue
        for i, word in enumerate(folded):
            length = next((len(form) for form in _forms(name) if tuple(folded[i : i + len(form)]) == form), 0)
            if length:
                full.append((person, (words[i][1][0], words[i + length - 1][1][1])))
            elif (word == name[0] and _is_given(words, i)) or (word == name[-1] and _is_family(words, folded, i)):
                short.append((person, words[i][1], word))
    longest = [(p, at) for p, at in full if not any(_inside(at, other) for _, other in full if other != at)]
    settled = {part for person, _ in longest for part in _parts(person.name)}
    return longest + [
        (p, at) for p, at, word in short if word not in settled and not _overlaps(at, [a for _, a in longest])
    ]


def _forms(name: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The ways a name of several words is written in full: all of it, first and last, last and first."""
    return (name, (name[0], name[-1]), (name[-1], name[0])) if len(name) > 1 else ()


def _is_given(words: Sequence[tuple[str, Stretch]], i: int) -> bool:
    word = words[i][0]
    small = word.lower()
    if small in _FIRST_IS_VERB:
        return i > 0 and word != small and small != "i"
    return word != small if small in _ALSO_WORDS else True


def _is_family(words: Sequence[tuple[str, Stretch]], folded: Sequence[str], i: int) -> bool:
    return i > 0 and (folded[i - 1] in _HONORIFICS or words[i][0] != words[i][0].lower())


def _parts(name: str) -> tuple[str, ...]:
    """The words of a name, folded, given name first, without titles; none where it is only an address or a number."""
    if "@" in name:
        return ()
    family, comma, given = name.partition(",")
    words = [fold(word) for word in WORD.findall(f"{given} {family}" if comma else name)]
    return tuple(word for word in words if len(word) > 1 and word not in _HONORIFICS and not word.isdigit())


def fold(word: str) -> str:
    """Lower case without accents, for comparing."""
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


def _addressed(text: str, people: Sequence[Person]) -> Iterator[Person]:
    """People whose mail address, or phone number with or without its prefix, stands in the text."""
    mails = {found.strip(".").casefold() for found in _MAIL.findall(text)}
    numbers = tuple(n for n in (_digits(found).lstrip("0") for found in _PHONE.findall(text)) if len(n) >= 6)
    if mails or numbers:
        for person in people:
            if any(h.casefold() in mails if "@" in h else _digits(h).endswith(numbers) for h in person.handles):
                yield person


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _said_source(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:in|on|from)\s+(?:(?:my|the|our)\s+)?{re.escape(name)}(?!\w)", re.IGNORECASE)


def any_of(words: Iterable[str]) -> str:
    """The FTS5 expression for any of some words or phrases, quoted; NOTHING where there is none."""
    return " OR ".join('"{}"'.format(word.replace('"', '""')) for word in _unique(words) if word) or NOTHING


def _unique(things: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(things))


def _overlaps(at: Stretch, others: Iterable[Stretch]) -> bool:
    return any(at[0] < end and start < at[1] for start, end in others)


def _inside(at: Stretch, other: Stretch) -> bool:
    return other[0] <= at[0] and at[1] <= other[1]
