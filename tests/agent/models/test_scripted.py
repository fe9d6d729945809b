from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ModelError
from agent.models.protocols import Embedder, Prompt
from agent.models.scripted import HashingEmbedder, Scripted


def test_answers_are_given_in_order_and_prompts_recorded() -> None:
    model = Scripted("first answer", "last")
    prompts = [Prompt(system="s", user=str(n)) for n in range(3)]
    assert ["".join(model.generate(prompt, max_tokens=9)) for prompt in prompts] == ["first answer", "last", "last"]
    assert model.prompts == prompts


def test_an_answer_that_is_no_document_fails_as_a_real_engine_would() -> None:
    with pytest.raises(ModelError):
        Scripted("not json").generate(Prompt(system="", user="x"), max_tokens=9, schema={"type": "object"})
    with pytest.raises(ValueError, match="needs an answer"):
        Scripted()


@given(st.lists(st.text(max_size=60), max_size=5))
def test_vectors_are_unit_length_and_the_same_every_time(texts: list[str]) -> None:
    embedder: Embedder = HashingEmbedder()
    vectors = embedder.embed(texts, role="passage")
    assert len(vectors) == len(texts)
    for vector, again in zip(vectors, embedder.embed(texts, role="query"), strict=True):
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
        assert np.array_equal(vector, again)


def test_texts_that_share_stems_are_near() -> None:
    query, near, far = HashingEmbedder().embed(
        ["when was the meeting moved", "Meetings were moving to Friday", "two litres of milk"], role="query"
    )
    assert float(query @ near) > 0.3 > float(query @ far)


def test_a_golden_vector() -> None:
    """Pinned, so that an index made by one version's tests can be read by the next."""
    (vector,) = HashingEmbedder().embed(["Running shoes"], role="passage")
    assert sorted((int(i), round(float(vector[i]), 4)) for i in np.flatnonzero(vector)) == [
        (14, 0.7071),
        (278, 0.7071),
    ]
