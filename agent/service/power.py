"""Whether the machine draws on a battery, so that what can wait is done less often."""

from __future__ import annotations

import ctypes
import sys
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
