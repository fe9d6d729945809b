"""The attributed strings of Messages, in the typedstream format."""

from indexers.messages.typedstream.archive import TypedStreamError, Value
from indexers.messages.typedstream.attributed import AttributedText, Plain, Run, decode

__all__ = ["AttributedText", "Plain", "Run", "TypedStreamError", "Value", "decode"]
