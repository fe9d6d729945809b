"""The local API: HTTP over a UNIX socket, a route table on one screen, peers checked before a byte is parsed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import anyio
import uvicorn
from anyio.to_thread import run_sync
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent import config, offline
from agent.config import SOCKET_PATH_LIMIT, SourceConfig
from agent.errors import HomebodyError, Locked, NothingFound, WrongUse
from agent.service import wire
from agent.service.daemon import Daemon
from indexers.source import kinds

VERSION = version("homebody")
BODY_LIMIT = 1 << 20

log = logging.getLogger("homebody.api")

_M = TypeVar("_M", bound=BaseModel)
Events = Iterator[tuple[str, wire.Json]]


class Api:
    """The handlers of one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.stopped = threading.Event()

    def app(self) -> Starlette:
        json_, stream = _json, _stream
        return Starlette(
            routes=[
                Route("/status", json_(self.status), methods=["GET"]),
                Route("/init", json_(self.init), methods=["POST"]),
                Route("/unlock", json_(self.unlock), methods=["POST"]),
                Route("/lock", json_(self.lock), methods=["POST"]),
                Route("/recover", json_(self.recover), methods=["POST"]),
                Route("/sources", json_(self.sources), methods=["GET"]),
                Route("/sources", json_(self.add), methods=["POST"]),
                Route("/sources/preview", json_(self.preview), methods=["POST"]),
                Route("/sources/{name}", json_(self.pause), methods=["PATCH"]),
                Route("/sources/{name}", json_(self.remove), methods=["DELETE"]),
                Route("/index", stream(self.index), methods=["POST"]),
                Route("/search", json_(self.search), methods=["POST"]),
                Route("/ask", stream(self.ask), methods=["POST"]),
                Route("/forget", json_(self.forget), methods=["POST"]),
                Route("/check", json_(self.check), methods=["GET"]),
                Route("/stop", json_(self.stop), methods=["POST"]),
            ],
        )

    def status(self, call: Call) -> wire.Json:
        daemon = self._daemon
        made = daemon.home.is_made()
        problem = ""
        if made and not daemon.is_open:
            try:
                daemon.unlocked()
            except HomebodyError as error:
                problem = str(error)
        opened = daemon.unlocked() if daemon.is_open else None
        return {
            "version": VERSION,
            "home": str(daemon.places.home),
            "offline": offline.held(),
            "set_up": made,
            "locked": opened is None,
            "problem": problem,
            "zone": opened.config.zone if opened else None,
            "pid": os.getpid(),
            "indexing": [wire.progress(progress) for progress in daemon.progress()],
            "models": list(opened.models.loaded()) if opened else [],
            "sources": [wire.state(held, call.now.tzinfo or opened.zone) for held in opened.states()] if opened else [],
        }

    def init(self, call: Call) -> wire.Json:
        asked = call.body(wire.InitRequest)
        return {"recovery_code": self._daemon.make(asked.zone, asked.passphrase)}

    def unlock(self, call: Call) -> wire.Json:
        self._daemon.unlock(call.body(wire.UnlockRequest).passphrase)
        return {"locked": False}

    def lock(self, _: Call) -> wire.Json:
        self._daemon.lock()
        return {"locked": True}

    def recover(self, call: Call) -> wire.Json:
        asked = call.body(wire.RecoverRequest)
        return {"recovery_code": self._daemon.recover(asked.code, asked.passphrase)}

    def sources(self, _: Call) -> wire.Json:
        opened = self._daemon.unlocked()
        return {
            "kinds": list(kinds()),
            "sources": [
                {
                    "name": source.name,
                    "kind": source.kind,
                    "path": str(source.path),
                    "paused": source.paused,
                    "options": dict(source.options),
                }
                for source in opened.config.sources
            ],
        }

    def _source(self, call: Call) -> SourceConfig:
        asked = call.body(wire.SourceRequest)
        opened = self._daemon.unlocked()
        path = Path(asked.path).expanduser().absolute() if asked.path else opened.usual_path(asked.kind)
        name = asked.name or asked.kind
        return SourceConfig(name=name, kind=asked.kind, path=path, options=asked.options)

    def preview(self, call: Call) -> wire.Json:
        return wire.preview(self._daemon.unlocked().preview(self._source(call)))

    def add(self, call: Call) -> wire.Json:
        source = self._source(call)
        self._daemon.unlocked().add_source(source)
        return {"name": source.name, "kind": source.kind, "path": str(source.path)}

    def pause(self, call: Call) -> wire.Json:
        paused = call.body(wire.PauseRequest).paused
        self._daemon.unlocked().pause_source(call.name, paused=paused)
        return {"name": call.name, "paused": paused}

    def remove(self, call: Call) -> wire.Json:
        return wire.receipt(self._daemon.unlocked().remove_source(call.name))

    def index(self, call: Call) -> Events:
        return _told(
            lambda tell: {
                "sources": [
                    wire.report(done)
                    for done in self._daemon.index(
                        call.body(wire.IndexRequest).sources,
                        now=call.now,
                        tell=lambda progress: tell(wire.progress(progress)),
                    )
                ]
            }
        )

    def search(self, call: Call) -> wire.Json:
        asked = call.body(wire.SearchRequest)
        read_as, passages = self._daemon.unlocked().search(asked.text, limit=asked.k, now=call.now)
        return wire.hits(read_as, passages)

    def ask(self, call: Call) -> Events:
        asked = call.body(wire.AskRequest)
        pieces = self._daemon.unlocked().ask(asked.text, now=call.now)
        try:
            while True:
                try:
                    yield "text", {"text": next(pieces)}
                except StopIteration as end:
                    yield "result", wire.answer(end.value)
                    return
        finally:
            pieces.close()

    def forget(self, call: Call) -> wire.Json:
        asked = call.body(wire.ForgetRequest)
        opened = self._daemon.unlocked()
        if (asked.source is None) == (asked.id is None):
            raise WrongUse("Say what to forget: a source, or the id of a hit.")
        return wire.receipt(opened.forget(asked.source) if asked.source else opened.forget_record(str(asked.id)))

    def check(self, _: Call) -> wire.Json:
        return {"checks": self._daemon.unlocked().check()}

    def stop(self, _: Call) -> wire.Json:
        self.stopped.set()
        return {"stopping": True}


