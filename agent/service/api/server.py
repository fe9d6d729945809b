"""The local API's socket: HTTP over a UNIX socket, peers checked before a byte is parsed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.config import SOCKET_PATH_LIMIT
from agent.errors import HomebodyError
from agent.service.api.routes import Api
from agent.service.daemon import Daemon


class PeerChecked(H11Protocol):
    """HTTP/1.1 for this machine's owner only: another user's connection is closed before it is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows the same way
        super().connection_made(transport)  # first: what ends a connection expects one that was made
        if peer_uid(transport.get_extra_info("socket")) != os.getuid():
            self._refused = True
            transport.abort()

    _refused = False

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end: SO_PEERCRED on Linux, LOCAL_PEERCRED on macOS (unverified on macOS)."""
    if sys.platform == "darwin":
        _, uid = struct.unpack_from("=II", connection.getsockopt(0, 1, 76))
        return int(uid)
    return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def listen(path: Path) -> socket.socket:
    """Bind the API's socket, 0600 in its 0700 folder. A stale one is taken away only when nobody answers there."""
    if not _fits(path):
        raise HomebodyError(f"The socket path {path} is too long.", remedy="Set XDG_RUNTIME_DIR to a shorter folder.")
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)  # the home's lock is ours: nobody else can be listening there
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(path))
    finally:
        os.umask(before)
    bound.listen(64)
    return bound


class _Server(uvicorn.Server):
    """Ends by its own hand: uvicorn would raise a caught signal again, before the home is sealed and wiped."""

    def __init__(self, settings: uvicorn.Config, daemon: Daemon) -> None:
        super().__init__(settings)
        self._daemon = daemon

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.end())
        yield

    def end(self) -> None:
        """Finish the answers that are being given, break off a pass, and stop serving."""
        self.should_exit = True
        self._daemon.halt()


def serve(daemon: Daemon, *, once: socket.socket | None, ready: Callable[[], None]) -> None:
    """Serve until asked to stop; with `once`, until that connection (the command line's own) and all others are done.

    `ready` is called when others can connect. Raises HomebodyError when they could not.
    """
    asyncio.run(_serve(daemon, once, ready))


async def _serve(daemon: Daemon, once: socket.socket | None, ready: Callable[[], None]) -> None:
    # A person who is asked something keeps the connection waiting, so idle ones are kept for long.
    settings = uvicorn.Config(
        Api(daemon, stop=lambda: server.end()).app(), http=PeerChecked, ws="none", lifespan="off", access_log=False, log_config=None,
        timeout_graceful_shutdown=5, timeout_keep_alive=3600, limit_concurrency=64,
    )  # fmt: skip
    server = _Server(settings, daemon)
    settings.load()
    sockets = [listen(daemon.places.socket)] if once is None or _fits(daemon.places.socket) else []
    running = asyncio.create_task(server.serve(sockets=sockets))
    while not server.started and not running.done():
        await asyncio.sleep(0.005)
    if once is not None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: PeerChecked(config=settings, server_state=server.server_state, app_state={}), once
        )
    ready()
    while once is not None and not running.done():
        await asyncio.sleep(0.05)
        if not server.server_state.connections:
            server.end()
    await running
