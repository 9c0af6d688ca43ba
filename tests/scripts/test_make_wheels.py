"""Wheels are made of the packages that the project requires, and described by what they hold."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scripts.make_wheels import HOOKS, NATIVES, describe, requirement_of


@pytest.mark.parametrize("package", NATIVES)
def test_each_package_is_required_by_the_project_and_has_its_hook(package: str) -> None:
    assert requirement_of(package).startswith(package)
    assert (HOOKS / NATIVES[package].hook).is_file()


def test_a_package_is_not_taken_for_one_whose_name_begins_alike() -> None:
    with pytest.raises(ValueError, match=r"package: expected one of pyproject\.toml, got llama"):
        requirement_of("llama")


def test_a_description_has_the_size_and_the_libraries(tmp_path: Path) -> None:
    wheel = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("a/lib/libggml.so", "a.libs/libgomp-1.so.1.0.0", "a/__init__.py"):
            archive.writestr(name, b"x" * 60_000)
    first, libraries = describe(wheel).splitlines()
    assert first.startswith("a-1-py3-none-any.whl: 0.2 MB, sha256 ")
    assert libraries.split() == ["libggml.so", "libgomp-1.so.1.0.0"]
