"""JSON schemas for small models: bounded so that an answer ends, checked so that none is silently unconstrained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from agent.errors import ModelError
from agent.models.protocols import Schema

MAX_CHARACTERS = 600
"""The bound put on a string that has none: a small model otherwise runs to its token limit inside of it."""
MAX_ITEMS = 64
"""The bound put on an array that has none."""

_COMPACT = {"whitespace_flexible": False}


def bounded(schema: Schema) -> dict[str, object]:
    """The same schema, tighter: every string and array bounded, no property that is not named, no free white space.

    What fits the result fits the given schema. `x-guidance` is llguidance's own key; both engines obey it, and it
    takes a third of the tokens that indented JSON takes.
    """
    return {**cast("dict[str, object]", _tight(schema)), "x-guidance": _COMPACT}


def require_valid(schema: Schema) -> None:
    """Raise ModelError when no grammar can be made of a schema: llama.cpp would then answer in free text."""
    from llguidance import LLMatcher

    problem = LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema)))
    if problem:
        raise ModelError("The JSON schema cannot be made into a grammar.", remedy=str(problem).splitlines()[0])


def require_complete(document: str) -> None:
    """Raise ModelError when a generation ended before its JSON document did."""
    try:
        json.loads(document)
    except ValueError as error:
        raise ModelError(
            "The model's answer was cut off before its JSON document was complete.",
            remedy="Allow more tokens, or bound the strings and arrays of the schema.",
        ) from error


def _tight(node: object) -> object:
    if isinstance(node, list):
        return [_tight(entry) for entry in node]
    if not isinstance(node, Mapping):
        return node
    out = {key: value if key in _LITERAL else _tight(value) for key, value in node.items()}
    if isinstance(node.get("properties"), Mapping):
        out["properties"] = {name: _tight(value) for name, value in node["properties"].items()}
        out.setdefault("additionalProperties", False)
    kinds = node.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and not {"enum", "const", "format", "pattern"} & node.keys():
        out.setdefault("maxLength", max(MAX_CHARACTERS, cast("int", node.get("minLength", 0))))
    if "array" in kinds:
        out.setdefault("maxItems", max(MAX_ITEMS, cast("int", node.get("minItems", 0))))
    return out


_LITERAL = frozenset({"enum", "const", "default", "examples", "required", "properties"})
"""Keys whose values are data (or names), not schemas."""
