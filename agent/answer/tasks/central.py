"""The statements of a text that say most of what the others speak of: a summary in the text's own words. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.answer.claims import content, sentence_spans
from agent.answer.tasks.material import Line
from agent.vocabulary import Passage

_FEWEST, _FEWEST_OPEN = 3, 4
"""Words with meaning that a statement has at least: a heading, a greeting, a row of a table has fewer. The second number is
for what ends in no stop: so many words of letters."""
_ALIKE = 0.5
"""From which cosine on two statements say one thing twice."""
_COLUMNS = re.compile(r"[|\t]")
_FIELD = re.compile(r"[\w -]{2,20}: \S")
_BULLET = re.compile(r"[>*\-–•]\s+(?:\[.?\]\s+)?")
_SPEAKER = re.compile(r"^[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)?: ")
_UNSEGMENTED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]{6}")
"""Scripts without spaces, where a sentence may be one word to us."""
_ENDS = ".!?。！？:"
_SHORT = 60
"""Letters that a line such as "author: Ines Okafor" has less than."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Characters start..end of a passage (by its index) that say something by themselves."""

    passage: int
    start: int
    end: int
    text: str


def statements(passages: Sequence[Passage]) -> list[Statement]:
    """The statements of passages in order: no headings, rows of tables, fields of a header or greetings."""
    found = []
    for index, passage in enumerate(passages):
        for start, end in sentence_spans(passage.text):
            if bullet := _BULLET.match(passage.text[start:end]):
                start += bullet.end()
            start = end - len(passage.text[start:end].lstrip())
            text = passage.text[start:end].rstrip()
            title = passage.kind == "section" and index == start == 0 and text[-1:] not in _ENDS  # of plain text
            if _says_something(text) and not (_COLUMNS.search(text) or title or _is_heading(text, passage)):
                found.append(Statement(index, start, start + len(text), text))
    return found


def _says_something(text: str) -> bool:
    said = content(_SPEAKER.sub("", text))
    if _UNSEGMENTED.search(text):
        return True
    if text[-1:] in _ENDS:
        return len(said) >= _FEWEST
    return len([word for word in said if word.isalpha()]) >= _FEWEST_OPEN


def _is_heading(text: str, passage: Passage) -> bool:
    if passage.kind != "section":
        return False
    field = text[-1] not in _ENDS and bool(_FIELD.match(text)) and len(text) < _SHORT
    return field or text.startswith("#") or text in passage.context


def central(found: Sequence[Statement], *, most: int) -> list[Statement]:
    """At most `most` of some statements, the most central ones, in the order of the text; none twice in other words.

    A statement is central by its mean likeness with all others (as LexRank has it, without the random walk); where a
    text begins, and where a passage does, it tells what follows.
    """
    if not found:
        return []
    vectors = _vectors([content(statement.text) for statement in found])
    weight = vectors @ vectors.mean(axis=0)  # the mean of its cosines
    weight = weight / (weight.max() or 1.0)
    weight[np.unique([one.passage for one in found], return_index=True)[1]] += 0.25
    weight[0] += 0.25
    weight += [0.15 * any(letter.isdigit() for letter in one.text) for one in found]
    chosen: list[int] = []
    for index in np.argsort(-weight, kind="stable").tolist():
        if len(chosen) < most and not (vectors[chosen] @ vectors[index] >= _ALIKE).any():
            chosen.append(index)
    return [found[index] for index in sorted(chosen)]


def quotes(passages: Sequence[Passage], found: Sequence[Statement], *, most: int) -> list[Line]:
    """The most central statements of some passages, as lines that quote them."""
    return [
        Line(text=one.text, passage=passages[one.passage], start=one.start, end=one.end)
        for one in central(found, most=most)
    ]


def _vectors(texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Unit-length rows of tf-idf."""
    frequency = Counter(word for text in texts for word in set(text))
    column = {word: number for number, word in enumerate(frequency)}
    rows = np.zeros((len(texts), max(1, len(column))))
    for row, text in enumerate(texts):
        for word, count in Counter(text).items():
            rows[row, column[word]] = count * math.log1p(len(texts) / frequency[word])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float64] = rows / np.where(lengths > 0.0, lengths, 1.0)
    return unit
