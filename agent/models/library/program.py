"""The program `homebody-models`: gets, lists, checks, adds, converts and removes models.

One of the two programs of the product that run outside of the network lock; only `install` uses the network.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from agent.errors import HomebodyError, WrongUse
from agent.models.library import install
from agent.models.library.catalogue import OFFERS, Offer
from agent.models.library.shelf import InstalledModel, Library, Tier, apple_silicon, default_folder
from agent.models.weights import conversion


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the result is the exit code: 0 done, 1 an error with its remedy, 2 wrong use."""
    options = _parser().parse_args(arguments)
    library = Library((options.folder or default_folder()).expanduser().absolute())
    try:
        return _run(library, options)
    except HomebodyError as error:
        _tell(f"homebody-models: {error}")
        return error.exit_code
    except OSError as error:
        _tell(f"homebody-models: {error.strerror or error} ({error.filename}). Check the disk and its permissions.")
        return 1
    except KeyboardInterrupt:
        _tell("\nhomebody-models: stopped. Run the same command again to go on.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="homebody-models", description="The models on this machine.")
    parser.add_argument("--folder", type=Path, help="the models folder (default: HOMEBODY_MODELS, else your cache)")
    commands = parser.add_subparsers(dest="command", required=True)

    get = commands.add_parser("install", help="download models; the only command that uses the network")
    get.add_argument("names", nargs="*", metavar="NAME", help="by default the embedders and the small language model")
    get.add_argument("--with-tests", action="store_true", help="also the model that homebody's own tests need")

    show = commands.add_parser("list", help="show what is installed and what can be")
    show.add_argument("--json", action="store_true", help="one JSON document")

    check = commands.add_parser("verify", help="compare every file with its SHA-256")
    check.add_argument("names", nargs="*", metavar="NAME")

    own = commands.add_parser("add", help="register a model of your own: a .gguf file or a folder")
    own.add_argument("path", type=Path)
    own.add_argument("--name", default="", help="by default the file's or folder's name")
    own.add_argument("--tier", choices=get_args(Tier), default="small", help="which of ours it goes before")
    own.add_argument("--licence", default="", help="as you were given it, for your own record")

    change = commands.add_parser("convert", help="make an MLX model of an installed GGUF model")
    change.add_argument("name")
    change.add_argument("--dtype", choices=get_args(conversion.Dtype), default=_native_dtype())
    change.add_argument("--quantized", action="store_true", help="keep 4- and 8-bit weights: less memory")

    drop = commands.add_parser("remove", help="delete models from the library")
    drop.add_argument("names", nargs="+", metavar="NAME")
    return parser


def _run(library: Library, options: argparse.Namespace) -> int:
    match options.command:
        case "list":
            return _list(library, as_json=options.json)
        case "verify":
            return _verify(library, tuple(options.names) or library.names())
    with _alone(library.folder):
        match options.command:
            case "install":
                for offer in _wanted(options.names, with_tests=options.with_tests):
                    _install(library, offer)
            case "add":
                install.add(
                    library, options.path, name=options.name, tier=options.tier, licence=options.licence, tell=_tell
                )
            case "convert":
                install.convert(library, options.name, dtype=options.dtype, quantized=options.quantized, tell=_tell)
            case "remove":
                for name in options.names:
                    install.remove(library, name)
    return 0


def _install(library: Library, offer: Offer) -> None:
    model = install.install(library, offer, _tell)
    if model.format == "gguf" and apple_silicon():  # the locked daemon writes nothing here, so it must be made now
        install.convert(library, model.name, dtype=_native_dtype(), quantized=True, tell=_tell)


def _wanted(names: Sequence[str], *, with_tests: bool) -> list[Offer]:
    """The offers by name, or the default ones; those of the tests on top."""
    known = {offer.name: offer for offer in OFFERS}
    if unknown := [name for name in names if name not in known]:
        raise WrongUse(f"There is no model {unknown[0]} to install.", remedy=f"There are: {', '.join(known)}.")
    chosen = [known[name] for name in names] or [offer for offer in OFFERS if offer.default]
    return chosen + [offer for offer in OFFERS if with_tests and offer.tier == "test" and offer not in chosen]


def _list(library: Library, *, as_json: bool) -> int:
    installed, broken = _readable(library)
    offers = [offer for offer in OFFERS if offer.name not in library.names()]
    if as_json:
        document = {
            "folder": str(library.folder),
            "installed": [
                {
                    **json.loads(model.manifest()),
                    "size": model.size,
                    "problems": list(model.problems()),
                }
                for model in installed
            ],
            "broken": broken,
            "available": [{"name": offer.name, "kind": offer.kind, "size": offer.size} for offer in offers],
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return 0
    rows = [(m.name, m.kind, m.format, m.tier, m.size, "; ".join(m.problems()) or "installed") for m in installed]
    rows += [(o.name, o.kind, o.format, o.tier or "", o.size, "can be installed") for o in offers]
    sys.stdout.write(f"{library.folder}\n")
    for name, kind, format_, tier, size, state in rows:
        sys.stdout.write(f"  {name:42} {kind:9} {format_:22} {tier:6} {size / 1e6:>8,.1f} MB  {state}\n")
    for problem in broken:
        sys.stdout.write(f"  {problem}\n")
    return 0


def _readable(library: Library) -> tuple[list[InstalledModel], list[str]]:
    models, broken = [], []
    for name in library.names():
        try:
            models.append(library.read(name))
        except HomebodyError as error:
            broken.append(str(error))
    return models, broken


def _verify(library: Library, names: Sequence[str]) -> int:
    """Tell of every problem of every named model; 1 when there was one."""
    if not names:
        raise WrongUse(f"No model is installed in {library.folder}.", remedy="Run `homebody-models install`.")
    worst = 0
    for name in names:
        try:
            problems = list(library.read(name).problems(deep=True))
        except HomebodyError as error:
            problems = [str(error)]
        for problem in problems:
            worst = 1
            _tell(f"{name}: {problem}. Run `homebody-models remove {name}`, then install or add it again.")
        if not problems:
            _tell(f"{name}: as installed")
    return worst


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time; the kernel gives the lock back when a process is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("another homebody-models is at work; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _native_dtype() -> conversion.Dtype:
    """Metal is fast in float16; an x86 CPU emulates it, ten to forty times slower than float32."""
    return "float16" if apple_silicon() else "float32"


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
