"""What a request is about, found and read in order: one work, a stretch of messages, or several that may be meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from agent.answer.citations import cite, plain
from agent.answer.prompt import header
from agent.vocabulary import Answer, Passage

_PLACES = {"page": "page", "slide": "slide", "chapter": "chapter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was read for a request. `name` says what it is; `passages` are in order, `total` counts all there are."""

    name: str
    passages: tuple[Passage, ...]
    total: int

    @property
    def extent(self) -> str:
        """How much of it was read, in pages where it has any: "pages 1 to 20 of it, the rest not"."""
        messages = bool(self.passages) and self.passages[0].kind == "message"
        count = len({(p.when, p.sender, p.locator) for p in self.passages}) if messages else len(self.passages)
        whole = len(self.passages) >= self.total
        pages = [label for p in self.passages for kind, label, *_ in p.spans if kind in _PLACES]
        kind = next((kind for p in self.passages for kind, *_ in p.spans if kind in _PLACES), "")
        if pages and kind:
            said = f"{kind} {pages[0]}" if pages[0] == pages[-1] else f"{kind}s {pages[0]} to {pages[-1]}"
        else:
            said = f"{count:,} {'message' if messages else 'passage'}{'' if count == 1 else 's'}"
        if whole:
            return f"all of it ({said})"
        return f"{said} only: there are {self.total:,} {'messages' if messages else 'passages'} in all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Several works that a request may mean, the likeliest each in a line, and how many more there are."""

    candidates: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of what is made: its words, and the characters start..end of a passage that it rests on."""

    text: str
    passage: Passage
    start: int
    end: int

    @property
    def place(self) -> tuple[str, int]:
        """Where what it rests on begins."""
        return self.passage.id, self.start

    @property
    def quote(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def quoted(self) -> bool:
        """Whether it says what stands there, and nothing else."""
        return self.text.split() == self.quote.split()


@dataclass(slots=True)
class Made:
    """What is being made, line by line, as it is shown; lines that rest on something are numbered as they come."""

    lines: list[Line] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def say(self, text: str) -> str:
        """A line of our own."""
        self.shown.append(text)
        return text

    def add(self, line: Line, *, shown: str = "") -> str:
        """A line with the mark of what it rests on: `shown`, else its text; of a message then with who said it and when."""
        self.lines.append(line)
        text = f"“{plain(line.text)}”" if line.quoted else plain(line.text)
        who = f"{plain(header(line.passage))}: " if line.passage.kind == "message" else ""
        return self.say(f"{plain(shown) or who + text} [{len(self.lines)}]")

    def answer(self, question: str, *, route: Literal["model", "quote"]) -> Answer:
        """The whole. A citation for each line, in order: its quote is what that line rests on, letter for letter."""
        return Answer(
            question=question,
            found=bool(self.lines),
            text="\n".join(self.shown),
            route=route if self.lines else "none",
            citations=tuple(cite(n, line.passage, line.quote) for n, line in enumerate(self.lines, start=1)),
        )
