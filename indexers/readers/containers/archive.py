"""Zip containers and XML from strangers: what is taken out of them is bounded before it is taken."""

from __future__ import annotations

import struct
import zipfile
import zlib
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from indexers.readers.block import Unreadable

if TYPE_CHECKING:
    from lxml.etree import XMLParser, _Element

MAX_MEMBERS = 20_000
MAX_MEMBER = 50_000_000
MAX_TOTAL = 200_000_000
MAX_RATIO = 200
"""A member above RATIO_FROM bytes that expands more than this is a bomb, not a document."""
RATIO_FROM = 10_000_000

_ENCRYPTED_FLAG = 0x1
_CENTRAL_ENTRY = b"PK\x01\x02"
_LOCAL_ENTRY = b"PK\x03\x04"
_LOCAL_HEADER = 30


class Archive:
    """The members of one zip file in memory, read by name, MAX_TOTAL bytes in all.

    Raises Unreadable: "malformed" where the zip is damaged, "encrypted" where a member needs a password, "too_large"
    where it is a bomb.
    """

    def __init__(self, data: bytes) -> None:
        if data.count(_CENTRAL_ENTRY) > MAX_MEMBERS:
            raise Unreadable("too_large", f"holds more than {MAX_MEMBERS:,} parts")
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
            self._members = {member.filename.replace("\\", "/").lstrip("/"): member for member in self._zip.infolist()}
        except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError) as error:
            raise Unreadable("malformed", "is a damaged or incomplete zip container") from error
        self._data = memoryview(data)
        self._left = MAX_TOTAL

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._members)

    def check(self) -> None:
        """Refuse the whole container if any part declares more than may be taken, before another library opens it."""
        if sum(member.file_size for member in self._members.values()) > MAX_TOTAL:
            raise Unreadable("too_large", f"unpacks to more than {MAX_TOTAL // 1_000_000} MB")
        for member in self._members.values():
            self._admit(member)

    def read(self, name: str) -> bytes:
        """The bytes of one member. Raises Unreadable, also when there is no such member."""
        member = self._members.get(name)
        if member is None:
            raise Unreadable("malformed", "lacks a part that its kind of file must have")
        self._admit(member)
        try:
            data = self._inflated(member)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            struct.error,
            OSError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise Unreadable("malformed", "holds a damaged part") from error
        except RuntimeError as error:  # what zipfile raises for a password
            raise Unreadable("encrypted", "is protected by a password") from error
        self._left -= len(data)
        return data

    def _inflated(self, member: zipfile.ZipInfo) -> bytes:
        """Unpack one member whole: deflate without zipfile's streams, which cost more than small parts themselves."""
        if member.compress_type != zipfile.ZIP_DEFLATED:
            with self._zip.open(member) as stream:
                return stream.read(member.file_size + 1)
        head = bytes(self._data[member.header_offset : member.header_offset + _LOCAL_HEADER])
        if not head.startswith(_LOCAL_ENTRY):
            raise zipfile.BadZipFile
        start = member.header_offset + _LOCAL_HEADER + sum(struct.unpack_from("<HH", head, 26))
        packed = self._data[start : start + member.compress_size]
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.file_size + 1)
        if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
            raise zipfile.BadZipFile
        return data

    def xml(self, name: str) -> _Element:
        """The root element of one XML member."""
        return parse_xml(self.read(name))

    def xml_or_none(self, name: str) -> _Element | None:
        """The root element of a member that a container may lack."""
        return self.xml(name) if name in self else None

    def _admit(self, member: zipfile.ZipInfo) -> None:
        if member.flag_bits & _ENCRYPTED_FLAG:
            raise Unreadable("encrypted", "is protected by a password")
        size = member.file_size
        bomb = size > RATIO_FROM and size > MAX_RATIO * max(member.compress_size, 1)
        if bomb or size > min(MAX_MEMBER, self._left):
            raise Unreadable("too_large", "unpacks to far more than a document holds")


def parse_xml(data: bytes) -> _Element:
    """Parse XML without fetching, loading or expanding anything. Raises Unreadable; declared entities are refused."""
    from lxml import etree

    try:
        root = etree.fromstring(data, _safe_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("malformed", "holds damaged XML") from error
    if root is None:
        raise Unreadable("malformed", "holds no XML where it should")
    declared: Any = root.getroottree().docinfo.internalDTD  # the stubs of lxml know no entities
    if declared is not None and declared.entities():
        raise Unreadable("malformed", "declares XML entities, which documents do not need and attacks do")
    return root


@cache
def _safe_parser() -> XMLParser:
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )


def beside(part: str, target: str) -> str:
    """The member name that a link in `part` leads to; a name with "/" in front counts from the top."""
    target = target.partition("#")[0]
    if "%" in target:
        target = unquote(target)
    steps = [] if target.startswith("/") else part.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)
