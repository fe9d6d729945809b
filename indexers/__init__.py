"""Reads other programs' data; knows no model, store, key or socket."""
