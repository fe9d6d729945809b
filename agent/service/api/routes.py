"""The route table of the local API on one screen, and its short handlers."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from agent import offline
from agent.config import SourceConfig
from agent.errors import HomebodyError, WrongUse
from agent.service.api import wire
from agent.service.api.calls import VERSION, Call, Events, answered, streamed, told
from agent.service.daemon import Daemon
from indexers.source import kinds


class Api:
    """The handlers of one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.stopped = threading.Event()

    def app(self) -> Starlette:
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
        return told(
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
