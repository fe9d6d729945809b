"""A home is made once, opened by its secrets, held by one process, and never silently replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent import config
from agent.config import Config, Places, SourceConfig
from agent.door import Home
from agent.errors import HomebodyError, Locked, StoreError, WrongUse
from agent.store import keys
from agent.store.keys import Argon2Cost, KeyRing
from agent.store.store import Store


class Chain:
    """A keychain in memory."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.items.get((service, account))

    def set_password(self, service: str, account: str, secret: str) -> None:
        self.items[service, account] = secret


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least: its strength is tested elsewhere."""
    monkeypatch.setattr(
        keys, "Argon2Cost", lambda **cost: Argon2Cost(**(cost or {"memory_kib": 64, "iterations": 1, "lanes": 1}))
    )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path / "home", models=tmp_path / "models", runtime=tmp_path / "run")


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def home(places: Places, chain: Chain) -> Home:
    return Home(places, keychain=lambda: chain)


@pytest.fixture
def headless(places: Places) -> Home:
    return Home(places, keychain=lambda: None)


def life(ring: KeyRing) -> bytes:
    return ring.compartment("life").use("sqlite")


def test_a_home_is_made_with_a_passphrase(headless: Home, places: Places) -> None:
    assert not headless.is_made()
    code = headless.make(zone="Europe/Berlin", passphrase="secret words")
    assert headless.is_made()
    assert config.read(places.config) == Config(zone="Europe/Berlin")
    ring = headless.unlock(passphrase="secret words")
    assert life(headless.unlock(recovery=code)) == life(ring)
    Store.open(headless.store, ring.compartment("life")).close()
    made = [file for file in places.home.rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o077 for file in made} == {0}
    assert {folder.stat().st_mode & 0o077 for folder in (places.home, headless.store.parent)} == {0}
    assert not any(code.replace("-", "").encode() in file.read_bytes() for file in made)


def test_a_home_is_made_with_the_keychain(home: Home, chain: Chain) -> None:
    home.make(zone="UTC", passphrase=None)
    assert len(chain.items) == 1
    home.unlock()
    chain.items.clear()
    with pytest.raises(Locked, match="keychain does not hold") as caught:
        home.unlock()
    assert "homebody recover" in caught.value.remedy


def test_without_keychain_and_passphrase_nothing_is_made(headless: Home, places: Places) -> None:
    with pytest.raises(HomebodyError, match="no keychain") as caught:
        headless.make(zone="UTC", passphrase=None)
    assert caught.value.exit_code == 1
    assert "HOMEBODY_PASSPHRASE_FILE" in caught.value.remedy
    assert not headless.is_made()


def test_a_made_home_is_not_made_again(headless: Home) -> None:
    headless.make(zone="UTC", passphrase="one")
    before = headless.keys.read_bytes(), headless.store.read_bytes()
    with pytest.raises(HomebodyError, match="already set up"):
        headless.make(zone="UTC", passphrase="two")
    assert (headless.keys.read_bytes(), headless.store.read_bytes()) == before


def test_what_is_wrong_is_said(headless: Home) -> None:
    with pytest.raises(HomebodyError, match="not set up") as unmade:
        headless.unlock(passphrase="one")
    assert "homebody init" in unmade.value.remedy
    headless.make(zone="UTC", passphrase="one")
    with pytest.raises(Locked, match="does not open"):
        headless.unlock(passphrase="two")
    with pytest.raises(Locked, match="Your data is locked") as locked:
        headless.unlock()
    assert "homebody unlock" in locked.value.remedy
    assert locked.value.exit_code == 4


def test_a_missing_key_file_is_a_clear_state_and_no_new_store(headless: Home) -> None:
    code = headless.make(zone="UTC", passphrase="one")
    saved, store = headless.keys.read_bytes(), headless.store.read_bytes()
    headless.keys.unlink()
    for attempt in (
        lambda: headless.unlock(passphrase="one"),
        lambda: headless.make(zone="UTC", passphrase="one"),
        lambda: headless.recover(code, passphrase="two"),
    ):
        with pytest.raises(StoreError, match=r"key file .* is missing") as caught:
            attempt()
        assert "backup" in caught.value.remedy
    assert headless.store.read_bytes() == store
    headless.keys.write_bytes(saved)
    Store.open(headless.store, headless.unlock(recovery=code).compartment("life")).close()


def test_a_missing_store_is_never_replaced(headless: Home) -> None:
    headless.make(zone="UTC", passphrase="one")
    headless.store.unlink()
    ring = headless.unlock(passphrase="one")
    with pytest.raises(StoreError, match="is missing") as caught:
        Store.open(headless.store, ring.compartment("life"))
    assert "backup" in caught.value.remedy
    with pytest.raises(HomebodyError, match="already set up"):
        headless.make(zone="UTC", passphrase="one")
    assert not headless.store.exists()


def test_a_store_of_another_home_is_not_opened(headless: Home, tmp_path: Path) -> None:
    headless.make(zone="UTC", passphrase="one")
    other = Home(Places(home=tmp_path / "other", models=tmp_path, runtime=tmp_path / "r"), keychain=lambda: None)
    other.make(zone="UTC", passphrase="one")
    headless.store.write_bytes(other.store.read_bytes())
    with pytest.raises(StoreError, match="does not belong to this key"):
        Store.open(headless.store, headless.unlock(passphrase="one").compartment("life"))


def test_recovery_sets_a_new_way_in_and_a_new_code(headless: Home) -> None:
    code = headless.make(zone="UTC", passphrase="forgotten")
    key = life(headless.unlock(recovery=code))
    ring, anew = headless.recover(code, passphrase="remembered")
    assert life(ring) == key
    assert life(headless.unlock(passphrase="remembered")) == key
    assert life(headless.unlock(recovery=anew)) == key
    with pytest.raises(Locked):
        headless.unlock(passphrase="forgotten")
    with pytest.raises(Locked):
        headless.recover(code, passphrase="again")


def test_recovery_after_a_lost_keychain(home: Home, chain: Chain) -> None:
    code = home.make(zone="UTC", passphrase=None)
    key = life(home.unlock())
    chain.items.clear()
    home.recover(code, passphrase=None)
    assert life(home.unlock()) == key


def test_recovery_without_a_new_way_in_changes_nothing(headless: Home) -> None:
    code = headless.make(zone="UTC", passphrase="one")
    before = headless.keys.read_bytes()
    with pytest.raises(WrongUse, match="new passphrase"):
        headless.recover(code, passphrase=None)
    with pytest.raises(WrongUse, match="not a recovery code"):
        headless.recover("no code", passphrase="two")
    assert headless.keys.read_bytes() == before


class Cut(Exception): ...


def _cut(*_: object, **__: object) -> None:
    raise Cut


@pytest.mark.parametrize("step", ["keys saved", "folder made", "store made", "configuration written", "marked ready"])
def test_a_making_that_was_cut_short_is_made_anew(step: str, headless: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        match step:
            case "keys saved":
                patch.setattr(KeyRing, "save", _cut)
            case "folder made":
                patch.setattr(config, "private_folder", _cut)
            case "store made":
                patch.setattr(Store, "open", _cut)
            case "configuration written":
                patch.setattr(config, "write", _cut)
            case "marked ready":
                patch.setattr(KeyRing, "mark_ready", _cut)
        with pytest.raises((Cut, FileNotFoundError, HomebodyError)):
            headless.places.home.mkdir(exist_ok=True)
            headless.make(zone="UTC", passphrase="one")
    if headless.is_made():
        with pytest.raises(HomebodyError, match="cut short") as caught:
            headless.unlock(passphrase="one")
        assert "homebody init" in caught.value.remedy
    headless.make(zone="UTC", passphrase="two")
    Store.open(headless.store, headless.unlock(passphrase="two").compartment("life")).close()


def test_a_damaged_or_changed_key_file_is_not_made_over(headless: Home) -> None:
    headless.make(zone="UTC", passphrase="one")
    store = headless.store.read_bytes()
    headless.keys.write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        headless.make(zone="UTC", passphrase="two")
    with pytest.raises(StoreError, match="damaged"):
        headless.unlock(passphrase="one")
    assert headless.store.read_bytes() == store


def test_a_ready_mark_that_somebody_took_away_does_not_cost_the_store(headless: Home) -> None:
    headless.make(zone="UTC", passphrase="one")
    store = Store.open(headless.store, headless.unlock(passphrase="one").compartment("life"))
    with store.writing():
        for number in range(50):
            store.source(f"source {number}", "documents")
    store.close()
    before = headless.store.read_bytes()
    data = json.loads(headless.keys.read_text())
    headless.keys.write_text(json.dumps({**data, "ready": False}))
    headless.make(zone="UTC", passphrase="two")
    [aside] = headless.places.home.glob("unfinished-*")
    assert (aside / "store.db").read_bytes() == before
    (aside / "keys.json").write_text(json.dumps(data))
    old = KeyRing.unlock(aside / "keys.json", "passphrase", "one")
    store = Store.open(aside / "store.db", old.compartment("life"))
    assert len(store.source_ids()) == 50
    store.close()


_SECOND = """
import sys
from pathlib import Path
from agent.config import Places
from agent.door import Home
from agent.errors import StoreError
root = Path(sys.argv[1])
home = Home(Places(home=root / "home", models=root / "models", runtime=root / "run"))
try:
    home.claim()
    print("claimed", flush=True)
    sys.stdin.readline()
