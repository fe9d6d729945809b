"""The ring opens by each of its secrets and by nothing else, and a changed file is never believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import HomebodyError, Locked, StoreError, WrongUse
from agent.store import keys
from agent.store.keys import Argon2Cost, KeyRing

CHEAP = Argon2Cost(memory_kib=64, iterations=1, lanes=1)


class Chain:
    """A keychain in memory."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.items.get((service, account))

    def set_password(self, service: str, account: str, secret: str) -> None:
        self.items[service, account] = secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def made(path: Path) -> tuple[KeyRing, str, Chain]:
    ring, chain = KeyRing.create(path), Chain()
    ring.add_passphrase("correct horse", CHEAP)
    ring.add_keychain(chain)
    code = ring.add_recovery()
    ring.save()
    return ring, code, chain


def life(ring: KeyRing) -> bytes:
    return ring.compartment("life").use("sqlite")


def test_every_way_opens_the_same_key(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    ring, code, chain = made
    secret = keys.keychain_secret(ring.file, chain)
    assert secret is not None
    for kind, given_ in (("passphrase", "correct horse"), ("keychain", secret), ("recovery", code)):
        assert life(KeyRing.unlock(path, kind, given_)) == life(ring)  # type: ignore[arg-type]  # kinds of slots


def test_the_recovery_code_alone_opens(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    ring, code, chain = made
    chain.items.clear()
    for spelled in (
        code,
        code.lower(),
        code.replace("-", " "),
        code.replace("-", "").replace("0", "O").replace("1", "l"),
    ):
        assert life(KeyRing.unlock(path, "recovery", spelled)) == life(ring)


@pytest.mark.parametrize("wrong", ["", "Correct horse", "correct horse ", "correct horse\n", "x" * 10_000])
def test_a_wrong_passphrase_is_locked_with_a_remedy(wrong: str, path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    with pytest.raises(Locked, match="passphrase does not open") as caught:
        KeyRing.unlock(path, "passphrase", wrong)
    assert "recover" in caught.value.remedy
    assert wrong not in str(caught.value) or not wrong.strip()


def test_a_wrong_keychain_item_or_code_is_locked(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    with pytest.raises(Locked, match="keychain item"):
        KeyRing.unlock(path, "keychain", "something else")
    with pytest.raises(Locked, match="recovery code does not open"):
        KeyRing.unlock(path, "recovery", keys.new_recovery_code())


def test_a_way_that_was_never_set_up_names_those_that_were(path: Path) -> None:
    ring = KeyRing.create(path)
    ring.add_recovery()
    ring.save()
    with pytest.raises(Locked) as caught:
        KeyRing.unlock(path, "passphrase", "any")
    assert caught.value.remedy == "Ways that work: recovery."


@settings(deadline=None)
@given(st.integers(0, 33), st.sampled_from(keys._ALPHABET))
def test_a_miscopied_letter_is_noticed(at: int, letter: str) -> None:
    code = keys.new_recovery_code()
    assert len(code) == 34
    if code[at] in ("-", letter):
        return
    changed = code[:at] + letter + code[at + 1 :]
    try:
        keys.read_recovery_code(changed)
    except WrongUse as error:
        assert "seven groups" in error.remedy
    else:  # the check has ten bits
        assert keys.read_recovery_code(changed) != keys.read_recovery_code(code)


@pytest.mark.parametrize("text", ["", "ABCD", "U" * 28, "é" * 28, "0" * 28, "x" * 100])
def test_what_is_no_code_is_wrong_use(text: str) -> None:
    with pytest.raises(WrongUse):
        keys.read_recovery_code(text)


def test_codes_and_salts_are_new_each_time(tmp_path: Path) -> None:
    assert len({keys.new_recovery_code() for _ in range(50)}) == 50
    one, other = KeyRing.create(tmp_path / "a"), KeyRing.create(tmp_path / "b")
    assert life(one) != life(other)
    for ring in (one, other):
        ring.add_passphrase("same", CHEAP)
    assert one.file.slots[0].wrapped != other.file.slots[0].wrapped


def test_replacing_a_way_in_voids_the_old_one(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    ring, code, _ = made
    ring.add_passphrase("new one", CHEAP)
    anew = ring.add_recovery()
    ring.save()
    for kind, old in (("passphrase", "correct horse"), ("recovery", code)):
        with pytest.raises(Locked):
            KeyRing.unlock(path, kind, old)  # type: ignore[arg-type]  # kinds of slots
    assert life(KeyRing.unlock(path, "recovery", anew)) == life(ring)
    assert [slot.kind for slot in ring.file.slots] == ["keychain", "passphrase", "recovery"]


def test_the_file_holds_no_secret_and_is_the_owners_only(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    ring, code, chain = made
    data = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    secret = next(iter(chain.items.values()))
    for trace in (b"correct horse", code.encode(), secret.encode(), life(ring), life(ring).hex().encode()):
        assert trace not in data
    assert "…" in repr(ring.compartment("life"))
    assert not list(path.parent.glob("*.new"))


def test_each_purpose_and_compartment_has_its_own_key(made: tuple[KeyRing, str, Chain]) -> None:
    ring = made[0]
    ring.add_compartment("work")
    key, other = ring.compartment("life"), ring.compartment("work")
    found = {k.use(purpose) for k in (key, other) for purpose in ("sqlite", "snapshot", "ids")}
    assert len(found) == 6
    assert {len(entry) for entry in found} == {32}


def test_a_new_key_for_a_compartment_loses_the_old_one(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    ring = made[0]
    before = life(ring)
    ring.add_compartment("life")
    ring.save()
    assert life(KeyRing.unlock(path, "passphrase", "correct horse")) != before
    with pytest.raises(StoreError, match="no key for the compartment 'gone'"):
        ring.compartment("gone")


def changed(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


CHANGES: dict[str, Callable[[dict[str, object]], object]] = {
    "ready": lambda data: data.update(ready=True),
    "a compartment dropped": lambda data: data.update(compartments={}),
    "a slot dropped": lambda data: data["slots"].pop(),  # type: ignore[attr-defined]  # a list
    "another slot dropped": lambda data: data["slots"].pop(0),  # type: ignore[attr-defined]  # a list
    "the mac": lambda data: data.update(mac="0" * 64),
    "no mac": lambda data: data.pop("mac"),
    "a mac of another script": lambda data: data.update(mac="é"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_not_believed(name: str, path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    changed(path, CHANGES[name])
    secret = next(iter(made[2].items.values()))
    with pytest.raises((StoreError, Locked)) as caught:
        KeyRing.unlock(path, "keychain", secret)
    assert caught.value.remedy


def test_the_parts_of_two_rings_do_not_mix(tmp_path: Path) -> None:
    rings = []
    for name in "ab":
        ring = KeyRing.create(tmp_path / name)
        ring.add_passphrase("same", CHEAP)
        ring.save()
        rings.append(json.loads((tmp_path / name).read_text()))
    rings[0]["slots"] = rings[1]["slots"]
    (tmp_path / "a").write_text(json.dumps(rings[0]))
    with pytest.raises(Locked):
        KeyRing.unlock(tmp_path / "a", "passphrase", "same")


@pytest.mark.parametrize(
    "cost",
    [
        {"memory_kib": 1 << 40, "iterations": 1, "lanes": 1},
        {"memory_kib": 64, "iterations": 1, "lanes": 0},
        {"memory_kib": 64, "iterations": 10**9, "lanes": 1},
        {"memory_kib": 1, "iterations": 1, "lanes": 1},
        {"memory_kib": "much", "iterations": 1, "lanes": 1},
        {"unheard": 1},
    ],
)
def test_a_cost_beyond_reason_is_a_damaged_file(
    cost: dict[str, object], path: Path, made: tuple[KeyRing, str, Chain]
) -> None:
    def change(data: dict[str, object]) -> None:
        slots = data["slots"]
        assert isinstance(slots, list)
        next(slot for slot in slots if slot["kind"] == "passphrase")["cost"] = cost

    changed(path, change)
    with pytest.raises(StoreError, match="damaged"):
        KeyRing.unlock(path, "passphrase", "correct horse")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"version": 1}', b"\xff\xfe", b'{"version": 1, "id": "a", "slots": [3]}']
)
def test_a_damaged_file_says_so(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged") as caught:
        KeyRing.unlock(path, "passphrase", "any")
    assert "backup" in caught.value.remedy


def test_a_missing_unreadable_or_newer_file_says_so(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    changed(path, lambda data: data.update(version=2))
    with pytest.raises(StoreError, match="newer homebody"):
        keys.load(path)
    path.unlink()
    with pytest.raises(StoreError, match="is missing") as caught:
        keys.load(path)
    assert "backup" in caught.value.remedy
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        keys.load(path)


def test_a_ring_that_nothing_could_open_is_not_written(path: Path) -> None:
    ring = KeyRing.create(path)
    with pytest.raises(WrongUse):
        ring.save()
    with pytest.raises(WrongUse, match="empty"):
        ring.add_passphrase("")
    assert not path.exists()


def test_a_file_that_cannot_be_written_keeps_the_old_one(path: Path, made: tuple[KeyRing, str, Chain]) -> None:
    before = path.read_bytes()
    (path.parent / "keys.json.new").mkdir()
    with pytest.raises((HomebodyError, OSError)):
        made[0].mark_ready()
    assert path.read_bytes() == before


def test_the_default_cost_is_a_real_one(path: Path) -> None:
    ring = KeyRing.create(path)
    ring.add_passphrase("p")
    [slot] = ring.file.slots
    assert slot.cost == Argon2Cost(memory_kib=256 * 1024, iterations=3, lanes=4)


# HOMEBODY_PASSPHRASE_FILE


def test_a_passphrase_file_is_read_without_its_newline(tmp_path: Path) -> None:
    file = tmp_path / "pass"
    file.write_text(" two words \n")
    file.chmod(0o600)
    assert keys.passphrase_from_file(str(file)) == " two words "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_passphrase_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "pass"
    file.write_text("p")
    file.chmod(mode)
    with pytest.raises(WrongUse, match="can be read by others") as caught:
        keys.passphrase_from_file(str(file))
    assert "chmod 600" in caught.value.remedy


def test_a_passphrase_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pass"
    file.write_text("p")
    file.chmod(0o600)
    with pytest.raises(WrongUse):
        keys.passphrase_from_file(str(file), owner=lambda: os.getuid() + 1)


def test_a_passphrase_comes_through_a_descriptor(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe\n")
    os.close(writing)
    assert keys.passphrase_from_file(f"/dev/fd/{reading}") == "through a pipe"
    os.close(reading)


@pytest.mark.parametrize("name", ["missing", "folder", "binary"])
def test_a_passphrase_file_that_is_none_is_wrong_use(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(WrongUse, match="cannot be read"):
        keys.passphrase_from_file(str(tmp_path / name))
