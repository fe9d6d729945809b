"""Seconds and CPU from a message's commit to its being found; by hand: `python tests/benchmarks/live.py`.

A real daemon, socket, watch and worker over a Messages database of 100,000 rows that another process writes. Vectors are
seeded ones (49,000 real ones would take a quarter of an hour first); a real one adds some 20 ms a message.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agent.demo.chat_db import ChatDatabase
from tests.benchmarks.indexing import chats, ticking
from tests.owner import Owner, altered, wait_for

_SEEDED = """
import zlib
import numpy as np
from agent.models.resident import Resident

class Seeded:
    id, dimensions, max_tokens = "seeded", 384, 256

    def embed(self, texts, *, role):
        made = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=384).astype(np.float32) for text in texts]
        return [vector / np.linalg.norm(vector) for vector in made]

    def count_tokens(self, text):
        return len(text.split())

Resident.embedder = lambda models, *, bulk=False: Seeded()
"""
_SEND = """
import sys
from datetime import datetime
from pathlib import Path
from agent.demo.chat_db import Chat, ChatDatabase, Line
path, at, *words = sys.argv[1:]
with ChatDatabase(Path(path)) as database:
    for word in words:
        sys.stdin.readline()
        line = Line(by="me", at=datetime.fromisoformat(at), text=f"The {word} is in the hall.", guid=word)
        database.add(Chat(people=["+14440000000"], lines=[line]))
        print(word, flush=True)
    sys.stdin.readline()
"""


def spent(daemon: int) -> tuple[float, float]:
    """CPU seconds of the daemon and of the workers that it has now."""
    children = Path(f"/proc/{daemon}/task")
    workers = {int(pid) for task in children.iterdir() for pid in (task / "children").read_text().split()}
    return ticking(daemon), sum(map(ticking, workers))


def quiet(owner: Owner, *, seconds: float) -> None:
    """Wait until no pass has ended for so long."""
    state = [-1.0, time.monotonic()]

    def passed() -> bool:
        passes = owner.log().count("pass items")
        if passes != state[0] or not passes:
            state[:] = passes, time.monotonic()
        return time.monotonic() - state[1] > seconds

    wait_for(passed, seconds=3600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--sent", type=int, default=7)
    arguments = parser.parse_args()
    words = [f"bassoon{number}" for number in range(arguments.sent)]
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        owner = Owner(Path(name))
        owner.init()
        (owner.folder / "Messages").mkdir()
        path = owner.folder / "Messages" / "chat.db"
        with ChatDatabase(path) as database:
            database.add(*chats(arguments.messages))
        with owner.daemon(*altered(_SEEDED)) as daemon:
            owner.run("add", "apple-messages", str(path), "--yes")
            owner.start("index").communicate()
            quiet(owner, seconds=5)
            sending = subprocess.Popen(
                [sys.executable, "-c", _SEND, str(path), owner.now, *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert sending.stdin is not None
            assert sending.stdout is not None
            for word in words:
                before = spent(daemon.pid)
                print(file=sending.stdin, flush=True)
                sending.stdout.readline()
                sent = time.monotonic()
                wait_for(lambda word=word: owner.finds(word, word))
                seconds = time.monotonic() - sent
                quiet(owner, seconds=4)
                after = spent(daemon.pid)
                rounds.append(
                    [round(seconds, 2), *(round(now - then, 2) for now, then in zip(after, before, strict=True))]
                )
            sending.communicate("\n")
    print(
        json.dumps(
            {
                "messages": arguments.messages,
                "found_after_s, daemon_cpu_s, worker_cpu_s": rounds,
                "load": round(os.getloadavg()[0], 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
