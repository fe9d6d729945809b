"""The errors an owner can meet. Every text says what to do; none holds the owner's data."""

from __future__ import annotations


class HomebodyError(Exception):
    """Cannot go on. `remedy` is one sentence that says what to do; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class WrongUse(HomebodyError):
    """The request itself is not one we understand."""

    exit_code = 2


class NothingFound(HomebodyError):
    """There is no such thing in the owner's data."""

    exit_code = 3


class Locked(HomebodyError):
    """The store is locked, or its key cannot be had now. Nothing is lost."""

    exit_code = 4


class OfflineError(HomebodyError):
    """The offline lock could not be made or does not hold, so nothing runs."""


class StoreError(HomebodyError):
    """The store is missing, damaged, full or used by another process."""


class ModelError(HomebodyError):
    """A model folder is missing, damaged or of an unknown kind, or its engine failed."""
