"""Who is who: the addresses of one person, why they belong together, and what the owner decides about them. Pure."""

from agent.people.address import NOBODY, address, spelled
from agent.people.finding import find
from agent.people.grouping import Card, Decision, Handle, Known, Tie, group
from agent.people.region import region_of

__all__ = [
    "NOBODY",
    "Card",
    "Decision",
    "Handle",
    "Known",
    "Tie",
    "address",
    "find",
    "group",
    "region_of",
    "spelled",
]
