"""A table of a note (gzip, then a protocol buffer of objects that point at each other) as rows of cells."""

from __future__ import annotations

from indexers.notes.wire import Damaged, Message, TooLarge, inflated

MOST_CELLS = 100_000

_TABLE = b"com.apple.notes.ICTable"


class _Objects:
    """The objects of a table: data 3 of object 2; entries 3, keys 4, types 5, uuids 6."""

    def __init__(self, data: bytes) -> None:
        held = Message(inflated(data)).child(2).child(3)
        self.entries = list(held.children(3))
        self.keys = held.strings(4)
        self.types = held.strings(5)
        self.uuids = {uuid: number for number, uuid in enumerate(held.strings(6))}

    def at(self, pointer: Message) -> Message:
        """The entry that an object id points at (index 6)."""
        number = pointer.number(6, -1)
        if not 0 <= number < len(self.entries):
            raise Damaged("has a table that points outside itself")
        return self.entries[number]

    def uuid(self, pointer: Message) -> int:
        """The number of the uuid behind an object id: the value of the first entry of its custom map (13)."""
        for mapped in self.at(pointer).child(13).children(3):
            return mapped.child(2).number(2)
        raise Damaged("has a table without the names of its rows")

    def order(self, ordered: Message) -> dict[int, int]:
        """Uuid number -> place, of an ordered set (16): the array's attachments in order, then their aliases."""
        ordering = ordered.child(16).child(1)
        place: dict[int, int] = {}
        for number, attached in enumerate(ordering.child(1).children(2)):
            if (uuid := self.uuids.get(attached.data(2))) is not None:
                place[uuid] = number
        for pair in ordering.child(2).children(1):
            alias, known = self.uuid(pair.child(2)), self.uuid(pair.child(1))
            if known in place:
                place[alias] = place[known]
        return place


def rows(data: bytes) -> list[list[str]]:
    """The cells of a table by row. Raises Damaged."""
    objects = _Objects(data)
    for entry in objects.entries:
        mapped = entry.child(13)
        kind = mapped.number(1, -1)
        if mapped.strings(3) and 0 <= kind < len(objects.types) and objects.types[kind] == _TABLE:
            return _cells(objects, mapped)
    raise Damaged("holds no table where it should")


def _cells(objects: _Objects, mapped: Message) -> list[list[str]]:
    part: dict[bytes, Message] = {}
    for entry in mapped.children(3):
        key = entry.number(1, -1)
        if 0 <= key < len(objects.keys) and objects.keys[key] in (b"crRows", b"crColumns", b"cellColumns"):
            part[objects.keys[key]] = objects.at(entry.child(2))
    if len(part) < 3:
        raise Damaged("has a table without rows or columns")
    down, across = objects.order(part[b"crRows"]), objects.order(part[b"crColumns"])
    height, width = (max(place.values(), default=-1) + 1 for place in (down, across))
    if height * width > MOST_CELLS:
        raise TooLarge(f"has a table of more than {MOST_CELLS:,} cells")
    out = [[""] * width for _ in range(height)]
    for column in part[b"cellColumns"].child(6).children(1):
        x = across.get(objects.uuid(column.child(1)))
        for cell in objects.at(column.child(2)).child(6).children(1):
            y = down.get(objects.uuid(cell.child(1)))
            if x is not None and y is not None:
                out[y][x] = objects.at(cell.child(2)).child(10).text(2)
    return out
