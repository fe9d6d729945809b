"""What every engine does around a generation: defuse the text that goes in, relay the pieces that come out."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from agent.errors import ModelError
from agent.models.protocols import Prompt

Emit = Callable[[str], None]
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the last finished generation took, in tokens: of the prompt, of it served from the cache, and written."""

    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int


def well_formed(text: str) -> str:
    """The text with its lone surrogates replaced: names of files hold them, and no tokenizer takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def control_pattern(tokens: Sequence[str]) -> re.Pattern[str] | None:
    """What matches every control token of a vocabulary, the longest first; None when it has none.

    Entries of white space alone are left out: some vocabularies add runs of them, and they control nothing.
    """
    entries = sorted({unicodedata.normalize("NFC", token) for token in tokens if token.strip()}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, entries))) if entries else None


def defuse(text: str, control: re.Pattern[str] | None) -> str:
    """Make well formed, normalise to NFC, then break up every control token that stands in the text, so that none is parsed out of it.

    A space goes in after its first punctuation and before its last ("<|im_end|>" becomes "<| im_end |>"). Inserting,
    because deleting can join what stood around it into a new token; repeated until nothing matches.
    """
    text = unicodedata.normalize("NFC", well_formed(text))
    while control is not None and control.search(text):
        text = control.sub(_broken, text)
    return text


def defused(prompt: Prompt, control: re.Pattern[str] | None) -> list[dict[str, str]]:
    """The two messages of a prompt. Never without a system message: templates would put in their own."""
    return [
        {"role": "system", "content": defuse(prompt.system, control)},
        {"role": "user", "content": defuse(prompt.user, control)},
    ]


def too_long(prompt_tokens: int, context_tokens: int) -> ModelError:
    """The error for a prompt that leaves no room for an answer."""
    return ModelError(
        f"The prompt takes {prompt_tokens} tokens, and the model reads {context_tokens}.",
        remedy="Ask about less at once, or use a model with a longer context.",
    )


class Relay:
    """Runs generations one at a time in a thread of its own and hands their pieces to whoever iterates.

    The thread never waits for the reader: an iterator that is left lying about holds the engine no longer than its
    `max_tokens`, and one that is closed or dropped frees it at the next piece.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closing = threading.Event()

    def stream(self, produce: Callable[[Emit, Stopped], None]) -> Iterator[str]:
        """Call `produce(emit, stopped)` in the thread and yield what it emits; its exception is raised at the end."""
        pieces: SimpleQueue[str | None] = SimpleQueue()
        stop = threading.Event()

        def run() -> None:
            try:
                produce(pieces.put, lambda: stop.is_set() or self._closing.is_set())
            finally:
                pieces.put(None)

        try:
            job = self._pool.submit(run)
        except RuntimeError as error:
            raise ModelError("The model was closed.", remedy="Open it again.") from error
        try:
            while (piece := pieces.get()) is not None:
                if piece:
                    yield piece
            job.result()
        finally:
            stop.set()
            job.cancel()

    def close(self) -> None:
        """Stop the running generation and wait until its thread has ended."""
        self._closing.set()
        self._pool.shutdown(wait=True)


def _broken(match: re.Match[str]) -> str:
    token = match.group()
    if len(token) == 1:
        return "\N{REPLACEMENT CHARACTER}"  # nothing can be inserted into one character
    head = len(token) - len(token.lstrip("<|[{(/"))
    tail = len(token) - len(token.rstrip(">|]})/"))
    if not head or head + tail >= len(token):
        head, tail = len(token) // 2, 0
    inner = token[head : len(token) - tail]
    return f"{token[:head]} {inner} {token[len(token) - tail :]}" if tail else f"{token[:head]} {inner}"
