"""Where things are, what the owner turned on, and what counts as now: read from the environment and one TOML file."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import config
from agent.config import Config, SourceConfig
from agent.errors import HomebodyError, WrongUse


def source(name: str, **rest: object) -> SourceConfig:
    return SourceConfig(name=name, kind="documents", path=Path("/life/notes"), **rest)  # type: ignore[arg-type]  # fields


# Places


def test_the_environment_names_the_folders(tmp_path: Path) -> None:
    places = config.places({"HOMEBODY_HOME": str(tmp_path / "h"), "HOMEBODY_MODELS": str(tmp_path / "m")})
    assert (places.home, places.models) == (tmp_path / "h", tmp_path / "m")
    assert places.config == tmp_path / "h" / "config.toml"
    assert places.socket.parent == places.runtime
    assert not (tmp_path / "h").exists()  # naming makes nothing


def test_without_names_the_systems_own_folders_serve() -> None:
    places = config.places({})
    assert places.home.is_absolute()
    assert places.home.name == "homebody"
    assert places.models == config.default_models()


def test_each_home_has_a_runtime_folder_of_its_own(tmp_path: Path) -> None:
    runtime = {
        config.places({"HOMEBODY_HOME": str(tmp_path / name), "XDG_RUNTIME_DIR": str(tmp_path)}).runtime
        for name in ("a", "b")
    }
    assert len(runtime) == 2
    assert {folder.parent for folder in runtime} == {tmp_path}
    deep = config.places({"HOMEBODY_HOME": str(tmp_path / ("x" * 200)), "XDG_RUNTIME_DIR": "/run/user/4294967294"})
    assert len(os.fsencode(deep.socket)) <= config.SOCKET_PATH_LIMIT


def test_a_runtime_folder_that_does_not_exist_is_not_taken(tmp_path: Path) -> None:
    assert config.places({"XDG_RUNTIME_DIR": str(tmp_path / "missing")}).runtime.parent != tmp_path / "missing"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no RAM-backed folder here")
def test_what_is_in_ram() -> None:
    assert config.is_ram(Path("/dev/shm"))
    assert config.is_ram(Path("/dev/shm/deeper"))
    assert not config.is_ram(Path("/proc/self"))
    assert not config.is_ram(Path("/dev/shmother"))


def test_a_private_folder_is_made_or_closed(tmp_path: Path) -> None:
    folder = config.private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    config.private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_or_file_is_no_private_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    with pytest.raises(HomebodyError, match="not a folder of yours"):
        config.private_folder(tmp_path / "link")
    with pytest.raises(HomebodyError) as caught:
        config.private_folder(tmp_path / "file")
    assert caught.value.remedy
    with pytest.raises(HomebodyError):
        config.private_folder(tmp_path / "file" / "below")


# The file

NAMES = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12)
OPTIONS = st.dictionaries(
    st.sampled_from(["spam", "day_first", "columns", "depth"]),
    st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.text(st.characters(exclude_categories=["C"]), max_size=9),
)
SOURCES = st.lists(
    st.builds(
        SourceConfig,
        name=NAMES,
        kind=st.sampled_from(["documents", "mail"]),
        path=st.just(Path("/a b/ü")),
        options=OPTIONS,
        paused=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda entry: entry.name,
)


@settings(deadline=None)
@given(first=SOURCES, second=SOURCES)
def test_what_is_written_is_read(
    first: list[SourceConfig], second: list[SourceConfig], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    for sources in (first, second):
        config.write(path, Config(zone="Europe/Berlin", sources=tuple(sources)))
        found = config.read(path)
        assert found.zone == "Europe/Berlin"
        assert sorted(found.sources, key=lambda entry: entry.name) == sorted(sources, key=lambda entry: entry.name)


def test_the_owners_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '# my life\nzone = "UTC"\n\n[sources.notes] # the good ones\nkind = "documents"\npath = "~/notes"\n'
        'deep = 3\n\n[sources.old]\nkind = "mail"\npath = "/m"\n'
    )
    found = config.read(path)
    assert found.source("notes").path == Path("~/notes").expanduser()
    assert found.source("notes").options == {"deep": 3}
    config.write(path, found.without_source("old").with_source(source("new", paused=True)))
    text = path.read_text()
    assert "# my life" in text
    assert "# the good ones" in text
    assert "[sources.old]" not in text
    assert config.read(path).source("new").paused
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("zone = ", "not valid TOML"),
        ("\xff", "TOML"),
        ('zone = "Mars/Olympus"', "no IANA|not an IANA"),
        ("zone = 3", "not an IANA"),
        ("sources = 3", "has to be tables"),
        ("[sources.a]\nkind = 'mail'", r"\[sources.a\]"),
        ("[sources.a]\nkind = 'mail'\npath = 3", r"\[sources.a\]"),
        ("[sources.a]\nkind = 'mail'\npath = '/m'\npaused = 'yes'", r"\[sources.a\]"),
        ("[sources]\na = 'mail'", r"\[sources.a\]"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(HomebodyError, match=told) as caught:
        config.read(path)
    assert caught.value.remedy


def test_a_missing_or_unreadable_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(HomebodyError, match="not set up") as caught:
        config.read(tmp_path / "config.toml")
    assert "homebody init" in caught.value.remedy
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(HomebodyError, match="cannot be read"):
        config.read(tmp_path / "config.toml")


def test_a_source_that_is_not_there_names_those_that_are() -> None:
    made = Config(zone="UTC", sources=(source("a"), source("b")))
    with pytest.raises(WrongUse, match="no source named 'c'") as caught:
        made.source("c")
    assert "a, b" in caught.value.remedy
    with pytest.raises(WrongUse):
        made.without_source("c")
    assert [entry.name for entry in made.with_source(source("a", paused=True)).sources] == ["b", "a"]


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    config.write(path, Config(zone="UTC"))
    before = path.read_bytes()
    (tmp_path / "config.toml.new").symlink_to(tmp_path / "elsewhere")  # somebody waits for us to follow
    with pytest.raises(HomebodyError, match="what was there stays"):
        config.write(path, Config(zone="Europe/Berlin"))
    assert path.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()
    config.write(path, Config(zone="Europe/Berlin"))
    assert config.read(path).zone == "Europe/Berlin"


# Time


def test_now_is_the_clock_or_what_the_owner_says() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert abs(config.now({}, berlin) - datetime.now(UTC)) < timedelta(seconds=5)
    assert config.now({"HOMEBODY_NOW": "2024-05-01T12:00:00Z"}, berlin).isoformat() == "2024-05-01T14:00:00+02:00"
    assert config.now({"HOMEBODY_NOW": "2024-01-01T12:00:00"}, berlin).isoformat() == "2024-01-01T12:00:00+01:00"
    with pytest.raises(WrongUse, match="ISO 8601") as caught:
        config.now({"HOMEBODY_NOW": "yesterday"}, berlin)
    assert caught.value.exit_code == 2


def test_the_zone_of_this_machine() -> None:
    assert config.system_zone({"TZ": "Asia/Kathmandu"}) == "Asia/Kathmandu"
    assert config.system_zone({"TZ": ":Europe/Berlin"}) == "Europe/Berlin"
    assert config.zone_of(config.system_zone({}))
    for wrong in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(WrongUse):
            config.zone_of(wrong)
