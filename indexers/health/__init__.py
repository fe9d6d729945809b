"""Health exports, streamed by column."""
