"""Small facts that the store remembers about itself, such as the day up to which narratives are told."""

from __future__ import annotations

from agent.store.database import Database


class Settings:
    """Text by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str, default: str = "") -> str:
        found = self._database.value("SELECT value FROM setting WHERE name = ?", (name,))
        return default if found is None else str(found)

    def set(self, name: str, value: str) -> None:
        self._database.run("REPLACE INTO setting VALUES(?, ?)", (name, value))
