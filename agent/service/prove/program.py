"""The program: a throw-away home, a whole life in it, everything watched; then the evidence in plain words."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from agent import config
from agent.service.cli.client import Client
from agent.service.prove import life, search
from agent.service.prove.probes import NAME
from agent.service.prove.trace import Seen
from agent.service.prove.watch import Polled, Traced, Watched, strace

_PROGRAM = "import sys; from agent.service.launch import command_line; sys.argv[0] = 'homebody'; command_line()"
_DAEMON = [sys.executable, "-I", "-m", "agent.service", "daemon", "foreground"]
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "XDG_RUNTIME_DIR")
_START_SECONDS = 120.0
"""How long the daemon may take to answer; under strace every call of it stops twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One claim, whether it held, and what was seen."""

    claim: str
    holds: bool
    seen: str


class CannotProve(Exception):
    """A command of the life failed, so that there is nothing to judge."""


def run() -> NoReturn:
    """Exit 0 when every claim holds, 1 when one does not or nothing could be shown."""
    parser = argparse.ArgumentParser(
        prog="homebody-prove",
        description="Indexes and asks a synthetic life in locked processes, watches them from outside, prints the evidence.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--without-strace", action="store_true", help="watch through /proc, as where there is no strace"
    )
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="homebody-prove-"))  # 0700
    try:
        means, evidence = _prove(folder, program=None if asked.without_strace else strace())
    except CannotProve as error:
        sys.stderr.write(f"homebody-prove: {error}\n")
        sys.exit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    holds = all(one.holds for one in evidence)
    if asked.json:
        sys.stdout.write(
            json.dumps({"holds": holds, "means": means, "evidence": [asdict(one) for one in evidence]}) + "\n"
        )
    else:
        for one in evidence:
            sys.stdout.write(f"{'ok ' if one.holds else 'BAD'} {one.claim}: {one.seen}\n")
        sys.stdout.write(f"Watched by {means}. {'Every claim holds.' if holds else 'NOT every claim holds.'}\n")
    sys.exit(0 if holds else 1)


def _prove(folder: Path, *, program: str | None) -> tuple[str, list[Evidence]]:
    environment = _environment(folder)
    places = config.places(environment)
    word = f"quokka{secrets.token_hex(6)}"
    sources = life.plant(folder / "life", word)
    watch = Traced(program, folder, environment) if program else Watched(environment)
    evidence = list(_live(watch, sources, word, folder, environment))
    evidence += _network(watch.seen())
    evidence += _probed(environment)
    kept = (places.home, places.runtime, folder / "temporary")
    found = search.files_with(word, kept)
    evidence.append(
        Evidence(
            claim="the planted word is in no file of ours, in UTF-8 or UTF-16",
            holds=not found,
            seen=", ".join(found) if found else f"{search.count(kept)} files looked through: data, log, temporary, RAM",
        )
    )
    strays = [str(path) for name in ("owner", "temporary") for path in (folder / name).rglob("*")]
    evidence.append(
        Evidence(
            claim="nothing was written beside the data folder",
            holds=not strays and not places.runtime.exists(),
            seen=", ".join(strays)
            or "the owner's home folder and the temporary folder are empty, the RAM folder is gone",
        )
    )
    return watch.means, evidence


def _environment(folder: Path) -> dict[str, str]:
    for name in ("home", "owner", "temporary"):
        (folder / name).mkdir(mode=0o700)
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_hex(16) + "\n")
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **passed,
        "HOME": str(folder / "owner"),
        "HOMEBODY_MODELS": str(config.places(os.environ).models),
        "HOMEBODY_HOME": str(folder / "home"),
        "HOMEBODY_PASSPHRASE_FILE": str(secret),
        "HOMEBODY_NOW": life.NOW,
        "TMPDIR": str(folder / "temporary"),
        "TZ": "Europe/Berlin",
    }


def _live(
    watch: Traced | Watched, sources: Mapping[str, Path], word: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[Evidence]:
    """Set up, index and ask as an owner does: by a process for one command, then by the daemon."""
    _run(watch, "init", "--yes", "--recovery-file", str(folder / "recovery"))
    daemon = watch.start(_DAEMON)
    try:
        _await(daemon, environment)
        for kind, path in sources.items():
            _run(watch, "add", kind, str(path), "--yes")
        _run(watch, "index", "--json")
        held = _run(watch, "status", "--json")["sources"]  # what the daemon's own passes read counts as well
        assert isinstance(held, list)
        whole = {source["name"] for source in held if source["records"] and not source["problem"]}
        yield Evidence(
            claim="a whole life was indexed",
            holds=whole >= set(sources),
            seen=", ".join(f"{source['records']} records of {source['name']}" for source in held),
        )
        hits = _run(watch, "search", "--json", "-k", "50", word)["hits"]
        assert isinstance(hits, list)
        holding = {hit["source"] for hit in hits if word in json.dumps(hit)}
        yield Evidence(
            claim="the planted word was read, and is found by asking",
            holds=holding >= set(sources) - {"apple-health"},
            seen=f"in {', '.join(sorted(holding))}",
        )
        steps = _run(watch, "ask", "--json", f"How many steps on {life.DAY:%-d %B %Y}?")
        yield Evidence(
            claim="a number was answered by arithmetic",
            holds=str(life.STEPS_THEN) in json.dumps(steps["values"]) and word in json.dumps(steps["citations"]),
            seen=str(steps["answer"]).partition("\n")[0],
        )
        said = _run(watch, "ask", "--json", "When is the monthly rent due?", status=(0, 3))
        ran = _run(watch, "status", "--json")["models"]
        assert isinstance(ran, list)
        yield Evidence(
            claim="a question went through search and the language model",
            holds=len(ran) > 1 and bool(said["answer"]),
            seen=f"{', '.join(ran)}; {'found' if said['found'] else 'not found'}, by {said['route']}",
        )
        missing = _run(watch, "ask", "--json", "Which frequency does the lighthouse of Ushant use?", status=(3,))
        yield Evidence(
            claim="what is not in the data is not answered",
            holds=not missing["found"],
            seen=str(missing["answer"])[:60],
        )
    finally:
        _finish(watch, daemon)


def _await(daemon: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
    """Until the daemon answers: a command that finds none opens the home itself, and then the daemon could not."""
    client, deadline = Client(environment), time.monotonic() + _START_SECONDS
    while daemon.poll() is None and time.monotonic() < deadline:
        if client.daemon_pid() is not None:
            client.close()
            return
        time.sleep(0.05)
    if daemon.poll() is None:
        raise CannotProve(f"the daemon does not answer after {_START_SECONDS:.0f} seconds.")
    raise CannotProve(f"the daemon ended with {daemon.returncode}: {daemon.communicate()[1].decode().strip()}")


def _finish(watch: Traced | Watched, daemon: subprocess.Popen[bytes]) -> None:
    ended = watch.start([sys.executable, "-I", "-c", _PROGRAM, "daemon", "stop"])
    ended.communicate(timeout=120)
    try:
        daemon.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        daemon.terminate()
        raise CannotProve("the daemon did not end.") from None


def _run(watch: Traced | Watched, *arguments: str, status: tuple[int, ...] = (0,)) -> dict[str, object]:
    process = watch.start([sys.executable, "-I", "-c", _PROGRAM, *arguments])
    out, err = process.communicate(timeout=600)
    if process.returncode not in status:
        raise CannotProve(f"`homebody {arguments[0]}` ended with {process.returncode}: {err.decode().strip()}")
    return dict(json.loads(out)) if "--json" in arguments else {}


def _network(seen: Seen | Polled) -> Iterator[Evidence]:
    if isinstance(seen, Seen):
        yield Evidence(
            claim="every command locked itself before it made a socket or a process",
            holds=bool(seen.locks) and not seen.early,
            seen=_first(seen.early)
            or f"{seen.processes} programs ran, {seen.locks} made a lock of their own, the others inherit it",
        )
        yield Evidence(
            claim="nobody tried to make an internet, netlink or packet socket",
            holds=seen.self_tests == 2 * seen.locks and not seen.attempts,
            seen=_first(seen.attempts)
            or f"0 tries beside the {seen.self_tests} by which the locks test themselves, all refused; {seen.unix_sockets} UNIX sockets",
        )
        return
    yield Evidence(
        claim="every process was locked by the system (Seccomp: 2)",
        holds=bool(seen.locked) and not seen.unlocked,
        seen=_first(seen.unlocked)
        or f"{seen.locked} of {seen.processes} processes; any others ended before they had done anything",
    )
    yield Evidence(
        claim="no process held an internet, netlink or packet socket",
        holds=not seen.attempts,
        seen=_first(seen.attempts) or f"none ({seen.closed} looks were refused: processes are closed to others)",
    )


def _first(lines: Sequence[str]) -> str:
    return f"{len(lines)} times, first: {lines[0]}" if lines else ""


def _probed(environment: Mapping[str, str]) -> Iterator[Evidence]:
    """Every try is refused inside; the same tries outside show that it is the lock that refuses them."""
    inside, outside = _probes("locked", environment), _probes("open", environment)
    for name, refused in inside.items():
        yield Evidence(
            claim=f"from inside, {name}", holds=bool(refused), seen=f"refused ({refused})" if refused else "possible"
        )
    possible = [name for name, refused in outside.items() if not refused and name != NAME]
    yield Evidence(
        claim="without the lock the same tries succeed",
        holds="TCP socket by the C library" in possible,
        seen=f"{len(possible)} of {len(outside)} (no name is looked up outside)",
    )


def _probes(where: str, environment: Mapping[str, str]) -> dict[str, str]:
    tried = subprocess.run(
        [sys.executable, "-I", "-m", "agent.service.prove.probes", where],
        capture_output=True, check=False, env=dict(environment), timeout=120,
    )  # fmt: skip
    if tried.returncode:
        raise CannotProve(f"the probes failed: {tried.stderr.decode().strip()}")
    return dict(json.loads(tried.stdout))
