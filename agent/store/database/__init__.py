"""One encrypted SQLite file: its connections, its numbered migrations, and small facts that it remembers."""

from agent.store.database.connection import Database, Row

__all__ = ["Database", "Row"]
