"""The command line: parses, asks the service, prints. No model, no database, no library that talks to a network."""

from agent.service.cli import asking, background, home, life, sources
from agent.service.cli.program import main

__all__ = ["asking", "background", "home", "life", "main", "sources"]
