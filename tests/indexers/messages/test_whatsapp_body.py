"""What the bodies of WhatsApp's lines say: files, words, and what only looks like either."""

from __future__ import annotations

from time import process_time

import pytest

from indexers.messages.whatsapp.body import read_body

LRM = "\u200e"


FILES = [
    ("<Media omitted>", "", ""),
    ("<Medien ausgeschlossen>", "", ""),
    ("<Multimedia omitido>", "", ""),
    (f"{LRM}image omitted", "", ""),
    (f"{LRM}Bild weggelassen", "", ""),
    (f"{LRM}imagen omitida", "", ""),
    (f"Plan.pdf • {LRM}2 pages {LRM}document omitted", "", ""),
    (f"{LRM}<attached: 00000012-PHOTO-2023-01-13.jpg>", "", "00000012-PHOTO-2023-01-13.jpg"),
    (f"look at this {LRM}<Anhang: 00000012-PHOTO.jpg>", "look at this", "00000012-PHOTO.jpg"),
    (f"A PDF.pdf • {LRM}1 page {LRM}<attached: 00000013-A PDF.pdf>", "", "00000013-A PDF.pdf"),
    (f"{LRM}<tệp đính kèm: 00000014-VIDEO.mp4>", "", "00000014-VIDEO.mp4"),
    (f"{LRM}IMG-20230113-WA0001.jpg (file attached)", "", "IMG-20230113-WA0001.jpg"),
    ("IMG-20230113-WA0001.jpg (Datei angehängt)\nthe garden", "the garden", "IMG-20230113-WA0001.jpg"),
    ("report (final).pdf (archivo adjunto)", "", "report (final).pdf"),
    (f"{LRM}PTT-20230113-WA0007.opus (附件)", "", "PTT-20230113-WA0007.opus"),
]


@pytest.mark.parametrize(("body", "text", "file"), FILES)
def test_files_are_attachments(body: str, text: str, file: str) -> None:
    said = read_body(body)
    assert (said.text, said.files) == (text, (file,))


SPEECH = [
    ("call me at (file attached)", "call me at (file attached)"),
    ("a.txt (yesterday) is old", "a.txt (yesterday) is old"),
    ("x.pdf (my notes)", "x.pdf (my notes)"),
    ("<b>bold</b>", "<b>bold</b>"),
    ("<3 <link: not.a file>", "<3 <link: not.a file>"),
    (f"fixed {LRM}<This message was edited>", "fixed"),
    ("korrigiert <Diese Nachricht wurde bearbeitet.>", "korrigiert"),
    ("corregido <Se editó este mensaje.>", "corregido"),
    (f"besser {LRM}<ngôn ngữ nào đó>", "besser"),
    ("the image omitted the point", "the image omitted the point"),
    (f"{LRM}POLL:\nWhen?\n{LRM}OPTION: Monday ({LRM}2 votes)\n{LRM}OPTION: Friday ({LRM}0 votes)",
     "POLL:\nWhen?\nOPTION: Monday (2 votes)\nOPTION: Friday (0 votes)"),
    (f"{LRM}ENCUESTA:\n¿Cuándo?\n{LRM}OPCIÓN: lunes ({LRM}2 votos)", "ENCUESTA:\n¿Cuándo?\nOPCIÓN: lunes (2 votos)"),
    (f"{LRM}Location: https://maps.google.com/?q=52.5,13.4", "Location: https://maps.google.com/?q=52.5,13.4"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), SPEECH)
def test_words_stay_words(body: str, text: str) -> None:
    assert read_body(body) == (text, (), False)


def test_a_hostile_body_is_read_in_no_time() -> None:
    for body in (
        " " * 100_000 + ">",
        "<" * 100_000 + ">",
        f"{LRM}" * 50_000 + ">",
        "(1 a" * 25_000 + ")",
        "a.b" * 30_000 + ")",
    ):
        started = process_time()
        read_body(f"x{body}")
        read_body(f"{LRM}{body}")
        assert process_time() - started < 1
