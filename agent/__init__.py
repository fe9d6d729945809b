"""Remembers, finds and answers: what stands between the records of a life and a cited answer."""
