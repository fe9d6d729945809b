"""What the store holds of each source, counted: for `status`, and for the receipt of forgetting."""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.database import Database
from indexers.record import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What the store holds of one source. `finished` is Unix seconds of its last whole pass, None before the first."""

    name: str
    kind: str
    items: int
    records: int
    chunks: int
    pending: int
    samples: int
    skipped: tuple[Skipped, ...]
    finished: float | None
    problem: str


class Inventory:
    """Counts over one store; reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self) -> list[SourceState]:
        """What is held of every source, for `status`."""
        rows = self._database.rows(
            "SELECT source.id, name, kind, finished, coalesce(problem, ''),"
            " (SELECT count(*) FROM item WHERE source = source.id AND live = 1),"
            " (SELECT coalesce(sum(records), 0) FROM item WHERE source = source.id AND live = 1),"
            " (SELECT count(*) FROM chunk JOIN item ON item.id = chunk.item WHERE item.source = source.id AND live = 1),"
            " (SELECT count(*) FROM block JOIN item ON item.id = block.item"
            "   WHERE item.source = source.id AND live = 1 AND embedded = 0),"
            " (SELECT coalesce(sum(n), 0) FROM sample_block JOIN item ON item.id = sample_block.item"
            "   WHERE item.source = source.id AND live = 1)"
            " FROM source LEFT JOIN pass ON pass.source = source.id ORDER BY name"
        )
        return [
            SourceState(
                name=name, kind=kind, items=items, records=records, chunks=chunks, pending=pending, samples=samples,
                skipped=tuple(self.skipped(number)), finished=finished, problem=problem,
            )
            for number, name, kind, finished, problem, items, records, chunks, pending, samples in rows
        ]  # fmt: skip

    def skipped(self, source: int) -> list[Skipped]:
        """What of a source is not read to its end yet, then what could not be read, most frequent first."""
        return [
            Skipped(where=place, why=why, outcome=outcome, count=count)
            for place, why, outcome, count in self._database.rows(
                "SELECT place, why, outcome, count FROM skipped LEFT JOIN item ON item.id = skipped.item"
                " WHERE skipped.source = ? AND (item.id IS NULL OR live != 0)"
                " ORDER BY outcome != 'unfinished', count DESC, place LIMIT 1000",
                (source,),
            )
        ]

    def holdings(self, source: int) -> dict[str, int]:
        """How much of a source stands in each place that could keep something of it."""
        of_item = "SELECT count(*) FROM {} JOIN item ON item.id = {}.item WHERE source = ?"
        counts = {
            "items": "SELECT count(*) FROM item WHERE source = ?",
            "chunks": of_item.format("chunk", "chunk"),
            "vectors": of_item.format("block", "block"),
            "cards": of_item.format("card", "card"),
            "samples": "SELECT coalesce(sum(n), 0) FROM sample_block JOIN item ON item.id = sample_block.item"
            " WHERE item.source = ?",
            "words": "SELECT count(*) FROM words WHERE rowid IN"
            " (SELECT chunk.id FROM chunk JOIN item ON item.id = chunk.item WHERE source = ?)",
            "threads": "SELECT count(*) FROM thread WHERE source = ?",
        }
        return {name: int(self._database.value(statement, (source,))) for name, statement in counts.items()}
