"""Which conversation a mail belongs to: by References, else In-Reply-To, linked as RFC 5256 (REFERENCES) links them.

Subjects link nothing: strangers' mails are called "Re: Hello", too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

HEAD_BYTES = 1 << 16
"""Where the fields of a head stand that matter here: behind the marks of some dozen relays at most."""
MOST = 50
"""So many mails before a mail count, the first one and the last ones: heads that name more are cut short on their way."""
HEAD_END = re.compile(rb"\r?\n\r?\n")

_ID = re.compile(rb"<([^<>]{1,998})>")


@dataclass(frozen=True, slots=True)
class Ties:
    """The names of a mail ("" where it has no Message-ID) and of those before it in its conversation, the first one first."""

    id: str
    before: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join((self.id, *self.before))

    @classmethod
    def read(cls, written: str) -> Ties:
        """The ties that `str` wrote."""
        id_, *before = written.split(",")
        return cls(id_, tuple(before))

    @property
    def claim(self) -> str:
        """The conversation by this mail alone, "" where it says nothing."""
        return self.before[0] if self.before else self.id


def name(id_: bytes) -> str:
    """What a mail is called here by its Message-ID, and a conversation by its first mail's."""
    return blake2b(id_, digest_size=8).hexdigest()


def ties(head: bytes) -> Ties:
    """What the first bytes of a mail say, without parsing it. Gmail's own number of a conversation outranks the rest."""
    end = HEAD_END.search(head, 0, HEAD_BYTES)
    head = b"\n" + head[: end.start() if end else HEAD_BYTES] + b"\n"
    low = head.lower()
    own = _field(head, low, b"message-id")
    found = _ids(own) or own.split()[:1]
    id_ = name(found[0]) if found else ""
    if number := _field(head, low, b"x-gm-thrid").strip():
        return Ties(id_, (name(b"X-GM-THRID " + number),))
    before = _ids(_field(head, low, b"references"))
    if not before and (answered := _field(head, low, b"in-reply-to").strip()):
        # "Message from Bob <bob@x.example> of Tuesday <id@x.example>": old programs write the id last.
        before = (_ids(answered) or answered.split())[:: 1 if answered.startswith(b"<") else -1][:1]
    if len(before) > MOST:
        before = [before[0], *before[1 - MOST :]]
    names = dict.fromkeys(map(name, before))
    names.pop(id_, None)
    return Ties(id_, tuple(names))


def _field(head: bytes, low: bytes, field: bytes) -> bytes:
    """The first value of a field with the lines that it goes on on."""
    start = low.find(b"\n" + field + b":")
    if start < 0:
        return b""
    start += len(field) + 2
    end = head.find(b"\n", start)
    while head[end + 1 : end + 2] in (b" ", b"\t"):
        end = head.find(b"\n", end + 1)
    return head[start:end]


def _ids(value: bytes) -> list[bytes]:
    """The ids in angle brackets; programs that fold lines put white space into them."""
    return [b"".join(found.split()) for found in _ID.findall(value)]


class Threads:
    """All mails of a source in their conversations. What it says does not hang on the order in which it is told."""

    def __init__(self, mails: Iterable[Ties]) -> None:
        self._up: dict[str, str] = {}
        told = sorted({(one.id, one.before) for one in mails if one.before})
        for id_, before in told:
            if id_ and id_ not in self._up:
                self._link(before[-1], id_)
        # What a mail says of those before it counts where they are not there to say it themselves.
        for _, before in told:
            for parent, child in pairwise(before):
                if child not in self._up:
                    self._link(parent, child)

    def conversation(self, mail: Ties) -> str:
        """The name of the first mail of its conversation, whether that is there or not; "" where it has no ties."""
        return self._first(mail.id or (mail.before[-1] if mail.before else ""))

    def _link(self, parent: str, child: str) -> None:
        if (first := self._first(parent)) != child:  # else a circle
            self._up[child] = first

    def _first(self, mail: str) -> str:
        first = mail
        while (up := self._up.get(first)) is not None:
            first = up
        while mail != first:
            self._up[mail], mail = first, self._up[mail]
        return first
