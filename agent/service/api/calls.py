"""How a handler is called: its request checked, its answer as JSON or as server-sent events, its errors by name."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from datetime import datetime
from importlib.metadata import version
from queue import SimpleQueue
from typing import TypeVar
from zoneinfo import ZoneInfo

import anyio
from anyio.to_thread import run_sync
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from agent import config
from agent.errors import HomebodyError, Locked, NothingFound, WrongUse
from agent.service.api import wire
from agent.service.fault import fault, place

VERSION = version("homebody")
BODY_LIMIT = 1 << 20
_LOOPBACK = ("127.0.0.1", "homebody", "localhost")

log = logging.getLogger("homebody.api")

_M = TypeVar("_M", bound=BaseModel)
Events = Iterator[tuple[str, wire.Json]]
Respond = Callable[[Request], Awaitable[Response]]


Zone = Callable[[], ZoneInfo]
"""The owner's time zone as the home knows it, asked for when a request brings none of its own."""


class Call:
    """One request: its body, and the owner's now, in the zone that came with it or else in the home's own."""

    def __init__(self, request: Request, body: bytes, zone: Zone) -> None:
        self._body = body
        self.name = str(request.path_params.get("name", ""))
        named, given = request.headers.get("x-homebody-zone"), request.headers.get("x-homebody-now")
        here = config.zone_of(named) if named else zone()
        self.now: datetime = config.now({"HOMEBODY_NOW": given} if given else {}, here)

    def body(self, model: type[_M]) -> _M:
        """The request's JSON as that model. Raises WrongUse that names the field."""
        try:
            return model.model_validate_json(self._body or b"{}")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "body"
            raise WrongUse(f"{field}: {first['msg']}.") from None


async def _call(request: Request, zone: Zone) -> Call:
    host = request.headers.get("host", "")
    if request.headers.get("origin") or any(name.startswith("sec-fetch-") for name in request.headers):
        raise WrongUse("Browsers may not ask.")
    if "." in host and host.rpartition(":")[0] not in _LOOPBACK and host not in _LOOPBACK:
        raise WrongUse("Only this machine may ask.", remedy="Use http://localhost/ over the UNIX socket.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise WrongUse("The request is larger than 1 MB.")
    return Call(request, body, zone)


def _plain(content: object) -> str:
    """JSON in ASCII: whoever reads the socket in a terminal is sent no character that steers it."""
    return json.dumps(content, separators=(",", ":")).replace("\x7f", "\\u007f")


class _Plain(JSONResponse):
    def render(self, content: object) -> bytes:
        return _plain(content).encode()


def problem(error: HomebodyError, *, status: int | None = None) -> Response:
    """An error as the API says it. `until_unlock`: the owner locked the home, and no passphrase file may open it."""
    codes = {WrongUse: 400, NothingFound: 404, Locked: 423}
    code = status or next((code for kind, code in codes.items() if isinstance(error, kind)), 500)
    return _Plain(wire.problem(error), status_code=code, headers={"x-homebody-version": VERSION})


def _logged(error: Exception) -> HomebodyError:
    if not isinstance(error, HomebodyError):
        log.error("fault %s", place(error))
    return fault(error)


def answered(handler: Callable[[Call], wire.Json], *, zone: Zone) -> Respond:
    """One JSON document."""

    async def respond(request: Request) -> Response:
        try:
            call = await _call(request, zone)
            return _Plain(await run_in_threadpool(handler, call), headers={"x-homebody-version": VERSION})
        except Exception as error:
            return problem(_logged(error))

    return respond


def streamed(handler: Callable[[Call], Events], *, zone: Zone) -> Respond:
    """Server-sent events. A client that goes away closes the handler's generator, and so stops its work."""

    async def respond(request: Request) -> Response:
        try:
            events = handler(await _call(request, zone))
        except Exception as error:
            return problem(_logged(error))

        async def body() -> AsyncIterator[bytes]:
            try:
                while (event := await run_sync(_next, events)) is not None:
                    yield f"event: {event[0]}\ndata: {_plain(event[1])}\n\n".encode()
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
        return "error", wire.problem(_logged(error))


def told(work: Callable[[Callable[[wire.Json], None]], wire.Json]) -> Events:
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
