"""Handlers about a life rather than one question: who, what, when, how much, and where a passage lies."""

from __future__ import annotations

import sys
from base64 import b64encode

from agent.answer.whereabouts import whereabouts
from agent.errors import NothingFound
from agent.homebody.health import as_file, as_text
from agent.service.api import wire
from agent.service.api.calls import Call
from agent.service.daemon import Daemon
from agent.vocabulary import Citation


class Life:
    """The handlers of one daemon; remembers, in memory only, what the last answer cited."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.cited: tuple[Citation, ...] = ()

    def extract(self, call: Call) -> wire.Json:
        asked = call.body(wire.ExtractRequest)
        found = self._daemon.unlocked().questions.extract(
            asked.types, about=asked.about, limit=asked.limit, now=call.now
        )
        return {"entities": [wire.entity(entity) for entity in found]}

    def people(self, call: Call) -> wire.Json:
        text = call.body(wire.PeopleRequest).text
        return {"people": [wire.known(one) for one in self._daemon.unlocked().questions.people(text)]}

    def merge(self, call: Call) -> wire.Json:
        asked = call.body(wire.MergeRequest)
        return wire.known(self._daemon.unlocked().questions.merge_people(asked.one, asked.other))

    def split(self, call: Call) -> wire.Json:
        return wire.known(self._daemon.unlocked().questions.split_person(call.body(wire.SplitRequest).handle))

    def timeline(self, call: Call) -> wire.Json:
        asked = call.body(wire.TimelineRequest)
        found = self._daemon.unlocked().questions.timeline(
            person=asked.person, day=asked.day, before=asked.before, limit=asked.limit, now=call.now
        )
        return wire.timeline(found)

    def plot(self, call: Call) -> wire.Json:
        asked = call.body(wire.PlotRequest)
        form, folder = asked.form, self._daemon.places.runtime
        render = as_text(asked.width) if form == "text" else as_file(form, folder)
        picture, said = self._daemon.unlocked().health.draw(asked.text, now=call.now, render=render)
        shown = picture.decode() if form == "text" else b64encode(picture).decode()
        return {"form": form, "picture": shown, "says": said}

    def explain(self, call: Call) -> wire.Json:
        ground = self._daemon.unlocked().health.explain(call.body(wire.AskRequest).text, now=call.now)
        if ground is None:
            raise NothingFound("That is not answered by numbers.", remedy="Its citations say what it rests on.")
        return wire.evidence(ground)

    def triage(self, call: Call) -> wire.Json:
        return {"advice": self._daemon.unlocked().questions.triage(call.body(wire.AskRequest).text)}

    def open(self, call: Call) -> wire.Json:
        """A number is that of a citation of the last answer, while the daemon runs; anything else the id of a hit."""
        named = call.body(wire.OpenRequest).ref
        opened = self._daemon.unlocked()
        cited = next((citation for citation in self.cited if named == str(citation.n)), None)
        if cited is None and named.isdigit() and len(named) < 4:
            raise NothingFound(
                f"No answer with a citation {named} is remembered.",
                remedy="Ask while the daemon runs (`homebody daemon start`), or give the id of a hit of `homebody search`.",
            )
        where = (
            cited
            if cited is not None and not cited.id
            else opened.questions.passage(cited.id if cited else named, now=call.now)
        )
        return {"lines": list(whereabouts(where, platform="darwin" if sys.platform == "darwin" else "linux"))}
