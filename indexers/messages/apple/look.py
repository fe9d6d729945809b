"""Looks at the state of all messages, or, after a first look, at the blocks of them that differ from it.

A block is the messages of some thousand ROWIDs. SQLite joins the states of a block to one string in a fraction of the
time that it takes to look at them one by one; a block whose string is the one that was looked at needs no second look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from indexers.messages.apple.conversations import Conversations
from indexers.messages.apple.database import MessagesDatabase, Row
from indexers.messages.apple.index import FIRST_TAPBACK, Days, Index, Membership, dense_size, digest, split_target
from indexers.messages.apple.states import States, files_of, joined_sum, removed_from_chats

PAGE_ROWS = 4096
BLOCK_ROWS = 1024
FEW_BLOCKS, MOST_CHANGED = 8, 0.25
"""Where more blocks than a few and a larger part of them differ, all is looked at anew."""

_NOWHERE = -(2**63)
_JOINED = (
    "SELECT ROWID, CAST(message_id AS INTEGER), CAST(chat_id AS INTEGER) FROM chat_message_join "
    "WHERE ROWID > ? AND message_id IS NOT NULL ORDER BY ROWID LIMIT ?"
)


class Look:
    """The index of a database, and what is needed to bring it up to date."""

    def __init__(self, database: MessagesDatabase, conversations: Conversations) -> None:
        """Look at everything."""
        self._database = database
        self._states = States(database)
        self._blocks: dict[int, int] = {}
        self._targets: dict[int, int] = {}
        self._lost: dict[str, set[int]] = {}
        ((last, count),) = database.rows("SELECT coalesce(max(ROWID), 0), count(*) FROM message")
        self._size = dense_size(last=last, count=count)
        self._removed = removed_from_chats(database)
        self._joined = joined_sum(database)
        self.index = Index(conversations, self._members(conversations), Days(self._size), files_of(database))
        for block in self._present():
            self._add(self._read(block))

    def refresh(self, database: MessagesDatabase, conversations: Conversations) -> set[int] | None:
        """Bring the index up to date; the places of days that may have changed.

        None where all must be looked at anew, and this is of no use any more.
        """
        index = self.index
        if not States(database).same(self._states) or not conversations.numbered_as(index.conversations):
            return None
        told_anew = conversations != index.conversations
        self._database, index.conversations = database, conversations
        touched = self._refresh_members(conversations)
        files = files_of(database)
        if files != index.files:
            touched |= {row for row, _ in files.items() ^ index.files.items()}
            index.files = files
        changed = {block for block in {*self._present(), *self._blocks} if self._differs(block)}
        if len(changed) > max(FEW_BLOCKS, MOST_CHANGED * len(self._blocks)):
            return None
        pages = [self._read(block) for block in sorted(changed)]
        within = {row for block in changed for row in index.days.within(*_span(block))}
        within.update(row[0] for page in pages for row in page)
        touched |= within
        touched |= self._about(touched, changed, [row[0] for page in pages for row in page])
        outside = sorted(touched - within)
        pages += [
            self._states.among(database, outside[at : at + PAGE_ROWS]) for at in range(0, len(outside), PAGE_ROWS)
        ]
        places = {place for row in touched if (place := index.days.take_back(row)) is not None}
        for row in touched:
            self._targets.pop(row, None)
        for page in pages:
            self._add(page)
        places |= {place for row in touched if (place := index.days.at(row)) is not None}
        index.days.settle(places)
        return {*places, *index.days.place.values()} if told_anew else places

    def _add(self, page: list[Row]) -> None:
        """Add the rows of a page to the days."""
        index = self.index
        members, files, add, key = index.members, index.files, index.days.add, index.key
        targets = self._targets_of(page)
        member_of = members.of([row[0] for row in page])
        for (row, moment, handle, kind, about, original, state), member in zip(page, member_of, strict=True):
            if member < Membership.LOOSE:
                continue
            if kind is not None and kind >= FIRST_TAPBACK:
                target = self._target(row, split_target(about)[1], targets)
                if target is not None:
                    add(key(members[target[0]], target[2], target[3]), row, digest(state))
                continue
            if original is not None:
                quoted = self._target(row, original, targets)
                state += f"\0{quoted[-1]}" if quoted is not None else "\0"
            if row in files:
                state += f"\0{files[row]}"
            add(key(member, moment, handle), row, digest(state))

    def _target(self, row: int, guid: str, targets: Mapping[str, Row]) -> Row | None:
        """What a reply or tapback is about, if it is there and to be seen; its changes are changes of the row."""
        target = targets.get(guid)
        if target is None:
            self._lost.setdefault(guid, set()).add(row)
            return None
        self._targets[row] = target[0]
        return target if self.index.visible(target[0]) else None

    def _targets_of(self, page: list[Row]) -> Mapping[str, Row]:
        """The rows (ROWID, guid, date, handle, state) that a page's tapbacks and replies are about, by guid."""
        wanted = {split_target(row[4])[1] for row in page if row[3] is not None and row[3] >= FIRST_TAPBACK}
        wanted |= {row[5] for row in page if row[5] is not None}
        return self._states.of_guids(self._database, wanted) if wanted else {}

    def _about(self, rows: set[int], blocks: set[int], found: list[int]) -> set[int]:
        """The replies and tapbacks on rows that may have changed, and on those that were not there before."""
        # by blocks, too: a target that was hidden is on no day
        about = {row for row, target in self._targets.items() if target in rows or target // BLOCK_ROWS in blocks}
        if self._lost and found:
            sql = "SELECT CAST(guid AS TEXT) FROM message WHERE ROWID IN (SELECT value FROM json_each(?))"
            about |= {row for (guid,) in self._database.among(sql, found) for row in self._lost.pop(guid, ())}
        return about

    def _present(self) -> Iterator[int]:
        """The blocks in which there are messages."""
        after = _NOWHERE
        while True:
            ((first,),) = self._database.rows("SELECT min(ROWID) FROM message WHERE ROWID >= ?", (after,))
            if first is None:
                return
            yield first // BLOCK_ROWS
            after = min((first // BLOCK_ROWS + 1) * BLOCK_ROWS, 2**63 - 1)

    def _read(self, block: int) -> list[Row]:
        page = self._states.within(self._database, *_span(block))
        # as SQLite says it in `States.joined`
        self._blocks[block] = hash((float(sum([row[0] for row in page])), ",".join([row[6] for row in page]) or None))
        return page

    def _differs(self, block: int) -> bool:
        return hash(self._states.joined(self._database, *_span(block))) != self._blocks.get(block)

    def _members(self, conversations: Conversations) -> Membership:
        members = Membership(self._size)
        self._put(members, conversations, after=_NOWHERE)
        return members

    def _put(self, members: Membership, conversations: Conversations, *, after: int) -> set[int]:
        """Put the messages of all chats, from a ROWID of the joining table on, into their conversations."""
        value = {chat: number + 1 for chat, number in conversations.of_chat.items()}
        value |= dict.fromkeys(conversations.hidden, Membership.HIDDEN)
        found: set[int] = set()
        for page in self._database.pages(_JOINED, size=PAGE_ROWS, after=after):
            rows = [row for _, row, _ in page]
            members.put(rows, [value.get(chat, Membership.LOOSE) for _, _, chat in page])
            if after > _NOWHERE:
                found.update(rows)
        members.remove(self._removed if after == _NOWHERE else self._removed & found)
        return found

    def _refresh_members(self, conversations: Conversations) -> set[int]:
        """Bring the membership up to date; the rows whose membership may differ."""
        removed, joined = removed_from_chats(self._database), self._joined
        if removed == self._removed and joined_sum(self._database, to=joined.to) == joined:
            self._joined = joined.and_then(joined_sum(self._database, after=joined.to))
            return self._put(self.index.members, conversations, after=joined.to)
        self._removed, self._joined = removed, joined_sum(self._database)
        before, self.index.members = self.index.members, self._members(conversations)
        return before.differing(self.index.members)


def _span(block: int) -> tuple[int, int]:
    """The first and the last ROWID of a block."""
    return block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS - 1
