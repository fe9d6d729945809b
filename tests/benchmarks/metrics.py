"""Cost of exact answers at ten years of data: `python tests/benchmarks/metrics.py [YEARS]`.

Prints one line a step: storing samples, rolling up, parse + compute + phrase of typical questions (CPU, least of nine), reading
what is no question about numbers, and all narratives. Exits 1 where a question costs more than its limit.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import apsw
import numpy as np

from agent.metrics.catalogue import SLEEP
from agent.metrics.engine import Metrics
from agent.metrics.narrative import Narrative, narratives
from agent.store.samples import SAMPLES_SCHEMA, Samples
from indexers.record import BATCH_ROWS, SampleBatch

TODAY = date(2026, 1, 1)
QUANTITY = "HKQuantityTypeIdentifier"
PLAIN_MS, TREND_MS = 20, 60
PLAIN = (
    "How many steps did I take yesterday?",
    "average steps per day",
    "average resting heart rate in 2023",
    "did I walk more in 2024 than in 2025?",
    "how many days did I walk more than 10,000 steps",
    "longest streak of days with at least 5000 steps",
    "90th percentile of my steps",
    "how did I sleep on 30 December 2025?",
    "what is my usual bedtime",
    "steps by weekday",
    "which month did I walk the most",
    "what share of my sleep was REM",
    "how many days in a row did I walk 5000 steps",
    "current streak of 5000 steps",
    "do I sleep better on weekends",
    "am I walking more than usual",
    "is my resting heart rate lower than last year",
    "when did I last walk more than 13000 steps",
    "how did I sleep in 2025",
    "average sleep by month in 2025",
    "median sleep in 2025",
    "how often did I go to bed after midnight",
    "steps by source in December 2025",
    "list my steps in December 2025",
)
TRENDS = (
    "resting heart rate since 2016",
    "is there a correlation between my steps and my sleep",
    "how have my steps changed since January 2025",
    "is my bedtime getting later",
    "does my sleep affect my resting heart rate the next day",
)
OTHERS = (
    "what did Anna say about the steps of the project last week",
    "how many people came to Anna's party?",
    "what's the average revenue in the Halden report",
    "how long is the contract with the landlord of the flat in Halden that I signed in May",
)


def batches(years: int) -> list[SampleBatch]:
    """Steps of a watch and a phone, heart rate, resting heart rate and staged sleep for whole years up to TODAY."""
    rng = np.random.default_rng(7)
    first = TODAY.replace(year=TODAY.year - years)
    days = (TODAY - first).days
    begin = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    midnight = begin + np.arange(days) * 86_400_000
    out: list[SampleBatch] = []

    def put(measure: str, unit: str, source: str, start: np.ndarray, length: np.ndarray, value: np.ndarray) -> None:
        for at in range(0, len(start), BATCH_ROWS):
            part = slice(at, at + BATCH_ROWS)
            out.append(
                SampleBatch(
                    measure=measure,
                    unit=unit,
                    source=source,
                    start=array("q", start[part].tolist()),
                    end=array("q", (start + length)[part].tolist()),
                    offset=array("h", [0] * len(start[part])),
                    value=array("d", value[part].astype(float).tolist()),
                )
            )

    for source, count in (("Watch", 90), ("iPhone", 40)):
        within = np.sort(rng.integers(7 * 3600, 23 * 3600, (days, count)), axis=1) * 1000
        start = (midnight[:, None] + within).ravel()
        put(f"{QUANTITY}StepCount", "count", source, start, rng.integers(10, 600, len(start)) * 1000,
            rng.integers(5, 200, len(start)))  # fmt: skip
    within = np.sort(rng.integers(0, 86_400, (days, 120)), axis=1) * 1000
    start = (midnight[:, None] + within).ravel()
    put(f"{QUANTITY}HeartRate", "count/min", "Watch", start, np.zeros_like(start), rng.integers(50, 160, len(start)))
    resting = 60 - 5 * np.arange(days) / days + rng.normal(0, 3, days)
    put(f"{QUANTITY}RestingHeartRate", "count/min", "Watch", midnight, np.full(days, 86_000_000), resting)
    names = ("AsleepCore", "AsleepDeep", "AsleepREM", "Awake")
    for at in range(0, days, 200):
        starts = (midnight[at : at + 200, None] + np.arange(16) * 1_800_000).ravel()
        labels = rng.integers(0, 4, len(starts))
        labels[::16] = 0
        out.append(
            SampleBatch(
                measure=SLEEP,
                unit="",
                source="Watch",
                start=array("q", starts.tolist()),
                end=array("q", (starts + 1_800_000).tolist()),
                offset=array("h", [0] * len(starts)),
                value=array("d", [1.0] * len(starts)),
                labels=tuple(f"HKCategoryValueSleepAnalysis{name}" for name in names),
                label=array("H", labels.tolist()),
            )
        )
    return out


def timed(work: Callable[[], object], times: int = 1) -> float:
    """CPU milliseconds, the least of some runs: what else the machine does can only add to it."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) * 1000)
    return min(spent)


