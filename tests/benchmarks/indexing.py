"""Times indexing and retrieval at size, without and with vectors; by hand: `python tests/benchmarks/indexing.py`.

Two parts: a Messages database of 100,000 rows through the real worker into an encrypted store (first pass, a pass with
nothing changed, a day that grew, the rate of embedding), and a store of 50,000 chunks with seeded vectors (questions
without the model, sealing, unsealing). Run it while nothing else runs; prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import secrets
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from agent.config import SourceConfig, default_models
from agent.demo.chat_db import ME, Chat, ChatDatabase, Line
from agent.ingest.chunk import embedded_text
from agent.ingest.run import Workshop, run
from agent.ingest.workers.staff import Staff
from agent.ingest.workers.worker import Worker, resident
from agent.models.embedder import open_embedder
from agent.models.library import Library
from agent.models.protocols import Embedder, Role
from agent.retrieval import query as reading
from agent.retrieval.retriever import Retriever
from agent.store.keys import CompartmentKey
from agent.store.reading.lookup import Lookup
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex
from agent.vocabulary import Block, Chunk, Vector
from indexers.source import Item

KEY = CompartmentKey(bytes(range(32)))
MODEL, DIMENSIONS = "seeded", 384
_START = datetime(2019, 1, 1, 8, tzinfo=UTC)
_COMMON = (
    "the train is late again so we meet at seven in front of old bakery and then walk down to river could you bring "
    "charger tickets bread milk tomorrow maybe dentist called about invoice house garden school doctor music"
).split()
_NAMES = "Ann Bob Cem Dora Emil Fay Gus Hana Ivo Jule Kai Lea Max Nora Otto Pia Quin Rosa Sven Tara".split()
QUESTIONS = (
    "When did Ann say the dentist called about the invoice?",
    "Where do we meet on Tuesday?",
    "What did Bob want me to bring to the garden?",
    "which word3120 did Dora talk about in May 2021",
    "who has the tickets for the music school",
    "did the train come late on 3 March 2022?",
    "the house and the garden and the river and the bakery",
    "what about word17 and word4021 and word77",
)


def sentence(draw: random.Random) -> str:
    """About a dozen words: everyday ones, and one in four from a long tail."""
    length = min(60, 2 + int(draw.expovariate(0.1)))
    return " ".join(
        draw.choice(_COMMON) if draw.random() < 0.75 else f"word{int(draw.paretovariate(0.6)) % 20_000}"
        for _ in range(length)
    )


def chats(messages: int, *, seed: int = 7) -> list[Chat]:
    draw = random.Random(seed)
    people = [[f"+1444{chat:07d}"] for chat in range(50)] + [
        [f"+1555{100 * chat + member:07d}" for member in range(4)] for chat in range(10)
    ]
    lines: list[list[Line]] = [[] for _ in people]
    moment = _START
    for number in range(messages):
        moment += timedelta(seconds=draw.randrange(30, 1500))
        chat = draw.randrange(len(people))
        by = ME if draw.random() < 0.45 else draw.choice(people[chat])
        guid = f"{number:08X}-0000-4000-8000-{number:012X}"
        lines[chat].append(Line(by=by, at=moment, text=sentence(draw), guid=guid))
    return [
        Chat(
            people=who,
            lines=lines[at],
            identifier=f"chat{at}" if len(who) > 1 else "",
            title=f"Group {at}" if len(who) > 1 else "",
        )
        for at, who in enumerate(people)
    ]


class Watched(Worker):
    """A worker whose largest resident size is kept."""

    peak = 0
    running: ClassVar[set[int]] = set()

    def watch(self) -> None:
        while not self.over.wait(0.05):
            if self.pid:
                Watched.running.add(self.pid)
                Watched.peak = max(Watched.peak, resident(self.pid))

    def __enter__(self) -> Watched:
        self.over = threading.Event()
        threading.Thread(target=self.watch, daemon=True).start()
        return self

    def close(self) -> None:
        Watched.running.discard(self.pid or 0)
        super().close()
        if hasattr(self, "over"):
            self.over.set()


def ticking(pid: int) -> float:
    """CPU seconds of a running process; 0 where there is no /proc."""
    try:
        user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measured(work: Callable[[], object]) -> dict[str, float]:
    """CPU seconds of this process and of its workers, ended and kept, and wall seconds."""

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime + sum(map(ticking, Watched.running))

    own, others, wall = time.process_time(), children(), time.monotonic()
    work()
    return {
        "cpu_s": round(time.process_time() - own, 2),
        "worker_cpu_s": round(children() - others, 2),
        "wall_s": round(time.monotonic() - wall, 2),
    }


def indexing(folder: Path, messages: int, embed_seconds: float) -> dict[str, object]:
    path = folder / "chat.db"
    with ChatDatabase(path) as database:
        database.add(*chats(messages))
    embedder = open_embedder(Library(default_models()), bulk=False)
    store = Store.open(folder / "store.db", KEY, create=True)
    store.embeddings.use_model(embedder.id)
    staff = Staff(Watched)
    shop = Workshop(store=store, model=embedder.id, count=embedder.count_tokens, zone=UTC, worker=staff.worker)
    source = SourceConfig(name="messages", kind="apple-messages", path=path)
    before = resident_now()

    def index() -> object:
        return run(source, shop, progress=lambda _: None)

    out: dict[str, object] = {"rss_before_mb": before, "first_pass": measured(index)}
    out |= {"worker_peak_mb": Watched.peak >> 20, "our_peak_mb": peak_mb(), "blocks": store.embeddings.waiting()}

    def one_more(number: int) -> None:
        with ChatDatabase(path) as database:
            at = _START + timedelta(days=9 * 365, minutes=number)
            database.add(
                Chat(
                    people=["+14440000000"],
                    lines=[Line(by=ME, at=at, text=f"one more {number}", guid=f"MORE-{number}")],
                )
            )

    for number in range(3):
        one_more(number)
        out[f"pass_with_one_more_message_{number}_by_a_kept_worker"] = measured(index)
    staff.dismiss()
    out["pass_with_nothing_changed"] = measured(index)
    staff.dismiss()
    one_more(9)
    out["pass_with_one_more_message"] = measured(index)
    staff.dismiss()
    done, began = 0, time.process_time()
    while time.process_time() - began < embed_seconds:
        waiting = store.embeddings.pending(limit=128)
        vectors = embedder.embed([embedded_text(block.chunks) for block in waiting], role="passage")
        store.embeddings.add(embedder.id, list(zip(waiting, vectors, strict=True)))
        done += len(waiting)
    out["embedded_blocks_per_cpu_s"] = round(done / (time.process_time() - began), 1)
    out["our_peak_with_embedder_mb"] = peak_mb()
    store.database.checkpoint()
    out["store_mb"] = (folder / "store.db").stat().st_size >> 20
    store.close()
    return out


class Seeded:
    """An embedder whose vectors cost nothing: near one of a few hundred themes, chosen by the text."""

    id, dimensions, max_tokens = MODEL, DIMENSIONS, 256

    def __init__(self) -> None:
        self._themes = np.random.default_rng(5).normal(size=(300, DIMENSIONS)).astype(np.float32)

    def vector(self, draw: np.random.Generator) -> Vector:
        made = self._themes[draw.integers(300)] + 0.8 * draw.normal(size=DIMENSIONS).astype(np.float32)
        unit: Vector = (made / np.linalg.norm(made)).astype(np.float32)
        return unit

    def embed(self, texts: list[str], *, role: Role) -> list[Vector]:
        return [self.vector(np.random.default_rng(list(text.encode()))) for text in texts]

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def fill(store: Store, chunks: int) -> None:
    """Chunks in blocks of four, each with its vector: `chunks` / 4 of them."""
    draw, source = random.Random(3), store.source("messages", "apple-messages")
    handles = {f"+49{n:06}": (f"{name} Example", name == "Ann") for n, name in enumerate(_NAMES)}
    names = list(handles)
    store.embeddings.use_model(MODEL)
    for start in range(0, chunks, 5000):
        with store.writing():
            item = store.stage(source, Item(id=f"item{start}", fingerprint="1"), now=0.0)
            store.name_handles(handles)
            made = [
                Chunk(
                    place=f"m{at}", thread=f"chat{at // 500}", kind="message", title="", text=sentence(draw),
                    about="7 May 2023", sender=(who := draw.choice(names)), people=tuple(sorted({who, names[at % 20]})),
                    when=1.6e9 + at * 600.0,
                )
                for at in range(start, min(chunks, start + 5000))
            ]  # fmt: skip
            blocks = [
                Block(first=at, last=min(at + 3, len(made) - 1), text=embedded_text(made[at : at + 4]))
                for at in range(0, len(made), 4)
            ]
            store.add_chunks(item, made, blocks, model=MODEL)
        store.publish(item, records=len(made), skips=())
    embedder, number = Seeded(), np.random.default_rng(1)
    while waiting := store.embeddings.pending(limit=1000):
        store.embeddings.add(MODEL, [(block, embedder.vector(number)) for block in waiting])


def retrieval(folder: Path, chunks: int) -> dict[str, object]:
    ram = Path("/dev/shm") / f"homebody-benchmark-{secrets.token_hex(4)}"
    ram.mkdir(mode=0o700)
    try:
        store = Store.open(folder / "large.db", KEY, create=True)
        out: dict[str, object] = {"chunks": chunks, "fill": measured(lambda: fill(store, chunks))}
        home = IndexHome(kind="ram", folder=ram / "index", snapshot=folder / "sealed", key=KEY.use("snapshot"))
        index = VectorIndex(store, home, model=MODEL, dimensions=DIMENSIONS)
        out["index_built"] = measured(index.open)
        out["index_sealed"] = measured(index.seal)
        index.close()
        index = VectorIndex(store, home, model=MODEL, dimensions=DIMENSIONS)
        out["index_unsealed_and_asked"] = measured(
            lambda: index.query(Seeded().embed(["a"], role="query")[0], sources=[1], limit=10)
        )
        out |= {"vectors": index.count(), "snapshot_mb": (folder / "sealed").stat().st_size >> 20}
        out["questions"] = questions(store, index)
        index.close()
        store.close()
        return out
    finally:
        shutil.rmtree(ram)


def questions(store: Store, index: VectorIndex) -> dict[str, object]:
    embedder: Embedder = Seeded()  # type: ignore[assignment]  # lists for sequences
    lookup = Lookup(store)
    first = measured(lookup.order)
    taken: dict[str, list[float]] = {question: [] for question in QUESTIONS}
    now = datetime(2026, 11, 25, tzinfo=UTC)
    for _ in range(5):
        for question in QUESTIONS:
            began = time.process_time()
            query = reading.read(question, now=now, people=lookup.people())
            found = Retriever(lookup, index, embedder).find(query, limit=12, zone=UTC, sources=[1])
            taken[question].append((time.process_time() - began) * 1000)
            assert found.passages
    each = {question: round(statistics.median(times), 1) for question, times in taken.items()}
    every = [time_ for times in taken.values() for time_ in times]
    return {
        "order_loaded": first,
        "cpu_ms_median": round(statistics.median(every), 1),
        "cpu_ms_max": round(max(every), 1),
        "cpu_ms_by_question": each,
    }


def resident_now() -> int:
    return resident(os.getpid()) >> 20


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--embed-seconds", type=float, default=15.0, help="CPU seconds for which the embedder is timed")
    parser.add_argument("--only", choices=("indexing", "retrieval"))
    arguments = parser.parse_args()
    out: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        if arguments.only != "retrieval":
            out["indexing"] = indexing(Path(name), arguments.messages, arguments.embed_seconds)
        if arguments.only != "indexing":
            out["retrieval"] = retrieval(Path(name), arguments.chunks)
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
