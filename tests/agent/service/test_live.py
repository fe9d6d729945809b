"""What another program writes into a live database is found within seconds, with and without working watchers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.owner import Owner, altered, wait_for

pytestmark = pytest.mark.models

_DEAF = altered(
    "from datetime import timedelta",
    "from agent.service import background",
    "from indexers.watch import Watch",
    "Watch.start = lambda watch: None  # a watcher that died without a word",
    "background._POLL = timedelta(seconds=1)",
)
_SENT = """
import sys, time
from datetime import datetime
from pathlib import Path
from agent.demo.chat_db import Chat, ChatDatabase, Line
path, at, text = sys.argv[1:]
with ChatDatabase(Path(path)) as database:
    database.add(Chat(people=["+4915112345678"], lines=[Line(by="me", at=datetime.fromisoformat(at), text=text)]))
    print("sent", flush=True)
    sys.stdin.read()  # Messages goes on running: nothing is checkpointed
"""


def send(owner: Owner, text: str) -> subprocess.Popen[bytes]:
    """Another process that writes a message and keeps the database open, as Messages does."""
    sending = subprocess.Popen(
        [sys.executable, "-c", _SENT, str(owner.life / "Messages" / "chat.db"), owner.now, text],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert sending.stdout is not None
    assert sending.stdout.readline() == b"sent\n"
    return sending


def settle(owner: Owner) -> None:
    """Wait until the passes that are due have been, and no other follows for three seconds."""
    seen, since = -1, time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        passes = owner.log().count("pass items")
        if passes != seen:
            seen, since = passes, time.monotonic()
        return time.monotonic() - since > 3

    wait_for(quiet, seconds=60)


@pytest.mark.parametrize("watching", [True, False], ids=["watched", "deaf"])
def test_a_message_is_found_seconds_after_it_was_sent(resident: Owner, watching: bool) -> None:
    command = () if watching else _DEAF
    with resident.daemon(*command):
        settle(resident)
        assert not resident.finds("bassoon", "bassoon")
        sending = send(resident, "The bassoon is in the hall.")
        try:
            begun = time.monotonic()
            wait_for(lambda: resident.finds("bassoon", "bassoon"), seconds=30)
            print(f"found after {time.monotonic() - begun:.1f} s")  # the promise is 5 s on a machine of its own
            settle(resident)  # reading the database is no change of it
        finally:
            sending.communicate(b"")
