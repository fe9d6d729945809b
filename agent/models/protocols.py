"""The two seams to models: texts become vectors, a prompt becomes text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.vocabulary import Vector

Role = Literal["query", "passage"]
Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a language model is given: the instruction that never changes, then the data and the question.

    `system` stays byte-equal over requests, so that an engine's prefix cache serves it. Both are plain text: an engine
    applies its own chat template, normalises to NFC and defuses control tokens (`facts`: text never commands).
    """

    system: str
    user: str


class Embedder(Protocol):
    """Texts in, unit-length vectors out. `id` names the vector space: equal ids may be compared with each other."""

    id: str
    dimensions: int
    max_tokens: int

    def embed(self, texts: Sequence[str], *, role: Role) -> Sequence[Vector]:
        """One float32 vector of `dimensions`, L2-normalised, for each text, in order."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of `max_tokens` a text takes, special tokens included."""
        ...


class LanguageModel(Protocol):
    """A small language model on this machine. One generation at a time; closing the iterator stops it."""

    id: str
    context_tokens: int

    def count_tokens(self, text: str) -> int:
        """How many tokens a plain text takes; an upper bound where the engine cannot tell exactly."""
        ...

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        """Stream the answer in pieces, greedily. With a JSON schema the whole is one JSON document that fits it.

        Raises ModelError when the prompt does not fit or the engine fails.
        """
        ...
