"""Another program asks homebody: HTTP over its UNIX socket, standard library only.

    $ homebody daemon start
    $ python examples/ask_your_notes.py "What is Anna's new address?"

`homebody status --json` names the socket. Every route and field is in docs/api.md.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("homebody")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(path: str, question: str) -> dict[str, object]:
    """The whole answer; its text streams as server-sent events before the last one, "result"."""
    connection = UnixConnection(path)
    connection.request("POST", "/ask", json.dumps({"text": question}), {"content-type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        problem = json.loads(response.read())
        raise SystemExit(f"{problem['error']} {problem['remedy']}")
    name = ""
    for line in response:
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        elif line.startswith(b"data: ") and name in ("result", "error"):
            found: dict[str, object] = json.loads(line[6:])
            return found
    raise SystemExit("homebody hung up.")


def main() -> None:
    status = json.loads(subprocess.run(["homebody", "status", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    answer = ask(status["socket"], sys.argv[1])
    print(answer["answer"])
    citations = answer["citations"]
    assert isinstance(citations, list)
    for citation in citations:
        print(f"  [{citation['n']}] {citation['source']}: “{citation['quote']}” ({citation['locator']})")


if __name__ == "__main__":
    main()
