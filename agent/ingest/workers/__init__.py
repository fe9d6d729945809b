"""A source's whole life in a locked process of its own, seen from both sides."""
