from collections.abc import Set

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agent.retrieval.fusion import MEASURED, FloatArray, Weights, above, best, fuse, min_max, smooth

unhurried = settings(deadline=None)  # the machine may be busy
HOUR = 3600.0
finite = st.floats(0, 100, allow_nan=False, width=32)
columns = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.int64, n, elements=st.integers(0, 3)).map(np.sort),
        arrays.arrays(np.float64, n, elements=finite),
    )
)


def fused(
    lexical: list[float],
    dense: list[float] | None = None,
    *,
    thread: list[int] | None = None,
    hours: list[float] | None = None,
    named: Set[int] = frozenset(),
    dated: Set[int] = frozenset(),
    mentions: list[float] | None = None,
    weights: Weights = MEASURED,
) -> list[float]:
    n = len(lexical)
    scores = fuse(
        thread=np.array(thread or [0] * n, np.int64),
        moment=np.array(hours or [0.0] * n) * HOUR,
        lexical=np.array(lexical, np.float64),
        dense=np.array(dense or [np.nan] * n, np.float64),
        named=np.isin(np.arange(n), list(named)),
        dated=np.isin(np.arange(n), list(dated)),
        mentions=None if mentions is None else np.array(mentions, np.float64),
        weights=weights,
    )
    return [round(float(score), 6) for score in scores]


def test_a_match_lends_its_score_to_two_neighbours_on_each_side() -> None:
    assert fused([0, 0, 0, 1, 0, 0, 0]) == [0, 0.1, 0.25, 0.5, 0.25, 0.1, 0]


def test_neighbours_in_another_thread_get_nothing() -> None:
    assert fused([0, 0, 1, 0, 0], thread=[1, 1, 2, 2, 2]) == [0, 0, 0.5, 0.25, 0.1]


def test_neighbours_after_a_long_pause_get_nothing_and_neither_do_those_behind_it() -> None:
    assert fused([0, 0, 1, 0, 0], hours=[0, 1, 2, 9, 9.1]) == [0.1, 0.25, 0.5, 0, 0]
    assert fused([1, 0, 0, 0], hours=[0, 6, 12, 18]) == [0.5, 0.25, 0.1, 0]  # six hours each: not more than the gap


def test_an_unknown_time_cuts_no_thread() -> None:
    assert fused([1, 0, 0, 0], hours=[float("nan")] * 4) == [0.5, 0.25, 0.1, 0]


@unhurried
@given(columns)
def test_smoothing_equals_its_definition(drawn: tuple[np.ndarray, FloatArray]) -> None:
    thread, scores = drawn
    expected = [
        score + sum(share * scores[j] for d, share in ((1, 0.5), (2, 0.2)) for j in (i - d, i + d)
                    if 0 <= j < len(scores) and thread[j] == thread[i])
        for i, score in enumerate(scores)
    ]  # fmt: skip
    assert smooth(scores, linked=thread[1:] == thread[:-1], kernel=(0.5, 0.2)) == pytest.approx(expected)


@unhurried
@given(arrays.arrays(np.float64, st.integers(0, 40), elements=finite))
def test_min_max_keeps_the_order_and_fills_zero_to_one(scores: FloatArray) -> None:
    scaled = min_max(scores)
    assert scaled.shape == scores.shape
    if len(set(scores)) > 1:
        assert scaled.min() == 0 and scaled.max() == 1
        assert (np.diff(scaled[np.argsort(scores, kind="stable")]) >= 0).all()
    else:
        assert not scaled.any()


@unhurried
@given(arrays.arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1)), st.integers(1, 39))
def test_cutting_the_tail_of_the_vector_list_changes_no_score_of_what_remains(cosines: FloatArray, cut: int) -> None:
    order = np.argsort(-cosines, kind="stable")
    kept, lost = order[:cut], order[cut:]
    shortened = cosines.copy()
    shortened[lost] = np.nan
    whole, part = above(cosines, -0.1), above(shortened, -0.1)
    assert part[kept] == pytest.approx(whole[kept])
    assert (part[lost] == part[kept].min()).all()  # cut off: as good as the last one at most
    assert part.min() >= 0 and part.max() <= 1 + 1e-12


def test_vectors_below_the_floor_stretch_the_scale() -> None:
    assert above(np.array([-0.5, 0.5]), -0.1) == pytest.approx([0, 1])
    assert above(np.array([0.15, 0.4]), -0.1) == pytest.approx([0.5, 1])
    assert not above(np.array([-0.3, -0.3]), -0.1).any()
    assert not above(np.full(3, np.nan), -0.1).any()


def test_words_and_vectors_count_the_same() -> None:
    alone = [1, 2, 3]
    assert fused([1, 0, 0], [-0.1, -0.1, 0.9], thread=alone) == [0.5, 0, 0.5]


def test_what_a_named_person_said_gains_unless_they_said_all() -> None:
    alone = [1, 2, 3]
    assert fused([2, 2, 0], thread=alone, named={1}) == [0.5, 0.65, 0]
    assert fused([2, 2, 0], thread=alone, named={0, 1, 2}) == [0.5, 0.5, 0]


def test_a_named_time_is_a_push_and_no_filter() -> None:
    alone = [1, 2, 3]
    assert fused([2, 1, 0], thread=alone, dated={1, 2}) == [0.5, 0.4, 0.15]


def test_the_bare_name_counts_a_quarter() -> None:
    assert fused([4, 0, 0], mentions=[0, 4, 0], thread=[1, 2, 3]) == [0.5, 0.125, 0]


@unhurried
@given(columns, st.floats(0.01, 50))
def test_the_unit_of_word_scores_does_not_matter(drawn: tuple[np.ndarray, FloatArray], unit: float) -> None:
    thread, lexical = drawn
    n = len(lexical)
    no = np.zeros(n, np.bool_)

    def scores(words: FloatArray) -> FloatArray:
        dense = np.linspace(0, 1, n)
        return fuse(thread=thread, moment=np.zeros(n), lexical=words, dense=dense, named=no, dated=no)

    assert scores(lexical * unit) == pytest.approx(scores(lexical), abs=1e-6)


@unhurried
@given(arrays.arrays(np.float64, st.integers(0, 60), elements=st.integers(0, 5)), st.integers(0, 70))
def test_the_best_come_first_and_equals_stay_in_order(scores: FloatArray, limit: int) -> None:
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:limit]
    assert best(scores, limit).tolist() == expected


def test_no_candidates_no_scores() -> None:
    assert fused([]) == []


def test_six_hundred_thousand_candidates_rank_as_a_few_do() -> None:
    copies = 200_000
    few = fused([3, 1, 0], [0.2, 0.8, 0.1], named={0}, dated={2})
    n = 3 * copies
    many = fuse(
        thread=np.repeat(np.arange(copies), 3),
        moment=np.zeros(n),
        lexical=np.tile([3.0, 1.0, 0.0], copies),
        dense=np.tile([0.2, 0.8, 0.1], copies),
        named=np.tile([True, False, False], copies),
        dated=np.tile([False, False, True], copies),
    )
    assert np.allclose(many.reshape(copies, 3), few, atol=1e-6)
    assert best(many, 5).tolist() == [0, 3, 6, 9, 12]
