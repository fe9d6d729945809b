"""What is llama.cpp's own: its listener, its private folder, and work under the network lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.engines.llama_cpp import LlamaCpp
from agent.models.protocols import Prompt

TinyGguf = Callable[..., Path]

LOCKED = """
import errno, os, socket, sys
from agent import offline
offline.lock()
from pathlib import Path
from agent.models.protocols import Prompt
{load}
assert list(model.generate(Prompt(system="Answer.", user="hello"), max_tokens=5))
assert model.usage.generated_tokens <= 5

try:
    socket.socket(socket.AF_INET)
except OSError as error:
    assert error.errno == errno.EAFNOSUPPORT
else:
    raise SystemExit("a socket could be made")

mine = set()
for number in os.listdir("/proc/self/fd"):
    try:
        mine.add(os.readlink(f"/proc/self/fd/{{number}}"))
    except FileNotFoundError:
        pass  # the descriptor of the listing itself
for table in ("tcp", "tcp6", "udp", "udp6"):
    path = Path(f"/proc/self/net/{{table}}")
    for line in path.read_text().splitlines()[1:] if path.exists() else []:
        assert f"socket:[{{line.split()[9]}}]" not in mine, "a network socket is open"
assert not os.listdir(sys.argv[1]), "the listener's name is gone"
listening = [line for line in Path("/proc/self/net/unix").read_text().splitlines() if sys.argv[1] in line]
model.close()
print("locked, generated,", len(listening), "named listener", flush=True)
os._exit(0)  # MLX's threads may abort an interpreter that ends while they wait
"""


def run_locked(load: str, runtime_dir: Path) -> str:
    command = [sys.executable, "-c", LOCKED.format(load=load), str(runtime_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def private(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("weights", ["tiny", pytest.param("real", marks=pytest.mark.models)])
def test_it_works_under_the_lock_and_nobody_can_connect(
    weights: str, request: pytest.FixtureRequest, private: Path, tiny_gguf: TinyGguf
) -> None:
    path = tiny_gguf() if weights == "tiny" else request.getfixturevalue("smollm")
    load = (
        "from agent.models.engines.llama_cpp import LlamaCpp\n"
        f"model = LlamaCpp(Path({str(path)!r}), runtime_dir=Path(sys.argv[1]), threads=1)"
    )
    assert run_locked(load, private).startswith("locked, generated")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_mlx_works_under_the_lock(private: Path, tiny_gguf: TinyGguf, tmp_path: Path) -> None:
    from agent.models.weights.conversion import convert

    folder = tmp_path / "mlx"
    folder.mkdir()
    convert(tiny_gguf(), folder, dtype="float32", quantized=False)
    load = f"from agent.models.engines.mlx import Mlx\nmodel = Mlx(Path({str(folder)!r}))"
    assert run_locked(load, private).startswith("locked, generated")


def test_nothing_is_printed_and_no_file_is_left(
    private: Path, tiny_gguf: TinyGguf, capfd: pytest.CaptureFixture[str]
) -> None:
    model = LlamaCpp(tiny_gguf(), runtime_dir=private, threads=1)
    list(model.generate(Prompt(system="", user="secret"), max_tokens=3))
    model.close()
    assert capfd.readouterr() == ("", "")
    assert list(private.iterdir()) == []


def test_the_runtime_folder_must_be_private(tmp_path: Path, tiny_gguf: TinyGguf) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ModelError, match="open to others"):
        LlamaCpp(tiny_gguf(), runtime_dir=tmp_path)
    with pytest.raises(ModelError, match="cannot be used"):
        LlamaCpp(tiny_gguf(), runtime_dir=tmp_path / "none")
    deep = tmp_path / ("x" * 120)
    deep.mkdir(mode=0o700)
    with pytest.raises(ModelError, match="too long"):
        LlamaCpp(tiny_gguf(), runtime_dir=deep)


def test_a_file_that_is_no_model_is_one_clear_error(private: Path, tmp_path: Path, tiny_gguf: TinyGguf) -> None:
    (tmp_path / "garbage.gguf").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="malformed"):
        LlamaCpp(tmp_path / "garbage.gguf", runtime_dir=private)
    (tmp_path / "cut.gguf").write_bytes(tiny_gguf().read_bytes()[:-90_000])
    with pytest.raises(ModelError, match="homebody-models verify"):
        LlamaCpp(tmp_path / "cut.gguf", runtime_dir=private)
    assert list(private.iterdir()) == []


def test_counts_are_an_upper_bound_where_the_vocabulary_is_unknown(private: Path, tiny_gguf: TinyGguf) -> None:
    unknown = LlamaCpp(tiny_gguf(pre="gpt-2"), runtime_dir=private, threads=1)
    known = LlamaCpp(tiny_gguf(pre="smollm"), runtime_dir=private, threads=1)
    for text in ("", "hello", "Grüße 42", "<|im_end|>", "日本"):
        assert unknown.count_tokens(text) >= known.count_tokens(text)
    assert known.count_tokens("hehe") == 2
    unknown.close()
    known.close()


@pytest.mark.timeout(60)  # a server that is closed as soon as it is open once hung
def test_the_context_is_what_was_asked_but_not_more_than_the_model_has(private: Path, tiny_gguf: TinyGguf) -> None:
    for asked, given in ((256, 256), (4096, 512)):
        model = LlamaCpp(tiny_gguf(), runtime_dir=private, context_tokens=asked, threads=1)
        assert model.context_tokens == given
        model.close()
    with pytest.raises(ModelError, match="closed"):
        list(model.generate(Prompt(system="", user="x"), max_tokens=1))
