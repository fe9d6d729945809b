"""What all tests share: the flag that runs the long forms; owners: a new one, one with an indexed life, one served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.owner import Owner, settled


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="also run the long forms of tests marked `large`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests first, so that two processes end together; their long forms only when asked for."""
    items.sort(key=lambda item: item.get_closest_marker("models") is None)
    if not config.getoption("--large"):
        for item in items:
            if item.get_closest_marker("large"):
                item.add_marker(pytest.mark.skip(reason="long form; run with --large"))


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
