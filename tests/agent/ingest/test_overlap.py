"""Exports of one chat that overlap, through real workers into a store: nothing is lost or doubled, whatever file goes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.config import SourceConfig
from agent.demo import exports
from agent.ingest.run import Workshop, run
from agent.store.store import Store


@pytest.mark.parametrize("kind", ["signal", "telegram", "whatsapp"])
def test_a_day_is_all_that_its_exports_ever_told(kind: str, tmp_path: Path) -> None:
    begun = datetime(2023, 3, 14, 9, 0, 5)  # noqa: DTZ001 - a wall clock
    lines = tuple(
        exports.Line(at=begun + timedelta(minutes=7 * number), sender=exports.OWNER, text=f"number {number}")
        for number in range(24)
    )
    talk = exports.Talk(
        title=exports.PARTNER, owner=exports.OWNER, people=(exports.OWNER, exports.PARTNER), lines=lines
    )
    source = SourceConfig(name="chats", kind=kind, path=tmp_path, options={"owner": exports.OWNER})
    store = Store.in_memory()
    shop = Workshop(store=store, model="m", count=lambda text: len(text.split()), zone=UTC)

    def export(name: str, start: int, end: int) -> Path:
        part = replace(talk, lines=lines[start:end])
        match kind:
            case "signal":
                path, made = tmp_path / name / "Mara" / "chat.md", exports.signal(part)
            case "telegram":
                whole = json.loads(exports.telegram(talk))  # ids are those of the messages, whatever is exported
                path = tmp_path / name / "result.json"
                made = json.dumps(whole | {"messages": whole["messages"][1 + start : 1 + end]})
            case _:
                path = tmp_path / name / "WhatsApp Chat with Mara.txt"
                made = exports.whatsapp(part, exports.WHATSAPP["android-de"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made)
        return path

    def told() -> Counter[str]:
        report = run(source, shop, progress=lambda _: None)
        assert report.problem == ""
        texts = (str(text) for (text,) in store.database.rows("SELECT text FROM chunk"))
        return Counter(text for text in texts if text.startswith("number "))

    def first(count: int) -> Counter[str]:
        return Counter(f"number {number}" for number in range(count))

    older = export("a", 0, 14)
    assert told() == first(14)
    export("b", 8, 20)
    assert told() == first(20)
    older.unlink()
    assert told() == first(20)
    export("b", 12, 24)
    assert told() == first(24)
    assert run(source, shop, progress=lambda _: None).items == 0
    store.close()
