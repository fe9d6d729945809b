"""Whether the machine draws on a battery, so that what can wait is done less often, and whether it slept."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path

_SUPPLIES = Path("/sys/class/power_supply")
_IOKIT = "/System/Library/Frameworks/IOKit.framework/IOKit"
_UNLIMITED = -2.0
"""What macOS gives for the time that is left while the machine is plugged in."""


def on_battery(supplies: Path = _SUPPLIES) -> bool:
    """True where the system says so; False where it cannot be told. The macOS part is unverified on macOS."""
    if sys.platform == "darwin":
        return _minutes_left() != _UNLIMITED
    try:
        online = [(supply / "online").read_text().strip() for supply in _of_kind(supplies, "Mains", "USB")]
        batteries = _of_kind(supplies, "Battery")
    except OSError:
        return False
    return bool(batteries) and "1" not in online


def _of_kind(supplies: Path, *kinds: str) -> list[Path]:
    return [supply for supply in supplies.iterdir() if (supply / "type").read_text().strip() in kinds]


def _minutes_left() -> float:
    try:
        estimate = ctypes.CDLL(_IOKIT).IOPSGetTimeRemainingEstimate
    except (OSError, AttributeError):
        return _UNLIMITED
    estimate.restype = ctypes.c_double
    left: float = estimate()
    return left


_AWAKE: int = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)
"""The clock that stands still while the machine sleeps, on macOS (unverified there) and on Linux."""
_NAP = 30.0
"""Seconds; a clock that is put right by less is no sleep, and by more one look too many."""


class Slumber:
    """Notices that the machine slept: the wall clock went on while the other stood still."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, awake: Callable[[], float] = lambda: time.clock_gettime(_AWAKE)
    ) -> None:
        self._wall = wall
        self._awake = awake
        self._apart = wall() - awake()

    def ended(self) -> bool:
        """Whether there was a sleep since this was asked last."""
        before, self._apart = self._apart, self._wall() - self._awake()
        return self._apart - before > _NAP
