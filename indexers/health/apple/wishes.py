"""What the owner can ask for beyond the usual."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the owner asked for beyond the usual: distance and place of routes, single heartbeats."""

    routes: bool = False
    beats: bool = False