def main() -> None:
    years = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    made = batches(years)
    rows = sum(len(batch.start) for batch in made)
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, live INTEGER NOT NULL); INSERT INTO item VALUES(1, 1)")
    db.execute(SAMPLES_SCHEMA)
    samples = Samples(db)
    metrics = Metrics(samples, zone=UTC)

    def store() -> None:
        with db:
            for batch in made:
                samples.add(1, batch)

    cost = timed(store)
    ((size,),) = db.execute("SELECT sum(length(data)) FROM sample_block").fetchall()
    print(
        f"store   {rows:,} rows: {cost:,.0f} ms, {rows / cost * 1000:,.0f} rows/s,"
        f" {float(size or 0) / rows:.1f} bytes/row"
    )
    done: list[int] = []

    def roll() -> None:
        with db:
            done.append(metrics.refresh())

    cost = timed(roll)
    print(f"roll up {done[0]} months of {len(samples.rolled())} measures: {cost:,.0f} ms")
    one_day = made[0]
    day = TODAY - timedelta(days=1)
    samples.add(1, one_day)
    print(f"roll up again after one batch ({day}): {timed(roll):.1f} ms for {done[1]} months")
    slow = []
    for limit, questions in ((PLAIN_MS, PLAIN), (TREND_MS, TRENDS)):
        for question in questions:
            metrics.ask(question, today=TODAY)
            answer = metrics.ask(question, today=TODAY)
            cost = timed(lambda question=question: metrics.ask(question, today=TODAY), 9)  # type: ignore[misc]  # bound
            slow += [question] if cost > limit or answer is None else []
            first = answer.text.splitlines()[0] if answer else "NOT UNDERSTOOD"
            print(f"{cost:6.1f} ms (< {limit}) {question}  →  {first[:110]}")
    for question in OTHERS:
        cost = timed(lambda question=question: metrics.ask(question, today=TODAY), 9)  # type: ignore[misc]  # bound
        slow += [question] if cost > PLAIN_MS or metrics.ask(question, today=TODAY) else []
        print(f"{cost:6.1f} ms (< {PLAIN_MS}) {question}  →  left to retrieval")
    told: list[Narrative] = []

    def tell() -> None:
        told.extend(narratives(samples, today=TODAY, zone=UTC))

    cost = timed(tell)
    print(f"narratives: {cost:,.0f} ms for {len(told)} months, {sum(len(one.chunks) for one in told):,} chunks")
    cost = timed(lambda: metrics.explain("how many steps did I take in December 2025", today=TODAY), 5)
    print(f"explain a month of steps: {cost:.1f} ms")
    if slow:
        sys.exit(f"over the limit or not understood: {slow}")


if __name__ == "__main__":
    main()
