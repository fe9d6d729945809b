"""The tables, indexes and triggers of a Messages database, as macOS 15 makes them.

Names and order of columns are facts of the format. Triggers that call functions which exist inside Messages only are
here too; whoever writes must register stand-ins for them.
"""

from __future__ import annotations

MESSAGE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ROWID", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    ("guid", "TEXT UNIQUE NOT NULL"),
    ("text", "TEXT"),
    ("replace", "INTEGER DEFAULT 0"),
    ("service_center", "TEXT"),
    ("handle_id", "INTEGER DEFAULT 0"),
    ("subject", "TEXT"),
    ("country", "TEXT"),
    ("attributedBody", "BLOB"),
    ("version", "INTEGER DEFAULT 0"),
    ("type", "INTEGER DEFAULT 0"),
    ("service", "TEXT"),
    ("account", "TEXT"),
    ("account_guid", "TEXT"),
    ("error", "INTEGER DEFAULT 0"),
    ("date", "INTEGER"),
    ("date_read", "INTEGER"),
    ("date_delivered", "INTEGER"),
    *(
        (name, "INTEGER DEFAULT 0")
        for name in (
            *("is_delivered", "is_finished", "is_emote", "is_from_me", "is_empty", "is_delayed", "is_auto_reply"),
            *("is_prepared", "is_read", "is_system_message", "is_sent", "has_dd_results", "is_service_message"),
            *("is_forward", "was_downgraded", "is_archive", "cache_has_attachments"),
        )
    ),
    ("cache_roomnames", "TEXT"),
    *(
        (name, "INTEGER DEFAULT 0")
        for name in ("was_data_detected", "was_deduplicated", "is_audio_message", "is_played")
    ),
    ("date_played", "INTEGER"),
    ("item_type", "INTEGER DEFAULT 0"),
    ("other_handle", "INTEGER DEFAULT 0"),
    ("group_title", "TEXT"),
    *(
        (name, "INTEGER DEFAULT 0")
        for name in (
            *("group_action_type", "share_status", "share_direction", "is_expirable", "expire_state"),
            *("message_action_type", "message_source"),
        )
    ),
    ("associated_message_guid", "TEXT"),
    ("associated_message_type", "INTEGER DEFAULT 0"),
    ("balloon_bundle_id", "TEXT"),
    ("payload_data", "BLOB"),
    ("expressive_send_style_id", "TEXT"),
    ("associated_message_range_location", "INTEGER DEFAULT 0"),
    ("associated_message_range_length", "INTEGER DEFAULT 0"),
    ("time_expressive_send_played", "INTEGER"),
    ("message_summary_info", "BLOB"),
    ("ck_sync_state", "INTEGER DEFAULT 0"),
    ("ck_record_id", "TEXT"),
    ("ck_record_change_tag", "TEXT"),
    ("destination_caller_id", "TEXT"),
    ("is_corrupt", "INTEGER DEFAULT 0"),
    ("reply_to_guid", "TEXT"),
    ("sort_id", "INTEGER"),
    ("is_spam", "INTEGER DEFAULT 0"),
    ("has_unseen_mention", "INTEGER DEFAULT 0"),
    ("thread_originator_guid", "TEXT"),
    ("thread_originator_part", "TEXT"),
    ("syndication_ranges", "TEXT"),
    ("was_delivered_quietly", "INTEGER DEFAULT 0"),
    ("did_notify_recipient", "INTEGER DEFAULT 0"),
    ("synced_syndication_ranges", "TEXT"),
    ("date_retracted", "INTEGER DEFAULT 0"),
    ("date_edited", "INTEGER DEFAULT 0"),
    ("was_detonated", "INTEGER DEFAULT 0"),
    ("part_count", "INTEGER"),
    *((name, "INTEGER DEFAULT 0") for name in ("is_stewie", "is_sos", "is_critical")),
    ("bia_reference_id", "TEXT"),
    ("is_kt_verified", "INTEGER DEFAULT 0"),
    ("fallback_hash", "TEXT"),
    ("associated_message_emoji", "TEXT DEFAULT NULL"),
    *(
        (name, "INTEGER DEFAULT 0")
        for name in (
            *("is_pending_satellite_send", "needs_relay", "schedule_type", "schedule_state"),
            *("sent_or_received_off_grid", "is_time_sensitive"),
        )
    ),
    ("ck_chat_id", "TEXT"),
)
"""Every column of `message` in order, with its declaration."""

