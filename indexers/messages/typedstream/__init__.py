"""The attributed strings of Messages, in the typedstream format."""

from indexers.messages.typedstream.archive import TypedStreamError, Value
from indexers.messages.typedstream.attributed import AttributedText, Plain, Run, decode, placed
from indexers.messages.typedstream.shapes import Filled, RunShape, Shape, Shapes

__all__ = [
    "AttributedText",
    "Filled",
    "Plain",
    "Run",
    "RunShape",
    "Shape",
    "Shapes",
    "TypedStreamError",
    "Value",
    "decode",
    "placed",
]
