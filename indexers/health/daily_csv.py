"""A plain table of daily measures (CSV): an item is one file, a row is one day, a column is one measure.

The header names the measures in everyday words and their units in brackets: `Date;Steps;Weight (kg);Resting HR [bpm]`.
What it cannot tell, the options do: `columns = {"Gewicht" = "HKQuantityTypeIdentifierBodyMass"}`,
`units = {"Gewicht" = "kg"}`, `day_first = true` for 3/4/2024 in April.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from io import StringIO
from math import isfinite
from pathlib import Path

from indexers.health.export.measures import measures
from indexers.record import BATCH_ROWS, Record, SampleBatch, Skipped
from indexers.source import Item, Options, SourceUnavailable

LARGEST = 32 << 20
_DAY = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DATE_NAMES = {"date", "day", "datum", "tag", "fecha", "jour", "data", "dia", "日付", "日期"}
_COLUMN = re.compile(r"(?P<name>.*?)\s*(?:[(\[](?P<unit>[^()\[\]]+)[)\]])?\s*")
_DAY_FORMS = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?:[ T].*)?"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
)
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
_UNIT_WORDS = {"bpm": "count/min", "breaths/min": "count/min", "steps": "count", "minutes": "min", "percent": "%"}


class DailyCsv:
    """CSV files at `path` (one, or a folder of them). Raises ValueError on options it does not know.

    An import. Days carry no zone, so a day's sample runs from its midnight to the next as if that were UTC's, with
    offset 0: the local day is right. A percent column whose values all are at most 1 holds fractions; any other is
    divided by 100, for measures in % are stored as fractions. One day twice: the first row counts.
    """

    mirror = False

    def __init__(self, *, name: str, path: Path, options: Options) -> None:
        unknown = sorted(set(options) - {"columns", "units", "day_first"})
        if unknown:
            raise ValueError(f"health-csv does not know {', '.join(unknown)}; it knows columns, units and day_first")
        self.name = name
        self._path = path.absolute()
        self._columns = _texts(options, "columns")
        self._units = _texts(options, "units")
        self._day_first = options.get("day_first")
        if self._day_first is not None and not isinstance(self._day_first, bool):
            raise ValueError("day_first is true (3/4/2024 is in April) or false (it is in March)")
        wrong = [identifier for identifier in self._columns.values() if identifier.casefold() not in measures()]
        if wrong:
            raise ValueError(f"columns names measures that do not exist: {', '.join(wrong)}; see types.csv")

    def roots(self) -> Sequence[Path]:
        """The file, or the folder of files."""
        return (self._path,)

    def scan(self) -> Iterator[Item | Skipped]:
        """The CSV files that exist now, oldest first."""
        try:
            files = sorted(self._path.glob("*.csv")) if self._path.is_dir() else [self._path]
            found = [(file, file.stat()) for file in files]
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise SourceUnavailable(f"{self._path}: {reason}; choose a CSV file or a folder of them.") from None
        for file, state in sorted(found, key=lambda pair: (pair[1].st_mtime_ns, str(pair[0]))):
            mark = f"{state.st_size}:{state.st_mtime_ns}:{state.st_ino}"
            yield Item(id=str(file), fingerprint=mark, identity=f"{state.st_dev}:{mark}", size=state.st_size)

    def read(self, item: Item) -> Iterator[Record | Skipped]:
        """One batch or more for each column whose measure and unit are known, then what was left out and why."""
        try:
            with Path(item.id).open("rb") as file:
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            yield Skipped(where=item.id, why="the file is gone; what was read before stays", outcome="vanished")
            return
        except OSError as error:
            why = f"the file cannot be read: {(error.strerror or 'input/output error').lower()}"
            yield Skipped(where=item.id, why=why, outcome="no_permission")
            return
        if len(raw) > LARGEST:
            yield Skipped(where=item.id, why=f"the file is larger than {LARGEST >> 20} MB", outcome="too_large")
            return
        yield from self._table(item.id, raw.decode("utf-8-sig", "replace").replace("\0", ""))

    def _table(self, where: str, text: str) -> Iterator[Record | Skipped]:
        head = text.partition("\n")[0]
        mark = max(";\t,", key=head.count)
        rows = csv.reader(StringIO(text, newline=""), delimiter=mark)
        try:
            header = next(rows, [])
            body = [row for row in rows if any(cell.strip() for cell in row)]
        except csv.Error:
            yield Skipped(where=where, why="the file is not a table (CSV)")
            return
        dated = next((at for at, cell in enumerate(header) if cell.strip().casefold() in _DATE_NAMES), None)
        if dated is None or len(header) < 2:
            why = "no column is called Date; this is no table of daily measures"
            yield Skipped(where=where, why=why, outcome="unsupported")
            return
        odd: Counter[str] = Counter()
        days = self._days([row[dated] if dated < len(row) else "" for row in body], odd)
        for at, cell in enumerate(header):
            if at != dated:
                yield from self._column(f"{where}#column {at + 1}", cell, _cells(body, at, days), mark, odd)
        for why, count in odd.items():
            yield Skipped(where=f"{where}#rows", why=why, count=count)

    def _days(self, cells: Sequence[str], odd: Counter[str]) -> list[int | None]:
        """The day of each row as days since 1970; None where there is none, or an earlier row has it."""
        days: list[int | None] = []
        seen: set[int] = set()
        for cell in cells:
            day = self._day(cell.strip(), odd)
            if day in seen:
                odd["a day occurs twice; its first row counts"] += 1
                day = None
            if day is not None:
                seen.add(day)
            days.append(day)
        return days

    def _day(self, cell: str, odd: Counter[str]) -> int | None:
        found = next(filter(None, (form.fullmatch(cell) for form in _DAY_FORMS)), None)
        if found is not None:
            year, month, day = int(found["y"]), int(found["m"]), int(found["d"])
        elif (slashed := _SLASHES.fullmatch(cell)) is not None:
            first, second, year = map(int, slashed.groups())
            if self._day_first is None and first <= 12 and second <= 12 and first != second:
                odd["3/4/2024 can be two days; set the option day_first to true or false"] += 1
                return None
            day_first = self._day_first if self._day_first is not None else first > 12
            day, month = (first, second) if day_first else (second, first)
        else:
            year = month = day = 0
        try:
            return date(year, month, day).toordinal() - _EPOCH_DAY
        except ValueError:
            odd["the date is no date; left out"] += 1
            return None

    def _column(
        self, where: str, header: str, cells: Sequence[tuple[int, str]], mark: str, odd: Counter[str]
    ) -> Iterator[Record | Skipped]:
        parts = _COLUMN.fullmatch(" ".join(header.split()))
        name, bracket = (parts["name"], parts["unit"] or "") if parts else (header, "")
        given = self._columns.get(header.strip(), self._columns.get(name, name))
        measure = measures().get(given.casefold())
        if measure is None:
            why = "no measure is known by this column's name; the option columns can say which it is"
            yield Skipped(where=where, why=why, outcome="unsupported")
            return
        word = (self._units.get(header.strip()) or self._units.get(name) or bracket).strip()
        unit = _UNIT_WORDS.get(word.casefold(), word) or (measure.units[0] if len(measure.units) == 1 else "")
        if unit not in measure.units:
            why = f"the unit is not said, or not one of {', '.join(measure.units)}; write it in the header: Name (unit)"
            yield Skipped(where=where, why=why, outcome="ambiguous")
            return
        days, values = [], []
        for day, cell in cells:
            value = _number(cell, mark)
            if value is None:
                odd["the value is no number; left out"] += 1
            else:
                days.append(day)
                values.append(value)
        if unit == "%" and max(values, default=0) > 1:
            values = [value / 100 for value in values]
        for at in range(0, len(days), BATCH_ROWS):
            starts = [day * _DAY for day in days[at : at + BATCH_ROWS]]
            yield SampleBatch(
                measure=measure.identifier,
                unit=unit,
                source=self.name,
                start=array("q", starts),
                end=array("q", [start + _DAY for start in starts]),
                offset=array("h", [0] * len(starts)),
                value=array("d", values[at : at + BATCH_ROWS]),
            )


def _cells(body: Sequence[Sequence[str]], at: int, days: Sequence[int | None]) -> list[tuple[int, str]]:
    """The days and cells of one column where both are given."""
    pairs = zip(days, (row[at].strip() if at < len(row) else "" for row in body), strict=True)
    return [(day, cell) for day, cell in pairs if day is not None and cell]


def _number(cell: str, mark: str) -> float | None:
    """A number as written: with a decimal comma only where commas do not part the columns."""
    plain = cell.replace("\N{NO-BREAK SPACE}", "").replace("\N{NARROW NO-BREAK SPACE}", "").replace(" ", "")
    if mark != "," and plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        value = float(plain) if "_" not in plain else float("nan")
    except ValueError:
        return None
    return value if isfinite(value) else None


def _texts(options: Options, key: str) -> Mapping[str, str]:
    table = options.get(key, {})
    if not isinstance(table, Mapping) or not all(isinstance(value, str) for value in table.values()):
        raise ValueError(f'{key} is a table of texts: {key} = {{"Header" = "..."}}')
    return {str(name): value for name, value in table.items()}
