"""What follows a WhatsApp sender: words, files, or a line that WhatsApp wrote itself, in many languages."""

from __future__ import annotations

import re
from typing import NamedTuple

from indexers.messages.whatsapp.header import MARKS

NOTICE = "\u200e"
"""The mark before what WhatsApp wrote itself, on iOS everywhere, on Android before the names of files."""

LONGEST_PLACEHOLDER = 80
"""What WhatsApp writes in place of words is no longer than this."""

_BLANK = MARKS + " \u00a0\u202f\t\r\n"


def _phrases(listed: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in listed.split("|"))


_OMITTED = _phrases(
    """
    media omitted | medien ausgeschlossen | medien weggelassen | multimedia omitido | archivo omitido | médias omis |
    média omis | fichier multimédia exclu | media omessi | media omesso | arquivo de mídia oculto | mídia oculta |
    mídia omitida | ficheiro não revelado | media weggelaten | medya dahil edilmedi | без медиафайлов |
    файл пропущен | pominięto multimedia | pominięte multimedia | media utelämnat | media har utelämnats |
    mediefil utelatt | mediefil udeladt | media jätettiin pois | media vynechána | média vynecháno | média elhagyva |
    media disimpan | media tidak disertakan | تم استبعاد الوسائط | तस्वीर छोड़ी गई | मीडिया छोड़ा गया |
    미디어 파일 제외됨 | 미디어 파일 생략됨 | メディアなし | メディアは含まれていません | 忽略多媒体文件 |
    省略多媒体文件 | 媒體已忽略 | 已略過多媒體檔案 | המדיה לא נכללה | ละเว้นไฟล์สื่อ | đã bỏ qua media
    """
)
"""What stands for a file in an export without media, within < > or after the mark."""

_LEFT_OUT = re.compile(
    r"omitted|weggelassen|ausgeschlossen|omitid[oa]s?|omis(?:e|es)?|absente?s?|omess[oaie]|non inclus[oa]|ocult[oa]|"
    r"não revelad[oa]|weggelaten|dahil edilmedi|опущен[оаы]?|пропущен[оаы]?|не добавлен[оаы]?|pominięt[oaey]|utelämnad|"
    r"utelämnat|utelatt|udeladt|jätettiin pois|pois jätetty|vynechán[oay]?|elhagyva|tidak disertakan|제외됨|생략됨|"
    r"省略|已忽略|已略過|なし|لم يتم إدراج|تم استبعاد|छोड़",
    re.IGNORECASE,
)
"""The verb of "image omitted" after the mark: a file that the export left out."""

_DELETED_BY_ME = _phrases(
    """
    you deleted this message | du hast diese nachricht gelöscht | eliminaste este mensaje | borraste este mensaje |
    vous avez supprimé ce message | você apagou esta mensagem | apagou esta mensagem | eliminou esta mensagem |
    hai eliminato questo messaggio | je hebt dit bericht verwijderd | bu mesajı sildiniz | вы удалили это сообщение |
    данное сообщение удалено вами | usunięto tę wiadomość | du raderade det här meddelandet | poistit tämän viestin |
    anda menghapus pesan ini | لقد حذفت هذه الرسالة | आपने यह संदेश हटाया | 이 메시지를 삭제했습니다 |
    このメッセージを削除しました | 你已删除这条消息 | 您已删除此消息 | 您已刪除此訊息
    """
)

_DELETED = _DELETED_BY_ME | _phrases(
    """
    this message was deleted | this message was deleted by admin | diese nachricht wurde gelöscht |
    se eliminó este mensaje | este mensaje fue eliminado | ce message a été supprimé | mensagem apagada |
    essa mensagem foi apagada | esta mensagem foi apagada | esta mensagem foi eliminada |
    questo messaggio è stato eliminato | dit bericht is verwijderd | dit bericht werd verwijderd | bu mesaj silindi |
    это сообщение удалено | данное сообщение удалено | ta wiadomość została usunięta | wiadomość usunięta |
    det här meddelandet raderades | tämä viesti poistettiin | pesan ini telah dihapus | تم حذف هذه الرسالة |
    यह संदेश हटाया गया | यह मैसेज डिलीट किया गया | 삭제된 메시지입니다 | このメッセージは削除されました |
    此消息已被删除 | 该消息已被删除 | 此訊息已刪除 | הודעה זו נמחקה
    """
)

_EDITED = _phrases(
    """
    this message was edited | diese nachricht wurde bearbeitet | se editó este mensaje | mensaje editado |
    ce message a été modifié | mensagem editada | esta mensagem foi editada | questo messaggio è stato modificato |
    messaggio modificato | dit bericht is bewerkt | bu mesaj düzenlendi | сообщение изменено |
    данное сообщение изменено | wiadomość edytowana | ta wiadomość została edytowana |
    det här meddelandet har redigerats | tätä viestiä muokattiin | pesan ini diedit | تم تعديل هذه الرسالة |
    यह मैसेज एडिट किया गया | 수정된 메시지입니다 |
    このメッセージは編集されました | 此消息已经过编辑 | 此訊息已編輯 | ההודעה נערכה
    """
)
"""What stands within < > behind an edited message; after the mark it may be any words."""

