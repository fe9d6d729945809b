"""Apple Messages: the conversations in `chat.db`, read in place while Messages writes."""

from indexers.messages.apple.source import AppleMessages

__all__ = ["AppleMessages"]
