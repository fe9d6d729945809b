"""What the author of a mail wrote, apart from the mail it answers and from the signature under it.

Line by line, so hostile text costs linear time. (mail-parser-reply 1.36 was measured: it takes quadratic time on a
long first line and removes lists whose lines start with a hyphen as signatures.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexers.messages.mail.text.phrases import (
    ADDRESS,
    EVIDENCE,
    FROM_LABELS,
    LABEL,
    OPENER,
    OTHER_LABELS,
    SENT_FROM,
    SEPARATOR,
    WROTE,
)

_ATTRIBUTION_LINES = 4
_ATTRIBUTION_CHARS = 600
_SENT_FROM_CHARS = 120
_RULES = frozenset("-_=*")
_RULE = re.compile(r"^\s*[_\-*]{5,}\s*$")
_QUOTED = re.compile(r"^\s{0,3}>")
_DELIMITER = re.compile(r"^--\s?$")
_WORDS = re.compile(r"\w")
_BLANKS = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`own`: the author's words. `quoted`: what was taken out, in order. Together every line of the body."""

    own: str
    quoted: str


def split(text: str) -> Split:
    """Take quoted mails and signatures out of a plain text body.

    Lines marked ">" are quoted wherever they stand, so answers between them (and below them) stay the author's. Below
    an attribution, separator or header block all is quoted, unless the quotation is marked with ">". A body that would
    lose every word (a forwarded mail) stays whole.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    taken = _quoted_lines(lines)
    _take_signature(lines, taken)
    if True not in taken:
        return Split(own=_joined(lines), quoted="")
    own = _joined(line for line, gone in zip(lines, taken, strict=True) if not gone)
    if not _WORDS.search(own):
        return Split(own=_joined(lines), quoted="")
    return Split(own=own, quoted=_joined(line for line, gone in zip(lines, taken, strict=True) if gone))


def _joined(lines: Iterable[str]) -> str:
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip("\n ")


def _quoted_lines(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it is quoted."""
    taken = [">" in line and _QUOTED.match(line) is not None for line in lines]
    done = 0
    for at in [at for at, line in enumerate(lines) if line and _may_begin(line)]:
        if at < done or taken[at]:
            continue
        if (start := _attribution_start(lines, at)) is not None:
            after = at + 1
        elif after := _separator_end(lines, at):
            start = at
        else:
            continue
        taken[start:after] = [True] * (after - start)
        marked = _next_written(lines, after)
        if marked is None or not taken[marked]:
            # Not marked with ">": nobody can tell where the quotation ends, so it does not.
            taken[after:] = [True] * (len(lines) - after)
            break
        done = after
    return taken


def _may_begin(line: str) -> bool:
    """Whether it can end an attribution or begin a separator or a block of header lines: most lines cannot."""
    return ":" in line or "：" in line or line.lstrip()[:1] in _RULES


def _next_written(lines: Sequence[str], at: int) -> int | None:
    return next((index for index in range(at, len(lines)) if lines[index].strip()), None)


def _attribution_start(lines: Sequence[str], end: int) -> int | None:
    """Where the attribution begins whose last line is `end`, or None when that line ends none.

    Mail programs wrap it over up to four lines, and writers leave no empty line above it: it begins at the last line
    that looks like a beginning, so that words of the author's own stay theirs.
    """
    if not lines[end].rstrip().endswith((":", "：")):
        return None
    joined, beginnings = "", dict[str, int]()
    for start in range(end, max(end - _ATTRIBUTION_LINES, -1), -1):
        line = lines[start].strip()
        if not line or line.startswith(">") or len(joined) + len(line) > _ATTRIBUTION_CHARS:
            break
        joined = f"{line} {joined}".rstrip()
        if not WROTE.search(joined):
            continue
        if EVIDENCE.search(joined):
            beginnings.setdefault("any", start)
            if ADDRESS.search(line):
                beginnings.setdefault("address", start)
            if OPENER.fullmatch(line) and not line.endswith((".", "!", "?")):
                beginnings.setdefault("opener", start)
    for kind in ("opener", "address", "any"):
        if kind in beginnings:
            return beginnings[kind]
    after = _next_written(lines, end + 1)
    marked = after is not None and _QUOTED.match(lines[after]) is not None
    return end if marked and WROTE.search(lines[end].strip()) else None


def _separator_end(lines: Sequence[str], at: int) -> int:
    """The line after "-----Original Message-----" or a block of From/Sent/To/Subject that starts at `at`, else 0."""
    line = lines[at]
    ruled = line.lstrip()[:1] in _RULES
    if SEPARATOR.fullmatch(line):
        return at + 1
    first = at
    if ruled and _RULE.match(line):
        following = _next_written(lines, at + 1)
        if following is None:
            return 0
        first = following
    return _header_block_end(lines, first)


def _header_block_end(lines: Sequence[str], at: int) -> int:
    """The line after three or more header lines of which the first says who sent it, else 0."""
    label = LABEL.fullmatch(lines[at])
    if label is None or label[1].strip().lower() not in FROM_LABELS:
        return 0
    seen, end = 1, at + 1
    while end < len(lines) and (label := LABEL.fullmatch(lines[end])) and label[1].strip().lower() in OTHER_LABELS:
        seen, end = seen + 1, end + 1
    return end if seen >= 3 else 0


def _take_signature(lines: Sequence[str], taken: list[bool]) -> None:
    """Mark the lines under each "-- " up to the next quoted line, and a trailing "Sent from my …"."""
    inside = False
    for at, line in enumerate(lines):
        if taken[at]:
            inside = False
        elif inside or (line[:2] == "--" and _DELIMITER.match(line)):
            inside = taken[at] = True
    last_own = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].strip() and not taken[at]), None)
    if last_own is not None and len(lines[last_own]) <= _SENT_FROM_CHARS and SENT_FROM.match(lines[last_own]):
        taken[last_own] = True
