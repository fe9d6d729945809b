"""Retrieval quality on LoCoMo (public long conversations), by hand: `python tests/quality/locomo.py FILE MODEL_FOLDER`.

FILE is the benchmark's JSON (snap-research/LoCoMo, CC BY-NC 4.0: evaluation only, so it does not come with this
project); MODEL_FOLDER a sentence-transformers folder. Vectors are kept in `--cache`; a run takes two to five minutes.
The readings, the weights and the fusion are the product's; full text is SQLite's own FTS5, as in the store.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.retrieval import fusion, query, support
from agent.vocabulary import Passage, Person, Query

NOW = datetime(2024, 6, 1, tzinfo=UTC)
"""When all questions are asked: after the last conversation."""

IntArray = NDArray[np.int64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message: `session` numbers sessions over all conversations, `sender` people over all conversations."""

    conversation: int
    session: int
    label: str
    sender: int
    at: datetime
    text: str

    @property
    def words(self) -> int:
        """What it costs in a prompt: its words and four for its head."""
        return len(self.text.split()) + 4

    @property
    def date(self) -> str:
        return f"{self.at.day} {self.at:%B %Y}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`evidence` are line numbers; `category` 5 are the adversarial ones."""

    conversation: int
    text: str
    category: int
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    lines: tuple[Line, ...]
    questions: tuple[Question, ...]
    people: tuple[tuple[Person, ...], ...]  # by conversation


