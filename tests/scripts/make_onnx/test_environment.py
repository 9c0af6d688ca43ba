"""The environment that makes models is installed once, and goes on after an interruption."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from scripts.make_onnx import environment as module
from scripts.make_onnx.environment import environment, environment_folder
from scripts.make_onnx.errors import MakingError

_ABOUT = "toy-1.0.dist-info"


@pytest.fixture
def _only_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has one package, which pip finds in a folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "PINS", ("toy==1.0",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy.py", "VALUE = 1\n")
        wheel.writestr(f"{_ABOUT}/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        wheel.writestr(f"{_ABOUT}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{_ABOUT}/RECORD", f"toy.py,,\n{_ABOUT}/METADATA,,\n{_ABOUT}/WHEEL,,\n{_ABOUT}/RECORD,,\n")


@pytest.mark.usefixtures("_only_toy")
def test_it_is_installed_once_and_again_where_it_was_interrupted() -> None:
    lines: list[str] = []
    python = environment(lines.append)
    assert python == environment_folder() / "bin" / "python"
    assert "fetching toy-1.0-py3-none-any.whl" in lines
    told = len(lines)
    assert environment(lines.append) == python
    assert len(lines) == told

    (packages,) = environment_folder().glob("lib/python*/site-packages")
    (environment_folder() / "complete").unlink()
    (packages / _ABOUT / "RECORD").unlink()
    (packages / "toy.py").unlink()
    environment(lines.append)
    assert (packages / "toy.py").exists()


@pytest.mark.usefixtures("_only_toy")
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PINS", ("toy==2.0",))
    with pytest.raises(MakingError, match=r"toy==2\.0"):
        environment(lambda line: None)
    assert not (environment_folder() / "complete").exists()


def test_it_is_named_after_what_is_installed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    first = environment_folder()
    monkeypatch.setattr(module, "PINS", ("toy==1.0",))
    assert environment_folder() != first
    second = environment_folder()
    monkeypatch.setattr(sys, "base_prefix", "/other/python")
    assert environment_folder() != second