class Call:
    """One request: its body, and the owner's now and zone that came with it."""

    def __init__(self, request: Request, body: bytes) -> None:
        self._body = body
        self.name = str(request.path_params.get("name", ""))
        zone = config.zone_of(request.headers.get("x-homebody-zone") or config.system_zone(os.environ))
        given = request.headers.get("x-homebody-now")
        self.now: datetime = config.now({"HOMEBODY_NOW": given} if given else {}, zone)

    def body(self, model: type[_M]) -> _M:
        """The request's JSON as that model. Raises WrongUse that names the field."""
        try:
            return model.model_validate_json(self._body or b"{}")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "body"
            raise WrongUse(f"{field}: {first['msg']}.") from None


async def _call(request: Request) -> Call:
    if request.headers.get("origin") or any(name.startswith("sec-fetch-") for name in request.headers):
        raise WrongUse("Browsers may not ask.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise WrongUse("The request is larger than 1 MB.")
    return Call(request, body)


def _problem(error: HomebodyError) -> Response:
    codes = {WrongUse: 400, NothingFound: 404, Locked: 423}
    status = next((code for kind, code in codes.items() if isinstance(error, kind)), 500)
    body = {"error": error.problem, "remedy": error.remedy, "exit_code": error.exit_code}
    return JSONResponse(body, status_code=status, headers={"x-homebody-version": VERSION})


def _fault(error: Exception) -> HomebodyError:
    """A defect of ours: named by its kind and place, never by a text of the owner's."""
    if isinstance(error, HomebodyError):
        return error
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
    log.error("fault %s at %s", type(error).__name__, place)
    return HomebodyError(f"homebody failed ({type(error).__name__} at {place}).", remedy="Please report this.")


def _json(handler: Callable[[Call], wire.Json]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            call = await _call(request)
            return JSONResponse(await run_in_threadpool(handler, call), headers={"x-homebody-version": VERSION})
        except Exception as error:
            return _problem(_fault(error))

    return respond


def _stream(handler: Callable[[Call], Events]) -> Callable[[Request], Awaitable[Response]]:
    """Server-sent events. A client that goes away closes the handler's generator, and so stops its work."""

    async def respond(request: Request) -> Response:
        try:
            events = handler(await _call(request))
        except Exception as error:
            return _problem(_fault(error))

        async def body() -> AsyncIterator[bytes]:
            try:
                while (event := await run_sync(_next, events)) is not None:
                    yield f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n".encode()
            finally:
                if isinstance(events, Generator):
                    with anyio.CancelScope(shield=True):
                        await run_sync(events.close)

        return StreamingResponse(body(), media_type="text/event-stream", headers={"x-homebody-version": VERSION})

    return respond


def _next(events: Events) -> tuple[str, wire.Json] | None:
    try:
        return next(events, None)
    except Exception as error:
        ours = _fault(error)
        return "error", {"error": ours.problem, "remedy": ours.remedy, "exit_code": ours.exit_code}


def _told(work: Callable[[Callable[[wire.Json], None]], wire.Json]) -> Events:
    """Run work in a thread of its own; yields what it tells, then its result. It goes on when nobody listens any more."""
    queue: SimpleQueue[tuple[str, wire.Json] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            queue.put(("result", work(lambda told: queue.put(("progress", told)))))
        except Exception as error:
            queue.put(error)

    threading.Thread(target=run, name="index", daemon=True).start()
    while True:
        event = queue.get()
        if isinstance(event, Exception):
            raise event
        yield event
        if event[0] == "result":
            return


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
