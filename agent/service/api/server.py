"""The local API's socket: HTTP over a UNIX socket, peers checked before a byte is parsed."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
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
        if peer_uid(transport.get_extra_info("socket")) != os.getuid():
            transport.abort()
            return
        super().connection_made(transport)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end: SO_PEERCRED on Linux, LOCAL_PEERCRED on macOS (unverified on macOS)."""
    if sys.platform == "darwin":
        _, uid = struct.unpack_from("=II", connection.getsockopt(0, 1, 76))
        return int(uid)
    return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


def listen(path: Path) -> socket.socket:
    """Bind the API's socket, 0600 in its 0700 folder. A stale one is taken away only when nobody answers there."""
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
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


def serve(daemon: Daemon, *, once: socket.socket | None) -> None:
    """Serve until asked to stop; with `once`, until that connection (the command line's own) and all others are done."""
    asyncio.run(_serve(daemon, once))


async def _serve(daemon: Daemon, once: socket.socket | None) -> None:
    api = Api(daemon)
    settings = uvicorn.Config(
        api.app(), http=PeerChecked, ws="none", lifespan="off", access_log=False, log_config=None,
        timeout_graceful_shutdown=5, limit_concurrency=64,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    bound = listen(daemon.places.socket)
    if not settings.loaded:
        settings.load()
    running = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started and not running.done():
        await asyncio.sleep(0.005)
    if once is not None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: PeerChecked(config=settings, server_state=server.server_state, app_state={}), once
        )
    while not running.done():
        await asyncio.sleep(0.05)
        idle = once is not None and not server.server_state.connections
        if idle or api.stopped.is_set():
            server.should_exit = True
    await running
