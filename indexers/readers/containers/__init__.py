"""Files that hold others: zip archives and SQLite databases, read within bounds and never written."""
