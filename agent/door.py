"""The door of a home: made once with its keys, opened by a secret, refused by name when something is missing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from agent import config
from agent.config import Config, Places
from agent.errors import HomebodyError, Locked, StoreError, WrongUse
from agent.store import keys
from agent.store.keys import Keychain, KeyRing
from agent.store.store import Store

FindKeychain = Callable[[], Keychain | None]


class Home:
    """The folder of one owner's data: exactly one process has it at a time."""

    def __init__(self, places: Places, *, keychain: FindKeychain = keys.system_keychain) -> None:
        self.places = places
        self._keychain = keychain
        self._lock: int | None = None

    @property
    def keys(self) -> Path:
        return self.places.home / "keys.json"

    @property
    def store(self) -> Path:
        return self.places.home / "life" / "store.db"

    @property
    def snapshot(self) -> Path:
        return self.places.home / "life" / "index.sealed"

    def is_made(self) -> bool:
        """Whether `init` was here; a store without its key file counts, so that nothing is ever put over it."""
        return self.keys.exists() or self.store.exists()

    def claim(self) -> None:
        """Become the one process that may open this home. Raises StoreError when another one has it."""
        if self._lock is not None:
            return
        config.private_folder(self.places.home)
        lock = os.open(self.places.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreError(
                "Another homebody process has this data folder open.",
                remedy="Wait for it to end, or stop the daemon: `homebody daemon stop`.",
            ) from None
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def make(self, *, zone: str, passphrase: str | None) -> str:
        """Make keys, an empty store and the configuration; returns the recovery code, which is kept nowhere.

        With a passphrase that opens the home, else the OS keychain does. Raises HomebodyError when the home exists, or
        when there is neither. A making that was cut short is made anew; its store is set aside.
        """
        if self.keys.exists() and keys.load(self.keys).ready:
            raise HomebodyError(
                f"homebody is already set up in {self.places.home}.", remedy="`homebody status` shows it."
            )
        if self.store.exists() and not self.keys.exists():
            keys.load(self.keys)  # says that the key file is missing, and what to do
        chain = None if passphrase else self._keychain()
        if not passphrase and chain is None:
            raise HomebodyError(
                "There is no keychain here to keep the key in.",
                remedy="Put a passphrase into a file of mode 0600 and name it in HOMEBODY_PASSPHRASE_FILE.",
            )
        ring = KeyRing.create(self.keys)
        if passphrase:
            ring.add_passphrase(passphrase)
        elif chain is not None:
            ring.add_keychain(chain)
        code = ring.add_recovery()
        for folder in (self.places.home, self.store.parent):
            config.private_folder(folder)
        if self.store.exists():
            self._set_aside()
        ring.save()
        Store.open(self.store, ring.compartment("life"), create=True).close()
        config.write(self.places.config, Config(zone=zone))
        ring.mark_ready()
        return code

    def _set_aside(self) -> None:
        """Move the store of a making that never ended out of the way, with its keys: only a mark says that it is empty."""
        folder = config.private_folder(self.places.home / f"unfinished-{keys.load(self.keys).id}")
        config.write_private(folder / self.keys.name, self.keys.read_bytes())
        for leftover in self.store.parent.glob("store.db*"):
            leftover.rename(folder / leftover.name)

    def unlock(self, *, passphrase: str | None = None, recovery: str | None = None) -> KeyRing:
        """Open the key ring by what is given, or else by the OS keychain. Raises Locked or StoreError."""
        self._require_made()
        if recovery is not None:
            return KeyRing.unlock(self.keys, "recovery", recovery)
        if passphrase is not None:
            return KeyRing.unlock(self.keys, "passphrase", passphrase)
        file = keys.load(self.keys)
        if file.has("keychain"):
            chain = self._keychain()
            secret = keys.keychain_secret(file, chain) if chain else None
            if secret is not None:
                return KeyRing.unlock(self.keys, "keychain", secret)
            raise Locked(
                "The keychain does not hold the key of this data (any more).",
                remedy="Unlock the keychain, or use the recovery code: `homebody recover`.",
            )
        raise Locked(
            "Your data is locked.",
            remedy="Run `homebody unlock`, or name a passphrase file in HOMEBODY_PASSPHRASE_FILE.",
        )

    def recover(self, code: str, *, passphrase: str | None) -> tuple[KeyRing, str]:
        """Open with the recovery code and set a new way in; returns the ring and a new code (the old one is void)."""
        ring = self.unlock(recovery=code)
        chain = None if passphrase else self._keychain()
        if passphrase:
            ring.add_passphrase(passphrase)
        elif chain is not None:
            ring.add_keychain(chain)
        else:
            raise WrongUse(
                "A new passphrase is needed, for there is no keychain here.",
                remedy="Put one into a file of mode 0600 and name it in HOMEBODY_PASSPHRASE_FILE.",
            )
        anew = ring.add_recovery()
        ring.save()
        return ring, anew

    def _require_made(self) -> None:
        if not self.is_made():
            raise HomebodyError(f"homebody is not set up in {self.places.home}.", remedy="Run `homebody init`.")
        if not keys.load(self.keys).ready:
            raise HomebodyError(
                "The set-up was cut short before it held anything.", remedy="Run `homebody init` again."
            )
