"""GGUF models through llama.cpp, in this process: the default engine everywhere but on Apple silicon."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.models.engines.generation import Emit, Relay, Stopped, Usage, control_pattern, defuse, defused, too_long
from agent.models.engines.structured import bounded, require_complete, require_valid
from agent.models.protocols import Prompt, Schema
from agent.models.weights import gguf

if TYPE_CHECKING:
    import xllamacpp
    from tokenizers import Tokenizer

_SOCKET_PATH_BYTES = 100  # sun_path holds 104 on macOS, 108 on Linux
_BATCH_TOKENS = 128  # a closed iterator is noticed between two batches of the prompt


class LlamaCpp:
    """A GGUF model, loaded and warm. `id` is the file's name; `usage` tells of the last finished generation.

    The library always starts an HTTP server. Ours listens on a UNIX socket in a private folder, behind a random key,
    and the socket is unlinked as soon as it exists: nobody can connect, and calls in this process go on working. It
    also starts under the network lock, where the default listener (127.0.0.1, no key) does not.
    """

    def __init__(
        self, gguf_path: Path, *, runtime_dir: Path, context_tokens: int = 4096, threads: int | None = None
    ) -> None:
        """Load a model; about 1 to 4 seconds.

        `runtime_dir` is an existing folder of mode 0700. `context_tokens` holds prompt and answer, and is cut to what
        the model was made for. `threads` defaults to one core less than there are: llama.cpp waits by spinning, and
        more threads than free cores are ten times slower. Raises ModelError.
        """
        header = gguf.read(gguf_path)
        trained = int(header.number(f"{header.architecture}.context_length", default=context_tokens))
        self.id = gguf_path.stem
        self.context_tokens = min(context_tokens, trained)
        self.usage: Usage | None = None
        self._control = control_pattern(header.control_tokens)
        self._tokenizer = _tokenizer(header)
        self._server: xllamacpp.Server | None = _start(gguf_path, _private(runtime_dir), self.context_tokens, threads)
        self._relay = Relay("llama.cpp")

    def count_tokens(self, text: str) -> int:
        """Exact for vocabularies that we can rebuild, else an upper bound: no token is shorter than one byte."""
        text = defuse(text, self._control)
        if self._tokenizer is None:
            return len(text.encode()) + 1
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
        """See LanguageModel. The part of the prompt that is equal to the last one's is served from memory."""
        if max_tokens < 1:
            raise ValueError("max_tokens must be at least 1")
        request = {
            "messages": defused(prompt, self._control),
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        if schema is not None:
            request["grammar"] = _grammar(schema)
        return self._relay.stream(
            lambda emit, stopped: self._complete(request, emit, stopped, whole=schema is not None)
        )

    def close(self) -> None:
        """Stop what runs and give the memory back; the model cannot be used afterwards."""
        self._relay.close()
        self._server = None

    def _complete(self, request: Mapping[str, object], emit: Emit, stopped: Stopped, *, whole: bool) -> None:
        pieces: list[str] = []
        errors: list[Mapping[str, object]] = []

        def receive(chunk: Mapping[str, object]) -> bool:
            """Take one chunk of the answer; True makes llama.cpp stop."""
            if "error" in chunk:
                errors.append(_mapping(chunk["error"]))
                return True
            text = _content(chunk)
            if text:
                pieces.append(text)
                emit(text)
            self.usage = _usage(chunk) or self.usage
            return stopped()

        server = self._server
        if server is None:
            raise _engine_failed("it was closed")
        try:
            server.handle_chat_completions(request, receive)
        except (RuntimeError, ValueError) as error:  # its text may quote the prompt
            raise _engine_failed(type(error).__name__) from None
        if errors:
            raise self._failure(errors[0])
        if whole and not stopped():
            require_complete("".join(pieces))

    def _failure(self, error: Mapping[str, object]) -> ModelError:
        if error.get("type") == "exceed_context_size_error":
            tokens = error.get("n_prompt_tokens")
            return too_long(tokens if isinstance(tokens, int) else self.context_tokens, self.context_tokens)
        return _engine_failed(f"{error.get('type')}, code {error.get('code')}")


def _start(path: Path, folder: Path, context_tokens: int, threads: int | None) -> xllamacpp.Server:
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(path.absolute())
    params.n_ctx = context_tokens
    params.n_parallel = 1
    params.n_batch = _BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or max(1, (os.cpu_count() or 2) - 1)
    params.n_threads_http = 1
    params.fit_params = False
    params.warmup = False
    params.cache_ram_mib = 0  # by default up to 8 GiB of old prompts
    params.verbosity = -1
    params.offline = True
    params.ui = params.endpoint_slots = False
    params.api_keys = [secrets.token_hex(32)]
    listener = folder / f"{secrets.token_hex(4)}.sock"
    if len(os.fsencode(listener)) > _SOCKET_PATH_BYTES:
        raise ModelError(f"The path of the runtime folder is too long: {folder}.", remedy="Use a shorter TMPDIR.")
    params.hostnames = [str(listener)]
    try:
        server = Server(params)
        # a server that is destroyed before its loop runs waits for ever; an answer proves that it runs
        server.handle_completions({"prompt": "a", "max_tokens": 1, "cache_prompt": False})
        return server
    except RuntimeError as error:
        raise ModelError(
            f"llama.cpp could not load {path.name}.",
            remedy="Run `homebody-models verify`; if the file is whole, it needs more memory or is of a newer kind.",
        ) from error
    finally:
        listener.unlink(missing_ok=True)


def _private(folder: Path) -> Path:
    """The runtime folder, when nobody else can reach into it. Raises ModelError."""
    try:
        status = folder.stat()
    except OSError as error:
        raise ModelError(f"The runtime folder {folder} cannot be used.", remedy=str(error.strerror)) from error
    if status.st_mode & 0o077 or status.st_uid != os.getuid():
        raise ModelError(f"The runtime folder {folder} is open to others.", remedy=f"Run `chmod 700 {folder}`.")
    return folder.absolute()


def _tokenizer(header: gguf.Gguf) -> Tokenizer | None:
    try:
        return gguf.tokenizer(header)
    except ModelError:  # llama.cpp knows more vocabularies than we do; counting then gives an upper bound
        return None


def _grammar(schema: Schema) -> str:
    from xllamacpp import json_schema_to_grammar

    tight = bounded(schema)
    require_valid(tight)
    grammar: str = json_schema_to_grammar(tight)
    return grammar


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _content(chunk: Mapping[str, object]) -> str:
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices:
        return ""
    text = _mapping(_mapping(choices[0]).get("delta")).get("content")
    return text if isinstance(text, str) else ""


def _usage(chunk: Mapping[str, object]) -> Usage | None:
    usage = _mapping(chunk.get("usage"))
    prompt, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    cached = _mapping(usage.get("prompt_tokens_details")).get("cached_tokens", 0)
    if isinstance(prompt, int) and isinstance(written, int) and isinstance(cached, int):
        return Usage(prompt_tokens=prompt, cached_tokens=cached, generated_tokens=written)
    return None


def _engine_failed(why: str) -> ModelError:
    return ModelError(f"llama.cpp failed ({why}).", remedy="Ask again; if it happens again, restart the daemon.")
