"""Messages made quickly, for there are many: a frozen class pays a call for each of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from indexers.record import Attachment, Party


@dataclass(slots=True, eq=False, init=False)
class Making:
    """A message before it is frozen, with the very fields (and thereby the layout) of `Message`.

    Filled field by field, and then given the class `Message`, it is what `Message(...)` makes, in an eighth of its time.
    """

    id: str
    conversation: str
    sender: Party
    people: tuple[Party, ...]
    sent_at: datetime
    text: str
    title: str
    reply_to: str
    quoted: str
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...]
    reactions: tuple[str, ...]
    locator: str
