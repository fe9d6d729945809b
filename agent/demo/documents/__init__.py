"""Writes invented documents in the formats that people keep: the same facts as text, web page, PDF or office file.

Nothing here reads a document, so that what is written tests what reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from agent.demo.documents import office, plain
from agent.demo.documents.paper import Page, Paper, papers
from agent.demo.documents.pdf import pdf

__all__ = ["FORMS", "Page", "Paper", "papers", "render", "write"]

FORMS: Mapping[str, Callable[[Paper], bytes]] = {
    "txt": plain.text,
    "md": plain.markdown,
    "html": plain.html,
    "csv": plain.csv_table,
    "eml": plain.eml,
    "rtf": plain.rtf,
    "pdf": pdf,
    "docx": office.docx,
    "pptx": office.pptx,
    "xlsx": office.xlsx,
    "odt": office.odt,
    "epub": office.epub,
}


def render(paper: Paper, form: str) -> bytes:
    """The bytes of a paper as a file with the extension `form`, one of FORMS."""
    return FORMS[form](paper)


def write(folder: Path, papers: Iterable[tuple[Paper, str]]) -> list[Path]:
    """Write each paper in its form into a folder, which is made where it is missing; returns the paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for paper, form in papers:
        path = folder / f"{paper.name}.{form}"
        path.write_bytes(render(paper, form))
        paths.append(path)
    return paths
