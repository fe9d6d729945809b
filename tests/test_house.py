"""The house keeps its plan: who may import whom, how large a file and a folder may be, and which names are no nouns."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = {"agent": 400, "indexers": 400, "examples": 400, "tests": 500}
MODULES = 9
NO_NOUNS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers", "tools", "stuff"}


def modules(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def test_imports_keep_to_the_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_engine_database_and_socket_has_its_place_in_a_contract() -> None:
    """A contract that forbids nothing would hold for ever: these must be named in one."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    forbidden = {name for contract in settings["contracts"] for name in contract.get("forbidden_modules", ())}
    named = {"apsw", "chromadb", "mlx", "mlx_lm", "xllamacpp", "sentence_transformers", "onnxruntime", "socket", "http"}
    assert named <= forbidden


@pytest.mark.parametrize("top", LINES)
def test_no_file_is_too_long(top: str) -> None:
    long = {str(path.relative_to(ROOT)): n for path in modules(top) if (n := path.read_text().count("\n")) > LINES[top]}
    assert long == {}


def test_no_folder_is_too_full() -> None:
    folders: dict[Path, int] = {}
    for path in modules("agent", "indexers"):
        if path.name not in ("__init__.py", "__main__.py"):
            folders[path.parent] = folders.get(path.parent, 0) + 1
    assert {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if n > MODULES} == {}


def test_every_name_is_a_noun_of_the_field() -> None:
    assert [str(path) for path in modules("agent", "indexers", "tests") if path.stem in NO_NOUNS] == []


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path in modules("agent", "indexers") if not path.read_text().startswith('"""')]
    assert silent == []
