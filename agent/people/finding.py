"""People by what the owner calls them: an address, a full name, or a part of a name."""

from __future__ import annotations

from collections.abc import Sequence

from agent.people.address import address
from agent.people.grouping import Known
from agent.people.name import words


def find(known: Sequence[Known], text: str, *, region: str) -> tuple[Known, ...]:
    """Everybody whom `text` names: by address, else by whole name, else by words of it (all who share them)."""
    wanted = address(text, region)
    if found := [one for one in known if any(address(handle, region) == wanted for handle in one.person.handles)]:
        return tuple(found)
    said = words(text) or tuple(text.casefold().split())
    if not said:
        return ()
    named = [(one, words(one.person.name) or tuple(one.person.name.casefold().split())) for one in known]
    return tuple(one for one, name in named if name == said) or tuple(
        one for one, name in named if set(said) <= set(name)
    )
