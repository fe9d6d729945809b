"""How fast the models of this machine are: start, texts and tokens a CPU second, memory.

`python tests/benchmarks/models.py [--model NAME] [--threads N]` prints one JSON document. Each engine runs in a
process of its own, so that its start and its memory are its own. CPU seconds, because machines are shared.
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
from typing import TypeVar

from agent.models.engines.llama_cpp import LlamaCpp
from agent.models.engines.mlx import Mlx
from agent.models.library import Library, default_folder
from agent.models.protocols import Embedder, Prompt

Result = TypeVar("Result")

WORDS = (
    "rent landlord meeting dinner invoice phone mother running sleep train ticket march summer doctor garden".split()
)
SYSTEM = "You answer from the owner's notes only, in one sentence. " + "Say so when they do not tell. " * 6
SCHEMA = {
    "type": "object",
    "properties": {"found": {"type": "boolean"}, "value": {"type": "string", "maxLength": 60}},
    "required": ["found", "value"],
}


def sentence(words: int, seed: int) -> str:
    """Seeded words, about one token each."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def memory() -> int:
    """The most resident memory so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def clock(work: Callable[[], Result]) -> tuple[Result, float, float]:
    """A result, with the CPU and wall seconds it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def embedding(embedder_of: Callable[[], Embedder]) -> dict[str, float]:
    """Start with one text, then texts of about 60 and 250 tokens."""
    embedder, cpu, wall = clock(embedder_of)
    _, first, _ = clock(lambda: embedder.embed(["hello"], role="query"))
    _, query, _ = clock(lambda: [embedder.embed([sentence(8, seed)], role="query") for seed in range(10)])
    figures = {"start_cpu_s": cpu + first, "start_wall_s": wall, "query_cpu_ms": query * 100}
    for words, count in ((58, 64), (248, 16)):
        texts = [sentence(words, seed) for seed in range(count)]
        _, cpu, _ = clock(lambda texts=texts: embedder.embed(texts, role="passage"))  # type: ignore[misc] # the default binds it
        figures[f"texts_per_cpu_s_{words + 2}_tokens"] = count / cpu
    return figures | {"peak_mb": memory()}


def generation(model_of: Callable[[], LlamaCpp | Mlx], tokens: int) -> dict[str, float]:
    """Load, a new prompt, the same beginning again, an answer by schema."""
    model, cpu, wall = clock(model_of)
    figures = {"load_cpu_s": cpu, "load_wall_s": wall}
    for name, seed in (("new", 1), ("warm", 2)):
        prompt = Prompt(system=SYSTEM, user=f"Notes: {sentence(60, seed)}. What do they tell of?")
        _, first, _ = clock(lambda prompt=prompt: list(model.generate(prompt, max_tokens=1)))  # type: ignore[misc] # as above
        usage = model.usage
        assert usage is not None
        figures[f"{name}_prompt_tokens"] = usage.prompt_tokens - usage.cached_tokens
        figures[f"{name}_first_token_cpu_s"] = first
    figures["prompt_tokens_per_cpu_s"] = figures["new_prompt_tokens"] / figures["new_first_token_cpu_s"]
    prompt = Prompt(system=SYSTEM, user="Count from one to fifty in words.")
    list(model.generate(prompt, max_tokens=1))
    _, cpu, _ = clock(lambda: list(model.generate(prompt, max_tokens=tokens)))
    assert model.usage is not None
    figures["tokens_per_cpu_s"] = model.usage.generated_tokens / cpu
    _, cpu, _ = clock(lambda: list(model.generate(prompt, max_tokens=80, schema=SCHEMA)))
    figures["schema_tokens_per_cpu_s"] = model.usage.generated_tokens / cpu
    model.close()
    return figures | {"peak_mb": memory()}


def measure(name: str, threads: int) -> dict[str, float]:
    """The figures of one installed model, in this process."""
    from agent.models.embedder import OnnxEmbedder, SentenceTransformersEmbedder

    model = Library(default_folder()).open(name)
    if model.format == "onnx":
        return embedding(lambda: OnnxEmbedder(model.folder, threads=threads))
    if model.format == "sentence-transformers":
        return embedding(lambda: SentenceTransformersEmbedder(model.folder, threads=threads))
    if model.format == "mlx":
        return generation(lambda: Mlx(model.folder), tokens=12)
    with tempfile.TemporaryDirectory(prefix="homebody-") as runtime:  # made with mode 0700
        return generation(lambda: LlamaCpp(model.path, runtime_dir=Path(runtime), threads=threads), tokens=48)


def main() -> None:
    """Measure every installed model, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", help="by default all that are installed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.here, options.threads)))
        return
    report = {}
    for name in options.model or Library(default_folder()).names():
        command = [sys.executable, __file__, "--here", name, "--threads", str(options.threads)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        report[name] = {key: round(value, 2) for key, value in json.loads(done.stdout).items()}
    print(json.dumps({"threads": options.threads, "models": report}, indent=2))


if __name__ == "__main__":
    main()
