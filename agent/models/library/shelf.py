"""The models on this machine: where they live, what each one is, and opening one only when it is whole.

Reads only; `agent.models.library.install` is what writes here.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import platformdirs

from agent.errors import ModelError

Kind = Literal["embedder", "slm"]
Format = Literal["sentence-transformers", "onnx", "gguf", "mlx"]
Tier = Literal["small", "large", "test"]

MANIFEST = "model.json"
INSTALL = "Run `homebody-models install`."
OWNER = "owner"
"""The `source` of a model that the owner added; such a model goes before one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model: its path inside the model's folder, its size in bytes, its SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """One model in the library: what its `model.json` says, and where it is.

    `tier` is "" for embedders; `space` names an embedder's vector space ("" for language models): two embedders of
    one space give comparable vectors.
    """

    name: str
    kind: Kind
    format: Format
    folder: Path
    files: tuple[ModelFile, ...]
    tier: Tier | Literal[""] = ""
    space: str = ""
    source: str = ""
    licence: str = ""

    @property
    def path(self) -> Path:
        """What an engine opens: the GGUF file, or the folder."""
        if self.format == "gguf":
            return self.folder / next(file.path for file in self.files if file.path.endswith(".gguf"))
        return self.folder

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    def manifest(self) -> str:
        """The text of `model.json`."""
        fields = asdict(self)
        del fields["folder"]
        return json.dumps(fields, indent=2) + "\n"

    def problems(self, *, deep: bool = False) -> Iterator[str]:
        """Say what is wrong with the files: missing, another size, code; with `deep` also another SHA-256."""
        for file in self.files:
            path = self.folder / file.path
            if not path.is_file():
                yield f"{file.path} is missing"
            elif path.stat().st_size != file.size:
                yield f"{file.path} has {path.stat().st_size} bytes instead of {file.size}"
            elif deep and sha256(path) != file.sha256:
                yield f"{file.path} has other contents than when it was installed"
        for code in code_files(self.folder):
            yield f"{code.relative_to(self.folder)} is program code, which no model needs"


@dataclass(frozen=True, slots=True)
class Library:
    """The models folder. Opening a model checks that it is whole; every problem is a ModelError with its remedy."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """The models that are installed, whole or not, by name."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{MANIFEST}")))

    def read(self, name: str) -> InstalledModel:
        """What a model's manifest says, its files not yet looked at. Raises ModelError."""
        folder = self.folder.absolute() / name
        again = f"Run `homebody-models remove {name}`, then install or add it again."
        try:
            fields = json.loads((folder / MANIFEST).read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise ModelError(f"The model {name} is not in {self.folder}.", remedy=_remedy(name)) from None
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder / MANIFEST} cannot be read ({type(error).__name__}).", remedy=again) from error
        try:
            return _installed(folder, fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{folder / MANIFEST} does not describe a model we know ({error}).", remedy=again
            ) from error

    def open(self, name: str) -> InstalledModel:
        """A model whose files are all there, of the right size, without code. Raises ModelError."""
        model = self.read(name)
        problem = next(model.problems(), None)
        if problem:
            raise ModelError(
                f"The model {name} is damaged: {problem}.",
                remedy=f"Run `homebody-models remove {name}`, then install or add it again.",
            )
        return model

    def embedder(self, *formats: Format) -> InstalledModel:
        """The embedder to use, of the first of `formats` that is installed. Raises ModelError.

        The vector space is chosen first (an owner's before ours), so that whatever order of formats is asked for, the
        vectors can be compared.
        """
        found = [model for model in self._models(kind="embedder") if model.format in formats]
        if not found:
            raise ModelError(f"No embedding model ({' or '.join(formats)}) is in {self.folder}.", remedy=INSTALL)
        same = [model for model in found if model.space == found[0].space]
        return self.open(min(same, key=lambda model: formats.index(model.format)).name)

    def embedder_folder(self) -> Path:
        """The folder of the sentence-transformers embedder. Raises ModelError."""
        return self.embedder("sentence-transformers").folder

    def slm(self, tier: Tier = "small", *formats: Format) -> InstalledModel:
        """The language model of a tier: the owner's before ours, then in the order of `formats`.

        Without `formats`: MLX before GGUF on Apple silicon, GGUF before MLX elsewhere. Raises ModelError.
        """
        order = formats or (("mlx", "gguf") if apple_silicon() else ("gguf", "mlx"))
        found = [model for model in self._models(kind="slm") if model.tier == tier and model.format in order]
        if not found:
            raise ModelError(
                f"No language model of tier {tier!r} ({' or '.join(order)}) is in {self.folder}.",
                remedy=INSTALL if tier == "small" else "`homebody-models list` shows which can be installed.",
            )
        best = min(found, key=lambda model: (model.source != OWNER, order.index(model.format), model.name))
        return self.open(best.name)

    def _models(self, *, kind: Kind) -> list[InstalledModel]:
        """The models of a kind, the owner's first; one with a broken manifest does not hide the others."""
        models = []
        for name in self.names():
            try:
                models.append(self.read(name))
            except ModelError:
                continue
        return sorted((m for m in models if m.kind == kind), key=lambda model: (model.source != OWNER, model.name))


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """HOMEBODY_MODELS, else `models` in the user's cache folder of homebody."""
    named = environment.get("HOMEBODY_MODELS")
    return Path(named).expanduser().absolute() if named else platformdirs.user_cache_path("homebody") / "models"


