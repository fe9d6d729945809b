"""An answer as whoever asks gets it: piece by piece, and then whole."""

from __future__ import annotations

from collections.abc import Generator

from agent.vocabulary import Answer


def drained(pieces: Generator[str, None, Answer]) -> tuple[list[str], Answer]:
    """The pieces that were shown, without the empty ones, and the whole."""
    shown: list[str] = []
    while True:
        try:
            shown.append(next(pieces))
        except StopIteration as end:
            return [piece for piece in shown if piece], end.value
