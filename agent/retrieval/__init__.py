"""Finds the passages that a question is about."""
