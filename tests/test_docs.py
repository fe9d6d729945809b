"""The documents are true: what they name exists, and what exists is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import cast

import pytest
import typer
from starlette.routing import Route

from agent.service.api.routes import Api
from agent.service.cli.program import app
from agent.service.daemon import Daemon

HERE = Path(__file__).parent.parent
PAGES = sorted([HERE / "README.md", *(HERE / "docs").glob("*.md")])
PROGRAMS = ("homebody", *tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["scripts"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_and_link_exists(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"`((?:agent|indexers|tests|examples|docs)/[\w./-]*)`", text)
    named += [str((page.parent / link).relative_to(HERE)) for link in re.findall(r"\]\((?!https?:)([\w./-]+)\)", text)]
    assert [name for name in named if not (HERE / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    group = cast("typer.core.TyperGroup", typer.main.get_command(app))
    said = re.findall(r"(?:`|\$ )(homebody(?:-\w+)?) ([a-z]+)", page.read_text())
    assert [f"{program} {word}" for program, word in said if program == "homebody" and word not in group.commands] == []
    assert {program for program, _ in said} <= set(PROGRAMS)


def test_every_route_is_in_the_page_of_the_api_and_no_other() -> None:
    api = Api(cast("Daemon", _Nobody()), stop=lambda: None)
    routes = {
        f"{method} {route.path}"
        for route in api.app().routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    listed = re.findall(
        r"^\| `((?:GET|POST|PATCH|DELETE) [^`]+)` \|", (HERE / "docs" / "api.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(routes)


class _Nobody:
    """A daemon that is never asked."""

    def zone(self) -> None:
        raise AssertionError
