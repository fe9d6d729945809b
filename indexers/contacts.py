"""The owner's address book: .vcf files, or the folder in which macOS keeps its contacts.

An item is one .vcf file or one AddressBook database; macOS has one database for each account.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from indexers.folder import file_items, unread
from indexers.readers.containers.sqlite import DatabaseMoved, apple_time, read_only, rows
from indexers.readers.vobject import vcard
from indexers.record import Contact, Record, Skipped
from indexers.source import Item, Options

_SUFFIXES = frozenset({".vcf", ".vcard", ".abcddb"})
_OPTIONS = frozenset({"region", "locale"})
_REGION = re.compile(r"[A-Za-z]{2}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}[_-](?:[A-Za-z]{4}[_-])?([A-Za-z]{2})\b")
_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_YEAR_UNKNOWN = 1604
"""The year that Apple writes into birthdays without one."""


class Contacts:
    """Contacts of a path. Options: `region` ("DE") or `locale` ("de_DE") say where short numbers are from."""

    default_path = "~/Library/Application Support/AddressBook"
    mirror = True

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        if unknown := sorted(set(options) - _OPTIONS):
            raise ValueError(f"contacts has no option {', '.join(unknown)}; it has: region, locale")
        self.name = name
        self._path = path
        self._region = _region(options)

    def roots(self) -> Sequence[Path]:
        return [self._path.absolute()]

    def scan(self) -> Iterator[Item | Skipped]:
        yield from file_items(self._path, _SUFFIXES)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        path = Path(item.id)
        try:
            if path.suffix.lower() == ".abcddb":
                yield from self._address_book(path)
                return
            with path.open("rb") as stream:
                yield from vcard.contacts(stream, where=item.id, region=self._region, locator=path.as_uri())
        except OSError as problem:
            yield unread(item.id, problem)

    def _address_book(self, path: Path) -> Iterator[Contact | Skipped]:
        try:
            with read_only(path) as connection:
                found = list(_contacts(connection, self._region))
        except DatabaseMoved:
            why = "the address book was written to while it was read; it is read again at the next pass"
            yield Skipped(where=str(path), why=why, outcome="timed_out")
        except sqlite3.Error:
            yield Skipped(where=str(path), why="the address book is damaged, locked or of an unknown kind")
        else:
            yield from found


def _region(options: Options) -> str:
    """ISO 3166 code of the country that numbers without a country code are from, "" when the owner does not say.

    The numbers then stay as written; who is who is decided later, where the owner's country is known.
    """
    region = options.get("region")
    if region is not None:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise ValueError('the option region is a country code of two letters, such as "DE"')
        return region.upper()
    locale = _LOCALE.match(str(options.get("locale", "")))
    return locale[1].upper() if locale else ""


def _contacts(connection: sqlite3.Connection, region: str) -> Iterator[Contact]:
    """The people of a Core Data address book (columns vary with the system: those that are missing stay empty)."""
    phones = _by_owner(connection, "ZABCDPHONENUMBER", "ZFULLNUMBER")
    mails = _by_owner(connection, "ZABCDEMAILADDRESS", "ZADDRESS")
    streets = ("ZSTREET", "ZCITY", "ZSTATE", "ZZIPCODE", "ZCOUNTRYNAME")
    addresses = _by_owner(connection, "ZABCDPOSTALADDRESS", *streets)
    related = _by_owner(connection, "ZABCDRELATEDNAME", "ZLABEL", "ZNAME", joint=": ")
    notes = _by_owner(connection, "ZABCDNOTE", "ZTEXT", owner="ZCONTACT")
    names = ("ZFIRSTNAME", "ZMIDDLENAME", "ZLASTNAME", "ZNICKNAME", "ZMAIDENNAME")
    work = ("ZORGANIZATION", "ZDEPARTMENT", "ZJOBTITLE")
    columns = ("Z_PK", "ZUNIQUEID", "ZBIRTHDAY", "ZBIRTHDAYYEAR", "ZBIRTHDAYYEARLESS", *names, *work)
    for key, unique, birthday, year, yearless, *texts in rows(connection, "ZABCDRECORD", columns, required=True):
        first, middle, last, nick, maiden, organization, department, job = (_line(text) for text in texts)
        full = " ".join(filter(None, (first, middle, last)))
        former = " ".join(filter(None, (first, maiden))) if maiden else ""
        written = phones[key]
        lower = tuple(dict.fromkeys(mail.lower() for mail in mails[key]))
        named = [name for name in dict.fromkeys((full, nick, former, maiden)) if name]
        named = named or [name for name in (organization, *lower, *written) if name][:1]
        if not named:
            continue  # groups and the account itself are rows of this table too
        born = apple_time(birthday)
        known = born is not None and born.year != _YEAR_UNKNOWN and (year is None or year != _YEAR_UNKNOWN)
        short = apple_time(yearless) if born is None else (born if not known else None)
        lines = (job, f"birthday --{short:%m-%d} (year unknown)" if short else "", *related[key], *notes[key])
        yield Contact(
            id=_line(unique) or f"record {key}",
            names=tuple(named),
            phones=vcard.phones_with_e164(written, region),
            mails=lower,
            addresses=tuple(addresses[key]),
            birthday=born.date() if born is not None and known else None,
            organization=", ".join(filter(None, (organization, department))),
            note="\n".join(filter(None, lines)),
            locator=f"addressbook://{_line(unique)}" if unique else "",
        )


def _by_owner(
    connection: sqlite3.Connection, table: str, *columns: str, owner: str = "ZOWNER", joint: str = ", "
) -> defaultdict[object, list[str]]:
    """Each owner's rows of a table of details, every row as one line."""
    out: defaultdict[object, list[str]] = defaultdict(list)
    for key, *values in rows(connection, table, (owner, *columns)):
        texts = (_line(value) for value in values)
        if (line := joint.join(_LABEL.sub(r"\1", text) for text in texts if text)) and line not in out[key]:
            out[key].append(line)
    return out


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
