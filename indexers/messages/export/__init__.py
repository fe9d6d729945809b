"""What all chat exports share: files and zip members opened within bounds, conversations cut into days.

A day of one conversation is the item of every export: a later, longer export of the same chat replaces the days that
grew, adds those that are new, and touches nothing else.
"""

from indexers.messages.export.archive import UNREADABLE, Extent, Malformed, Member, beside, mime
from indexers.messages.export.conversation import Chat, Day, DayBook, address
from indexers.messages.export.document import Json, JsonDocument, as_object, objects
from indexers.messages.export.overlap import Silent
from indexers.messages.export.source import ExportSource
from indexers.messages.export.text import Encoding, content_id, decoded, lines_of, links

__all__ = [
    "UNREADABLE",
    "Chat",
    "Day",
    "DayBook",
    "Encoding",
    "ExportSource",
    "Extent",
    "Json",
    "JsonDocument",
    "Malformed",
    "Member",
    "Silent",
    "address",
    "as_object",
    "beside",
    "content_id",
    "decoded",
    "lines_of",
    "links",
    "mime",
    "objects",
]
