"""Where homebody keeps things, and what the owner has turned on: values read at the top and passed down."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs

from agent.errors import HomebodyError, WrongUse

SOCKET_PATH_LIMIT = 103
"""Bytes that fit `sun_path` on every system we run on (104 on macOS with its closing NUL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One `[sources.NAME]` table: which kind of source reads which path."""

    name: str
    kind: str
    path: Path
    options: Mapping[str, object] = field(default_factory=dict)
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The owner's `config.toml`.

    `zone` is the IANA time zone that decides what "yesterday" is; `region` (ISO 3166, "" for that of the zone) how phone
    numbers without a country code are dialled and in which units numbers are told. `orders` are the owner's orders of
    health sources, best first, by measure ("steps"), or by "*" for all.
    """

    zone: str
    sources: tuple[SourceConfig, ...] = ()
    region: str = ""
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def active(self) -> tuple[SourceConfig, ...]:
        """The sources that are not paused."""
        return tuple(source for source in self.sources if not source.paused)

    def source(self, name: str) -> SourceConfig:
        for source in self.sources:
            if source.name == name:
                return source
        known = ", ".join(source.name for source in self.sources) or "none yet"
        raise WrongUse(f"There is no source named {name!r}.", remedy=f"Sources: {known}; add one with `homebody add`.")

    def with_source(self, changed: SourceConfig) -> Config:
        others = tuple(source for source in self.sources if source.name != changed.name)
        return replace(self, sources=(*others, changed))

    def without_source(self, name: str) -> Config:
        self.source(name)
        return replace(self, sources=tuple(source for source in self.sources if source.name != name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The only folders that homebody writes to: data, models (on install), and one runtime folder in RAM."""

    home: Path
    models: Path
    runtime: Path

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def socket(self) -> Path:
        return self.runtime / "api.sock"


def places(environment: Mapping[str, str]) -> Places:
    """Read HOMEBODY_HOME and HOMEBODY_MODELS, or take the system's usual folders."""
    home = Path(environment.get("HOMEBODY_HOME") or platformdirs.user_data_path("homebody", appauthor=False))
    models = environment.get("HOMEBODY_MODELS")
    home = home.expanduser().absolute()
    return Places(
        home=home,
        models=Path(models).expanduser().absolute() if models else default_models(),
        runtime=_runtime_root(environment) / f"homebody-{os.getuid()}-{_short(home)}",
    )


def default_models() -> Path:
    """Beside the user's caches, shared by all homes; a model can always be installed again."""
    return platformdirs.user_cache_path("homebody", appauthor=False) / "models"


def _short(home: Path) -> str:
    return hashlib.blake2b(os.fsencode(home), digest_size=6).hexdigest()


def _runtime_root(environment: Mapping[str, str]) -> Path:
    """A folder in RAM where the system has one; on macOS the user's private temporary folder (socket only)."""
    for candidate in (environment.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - RAM-backed by definition
        if candidate and Path(candidate).is_dir() and os.access(candidate, os.W_OK):
            return Path(candidate)
    return Path(tempfile.gettempdir()).resolve()


def is_ram(folder: Path) -> bool:
    """Whether a folder lies on a RAM file system, by /proc/mounts; False where that cannot be told."""
    if sys.platform != "linux":
        return False
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        mount, filesystem = line.split(" ")[1:3]
        mount = mount.replace("\\040", " ")
        if f"{folder}/".startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, kind = mount, filesystem
    return kind in ("tmpfs", "ramfs")


def private_folder(folder: Path) -> Path:
    """Make a folder 0700, or check that the one there is ours and closed to others. Raises HomebodyError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise HomebodyError(
            f"The folder {folder} cannot be made or read ({error.strerror}).", remedy="Check its parent's permissions."
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise HomebodyError(f"{folder} is not a folder of yours.", remedy="Move it away, or set HOMEBODY_HOME.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def read(path: Path) -> Config:
    """Read the owner's configuration. Raises HomebodyError that names the line or the key."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HomebodyError("homebody is not set up here.", remedy="Run `homebody init`.") from None
    except OSError as error:
        raise HomebodyError(f"{path} cannot be read ({error.strerror}).", remedy="Check its permissions.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HomebodyError(f"{path} is not valid TOML: {error}.", remedy="Correct the file.") from None
    sources = data.get("sources", {})
    if not isinstance(sources, dict):
        raise HomebodyError(
            f"In {path}, sources has to be tables: [sources.NAME].", remedy="Correct the file, or use `homebody add`."
        )
    return Config(
        zone=zone_of(str(data.get("zone", "UTC"))).key,
        sources=tuple(_source(path, name, table) for name, table in sources.items()),
        region=str(data.get("region", "")).upper(),
        orders=_orders(path, _table(_table(data.get("health")).get("priority"))),
    )


def _orders(path: Path, table: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    orders: dict[str, tuple[str, ...]] = {}
    for word, names in table.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise HomebodyError(
                f"[health.priority] {word} in {path} is no list of names of sources.",
                remedy='Write, for instance, steps = ["Apple Watch", "iPhone"].',
            )
        orders[word] = tuple(names)
    return orders


def _table(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _source(path: Path, name: str, raw: object) -> SourceConfig:
    table = _table(raw)
    kind, place = table.pop("kind", None), table.pop("path", None)
    paused = table.pop("paused", False)
    if not isinstance(kind, str) or not isinstance(place, str) or not isinstance(paused, bool):
        raise HomebodyError(
            f"[sources.{name}] in {path} needs kind and path as text (and paused as true or false).",
            remedy="Correct the file, or remove the table and run `homebody add`.",
        )
    return SourceConfig(name=name, kind=kind, path=Path(place).expanduser(), options=table, paused=paused)


def write(path: Path, config: Config) -> None:
    """Write the configuration atomically, keeping the owner's comments where the tables still exist."""
    import tomlkit  # only the service writes: the command line starts without it

    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    document["zone"] = config.zone
    tables = document.setdefault("sources", tomlkit.table(is_super_table=True))
    for name in [name for name in tables if name not in {source.name for source in config.sources}]:
        del tables[name]
    for source in config.sources:
        wanted: dict[str, object] = {"kind": source.kind, "path": str(source.path), **source.options}
        if source.paused:
            wanted["paused"] = True
        table = tables.setdefault(source.name, tomlkit.table())
        for key in [key for key in table if key not in wanted]:
            del table[key]
        table.update(wanted)
    with written(path):
        write_private(path, tomlkit.dumps(document).encode())


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write a file of ours into one line with a remedy. Raises HomebodyError."""
    try:
        yield
    except OSError as error:
        raise HomebodyError(
            f"{path} could not be written ({error.strerror}); what was there stays.",
            remedy="Free some space, or check the permissions of its folder.",
        ) from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in one step: a crash leaves the old one or the new one, whole. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises WrongUse."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise WrongUse(f"{name!r} is not an IANA time zone.", remedy="Use a name such as Europe/Berlin.") from None


def system_zone(environment: Mapping[str, str]) -> str:
    """The IANA name of this machine's zone: TZ, then /etc/localtime, then UTC."""
    if environment.get("TZ"):
        return zone_of(environment["TZ"].lstrip(":")).key
    target = os.path.realpath("/etc/localtime")
    _, mark, name = target.partition("zoneinfo/")
    return name if mark and name else "UTC"


def now(environment: Mapping[str, str], zone: tzinfo) -> datetime:
    """The moment that counts as now, in the owner's zone: HOMEBODY_NOW (ISO 8601) or the clock. Raises WrongUse."""
    given = environment.get("HOMEBODY_NOW")
    if not given:
        return datetime.now(zone)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise WrongUse(f"HOMEBODY_NOW is not an ISO 8601 time: {given!r}.", remedy="Unset it.") from None
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
