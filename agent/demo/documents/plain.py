"""Invented documents as text, Markdown, web page, CSV, e-mail and RTF."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from email.message import EmailMessage
from html import escape
from io import StringIO

from agent.demo.documents.paper import Page, Paper


def text(paper: Paper) -> bytes:
    return "\n\n".join([paper.title, *(part for page in paper.pages for part in parts(page))]).encode() + b"\n"


def parts(page: Page) -> list[str]:
    rows = "\n".join("\t".join(row) for row in page.table)
    return [part for part in (page.heading, *page.paragraphs, rows, page.note) if part]


def markdown(paper: Paper) -> bytes:
    lines = [
        "---",
        f"title: {paper.title}",
        f"author: {paper.author}",
        f"date: {paper.written_at.isoformat()}",
        "---",
        "",
    ]
    lines += [f"# {paper.title}", ""]
    for page in paper.pages:
        lines += [f"## {page.heading}", "", *(line for paragraph in page.paragraphs for line in (paragraph, ""))]
        if page.table:
            head, *body = page.table
            lines += [
                f"| {' | '.join(head)} |",
                "|" + "---|" * len(head),
                *(f"| {' | '.join(row)} |" for row in body),
                "",
            ]
        if page.note:
            lines += [f"> {page.note}", ""]
    return "\n".join(lines).encode()


def html_body(pages: Iterable[Page], level: int = 2) -> str:
    pieces: list[str] = []
    for page in pages:
        pieces.append(f"<h{level}>{escape(page.heading)}</h{level}>")
        pieces += [f"<p>{escape(paragraph)}</p>" for paragraph in page.paragraphs]
        if page.table:
            rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in page.table)
            pieces.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
        if page.note:
            pieces.append(f"<aside>{escape(page.note)}</aside>")
    return "\n".join(pieces)


def html(paper: Paper) -> bytes:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(paper.title)}</title>'
        f'<meta name="author" content="{escape(paper.author)}"><style>p {{ margin: 0 }}</style></head>\n'
        f"<body><nav><a href='/'>Home</a></nav><h1>{escape(paper.title)}</h1>\n{html_body(paper.pages)}"
        f"\n<script>var seen = true;</script></body></html>\n"
    ).encode()


def csv_table(paper: Paper) -> bytes:
    """The tables of a paper, one below the other: a sheet has no room for prose."""
    out = StringIO()
    writer = csv.writer(out)
    for page in paper.pages:
        writer.writerows(page.table)
    return out.getvalue().encode()


def eml(paper: Paper) -> bytes:
    mail = EmailMessage()
    mail["From"] = f"{paper.author} <{paper.author.split()[0].lower()}@example.org>".encode("ascii", "ignore").decode()
    mail["To"] = "Robin Winter <robin@example.org>"
    mail["Date"] = paper.written_at
    mail["Subject"] = paper.title
    mail.set_content("\n\n".join(part for page in paper.pages for part in parts(page)))
    return mail.as_bytes()


def rtf(paper: Paper) -> bytes:
    def plain(text: str) -> str:
        signs = re.sub(r"([\\{}])", r"\\\1", text).replace("\n", r"\line ").replace("\t", r"\tab ")
        return "".join(sign if ord(sign) < 128 else f"\\u{ord(sign)}?" for sign in signs)

    body = "".join(f"{plain(part)}\\par\n" for page in paper.pages for part in parts(page))
    known = rf"{{\info{{\title {plain(paper.title)}}}{{\author {plain(paper.author)}}}}}"
    title = f"\\b {plain(paper.title)}\\b0\\par\n"
    return (rf"{{\rtf1\ansi\deff0{{\fonttbl{{\f0 Helvetica;}}}}{known}" + f"\n{title}{body}}}").encode("ascii")
