"""Names kept once: handles, the companies of those who wrote together, and threads, each as a row number."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from agent.store.database import Database


class Names:
    """The row numbers of one store's names. What was looked up is remembered until `clear`: within one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Hashable, int] = {}

    def clear(self) -> None:
        """Forget what was looked up: the transaction that made it may have been undone."""
        self._known.clear()

    def _number(self, key: Hashable, find: Callable[[], int]) -> int:
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = find()
        return number

    def handle(self, handle: str) -> int:
        """The number of a handle, made when it is new."""

        def find() -> int:
            found = self._database.value("SELECT id FROM handle WHERE handle = ?", (handle,))
            if found is None:
                found = self._database.insert("INSERT INTO handle(handle, name, me) VALUES(?, '', 0)", (handle,))
            return int(found)

        return self._number(("handle", handle), find)

    def company(self, handles: tuple[int, ...]) -> int:
        """The number of some handles that wrote together, made when it is new."""
        text = f" {' '.join(map(str, sorted(handles)))} "

        def find() -> int:
            found = self._database.value("SELECT id FROM company WHERE handles = ?", (text,))
            if found is None:
                found = self._database.insert("INSERT INTO company(handles) VALUES(?)", (text,))
            return int(found)

        return self._number(("company", text), find)

    def thread(self, source: int, key: bytes) -> int:
        """The number of a thread of a source, made when it is new."""

        def find() -> int:
            found = self._database.value("SELECT id FROM thread WHERE source = ? AND key = ?", (source, key))
            if found is None:
                found = self._database.insert("INSERT INTO thread(source, key) VALUES(?, ?)", (source, key))
            return int(found)

        return self._number((source, key), find)

    def call(self, names: Mapping[str, tuple[str, bool]]) -> bool:
        """Keep what handles are called: handle -> (name or "", is the owner). Returns whether there may be news."""
        news = False
        for handle, (name, me) in names.items():
            if ("called", handle, name, me) not in self._known:
                number = self._known["called", handle, name, me] = self.handle(handle)
                self._database.run(
                    "UPDATE handle SET name = CASE WHEN ?1 != '' THEN ?1 ELSE name END, me = max(me, ?2) WHERE id = ?3"
                    " AND ((?1 != '' AND name != ?1) OR me < ?2)",
                    (name, me, number),
                )
                news = True
        return news

    def sweep(self) -> None:
        """Drop names that nothing refers to any more: they are the owner's data too."""
        run, rows = self._database.run, self._database.rows
        run("DELETE FROM thread WHERE NOT EXISTS(SELECT 1 FROM chunk WHERE thread = thread.id)")
        run("DELETE FROM company WHERE NOT EXISTS(SELECT 1 FROM chunk WHERE company = company.id)")
        used = {int(number) for (row,) in rows("SELECT handles FROM company") for number in row.split()}
        carded = {handle for (handle,) in rows("SELECT handle FROM card")}
        self._database.run_many(
            "DELETE FROM handle WHERE id = ? AND NOT EXISTS(SELECT 1 FROM chunk WHERE sender = handle.id)",
            [
                (number,)
                for number, handle in rows("SELECT id, handle FROM handle")
                if number not in used and handle not in carded
            ],
        )
        self.clear()
