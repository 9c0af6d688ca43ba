"""Projectors that cannot be used are one line, and the server's process goes on."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import gguf
import pytest

from scripts.make_media.cache import made
from scripts.make_media.projectors.parts import projector_file
from scripts.make_media.texts import finish
from shared.settings.placement import LlamaCppOptions
from workers.engine import EngineLoadError
from workers.llama.early_load import loader
from workers.llama.engine import LlamaEngine
from workers.llama.media.model import SeeingLlama
from workers.llama.media.options import ProjectorOptions
from workers.llama.options import LlamaOptions

CPU = LlamaCppOptions(gpu_layers=0, repack="off")


def refusal(projector: Path, model: str = "gemma3") -> str:
    """Why a model cannot be loaded with a projector."""
    with pytest.raises(EngineLoadError) as error:
        SeeingLlama(ProjectorOptions(str(projector), 1024, 1), str(made(model).model), CPU, lambda fraction: None)
    reason = str(error.value)
    assert "\n" not in reason
    return reason


def test_a_projector_for_another_width_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    reason = refusal(made("qwen2vl").projector)
    assert re.fullmatch(r"mmproj: mmproj-qwen2vl.gguf cannot be used .*mismatch.*n_embd = 192.*n_embd = 576.*", reason)
    assert capfd.readouterr() == ("", "")


def test_a_text_model_is_no_projector() -> None:
    expected = "mmproj: expected a projector file, got gemma3.gguf of the architecture gemma3"
    assert refusal(made("gemma3").model) == expected


def test_a_damaged_or_missing_projector_is_refused(tmp_path: Path) -> None:
    damaged, whole = tmp_path / "damaged.gguf", made("gemma3").projector.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    assert refusal(damaged).startswith("mmproj: ")
    damaged.write_bytes(b"no GGUF")
    assert refusal(damaged).startswith("mmproj: ")
    assert refusal(tmp_path / "missing.gguf") == "mmproj: missing.gguf cannot be read: No such file or directory"


def test_a_projector_without_tensors_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.gguf"
    finish(projector_file(empty, "nothing"))
    assert refusal(empty).startswith("mmproj: empty.gguf cannot be used with the model: ")


def test_a_projector_whose_embeddings_depend_on_their_place_is_refused(tmp_path: Path) -> None:
    placed = tmp_path / "placed.gguf"
    writer = projector_file(placed, "placed")
    writer.add_string("clip.projector_type", "hunyuanvl")
    finish(writer)
    assert refusal(placed) == "mmproj: projectors of the kind hunyuanvl are not supported: placed.gguf"
    assert gguf.GGUFReader(placed).fields["clip.projector_type"].contents() == "hunyuanvl"


def test_an_engine_with_a_projector_loads_it() -> None:
    files = made("gemma3")
    options = LlamaOptions(
        path=str(files.model), threads=1, slots=1, native=CPU, mmproj=str(files.projector), image_max_tokens=64
    )
    assert options.projector == ProjectorOptions(str(files.projector), 64, 1)
    assert LlamaOptions(path="model.gguf", threads=1, slots=1).projector is None
    model = loader(options.path, CPU, (), (), 1, options.projector)(lambda fraction: None)
    try:
        assert isinstance(model, SeeingLlama)
        assert model.projector.media == ("image",)
    finally:
        model.close()
    assert LlamaEngine(options) is not None


def test_the_log_tells_what_a_model_sees_and_hears(caplog: pytest.LogCaptureFixture) -> None:
    files = made("smolvlm")
    caplog.set_level(logging.INFO)
    options = ProjectorOptions(str(files.projector), 1024, 1)
    SeeingLlama(options, str(files.model), CPU, lambda fraction: None).close()
    (line,) = (record for record in caplog.records if record.message == "projector loaded")
    assert vars(line).items() >= {"mmproj": "mmproj-smolvlm.gguf", "takes": "image,audio"}.items()
