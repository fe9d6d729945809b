"""The route table of the local API on one screen, and its short handlers."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent import offline
from agent.config import SourceConfig
from agent.errors import HomebodyError, WrongUse
from agent.service.api import wire
from agent.service.api.calls import VERSION, Call, Events, answered, problem, streamed, told
from agent.service.api.life import Life
from agent.service.daemon import Daemon
from agent.vocabulary import Answer
from indexers.source import kinds


class Api:
    """The handlers of one daemon."""

    def __init__(self, daemon: Daemon, *, stop: Callable[[], None]) -> None:
        """`stop` ends the process once its answers are out."""
        self._daemon = daemon
        self._stop = stop
        self._life = Life(daemon)

    def app(self) -> Starlette:
        life = self._life
        json_, stream = partial(answered, zone=self._daemon.zone), partial(streamed, zone=self._daemon.zone)
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
                Route("/sources/{name}", json_(self.change), methods=["PATCH"]),
                Route("/sources/{name}", json_(self.remove), methods=["DELETE"]),
                Route("/index", stream(self.index), methods=["POST"]),
                Route("/search", json_(self.search), methods=["POST"]),
                Route("/ask", stream(self.ask), methods=["POST"]),
                Route("/extract", json_(life.extract), methods=["POST"]),
                Route("/explain", json_(life.explain), methods=["POST"]),
                Route("/open", json_(life.open), methods=["POST"]),
                Route("/people", json_(life.people), methods=["POST"]),
                Route("/people/merge", json_(life.merge), methods=["POST"]),
                Route("/people/split", json_(life.split), methods=["POST"]),
                Route("/timeline", json_(life.timeline), methods=["POST"]),
                Route("/plot", json_(life.plot), methods=["POST"]),
                Route("/triage", json_(life.triage), methods=["POST"]),
                Route("/forget", json_(self.forget), methods=["POST"]),
                Route("/check", json_(self.check), methods=["GET"]),
                Route("/stop", json_(self.stop), methods=["POST"]),
            ],
            exception_handlers={HTTPException: _unknown},
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
            "socket": str(daemon.places.socket),
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
        self._life.cited = ()
        self._daemon.lock()
        return {"locked": True}

    def recover(self, call: Call) -> wire.Json:
        asked = call.body(wire.RecoverRequest)
        return {"recovery_code": self._daemon.recover(asked.code, asked.passphrase)}

    def sources(self, _: Call) -> wire.Json:
        opened = self._daemon.unlocked()
        return {
            "kinds": list(kinds()),
            "sources": [wire.source(source) for source in opened.config.sources],
        }

    def _source(self, call: Call) -> SourceConfig:
        asked = call.body(wire.SourceRequest)
        path = Path(asked.path) if asked.path else self._daemon.unlocked().usual_path(asked.kind)
        return self._daemon.examined(asked.name or asked.kind, asked.kind, path, asked.options)

    def preview(self, call: Call) -> wire.Json:
        return wire.preview(self._daemon.unlocked().preview(self._source(call)))

    def add(self, call: Call) -> wire.Json:
        source = self._source(call)
        self._daemon.turn_on(source)
        return {"name": source.name, "kind": source.kind, "path": str(source.path)}

    def change(self, call: Call) -> wire.Json:
        asked = call.body(wire.ChangeRequest)
        held = self._daemon.unlocked().config.source(call.name)
        if asked.path is not None or asked.options is not None:
            options = held.options if asked.options is None else asked.options
            held = self._daemon.examined(held.name, held.kind, Path(asked.path or held.path), options)
        changed = self._daemon.change(held, paused=asked.paused)
        return wire.source(changed)

    def remove(self, call: Call) -> wire.Json:
        return wire.receipt(self._daemon.remove(call.name))

    def index(self, call: Call) -> Events:
        names = call.body(wire.IndexRequest).sources
        opened = self._daemon.unlocked()
        for name in names:
            opened.config.source(name)

        def work(tell: Callable[[wire.Json], None]) -> wire.Json:
            done = self._daemon.index(names, now=call.now, tell=lambda progress: tell(wire.progress(progress)))
            return {"sources": [wire.report(report) for report in done]}

        return told(work)

    def search(self, call: Call) -> wire.Json:
        asked = call.body(wire.SearchRequest)
        read_as, passages = self._daemon.unlocked().questions.search(asked.text, limit=asked.k, now=call.now)
        return wire.hits(read_as, passages)

    def ask(self, call: Call) -> Events:
        asked = call.body(wire.AskRequest)
        return self._answer(self._daemon.unlocked().questions.ask(asked.text, now=call.now))

    def _answer(self, pieces: Generator[str, None, Answer]) -> Events:
        try:
            while True:
                try:
                    yield "text", {"text": next(pieces)}
                except StopIteration as end:
                    self._life.cited = end.value.citations
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
        self._stop()
        return {"stopping": True}


async def _unknown(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    ours = WrongUse(
        f"{error.detail}.", remedy=f"This is homebody {VERSION}: does your program speak to another version?"
    )
    return problem(ours, status=error.status_code)