def load(path: Path) -> Benchmark:
    """Read the benchmark; evidence is parsed tolerantly ("D8:6; D9:17", "D30:05"), questions without any left out."""
    lines: list[Line] = []
    questions: list[Question] = []
    people: list[tuple[Person, ...]] = []
    for number, sample in enumerate(json.loads(path.read_text())):
        talk = sample["conversation"]
        pair = [talk["speaker_a"], talk["speaker_b"]]
        people.append(tuple(Person(id=2 * number + i, name=name, handles=()) for i, name in enumerate(pair)))
        place: dict[str, int] = {}
        for session in sorted(int(key[8:]) for key in talk if re.fullmatch(r"session_\d+", key)):
            at = datetime.strptime(talk[f"session_{session}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            for turn in talk[f"session_{session}"]:
                photo = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                place[turn["dia_id"]] = len(lines)
                lines.append(
                    Line(
                        conversation=number,
                        session=1000 * number + session,
                        label=f"{number}:{turn['dia_id']}",
                        sender=2 * number + pair.index(turn["speaker"]),
                        at=at,
                        text=turn["text"] + photo,
                    )
                )
        for asked in sample["qa"]:
            said = {f"D{int(a)}:{int(b)}" for e in asked["evidence"] for a, b in re.findall(r"D(\d+):(\d+)", e)}
            if evidence := sorted(place[label] for label in said if label in place):
                questions.append(
                    Question(
                        conversation=number,
                        text=asked["question"],
                        category=asked["category"],
                        evidence=tuple(evidence),
                    )
                )
    return Benchmark(lines=tuple(lines), questions=tuple(questions), people=tuple(people))


def blocks(lines: Sequence[Line], *, least: int = 3, most: int = 5, one_in: int = 2) -> Iterator[range]:
    """Cut sessions after a line whose hashed label says so, with `least` to `most` lines in a block."""
    start = 0
    for end in range(1, len(lines) + 1):
        ended = end == len(lines) or lines[end].session != lines[start].session
        cut = int.from_bytes(hashlib.blake2b(lines[end - 1].label.encode(), digest_size=8).digest()) % one_in == 0
        if ended or end - start == most or (cut and end - start >= least):
            yield range(start, end)
            start = end


class Archive:
    """Some lines (by number, in order) with a full-text index and their blocks' vectors."""

    def __init__(self, lines: Sequence[Line], numbers: IntArray, vectors: Matrix, block: IntArray) -> None:
        self.numbers = numbers
        self._lines = [lines[i] for i in numbers]
        self._vectors = vectors[numbers]
        self._block = block[numbers]
        self._thread = np.array([line.session for line in self._lines], np.int64)
        self._moment = np.array([line.at.timestamp() for line in self._lines])
        self._sender = np.array([line.sender for line in self._lines], np.int64)
        self._words = sqlite3.connect(":memory:")
        self._words.execute("CREATE VIRTUAL TABLE f USING fts5(text, about, tokenize = 'porter unicode61')")
        rows = [(i, line.text, f"{line.date} {token(line.sender)}") for i, line in enumerate(self._lines)]
        self._words.executemany("INSERT INTO f (rowid, text, about) VALUES (?, ?, ?)", rows)

    def text(self, row: int) -> str:
        return f"{self._lines[row].text} {self._lines[row].date}"

    def passage(self, row: int, names: Mapping[int, str]) -> Passage:
        """The line as the product finds it, said between the two people of its conversation."""
        line = self._lines[row]
        pair = (2 * line.conversation, 2 * line.conversation + 1)
        return Passage(
            id=line.label, score=0.0, source="locomo", kind="message", title="", text=line.text, locator=line.label,
            people=tuple(names[person] for person in pair), sender=names[line.sender], when=line.at,
        )  # fmt: skip

    def frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        count = "SELECT count(*) FROM f WHERE f MATCH ?"
        return {term: self._words.execute(count, (f'"{term}"',)).fetchone()[0] for term in terms}

    def found(self, expression: str, *, limit: int = 2000) -> fusion.FloatArray:
        scores = np.zeros(len(self._lines))
        select = "SELECT rowid, -rank FROM f WHERE f MATCH ? ORDER BY rank LIMIT ?"
        for row, score in self._words.execute(select, (expression, limit)):
            scores[row] = score
        return scores

    def cosines(self, vector: NDArray[np.float32], *, nearest: int = 200) -> fusion.FloatArray:
        """The cosine of each line's block; NaN for those not among the nearest blocks, as from a vector index."""
        cosines = (self._vectors @ vector).astype(np.float64)
        numbers, first = np.unique(self._block, return_index=True)
        kept = numbers[np.argsort(-cosines[first], kind="stable")[:nearest]]
        return np.where(np.isin(self._block, kept), cosines, np.nan)

    def scores(self, asked: Query, vector: NDArray[np.float32] | None, weights: fusion.Weights) -> fusion.FloatArray:
        """The product's ranking; without a vector by words alone."""
        dated = np.zeros(len(self._lines), np.bool_)
        for start, end in map(query.reported, asked.windows):
            dated |= (self._moment >= start) & (self._moment < end)
        return fusion.fuse(
            thread=self._thread,
            moment=self._moment,
            lexical=self.found(query.match(asked, {p.id: (token(p.id),) for p in asked.people})),
            mentions=self.found(query.match_names(asked)),
            dense=np.full(len(dated), np.nan) if vector is None else self.cosines(vector),
            named=np.isin(self._sender, [person.id for person in asked.people]),
            dated=dated,
            weights=weights,
        )


def token(person: int) -> str:
    return f"xh{person}"


def measured(order: IntArray, evidence: Sequence[int], lines: Sequence[Line]) -> tuple[float, float, float, float]:
    """R@5, R@10, nDCG@10 (binary gains) and the share of evidence in the first 300 words, of one ranking of lines."""
    rank = np.flatnonzero(np.isin(order, evidence))
    gain = (1 / np.log2(rank[rank < 10] + 2)).sum() / (1 / np.log2(np.arange(min(10, len(evidence))) + 2)).sum()
    words = np.cumsum([lines[i].words for i in order])
    whole = len(evidence)
    return (rank < 5).sum() / whole, (rank < 10).sum() / whole, float(gain), (words[rank] <= 300).sum() / whole


def separation(yes: Sequence[float], no: Sequence[float]) -> float:
    """The area under the ROC curve: how often an answerable question scores above one that is not."""
    a, b = np.array(yes)[:, None], np.array(no)[None, :]
    return float(((a > b) + 0.5 * (a == b)).mean())


class Vectors:
    """Embeds with sentence-transformers and keeps what it embedded in a folder."""

    def __init__(self, model: Path, cache: Path) -> None:
        self._model, self._cache = model, cache

    def __call__(self, texts: Sequence[str]) -> Matrix:
        name = hashlib.blake2b("\0".join([str(self._model), *texts]).encode(), digest_size=12).hexdigest()
        file = self._cache / f"{name}.npy"
        if not file.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            np.save(file, self._encoder().encode(list(texts), batch_size=8, normalize_embeddings=True))
        kept: Matrix = np.load(file)
        return kept

    @lru_cache(maxsize=1)  # noqa: B019 - one encoder for one run of a script
    def _encoder(self):  # type: ignore[no-untyped-def]  # sentence-transformers ships no types
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self._model), device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/homebody-locomo").expanduser())
    options = parser.parse_args()
    benchmark = load(options.file)
    embed = Vectors(options.model, options.cache)
    cut = list(blocks(benchmark.lines))
    owner = np.repeat(np.arange(len(cut)), [len(block) for block in cut])
    vectors = embed(["\n".join(benchmark.lines[i].text for i in block) for block in cut])[owner]
    home = np.array([line.conversation for line in benchmark.lines])
    everybody = [person for pair in benchmark.people for person in pair]

    def archive(kept: NDArray[np.bool_]) -> Archive:
        return Archive(benchmark.lines, np.flatnonzero(kept), vectors, owner)

    pooled = archive(home >= 0)
    own = [archive(home == number) for number in range(len(benchmark.people))]
    others = [archive(home != number) for number in range(len(benchmark.people))]
    apart = [query.read(q.text, now=NOW, people=benchmark.people[q.conversation]) for q in benchmark.questions]
    together = [query.read(q.text, now=NOW, people=everybody) for q in benchmark.questions]
    asked = embed([query.embedded(reading) for reading in apart])
    print(f"{len(benchmark.lines)} lines, {len(cut)} blocks, {len(benchmark.questions)} questions")

    plain = replace(fusion.MEASURED, kernel=(), sender=1.0, dated=0.0, mention=1.0)
    ladder: dict[str, tuple[fusion.Weights, bool]] = {
        "words, no neighbours, no boosts": (plain, False),
        "words": (fusion.MEASURED, False),
        "vectors": (replace(fusion.MEASURED, lexical=0.0), True),
        "words + vectors, no dates": (replace(fusion.MEASURED, dated=0.0), True),
        "words + vectors": (fusion.MEASURED, True),
    }
    print("\ncategories 1-4, in %, one conversation; all pooled\n|ranking|R@5|R@10|nDCG@10|W@300|\n|-|-|-|-|-|")
    for name, (weights, dense) in ladder.items():
        results: list[list[tuple[float, float, float, float]]] = [[], []]
        for i, question in enumerate(benchmark.questions):
            if question.category == 5:
                continue
            for place, (where, reading) in enumerate(((own[question.conversation], apart[i]), (pooled, together[i]))):
                scores = where.scores(reading, asked[i] if dense else None, weights)
                order = where.numbers[fusion.best(scores, len(scores))]
                results[place].append(measured(order, question.evidence, benchmark.lines))
        one, all_ = (np.mean(result, axis=0) * 100 for result in results)
        print(f"|{name}|" + "|".join(f"{a:.1f}; {b:.1f}" for a, b in zip(one, all_, strict=True)) + "|", flush=True)

    answerability(benchmark, asked, own, others, pooled, apart=apart, together=together)


def answerability(
    benchmark: Benchmark,
    asked: Matrix,
    own: Sequence[Archive],
    others: Sequence[Archive],
    pooled: Archive,
    *,
    apart: Sequence[Query],
    together: Sequence[Query],
) -> None:
    """How support separates questions from the same questions put to archives that do not hold the answer.

    There the names in a question are those of the other conversation's people, so that a name tells nothing.
    """
    chance = random.Random(0)
    kinds: dict[str, dict[str, list[float]]] = {
        where: {"answerable": [], "another life": [], "adversarial": []} for where in ("one conversation", "pooled")
    }
    everybody = [person for pair in benchmark.people for person in pair]
    names = {person.id: person.name for person in everybody}
    for i, question in enumerate(benchmark.questions):
        here = question.conversation
        there = chance.choice([number for number in range(len(own)) if number != here])
        moved = question.text
        for mine, theirs in zip(benchmark.people[here], benchmark.people[there], strict=True):
            moved = re.sub(rf"\b{mine.name}\b", theirs.name, moved)
        kind = "adversarial" if question.category == 5 else "answerable"
        kinds["one conversation"][kind].append(supported(own[here], apart[i], asked[i], names))
        kinds["pooled"][kind].append(supported(pooled, together[i], asked[i], names))
        if question.category != 5:
            elsewhere = query.read(moved, now=NOW, people=benchmark.people[there])
            kinds["one conversation"]["another life"].append(supported(own[there], elsewhere, asked[i], names))
            elsewhere = query.read(moved, now=NOW, people=everybody)
            kinds["pooled"]["another life"].append(supported(others[here], elsewhere, asked[i], names))
    print("\nsupport: area under the curve, and in % how many reach one half")
    for where, found in kinds.items():
        area = separation(found["answerable"], found["another life"])
        adversarial = separation(found["answerable"], found["adversarial"])
        reached = ", ".join(f"{kind} {100 * np.mean(np.array(v) >= 0.5):.0f}" for kind, v in found.items())
        print(f"{where}: {area:.3f} (against adversarial {adversarial:.3f}); {reached}", flush=True)


def supported(archive: Archive, reading: Query, vector: NDArray[np.float32], names: Mapping[int, str]) -> float:
    top = fusion.best(archive.scores(reading, vector, fusion.MEASURED), 10).tolist()
    counts, total = archive.frequencies(reading.terms), len(archive.numbers)
    cosines = np.nan_to_num(archive.cosines(vector))
    found = [
        support.Evidence(
            passage=archive.passage(row, names),
            covered=support.coverage(reading, archive.text(row), counts, total),
            similarity=float(cosines[row]),
        )
        for row in top
    ]
    return support.support(support.telling(reading, found), found)


if __name__ == "__main__":
    main()
