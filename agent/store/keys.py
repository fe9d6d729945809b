"""The key ring on disk: one random key, opened by passphrase, OS keychain or recovery code, that opens the rest.

    passphrase --Argon2id--> |
    keychain item --HKDF-->  |--> unwraps the ring key (random) --> wraps each compartment's key (random)
    recovery code --HKDF-->  |

Wrapping is AES-256-GCM-SIV; a compartment's key is never used itself: HKDF makes one key for each purpose.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.config import write_private, written
from agent.errors import Locked, StoreError, WrongUse

SlotKind = Literal["passphrase", "keychain", "recovery"]
Purpose = Literal["sqlite", "snapshot", "ids"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is read as a digit."""

_SERVICE = "homebody"

VERSION = 1
"""Of the key file."""


class Keychain(Protocol):
    """The two calls of the `keyring` package that we use; tests bring one of their own."""

    def get_password(self, service: str, account: str) -> str | None: ...

    def set_password(self, service: str, account: str, secret: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Cost:
    """Argon2id parameters (RFC 9106); they stand in each slot, so that they can grow."""

    memory_kib: int = 256 * 1024
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError for a cost that a changed file could use to keep us busy or to make guessing cheap."""
        lanes, memory = 1 <= self.lanes <= 64, 8 * self.lanes <= self.memory_kib <= 4 << 20
        if not (lanes and memory and 1 <= self.iterations <= 64):
            raise ValueError("a cost beyond reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One way to the ring key: how a secret becomes a key, and the ring key wrapped under it."""

    kind: SlotKind
    salt: bytes
    wrapped: bytes
    cost: Argon2Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What `keys.json` holds: nothing in it opens anything without one of the secrets.

    `ready` turns true once the store it belongs to has been made, so that a store that is missing later is an error.
    """

    id: str
    slots: tuple[Slot, ...]
    compartments: Mapping[str, bytes]
    ready: bool = False

    def has(self, kind: SlotKind) -> bool:
        return any(slot.kind == kind for slot in self.slots)


@dataclass(frozen=True, slots=True)
class CompartmentKey:
    """The random key of one compartment; hands out a 32-byte key for each purpose."""

    _secret: bytes

    def use(self, purpose: Purpose) -> bytes:
        return _hkdf(self._secret, salt=None, info=f"homebody {purpose} v1")

    def __repr__(self) -> str:
        return "CompartmentKey(…)"


def _hkdf(secret: bytes, *, salt: bytes | None, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info.encode()).derive(secret)


def new_recovery_code() -> str:
    """128 random bits and a 4-bit check, in seven groups that a person can copy by hand."""
    number = secrets.randbits(128)
    letters = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
    return "-".join((letters + _check(letters))[start : start + 4] for start in range(0, 28, 4)).rstrip("-")


def _check(letters: str) -> str:
    return "".join(_ALPHABET[byte & 31] for byte in sha256(letters.encode()).digest()[:2])


def read_recovery_code(text: str) -> str:
    """The code without spaces and hyphens, as the slot wants it. Raises WrongUse for a code that cannot be right."""
    letters = text.upper().translate(str.maketrans("OIL", "011", " -\n\r\t"))
    if len(letters) != 28 or set(letters) - set(_ALPHABET) or _check(letters[:26]) != letters[26:]:
        raise WrongUse("That is not a recovery code: a letter is missing or wrong.", remedy="Copy all seven groups.")
    return letters


def system_keychain() -> Keychain | None:
    """The OS keychain through `keyring`, or None where there is none (a headless machine)."""
    import keyring
    from keyring.backends.fail import Keyring as NoKeychain

    backend = keyring.get_keyring()
    return None if isinstance(backend, NoKeychain) or backend.priority <= 0 else backend


class KeyRing:
    """The open key ring: can hand out compartment keys, add slots and forget compartments."""

    def __init__(self, path: Path, file: KeyFile, ring_key: bytes) -> None:
        self._path = path
        self._file = file
        self._ring_key = ring_key

    @property
    def file(self) -> KeyFile:
        return self._file

    @classmethod
    def create(cls, path: Path, *, compartment: str = "life") -> KeyRing:
        """A new ring without any slot, not yet on disk: add a slot, then `save`."""
        ring = cls(path, KeyFile(id=secrets.token_hex(8), slots=(), compartments={}), secrets.token_bytes(32))
        ring.add_compartment(compartment)
        return ring

    @classmethod
    def unlock(cls, path: Path, kind: SlotKind, secret: str) -> KeyRing:
        """Open the ring by one secret. Raises Locked when the secret is wrong or there is no such slot."""
        file = load(path)
        slots = [slot for slot in file.slots if slot.kind == kind]
        if not slots:
            ways = ", ".join(slot.kind for slot in file.slots)
            raise Locked(f"This data cannot be opened by {kind}.", remedy=f"Ways that work: {ways}.")
        if kind == "recovery":
            secret = read_recovery_code(secret)
        for slot in slots:
            try:
                ring_key = AESGCMSIV(_slot_key(slot, secret)).decrypt(bytes(12), slot.wrapped, _slot_aad(file.id, kind))
            except InvalidTag:
                continue
            return cls(path, _authentic(path, file, ring_key), ring_key)
        names = {"passphrase": "passphrase", "keychain": "keychain item", "recovery": "recovery code"}
        raise Locked(
            f"The {names[kind]} does not open this data.",
            remedy="Try again, or use the recovery code: `homebody recover`.",
        )

    def add_passphrase(self, passphrase: str, cost: Argon2Cost | None = None) -> None:
        """Add or replace the passphrase slot. Raises WrongUse for an empty passphrase."""
        if not passphrase:
            raise WrongUse("A passphrase cannot be empty.", remedy="Choose a longer one.")
        self._add(
            Slot(kind="passphrase", salt=secrets.token_bytes(16), wrapped=b"", cost=cost or Argon2Cost()), passphrase
        )

    def add_keychain(self, keychain: Keychain) -> None:
        """Put a new random secret into the OS keychain and add or replace the slot that it opens."""
        secret = secrets.token_urlsafe(32)
        keychain.set_password(_SERVICE, self._file.id, secret)
        self._add(Slot(kind="keychain", salt=secrets.token_bytes(16), wrapped=b""), secret)

    def add_recovery(self) -> str:
        """Add or replace the recovery slot; returns the code, which is kept nowhere else."""
        code = new_recovery_code()
        self._add(Slot(kind="recovery", salt=secrets.token_bytes(16), wrapped=b""), read_recovery_code(code))
        return code

    def _add(self, slot: Slot, secret: str) -> None:
        key = _slot_key(slot, secret)
        # The nonce may be constant: each slot key is derived with a fresh salt and encrypts once.
        wrapped = AESGCMSIV(key).encrypt(bytes(12), self._ring_key, _slot_aad(self._file.id, slot.kind))
        others = tuple(old for old in self._file.slots if old.kind != slot.kind)
        self._file = replace(self._file, slots=(*others, replace(slot, wrapped=wrapped)))

    def add_compartment(self, name: str) -> None:
        """Give a compartment a new random key (and so lose the old one, if there was one)."""
        self._file = replace(
            self._file, compartments={**self._file.compartments, name: self._wrap(name, secrets.token_bytes(32))}
        )

    def compartment(self, name: str) -> CompartmentKey:
        """The key of a compartment. Raises StoreError when the file does not hold it (any more)."""
        wrapped = self._file.compartments.get(name)
        if wrapped is None:
            raise StoreError(f"There is no key for the compartment {name!r}.", remedy="Its data is gone for good.")
        try:
            return CompartmentKey(AESGCMSIV(self._ring_key).decrypt(wrapped[:12], wrapped[12:], name.encode()))
        except InvalidTag:
            raise StoreError(
                f"The key of {name!r} in {self._path} is damaged.", remedy="Restore keys.json from a backup."
            ) from None

    def _wrap(self, name: str, key: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCMSIV(self._ring_key).encrypt(nonce, key, name.encode())

    def mark_ready(self) -> None:
        self._file = replace(self._file, ready=True)
        self.save()

    def save(self) -> None:
        """Write the file in one step. Raises WrongUse while no slot could open it again."""
        if not self._file.slots:
            raise WrongUse("A key ring needs a passphrase, a keychain or a recovery code.")
        body = _body(self._file)
        with written(self._path):
            write_private(self._path, json.dumps({**body, "mac": _mac(self._ring_key, body)}, indent=1).encode())


def load(path: Path) -> KeyFile:
    """Read `keys.json` without opening it. Raises StoreError when it is missing or damaged."""
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != VERSION:
            raise StoreError(f"The key file {path} was written by a newer homebody.", remedy="Update homebody.")
        return KeyFile(
            id=str(data["id"]),
            ready=data["ready"] is True,
            compartments={name: _unbase64(wrapped) for name, wrapped in data["compartments"].items()},
            slots=tuple(_slot(entry) for entry in data["slots"]),
        )
    except FileNotFoundError:
        raise StoreError(
            f"The key file {path} is missing.",
            remedy="Restore keys.json from a backup (your data is still there, encrypted), or run `homebody init` anew.",
        ) from None
    except OSError as error:
        raise StoreError(
            f"The key file {path} cannot be read ({error.strerror}).", remedy="Check its permissions."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"The key file {path} is damaged.", remedy="Restore keys.json from a backup.") from None


def _slot(entry: Mapping[str, object]) -> Slot:
    cost = entry.get("cost")
    kind = entry["kind"]
    if kind not in ("passphrase", "keychain", "recovery"):
        raise ValueError(kind)
    return Slot(
        kind=kind,
        salt=_unbase64(entry["salt"]),
        wrapped=_unbase64(entry["wrapped"]),
        cost=Argon2Cost(**cost) if isinstance(cost, dict) else None,
    )


def _body(file: KeyFile) -> dict[str, object]:
    return {
        "version": VERSION,
        "id": file.id,
        "ready": file.ready,
        "slots": [
            {
                "kind": slot.kind,
                "salt": _base64(slot.salt),
                "wrapped": _base64(slot.wrapped),
                **(
                    {"cost": {name: getattr(slot.cost, name) for name in ("memory_kib", "iterations", "lanes")}}
                    if slot.cost
                    else {}
                ),
            }
            for slot in file.slots
        ],
        "compartments": {name: _base64(wrapped) for name, wrapped in file.compartments.items()},
    }


def _authentic(path: Path, file: KeyFile, ring_key: bytes) -> KeyFile:
    claimed = str(json.loads(path.read_bytes()).get("mac"))
    if not hmac.compare_digest(claimed.encode(), _mac(ring_key, _body(file)).encode()):
        raise StoreError(f"The key file {path} was changed by someone else.", remedy="Restore it from a backup.")
    return file


def _mac(ring_key: bytes, body: Mapping[str, object]) -> str:
    key = _hkdf(ring_key, salt=None, info="homebody key file v1")
    return hmac.new(key, json.dumps(body, sort_keys=True).encode(), sha256).hexdigest()


def _slot_key(slot: Slot, secret: str) -> bytes:
    if slot.cost is None:
        return _hkdf(secret.encode(), salt=slot.salt, info=f"homebody slot {slot.kind} v1")
    return Argon2id(
        salt=slot.salt,
        length=32,
        iterations=slot.cost.iterations,
        lanes=slot.cost.lanes,
        memory_cost=slot.cost.memory_kib,
    ).derive(secret.encode())


def _slot_aad(ring: str, kind: SlotKind) -> bytes:
    return f"{ring}|{kind}|v1".encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)


def keychain_secret(file: KeyFile, keychain: Keychain) -> str | None:
    """What the OS keychain holds for this ring, or None."""
    return keychain.get_password(_SERVICE, file.id)


def passphrase_from_file(reference: str, *, owner: Callable[[], int] = os.getuid) -> str:
    """The passphrase in the file or descriptor that HOMEBODY_PASSPHRASE_FILE names; one closing newline is dropped.

    Raises WrongUse when the file is missing, or open to others (it must be 0600 and the owner's).
    """
    try:
        with Path(reference).open("rb") as file:
            found = os.fstat(file.fileno())
            if os.path.isfile(reference) and (found.st_mode & 0o077 or found.st_uid != owner()):  # noqa: PTH113 - "/dev/fd/3" too
                raise WrongUse(f"{reference} can be read by others.", remedy=f"Run `chmod 600 {reference}`.")
            return file.read(4096).decode().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"HOMEBODY_PASSPHRASE_FILE cannot be read ({error}).", remedy="Point it to a file of mode 0600."
        ) from None
