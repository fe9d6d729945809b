"""Blocks come back as they went in, newer exports replace by month, and what is staged is not seen."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import date

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.samples import SAMPLE_SPANS, SAMPLES_SCHEMA, Samples, month_days, month_of
from agent.vocabulary import DayRollup
from indexers.record import SampleBatch

EVER = (-(1 << 62), 1 << 62)
DAY = 86_400_000
MARCH = 1_772_323_200_000  # 2026-03-01T00:00:00Z
APRIL = 1_775_001_600_000


def opened() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL)")
    connection.execute("INSERT INTO item VALUES(1, 1), (2, 1), (3, 0)")
    connection.execute(SAMPLES_SCHEMA)
    return connection


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    connection = opened()
    yield connection
    connection.close()


def batch(starts: list[int], values: list[float], *, source: str = "Watch", measure: str = "steps") -> SampleBatch:
    return SampleBatch(
        measure=measure,
        unit="count",
        source=source,
        start=array("q", starts),
        end=array("q", [start + 1000 for start in starts]),
        offset=array("h", [0] * len(starts)),
        value=array("d", values),
    )


def values(samples: Samples, measure: str = "steps", span: tuple[int, int] = EVER) -> list[float]:
    return sorted(value for series in samples.series(measure, *span) for value in series.value.tolist())


ROWS = st.lists(
    st.tuples(
        st.integers(min_value=-DAY * 200, max_value=DAY * 20_000),
        st.integers(min_value=0, max_value=DAY),
        st.integers(min_value=-720, max_value=840),
        st.floats(allow_nan=False, width=64),
        st.sampled_from(["Asleep", "Awake", "InBed"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(ROWS)
def test_rows_come_back_exactly(rows: list[tuple[int, int, int, float, str]]) -> None:
    connection = opened()
    samples = Samples(connection)
    for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        names = tuple(dict.fromkeys(row[4] for row in part))
        samples.add(
            1,
            SampleBatch(
                measure="sleep",
                unit="",
                source="Watch",
                device="d",
                start=array("q", [row[0] for row in part]),
                end=array("q", [row[0] + row[1] for row in part]),
                offset=array("h", [row[2] for row in part]),
                value=array("d", [row[3] for row in part]),
                labels=names,
                label=array("H", [names.index(row[4]) for row in part]),
            ),
        )
    back = [
        (start, end - start, offset, value, series.labels[label])
        for series in samples.series("sleep", *EVER)
        for start, end, offset, value, label in zip(
            series.start.tolist(), series.end.tolist(), series.offset.tolist(), series.value.tolist(),
            series.label.tolist(), strict=True,
        )
    ]  # fmt: skip
    assert sorted(back) == sorted(rows)
    connection.close()


def test_small_batches_of_a_month_share_a_block(db: apsw.Connection) -> None:
    samples = Samples(db)
    for day in range(20):
        samples.add(1, batch([MARCH + day * DAY], [float(day)]))
    assert list(db.execute("SELECT n FROM sample_block")) == [(20,)]
    assert values(samples) == [float(day) for day in range(20)]


def test_a_batch_is_cut_by_local_month(db: apsw.Connection) -> None:
    samples = Samples(db)
    local = batch([APRIL - 1800_000, APRIL - 5400_000], [1.0, 2.0])
    local.offset[0] = local.offset[1] = 60
    samples.add(1, local)
    months = [month_of(date(2026, 3, 1)), month_of(date(2026, 4, 1))]
    assert list(db.execute("SELECT month, n FROM sample_block ORDER BY month")) == [(months[0], 1), (months[1], 1)]


def test_only_what_overlaps_the_range(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(1, batch([MARCH, MARCH + 1000, MARCH + 5000], [1.0, 2.0, 3.0]))
    assert values(samples, span=(MARCH + 1000, MARCH + 5000)) == [2.0]
    assert values(samples, span=(MARCH + 1500, MARCH + 5001)) == [2.0, 3.0]
    assert values(samples, "other") == []


def test_staged_items_are_not_seen_and_keep_their_marks(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(3, batch([MARCH], [7.0]))
    assert (values(samples), samples.measures(), samples.dirty()) == ([], (), ())
    db.execute("UPDATE item SET live = 1 WHERE id = 3")
    assert values(samples) == [7.0]
    assert samples.dirty() == (("steps", month_of(date(2026, 3, 1))),)


def test_a_newer_export_replaces_its_months_and_keeps_the_others(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(1, batch([MARCH, MARCH + DAY, APRIL], [1.0, 2.0, 3.0]))
    # A row of April was corrected, March is not in the newer export at all.
    samples.add(2, batch([APRIL, APRIL + DAY], [30.0, 40.0]))
    assert values(samples) == [1.0, 2.0, 30.0, 40.0]
    # Another source of the same months competes with nobody.
    samples.add(1, batch([APRIL], [5.0], source="Phone"))
    assert values(samples) == [1.0, 2.0, 5.0, 30.0, 40.0]


def test_an_older_export_imported_later_changes_nothing_it_does_not_reach(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(1, batch([MARCH + DAY, MARCH + 20 * DAY], [2.0, 3.0]))
    samples.add(2, batch([MARCH - DAY, MARCH + DAY], [1.0, 9.0]))
    assert values(samples) == [1.0, 2.0, 3.0]


def test_a_row_of_the_year_2100_does_not_make_an_old_export_the_newest(db: apsw.Connection) -> None:
    samples = Samples(db)
    far = 4_102_444_800_000
    samples.add(1, batch([MARCH, MARCH + DAY, far], [1.0, 2.0, 9.0]))
    samples.add(2, batch([MARCH, MARCH + 3 * DAY], [5.0, 6.0]))
    assert values(samples, span=(MARCH, APRIL)) == [5.0, 6.0]
    assert values(samples) == [5.0, 6.0, 9.0]


def test_forgetting_brings_the_older_export_back(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(1, batch([MARCH], [1.0]))
    samples.add(2, batch([MARCH, MARCH + DAY], [5.0, 6.0]))
    for measure, month in samples.dirty():
        samples.settle(measure, month)
    assert samples.forget(2) == 2
    assert values(samples) == [1.0]
    assert ("steps", month_of(date(2026, 3, 1))) in samples.dirty()
    assert list(db.execute("SELECT count(*) FROM sample_block WHERE item = 2")) == [(0,)]


def test_superseded_blocks_can_be_deleted_without_changing_answers(db: apsw.Connection) -> None:
    samples = Samples(db)
    samples.add(1, batch([MARCH, APRIL], [1.0, 2.0]))
    samples.add(2, batch([APRIL, APRIL + DAY], [2.0, 3.0]))
    before = values(samples)
    assert samples.supersede() == 1
    assert values(samples) == before == [1.0, 2.0, 3.0]
    assert samples.supersede() == 0


def test_extent_and_measures(db: apsw.Connection) -> None:
    samples = Samples(db)
    assert samples.extent("steps") is None
    samples.add(1, batch([MARCH, APRIL], [1.0, 2.0]))
    assert samples.extent("steps") == (MARCH, APRIL + 1000)
    assert samples.measures() == ("steps",)


def test_unequal_columns_are_refused(db: apsw.Connection) -> None:
    broken = batch([MARCH, APRIL], [1.0])
    with pytest.raises(ValueError, match="equally long"):
        Samples(db).add(1, broken)


def test_rollups_are_replaced_by_month(db: apsw.Connection) -> None:
    samples = Samples(db)

    def row(day: date, total: float) -> DayRollup:
        return DayRollup(
            measure="steps", day=day, n=1, total=total, raw=total, mean=total, low=total, high=total, last=total,
            sources=("Phone", "Watch"),
        )  # fmt: skip

    month = month_of(date(2026, 3, 1))
    samples.write_rollups("steps", range(month, month + 1), [row(date(2026, 3, 1), 1.0), row(date(2026, 3, 31), 2.0)])
    samples.write_rollups("steps", range(month + 1, month + 2), [row(date(2026, 4, 1), 3.0)])
    samples.write_rollups("steps", range(month, month + 1), [row(date(2026, 3, 2), 5.0)])
    assert list(samples.days("steps", None, None)) == [row(date(2026, 3, 2), 5.0), row(date(2026, 4, 1), 3.0)]
    found = samples.rollups("steps", date(2026, 4, 1), date(2026, 4, 2))
    assert (found.total.tolist(), found.names()) == ([3.0], ("Phone", "Watch"))
    assert samples.rolled() == ("steps",)
    assert len(samples.rollups("weight", None, None).day) == 0


@settings(deadline=None)
@given(st.dates())
def test_months_are_numbered_from_year_0(day: date) -> None:
    if month_of(day) < 9999 * 12 + 11:
        first, following = month_days(month_of(day))
        assert first <= day < following


def test_packing_is_smaller_than_plain_columns(db: apsw.Connection) -> None:
    starts = (MARCH + np.cumsum(np.random.default_rng(1).integers(1, 600, 4096)) * 1000).tolist()
    Samples(db).add(1, batch(starts, [float(i % 200) for i in range(4096)]))
    ((size,),) = db.execute("SELECT sum(length(data)) FROM sample_block").fetchall()
    assert isinstance(size, int)
    assert size < 4096 * 26 / 3


def test_an_export_that_breaks_off_inside_a_measure_hides_nothing_of_it(db: apsw.Connection) -> None:
    samples = Samples(db)
    days = [MARCH + day * DAY for day in range(40)]
    samples.add(1, batch(days, [1.0] * 40))
    samples.add(1, batch(days, [1.0] * 40, measure="flights"))
    # Newer: whole for flights, which reach further; steps end in the middle of March.
    samples.add(2, batch([*days, days[-1] + DAY], [2.0] * 41, measure="flights"))
    samples.add(2, batch(days[:15], [2.0] * 15))
    assert values(samples) == [1.0] * 40
    assert values(samples, "flights") == [2.0] * 41


def test_an_export_that_breaks_off_inside_a_source_hides_nothing_of_it(db: apsw.Connection) -> None:
    samples = Samples(db)
    days = [MARCH + day * DAY for day in range(40)]
    for source in ("Phone", "Watch"):
        samples.add(1, batch(days, [1.0] * 40, source=source))
    samples.add(2, batch([*days, days[-1] + DAY], [2.0] * 41, source="Phone"))
    samples.add(2, batch(days[:15], [2.0] * 15))
    assert values(samples) == [1.0] * 40 + [2.0] * 41


def test_in_the_month_where_the_newer_begins_what_was_before_counts(db: apsw.Connection) -> None:
    samples = Samples(db)
    days = [MARCH + day * DAY for day in range(50)]
    samples.add(1, batch(days[:40], [1.0] * 40))
    samples.add(2, batch(days[10:], [2.0] * 40))
    assert values(samples) == [1.0] * 10 + [2.0] * 40
    assert values(samples, span=(days[8], days[12])) == [1.0, 1.0, 2.0, 2.0]
    assert samples.extent("steps") == (days[0], days[-1] + 1000)
    samples.supersede()
    assert values(samples) == [1.0] * 10 + [2.0] * 40, "the block that counts in part stays"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 120), st.integers(1, 120)), min_size=1, max_size=5), st.permutations(range(5)))
def test_every_day_of_stretches_that_overlap_counts_once(stretches: list[tuple[int, int]], ids: list[int]) -> None:
    """Exports of one life: whatever stretch each holds and in whatever order they come, each sample is there once."""
    connection = opened()
    samples = Samples(connection)
    told: set[int] = set()
    for number, (first, n) in zip(ids, stretches, strict=False):
        connection.execute("INSERT OR REPLACE INTO item VALUES(?, 1)", (10 + number,))
        days = list(range(first, first + n))
        samples.add(10 + number, batch([MARCH + day * DAY for day in days], [float(day) for day in days]))
        told |= set(days)
    assert values(samples) == sorted(map(float, told))
    connection.close()


def test_spans_of_an_older_store_follow_from_its_blocks() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL)")
    connection.execute("INSERT INTO item VALUES(1, 1), (2, 1)")
    connection.execute(SAMPLES_SCHEMA)
    samples = Samples(connection)
    samples.add(1, batch([MARCH, APRIL], [1.0, 2.0]))
    samples.add(2, batch([APRIL + DAY], [3.0], source="Phone"))
    spans = list(connection.execute("SELECT * FROM sample_span"))
    connection.execute("CREATE TABLE sample_reach(item INTEGER PRIMARY KEY, last INTEGER NOT NULL)")
    connection.execute("INSERT INTO sample_reach SELECT item, max(last) FROM sample_span GROUP BY item")
    connection.execute("DROP TABLE sample_span")
    connection.execute(SAMPLE_SPANS)
    assert list(connection.execute("SELECT * FROM sample_span")) == spans
    connection.close()
