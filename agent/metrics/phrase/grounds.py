"""The ground of an answer as lines to read: how sources were merged, the days, and the samples with what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from agent.metrics.catalogue import catalogue
from agent.metrics.evidence import DayEvidence, Evidence, SampleRow
from agent.metrics.units import rounded, shown
from agent.when.spell import spelled_day


def grounds(found: Evidence) -> Iterator[str]:
    """What `--explain` prints. Everything in it stands in the owner's own exports."""
    yield "How it was counted:"
    yield from (f"  {rule}" for rule in found.rules)
    yield f"Days ({len(found.days)}):"
    yield from (f"  {_day(day)}" for day in found.days)
    yield f"Samples ({len(found.rows)}{'' if found.whole else ', the latest; there are more'}):"
    yield from (f"  {_sample(row)}" for row in found.rows)


def _day(day: DayEvidence) -> str:
    name = catalogue()[day.measure].name
    line = (
        f"{spelled_day(day.day)}  {name}: {shown(day.value, day.unit)} from {day.n} sample{'' if day.n == 1 else 's'}"
    )
    if len(day.shares) < 2:
        return f"{line} ({', '.join(day.sources)})"
    shares = (f"{share.source} said {rounded(share.said)}, counted {rounded(share.counted)}" for share in day.shares)
    return f"{line} ({'; '.join(shares)})"


def _sample(row: SampleRow) -> str:
    length = f"–{row.end:%H:%M}" if row.end != row.start else ""
    label = f" {row.label}" if row.label else ""
    out = f"  not counted: {row.left_out}" if row.left_out else ""
    return f"{row.start:%Y-%m-%d %H:%M}{length}  {row.value:g} {row.unit}{label}  {row.source}{out}"
