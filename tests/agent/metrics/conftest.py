"""An empty sample store in memory and batches made from plain rows."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

import apsw
import pytest

from agent.store.samples import SAMPLES_SCHEMA, Samples
from indexers.record import SampleBatch

Row = tuple[str, str, float] | tuple[str, str, float, str]


def batch(
    measure: str, rows: Sequence[Row], *, unit: str = "count", source: str = "Watch", device: str = ""
) -> SampleBatch:
    """Rows are (start, end, value[, label]) with ISO 8601 times that carry an offset."""
    starts = [datetime.fromisoformat(row[0]) for row in rows]
    ends = [datetime.fromisoformat(row[1]) for row in rows]
    labels = tuple(dict.fromkeys(row[3] for row in rows if len(row) == 4))
    return SampleBatch(
        measure=measure,
        unit=unit,
        source=source,
        device=device,
        start=array("q", [int(start.timestamp() * 1000) for start in starts]),
        end=array("q", [int(end.timestamp() * 1000) for end in ends]),
        offset=array("h", [int((start.utcoffset() or start - start).total_seconds() // 60) for start in starts]),
        value=array("d", [row[2] for row in rows]),
        labels=labels,
        label=array("H", [labels.index(row[3]) for row in rows if len(row) == 4]),
    )


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL)")
    connection.execute("INSERT INTO item VALUES(1, 1), (2, 1), (3, 0)")
    connection.execute(SAMPLES_SCHEMA)
    yield connection
    connection.close()


@pytest.fixture
def samples(db: apsw.Connection) -> Samples:
    return Samples(db)


@pytest.fixture(name="batch", scope="session")
def _batch() -> object:
    return batch