except StoreError as error:
    print(error, flush=True)
"""


def second(tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SECOND, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_one_process_has_the_home_at_a_time(headless: Home, tmp_path: Path) -> None:
    headless.claim()
    headless.claim()  # of the same process it is no claim against itself
    said, _ = second(tmp_path).communicate("\n")
    assert "Another homebody process has this data folder open" in said
    assert "homebody daemon stop" in said
    headless.release()
    holder = second(tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "claimed\n"
    with pytest.raises(StoreError, match="Another homebody process"):
        headless.claim()
    holder.kill()  # a killed process holds nothing
    holder.communicate()
    headless.claim()
    headless.release()


_UNPRIVILEGED = """
import os, sys
from agent import config
from agent.door import Home
from agent.errors import HomebodyError
if os.getuid() == 0:  # root may write anywhere: go on as nobody
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Home(config.places({"HOMEBODY_HOME": sys.argv[1], "HOME": sys.argv[1]})).claim()
    print("claimed")
except HomebodyError as error:
    print(f"{error.problem} {error.remedy}")
"""


@pytest.mark.parametrize(("mode", "says"), [(0o555, "cannot be made"), (0o777, "claimed")])
def test_a_home_that_cannot_be_written_says_so(mode: int, says: str) -> None:
    """In a folder that everybody may enter on the way to it, which the folders of pytest are not."""
    with TemporaryDirectory() as folder:
        parent = Path(folder)
        parent.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", _UNPRIVILEGED, parent / "home"], capture_output=True, text=True, check=False
        )
        parent.chmod(0o700)
    assert says in done.stdout, done.stderr
    assert done.returncode == 0


def test_the_configuration_outlives_a_new_making(headless: Home, places: Places, tmp_path: Path) -> None:
    made: Callable[[], Config] = lambda: config.read(places.config)  # noqa: E731 - read anew each time
    headless.make(zone="UTC", passphrase="one")
    config.write(places.config, made().with_source(SourceConfig(name="n", kind="documents", path=tmp_path)))
    with pytest.raises(HomebodyError):
        headless.make(zone="Europe/Berlin", passphrase="two")
    assert [source.name for source in made().sources] == ["n"]
