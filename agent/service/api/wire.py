"""The only JSON: what the API and the command line say, field by field. Fields may be added, never renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo

from pydantic import BaseModel, ConfigDict, Field

from agent.config import SourceConfig
from agent.errors import HomebodyError
from agent.homebody import Preview, Receipt
from agent.ingest.run import PassReport, Progress
from agent.service.daemon import LockedByOwner
from agent.store.inventory import SourceState
from agent.vocabulary import Answer, Citation, Passage, Value
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
