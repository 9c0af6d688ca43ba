"""From what is found to models with their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.discovery.served import DiscoveredModels, tables_without_model
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.settings.model import SingleModelOptions
from tests.support.models.foreign_stores import ollama_model, write_old
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.searched_machine import MODEL, SearchedMachine

ENCODER = build_gguf({"general.architecture": "bert"}, [("t", (64, 64))])


def settings_for(machine: SearchedMachine, *models: ModelSettings, **options: Any) -> ServerSettings:
    return ServerSettings(models=models, run_folder="", model_folders=(str(machine.folder),), **options)


def discovered(machine: SearchedMachine, *models: ModelSettings, **options: Any) -> DiscoveredModels:
    return DiscoveredModels(settings_for(machine, *models, **options), machine.discovery())


def named(path: str, name: str = "named", *aliases: str) -> ModelSettings:
    return ModelSettings(name=name, kinds=(JobKind.TEXT,), engine="llama", path=path, aliases=aliases)


def test_found_models_are_loaded_on_demand_with_the_options_of_all(machine: SearchedMachine) -> None:
    file = write_old(machine.folder / "chat.gguf", MODEL)
    (model,) = discovered(machine, found_options=SingleModelOptions(slots=3, load="demand")).refresh()
    assert (model.name, model.path, model.engine, model.source) == ("chat", str(file), "llama", "folder")
    assert (model.slots, model.load) == (3, "demand")
    (usual,) = discovered(machine).refresh()
    assert usual.load == "demand"


@pytest.mark.parametrize("table", ["chat-Q4_K_M", "CHAT_q4_k_m"])
def test_a_table_of_a_found_model_is_for_it(machine: SearchedMachine, table: str) -> None:
    write_old(machine.folder / "chat-Q4_K_M.gguf", MODEL)
    write_old(machine.folder / "other.gguf", MODEL + b"\0")
    own = SingleModelOptions(slots=2, aliases=("boss",))
    models = {model.name: model for model in discovered(machine, table_options={table: own}).refresh()}
    assert (models["chat-Q4_K_M"].slots, models["chat-Q4_K_M"].aliases) == (2, ("boss",))
    assert models["other"].slots == 16


def test_a_table_may_have_another_name_of_the_catalog(machine: SearchedMachine) -> None:
    path = machine.lm_studio / "ggml-org" / "gemma-3-4b-it-GGUF" / "gemma-3-4b-it-Q4_K_M.gguf"
    write_old(path, MODEL)
    tables = {name: SingleModelOptions(slots=2) for name in ("google/gemma-3-4b", "smolm2")}
    searched = discovered(machine, table_options=tables)
    (model,) = searched.refresh()
    assert (model.name, model.slots) == ("gemma3", 2)
    assert tables_without_model(tables, searched.found.models) == ["smolm2"]


def test_named_models_are_not_found_again_and_keep_their_names(machine: SearchedMachine) -> None:
    file = write_old(machine.folder / "chat.gguf", MODEL)
    write_old(machine.folder / "named.gguf", MODEL + b"\0")
    write_old(machine.folder / "alias.gguf", MODEL + b"\0\0")
    models = discovered(machine, named(str(file), "named", "alias")).refresh()
    assert [model.name for model in models] == ["alias-2", "named-2"]


def test_new_files_appear_and_gone_ones_leave(machine: SearchedMachine) -> None:
    searched = discovered(machine)
    assert searched.refresh() == ()
    file = write_old(machine.folder / "chat.gguf", MODEL)
    first = searched.refresh()
    assert [model.name for model in first] == ["chat"]
    assert searched.refresh() == first
    file.unlink()
    assert searched.refresh() == ()


def test_names_of_the_start_stay_after_a_restart_of_the_router(machine: SearchedMachine) -> None:
    write_old(machine.folder / "b" / "chat.gguf", MODEL)
    first = tuple(model.model_copy(update={"aliases": ("boss",)}) for model in discovered(machine).refresh())
    write_old(machine.folder / "a" / "chat.gguf", MODEL + b"\0")
    settings = settings_for(machine, *first)
    models = DiscoveredModels(
        settings, machine.discovery(given={Path(model.path): model.name for model in first})
    ).refresh()
    assert {model.name: model.aliases for model in models} == {"chat": ("boss",), "chat-2": ()}
    assert next(model for model in models if model.name == "chat").path == first[0].path


def test_options_that_do_not_fit_a_model_leave_only_that_one_out(machine: SearchedMachine) -> None:
    write_old(machine.folder / "encoder.gguf", ENCODER)
    write_old(machine.folder / "chat.gguf", MODEL)
    searched = discovered(machine, found_options=SingleModelOptions(pooling="rank"))
    assert [model.name for model in searched.refresh()] == ["chat"]
    (refused,) = searched.found.unservable
    assert "an encoder without a classifier" in refused.reason
    both = discovered(machine, found_options=SingleModelOptions(embeddings=True)).refresh()
    assert {model.name: model.engine for model in both} == {"chat": "embedding", "encoder": "embedding"}


def test_settings_of_found_models_survive_the_settings_file(machine: SearchedMachine) -> None:
    ollama_model(machine.ollama, "registry.ollama.ai/library/chat/latest", {"model": MODEL})
    tables = {"chat": SingleModelOptions(slots=2)}
    settings = settings_for(machine, table_options=tables)
    (model,) = DiscoveredModels(settings, machine.discovery()).refresh()
    handed = settings.model_copy(update={"models": (model,)}).hand_on()
    assert ServerSettings.load(handed.path).models == (model,)
    assert ServerSettings.load(handed.path).table_options == tables
