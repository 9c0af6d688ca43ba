"""Models of several files, painted by the library with random weights."""

from __future__ import annotations

# Before stable_diffusion_cpp: the package sets how that library's threads wait.
import workers.diffusion  # noqa: F401

# isort: split
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.make_images.ernie import make_ernie
from scripts.make_images.flux import make_flux
from shared.wire.payloads import JobError
from tests.support.workers.diffusion_jobs import image_job, run
from tests.support.workers.lora_file import write_lora
from workers.diffusion.lora_files import Shapes
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError


@pytest.fixture(scope="module")
def ernie(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The files of a small ERNIE-Image."""
    return make_ernie(tmp_path_factory.mktemp("ernie"))


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The files of a small FLUX.1."""
    return make_flux(tmp_path_factory.mktemp("flux"))


def engine_of(files: Mapping[str, Path], **options: Any) -> DiffusionEngine:
    parts = {part: str(path) for part, path in files.items() if part != "diffusion_model"}
    return DiffusionEngine(DiffusionOptions(str(files["diffusion_model"]), "m", threads=2, **{**parts, **options}))


def test_a_model_with_a_language_model_paints(ernie: Mapping[str, Path]) -> None:
    engine = engine_of(ernie, steps=3)
    info = engine.load(lambda fraction: None).images
    assert info is not None
    assert (info.family, info.side_multiple) == ("ernie_image", 16)
    assert (info.defaults.steps, info.defaults.cfg_scale, info.defaults.width) == (3, 5.0, 1024)
    cat, again, dog = (run(engine, image_job(seed=1, prompt=prompt)) for prompt in ("a cat", "a cat", "a dog"))
    engine.close()
    assert cat.pixels.shape == (64, 64, 3)
    assert np.array_equal(cat.pixels, again.pixels)
    assert not np.array_equal(cat.pixels, dog.pixels)
    assert cat.pixels.std() > 5


def test_a_flux_of_several_files_paints(flux: Mapping[str, Path]) -> None:
    engine = engine_of(flux)
    info = engine.load(lambda fraction: None).images
    assert info is not None
    assert (info.family, info.defaults.guidance) == ("flux", 3.5)
    cat, dog = (run(engine, image_job(seed=1, prompt=prompt)) for prompt in ("a cat", "a dog"))
    engine.close()
    assert not np.array_equal(cat.pixels, dog.pixels)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"llm": ""}, r"ernie-tiny\.gguf: expected the other files of ERNIE-Image by the model's options llm, "),
        ({"vae": ""}, r"ernie-tiny\.gguf: expected the other files of ERNIE-Image by the model's options vae, "),
        ({"llm": "vae"}, r"llm: expected a language model, got flux2-vae-tiny\.gguf, an autoencoder"),
        ({"vae": "llm"}, r"vae: expected an autoencoder, got ministral-tiny\.gguf, a language model"),
    ],
)
def test_a_part_that_lacks_or_is_another_is_refused(
    ernie: Mapping[str, Path], options: dict[str, str], what: str
) -> None:
    changed = {part: str(ernie[other]) if other else "" for part, other in options.items()}
    with pytest.raises(EngineLoadError, match=what):
        engine_of(ernie, **changed).load(lambda fraction: None)


@pytest.mark.parametrize("layer", ["double_blocks_0_img_attn_qkv", "te1_text_model_encoder_layers_0_self_attn_q_proj"])
def test_loras_are_checked_against_the_files_of_a_model(flux: Mapping[str, Path], tmp_path: Path, layer: str) -> None:
    engine = engine_of(flux, lora_folder=str(tmp_path))
    engine.load(lambda fraction: None)
    name = f"lora_{layer}" if layer.startswith("te1_") else f"lora_unet_{layer}"
    inputs, outputs = (768, 768) if layer.startswith("te1_") else (128, 384)
    for file, width in (("good", inputs), ("bad", inputs + 1)):
        shapes: Shapes = {f"{name}.lora_down.weight": (4, width), f"{name}.lora_up.weight": (outputs, 4)}
        write_lora(tmp_path / f"{file}.safetensors", shapes)
    plain, styled = (run(engine, image_job(seed=1, prompt=f"a cat{tag}")) for tag in ("", "<lora:good:1>"))
    with pytest.raises(JobError, match=r"expected a LoRA that fits the model in <lora:bad>"):
        engine.submit(image_job(prompt="a cat<lora:bad:1>"))
    engine.close()
    assert not np.array_equal(plain.pixels, styled.pixels)
