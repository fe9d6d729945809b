"""Migrations are numbered, run once, whole or not at all, and keep what an older store holds."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from agent.store.database import schema
from agent.store.database.schema import MIGRATIONS, migrate


def shape(connection: apsw.Connection) -> list[tuple[str, str]]:
    return [
        (name, sql)
        for name, sql in connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
    ]


@pytest.fixture
def connection() -> apsw.Connection:
    return apsw.Connection(":memory:")


def test_every_migration_says_why() -> None:
    for reason, statements in MIGRATIONS:
        assert len(reason.split()) >= 5
        assert statements.strip()


def test_an_empty_store_gets_the_newest_shape_once(connection: apsw.Connection) -> None:
    assert migrate(connection) == len(MIGRATIONS)
    before = shape(connection)
    assert migrate(connection) == len(MIGRATIONS)
    assert shape(connection) == before
    assert connection.pragma("user_version") == len(MIGRATIONS)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_store_of_each_older_version_gets_the_same_shape(
    version: int, connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", MIGRATIONS[:version])
        assert migrate(connection) == version
    connection.execute("INSERT INTO source(name, kind) VALUES('notes', 'documents')")
    connection.execute(
        "INSERT INTO item(source, key, fingerprint, identity, size, read_at, live) VALUES(1, '/a', '1', '', 1, 0, 1)"
    )
    connection.execute("INSERT INTO thread(source, key) VALUES(1, x'00')")
    connection.execute("INSERT INTO handle(handle, name, me) VALUES('ann@x.org', 'Ann', 0)")
    connection.execute(
        "INSERT INTO chunk(uid, item, thread, seq, kind, title, text, about, path, unsegmented, locator, context, spans)"
        " VALUES(x'01', 1, 1, 0, 'section', '', 'a walrus', '', '/a', 0, '', '', '')"
    )
    migrate(connection)
    fresh = apsw.Connection(":memory:")
    migrate(fresh)
    assert shape(connection) == shape(fresh)
    assert list(connection.execute("SELECT text FROM chunk WHERE id IN (SELECT rowid FROM words('walrus'))")) == [
        ("a walrus",)
    ]
    assert list(connection.execute("SELECT name FROM handle")) == [("Ann",)]


def test_what_machines_read_before_it_was_kept_says_so_or_is_read_anew(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", MIGRATIONS[:8])
        migrate(connection)
    connection.execute("INSERT INTO source(name, kind) VALUES('papers', 'documents'), ('voice', 'recordings')")
    for source, key, spans in ((1, "/a.JPG", ""), (1, "/b.pdf", '[["page", "1", 0, 4]]'), (1, "/c.txt", "")):
        item = add_item(connection, source, key)
        add_chunk(connection, item, spans)
    add_chunk(connection, add_item(connection, 2, "/d.m4a"), '[["time", "0:07", 0, 4]]')
    migrate(connection)
    assert list(connection.execute("SELECT key, read_by, fingerprint FROM chunk JOIN item ON item.id = item")) == [
        ("/a.JPG", "ocr", "1"),
        ("/b.pdf", "", ""),
        ("/c.txt", "", "1"),
        ("/d.m4a", "speech", "1"),
    ]


def add_item(connection: apsw.Connection, source: int, key: str) -> int:
    connection.execute(
        "INSERT INTO item(source, key, fingerprint, identity, size, read_at, live) VALUES(?, ?, '1', '', 1, 0, 1)",
        (source, key),
    )
    return connection.last_insert_rowid()


def add_chunk(connection: apsw.Connection, item: int, spans: str) -> None:
    connection.execute(
        "INSERT INTO chunk(uid, item, thread, seq, kind, title, text, about, path, unsegmented, locator, context, spans)"
        " VALUES(?, ?, 1, 0, 'section', '', 'a walrus', '', '', 0, '', '', ?)",
        (bytes([item]), item, spans),
    )


def test_a_migration_that_fails_leaves_the_version_before_it(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection)
    before = shape(connection)
    broken = (*MIGRATIONS, ("half of it works, which is as good as none", "CREATE TABLE half(a); SELECT nonsense;"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(apsw.SQLError):
            migrate(connection)
    assert connection.pragma("user_version") == len(MIGRATIONS)
    assert shape(connection) == before


def test_a_newer_store_is_refused(connection: apsw.Connection) -> None:
    connection.pragma("user_version", len(MIGRATIONS) + 1)
    with pytest.raises(ValueError, match="newer"):
        migrate(connection)
    assert shape(connection) == []


def test_full_text_tables_delete_securely(connection: apsw.Connection, tmp_path: Path) -> None:
    migrate(connection)
    for table in ("words", "grams"):
        [(on,)] = connection.execute(f"SELECT v FROM {table}_config WHERE k = 'secure-delete'")
        assert on == 1


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT 1 FROM block WHERE embedded = 0 ORDER BY id DESC", "block_pending"),
        ("SELECT 1 FROM chunk WHERE uid = x'00'", "chunk_uid"),
        ("SELECT 1 FROM chunk WHERE item = 1", "chunk_item"),
        ("SELECT 1 FROM chunk WHERE block = 1", "chunk_block"),
        ("SELECT 1 FROM block WHERE hash = x'00'", "block_hash"),
        ("SELECT 1 FROM item WHERE source = 1 AND key = 'a' AND live = 1", "item_key"),
    ],
)
def test_frequent_questions_use_an_index(query: str, index: str, connection: apsw.Connection) -> None:
    migrate(connection)
    assert any(index in str(row) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
