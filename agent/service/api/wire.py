"""The only JSON: what the API and the command line say, field by field. Fields may be added, never renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.config import SourceConfig
from agent.errors import HomebodyError
from agent.homebody import Preview, Receipt
from agent.ingest.run import PassReport, Progress
from agent.metrics.evidence import Evidence
from agent.people import Known
from agent.retrieval.timeline import Entry, Timeline
from agent.service.daemon import LockedByOwner
from agent.store.reading.inventory import SourceState
from agent.vocabulary import Answer, Citation, Entity, Passage, Value
from indexers.record import Skipped

Json = dict[str, object]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=100_000)


class InitRequest(_Request):
    zone: str
    passphrase: str | None = None


class UnlockRequest(_Request):
    passphrase: str | None = None


class RecoverRequest(_Request):
    code: str
    passphrase: str | None = None


class SourceRequest(_Request):
    kind: str
    path: str | None = None
    name: str | None = None
    options: dict[str, object] = Field(default_factory=dict)


class ChangeRequest(_Request):
    paused: bool | None = None
    path: str | None = None
    options: dict[str, object] | None = None


class IndexRequest(_Request):
    sources: list[str] = Field(default_factory=list)


class SearchRequest(_Request):
    text: str
    k: int = Field(default=10, ge=1, le=50)


class AskRequest(_Request):
    text: str


class ExtractRequest(_Request):
    types: list[str] = Field(min_length=1, max_length=20)
    about: str = ""
    limit: int = Field(default=100, ge=1, le=10_000)


class PeopleRequest(_Request):
    text: str = ""


class MergeRequest(_Request):
    one: str
    other: str


class SplitRequest(_Request):
    handle: str


class TimelineRequest(_Request):
    person: str = ""
    day: str = ""
    before: tuple[float, int] | None = None
    limit: int = Field(default=200, ge=1, le=1000)


class PlotRequest(_Request):
    text: str
    form: Literal["png", "svg", "text"] = "text"
    width: int = Field(default=80, ge=20, le=400)


class OpenRequest(_Request):
    ref: str


class ForgetRequest(_Request):
    source: str | None = None
    id: str | None = None


def problem(error: HomebodyError) -> Json:
    return {
        "error": error.problem,
        "remedy": error.remedy,
        "exit_code": error.exit_code,
        "until_unlock": isinstance(error, LockedByOwner),
    }


def skipped(skip: Skipped) -> Json:
    return {"where": skip.where, "why": skip.why, "outcome": skip.outcome, "count": skip.count}


def report(done: PassReport) -> Json:
    return {
        "name": done.name,
        "items": done.items,
        "records": done.records,
        "skipped": [skipped(skip) for skip in done.skipped],
        "seconds": round(done.seconds, 3),
        "forgotten": done.forgotten,
        "moved": done.moved,
        "unchanged": done.unchanged,
        "problem": done.problem,
    }


def progress(now: Progress) -> Json:
    return {
        "source": now.source,
        "phase": now.phase,
        "done": now.done,
        "total": now.total,
        "records": now.records,
    }


def preview(found: Preview) -> Json:
    return {
        "items": found.items,
        "bytes": found.size,
        "roots": list(found.roots),
        "skipped": [skipped(skip) for skip in found.skipped],
    }


def _when(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def hit(passage: Passage) -> Json:
    return {
        "id": passage.id,
        "score": passage.score,
        "source": passage.source,
        "kind": passage.kind,
        "title": passage.title,
        "people": list(passage.people),
        "sender": passage.sender,
        "when": _when(passage.when),
        "locator": passage.locator,
        "text": passage.text,
        "context": passage.context,
        "also": list(passage.also),
        "read_by": passage.read_by,
        "spans": [
            {"kind": kind, "label": label, "start": start, "end": end} for kind, label, start, end in passage.spans
        ],
    }


def hits(read_as: Mapping[str, object], passages: Iterable[Passage]) -> Json:
    return {"read_as": dict(read_as), "hits": [hit(passage) for passage in passages]}


def _citation(citation: Citation) -> Json:
    return {
        "n": citation.n,
        "source": citation.source,
        "kind": citation.kind,
        "title": citation.title,
        "people": list(citation.people),
        "when": _when(citation.when),
        "locator": citation.locator,
        "quote": citation.quote,
        "id": citation.id,
        "also": list(citation.also),
        "read_by": citation.read_by,
    }


def _value(value: Value) -> Json:
    return {
        "name": value.name,
        "value": value.value,
        "unit": value.unit,
        "start": value.start.isoformat() if value.start else None,
        "end": value.end.isoformat() if value.end else None,
    }


def answer(given: Answer) -> Json:
    return {
        "question": given.question,
        "found": given.found,
        "answer": given.text,
        "route": given.route,
        "read_as": given.read_as,
        "values": [_value(value) for value in given.values],
        "citations": [_citation(citation) for citation in given.citations],
    }


def source(held: SourceConfig) -> Json:
    return {
        "name": held.name,
        "kind": held.kind,
        "path": str(held.path),
        "paused": held.paused,
        "options": dict(held.options),
    }


def receipt(done: Receipt) -> Json:
    return {
        "forgot": done.what,
        "items": done.items,
        "chunks": done.chunks,
        "vectors": done.vectors,
        "samples": done.samples,
        "left": done.left,
    }


def state(held: SourceState, zone: tzinfo) -> Json:
    finished = datetime.fromtimestamp(held.finished, UTC).astimezone(zone) if held.finished is not None else None
    return {
        "name": held.name,
        "kind": held.kind,
        "items": held.items,
        "records": held.records,
        "chunks": held.chunks,
        "samples": held.samples,
        "waiting_for_vectors": held.pending,
        "skipped": [skipped(skip) for skip in held.skipped],
        "finished": _when(finished),
        "problem": held.problem,
    }


def entity(found: Entity) -> Json:
    return {
        "type": found.type,
        "value": found.value,
        "normalized": found.normalized,
        "quote": found.quote,
        "start": found.start,
        "end": found.end,
        "source": found.source,
        "locator": found.locator,
        "when": _when(found.when),
        "id": found.passage,
    }


def known(one: Known) -> Json:
    return {
        "name": one.person.name,
        "me": one.person.me,
        "handles": list(one.person.handles),
        "sources": list(one.sources),
        "because": [{"one": tie.one, "other": tie.other, "why": tie.why} for tie in one.ties],
    }


def timeline(found: Timeline) -> Json:
    return {
        "people": list(found.people),
        "start": _when(found.start),
        "end": _when(found.end),
        "entries": [_entry(entry) for entry in found.entries],
        "earlier": list(found.earlier) if found.earlier else None,
    }


def _entry(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "when": _when(entry.when),
        "until": _when(entry.until),
        "kind": entry.kind,
        "source": entry.source,
        "title": entry.title,
        "text": entry.text,
        "sender": entry.sender,
        "people": list(entry.people),
        "locator": entry.locator,
        "also": list(entry.also),
    }


def evidence(ground: Evidence) -> Json:
    return {
        "days": [
            {
                "measure": day.measure,
                "day": day.day.isoformat(),
                "value": day.value,
                "unit": day.unit,
                "samples": day.n,
                "sources": list(day.sources),
                "shares": [
                    {"source": share.source, "said": share.said, "counted": share.counted} for share in day.shares
                ],
            }
            for day in ground.days
        ],
        "rows": [
            {
                "measure": row.measure,
                "source": row.source,
                "device": row.device,
                "start": _when(row.start),
                "end": _when(row.end),
                "value": row.value,
                "unit": row.unit,
                "label": row.label,
                "left_out": row.left_out,
            }
            for row in ground.rows
        ],
        "rules": list(ground.rules),
        "whole": ground.whole,
    }
