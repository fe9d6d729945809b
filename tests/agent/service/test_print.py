"""Foreign text has no power over the terminal: whatever a file holds, only visible characters are printed."""

from __future__ import annotations

import json
import unicodedata

import pytest

from agent.service.cli.show import inert
from tests.owner import Owner

pytestmark = pytest.mark.models

ESCAPES = "\x1b[2J\x1b]52;c;aGFjaw==\x07\x1b]8;;https://example.org\x1b\\\x9b31m\u202e\u2066\u200b\U000e0041\x7f\r\x08"


def steering(text: str) -> list[str]:
    return [
        f"U+{ord(letter):04X}" for letter in text if letter not in "\n\t" and unicodedata.category(letter)[0] == "C"
    ]


def test_every_field_is_printed_inert(owner: Owner) -> None:
    owner.init()
    folder = owner.folder / "papers"
    folder.mkdir()
    name = "evil\x1b]0;owned\x07\u202efdp"
    (folder / f"{name}.txt").write_text(f"The walrus {ESCAPES} writes.\n", encoding="utf-8")
    (folder / f"{name}.html").write_text(
        f"<title>walrus {ESCAPES}</title><p>The walrus {ESCAPES} reads.</p>", encoding="utf-8"
    )
    (folder / f"{name}.pdf").write_bytes(b"%PDF-1.4 broken")
    card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Walrus {ESCAPES.replace(chr(13), '')}\r\nTEL:+4930123456\r\nEND:VCARD\r\n"
    (owner.folder / "cards.vcf").write_bytes(card.encode())
    with owner.daemon():
        shown = [
            owner.run("add", "documents", str(folder)),
            owner.run("add", "contacts", str(owner.folder / "cards.vcf")),
        ]
        shown += [owner.run(*arguments, code=None) for arguments in (
            ["index"], ["search", "walrus"], ["ask", "What does the walrus write?"], ["status"], ["sources"], ["doctor"],
            ["people"], ["timeline", "--person", "Walrus"], ["extract", "phone"], ["people", "--json"],
            ["search", "--json", "walrus"], ["ask", "--json", "What does the walrus write?"], ["status", "--json"],
        )]  # fmt: skip
    assert any("walrus" in ended.out for ended in shown)
    for ended in shown:
        assert steering(ended.out) == []
        assert steering(ended.err) == []
    found = next(ended for ended in shown if '"hits"' in ended.out).json["hits"]
    assert isinstance(found, list)
    assert any(steering(json.dumps(hit, ensure_ascii=False)) for hit in found)  # the document itself loses nothing


def test_a_document_escapes_without_loss() -> None:
    text = f"{ESCAPES}\ud800 👩‍👩‍👧 ok"
    assert steering(inert(text)) == ["U+200D", "U+200D"]
    assert "\\x1b" in inert(text)
    assert "\\u202e" in inert(text)
    assert "\\U000e0041" in inert(text)
    assert json.loads(json.dumps(text)) == text
