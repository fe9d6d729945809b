"""A daemon like any other, but its language model takes its time and notes each word: `slow_model.py NOTES`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from agent import offline


def main() -> int:
    """Lock first, as every process of the product."""
    offline.lock()
    from agent.models import resident
    from agent.models.library import InstalledModel
    from agent.models.protocols import LanguageModel, Prompt, Schema
    from agent.models.scripted import Scripted
    from agent.service.__main__ import main as serve

    notes = Path(sys.argv[1])

    class Slow(Scripted):
        """Says a word every twentieth of a second, for ten minutes if it is let."""

        def generate(self, prompt: Prompt, *, max_tokens: int, schema: Schema | None = None) -> Iterator[str]:
            try:
                for number in range(12_000):
                    notes.write_text(f"{number} words")
                    yield "word "
                    time.sleep(0.05)
            finally:
                notes.write_text("stopped")

    def opened(model: InstalledModel, runtime: Path) -> LanguageModel:
        return Slow("word")

    resident.open_language_model = opened
    return serve(["daemon", "foreground"])


if __name__ == "__main__":
    sys.exit(main())
