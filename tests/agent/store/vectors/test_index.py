"""The index follows the store, comes back from its snapshot, and is made anew whenever the two do not fit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.errors import StoreError
from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex
from agent.store.vectors import index as module
from agent.vocabulary import Vector

Put = Callable[..., int]
Embed = Callable[[Store], int]
Opened = Callable[..., VectorIndex]
MODEL = "seeded-8"


def vectors(store: Store) -> dict[bytes, Vector]:
    return {
        bytes(uid): np.frombuffer(vector, np.float16).astype(np.float32)
        for uid, vector in store.database.rows(
            "SELECT uid, vector FROM block JOIN item ON item.id = block.item JOIN embedding USING(hash)"
            " WHERE live = 1 AND embedded = 1"
        )
    }


def agrees(index: VectorIndex, store: Store) -> None:
    """Every vector of the store is its own nearest in the index, and there are no others."""
    known = vectors(store)
    assert index.count() == len(known)
    for uid, vector in known.items():
        [(nearest, cosine)] = index.query(vector, sources=list(store.source_ids().values()), limit=1)
        assert nearest == uid
        assert cosine == pytest.approx(1.0, abs=1e-3)


def fill(store: Store, put: Put, embed: Embed, items: int = 6, *, source: str = "notes") -> None:
    for number in range(items):
        put(store, f"/{number}", [f"{source} {number} {word}" for word in ("one", "two", "three")], source=source)
    embed(store)


def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time an index is made anew from the store."""
    seen: list[int] = []
    rebuild = VectorIndex._rebuild

    def counted(self: VectorIndex) -> None:
        seen.append(1)
        rebuild(self)

    monkeypatch.setattr(VectorIndex, "_rebuild", counted)
    return seen


def test_a_seal_can_wait_for_additions_and_not_for_deletions(
    store: Store, put: Put, embed: Embed, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, put, embed)
    index = opened(store)
    index.open()
    index.seal()
    put(store, "/more", ["one more"])
    embed(store)
    assert not index.is_sealed()
    assert not index.owes()
    store.remove_items(1, [store.items(1)["/0"].id])
    assert index.owes()
    index.seal()
    assert not index.owes()
    monkeypatch.setattr(module, "_BATCH", 2)
    fill(store, put, embed, source="others")
    assert index.owes(), "a start would be slow"


@pytest.mark.parametrize("kind", ["ram", "memory"])
def test_it_follows_additions_edits_moves_and_deletions(
    kind: str, store: Store, put: Put, embed: Embed, opened: Opened
) -> None:
    fill(store, put, embed)
    index = opened(store, kind=kind)
    agrees(index, store)
    put(store, "/0", ["notes 0 one", "changed"], fingerprint="2")
    store.remove_items(1, [store.items(1)["/3"].id])
    fill(store, put, embed, 2, source="second")
    embed(store)
    index.catch_up()
    agrees(index, store)
    store.remove_source(store.source_ids()["second"])
    index.catch_up()
    agrees(index, store)
    index.purge()
    agrees(index, store)


def test_a_question_sees_what_came_since(store: Store, put: Put, embed: Embed, opened: Opened) -> None:
    fill(store, put, embed, 1)
    index = opened(store)
    index.open()
    put(store, "/new", ["something new"])
    embed(store)
    agrees(index, store)


def test_the_snapshot_is_restored_and_the_rest_replayed(
    store: Store, put: Put, embed: Embed, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, put, embed)
    first = opened(store)
    first.open()
    first.seal()
    assert first.is_sealed()
    agrees(first, store)
    first.close()
    fill(store, put, embed, 3, source="later")
    store.remove_items(1, [store.items(1)["/1"].id])
    seen = rebuilds(monkeypatch)
    again = opened(store)
    again.open()
    assert not again.is_sealed()
    agrees(again, store)
    assert seen == []


@pytest.mark.parametrize("change", ["flip", "cut", "missing", "empty", "foreign"])
def test_a_damaged_snapshot_is_made_anew(
    change: str, store: Store, put: Put, embed: Embed, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, put, embed)
    first = opened(store)
    first.open()
    first.seal()
    first.close()
    file = tmp_path / "life" / "index.sealed"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    match change:
        case "flip":
            file.write_bytes(data)
        case "cut":
            file.write_bytes(file.read_bytes()[:-100])
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "foreign":
            file.write_bytes(b"HBS1" + os.urandom(500))
    seen = rebuilds(monkeypatch)
    again = opened(store)
    again.open()
    agrees(again, store)
    assert seen == [1]


def test_a_snapshot_of_another_model_is_not_used(store: Store, put: Put, embed: Embed, opened: Opened) -> None:
    fill(store, put, embed)
    first = opened(store)
    first.open()
    first.seal()
    first.close()
    store.embeddings.use_model("another")
    again = opened(store, model="another")
    again.open()
    assert again.count() == 0