_ATTACHED = re.compile(r"\u200e?<(?P<word>[^<>:：\n]{2,30}?)\s?[:：]\s?(?P<file>[^<>\n/\\]+\.\w{1,8})>$")
_ATTACHED_WORDS = _phrases(
    """
    attached | anhang | adjunto | pièce jointe | anexado | anexo | allegato | bijgevoegd | bijlage | ek | eklendi |
    прикреплено | вложение | załączono | bifogad | liite | vedlagt | terlampir | مرفق | المرفقات | संलग्न | 첨부 |
    添付ファイル | 附件
    """
)
_DOCUMENT = re.compile(rf"[^\n]+ • [{MARKS}]*\d+ [^\n\d]{{1,20}}")
"""The line that iOS writes for a document: its name and its pages."""

_FILE = re.compile(r"(?P<mark>\u200e?)(?P<file>[^\n<>/\\]+\.\w{1,8}) \((?P<word>[^()\n]{2,40})\)(?:\r?\n|$)")
_FILE_WORDS = _phrases(
    """
    file attached | datei angehängt | archivo adjunto | fichier joint | arquivo anexado | ficheiro anexado |
    file allegato | bestand bijgevoegd | dosya ekli | файл добавлен | plik załączony | załączono plik | bifogad fil |
    tiedosto liitteenä | vedhæftet fil | fil vedlagt | file terlampir | الملف مرفق | ملف مرفق | फ़ाइल अटैच की गई |
    파일 첨부됨 | ファイルを添付 | 添付ファイルあり | 文件附件 | 檔案已附加 | 附件檔案 | קובץ מצורף
    """
)
_ANDROID_NAME = re.compile(r"(?:IMG|VID|AUD|PTT|STK|DOC)-\d{8}-WA\d+\.\w+")

_POLL_OPTION = re.compile(r"\n\u200e?[^\n:]{2,20}: [^\n]*\(\u200e?\d+ [^\n()]+\)")
_PLACE = re.compile(r"[^\n]*https?://\S+")


class Said(NamedTuple):
    """One message's words and the names of its files ("" for a file that the export left out).

    Neither means that WhatsApp wrote the line itself. `mine` is true where the line can only be the owner's.
    """

    text: str
    files: tuple[str, ...] = ()
    mine: bool = False


def read_body(body: str) -> Said:
    """What `body`, all that follows a sender, says: current words of an edited message, none of a deleted one."""
    text = body.strip(_BLANK)
    if len(text) <= LONGEST_PLACEHOLDER:
        placeholder = _plain(text)
        if placeholder in _DELETED:
            return Said("", mine=placeholder in _DELETED_BY_ME)
        if text[:1] == "<" and placeholder.strip("<> ") in _OMITTED:
            return Said("", ("",))
    if text[-1:] == ">":
        attached = _ATTACHED.search(text)
        if attached and (
            text[attached.start()] == NOTICE or body.startswith(NOTICE) or _plain(attached["word"]) in _ATTACHED_WORDS
        ):
            caption = text[: attached.start()].strip(_BLANK)
            return Said("" if _DOCUMENT.fullmatch(caption) else caption, (attached["file"].strip(),))
        at = text.rfind("<")
        suffix = text[at + 1 : -1]
        if len(suffix) <= LONGEST_PLACEHOLDER and (text[at - 1 : at] == NOTICE or _plain(suffix) in _EDITED):
            text = text[:at].rstrip(_BLANK)
    if ")" in text:
        file = _FILE.match(body.lstrip(" "))
        if file and (file["mark"] or _plain(file["word"]) in _FILE_WORDS or _ANDROID_NAME.fullmatch(file["file"])):
            return Said(body.lstrip(" ")[file.end() :].strip(_BLANK), (file["file"].strip(),))
    if NOTICE not in body:
        return Said(text)
    return _marked(body, text)


def _marked(body: str, text: str) -> Said:
    """A body that holds the mark: WhatsApp's own words, unless they are a poll or a place; or a document left out."""
    before, _, after = text.rpartition(NOTICE)
    if len(after) <= LONGEST_PLACEHOLDER and _LEFT_OUT.search(after):
        caption = before.strip(_BLANK)
        return Said("" if _DOCUMENT.fullmatch(caption) else caption, ("",))
    if not body.startswith(NOTICE):
        return Said(text)
    if _POLL_OPTION.search(text) or _PLACE.fullmatch(text):
        return Said(text.replace(NOTICE, ""))
    return Said("")


def _plain(phrase: str) -> str:
    return phrase.rstrip(".").casefold()
