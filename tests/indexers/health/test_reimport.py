"""A newer export beside or in place of an older one: what is the same, what is added, and whose it is."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent.demo.health_zip import Layout, Wearer, write_export
from indexers.contract import check_source
from indexers.health.apple import AppleHealth
from indexers.record import Event, Section, Skipped
from indexers.source import Item

SPARSE = Layout(heart_rates=2)
ROBIN = Wearer()
SAM = replace(ROBIN, name="Sam", born=date(1990, 1, 2), sex="Male")


def export(path: Path, wearer: Wearer = ROBIN, *, first: date = date(2024, 1, 1), last: date) -> Path:
    write_export(path, wearer=wearer, seed=3, first=first, last=last, layout=SPARSE)
    return path


def scanned(path: Path, **options: object) -> tuple[list[Item], list[Skipped]]:
    found = list(AppleHealth(name="health", path=path, options=options).scan())
    items = [entry for entry in found if isinstance(entry, Item)]
    return items, [entry for entry in found if isinstance(entry, Skipped)]


def test_a_newer_export_at_the_same_path_is_another_item(tmp_path: Path) -> None:
    """So nothing of the older one is dropped with it: an import keeps the items that vanished."""
    path = export(tmp_path / "export.zip", last=date(2024, 1, 10))
    ((older,), _) = scanned(path)
    export(path, first=date(2024, 1, 9), last=date(2024, 2, 10))
    ((newer,), _) = scanned(path)
    assert older.id != newer.id
    assert older.id.startswith(str(path))
    assert AppleHealth.mirror is False


def test_the_same_export_again_is_the_same_item(tmp_path: Path) -> None:
    path = export(tmp_path / "export.zip", last=date(2024, 1, 10))
    ((before,), _) = scanned(path)
    os.utime(path, (1, 1))
    ((after,), _) = scanned(path)
    assert before.id == after.id


def test_texts_have_the_same_ids_in_both(tmp_path: Path) -> None:
    older = export(tmp_path / "older.zip", last=date(2024, 1, 20))
    layout = replace(SPARSE, top="apple_health_export_de/", xml="Exportieren.xml")
    newer = tmp_path / "newer.zip"
    write_export(newer, wearer=ROBIN, seed=3, first=date(2024, 1, 1), last=date(2024, 2, 20), layout=layout)

    def ids(path: Path) -> set[tuple[str, str]]:
        records = check_source(AppleHealth(name="health", path=path, options={}))
        return {(type(record).__name__, record.id) for record in records if isinstance(record, (Section, Event))}

    assert len(ids(older)) > 10
    assert ids(older) < ids(newer)


def test_another_persons_export_is_not_mixed_in_without_asking(tmp_path: Path) -> None:
    mine = export(tmp_path / "a.zip", last=date(2024, 1, 10))
    export(tmp_path / "b.zip", SAM, last=date(2024, 1, 20))
    export(tmp_path / "c.zip", last=date(2024, 1, 15))
    items, skipped = scanned(tmp_path)
    assert [Path(item.id.partition("#")[0]).name for item in items] == ["a.zip", "c.zip"]
    (asked,) = skipped
    assert asked.outcome == "ambiguous"
    assert "homebody sources change health --option owner=any" in asked.why
    assert "1990" not in asked.why, "no birth date in what is shown"
    code = asked.why.rpartition("owner=")[2]
    items, skipped = scanned(tmp_path, owner=code)
    assert [Path(item.id.partition("#")[0]).name for item in items] == ["b.zip"]
    assert len(skipped) == 2
    items, skipped = scanned(tmp_path, owner="any")
    assert len(items) == 3
    assert not skipped
    ((alone,), _) = scanned(mine)
    assert alone.id.rpartition("owner=")[2] != code


def test_an_owner_given_holds_for_a_single_file_that_was_replaced(tmp_path: Path) -> None:
    path = export(tmp_path / "export.zip", last=date(2024, 1, 10))
    ((item,), _) = scanned(path)
    code = item.id.rpartition("owner=")[2]
    export(path, SAM, last=date(2024, 1, 20))
    assert [len(part) for part in scanned(path, owner=code)] == [0, 1]


def test_whose_exports_were_read_before_decides(tmp_path: Path) -> None:
    """One path, mine and then another's: what was read in an earlier pass says whose it is."""
    path = export(tmp_path / "export.zip", last=date(2024, 1, 10))
    ((mine,), _) = scanned(path)
    export(path, SAM, last=date(2024, 1, 20))
    source = AppleHealth(name="health", path=path, options={})
    source.known = (str(tmp_path / "old.zip"), mine.id)
    (asked,) = source.scan()
    assert isinstance(asked, Skipped)
    assert asked.outcome == "ambiguous"
    allowed = AppleHealth(name="health", path=path, options={"owner": "any"})
    allowed.known = (mine.id,)
    assert all(isinstance(entry, Item) for entry in allowed.scan())


def test_an_export_that_names_no_owner_belongs_to_anyone(tmp_path: Path) -> None:
    path = export(tmp_path / "a.zip", last=date(2024, 1, 3))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("export.xml", '<HealthData><ExportDate value="2024-02-01 08:00:00 +0100"/></HealthData>')
    items, skipped = scanned(tmp_path)
    assert (len(items), skipped) == (2, [])
    assert path.exists()


@pytest.mark.parametrize("move", [True, False])
def test_an_export_that_moved_is_known_by_its_identity(tmp_path: Path, move: bool) -> None:
    path = export(tmp_path / "a.zip", last=date(2024, 1, 3))
    ((before,), _) = scanned(path)
    other = tmp_path / "b.zip"
    if move:
        path.rename(other)
    else:
        shutil.copy(path, other)
    ((after,), _) = scanned(other)
    assert (before.identity == after.identity) is move
