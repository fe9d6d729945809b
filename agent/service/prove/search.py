"""Looks for a word in every byte of some folders."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path


def files_with(word: str, folders: Iterable[Path]) -> list[str]:
    """The files whose bytes or path hold the word, in UTF-8 or UTF-16, whatever the case."""
    forms = {
        form.encode(code)
        for form in (word, word.casefold(), word.upper())
        for code in ("utf-8", "utf-16-le", "utf-16-be")
    }
    pattern = re.compile(b"|".join(map(re.escape, sorted(forms))), re.IGNORECASE)
    return [str(file) for file in _files(folders) if word in str(file) or _holds(file, pattern)]


def count(folders: Iterable[Path]) -> int:
    return sum(1 for _ in _files(folders))


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _holds(file: Path, pattern: re.Pattern[bytes]) -> bool:
    if not file.stat().st_size:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return pattern.search(view) is not None
