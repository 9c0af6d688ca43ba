from __future__ import annotations

from pathlib import Path

import pytest

from router.models.copies import CopiedNames, with_copies, without_latest
from router.storage.database import StorageError
from shared.kinds import JobKind
from shared.settings import ModelSettings


def model(name: str, *aliases: str) -> ModelSettings:
    return ModelSettings(name=name, kinds=(JobKind.TEXT,), engine="echo", path="", aliases=aliases)


def test_names_outlive_the_server(tmp_path: Path) -> None:
    file = tmp_path / "names.sqlite3"
    names = CopiedNames.open(file)
    names.put("a", "smol")
    names.put("b", "smol")
    names.put("a", "large")
    names.remove("b")
    assert dict(CopiedNames.open(file).names) == dict(names.names) == {"a": "large"}


def test_two_servers_share_a_file(tmp_path: Path) -> None:
    first, second = CopiedNames.open(tmp_path / "names.sqlite3"), CopiedNames.open(tmp_path / "names.sqlite3")
    first.put("a", "smol")
    second.put("b", "large")
    assert second.names == {"a": "smol", "b": "large"}


def test_without_a_folder_names_are_in_memory() -> None:
    names = CopiedNames.open(None)
    names.put("a", "smol")
    assert names.names == {"a": "smol"}
    names.remove("a")
    assert names.names == {}


def test_a_damaged_file_hides_no_model(tmp_path: Path) -> None:
    file = tmp_path / "names.sqlite3"
    file.write_text("no database")
    file.chmod(0o600)
    names = CopiedNames.open(file)
    assert names.names == {}
    with pytest.raises(StorageError):
        names.put("a", "smol")


def test_copies_become_aliases_of_models_that_are_served() -> None:
    models = (model("smol", "small"), model("large"))
    copies = {"a": "smol", "b": "gone", "small": "large", "large": "smol"}
    assert [served.aliases for served in with_copies(models, copies)] == [("small", "a"), ()]


@pytest.mark.parametrize(
    ("name", "base"), [("a:latest", "a"), ("a:LATEST", "a"), ("a:v1", "a:v1"), ("a", "a"), (":latest", ":latest")]
)
def test_latest_says_nothing(name: str, base: str) -> None:
    assert without_latest(name) == base
