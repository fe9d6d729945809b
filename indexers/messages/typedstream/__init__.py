"""The attributed strings of Messages, in the typedstream format."""

from indexers.messages.typedstream.archive import TypedStreamError, Value
from indexers.messages.typedstream.attributed import AttributedText, Plain, Run, decode
from indexers.messages.typedstream.shapes import Shapes

__all__ = ["AttributedText", "Plain", "Run", "Shapes", "TypedStreamError", "Value", "decode"]
