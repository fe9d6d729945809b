"""Times as Health exports write them: Unix milliseconds and the minutes east of UTC beside them."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from indexers.record import SampleBatch

MINUTE = 60_000
DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FURTHEST = 18 * 60
"""ISO 8601 and Java allow 18 hours; the widest zone that people live in is 14."""

# Today's form, that of iOS 8 (20150616071916-0700), and ISO 8601 as third parties write it.
_MOMENT = re.compile(
    rb"(\d{4})-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)(?:[.,]\d+)? ?(?:([+-]\d\d):?(\d\d)|Z)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` to `end` (Unix ms), and the minutes east of UTC at the start."""

    start: int
    end: int
    offset: int

    def minutes(self, first: float, last: float) -> Span:
        """The part from the minute `first` to the minute `last`, counted from the start."""
        start = self.start + round(first * MINUTE)
        return Span(start=start, end=max(start, self.start + round(last * MINUTE)), offset=self.offset)


def instant(text: str | bytes) -> tuple[int, int]:
    """Any form of time an export is known to hold, as (Unix milliseconds, minutes east of UTC).

    Raises ValueError for everything else; a time without an offset is no instant and is refused too.
    """
    found = _MOMENT.fullmatch((text.encode() if isinstance(text, str) else text).strip())
    if found is None:
        raise ValueError("not a time with an offset")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if minute > 59 or second > 60:
        raise ValueError("not a time of day")
    offset = 0 if found[7] is None else _offset(found[7], found[8])
    local = _milliseconds(year, month, day, hour) + minute * MINUTE + min(second, 59) * 1000
    return local - offset * MINUTE, offset


def local_time(milliseconds: int, offset: int) -> datetime:
    """The aware local time of an instant. Raises ValueError outside the years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(timezone(timedelta(minutes=offset)))
    except OverflowError as error:
        raise ValueError("not a year of our calendar") from error


def zone_offset(milliseconds: int, zone: str) -> int | None:
    """Minutes east of UTC that a zone ("Europe/Berlin") had at an instant; None when there is no such zone."""
    known = _zone(zone)
    if known is None:
        return None
    whole = _on_day(milliseconds // DAY, zone)
    return _at(milliseconds, known) if whole is None else whole


@lru_cache(maxsize=4096)
def _on_day(day: int, zone: str) -> int | None:
    """The offset that a zone kept from one midnight in UTC to the next; None where it changed, or is not known."""
    known = _zone(zone)
    if known is None:
        return None
    first, last = _at(day * DAY, known), _at(day * DAY + DAY, known)
    return first if first == last else None


def _at(milliseconds: int, zone: ZoneInfo) -> int | None:
    try:
        distance = (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone).utcoffset()
    except OverflowError:
        return None
    return None if distance is None else round(distance.total_seconds() / 60)


def midnight(day: date) -> int:
    """Milliseconds from 1970 to the start of a day, as if that day were UTC's."""
    return (day.toordinal() - _EPOCH_DAY) * DAY


class OffsetHistory:
    """Which offset the export's samples had when, to place days that come without any offset (activity rings)."""

    def __init__(self) -> None:
        self._points: dict[int, int] = {}
        self._order: list[int] = []

    def learn(self, batch: SampleBatch) -> None:
        """Note the offsets at both ends of a batch, and on both sides of each change inside it."""
        if len(self._points) > 100_000:
            return
        starts, offsets = batch.start, batch.offset
        rows = {0, len(starts) - 1}
        if min(offsets) != max(offsets):
            changes = [row for row in range(1, len(offsets)) if offsets[row] != offsets[row - 1]]
            rows.update(changes, (row - 1 for row in changes))
        self._points.update({starts[row]: offsets[row] for row in rows})

    def at(self, day: date, *, default: int) -> int:
        """Minutes east of UTC at the local midnight that begins `day`: those of the last sample before it."""
        if len(self._order) != len(self._points):
            self._order = sorted(self._points)
        if not self._order:
            return default
        place = bisect_right(self._order, midnight(day) - default * MINUTE)
        return self._points[self._order[max(place - 1, 0)]]


def _milliseconds(year: int, month: int, day: int, hour: int) -> int:
    if hour > 23:
        raise ValueError("not an hour of a day")
    return (date(year, month, day).toordinal() - _EPOCH_DAY) * DAY + hour * 60 * MINUTE


def _offset(hours: bytes, minutes: bytes) -> int:
    size = int(hours[1:]) * 60 + int(minutes)
    if size > _FURTHEST:
        raise ValueError("not an offset from UTC")
    return -size if hours[:1] == b"-" else size


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # no such zone, no name of a zone, a folder of zones
        return None
