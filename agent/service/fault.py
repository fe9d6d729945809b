"""A defect of ours, named by its kind and place: never by a text of the owner's."""

from __future__ import annotations

from pathlib import Path

from agent.errors import HomebodyError


def fault(error: Exception) -> HomebodyError:
    """The error itself when it is one of ours, else one that says where the program failed."""
    if isinstance(error, HomebodyError):
        return error
    return HomebodyError(f"homebody failed ({place(error)}).", remedy="Please report this.")


def place(error: Exception) -> str:
    """Kind, file and line: what a report needs, and all that a log may hold."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
    return f"{type(error).__name__} at {where}"
