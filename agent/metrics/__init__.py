"""Exact numbers: words become a typed query, arithmetic over samples answers it."""
