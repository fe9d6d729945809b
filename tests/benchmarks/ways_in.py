"""CPU seconds of the command line by hand: `python tests/benchmarks/ways_in.py` prints JSON; needs the default models."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.owner import PROGRAM, WORD, Owner, settled

ROUNDS = 11


def cpu_seconds(owner: Owner, *arguments: str) -> float:
    """User and system time of one command and of what it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [PROGRAM, *arguments], env=owner.environment, check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        owner = settled(Path(folder))
        process = owner.start("daemon", "start")
        process.communicate()
        try:
            for arguments in (["--help"], ["status"], ["search", WORD]):
                seconds = [cpu_seconds(owner, *arguments) for _ in range(ROUNDS)]
                found[arguments[0]] = {"median": round(statistics.median(seconds), 3), "worst": round(max(seconds), 3)}
        finally:
            owner.run("daemon", "stop")
    print(json.dumps({"cpu_seconds": found, "rounds": ROUNDS, "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
