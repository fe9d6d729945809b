"""Examines an installation from the outside in: each finding says what is so, and what to do where it is wrong."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any, cast

from agent import config, offline
from agent.config import Places
from agent.errors import HomebodyError
from agent.service.cli import show
from agent.service.cli.client import Client

Finding = dict[str, Any]


def examine(client: Client) -> list[Finding]:
    """All findings, also when the service cannot be reached."""
    places = client.places
    findings = [
        _finding(
            "offline lock", ok=offline.held() is not None, is_so=f"held by {offline.held()}", remedy="Do not go on."
        ),
        *_folders(places),
        _models(places),
        _space(places),
    ]
    try:
        findings += cast("list[Finding]", client.request("GET", "/check")["checks"])
    except HomebodyError as error:
        findings.append(_finding("store", ok=False, is_so=error.problem, remedy=error.remedy))
    return findings


def _finding(name: str, *, ok: bool, is_so: str, remedy: str = "") -> Finding:
    return {"name": name, "ok": ok, "is": is_so, "remedy": "" if ok else remedy}


def _folders(places: Places) -> list[Finding]:
    findings = []
    for name, folder in (("data folder", places.home), ("runtime folder", places.runtime)):
        if not folder.exists():
            findings.append(
                _finding(name, ok=name != "data folder", is_so=f"{folder} is not there", remedy="Run `homebody init`.")
            )
            continue
        found = folder.stat()
        private = not stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.getuid()
        findings.append(_finding(name, ok=private, is_so=str(folder), remedy=f"Run `chmod 700 {folder}`."))
    findings.append(
        _finding("index in RAM", ok=True, is_so="yes" if config.is_ram(places.runtime) else "no: inside the process")
    )
    return findings


def _models(places: Places) -> Finding:
    names = sorted(path.parent.name for path in places.models.glob("*/model.json"))
    return _finding(
        "models",
        ok=bool(names),
        is_so=", ".join(names) or f"none in {places.models}",
        remedy="Run `homebody-models install`.",
    )


def _space(places: Places) -> Finding:
    place: Path = places.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return _finding("free disk space", ok=free > 1 << 30, is_so=show.size(free), remedy="Free at least 1 GB.")


def print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        line = f"{'ok ' if finding['ok'] else 'BAD'} {finding['name']}: {show.inert(finding['is'])}"
        show.out.print(line, style="" if finding["ok"] else "red")
        if finding["remedy"]:
            show.out.print(f"    {finding['remedy']}")
