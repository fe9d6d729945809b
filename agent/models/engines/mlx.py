"""MLX models through mlx-lm: the default engine on Apple silicon, and the same code on a Linux CPU.

Unverified on macOS: written and tested on Linux, whose wheel carries a slow BLAS. There use float32 weights and start
the process with LD_PRELOAD naming OpenBLAS (Debian: libopenblas0-pthread): prompts are then read ten times faster.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import ModelError
from agent.models.engines.generation import Emit, Relay, Stopped, Usage, control_pattern, defuse, defused, too_long
from agent.models.engines.structured import bounded, require_complete, require_valid
from agent.models.library.shelf import code_files
from agent.models.protocols import Prompt, Schema

if TYPE_CHECKING:
    import mlx.core as mx
    from llguidance import LLMatcher, LLTokenizer

_BATCH_TOKENS = 128  # a closed iterator is noticed between two batches of the prompt
_PREFIXES = 4  # system prompts kept warm; a product has few

_Caches = list[Any]  # one key-value cache a layer, of a class that the model chooses


class Mlx:
    """An MLX model, loaded and warm. `id` is the folder's name; `usage` tells of the last finished generation.

    The part of a prompt up to the user's text is read once a system prompt and kept in memory, never written out (a
    saved cache would be private data in clear); each question works on a deep copy of it, which is cheap, because
    arrays are shared until written. Nothing is ever trimmed, so hybrid and windowed models work as well.
    """

    def __init__(self, folder: Path, *, context_tokens: int = 4096) -> None:
        """Load a model from a local folder; 1 to 5 seconds. `context_tokens` is cut to what the model was made for.

        Raises ModelError when the folder is missing, of another kind, or holds code.
        """
        folder = folder.absolute()
        config = _config(folder)
        self.id = folder.name
        self.context_tokens = min(context_tokens, int(_dig(config, "max_position_embeddings", default=context_tokens)))
        self.usage: Usage | None = None
        self._vocabulary_size = int(_dig(config, "vocab_size", default=0))
        self._model, self._tokenizer = _load(folder)
        self._backend = self._tokenizer.backend_tokenizer
        added = self._backend.get_added_tokens_decoder().values()
        self._control = control_pattern([token.content for token in added])
        self._prefixes: dict[str, tuple[list[int], _Caches]] = {}
        self._guide: LLTokenizer | None = None
        self._relay = Relay("mlx")

    def count_tokens(self, text: str) -> int:
        """Exact, as the text stands in a prompt: normalised, and with its control tokens broken up."""
        return len(self._encode(defuse(text, self._control)))

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        """See LanguageModel."""
        if max_tokens < 1:
            raise ValueError("max_tokens must be at least 1")
        tight = None if schema is None else bounded(schema)
        if tight is not None:
            require_valid(tight)
        messages = defused(prompt, self._control)
        tokens = self._render(messages)
        if len(tokens) >= self.context_tokens:
            raise too_long(len(tokens), self.context_tokens)
        limit = min(max_tokens, self.context_tokens - len(tokens))
        return self._relay.stream(lambda emit, stopped: self._complete(messages, tokens, limit, tight, emit, stopped))

    def close(self) -> None:
        """Stop what runs and forget the warm prompts; the model cannot be used afterwards."""
        self._relay.close()
        self._prefixes.clear()

    def _complete(
        self,
        messages: list[dict[str, str]],
        tokens: list[int],
        limit: int,
        schema: Schema | None,
        emit: Emit,
        stopped: Stopped,
    ) -> None:
        from mlx_lm.generate import stream_generate

        pieces: list[str] = []
        try:
            warm = messages[0]["content"] in self._prefixes
            shared, caches = self._prefix(messages, tokens, stopped)
            steps = stream_generate(
                self._model,
                self._tokenizer,
                tokens[shared:],
                max_tokens=limit,
                prompt_cache=caches,
                prefill_step_size=_BATCH_TOKENS,
                prompt_progress_callback=_heed(stopped),
                logits_processors=[self._constraint(schema)] if schema is not None else None,
            )
            with contextlib.closing(steps):
                for step in steps:
                    pieces.append(step.text)
                    emit(step.text)
                    self.usage = Usage(
                        prompt_tokens=len(tokens),
                        cached_tokens=shared if warm else 0,
                        generated_tokens=step.generation_tokens,
                    )
                    if stopped():
                        return
        except _Stopped:
            return
        except (RuntimeError, ValueError) as error:  # its text may quote the prompt
            raise ModelError(
                f"MLX failed ({type(error).__name__}).", remedy="Ask again; if it happens again, restart the daemon."
            ) from None
        if schema is not None:
            require_complete("".join(pieces))

    def _prefix(self, messages: list[dict[str, str]], tokens: list[int], stopped: Stopped) -> tuple[int, _Caches]:
        """How many of the prompt's tokens are in a warm cache, and a copy of that cache to go on from."""
        from mlx_lm.models.cache import make_prompt_cache

        system = messages[0]["content"]
        if system not in self._prefixes:
            probe = self._render([messages[0], {"role": "user", "content": ""}])
            prefix = _common(probe, tokens)
            caches = make_prompt_cache(self._model)
            self._read(prefix, caches, stopped)
            while len(self._prefixes) >= _PREFIXES:
                del self._prefixes[next(iter(self._prefixes))]
            self._prefixes[system] = (prefix, caches)
            return len(prefix), copy.deepcopy(caches)
        prefix, caches = self._prefixes[system]
        if tokens[: len(prefix)] == prefix and len(prefix) < len(tokens):
            return len(prefix), copy.deepcopy(caches)
        return 0, make_prompt_cache(self._model)  # the user's first characters merged with the template's last

    def _read(self, tokens: list[int], caches: _Caches, stopped: Stopped) -> None:
        import mlx.core as mx
        from mlx_lm.generate import generation_stream

        with mx.stream(generation_stream):
            for start in range(0, len(tokens), _BATCH_TOKENS):
                if stopped():
                    raise _Stopped
                self._model(mx.array(tokens[start : start + _BATCH_TOKENS])[None], cache=caches)
                mx.eval([cache.state for cache in caches])

    def _render(self, messages: list[dict[str, str]]) -> list[int]:
        try:
            text = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False, enable_thinking=False
            )
        except Exception as error:  # a template is a program of the model's makers and may raise anything
            raise ModelError(
                f"The chat template of {self.id} failed ({type(error).__name__}).",
                remedy="Use a model that was made for chat (often named instruct).",
            ) from None
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def _constraint(self, schema: Schema) -> _Constraint:
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer

        if self._guide is None:  # 0.6 to 2.5 seconds, so only when a schema is first asked for
            self._guide = from_tokenizer(self._tokenizer._tokenizer, n_vocab=self._vocabulary_size or None)
        matcher = LLMatcher(self._guide, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        return _Constraint(matcher, self._guide.vocab_size, sorted(self._tokenizer.eos_token_ids))


class _Constraint:
    """A logits processor of mlx-lm: forbids every token by which the answer would leave the grammar.

    The mask is made by llguidance in NumPy: its own MLX glue is a Metal kernel, which a CPU has not.
    """

    def __init__(self, matcher: LLMatcher, vocabulary_size: int, ends: list[int]) -> None:
        from llguidance.numpy import allocate_token_bitmask

        self._matcher = matcher
        self._ends = ends
        self._bits = allocate_token_bitmask(1, vocabulary_size)
        self._seen: int | None = None

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        import mlx.core as mx
        import numpy as np
        from llguidance.numpy import fill_next_token_bitmask

        if self._seen is not None:  # the first call is given the prompt, which is no part of the answer
            self._matcher.consume_tokens(tokens[self._seen :].tolist())
        self._seen = tokens.shape[0]
        allowed = np.zeros(logits.shape[-1], dtype=bool)
        if self._matcher.is_stopped():  # the document is complete: nothing may follow it
            allowed[self._ends] = True
        else:
            fill_next_token_bitmask(self._matcher, self._bits)
            mask = np.unpackbits(self._bits[0].view(np.uint8), bitorder="little")[: allowed.size]
            allowed[: mask.size] = mask
        return mx.where(mx.array(allowed), logits, mx.array(-float("inf"), dtype=logits.dtype))


class _Stopped(Exception):
    """Whoever asked has gone away."""


def _heed(stopped: Stopped) -> Callable[[int, int], None]:
    """A progress callback that ends the reading of a prompt."""

    def check(_done: int, _total: int) -> None:
        if stopped():
            raise _Stopped

    return check


def _config(folder: Path) -> dict[str, object]:
    """The model's config.json, after looking that the folder is one that may be loaded. Raises ModelError."""
    path = folder / "config.json"
    if not path.is_file():  # mlx-lm would take a missing folder for a name on a hub
        raise ModelError(f"{folder} is no MLX model: it has no config.json.", remedy="Run `homebody-models install`.")
    if code := code_files(folder):
        raise ModelError(f"{folder} holds program code ({code[0].name}).", remedy="Remove it, or use another model.")
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read.", remedy="Run `homebody-models verify`.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} is no configuration.", remedy="Run `homebody-models verify`.")
    return config


def _load(folder: Path) -> tuple[Any, Any]:
    # the hub client decides when it is imported, and a daemon that was locked has set these already
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    import mlx_lm

    try:
        model, tokenizer = mlx_lm.load(str(folder))
    except Exception as error:  # four libraries are at work here, each with its own exceptions
        raise ModelError(
            f"{folder.name} cannot be loaded by mlx-lm ({type(error).__name__}).",
            remedy="Run `homebody-models verify`; if the files are whole, mlx-lm does not know this architecture.",
        ) from error
    return model, tokenizer


def _dig(config: dict[str, object], key: str, *, default: int) -> int:
    """A number of the configuration, where multimodal models keep it one level down."""
    inner = config.get("text_config")
    value = config.get(key, inner.get(key) if isinstance(inner, dict) else None)
    return value if isinstance(value, int) else default


def _common(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The longest common beginning, at most all of `b` but one: a model must be given something to go on from."""
    length = 0
    while length < min(len(a), len(b) - 1) and a[length] == b[length]:
        length += 1
    return list(b[:length])
