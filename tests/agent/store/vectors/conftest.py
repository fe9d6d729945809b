"""Indexes over stores on disk, with their folder in RAM."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex

Opened = Callable[..., VectorIndex]


@pytest.fixture
def ram() -> Iterator[Path]:
    """A folder in RAM where the system has one."""
    root = Path("/dev/shm")
    if not root.is_dir():
        pytest.skip("no RAM-backed folder here")
    folder = root / f"homebody-test-{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def opened(tmp_path: Path, ram: Path) -> Iterator[Opened]:
    """Open an index over a store; each is closed at the end."""
    made: list[VectorIndex] = []

    def index(store: Store, *, kind: Literal["ram", "memory"] = "ram", model: str = "seeded-8") -> VectorIndex:
        home = IndexHome(
            kind=kind,
            folder=ram / "index",
            snapshot=tmp_path / "life" / "index.sealed",
            key=CompartmentKey(bytes(range(32))).use("snapshot"),
        )
        index = VectorIndex(store, home, model=model, dimensions=8)
        made.append(index)
        return index

    yield index
    for index_ in made:
        index_.close()
