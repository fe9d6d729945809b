"""Owners for the tests of the promises: a new one, one with an indexed life, and one whose daemon all tests ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.owner import Owner, settled


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    """Somebody who has nothing yet."""
    return Owner(tmp_path)


@pytest.fixture
def resident(tmp_path: Path) -> Owner:
    """Somebody with an indexed life of their own, which a test may change; no daemon runs."""
    return settled(tmp_path, own_life=True)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """Somebody with an indexed life and a daemon; shared, so only asked."""
    one = settled(tmp_path_factory.mktemp("served"))
    with one.daemon():
        yield one