SIERRA_COLUMNS = MESSAGE_COLUMNS[: [name for name, _ in MESSAGE_COLUMNS].index("associated_message_guid")]
"""The columns of macOS 10.12, which knew neither tapback targets, nor replies, nor edits."""

TABLES = """
CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE (key));
CREATE TABLE kvtable (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, key TEXT UNIQUE NOT NULL, value BLOB NOT NULL);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT,
  service TEXT NOT NULL, uncanonicalized_id TEXT, person_centric_id TEXT, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, state INTEGER,
  account_id TEXT, properties BLOB, chat_identifier TEXT, service_name TEXT, room_name TEXT, account_login TEXT,
  is_archived INTEGER DEFAULT 0, last_addressed_handle TEXT, display_name TEXT, group_id TEXT,
  is_filtered INTEGER DEFAULT 0, successful_query INTEGER, engram_id TEXT, server_change_token TEXT,
  ck_sync_state INTEGER DEFAULT 0, original_group_id TEXT, last_read_message_timestamp INTEGER DEFAULT 0,
  cloudkit_record_id TEXT, last_addressed_sim_id TEXT, is_blackholed INTEGER DEFAULT 0,
  syndication_date INTEGER DEFAULT 0, syndication_type INTEGER DEFAULT 0, is_recovered INTEGER DEFAULT 0,
  is_deleting_incoming_messages INTEGER DEFAULT 0);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL,
  created_date INTEGER DEFAULT 0, start_date INTEGER DEFAULT 0, filename TEXT, uti TEXT, mime_type TEXT,
  transfer_state INTEGER DEFAULT 0, is_outgoing INTEGER DEFAULT 0, user_info BLOB, transfer_name TEXT,
  total_bytes INTEGER DEFAULT 0, is_sticker INTEGER DEFAULT 0, sticker_user_info BLOB, attribution_info BLOB,
  hide_attachment INTEGER DEFAULT 0, ck_sync_state INTEGER DEFAULT 0, ck_server_change_token_blob BLOB,
  ck_record_id TEXT, original_guid TEXT UNIQUE NOT NULL, is_commsafety_sensitive INTEGER DEFAULT 0,
  emoji_image_content_identifier TEXT DEFAULT NULL, emoji_image_short_description TEXT DEFAULT NULL,
  preview_generation_state INTEGER DEFAULT 0);
CREATE TABLE chat_handle_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
  handle_id INTEGER REFERENCES handle (ROWID) ON DELETE CASCADE, UNIQUE (chat_id, handle_id));
CREATE TABLE chat_message_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
  message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, message_date INTEGER DEFAULT 0,
  PRIMARY KEY (chat_id, message_id));
CREATE TABLE message_attachment_join (message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE,
  attachment_id INTEGER REFERENCES attachment (ROWID) ON DELETE CASCADE, UNIQUE (message_id, attachment_id));
CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL);
CREATE TABLE sync_deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL, recordID TEXT);
CREATE TABLE sync_deleted_chats (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL, recordID TEXT,
  timestamp INTEGER);
CREATE TABLE sync_deleted_attachments (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL,
  recordID TEXT);
"""

RECENT_TABLES = """
CREATE TABLE chat_recoverable_message_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
  message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, delete_date INTEGER, ck_sync_state INTEGER DEFAULT 0,
  PRIMARY KEY (chat_id, message_id), CHECK (delete_date != 0));
CREATE TABLE recoverable_message_part (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
  message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, part_index INTEGER, delete_date INTEGER,
  part_text BLOB NOT NULL, ck_sync_state INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id, part_index));
"""

