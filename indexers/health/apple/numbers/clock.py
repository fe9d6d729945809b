"""Many times of today's form at once: columns of digits instead of one parse a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

_FORM = b"0000-00-00 00:00:00 +0000"
_DIGITS = np.array([place for place, sign in enumerate(_FORM) if sign == ord("0")])
_SIGNS = np.array([place for place, sign in enumerate(_FORM) if sign in b"- :"])
_SIGN_BYTES = np.frombuffer(_FORM, np.uint8)[_SIGNS][:, None]
_EAST = _FORM.index(b"+")
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FURTHEST = 18 * 60
_EPOCH_DAY = 719_468  # days from 1 March of year 0 to 1 January 1970


def instants(written: Sequence[bytes]) -> tuple[Longs, Longs] | None:
    """Times "YYYY-MM-DD HH:MM:SS +HHMM" as (Unix milliseconds, minutes east of UTC); None if one is no such time."""
    whole = b"".join(written)
    if len(whole) != len(_FORM) * len(written):
        return None
    rows = np.frombuffer(whole, np.uint8).reshape(-1, len(_FORM)).T
    digits = rows[_DIGITS] - np.uint8(ord("0"))  # what is below "0" wraps around to more than 9
    east = rows[_EAST]
    if digits.max() > 9 or (rows[_SIGNS] != _SIGN_BYTES).any() or ((east != ord("+")) & (east != ord("-"))).any():
        return None
    d = digits.astype(np.int64)
    year, month, day = ((d[0] * 10 + d[1]) * 10 + d[2]) * 10 + d[3], d[4] * 10 + d[5], d[6] * 10 + d[7]
    hour, minute, second = d[8] * 10 + d[9], d[10] * 10 + d[11], d[12] * 10 + d[13]
    offset = (d[14] * 10 + d[15]) * 60 + d[16] * 10 + d[17]
    if hour.max() > 23 or minute.max() > 59 or second.max() > 59 or offset.max() > _FURTHEST:
        return None
    if year.min() < 1 or month.min() < 1 or month.max() > 12 or day.min() < 1:
        return None
    leap = (month == 2) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    if (day > _DAYS[month] + leap).any():
        return None
    offset[east == ord("-")] *= -1
    seconds = _day_number(year, month, day) * 86_400 + (hour * 60 + minute - offset) * 60 + second
    return cast("Longs", seconds * 1000), offset


def _day_number(year: Longs, month: Longs, day: Longs) -> Longs:
    """Days since 1970 in the Gregorian calendar, with years that begin in March so that the leap day comes last."""
    year = year - (month < 3)
    since_march = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return cast("Longs", year * 365 + year // 4 - year // 100 + year // 400 + since_march - _EPOCH_DAY)
