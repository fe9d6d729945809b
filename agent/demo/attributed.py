"""Writes what Messages archives: attributed strings (typedstream), edit records and link previews (plists)."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PART = "__kIMMessagePartAttributeName"
FILE = "__kIMFileTransferGUIDAttributeName"
CODE = "__kIMOneTimeCodeAttributeName"
LINK = "__kIMLinkAttributeName"
MENTION = "__kIMMentionConfirmedMention"
TRANSCRIPT = "IMAudioTranscription"
PLACEHOLDER = "\ufffc"


@dataclass(frozen=True, slots=True)
class Url:
    """An attribute that is archived as NSURL."""

    text: str


Attribute = int | float | str | bytes | Url


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Characters that share attributes."""

    text: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


def attributed_string(stretches: Sequence[Stretch], *, mutable: bool = False) -> bytes:
    """The typedstream of an NSAttributedString; run lengths count UTF-16 units, equal dictionaries are written once."""
    writer = _Writer()
    writer.type("@")
    chain = ("NSMutableAttributedString",) if mutable else ()
    writer.begin(*chain, "NSAttributedString", "NSObject")
    text = "".join(stretch.text for stretch in stretches)
    writer.string(text, mutable=mutable)
    seen: dict[tuple[tuple[str, Attribute], ...], int] = {}
    for stretch in stretches:
        key = tuple(stretch.attributes.items())
        fresh = key not in seen
        writer.type("iI")
        writer.integer(seen.setdefault(key, len(seen) + 1))
        writer.integer(len(stretch.text.encode("utf-16-le")) // 2)
        if fresh:
            writer.dictionary(stretch.attributes)
    writer.end()
    return bytes(writer.out)


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray(b"\x04\x0bstreamtyped\x81\xe8\x03")
        self.strings: dict[str, int] = {}
        self.objects: dict[object, int] = {}
        self.count = 0

    def integer(self, number: int, *, signed: bool = False) -> None:
        if -110 <= number < 128:
            self.out += struct.pack("<b", number)
        elif -(2**15) <= number < (2**15 if signed else 2**16):
            self.out += b"\x81" + (number & 0xFFFF).to_bytes(2, "little")
        else:
            self.out += b"\x82" + (number & 0xFFFFFFFF).to_bytes(4, "little")

    def shared(self, text: str) -> None:
        if text in self.strings:
            self.integer(self.strings[text] - 110)
            return
        self.strings[text] = len(self.strings)
        self.out.append(0x84)
        self.integer(len(text))
        self.out += text.encode("latin-1")

    type = shared

    def begin(self, *classes: str) -> None:
        """An object's head and its classes, most derived first."""
        self.out.append(0x84)
        self.count += 1
        for name in classes:
            if ("class", name) in self.objects:
                self.integer(self.objects["class", name] - 110)
                return
            self.objects["class", name] = self.count
            self.count += 1
            self.out.append(0x84)
            self.shared(name)
            self.integer(1 if name in ("NSString", "NSMutableString") else 0)
        self.out.append(0x85)

    def end(self) -> None:
        self.out.append(0x86)

    def string(self, text: str, *, mutable: bool = False) -> None:
        self.type("@")
        self.begin(*(("NSMutableString",) if mutable else ()), "NSString", "NSObject")
        self.type("+")
        data = text.encode()
        self.integer(len(data))
        self.out += data
        self.end()

    def name(self, text: str) -> None:
        """A string that is one object however often it is used, as attribute names are."""
        if ("name", text) in self.objects:
            self.type("@")
            self.integer(self.objects["name", text] - 110)
            return
        self.objects["name", text] = self.count
        self.string(text)

    def dictionary(self, entries: Mapping[str, Attribute]) -> None:
        self.type("@")
        self.begin("NSDictionary", "NSObject")
        self.type("i")
        self.integer(len(entries))
        for key, value in entries.items():
            self.name(key)
            self.attribute(value)
        self.end()

    def attribute(self, value: Attribute) -> None:
        match value:
            case str():
                self.string(value)
            case Url():
                self.type("@")
                self.begin("NSURL", "NSObject")
                self.type("c")
                self.out.append(0)
                self.string(value.text)
                self.end()
            case bytes():
                self.type("@")
                self.begin("NSMutableData", "NSData", "NSObject")
                self.type("i")
                self.integer(len(value))
                self.type(f"[{len(value)}c]")
                self.out += value
                self.end()
            case int() | float():
                self.number(value)

    def number(self, value: float) -> None:
        self.type("@")
        self.begin("NSNumber", "NSValue", "NSObject")
        kind = "i" if isinstance(value, int) else "d"
        self.type("*")
        if ("c string", kind) in self.objects:
            self.integer(self.objects["c string", kind] - 110)
        else:
            self.objects["c string", kind] = self.count
            self.count += 1
            self.out.append(0x84)
            self.shared(kind)
        self.type(kind)
        if isinstance(value, int):
            self.integer(value, signed=True)
        elif value.is_integer() and abs(value) < 2**31:
            self.integer(int(value), signed=True)
        else:
            self.out += b"\x83" + struct.pack("<d", value)
        self.end()


def edit_record(
    *, wordings: Mapping[int, Sequence[tuple[float, bytes]]], unsent: Sequence[int] = (), parts: int = 1
) -> bytes:
    """A `message_summary_info`: for each edited part its (Apple seconds, typedstream) history, and the parts unsent."""
    record: dict[str, object] = {
        "ust": True,
        "amc": 1,
        "otr": {str(part): {"lo": 0, "le": 1} for part in range(parts)},
        "ec": {str(part): [{"d": when, "t": body} for when, body in history] for part, history in wordings.items()},
        "ep": sorted(wordings),
    }
    if unsent:
        record["rp"] = list(unsent)
    return plistlib.dumps(record, fmt=plistlib.FMT_BINARY)


def link_preview(*, url: str, title: str, summary: str) -> bytes:
    """A `payload_data`: the keyed archive of a link's metadata."""
    objects: list[object] = ["$null"]

    def put(value: object) -> plistlib.UID:
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    def named(name: str, ancestors: Sequence[str] = ("NSObject",)) -> plistlib.UID:
        return put({"$classname": name, "$classes": [name, *ancestors]})

    null = plistlib.UID(0)
    address = put({"$class": named("NSURL"), "NS.base": null, "NS.relative": put(url)})
    metadata = put(
        {
            "$class": named("LPLinkMetadata"),
            "version": 1,
            "title": put(title) if title else null,
            "summary": put(summary) if summary else null,
            "originalURL": address,
            "URL": address,
        }
    )
    root = put({"$class": named("RichLink"), "richLinkMetadata": metadata, "richLinkIsPlaceholder": False})
    archive = {"$version": 100000, "$archiver": "NSKeyedArchiver", "$top": {"root": root}, "$objects": objects}
    return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)


def keyed_string(text: str) -> bytes:
    """The older form of a body: an NSKeyedArchiver property list of an attributed string without runs."""
    objects = [
        "$null",
        {"$class": plistlib.UID(3), "NSString": plistlib.UID(2)},
        {"$class": plistlib.UID(4), "NS.string": text},
        {"$classname": "NSAttributedString", "$classes": ["NSAttributedString", "NSObject"]},
        {"$classname": "NSString", "$classes": ["NSString", "NSObject"]},
    ]
    archive = {
        "$version": 100000,
        "$archiver": "NSKeyedArchiver",
        "$top": {"root": plistlib.UID(1)},
        "$objects": objects,
    }
    return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)
