"""Models are made once, whole or not at all, and again when what they are made from changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.make_onnx import cache, kinds
from scripts.make_onnx.__main__ import main
from scripts.make_onnx.cache import made
from scripts.make_onnx.environment import environment_folder, variables
from scripts.make_onnx.errors import MakingError
from scripts.make_onnx.kinds import KINDS, Kind, version_of

CODE = """
import os, pathlib, sys
folder, weights = map(pathlib.Path, sys.argv[1:])
(folder / "model.onnx").write_text(weights.read_text() * 2 + os.environ["HF_HUB_OFFLINE"])
print("halfway")
"""


class Toy:
    """A kind whose code runs with this interpreter."""

    def __init__(self, folder: Path) -> None:
        self.code = folder / "scripts" / "make_onnx" / "toy.py"
        self.weights = folder / "weights"
        self.code.parent.mkdir(parents=True)
        self.code.write_text(CODE)
        self.weights.write_text("ab")
        self.kind = Kind("toy", "a toy", lambda: [self.weights])


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toy = Toy(tmp_path)
    monkeypatch.setattr(kinds, "CODE_FOLDER", toy.code.parent)
    monkeypatch.setattr(cache, "environment", lambda say: Path(sys.executable))
    monkeypatch.setitem(KINDS, "toy", toy.kind)
    return toy


def test_a_model_is_made_once_and_its_progress_is_told(toy: Toy) -> None:
    lines: list[str] = []
    folder = made("toy", lines.append)
    assert (folder / "model.onnx").read_text() == "abab1"
    assert lines == ["toy: making the model", "toy: halfway", f"toy: made {folder}"]
    assert made("toy", lines.append) == folder
    assert len(lines) == 3


def test_it_is_made_again_when_its_code_its_weights_or_a_version_changes(toy: Toy) -> None:
    first = version_of(toy.kind, ("torch==1",))
    assert version_of(toy.kind, ("torch==1",)) == first
    assert version_of(toy.kind, ("torch==2",)) != first
    toy.weights.write_text("abc")
    second = version_of(toy.kind, ("torch==1",))
    assert second != first
    toy.code.write_text(CODE + "\n")
    assert version_of(toy.kind, ("torch==1",)) not in (first, second)


def test_one_that_fails_leaves_nothing_and_says_why(toy: Toy) -> None:
    toy.code.write_text(CODE + "raise ValueError('opset 99')")
    with pytest.raises(MakingError, match=r"(?s)toy could not be made:.*ValueError: opset 99"):
        made("toy", lambda line: None)
    assert [path.name for path in environment_folder().parent.iterdir() if path.is_dir()] == []


def test_the_command_makes_a_model_in_a_new_folder(toy: Toy, tmp_path: Path) -> None:
    assert main(["toy", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "model.onnx").read_text() == "abab1"
    with pytest.raises(SystemExit):
        main(["toy", str(tmp_path / "out")])


@pytest.mark.parametrize("words", [["toys", "out"], ["toy"], []])
def test_the_command_refuses_what_it_cannot_make(toy: Toy, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)


def test_the_code_of_every_kind_is_there() -> None:
    assert {name for name, kind in KINDS.items() if not kind.sources} == set()


def test_what_makes_models_sees_no_packages_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert "PYTHONPATH" not in variables()
    assert variables()["HF_HUB_OFFLINE"] == "1"
