"""Every path and name in the documents about the code exists."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from tests.support.documents import PRODUCT, REPOSITORY, defined_names, hunks, prose

DOCUMENTS = ("architecture.md", "wire.md", "adding.md")
ADDED = {hunk.path for hunk in hunks((REPOSITORY / "docs" / "adding.md").read_text()) if not hunk.old}
"""Files that the reader adds."""

_PATH = re.compile(r"(?:router|workers|shared|tests|scripts|docs)/[\w./-]*|pyproject\.toml")
_DOTTED = re.compile(r"(?:router|workers|shared)(?:\.\w+)+")
_CALL = re.compile(r"(?P<name>[A-Za-z_]\w*(?:\.\w+)?)\(\)")
_CLASS_OR_CONSTANT = re.compile(r"(?:[A-Z][a-z]+)+(?:\.\w+)?|[A-Z]+(?:_[A-Z]+)+")

NOT_CODE = {"Retry-After", "Note", "CountJob", "NEXA_SHOUT_MARK"}
"""Quoted words that look like names but are none, or that the reader adds."""


def quoted(document: str) -> list[tuple[str, list[str]]]:
    """Each line's text and the words in backticks."""
    return [(line, re.findall(r"`([^`]+)`", line)) for line in prose((REPOSITORY / "docs" / document).read_text())]


@pytest.fixture(scope="module")
def names() -> dict[Path, set[str]]:
    return {file: defined_names(file) for folder in PRODUCT for file in (REPOSITORY / folder).rglob("*.py")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document: str) -> None:
    paths = [word for _, words in quoted(document) for word in words if _PATH.fullmatch(word)]
    assert len(paths) > 5
    added = {str(folder) for path in ADDED for folder in Path(path).parents}
    missing = [path for path in paths if not (REPOSITORY / path).exists() and path.rstrip("/") not in added]
    assert [path for path in missing if not path.startswith("tests/router/api/shout")] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_dotted_name_can_be_imported(document: str) -> None:
    for _, words in quoted(document):
        for word in words:
            if _DOTTED.fullmatch(word):
                pkgutil.resolve_name(word)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_function_exists_in_a_file_that_its_line_names(document: str, names: dict[Path, set[str]]) -> None:
    missing = []
    for line, words in quoted(document):
        files = [REPOSITORY / word for word in words if REPOSITORY / word in names]
        known = set().union(*(names[file] for file in files or names))
        calls = [call["name"] for word in words if (call := _CALL.fullmatch(word))]
        missing += [f"{name} in: {line}" for name in calls if name not in known]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_class_and_constant_exists(document: str, names: dict[Path, set[str]]) -> None:
    known = set().union(*names.values())
    named = {word for _, words in quoted(document) for word in words if _CLASS_OR_CONSTANT.fullmatch(word)}
    assert len(named) > 5
    assert named - known - NOT_CODE == set()


@pytest.mark.parametrize("document", ["architecture.md", "wire.md"])
def test_limits_and_times_have_the_values_of_the_code(document: str) -> None:
    text = (REPOSITORY / "docs" / document).read_text()
    documented = dict(re.findall(rf"^\| `({_DOTTED.pattern})` \| ([\d.]+) \|", text, re.MULTILINE))
    assert len(documented) > 5
    assert {name: str(pkgutil.resolve_name(name)) for name in documented} == documented


def test_every_folder_of_the_product_is_described() -> None:
    described = {words[0] for line, words in quoted("architecture.md") if line.startswith("| `") and words}
    folders = {f"{file.parent.relative_to(REPOSITORY)}/" for folder in PRODUCT for file in _modules(folder)}
    assert folders - described == set()
    assert {word for word in described if word.startswith(PRODUCT) and word.endswith("/")} - folders == set()


def _modules(folder: str) -> list[Path]:
    return list((REPOSITORY / folder).rglob("__init__.py"))