INDEXES = """
CREATE INDEX message_idx_date ON message (date);
CREATE INDEX message_idx_handle ON message (handle_id, date);
CREATE INDEX message_idx_is_read ON message (is_read, is_from_me, is_finished);
CREATE INDEX chat_idx_chat_identifier ON chat (chat_identifier);
CREATE INDEX chat_handle_join_idx_handle_id ON chat_handle_join (handle_id);
CREATE INDEX chat_message_join_idx_chat_id ON chat_message_join (chat_id);
CREATE INDEX chat_message_join_idx_message_id_only ON chat_message_join (message_id);
CREATE INDEX chat_message_join_idx_message_date_id_chat_id ON chat_message_join (chat_id, message_date, message_id);
CREATE INDEX message_attachment_join_idx_message_id ON message_attachment_join (message_id);
CREATE INDEX message_attachment_join_idx_attachment_id ON message_attachment_join (attachment_id);
"""

TRIGGERS = """
CREATE TRIGGER after_delete_on_message AFTER DELETE ON message FOR EACH ROW BEGIN
  INSERT INTO deleted_messages (guid) VALUES (OLD.guid);
  INSERT INTO sync_deleted_messages (guid, recordID) VALUES (OLD.guid, OLD.ck_record_id);
  DELETE FROM handle WHERE handle.ROWID != 0 AND handle.ROWID = OLD.handle_id
    AND NOT EXISTS (SELECT 1 FROM chat_handle_join WHERE handle_id = OLD.handle_id)
    AND NOT EXISTS (SELECT 1 FROM message WHERE handle_id = OLD.handle_id);
END;
CREATE TRIGGER after_delete_on_message_plugin AFTER DELETE ON message FOR EACH ROW
  WHEN OLD.balloon_bundle_id IS NOT NULL BEGIN SELECT after_delete_message_plugin (OLD.ROWID, OLD.guid); END;
CREATE TRIGGER before_delete_on_attachment BEFORE DELETE ON attachment FOR EACH ROW BEGIN
  SELECT before_delete_attachment_path (OLD.ROWID, OLD.guid); END;
CREATE TRIGGER after_delete_on_attachment AFTER DELETE ON attachment FOR EACH ROW
  WHEN OLD.filename IS NOT NULL BEGIN SELECT delete_attachment_path (OLD.filename); END;
CREATE TRIGGER after_delete_on_message_attachment_join AFTER DELETE ON message_attachment_join FOR EACH ROW BEGIN
  DELETE FROM attachment WHERE attachment.ROWID = OLD.attachment_id
    AND NOT EXISTS (SELECT 1 FROM message_attachment_join WHERE attachment_id = OLD.attachment_id); END;
CREATE TRIGGER after_insert_on_message_attachment_join AFTER INSERT ON message_attachment_join FOR EACH ROW BEGIN
  UPDATE message SET cache_has_attachments = 1 WHERE message.ROWID = NEW.message_id; END;
CREATE TRIGGER after_insert_on_chat_message_join AFTER INSERT ON chat_message_join FOR EACH ROW BEGIN
  UPDATE chat_message_join SET message_date = (SELECT date FROM message WHERE message.ROWID = NEW.message_id)
    WHERE message_id = NEW.message_id AND chat_id = NEW.chat_id; END;
"""

FUNCTIONS = (("delete_attachment_path", 1), ("before_delete_attachment_path", 2), ("after_delete_message_plugin", 2))
"""What the triggers call, with how many arguments."""


def message_table(columns: tuple[tuple[str, str], ...] = MESSAGE_COLUMNS) -> str:
    """The statement that makes `message` with these columns in this order."""
    return "CREATE TABLE message (" + ", ".join(f'"{name}" {kind}' for name, kind in columns) + ");"
