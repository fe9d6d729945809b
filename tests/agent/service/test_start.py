"""The command line starts in a blink because it loads next to nothing; the interpreter itself is asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.owner import Owner

pytestmark = pytest.mark.models

HEAVY = {
    "agent.answer", "agent.homebody", "agent.models", "agent.retrieval", "agent.store", "apsw", "chromadb",
    "cryptography", "httpx", "numpy", "onnxruntime", "pydantic", "rich.console", "starlette", "torch", "uvicorn",
}  # fmt: skip
PROGRAM = """
import sys
sys.argv[0] = "homebody"
from agent.service.launch import command_line
try:
    command_line()
finally:
    sys.stderr.write("LOADED " + " ".join(sys.modules))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status"], ["search", "tent"]])
def test_the_command_line_loads_next_to_nothing(served: Owner, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, *arguments], env=served.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.rpartition("LOADED ")[2].split())
    assert "agent.service.cli" in loaded
    assert loaded & HEAVY == set()