def apple_silicon() -> bool:
    """Whether MLX has a GPU here."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_files(folder: Path) -> list[Path]:
    """Files that a loader might import or unpickle: no model of ours needs one."""
    suffixes = {".py", ".pyc", ".so", ".dylib", ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


def detect(folder: Path) -> tuple[Kind, Format]:
    """Tell by its files what a model folder holds. Raises ModelError when it is of no kind we can run."""
    ggufs = [path for path in folder.glob("*.gguf") if path.is_file()]
    if len(ggufs) == 1:
        with ggufs[0].open("rb") as file:
            if file.read(4) == b"GGUF":
                return "slm", "gguf"
    elif not ggufs:
        has = {path.name for path in folder.iterdir()}
        weights = any(folder.glob("model*.safetensors"))
        if "modules.json" in has and weights:
            return "embedder", "sentence-transformers"
        if {"model.onnx", "tokenizer.json"} <= has:
            return "embedder", "onnx"
        if {"config.json", "tokenizer.json"} <= has and weights:
            return "slm", "mlx"
    raise ModelError(
        f"{folder} holds no model of a known type.",
        remedy="Known are: one .gguf file; a sentence-transformers folder with safetensors; model.onnx with "
        "tokenizer.json; an MLX folder (config.json, tokenizer.json, model*.safetensors).",
    )


def _installed(folder: Path, fields: Mapping[str, object]) -> InstalledModel:
    """Check a manifest by hand: it is data from disk, and paths in it must stay inside its folder."""
    files = tuple(ModelFile(**entry) for entry in cast("list[dict[str, object]]", fields["files"]))  # type: ignore[arg-type] # checked below
    for file in files:
        if not isinstance(file.path, str) or not isinstance(file.size, int) or not isinstance(file.sha256, str):
            raise TypeError("a file entry is malformed")
        if Path(file.path).is_absolute() or ".." in Path(file.path).parts:
            raise ValueError("a file lies outside of the folder")
    model = InstalledModel(folder=folder, **{**fields, "files": files})  # type: ignore[arg-type] # checked below
    if model.name != folder.name:
        raise ValueError("the name is not the folder's")
    if model.kind not in get_args(Kind) or model.format not in get_args(Format):
        raise ValueError(f"unknown type {model.kind!r}, {model.format!r}")
    if not files or (model.format == "gguf" and not any(file.path.endswith(".gguf") for file in files)):
        raise ValueError("no weights are listed")
    return model


def _remedy(name: str) -> str:
    return f"Run `homebody-models install {name}`, or `homebody-models list` to see what there is."
