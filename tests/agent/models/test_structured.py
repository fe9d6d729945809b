from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ModelError
from agent.models.engines.structured import MAX_CHARACTERS, MAX_ITEMS, bounded, require_complete, require_valid


def test_strings_arrays_and_objects_get_bounds() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "code": {"type": "string", "maxLength": 4},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "type": {"type": ["string", "null"]},
            "rows": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}},
        },
        "required": ["name"],
        "$defs": {"place": {"type": "string"}},
    }
    tight = bounded(schema)
    text = {"type": "string", "maxLength": MAX_CHARACTERS}
    assert tight["properties"] == {
        "name": text,
        "code": {"type": "string", "maxLength": 4},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "type": {"type": ["string", "null"], "maxLength": MAX_CHARACTERS},
        "rows": {
            "type": "array",
            "maxItems": MAX_ITEMS,
            "items": {"type": "object", "properties": {"x": text}, "additionalProperties": False},
        },
    }
    assert tight["additionalProperties"] is False
    assert tight["required"] == ["name"]
    assert tight["$defs"] == {"place": text}
    assert "additionalProperties" not in schema, "the given schema is left as it was"


def test_what_the_schema_itself_says_stays() -> None:
    assert bounded({"type": "object", "properties": {}, "additionalProperties": True})["additionalProperties"] is True
    assert bounded({"type": "string", "minLength": 5_000})["maxLength"] == 5_000
    assert bounded({"enum": [{"type": "string"}]})["enum"] == [{"type": "string"}]


@given(
    st.recursive(
        st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["a", 1]}]),
        lambda inner: st.one_of(
            st.builds(lambda items: {"type": "array", "items": items}, inner),
            st.builds(
                lambda p: {"type": "object", "properties": p}, st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
        ),
        max_leaves=6,
    )
)
def test_every_bounded_schema_is_a_grammar(schema: dict[str, object]) -> None:
    tight = bounded(schema)
    require_valid(tight)
    assert bounded(tight) == tight
    json.dumps(tight)


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be made into a grammar"):
        require_valid({"type": "nonsense"})


def test_half_a_document_is_refused() -> None:
    require_complete('{"a": 1}')
    with pytest.raises(ModelError, match="cut off"):
        require_complete('{"a": ')
