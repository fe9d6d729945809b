"""Word scores and vector scores become one order: smoothed over neighbours, scaled, summed, boosted. Pure numpy.

Candidates are all rows of their threads in (thread, time) order, so that rows beside each other are neighbours in a
conversation or a document. Every array has shape (n,), one entry a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How the parts of a score count; the defaults were measured on long two-person conversations.

    `lexical` and `dense` weigh the two scaled scores. `mention` is the share that the plain word of a person's name
    counts: inside a chat it is mostly a salutation by somebody else. `kernel` gives the share that neighbours at
    distance 1, 2, … add to a word score; neighbours more than `gap` seconds apart are none. `floor` is the cosine
    that counts nothing. `sender` is the factor for what a named person said, `dated` the part of the best score that
    is added inside a named time.
    """

    lexical: float = 0.5
    dense: float = 0.5
    mention: float = 0.25
    kernel: tuple[float, ...] = (0.5, 0.2)
    gap: float = 6 * 3600.0
    floor: float = -0.1
    sender: float = 1.3
    dated: float = 0.3


MEASURED = Weights()


def fuse(
    *,
    thread: IntArray,
    moment: FloatArray,
    lexical: FloatArray,
    dense: FloatArray,
    named: BoolArray,
    dated: BoolArray,
    mentions: FloatArray | None = None,
    weights: Weights = MEASURED,
) -> FloatArray:
    """The score of each candidate, at least 0; higher is better.

    `lexical` is -bm25 of the question's words, `mentions` that of the names in it; 0 where no word matches. `dense` is
    the cosine with the question, NaN where the vector index did not return the candidate. `moment` is Unix seconds,
    NaN where unknown. `named` is true of what a person named in the question said, `dated` of what lies in a named
    time.
    """
    words = lexical if mentions is None else lexical + weights.mention * mentions
    smoothed = smooth(words, linked=_linked(thread, moment, weights.gap), kernel=weights.kernel)
    scores = weights.lexical * min_max(smoothed) + weights.dense * above(dense, weights.floor)
    if not named.all():  # true of all, it tells nothing
        scores = np.where(named, scores * weights.sender, scores)
    if dated.any():
        scores = scores + np.where(dated, weights.dated * scores.max(), 0.0)
    return scores


def smooth(scores: FloatArray, *, linked: BoolArray, kernel: tuple[float, ...]) -> FloatArray:
    """Add to each score its neighbours' scores times the kernel: an answer often sits beside the words of its question.

    `linked` has shape (n - 1,): whether rows i and i + 1 are neighbours. A chain of links reaches rows further apart.
    """
    out = scores.astype(np.float64)
    reach = linked
    for distance, share in enumerate(kernel, start=1):
        if distance >= len(scores):
            break
        if distance > 1:
            reach = reach[:-1] & linked[distance - 1 :]
        out[distance:] += share * np.where(reach, scores[:-distance], 0.0)
        out[:-distance] += share * np.where(reach, scores[distance:], 0.0)
    return out


def min_max(scores: FloatArray) -> FloatArray:
    """Scale scores to 0..1; all 0 where they do not differ."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    if not high > low:
        return np.zeros(len(scores))
    scaled: FloatArray = (scores - low) / (high - low)
    return scaled


def above(cosines: FloatArray, floor: float) -> FloatArray:
    """Scale cosines to 0..1 from `floor` (or the least known one, if lower) to the greatest; all 0 where none is above.

    An unknown cosine (NaN) counts as the least known one: it was cut off a list of the best, so it is no better. With
    the floor fixed, the list may be short: min-max over the list alone would stretch its last entry down to 0.
    """
    known = cosines[~np.isnan(cosines)]
    if not len(known):
        return np.zeros(len(cosines))
    least, high = known.min(), known.max()
    low = min(floor, least)
    if not high > low:
        return np.zeros(len(cosines))
    scaled: FloatArray = (np.where(np.isnan(cosines), least, cosines) - low) / (high - low)
    return scaled


def best(scores: FloatArray, limit: int) -> IntArray:
    """The indices of the `limit` best candidates, best first; equal scores stay in (thread, time) order."""
    if limit <= 0:
        return np.empty(0, np.int64)
    if limit < len(scores):
        threshold = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        kept = np.flatnonzero(scores >= threshold)
    else:
        kept = np.arange(len(scores))
    return kept[np.argsort(-scores[kept], kind="stable")][:limit]


def _linked(thread: IntArray, moment: FloatArray, gap: float) -> BoolArray:
    linked: BoolArray = (thread[1:] == thread[:-1]) & ~(np.abs(np.diff(moment)) > gap)  # an unknown time cuts nothing
    return linked
