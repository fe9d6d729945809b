"""Looks at the state of all messages, or, after a first look, at the blocks of them that differ from it.

A block is the messages of some hundred ROWIDs. SQLite joins the states of a block to one string in a fraction of the
time that it takes to look at them one by one; a block whose string is the one that was looked at needs no second look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from indexers.messages.apple.conversations import Conversations
from indexers.messages.apple.database import MessagesDatabase
from indexers.messages.apple.scan.index import FIRST_TAPBACK, Days, Index, Membership, dense_size, digests, split_target
from indexers.messages.apple.scan.states import States, Told, about, files_of, joined_sum, removed_from_chats

PAGE_ROWS = 4096
BLOCK_ROWS = 512
MOST_BLOCKS = 64
"""Where more blocks differ, all is looked at anew, so that few are held at once."""

Target = tuple[int, int, int, str]
"""ROWID, date, handle and state of what a tapback or reply is about."""

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
            if told := self._changed(block):
                self._add(told)

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
        changed: dict[int, Told] = {}
        for block in {*self._present(), *self._blocks}:
            if told := self._changed(block):
                changed[block] = told
                if len(changed) > MOST_BLOCKS:
                    return None
        within = {row for block in changed for row in index.days.within(*_span(block))}
        within.update(row for told in changed.values() for row in told.rows)
        touched |= within
        touched |= self._about(touched, set(changed), [guid for told in changed.values() for guid in told.guids])
        outside = sorted(touched - within)
        others = [
            self._states.among(database, outside[at : at + PAGE_ROWS]) for at in range(0, len(outside), PAGE_ROWS)
        ]
        places = {place for row in touched if (place := index.days.take_back(row)) is not None}
        for row in touched:
            self._targets.pop(row, None)
        for told in (*changed.values(), *others):
            self._add(told)
        places |= {place for row in touched if (place := index.days.at(row)) is not None}
        index.days.settle(places)
        return {*places, *index.days.place.values()} if told_anew else places

    def _add(self, told: Told) -> None:
        """Add rows to the days."""
        index = self.index
        members, files, key = index.members, index.files, index.key
        targets = self._targets_of(told)
        keys: list[int] = []
        added: list[int] = []
        states: list[str] = []
        columns = (told.rows, told.dates, told.handles, told.seldom, told.states, members.of(told.rows))
        for row, moment, handle, seldom, state, member in zip(*columns, strict=True):
            if member < Membership.LOOSE:
                continue
            whole = state
            kind, what = about(seldom) if seldom else (0, "")
            if kind >= FIRST_TAPBACK:
                target = self._target(row, split_target(what)[1], targets)
                if target is None:
                    continue
                found = key(members[target[0]], target[1], target[2])
            else:
                found = key(member, moment, handle)
                if what:
                    quoted = self._target(row, what, targets)
                    whole += f"\0{quoted[3]}" if quoted is not None else "\0"
                if row in files:
                    whole += f"\0{files[row]}"
            keys.append(found)
            added.append(row)
            states.append(whole)
        index.days.add(keys, added, digests(states))

    def _target(self, row: int, guid: str, targets: Mapping[str, Target]) -> Target | None:
        """What a reply or tapback is about, if it is there and to be seen; its changes are changes of the row."""
        target = targets.get(guid)
        if target is None:
            self._lost.setdefault(guid, set()).add(row)
            return None
        self._targets[row] = target[0]
        return target if self.index.visible(target[0]) else None

    def _targets_of(self, told: Told) -> Mapping[str, Target]:
        """What tapbacks and replies are about, by guid; most of it stands near them."""
        few = [about(seldom) for seldom in told.seldom if seldom]
        wanted = {split_target(what)[1] if kind >= FIRST_TAPBACK else what for kind, what in few if what}
        if not wanted:
            return {}
        near = _by_guid(told, wanted)
        far = wanted - near.keys()
        return near | _by_guid(self._states.of_guids(self._database, far), far) if far else near

    def _about(self, rows: set[int], blocks: set[int], found: Iterable[str]) -> set[int]:
        """The replies and tapbacks on rows that may have changed, and on those (by guid) that were not there before."""
        # by blocks, too: a target that was hidden is on no day
        them = {row for row, target in self._targets.items() if target in rows or target // BLOCK_ROWS in blocks}
        return them.union(*[self._lost.pop(guid) for guid in found if guid in self._lost])

    def _present(self) -> Iterator[int]:
        """The blocks in which there are messages."""
        after = _NOWHERE
        while True:
            ((first,),) = self._database.rows("SELECT min(ROWID) FROM message WHERE ROWID >= ?", (after,))
            if first is None:
                return
            yield first // BLOCK_ROWS
            after = min((first // BLOCK_ROWS + 1) * BLOCK_ROWS, 2**63 - 1)

    def _changed(self, block: int) -> Told | None:
        """What is told in a block; None if it is what was told before."""
        joined = self._states.joined(self._database, *_span(block))
        mark = hash(joined)
        if self._blocks.get(block) == mark:
            return None
        self._blocks[block] = mark
        return self._states.within(self._database, *_span(block), joined)

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
            members.put(page, value)
            if after > _NOWHERE:
                found.update(row for _, row, _ in page)
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


def _by_guid(told: Told, wanted: set[str]) -> dict[str, Target]:
    targets = zip(told.rows, told.dates, told.handles, told.states, strict=True)
    columns = zip(zip(told.guids, told.seldom, strict=True), targets, strict=True)
    return {guid: target for (guid, few), target in columns if guid in wanted and about(few)[0] < FIRST_TAPBACK}


def _span(block: int) -> tuple[int, int]:
    """The first and the last ROWID of a block."""
    return block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS - 1
