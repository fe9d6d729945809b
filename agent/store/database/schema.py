"""The numbered migrations of the encrypted store: append only, each with its reason."""

from __future__ import annotations

import apsw

from agent.store.samples import SAMPLE_SPANS, SAMPLE_TABLES

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "the first shape: sources, items by generation, chunks in two full-text indexes, blocks with cached vectors",
        """
        CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL);

        -- live: 1 visible, 0 being staged. One live row for each key; a kill leaves only rows with live = 0 behind.
        CREATE TABLE item(
            id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL REFERENCES source, key TEXT NOT NULL,
            fingerprint TEXT NOT NULL, identity TEXT NOT NULL, size INTEGER NOT NULL, records INTEGER NOT NULL DEFAULT 0,
            read_at REAL NOT NULL, live INTEGER NOT NULL);
        CREATE UNIQUE INDEX item_key ON item(source, key) WHERE live = 1;

        CREATE TABLE skipped(
            item INTEGER REFERENCES item, source INTEGER NOT NULL REFERENCES source, place TEXT NOT NULL,
            why TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL);
        CREATE INDEX skipped_item ON skipped(item);
        CREATE INDEX skipped_source ON skipped(source);

        CREATE TABLE thread(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, key BLOB NOT NULL, UNIQUE(source, key));
        CREATE TABLE handle(id INTEGER PRIMARY KEY, handle TEXT NOT NULL UNIQUE, name TEXT NOT NULL, me INTEGER NOT NULL);
        -- who took part, interned: the same few people write thousands of messages; " 3 17 " are handle ids
        CREATE TABLE company(id INTEGER PRIMARY KEY, handles TEXT NOT NULL UNIQUE);
        -- one row for each handle on each contact card: cards decide who is one person, at question time
        CREATE TABLE card(item INTEGER NOT NULL REFERENCES item, card TEXT NOT NULL, name TEXT NOT NULL, handle TEXT NOT NULL);
        CREATE INDEX card_item ON card(item);

        CREATE TABLE block(
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid BLOB NOT NULL, item INTEGER NOT NULL REFERENCES item,
            hash BLOB NOT NULL, embedded INTEGER NOT NULL DEFAULT 0, UNIQUE(uid, item));
        CREATE INDEX block_item ON block(item);
        CREATE INDEX block_hash ON block(hash);
        CREATE INDEX block_pending ON block(id) WHERE embedded = 0;

        CREATE TABLE chunk(
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid BLOB NOT NULL, item INTEGER NOT NULL REFERENCES item,
            block INTEGER REFERENCES block, thread INTEGER NOT NULL REFERENCES thread, seq INTEGER NOT NULL,
            kind TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, about TEXT NOT NULL, path TEXT NOT NULL,
            unsegmented INTEGER NOT NULL, sender INTEGER REFERENCES handle, company INTEGER REFERENCES company, at REAL, until REAL,
            locator TEXT NOT NULL, context TEXT NOT NULL, spans TEXT NOT NULL);
        CREATE INDEX chunk_item ON chunk(item);
        CREATE INDEX chunk_uid ON chunk(uid);
        CREATE INDEX chunk_block ON chunk(block);
        CREATE INDEX chunk_order ON chunk(thread, at, seq);
        CREATE INDEX chunk_sender ON chunk(sender) WHERE sender IS NOT NULL;
        CREATE INDEX chunk_company ON chunk(company) WHERE company IS NOT NULL;

        -- texts are embedded once: an edit elsewhere, a rename or a move finds its vector here
        CREATE TABLE embedding(hash BLOB NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(hash, model)) WITHOUT ROWID;
        -- what the vector index has to replay after its last snapshot; gone = 1 is a tombstone
        CREATE TABLE index_log(seq INTEGER PRIMARY KEY AUTOINCREMENT, uid BLOB NOT NULL, source INTEGER NOT NULL, gone INTEGER NOT NULL);
        -- hashes of places and texts that the owner wants never to see again, though their source still has them
        CREATE TABLE forgotten(uid BLOB PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE pass(source INTEGER PRIMARY KEY REFERENCES source, finished REAL NOT NULL, seconds REAL NOT NULL,
            problem TEXT NOT NULL);

        CREATE VIRTUAL TABLE words USING fts5(
            text, about, path, content='chunk', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');
        -- unicode61 finds nothing inside Chinese, Japanese or Thai: those texts stand in trigrams as well
        CREATE VIRTUAL TABLE grams USING fts5(text, title, content='chunk', content_rowid='id', tokenize='trigram');
        -- a plain delete leaves words in the index's pages, vacuum or not
        INSERT INTO words(words, rank) VALUES('secure-delete', 1);
        INSERT INTO grams(grams, rank) VALUES('secure-delete', 1);

        CREATE TRIGGER chunk_added AFTER INSERT ON chunk BEGIN
            INSERT INTO words(rowid, text, about, path) VALUES(new.id, new.text, new.about, new.path);
        END;
        CREATE TRIGGER chunk_removed AFTER DELETE ON chunk BEGIN
            INSERT INTO words(words, rowid, text, about, path) VALUES('delete', old.id, old.text, old.about, old.path);
        END;
        CREATE TRIGGER chunk_moved AFTER UPDATE OF path ON chunk BEGIN
            INSERT INTO words(words, rowid, text, about, path) VALUES('delete', old.id, old.text, old.about, old.path);
            INSERT INTO words(rowid, text, about, path) VALUES(new.id, new.text, new.about, new.path);
        END;
        CREATE TRIGGER grams_added AFTER INSERT ON chunk WHEN new.unsegmented BEGIN
            INSERT INTO grams(rowid, text, title) VALUES(new.id, new.text, new.title);
        END;
        CREATE TRIGGER grams_removed AFTER DELETE ON chunk WHEN old.unsegmented BEGIN
            INSERT INTO grams(grams, rowid, text, title) VALUES('delete', old.id, old.text, old.title);
        END;
        """,
    ),
    ("health samples by column and month, with rollups by day: numbers are not chunks", SAMPLE_TABLES),
    (
        "equal files are stored once, and ids stay apart when files change places",
        """
        -- content: keyed hash of the file that was read. holder: the item that holds the text of this further place.
        -- origin: a hash of the place that the ids were made from; it goes where the file goes ("" where no ids are).
        ALTER TABLE item ADD COLUMN content BLOB;
        ALTER TABLE item ADD COLUMN holder INTEGER REFERENCES item;
        ALTER TABLE item ADD COLUMN origin TEXT NOT NULL DEFAULT '';
        CREATE INDEX item_content ON item(content) WHERE content IS NOT NULL;
        CREATE INDEX item_holder ON item(holder) WHERE holder IS NOT NULL;
        CREATE INDEX item_origin ON item(origin) WHERE origin != '';
        """,
    ),
    (
        "people: every name of a handle tells robots from people; what the owner decides outlives what is derived",
        """
        CREATE TABLE handle_name(handle INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(handle, name)) WITHOUT ROWID;
        INSERT INTO handle_name SELECT id, name FROM handle WHERE name != '';
        CREATE TRIGGER handle_named AFTER UPDATE OF name ON handle WHEN new.name != '' BEGIN
            INSERT OR IGNORE INTO handle_name VALUES(new.id, new.name);
        END;
        CREATE TRIGGER handle_swept AFTER DELETE ON handle BEGIN
            DELETE FROM handle_name WHERE handle = old.id;
        END;
        -- keyed hashes of spelled handles, so that no address is kept here; other NULL: one is split off
        CREATE TABLE decision(id INTEGER PRIMARY KEY AUTOINCREMENT, one BLOB NOT NULL, other BLOB);
        """,
    ),
    (
        "a timeline reads one stretch of time or one person in order of time: no scan of all chunks",
        """
        CREATE INDEX chunk_time ON chunk(at, item) WHERE at IS NOT NULL;
        -- events of more than a day reach into days long after they began
        CREATE INDEX chunk_long ON chunk(until, at) WHERE until - at > 86400.0;
        DROP INDEX chunk_sender;
        CREATE INDEX chunk_sender ON chunk(sender, at, item) WHERE sender IS NOT NULL;
        DROP INDEX chunk_company;
        CREATE INDEX chunk_company ON chunk(company, at, sender, item) WHERE company IS NOT NULL;
        """,
    ),
    (
        "vectors of deleted texts wait for the end of the pass: a text that moved to another item needs no new one",
        "CREATE TABLE orphan(hash BLOB PRIMARY KEY) WITHOUT ROWID;",
    ),
    (
        "exports that overlap: what a newer one says again is dropped from the older, and goes back if the newer loses it",
        """
        CREATE TABLE overlap(older INTEGER NOT NULL, newer INTEGER NOT NULL, hash BLOB NOT NULL,
            PRIMARY KEY(newer, hash, older)) WITHOUT ROWID;
        CREATE INDEX overlap_older ON overlap(older);
        """,
    ),
    ("an export that breaks off inside a measure does not hide what an older one tells of it", SAMPLE_SPANS),
    (
        "what a machine read off a picture or heard may be misread, and citations say so",
        """
        ALTER TABLE chunk ADD COLUMN read_by TEXT NOT NULL DEFAULT '';
        UPDATE chunk SET read_by = 'speech' WHERE spans LIKE '[["time"%';
        UPDATE chunk SET read_by = 'ocr' WHERE item IN (SELECT item.id FROM item JOIN source ON source.id = item.source
            WHERE source.kind = 'documents' AND (key LIKE '%.png' OR key LIKE '%.jpg' OR key LIKE '%.jpeg'
            OR key LIKE '%.gif' OR key LIKE '%.tif' OR key LIKE '%.tiff' OR key LIKE '%.bmp' OR key LIKE '%.webp'
            OR key LIKE '%.heic' OR key LIKE '%.avif'));
        -- which pages of a PDF were pictures was not kept: it is read anew
        UPDATE item SET fingerprint = '' WHERE (SELECT kind FROM source WHERE id = item.source) = 'documents'
            AND (key LIKE '%.pdf' OR key LIKE '%.pages' OR key LIKE '%.key' OR key LIKE '%.numbers');
        """,
    ),
    (
        "items that take several turns to read: live = 2 is one half-read that waits, unseen, to replace a whole one",
        "CREATE INDEX item_waiting ON item(source, key) WHERE live = 2;",
    ),
)


def migrate(connection: apsw.Connection) -> int:
    """Bring a store to the newest shape, one transaction a migration; returns the version it now has.

    Raises ValueError when the store was written by a newer homebody.
    """
    version = int(connection.pragma("user_version"))
    if version > len(MIGRATIONS):
        raise ValueError(f"store version {version} is newer than {len(MIGRATIONS)}")
    for number, (_, statements) in enumerate(MIGRATIONS[version:], start=version + 1):
        with connection:
            connection.execute(statements)
            connection.pragma("user_version", number)
    return len(MIGRATIONS)