def test_an_old_snapshot_that_was_put_back_is_not_believed(
    store: Store, put: Put, embed: Embed, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "life" / "index.sealed"
    fill(store, put, embed)
    index = opened(store)
    index.open()
    index.seal()
    shutil.copy(file, tmp_path / "old.sealed")
    for round_ in range(2):
        put(store, f"/more{round_}", [f"more {round_}"])
        embed(store)
        index.seal()
    index.close()
    shutil.copy(tmp_path / "old.sealed", file)
    seen = rebuilds(monkeypatch)
    again = opened(store)
    again.open()
    agrees(again, store)
    assert seen == [1]


def test_a_snapshot_of_the_future_of_a_restored_store_is_not_believed(
    store: Store, put: Put, embed: Embed, opened: Opened, reopen: Callable[[], Store], path: Path, tmp_path: Path
) -> None:
    fill(store, put, embed)
    index = opened(store)
    index.open()
    index.seal()
    store.database.checkpoint()
    shutil.copy(path, tmp_path / "backup.db")
    fill(store, put, embed, 2, source="lost")
    index.seal()
    index.close()
    store.close()
    shutil.copy(tmp_path / "backup.db", path)
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    restored = reopen()
    fill(restored, put, embed, 4, source="other")  # the log grows beyond the number in the snapshot
    again = opened(restored)
    again.open()
    agrees(again, restored)
    again.close()
    restored.close()


def test_deleted_vectors_are_in_no_byte_of_folder_or_snapshot(
    store: Store, put: Put, embed: Embed, opened: Opened, ram: Path, tmp_path: Path
) -> None:
    fill(store, put, embed)
    index = opened(store)
    index.open()
    secret = next(iter(vectors(store).items()))
    item = store.database.value("SELECT item FROM block WHERE uid = ?", (secret[0],))
    trace = secret[1].tobytes()

    def seen() -> bool:
        return any(trace in file.read_bytes() for file in ram.rglob("*") if file.is_file())

    assert seen()
    store.remove_items(1, [item])
    index.catch_up()
    index.seal()
    assert not seen()
    index.close()
    assert list(ram.iterdir()) == []
    sealed = tmp_path / "life" / "index.sealed"
    again = opened(store)
    again.open()
    assert not seen()
    assert sealed.exists()


def test_replaced_blocks_do_not_cost_a_rebuild(
    store: Store, put: Put, embed: Embed, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "/chat", ["one"])
    embed(store)
    index = opened(store)
    index.open()
    seen = rebuilds(monkeypatch)
    texts = ["one"]
    for number in range(4):
        texts.append(f"and {number}")
        put(store, "/chat", texts, fingerprint=str(number + 2))
        embed(store)
        index.seal()
    agrees(index, store)
    assert seen == []
    index.close()
    again = opened(store)
    again.open()
    agrees(again, store)
    assert seen == []
    put(store, "/chat", texts[1:], fingerprint="99", places=[f"p{n}" for n in range(1, 5)])
    embed(store)
    again.seal()
    assert seen == [1]
    agrees(again, store)


def test_two_items_with_one_block_id_do_not_lose_each_others_vector(
    store: Store, put: Put, embed: Embed, opened: Opened
) -> None:
    fill(store, put, embed, 1)
    index = opened(store)
    index.open()
    [uid] = [uid for (uid,) in store.database.rows("SELECT uid FROM block LIMIT 1")]
    with store.writing():
        store.embeddings.log(1, [uid], gone=True)  # the log alone is not believed
    index.catch_up()
    agrees(index, store)


def test_files_are_for_the_owner_only(
    store: Store, put: Put, embed: Embed, opened: Opened, ram: Path, tmp_path: Path
) -> None:
    fill(store, put, embed)
    index = opened(store)
    index.open()
    assert (ram / "index").stat().st_mode & 0o077 == 0  # what Chroma makes later in it follows the process's umask
    index.seal()
    assert (tmp_path / "life" / "index.sealed").stat().st_mode & 0o077 == 0


def test_in_memory_nothing_is_written_and_an_older_snapshot_goes(
    store: Store, put: Put, embed: Embed, opened: Opened, ram: Path, tmp_path: Path
) -> None:
    fill(store, put, embed)
    sealed = tmp_path / "life" / "index.sealed"
    sealed.write_bytes(b"of better days")
    index = opened(store, kind="memory")
    index.open()
    assert not sealed.exists()
    index.seal()
    assert index.is_sealed()  # the log does not grow for ever
    assert list(ram.iterdir()) == []
    assert not sealed.exists()
    agrees(index, store)
    store.remove_items(1, [store.items(1)["/1"].id])
    index.seal()
    agrees(index, store)


def test_a_folder_in_ram_that_becomes_too_small_leaves_the_index_in_memory(
    store: Store, put: Put, embed: Embed, opened: Opened, ram: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, put, embed)
    index = opened(store)
    index.open()
    index.seal()
    assert index.kind == "ram"
    monkeypatch.setattr(module, "_KEEP_FREE", 1 << 60)
    fill(store, put, embed, 3, source="more")
    index.catch_up()
    assert index.kind == "memory"
    assert list(ram.iterdir()) == []
    assert not (tmp_path / "life" / "index.sealed").exists()
    agrees(index, store)
    index.seal()
    agrees(index, store)


@pytest.fixture
def small_ram(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = tmp_path / "ram"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_the_home_is_chosen_by_what_the_runtime_folder_is(small_ram: Path, ram: Path, tmp_path: Path) -> None:
    key, target = CompartmentKey(bytes(32)), tmp_path / "index.sealed"
    assert IndexHome.choose(small_ram, target, key, vectors=0).kind == "memory"
    assert IndexHome.choose(ram, target, key, vectors=1000).kind == "ram"
    assert IndexHome.choose(ram, target, key, vectors=10**12).kind == "memory"
    assert IndexHome.choose(tmp_path, target, key, vectors=1).kind == ("ram" if _is_tmpfs(tmp_path) else "memory")


def _is_tmpfs(folder: Path) -> bool:
    found = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True)
    return found.stdout.strip() in ("tmpfs", "ramfs")


def test_a_disk_too_full_for_a_snapshot_says_so_and_questions_go_on(
    store: Store, put: Put, embed: Embed, small_ram: Path, ram: Path
) -> None:
    fill(store, put, embed)
    (small_ram / "filler").write_bytes(bytes((4 << 20) - 8192))
    home = IndexHome(kind="ram", folder=ram / "index", snapshot=small_ram / "index.sealed", key=bytes(32))
    index = VectorIndex(store, home, model=MODEL, dimensions=8)
    index.open()
    with pytest.raises(StoreError, match="snapshot could not be written") as caught:
        index.seal()
    assert caught.value.remedy
    assert sorted(file.name for file in small_ram.iterdir()) == ["filler"]
    agrees(index, store)
    assert not index.is_sealed()
    (small_ram / "filler").unlink()
    index.seal()
    assert index.is_sealed()
    agrees(index, store)
    index.close()


_KILLED = """
import sys, time
from pathlib import Path
from agent.store.keys import CompartmentKey
from agent.store.store import Store
from agent.store.vectors import IndexHome, VectorIndex
key = CompartmentKey(bytes(range(32)))
store = Store.open(Path(sys.argv[1]), key)
home = IndexHome(kind="ram", folder=Path(sys.argv[2]) / "index", snapshot=Path(sys.argv[1]).parent / "index.sealed",
                 key=key.use("snapshot"))
index = VectorIndex(store, home, model="seeded-8", dimensions=8)
index.open()
index.seal()
print("sealed", flush=True)
store.remove_items(1, [store.items(1)["/0"].id])
index.catch_up()
print("changed", flush=True)
time.sleep(60)
"""


def test_after_a_kill_the_snapshot_is_restored_and_replayed(
    store: Store, put: Put, embed: Embed, opened: Opened, path: Path, ram: Path, reopen: Callable[[], Store],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(store, put, embed)
    store.close()
    child = subprocess.Popen([sys.executable, "-c", _KILLED, path, ram], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert [child.stdout.readline().strip() for _ in range(2)] == ["sealed", "changed"]
    time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert any((ram / "index").iterdir())  # it had no time to clean up
    again = reopen()
    seen = rebuilds(monkeypatch)
    index = opened(again)
    index.open()
    agrees(index, again)
    assert index.count() == 10
    assert seen == []
    index.close()
    again.close()


def test_recall_against_an_exact_scan(store: Store, put: Put, tmp_path: Path, ram: Path) -> None:
    """Clustered vectors of 64 dimensions; the tenth part of a neighbourhood may be missed at most one time in two."""
    draw = np.random.default_rng(11)
    number = 3000
    centers = draw.normal(size=(60, 64))
    made = (centers[draw.integers(0, 60, number)] + 0.8 * draw.normal(size=(number, 64))).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    put(store, "/all", [f"text {n}" for n in range(2 * number)])
    store.embeddings.use_model(MODEL)
    waiting = store.embeddings.pending(limit=number)
    store.embeddings.add(MODEL, list(zip(waiting, made, strict=True)))
    home = IndexHome(kind="ram", folder=ram / "index", snapshot=tmp_path / "sealed", key=bytes(32))
    index = VectorIndex(store, home, model=MODEL, dimensions=64)
    known = vectors(store)
    matrix, names = np.array(list(known.values())), list(known)
    hits = 0
    for query in made[::60]:
        exact = {names[at] for at in np.argsort(-(matrix @ query))[:10]}
        hits += len(exact & {uid for uid, _ in index.query(query, sources=[1], limit=10)})
    index.close()
    assert hits / (10 * len(made[::60])) >= 0.95
