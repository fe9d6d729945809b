"""How fast the models of this machine are: start, vectors a second, tokens a second, memory.

Run: `python tests/benchmarks/models.py [--engine llama.cpp|mlx] [--model NAME] [--threads N]`; prints one JSON document. Each engine
runs in a process of its own, so that start-up and memory are its own. CPU seconds, because machines are shared.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.models.library import Library, default_folder
from agent.models.protocols import Prompt

WORDS = "rent landlord meeting dinner invoice phone mother running sleep train ticket march summer doctor garden".split()
SYSTEM = "You answer questions from the owner's notes. " * 8


def sentence(words: int, seed: int) -> str:
    """Seeded words; about one token each."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def memory() -> int:
    """The most resident memory so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


def clock[T](work: Callable[[], T]) -> tuple[T, float, float]:
    """A result, with the CPU and wall seconds it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall
