"""The owner's mail: mbox files, Maildirs, folders of .eml files and Apple Mail."""

from indexers.messages.mail.source import Mail

__all__ = ["Mail"]
