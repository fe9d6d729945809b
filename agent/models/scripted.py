"""Stand-ins for tests: a language model that says what it was told to, an embedder that hashes words.

They are here and not in the tests because the whole product is tested through them; nothing of it chooses them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from agent.models.engines.generation import Usage, too_long
from agent.models.engines.structured import require_complete
from agent.models.protocols import Prompt, Role, Schema
from agent.vocabulary import Vector

_PIECES = re.compile(r"\S+\s*|\s+")
_WORDS = re.compile(r"\w+")
_ENDINGS = re.compile(r"(?<=\w{3})(?:ings?|edly|ed|es|ly|s)$")


class Scripted:
    """A language model with its answers given. `prompts` are those it was asked, in order.

    Its tokens are words with the space behind them. The last answer is given again when there are no more. With a
    schema the answer must be a JSON document, as a real engine's is. `closed` counts iterators that were closed early.
    """

    def __init__(self, *answers: str, context_tokens: int = 4096) -> None:
        """Take at least one answer."""
        if not answers:
            raise ValueError("a scripted model needs an answer")
        self.id = "scripted"
        self.context_tokens = context_tokens
        self.prompts: list[Prompt] = []
        self.closed = 0
        self.usage: Usage | None = None
        self._answers = answers

    def count_tokens(self, text: str) -> int:
        """The number of words; leading white space counts as one."""
        return len(_PIECES.findall(text))

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        """See LanguageModel. Raises ModelError where a real engine would."""
        if max_tokens < 1:
            raise ValueError("max_tokens must be at least 1")
        tokens = self.count_tokens(prompt.system) + self.count_tokens(prompt.user)
        if tokens >= self.context_tokens:
            raise too_long(tokens, self.context_tokens)
        earlier = [other.system for other in self.prompts]
        cached = self.count_tokens(prompt.system) if prompt.system in earlier else 0
        self.prompts.append(prompt)
        answer = self._answers[min(len(self.prompts), len(self._answers)) - 1]
        pieces = _PIECES.findall(answer)[:max_tokens]
        if schema is not None:
            require_complete("".join(pieces))
        self.usage = Usage(prompt_tokens=tokens, cached_tokens=cached, generated_tokens=len(pieces))
        return self._say(pieces)

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, pieces: Sequence[str]) -> Iterator[str]:
        try:
            yield from pieces
        except GeneratorExit:
            self.closed += 1
            raise


class HashingEmbedder:
    """Word stems hashed into signed dimensions: texts that share words are near. The same on every machine.

    Finds no meaning, only words; fast enough (100,000 short texts in seconds) for tests of what lies around it.
    """

    id = "hashing-384"
    dimensions = 384
    max_tokens = 256

    def embed(self, texts: Sequence[str], *, role: Role) -> Sequence[Vector]:  # noqa: ARG002 # words have one role
        """See Embedder. A text without words gets the first unit vector."""
        return [self._vector(text) for text in texts]

    def count_tokens(self, text: str) -> int:
        """Words and two for the ends, as the real tokenizer has them."""
        return len(_WORDS.findall(text)) + 2

    def _vector(self, text: str) -> Vector:
        vector = np.zeros(self.dimensions, dtype=np.float32)
        words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
        for word in words[: self.max_tokens - 2]:
            digest = blake2b(_ENDINGS.sub("", word).encode(), digest_size=8, key=b"homebody").digest()
            place = int.from_bytes(digest, "little")
            vector[(place >> 1) % self.dimensions] += 1.0 if place & 1 else -1.0
        length = float(np.linalg.norm(vector))
        if length == 0.0:
            vector[0], length = 1.0, 1.0
        unit: Vector = vector / np.float32(length)
        return unit
