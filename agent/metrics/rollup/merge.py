"""Samples of one measure from several sources become one truth per local day. Pure; vectorised over a month."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from agent.metrics.catalogue import Measure
from agent.metrics.units import conversion
from agent.vocabulary import DayRollup, Series

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINUTE_MS, DAY_MS = 60_000, 86_400_000
LONGEST_MS = 31 * DAY_MS
_EPOCH = date(1970, 1, 1).toordinal()
_HOUR_MS = 60 * MINUTE_MS
# The years 1900 to 2200: what lies outside is a broken date.
_EARLIEST_MS, _LATEST_MS = -25_567 * DAY_MS, 84_006 * DAY_MS

Priority = Mapping[str, int]
"""The owner's own order of sources by name, smallest first; names that are not in it keep their class (0, 1, 2)."""


def order(names: Sequence[str]) -> Priority:
    """The owner's order as ranks before every class: the first name counts first."""
    return {plain_name(name): at - len(names) for at, name in enumerate(names)}


def plain_name(source: str) -> str:
    """The name of a source as rows carry it: Apple's no-break spaces are spaces."""
    return " ".join(unicodedata.normalize("NFKC", source).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Usable samples of one measure in its canonical unit, ascending by start; shapes (n,).

    `source` indexes `names` and `ranks` (0 a watch, 1 a phone, 2 others); `label` indexes `labels` (-1: none).
    """

    start: Ints
    end: Ints
    offset: Ints
    value: Floats
    source: Ints
    label: Ints
    names: tuple[str, ...]
    ranks: tuple[int, ...]
    labels: tuple[str, ...]

    def day(self) -> Ints:
        """The local day of each start as an ordinal."""
        return day_of(self.start, self.offset)

    def take(self, at: NDArray[np.bool_] | Ints) -> Rows:
        """The rows at a mask or at indices."""
        return Rows(
            start=self.start[at], end=self.end[at], offset=self.offset[at], value=self.value[at],
            source=self.source[at], label=self.label[at], names=self.names, ranks=self.ranks, labels=self.labels,
        )  # fmt: skip


def day_of(utc_ms: Ints, offset_min: Ints) -> Ints:
    """Local day ordinals (as of `date.toordinal`) of Unix milliseconds and minutes east of UTC."""
    days: Ints = (utc_ms + offset_min * MINUTE_MS) // DAY_MS + _EPOCH
    return days


def rank_of(source: str, device: str) -> int:
    """The class of a source: 0 a watch, 1 a phone, 2 any other. The device decides first: owners rename watches."""
    for text in (_folded(device), _folded(source)):
        if "watch" in text:
            return 0
        if "iphone" in text or "phone" in text:
            return 1
    return 2


def _folded(name: str) -> str:
    return plain_name(name).casefold()


def usable(series: Iterable[Series], measure: Measure, *, priority: Priority | None = None) -> Rows:
    """Rows that statistics may use: known unit, plausible, not endless, each once a source.

    Rows of unknown units, NaN, values outside the plausible range, broken dates and samples longer than 31 days stay
    in the store but out of every number.
    """
    parts: list[Rows] = []
    sources: dict[tuple[str, int], int] = {}
    labels: dict[str, int] = {}
    for one in series:
        scale = _scale(one, measure)
        if scale is None:
            continue
        name = plain_name(one.source)
        rank = (priority or {}).get(name, rank_of(one.source, one.device))
        code = sources.setdefault((name, rank), len(sources))
        table = np.array([labels.setdefault(label, len(labels)) for label in one.labels] or [-1], np.int64)
        n = len(one.start)
        parts.append(
            Rows(
                start=one.start,
                end=one.end,
                offset=one.offset.astype(np.int64),
                value=one.value * scale[0] + scale[1],
                source=np.full(n, code, np.int64),
                label=table[one.label] if len(one.label) else np.full(n, -1, np.int64),
                names=(),
                ranks=(),
                labels=(),
            )
        )
    names, ranks = tuple(name for name, _ in sources), tuple(rank for _, rank in sources)
    rows = Rows(
        start=_whole([p.start for p in parts]), end=_whole([p.end for p in parts]),
        offset=_whole([p.offset for p in parts]), value=np.concatenate([p.value for p in parts] or [np.empty(0)]),
        source=_whole([p.source for p in parts]), label=_whole([p.label for p in parts]),
        names=names, ranks=ranks, labels=tuple(labels),
    )  # fmt: skip
    return _once(rows.take(~_broken(rows.start, rows.end, rows.value) & _plausible(rows.value, measure)))


def judged(series: Series, measure: Measure) -> list[str]:
    """Why each row of a series is out of every number, in words; "" for those that are in."""
    scale = _scale(series, measure)
    if scale is None:
        return [f"the unit {series.unit!r} is not known for this measure"] * len(series.start)
    value = series.value * scale[0] + scale[1]
    broken, plausible = _broken(series.start, series.end, value), _plausible(value, measure)
    seen: set[tuple[int, int, float, int]] = set()
    out = []
    for i, start in enumerate(series.start.tolist()):
        key = (start, int(series.end[i]), float(value[i]), int(series.label[i]) if len(series.label) else -1)
        why = "a broken date or length" if broken[i] else "" if plausible[i] else "a value that cannot be true"
        out.append(why or ("an exact copy" if key in seen else ""))
        seen.add(key)
    return out


def _scale(series: Series, measure: Measure) -> tuple[float, float] | None:
    plain = not series.unit or measure.rollup in ("count", "sleep") or measure.merge == "interval_union"
    return (1.0, 0.0) if plain else conversion(series.unit, measure.unit, measure=measure.id)


def _broken(start: Ints, end: Ints, value: Floats) -> NDArray[np.bool_]:
    length = end - start
    dated = (start > _EARLIEST_MS) & (end < _LATEST_MS)
    broken: NDArray[np.bool_] = ~(dated & (length >= 0) & (length <= LONGEST_MS) & np.isfinite(value))
    return broken


def _plausible(value: Floats, measure: Measure) -> NDArray[np.bool_]:
    plausible: NDArray[np.bool_] = (value >= measure.low) & (value <= measure.high)
    return plausible


def _whole(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _once(rows: Rows) -> Rows:
    """Drop exact duplicates (source, start, end, value, label); ascending by start, later rows of one start last."""
    order = np.lexsort((rows.label, rows.value, rows.end, rows.start, rows.source))
    keys = (rows.source, rows.start, rows.end, rows.label, rows.value)
    same = np.ones(max(len(order) - 1, 0), bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    kept = np.sort(order[np.concatenate([np.ones(min(len(order), 1), bool), ~same])])
    return rows.take(kept[np.argsort(rows.start[kept], kind="stable")])


def by_day(rows: Rows, measure: Measure) -> list[DayRollup]:
    """Rollups of samples that do not compete (a vital sign, a meal): each belongs to the day it starts in.

    `mean` follows the measure: of hourly means for the heart rate, of the latest value where there is one a day, the
    energetic mean weighted by length for sound levels, else the plain mean. `total` is the sum, for durations minutes.
    """
    if not len(rows.start):
        return []
    order = np.argsort(rows.day(), kind="stable")
    rows = rows.take(order)
    ordinals = rows.day()
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(ordinals)) + 1])
    ends = np.append(cuts[1:], len(ordinals))
    counts = ends - cuts
    total = np.add.reduceat(rows.value, cuts)
    low, high = np.minimum.reduceat(rows.value, cuts), np.maximum.reduceat(rows.value, cuts)
    last = rows.value[ends - 1]
    names = _names(rows, counts)
    match measure.rollup:
        case "hourly":
            mean = _hourly(rows, ordinals)
        case "leq":
            mean = _energetic(rows, cuts)
        case "last":
            mean = last
        case _:
            mean = total / counts
    return [
        DayRollup(
            measure=measure.id, day=date.fromordinal(int(ordinals[a])), n=int(b - a), total=float(total[i]),
            raw=float(total[i]), mean=float(mean[i]), low=float(low[i]), high=float(high[i]), last=float(last[i]),
            sources=names[i],
        )
        for i, (a, b) in enumerate(zip(cuts.tolist(), ends.tolist(), strict=True))
    ]  # fmt: skip


def _names(rows: Rows, counts: Ints) -> list[tuple[str, ...]]:
    """The names of the sources of each stretch of `counts` rows, sorted."""
    if len(rows.names) == 1:
        return [rows.names] * len(counts)
    ranked = sorted(range(len(rows.names)), key=rows.names.__getitem__)
    place = np.argsort(np.array(ranked, np.int64))
    pairs = np.unique(np.repeat(np.arange(len(counts)), counts) * len(ranked) + place[rows.source])
    found: list[list[str]] = [[] for _ in range(len(counts))]
    for stretch, at in zip(*(column.tolist() for column in np.divmod(pairs, len(ranked))), strict=True):
        found[stretch].append(rows.names[ranked[at]])
    return [tuple(dict.fromkeys(names)) for names in found]


def _hourly(rows: Rows, ordinals: Ints) -> Floats:
    """The mean of hourly means: heart rates are sampled up to sixty times denser in workouts than at rest."""
    hours, inverse = np.unique((rows.start + rows.offset * MINUTE_MS) // _HOUR_MS, return_inverse=True)
    means = np.bincount(inverse, rows.value) / np.bincount(inverse)
    days, index = np.unique(hours // 24 + _EPOCH, return_inverse=True)
    per_day: Floats = np.bincount(index, means) / np.bincount(index)
    return per_day[np.searchsorted(days, np.unique(ordinals))]


def _energetic(rows: Rows, cuts: Ints) -> Floats:
    """Equivalent continuous level: 10·log10(Σ d·10^(L/10) / Σ d), d the length of a sample, one second at least."""
    length = np.maximum(rows.end - rows.start, 1000).astype(np.float64)
    energy = np.add.reduceat(length * 10 ** (rows.value / 10), cuts) / np.add.reduceat(length, cuts)
    level: Floats = 10 * np.log10(energy)
    return level


def covered(rows: Rows) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Starts and ends of the times that any of some rows covers, apart from each other, and which rows begin one."""
    reach = np.maximum.accumulate(rows.end)
    fresh = np.concatenate([[True], rows.start[1:] > reach[:-1]])
    return rows.start[fresh], np.maximum.reduceat(rows.end, np.flatnonzero(fresh)), fresh


def by_union(rows: Rows, measure: Measure) -> list[DayRollup]:
    """Minutes covered by any sample, sources together, each stretch on the day it starts in (mindful minutes)."""
    if not len(rows.start):
        return []
    start, end, fresh = covered(rows)
    group = np.cumsum(fresh) - 1
    minutes = (end - start) / MINUTE_MS
    ordinals = rows.day()
    length = (rows.end - rows.start) / MINUTE_MS
    out = []
    for ordinal in np.unique(ordinals[fresh]).tolist():
        mine = ordinals[fresh] == ordinal
        members = np.isin(group, np.flatnonzero(mine))
        out.append(
            DayRollup(
                measure=measure.id,
                day=date.fromordinal(ordinal),
                n=int(mine.sum()),
                total=float(minutes[mine].sum()),
                raw=float(length[members].sum()),
                mean=float(minutes[mine].mean()),
                low=float(minutes[mine].min()),
                high=float(minutes[mine].max()),
                last=float(minutes[mine][-1]),
                sources=tuple(sorted({rows.names[s] for s in set(rows.source[members].tolist())})),
            )
        )
    return out


def folded(rows: Rows) -> Rows:
    """Workouts with copies from other apps dropped: same label, other source, over half of the shorter one in common.

    The better source is kept; of one class the longer workout.
    """
    order = np.lexsort((rows.start, rows.start - rows.end, np.array(rows.ranks, np.int64)[rows.source]))
    start, end, source = rows.start.tolist(), rows.end.tolist(), rows.source.tolist()
    kept: list[int] = []
    near: dict[tuple[int, int], list[int]] = {}
    """What is kept, by label and day."""
    for i in order.tolist():
        keys = [(int(rows.label[i]), day) for day in range(start[i] // DAY_MS, end[i] // DAY_MS + 1)]
        for j in (j for key in keys for j in near.get(key, ())):
            common = min(end[i], end[j]) - max(start[i], start[j])
            if source[i] != source[j] and common * 2 > min(end[i] - start[i], end[j] - start[j]):
                break
        else:
            kept.append(i)
            for key in keys:
                near.setdefault(key, []).append(i)
    return rows.take(np.array(sorted(kept), np.int64))
