"""What mail programs of some twenty languages write around a mail that they quote, forward or send."""

from __future__ import annotations

import re


def _any(phrases: str) -> str:
    """An alternation of the phrases of a table, one or more a line, apart by " | "; each is a regular expression."""
    return "|".join(phrase.strip() for line in phrases.splitlines() if line.strip() for phrase in line.split(" | "))


def _labels(table: str) -> frozenset[str]:
    return frozenset(label.strip() for line in table.splitlines() for label in line.split(",") if label.strip())


_VERBS = _any(r"""
    wrote | writes | schrieb | schreef | schreven | a écrit | écrit | escribió | escreveu | ha scritto | scrisse
    skrev | kirjoitti | kirjutas | rašė | napsala?(?:\(a\))? | napísala?(?:\(a\))? | nadesłał | pisze
    napisał(?:a|\(a\))?
    написала?(?:\(а\))? | пишет | пише | написав | şunu yazdı | yazdı | a scris | ezt írta | írta | έγραψε
    כתב | كتب | đã viết | menulis
""")
_ENDINGS = _any(r"""
    写道 | 寫道 | のメール | さんは書きました | 작성 | 님이 작성하였습니다
""")
# After the verb there may be a name, an address or a time ("schrieb Bob um 10:00:"), but no other colon.
_TAIL = r"(?:[^:：]|(?<=\d)[:：](?=\d)){0,300}[:：]$"
WROTE = re.compile(
    rf"\b(?:{_VERBS})\b{_TAIL}|(?:{_ENDINGS})\s?[:：]$"
    # Japanese Gmail writes a date and an address and no verb.
    r"|^\d{4}年\d{1,2}月\d{1,2}日.{0,200}<[^<>\s]{1,200}@[^<>\s]{1,200}>\s?[:：]$",
    re.IGNORECASE,
)
"""The end of an attribution, on its lines joined and stripped."""

EVIDENCE = re.compile(r"\d{1,2}[.:/\-]\d{1,2}|\d{4}|\d{1,2} \w+|\w \d{1,2}\b|@")
"""A date or an address: a sentence of the author's own that ends in "wrote:" seldom has one."""

_PREPOSITIONS = _any(
    "on | am | le | el | il | op | em | den | w dniu | dnia | dne | dňa | на | în | pe | a | at | no dia"
)
OPENER = re.compile(
    rf"(?:{_PREPOSITIONS}) .*|\d.*|\w{{2,12}}[.,]{{0,2}} (?:\w{{1,12}}[.,]{{0,2}} )?\d.*",
    re.IGNORECASE,
)
"""The first line of a wrapped attribution: "On …", "Am …", a date, or a weekday and a date."""

ADDRESS = re.compile(r"[^\s<] ?<[^<>\s]{1,100}@[^<>\s]{1,200}>")

_ORIGINAL = _any(r"""
    original message | forwarded message | reply message | forwarded by .*
    ursprüngliche (?:nachricht|mail) | originalnachricht | weitergeleitete nachricht
    message d['’]origine | message (?:original|transféré) | mensaje (?:original|reenviado)
    messaggio (?:originale|inoltrato) | oorspronkelijk bericht | doorgestuurd bericht
    mensagem (?:original|encaminhada) | (?:исходное|пересылаемое|пересланное) сообщение
    ursprungligt meddelande | oprindelig meddelelse | opprinnelig melding | alkuperäinen viesti
    wiadomość oryginalna | původní zpráva | 原始邮件 | 原始郵件 | 转发邮件 | 元のメッセージ | 원본 메시지 | 원본 메일
""")
_FORWARDED = _any(r"""
    begin forwarded message | anfang der weitergeleiteten nachricht | début du message (?:réexpédié|transféré)
    inicio del mensaje reenviado | inizio messaggio inoltrato | begin doorgestuurd bericht
    начало переадресованного сообщения
""")
SEPARATOR = re.compile(rf"\s*[-_=]{{2,}}\s*(?:{_ORIGINAL})\s*[-_=]*|\s*(?:{_FORWARDED})\s*:", re.IGNORECASE)
"""A whole line that stands above a quoted or forwarded mail."""

LABEL = re.compile(r"[ \t]*[*_]{0,2}([^\W\d_][\w .\-]{0,24}?)[*_]{0,2}[ \t]?[:：][*_]{0,2}(?:[ \t].*)?")
"""A header line as a quoting program repeats it: a label (group 1), a colon, a value."""

FROM_LABELS = _labels("""
    from, von, de, da, van, от, від, från, fra, od, lähettäjä, feladó, kimden, din, 发件人, 寄件者, 差出人
    보낸 사람, 보낸사람
""")
OTHER_LABELS = _labels("""
    sent, date, to, cc, subject, reply-to, gesendet, datum, an, betreff, envoyé, à, objet, enviado, enviada, fecha
    data, para, asunto, assunto, inviato, a, oggetto, verzonden, aan, onderwerp, отправлено, дата, кому, тема, копия
    відправлено, skickat, till, ämne, sendt, dato, til, emne, wysłano, do, temat, odesláno, komu, předmět, lähetetty
    vastaanottaja, aihe, elküldve, címzett, tárgy, gönderilen, tarih, kime, konu, trimis, către, subiect
    发送时间, 发送日期, 收件人, 主题, 抄送, 寄件日期, 收件者, 主旨, 送信日時, 宛先, 件名
    날짜, 받는 사람, 받는사람, 보낸 날짜, 제목
""")

SENT_FROM = re.compile(
    r"\s*(?:"
    + _any(r"""
    sent from (?:my |outlook|mail for|yahoo|proton|samsung|the ) | sent (?:via|with) (?:my |proton|blackberry)
    get outlook for | von meinem .{1,40} gesendet | gesendet (?:von|mit) (?:meinem |outlook|mail für|der |proton)
    diese nachricht wurde von meinem .{1,40} gesendet | envoyé (?:de|depuis) (?:mon |outlook|l['’])
    télécharger outlook | enviado (?:desde|do|de) (?:mi|meu|el|o|outlook) | obtener outlook | inviato da(?:l mio)? \S
    ottieni outlook | verstuurd vanaf (?:mijn|outlook) | verzonden vanaf | отправлено (?:с|из) \S
    skickat från (?:min|outlook) | sendt fra min | wysłane z \S | odesláno z \S
    iphoneから送信 | ipadから送信 | 发自我的 | 從我的 | 나의 .{1,20}에서 보냄
""")
    + ")",
    re.IGNORECASE,
)
"""The line that a telephone or a program puts under a mail."""
