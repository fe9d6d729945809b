"""Prints the requirements of one dependency group of pyproject.toml (pip learned `--group` in 25.1; venvs may be older)."""

import sys
import tomllib
from pathlib import Path

print("\n".join(tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"][sys.argv[1]]))
