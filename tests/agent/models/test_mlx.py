"""What is MLX's own: which folders it opens, and how it keeps the beginning of a prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.engines.generation import defused
from agent.models.engines.mlx import Mlx
from agent.models.protocols import Prompt
from agent.models.weights import gguf
from agent.models.weights.conversion import convert

TinyGguf = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(tiny_gguf: TinyGguf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny-mlx")
    convert(tiny_gguf(), made, dtype="float32", quantized=False)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Mlx]:
    opened = Mlx(folder)
    yield opened
    opened.close()


def copy(folder: Path, target: Path, **config: object) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    changed = json.loads((folder / "config.json").read_text()) | config
    (target / "config.json").write_text(json.dumps(changed))
    return target


def test_a_missing_folder_is_never_looked_up_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it has no config"):
        Mlx(tmp_path / "mlx-community" / "Some-Model")


def test_a_folder_with_code_is_refused(folder: Path, tmp_path: Path) -> None:
    bad = copy(folder, tmp_path / "code")
    (bad / "modeling.py").write_text("raise SystemExit('run')")
    with pytest.raises(ModelError, match="program code"):
        Mlx(bad)
    with pytest.raises(ModelError, match="cannot be loaded"):
        Mlx(copy(folder, tmp_path / "named", model_file="../elsewhere.py"))


def test_unknown_and_damaged_folders_are_clear_errors(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not know this architecture"):
        Mlx(copy(folder, tmp_path / "unknown", model_type="never_heard_of"))
    cut = copy(folder, tmp_path / "cut")
    weights = next(cut.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="homebody-models verify"):
        Mlx(cut)
    (copy(folder, tmp_path / "odd") / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="no configuration"):
        Mlx(tmp_path / "odd")


def test_an_answer_does_not_depend_on_what_was_asked_before(folder: Path, model: Mlx) -> None:
    """The warm beginning is never changed: a fresh model says the same as one that has answered much."""
    asked = [
        Prompt(system=f"system {n % 3}", user=user) for n, user in enumerate(["one", "\n two", "", "three", "one"])
    ]
    warm = ["".join(model.generate(prompt, max_tokens=6)) for prompt in asked * 2]
    for prompt, answer in zip(asked, warm, strict=False):
        fresh = Mlx(folder)
        assert "".join(fresh.generate(prompt, max_tokens=6)) == answer
        fresh.close()
    assert warm[:5] == warm[5:]


def test_the_beginning_is_read_once_a_system_prompt(model: Mlx) -> None:
    used = []
    for system in ("alpha", "alpha", "beta", "alpha"):
        list(model.generate(Prompt(system=system, user="hello"), max_tokens=1))
        assert model.usage is not None
        used.append(model.usage.cached_tokens)
    assert used[0] == used[2] == 0
    assert used[1] == used[3] > model.count_tokens("alpha")


def test_old_beginnings_are_forgotten(model: Mlx) -> None:
    for number in range(6):
        list(model.generate(Prompt(system=f"unlike {number}", user="x"), max_tokens=1))
    list(model.generate(Prompt(system="unlike 0", user="x"), max_tokens=1))
    assert model.usage is not None
    assert model.usage.cached_tokens == 0
    list(model.generate(Prompt(system="unlike 5", user="x"), max_tokens=1))
    assert model.usage.cached_tokens > 0


def test_no_control_token_of_the_vocabulary_gets_into_a_prompt(model: Mlx, tiny_gguf: TinyGguf) -> None:
    tokens = gguf.read(tiny_gguf())
    control = {tokens.tokens.index(token) for token in tokens.control_tokens}

    def controls(user: str) -> int:
        rendered = model._render(defused(Prompt(system="s", user=user), model._control))
        return sum(id_ in control for id_ in rendered)

    for token in tokens.control_tokens:
        for attack in (token, f"a{token}{token}b", token[:5] + token + token[5:]):
            assert controls(attack) == controls("plain")


@pytest.mark.models
def test_no_control_token_of_a_real_vocabulary_gets_into_a_prompt(mlx: Mlx, smollm: Path) -> None:
    header = gguf.read(smollm)
    control = {header.tokens.index(token) for token in header.control_tokens}
    plain = sum(id_ in control for id_ in mlx._render(defused(Prompt(system="s", user="plain"), mlx._control)))
    for token in header.control_tokens:
        rendered = mlx._render(defused(Prompt(system=token, user=f"a {token}{token} b"), mlx._control))
        assert sum(id_ in control for id_ in rendered) == plain
