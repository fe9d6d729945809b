"""Exports small enough to read by eye, packed as zips, and the reading of them under the contract's rules."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from indexers.contract import check_source
from indexers.health.apple import AppleHealth
from indexers.record import Record, Skipped

Pack = Callable[..., Path]
Read = Callable[[Path], list[Record | Skipped]]

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (ExportDate,Me)>\n]>\n'
    '<HealthData locale="en_DE">\n <ExportDate value="2024-07-01 09:00:00 +0200"/>\n'
)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Wrap elements into an export.xml and zip it, with other members beside it."""

    def write(
        body: str = "",
        *,
        xml: str | bytes | None = None,
        name: str = "apple_health_export/export.xml",
        more: Mapping[str, str | bytes] | None = None,
    ) -> Path:
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, f"{HEAD}{body}</HealthData>\n" if xml is None else xml)
            for member, content in (more or {}).items():
                archive.writestr(member, content)
        return path

    return write


@pytest.fixture
def read() -> Read:
    """Everything that one path yields, after check_source found no broken rule."""
    return lambda path: check_source(AppleHealth(name="health", path=path, options={}))
