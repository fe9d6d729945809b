"""The rules that every source keeps, as one call in its author's test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from indexers.record import BATCH_ROWS, Contact, Event, Message, Record, SampleBatch, Section, Skipped
from indexers.source import Item, Source


class BrokenRule(AssertionError):
    """A source broke a rule of the contract; the text names the rule, the item and the record."""


def check_source(source: Source) -> list[Record | Skipped]:
    """Scan and read everything twice and hold it against the contract; returns what one reading yields.

    Rules: a name; roots are absolute; item ids unique and not empty; fingerprints not empty; the same scan and the
    same records twice; record ids unique within the source's item; every record well formed. Raises BrokenRule.
    """
    _rule(bool(source.name), "a source has a name")
    _rule(isinstance(source.mirror, bool), "mirror is True or False")
    for root in source.roots():
        _rule(root.is_absolute(), f"roots are absolute: {root}")
    first, second = list(source.scan()), list(source.scan())
    _rule(first == second, "two scans of unchanged data are equal")
    items = [item for item in first if isinstance(item, Item)]
    ids = [item.id for item in items]
    _rule(len(set(ids)) == len(ids), "item ids are unique")
    for item in items:
        _rule(bool(item.id) and bool(item.fingerprint), f"item id and fingerprint are not empty: {item.id!r}")
    out: list[Record | Skipped] = [entry for entry in first if isinstance(entry, Skipped)]
    for item in items:
        records = list(source.read(item))
        _rule(records == list(source.read(item)), f"two readings of {item.id} are equal")
        _check_records(item, records)
        out += records
    for entry in out:
        if isinstance(entry, Skipped):
            _rule(bool(entry.where) and bool(entry.why), "a Skipped says where and why")
            _rule(entry.count >= 1, "a Skipped stands for at least one thing")
    return out


def _rule(kept: object, text: str) -> None:
    if not kept:
        raise BrokenRule(text)


def _check_records(item: Item, records: Sequence[Record | Skipped]) -> None:
    seen: set[tuple[type, str]] = set()
    for record in records:
        if isinstance(record, Skipped):
            continue
        if isinstance(record, SampleBatch):
            _check_batch(item, record)
            continue
        key = (type(record), record.id)
        _rule(bool(record.id), f"{item.id}: a record has an id")
        _rule(key not in seen, f"{item.id}: record id {record.id!r} occurs twice")
        seen.add(key)
        _check_record(item, record)


def _check_record(item: Item, record: Message | Section | Event | Contact) -> None:
    where = f"{item.id}/{record.id}"
    match record:
        case Message():
            _rule(bool(record.conversation), f"{where}: a message has a conversation")
            _rule(record.sender in record.people, f"{where}: the sender is one of the people")
            _rule(record.sent_at.year > 1970, f"{where}: a message has a time after 1970")
        case Section():
            _rule(bool(record.text.strip()), f"{where}: a section has text")
            for span in record.spans:
                _rule(0 <= span.start <= span.end <= len(record.text), f"{where}: span {span.label} lies in the text")
        case Event():
            _rule(_aware(record.start) == _aware(record.end), f"{where}: start and end are both aware or both floating")
            _rule(record.start <= record.end, f"{where}: an event does not end before it starts")
        case Contact():
            _rule(bool(record.names), f"{where}: a contact has a name")


def _aware(moment: datetime) -> bool:
    return moment.utcoffset() is not None


def _check_batch(item: Item, batch: SampleBatch) -> None:
    rows = len(batch.start)
    _rule(0 < rows <= BATCH_ROWS, f"{item.id}: a batch of {batch.measure} has 1 to {BATCH_ROWS} rows")
    columns = (len(batch.end), len(batch.offset), len(batch.value))
    _rule(set(columns) == {rows}, f"{item.id}: the columns of {batch.measure} are equally long")
    _rule(len(batch.label) in (0, rows), f"{item.id}: labels of {batch.measure} are for all rows or none")
    _rule(all(code < len(batch.labels) for code in batch.label), f"{item.id}: {batch.measure}: each label has a name")
    _rule(
        all(a <= b for a, b in zip(batch.start, batch.end, strict=True)), f"{item.id}: no sample ends before it starts"
    )
