"""The shape of the source tree: where imports may point, how full a folder may be, and names that exist once."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PRODUCT = ("router", "workers", "shared")
MAX_MODULES = 14
"""Modules in one folder, without ``__init__``."""


def modules_of(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


def test_imports_point_down_and_never_in_circles() -> None:
    """The contracts are in pyproject.toml, under ``[tool.importlinter]``."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    linted = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert linted.returncode == 0, linted.stdout[linted.stdout.rfind("Broken contracts") :]


def test_no_folder_holds_too_many_modules() -> None:
    count: defaultdict[Path, int] = defaultdict(int)
    for path in modules_of(*PRODUCT, "tests", "scripts"):
        count[path.parent.relative_to(REPOSITORY)] += path.name != "__init__.py"
    assert {str(folder): number for folder, number in count.items() if number > MAX_MODULES} == {}


def classes_of(*folders: str) -> dict[str, list[str]]:
    """The places of each public class."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules_of(*folders):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(REPOSITORY)))
    return places


def test_no_two_classes_of_the_product_have_one_name() -> None:
    assert {name: found for name, found in classes_of(*PRODUCT).items() if len(found) > 1} == {}


def test_no_class_of_tests_or_scripts_has_the_name_of_one_of_the_product() -> None:
    product = classes_of(*PRODUCT)
    assert {name: found for name, found in classes_of("tests", "scripts").items() if name in product} == {}


def test_tests_import_their_helpers_from_the_support_folder_only() -> None:
    strays = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} imports {node.module}"
        for path in modules_of("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests.")
        if not node.module.startswith("tests.support")
    ]
    assert strays == []


@pytest.mark.parametrize("folder", PRODUCT)
def test_every_folder_of_the_product_is_a_package(folder: str) -> None:
    """One without ``__init__.py`` would be missing from the installed distribution."""
    folders = {path.parent for path in modules_of(folder)}
    assert [str(path.relative_to(REPOSITORY)) for path in folders if not (path / "__init__.py").exists()] == []
