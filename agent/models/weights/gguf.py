"""What a GGUF file says of itself: its metadata, its tensors' places, its vocabulary and tokenizer.

Source: ggml-org/ggml docs/gguf.md, version 3. The `gguf` package reads the same, but takes eleven CPU seconds over a
vocabulary of 152,000 tokens, which an engine needs before its first word.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agent.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_CONTROL, _USER_DEFINED = 3, 4

_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor: its shape with rows first, its ggml type, and where its bytes begin in the file."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """The header of one GGUF file. `metadata` by its keys as written; accessors give what we read out of it."""

    path: Path
    metadata: Mapping[str, object] = field(repr=False)
    tensors: tuple[Tensor, ...] = field(repr=False)

    @property
    def architecture(self) -> str:
        """Such as "llama" or "qwen2"."""
        return self.text("general.architecture")

    @property
    def tokens(self) -> list[str]:
        """The vocabulary; the place in the list is the id."""
        return cast("list[str]", self._require("tokenizer.ggml.tokens", list))

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """Entries that an engine parses out of any text: types 3 (control) and 4 (added by the model's makers)."""
        pairs = zip(self.tokens, self.token_types, strict=True)
        return tuple(token for token, kind in pairs if kind in (_CONTROL, _USER_DEFINED))

    @property
    def token_types(self) -> list[int]:
        """The type of each token, by id."""
        types = cast("list[int]", self._require("tokenizer.ggml.token_type", list))
        if len(types) != len(self.tokens):
            raise damaged(self.path, "it has not one type for each token")
        return types

    @property
    def merges(self) -> list[tuple[str, str]]:
        """The pairs that byte-level BPE joins, in order."""
        pairs = (merge.partition(" ") for merge in cast("list[str]", self._require("tokenizer.ggml.merges", list)))
        return [(left, right) for left, _, right in pairs]

    def text(self, key: str) -> str:
        """A string of the metadata. Raises ModelError when there is none."""
        return cast("str", self._require(key, str))

    def number(self, key: str, default: float | None = None) -> float:
        """A number of the metadata. Raises ModelError when there is none and no default."""
        if default is not None and key not in self.metadata:
            return default
        return cast("float", self._require(key, int | float))

    def token(self, key: str) -> str | None:
        """The vocabulary entry whose id stands under a key such as `tokenizer.ggml.eos_token_id`."""
        id_ = self.metadata.get(key)
        return self.tokens[id_] if isinstance(id_, int) and 0 <= id_ < len(self.tokens) else None

    def _require(self, key: str, type_: object) -> object:
        value = self.metadata.get(key)
        if not isinstance(value, type_):  # type: ignore[arg-type] # a type or a union of types
            raise damaged(self.path, f"it has no {key}")
        return value


def damaged(path: Path, why: str) -> ModelError:
    """The error for a file that is not what it should be."""
    return ModelError(
        f"{path.name} cannot be used: {why}.",
        remedy="Run `homebody-models verify`, and install or add the model again.",
    )


def read(path: Path) -> Gguf:
    """Read the header of a GGUF file. Raises ModelError when it is missing or malformed."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return _Cursor(path, view).header()
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist.", remedy="Run `homebody-models install`.") from None
    except (struct.error, ValueError, OSError, KeyError) as error:
        raise damaged(path, f"its header is malformed ({type(error).__name__})") from error


def tokenizer(gguf: Gguf) -> Tokenizer:
    """Rebuild the byte-level BPE tokenizer of the model, with ids as in the file; about half a second.

    GGUF holds only the name of the rule by which text is cut before merging, so a name that we do not know is refused:
    another rule would give other tokens. Raises ModelError.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    if gguf.text("tokenizer.ggml.model") != "gpt2":
        raise damaged(
            gguf.path, f"its tokenizer is of the kind {gguf.text('tokenizer.ggml.model')}, not byte-level BPE"
        )
    rule = gguf.text("tokenizer.ggml.pre")
    if rule not in ("smollm", "qwen2"):
        raise damaged(gguf.path, f"its pre-tokenizer {rule} is not known")
    if gguf.metadata.get("tokenizer.ggml.add_bos_token"):
        raise damaged(gguf.path, "its tokenizer begins every text with a token of its own, which is not known here")
    ids: dict[str, int] = {}
    for id_, token in enumerate(gguf.tokens):
        ids.setdefault(token, id_)  # a repeated entry keeps its first id
    made = Tokenizer(models.BPE(vocab=ids, merges=gguf.merges, byte_fallback=False))
    if rule == "smollm":
        cut = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    else:
        made.normalizer = normalizers.NFC()
        words = pre_tokenizers.Split(Regex(_QWEN2), behavior="isolated")
        cut = [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    made.pre_tokenizer = pre_tokenizers.Sequence(cut)
    made.decoder = decoders.ByteLevel()
    types = gguf.token_types
    for kind, add in ((_CONTROL, made.add_special_tokens), (_USER_DEFINED, made.add_tokens)):
        entries = [token for token, type_ in zip(gguf.tokens, types, strict=True) if type_ == kind]
        add([AddedToken(token, special=kind == _CONTROL, normalized=False) for token in entries])
    return made


class _Cursor:
    """Reads forward through a mapped file; running past its end raises struct.error or ValueError."""

    def __init__(self, path: Path, view: mmap.mmap) -> None:
        self._path, self._view, self._at = path, view, 0

    def header(self) -> Gguf:
        if self._view[:4] != b"GGUF":
            raise ValueError("no GGUF")
        self._at = 4
        if self._number("<I") not in (2, 3):
            raise ValueError("unknown version")
        tensors, pairs = int(self._number("<Q")), int(self._number("<Q"))
        metadata = {self._string(): self._value(int(self._number("<I"))) for _ in range(pairs)}
        places = [self._place() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError("bad alignment")
        start = -(-self._at // alignment) * alignment
        return Gguf(
            path=self._path,
            metadata=metadata,
            tensors=tuple(Tensor(name=n, shape=s, type=t, offset=start + offset) for n, s, t, offset in places),
        )

    def _number(self, form: str) -> float:
        value: float
        (value,) = struct.unpack_from(form, self._view, self._at)
        self._at += struct.calcsize(form)
        return value

    def _string(self) -> str:
        length = int(self._number("<Q"))
        if length > len(self._view) - self._at:
            raise ValueError("a string runs past the end")
        self._at += length
        return self._view[self._at - length : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> object:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._number(_SCALARS[kind])
        inner, count = int(self._number("<I")), int(self._number("<Q"))
        if count > len(self._view) - self._at:
            raise ValueError("an array runs past the end")
        if inner in (_STRING, _ARRAY):
            return [self._value(inner) for _ in range(count)]
        form = f"<{count}{_SCALARS[inner][1]}"
        values = list(struct.unpack_from(form, self._view, self._at))
        self._at += struct.calcsize(form)
        return values

    def _place(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        sizes = [int(self._number("<Q")) for _ in range(int(self._number("<I")))]
        kind, offset = int(self._number("<I")), int(self._number("<Q"))
        return name, tuple(reversed(sizes)), kind, offset
