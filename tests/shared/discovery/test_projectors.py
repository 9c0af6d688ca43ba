"""Projectors beside models that other programs and the operator keep."""

from __future__ import annotations

from pathlib import Path

from shared.discovery.served import DiscoveredModels
from shared.settings import ServerSettings
from shared.settings.model import SingleModelOptions
from tests.support.models.foreign_stores import hub_repository, ollama_model, write_old
from tests.support.models.projectors import projector, seeing_model
from tests.support.models.searched_machine import SearchedMachine

LIBRARY = "registry.ollama.ai/library"


def found_by(machine: SearchedMachine) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The projector of each model: the name of its file, and what it takes."""
    models = machine.scan().models
    return {
        model.name: (model.projector.path.name if model.projector.path else "", model.projector.media)
        for model in models
    }


def test_a_projector_belongs_to_the_model_that_shares_its_name_or_lies_alone_with_it(machine: SearchedMachine) -> None:
    for n, name in enumerate(("gemma-3-4b-it-Q4_0", "phi-4-Q4_0", "alone/chat-Q4_0", "odd/chat2-Q4_0")):
        write_old(machine.folder / f"{name}.gguf", seeing_model(content=n))
    write_old(machine.folder / "mmproj-gemma-3-4b-it-f16.gguf", projector())
    write_old(machine.folder / "alone" / "mmproj-F16.gguf", projector(hears=True))
    write_old(machine.folder / "odd" / "eyes.gguf", projector(sees=False, hears=True))
    assert found_by(machine) == {
        "gemma-3-4b-it-Q4_0": ("mmproj-gemma-3-4b-it-f16.gguf", ("image",)),
        "phi-4-Q4_0": ("", ()),
        "chat-Q4_0": ("mmproj-F16.gguf", ("image", "audio")),
        "chat2-Q4_0": ("eyes.gguf", ("audio",)),
    }


def test_one_that_comes_later_or_changes_is_seen(machine: SearchedMachine) -> None:
    discovery = machine.discovery()
    write_old(machine.folder / "chat.gguf", seeing_model())
    assert discovery.scan().models[0].projector.media == ()
    write_old(machine.folder / "mmproj-F16.gguf", projector()[:-64])
    assert "truncated" in discovery.scan().models[0].projector.refusal
    write_old(machine.folder / "mmproj-F16.gguf", projector())
    assert discovery.scan().models[0].projector.media == ("image",)
    write_old(machine.folder / "mmproj-F16.gguf.part", b"")
    assert discovery.scan().models[0].projector.media == ()


def test_ollama_names_the_projector_of_a_model(machine: SearchedMachine) -> None:
    ollama_model(machine.ollama, f"{LIBRARY}/llava/latest", {"model": seeing_model(), "projector": projector()})
    ollama_model(machine.ollama, f"{LIBRARY}/plain/latest", {"model": seeing_model(content=1)})
    found = {model.name: model.projector for model in machine.scan().models}
    assert found["llava"].media == ("image",)
    assert found["llava"].path is not None
    assert found["llava"].path.name.startswith("sha256-")
    assert found["plain"].media == ()


def test_lm_studio_and_the_hubs_cache_have_them_in_the_repository(machine: SearchedMachine) -> None:
    folder = machine.lm_studio / "maker" / "sees-GGUF"
    write_old(folder / "sees-Q4_K_M.gguf", seeing_model())
    write_old(folder / "mmproj-sees-f16.gguf", projector())
    files = {"Q8_0/big-Q8_0.gguf": seeing_model(content=1), "mmproj-F16.gguf": projector(content=1)}
    hub_repository(machine.cache, "maker/big-GGUF", files)
    assert found_by(machine) == {
        "sees-Q4_K_M": ("mmproj-sees-f16.gguf", ("image",)),
        "big-Q8_0": ("mmproj-F16.gguf", ("image",)),
    }


def test_it_is_served_with_its_model_unless_the_table_leaves_it_out(machine: SearchedMachine) -> None:
    for n, name in enumerate(("one", "two", "three")):
        write_old(machine.folder / name / f"{name}.gguf", seeing_model(content=n))
        write_old(machine.folder / name / "mmproj-F16.gguf", projector(content=n))
    wrong = write_old(machine.root / "wrong.gguf", projector(640))
    tables = {"two": SingleModelOptions(mmproj="none"), "three": SingleModelOptions(mmproj=str(wrong))}
    folders = (str(machine.folder),)
    settings = ServerSettings(models=(), run_folder="", model_folders=folders, table_options=tables)
    discovered = DiscoveredModels(settings, machine.discovery())
    served = {model.name: (Path(model.mmproj).name, model.media) for model in discovered.refresh()}
    assert served == {"one": ("mmproj-F16.gguf", ("image",)), "two": ("", ())}
    (refused,) = discovered.found.unservable
    assert refused.reason == "wrong.gguf: expected a projector for a model of width 576, got one for 640"
